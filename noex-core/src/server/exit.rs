use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::process::ExitReason;

/// What a handler returns in `Err` to end its server.
///
/// Any error becomes one by `?`, and then the end is abnormal: it is logged, links
/// are taken along, and a supervisor restarts a transient server.
///
/// A `Result` that is meant for a caller goes through the reply, not here: see
/// [`GenServer`](crate::GenServer).
///
/// # Examples
///
/// ```
/// use noex::Exit;
///
/// fn read_limit(text: &str) -> Result<u32, Exit> {
///     let limit = text.parse()?; // a ParseIntError ends the server
///     if limit == 0 {
///         return Err(Exit::Normal); // nothing to do: a quiet end
///     }
///     Ok(limit)
/// }
/// assert!(matches!(read_limit("x"), Err(Exit::Error(_))));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Exit {
    /// It is done. The end is quiet.
    Normal,
    /// As if a supervisor had told it to. The end is quiet.
    Shutdown,
    /// Like `Shutdown`, with words of its own.
    ShutdownWith(Arc<str>),
    /// From `init` only: there is nothing to start, and that is no error. The
    /// starter gets [`StartError::Ignore`](crate::StartError::Ignore).
    Ignore,
    /// Abnormal.
    Error(Arc<dyn Error + Send + Sync + 'static>),
}

impl Exit {
    /// A quiet end with words of its own.
    pub fn shutdown_with(words: impl Into<Arc<str>>) -> Self {
        Exit::ShutdownWith(words.into())
    }

    /// An abnormal end, from an error or from words.
    pub fn error(error: impl Into<Box<dyn Error + Send + Sync + 'static>>) -> Self {
        Exit::Error(Arc::from(error.into()))
    }

    pub(crate) fn into_reason(self) -> ExitReason {
        match self {
            Exit::Normal => ExitReason::Normal,
            Exit::Shutdown => ExitReason::Shutdown,
            Exit::ShutdownWith(words) => ExitReason::ShutdownWith(words),
            Exit::Ignore => ExitReason::error(
                "Exit::Ignore is for init; a handler ends its server with Exit::Normal",
            ),
            Exit::Error(error) => ExitReason::Error(error),
        }
    }
}

// `Exit` itself is no `Error`, as anyhow's is not: otherwise this could not be.
impl<E: Error + Send + Sync + 'static> From<E> for Exit {
    fn from(error: E) -> Self {
        Exit::Error(Arc::new(error))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Ignore => f.write_str("ignore"),
            other => fmt::Display::fmt(&other.clone().into_reason(), f),
        }
    }
}

impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Ignore => f.write_str("Ignore"),
            other => fmt::Debug::fmt(&other.clone().into_reason(), f),
        }
    }
}
