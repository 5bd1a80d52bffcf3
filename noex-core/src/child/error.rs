use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use thiserror::Error;

use super::exit_status::ProcessExit;
use crate::server::CallError;

/// Why a request has no answer, or a message was not sent.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The child answered with an error; this is its payload.
    #[error("the child refused: {0}")]
    Refused(Box<RawValue>),
    /// The child ended before it answered. Whether it had done the work is not known.
    #[error(transparent)]
    Exited(#[from] ProcessExit),
    /// No process runs at present: it is being restarted.
    #[error("the process is not running")]
    NotRunning,
    /// The child does not read, and the queue of messages for it is full. It was not sent.
    #[error("the queue of messages for the process is full")]
    QueueFull,
    /// The child has not read for as long as the write deadline says, and was killed for it.
    #[error("the process has not read its messages in time")]
    Stalled,
    /// There was no answer in time. Whether the work was done is not known.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// What was to be sent is no JSON, or the answer is not what was expected.
    #[error("the payload does not fit: {0}")]
    Payload(Arc<serde_json::Error>),
    /// The server that owns the process could not be reached, or ended.
    #[error(transparent)]
    Server(CallError),
}

impl RequestError {
    pub(super) fn payload(error: serde_json::Error) -> Self {
        RequestError::Payload(Arc::new(error))
    }

    pub(super) fn from_call(error: CallError) -> Self {
        match error {
            CallError::Timeout { after } => RequestError::Timeout(after),
            // The death of the process is the death of its server.
            CallError::Exited(crate::process::ExitReason::Error(cause)) => {
                if let Some(exit) = cause.downcast_ref::<ProcessExit>() {
                    RequestError::Exited(*exit)
                } else if let Some(gave_up) = cause.downcast_ref::<GaveUp>() {
                    RequestError::Exited(gave_up.last)
                } else {
                    RequestError::Server(CallError::Exited(crate::process::ExitReason::Error(
                        cause,
                    )))
                }
            }
            other => RequestError::Server(other),
        }
    }
}

/// Why a process was not started.
#[derive(Debug, Error)]
#[error("cannot start {program:?}: {source}")]
pub struct SpawnError {
    /// The program as it was given.
    pub program: String,
    /// What the operating system said.
    pub source: io::Error,
}

/// The reason of a process that was restarted as often as it may.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("given up after {restarts} restarts: {last}")]
pub struct GaveUp {
    /// How often it was restarted.
    pub restarts: u32,
    /// How it ended last.
    pub last: ProcessExit,
}
