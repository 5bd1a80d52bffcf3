use std::sync::Arc;

use thiserror::Error;

use crate::process::Pid;
use crate::server::target::NotFound;

/// Why a key was not registered, or its value not updated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Somebody has the key; here is who. Keys of a unique registry only.
    #[error("the key is registered for {0}")]
    AlreadyRegistered(Pid),
    /// The process that was to own the key is dead, or about to be.
    #[error("the process {0} has ended")]
    NoProc(Pid),
    /// The process does not own the key.
    #[error("the process {0} does not own the key")]
    NotOwner(Pid),
}

/// Why a name leads to no server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// Nobody has it.
    #[error("no process is registered as {name:?}")]
    NotFound {
        /// The name, as it is shown.
        name: Arc<str>,
    },
    /// It belongs to a server of another type.
    #[error("{name:?} is registered for a {found}, not for a {expected}")]
    WrongType {
        /// The name, as it is shown.
        name: Arc<str>,
        /// The type asked for.
        expected: &'static str,
        /// The type that has the name.
        found: &'static str,
        /// The process that has it.
        pid: Pid,
    },
}

impl From<LookupError> for NotFound {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::NotFound { name } => NotFound::NotRegistered { name },
            LookupError::WrongType {
                name,
                expected,
                found,
                ..
            } => NotFound::WrongType {
                name,
                expected,
                found,
            },
        }
    }
}
