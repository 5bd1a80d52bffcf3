use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::process::slot::Failure;
use crate::process::{ExitReason, Pid};

/// Why a call has no reply.
///
/// Of all kinds of targets; a kind that cannot fail in some way does not.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// There was no reply in time. Whether the call was handled, or still will
    /// be, is not known. A late reply is dropped.
    #[error("no reply within {after:?}")]
    Timeout {
        /// The time it was given.
        after: Duration,
    },
    /// The server ended before it replied, or was dead already (`NoProc`).
    #[error("the server has ended: {0}")]
    Exited(ExitReason),
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
    /// The server called itself: it could never answer.
    #[error("a server called itself from its own handler")]
    CallingSelf,
    /// The call would close a circle of servers that wait for each other: the
    /// one called comes first, the caller last.
    #[error("the call closes a circle of waiting servers: {}", Circle(.0))]
    Deadlock(Vec<Pid>),
    /// The server dropped the reply port and lives on.
    #[error("the server dropped the call without a reply")]
    NoReply,
    /// The mailbox's overflow policy dropped the call.
    #[error("the server's mailbox is full and its policy dropped the call")]
    Overloaded,
}

struct Circle<'a>(&'a [Pid]);

impl fmt::Display for Circle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pid in self.0 {
            write!(f, "{pid} → ")?;
        }
        match self.0.first() {
            Some(first) => fmt::Display::fmt(first, f),
            None => Ok(()),
        }
    }
}

impl CallError {
    pub(crate) fn from_failure(failure: Failure, after: Option<Duration>) -> Self {
        match failure {
            Failure::Dropped => CallError::NoReply,
            Failure::Overloaded => CallError::Overloaded,
            Failure::Expired => CallError::Timeout {
                after: after.unwrap_or_default(),
            },
            Failure::Down(reason) => CallError::Exited(reason),
            Failure::Deadlock(circle) => CallError::Deadlock(circle),
        }
    }
}
