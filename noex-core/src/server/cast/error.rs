use std::error::Error;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use thiserror::Error;

use crate::process::Pid;

/// A message that was not taken, handed back with the cause.
pub struct SendError<M> {
    // In a lock only to be `Sync`, as an error has to be for `?`, when the message is not.
    message: Mutex<M>,
    failure: SendFailure,
}

/// Why a message was not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendFailure {
    /// The mailbox is full. `cast_wait` waits for room.
    #[error("the server's mailbox is full")]
    Full,
    /// The server has ended, or is ending and takes nothing any more.
    #[error("the server has ended")]
    NoProc,
    /// Nobody has the name.
    #[error("no process is registered as {name:?}")]
    NotRegistered {
        /// The name, as it is shown.
        name: Arc<str>,
    },
    /// The name belongs to a server of another type.
    #[error("{name:?} is registered for a {found}, not for a {expected}")]
    WrongType {
        /// The name, as it is shown.
        name: Arc<str>,
        /// The type asked for.
        expected: &'static str,
        /// The type that has the name.
        found: &'static str,
    },
    /// A server waited for room in its own full mailbox.
    #[error("a server waited for room in its own mailbox")]
    CallingSelf,
    /// Waiting for room would close a circle of servers that wait for each other.
    #[error("waiting for room closes a circle of waiting servers: {0:?}")]
    Deadlock(Vec<Pid>),
}

impl<M> SendError<M> {
    pub(crate) fn new(message: M, failure: SendFailure) -> Self {
        SendError {
            message: Mutex::new(message),
            failure,
        }
    }

    /// Why it was not taken.
    pub fn failure(&self) -> &SendFailure {
        &self.failure
    }

    /// The message back.
    pub fn into_message(self) -> M {
        self.message.into_inner()
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.failure, f)
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl<M> Error for SendError<M> {}
