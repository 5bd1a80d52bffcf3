use thiserror::Error;

use crate::supervisor::ChildError;

/// Why there are not as many partitions as was asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeError {
    /// There has to be one at least.
    #[error("there has to be one partition at least")]
    Zero,
    /// Its supervisor does not run.
    #[error("the partitions are not running")]
    NotRunning,
    /// A partition did not start or stop. Those before it in the order of the resize did, and count.
    #[error("partition {partition} could not be started or stopped")]
    Child {
        /// Which one.
        partition: usize,
        /// Why.
        #[source]
        error: ChildError,
    },
}
