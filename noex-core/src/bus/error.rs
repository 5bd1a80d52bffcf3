use std::sync::Arc;

use thiserror::Error;

use crate::process::{ExitReason, Pid};

/// Why a pattern means nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// Two separators in a row, or one at an end.
    #[error("{0:?} has an empty segment")]
    EmptySegment(Box<str>),
    /// `**` or `#` twice in a row: once says the same.
    #[error("{0:?} has `**` twice in a row")]
    ManyTwice(Box<str>),
    /// More than 256 segments.
    #[error("the pattern has more than 256 segments: {0:?}")]
    TooLong(Box<str>),
}

/// Why nobody was subscribed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The pattern means nothing.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The bus has been stopped.
    #[error("the bus has been stopped")]
    Stopped,
    /// The server has ended.
    #[error("{0} has ended")]
    NoProc(Pid),
    /// A closure needs a tokio runtime to run on.
    #[error("a closure was subscribed outside of a tokio runtime")]
    NoRuntime,
}

/// Why a synchronous publish did not reach everybody.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// A subscriber's own handler published, and would wait for itself. Nobody got the event.
    #[error("a subscriber would wait for its own handler")]
    CallingSelf,
    /// These did not handle the event; all others have.
    #[error("{} of the subscribers did not handle the event", .0.len())]
    Failed(Vec<HandlerFailure>),
}

/// A subscriber that did not handle an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandlerFailure {
    /// What it had subscribed to.
    pub pattern: Arc<str>,
    /// The server, if it is one.
    pub server: Option<Pid>,
    /// What happened.
    pub cause: FailureCause,
}

/// Why a subscriber did not handle an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FailureCause {
    /// Its closure panicked.
    Panicked(ExitReason),
    /// It had no room, was unsubscribed, or ended before it was through.
    Missed,
}
