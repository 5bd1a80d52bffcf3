use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::process::hub::HubError;
use crate::process::{ExitReason, Panicked, Pid};

/// Why a server did not start. By the time it is told, the process is dead and its name is free.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Somebody has the name: here is who.
    #[error("already started as {0}")]
    AlreadyStarted(Pid),
    /// `init` took longer than it was given.
    #[error("init took longer than {after:?}")]
    Timeout {
        /// The time it was given.
        after: Duration,
    },
    /// `init` declined with `Exit::Ignore`.
    #[error("init declined to start")]
    Ignore,
    /// `init` panicked.
    #[error("init {0}")]
    Panic(Arc<Panicked>),
    /// `init` returned this error.
    #[error("init failed")]
    Error(#[source] Arc<dyn Error + Send + Sync + 'static>),
    /// `init` ended the process in another way, or something from outside did.
    #[error("ended before it had started: {0}")]
    Exited(ExitReason),
    /// There is no tokio runtime to start it on, or it is shutting down.
    #[error("no tokio runtime here: start it from within one that is running")]
    NoRuntime,
    /// The tokio runtime cannot tell the time.
    #[error("the tokio runtime has no timer: build it with enable_time() or enable_all()")]
    NoTimer,
    /// An option has a value that makes no sense.
    #[error("{option} is {value}, but {rule}")]
    InvalidOption {
        /// Which option.
        option: &'static str,
        /// What it was set to.
        value: String,
        /// What would be right.
        rule: &'static str,
    },
}

/// Equal when they would be told in the same words.
impl PartialEq for StartError {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (StartError::Error(a), StartError::Error(b)) => a.to_string() == b.to_string(),
            (a, b) => a.to_string() == b.to_string(),
        }
    }
}

impl Eq for StartError {}

impl StartError {
    pub(crate) fn from_reason(reason: ExitReason) -> Self {
        match reason {
            ExitReason::Panic(panicked) => StartError::Panic(panicked),
            ExitReason::Error(error) => StartError::Error(error),
            other => StartError::Exited(other),
        }
    }
}

impl From<HubError> for StartError {
    fn from(error: HubError) -> Self {
        match error {
            HubError::NoRuntime => StartError::NoRuntime,
            HubError::NoTimer => StartError::NoTimer,
        }
    }
}
