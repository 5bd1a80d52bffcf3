use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a process ended.
///
/// This is what a monitor's [`Down`](super::Down), a trapped
/// [`ExitSignal`](super::ExitSignal), `terminate` and a caller whose server
/// died get to see. Cloning is cheap: what is large is shared.
///
/// Two reasons are equal when they would be told in the same words.
///
/// The OTP counterpart is the exit reason: `normal`, `shutdown`,
/// `{shutdown, Term}`, `killed`, `noproc`, `noconnection`, or any other term.
#[derive(Clone)]
#[non_exhaustive]
pub enum ExitReason {
    /// It was done. Links are not taken along, nothing is logged.
    Normal,
    /// It was told to stop, by its supervisor or by `stop()`. Nothing is logged.
    Shutdown,
    /// Like `Shutdown`, with words of its own. Nothing is logged.
    ShutdownWith(Arc<str>),
    /// It was killed: `terminate` did not run.
    Killed,
    /// A handler panicked.
    Panic(Arc<Panicked>),
    /// A handler, or `init`, returned an error.
    Error(Arc<dyn Error + Send + Sync + 'static>),
    /// There was no such process (any more) when it was asked for.
    NoProc,
    /// The node it ran on cannot be reached any more.
    NoConnection,
}

impl ExitReason {
    /// A shutdown with words of its own.
    pub fn shutdown_with(words: impl Into<Arc<str>>) -> Self {
        ExitReason::ShutdownWith(words.into())
    }

    /// An abnormal reason made from an error, or from words.
    pub fn error(error: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        ExitReason::Error(Arc::from(error.into()))
    }

    /// Whether it is `Normal`: the one reason that a link does not pass on.
    pub fn is_normal(&self) -> bool {
        matches!(self, ExitReason::Normal)
    }

    /// Whether the process ended as it was meant to: `Normal`, `Shutdown` or
    /// `ShutdownWith`. A transient child is restarted after any other reason,
    /// and any other reason is logged as an error.
    pub fn is_orderly(&self) -> bool {
        matches!(
            self,
            ExitReason::Normal | ExitReason::Shutdown | ExitReason::ShutdownWith(_)
        )
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Normal => f.write_str("normal"),
            ExitReason::Shutdown => f.write_str("shutdown"),
            ExitReason::ShutdownWith(words) => write!(f, "shutdown: {words}"),
            ExitReason::Killed => f.write_str("killed"),
            ExitReason::Panic(panic) => fmt::Display::fmt(panic, f),
            ExitReason::Error(error) => {
                write!(f, "error: {error}")?;
                let mut source = error.source();
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
            ExitReason::NoProc => f.write_str("no such process"),
            ExitReason::NoConnection => f.write_str("no connection to its node"),
        }
    }
}

impl fmt::Debug for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Normal => f.write_str("Normal"),
            ExitReason::Shutdown => f.write_str("Shutdown"),
            ExitReason::ShutdownWith(words) => f.debug_tuple("ShutdownWith").field(words).finish(),
            ExitReason::Killed => f.write_str("Killed"),
            ExitReason::Panic(panic) => f.debug_tuple("Panic").field(panic).finish(),
            ExitReason::Error(error) => f.debug_tuple("Error").field(error).finish(),
            ExitReason::NoProc => f.write_str("NoProc"),
            ExitReason::NoConnection => f.write_str("NoConnection"),
        }
    }
}

impl PartialEq for ExitReason {
    fn eq(&self, other: &Self) -> bool {
        use ExitReason::{
            Error, Killed, NoConnection, NoProc, Normal, Panic, Shutdown, ShutdownWith,
        };
        match (self, other) {
            (Normal, Normal)
            | (Shutdown, Shutdown)
            | (Killed, Killed)
            | (NoProc, NoProc)
            | (NoConnection, NoConnection) => true,
            (ShutdownWith(a), ShutdownWith(b)) => a == b,
            (Panic(a), Panic(b)) => a == b,
            (Error(a), Error(b)) => Arc::ptr_eq(a, b) || a.to_string() == b.to_string(),
            _ => false,
        }
    }
}

impl Eq for ExitReason {}

/// What a panic said, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    message: Box<str>,
    place: Option<Box<str>>,
}

impl Panicked {
    pub(crate) fn new(message: impl Into<Box<str>>, place: Option<Box<str>>) -> Self {
        Panicked {
            message: message.into(),
            place,
        }
    }

    /// The panic's message. A payload that is not a string says so in brackets.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// `file:line:column` of the panic. `None` when the program has replaced
    /// the panic hook after noex installed its own, which calls the earlier one.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "panicked at {place}: {}", self.message),
            None => write!(f, "panicked: {}", self.message),
        }
    }
}
