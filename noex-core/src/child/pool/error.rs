use thiserror::Error;

use crate::child::error::RequestError;
use crate::server::CallError;

/// Why a job has no result.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum JobError {
    /// The worker did not answer; when the job killed it, this has the exit status. It is not run
    /// again unless the options say so.
    #[error(transparent)]
    Failed(RequestError),
    /// As many jobs wait as may.
    #[error("the queue of the pool is full")]
    QueueFull,
    /// The pool was stopped before the job was begun.
    #[error("the pool is shut down")]
    Cancelled,
    /// The pool could not be reached, or ended.
    #[error(transparent)]
    Pool(#[from] CallError),
}
