use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::super::call::drop_overloaded;
use super::error::{SendError, SendFailure};
use crate::process::Pid;
use crate::process::cell::Process;
use crate::process::mailbox::Refused;
use crate::process::room::Ticket;
use crate::server::behaviour::GenServer;
use crate::server::message::{Message, ServerCell};

/// A ref to a server that is typed by one message alone.
///
/// Who sends `M` needs not know, nor import, the type of the server. Made by
/// [`ServerRef::recipient`](crate::ServerRef::recipient).
///
/// # Examples
///
/// ```
/// use noex::{Recipient, SendError};
///
/// struct Line(String);
///
/// /// Knows nothing of who reads the lines.
/// struct Tail { to: Recipient<Line> }
///
/// impl Tail {
///     fn pass_on(&self, text: &str) -> Result<(), SendError<Line>> {
///         self.to.send(Line(text.to_owned()))
///     }
/// }
/// ```
pub struct Recipient<M> {
    accept: Arc<dyn Accept<M>>,
}

trait Accept<M>: Send + Sync {
    fn send(&self, message: M) -> Result<(), SendError<M>>;
    fn pid(&self) -> Pid;
    fn is_alive(&self) -> bool;
}

struct ByCast<S: GenServer>(Arc<ServerCell<S>>);

impl<S: GenServer, M: Send + 'static> Accept<M> for ByCast<S>
where
    S::Cast: From<M>,
{
    fn send(&self, message: M) -> Result<(), SendError<M>> {
        // Room is taken before the user's `From` runs, so that a message that is not
        // taken comes back as it was, and nothing of the user's runs under a lock.
        let cell = &self.0;
        match cell.queue().reserve() {
            Ok(displaced) => {
                if let Some(oldest) = displaced {
                    drop_overloaded(oldest);
                }
                let ticket = Ticket::reserved(cell);
                // Refused only by a process that ended in this moment: then it
                // is as if it had been taken just before.
                let _ = ticket.post(S::Cast::from(message), Message::Cast);
                Ok(())
            }
            Err(Refused::Newest(())) => Ok(()),
            Err(Refused::Closed(())) => Err(SendError::new(message, SendFailure::NoProc)),
            Err(Refused::Full(())) => Err(SendError::new(message, SendFailure::Full)),
        }
    }

    fn pid(&self) -> Pid {
        self.0.core().pid()
    }

    fn is_alive(&self) -> bool {
        Process::core(&*self.0).is_alive()
    }
}

impl<M: Send + 'static> Recipient<M> {
    pub(crate) fn by_cast<S: GenServer>(cell: Arc<ServerCell<S>>) -> Self
    where
        S::Cast: From<M>,
    {
        Recipient {
            accept: Arc::new(ByCast(cell)),
        }
    }

    /// Sends the message, as a cast.
    ///
    /// # Errors
    ///
    /// As [`ServerRef::cast`](crate::ServerRef::cast), with the message in it.
    pub fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.accept.send(message)
    }

    /// Whose recipient it is.
    pub fn pid(&self) -> Pid {
        self.accept.pid()
    }

    /// Whether that process lives.
    pub fn is_alive(&self) -> bool {
        self.accept.is_alive()
    }
}

impl<M> Clone for Recipient<M> {
    fn clone(&self) -> Self {
        Recipient {
            accept: self.accept.clone(),
        }
    }
}

impl<M: Send + 'static> PartialEq for Recipient<M> {
    fn eq(&self, other: &Self) -> bool {
        self.pid() == other.pid()
    }
}

impl<M: Send + 'static> Eq for Recipient<M> {}

impl<M: Send + 'static> Hash for Recipient<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pid().hash(state);
    }
}

impl<M: Send + 'static> fmt::Debug for Recipient<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipient").field(&self.pid()).finish()
    }
}
