use std::sync::Arc;

use thiserror::Error;

use crate::process::Pid;

/// Why a process did not join or leave.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// It is dead.
    #[error("{0} has ended")]
    NoProc(Pid),
    /// It is no member, and so cannot leave.
    #[error("{pid} has not joined {group:?}")]
    NotJoined {
        /// The process.
        pid: Pid,
        /// The group.
        group: Arc<str>,
    },
}
