use thiserror::Error;

use crate::process::Pid;
use crate::server::{CallError, StartError};

/// What is wrong with the description of a supervisor. Nothing was started.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecError {
    /// Two children have one id.
    #[error("two children have the id {id:?}: give one of them another with id()")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// The intensity's period is zero.
    #[error("the intensity's period is zero: it must be longer for restarts to count")]
    ZeroPeriod,
    /// A permanent child is significant.
    #[error(
        "child {id:?} is permanent and significant, but a permanent child never ends for good: make it transient or temporary"
    )]
    SignificantPermanent {
        /// Its id.
        id: String,
    },
    /// A child is significant and nothing follows from it.
    #[error("child {id:?} is significant, but the supervisor's auto_shutdown is Never")]
    SignificantWithoutAutoShutdown {
        /// Its id.
        id: String,
    },
}

/// A static child did not start, and so neither did its supervisor. Those started before it were
/// stopped again.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("child {id:?} did not start")]
#[non_exhaustive]
pub struct ChildFailed {
    /// Its id.
    pub id: String,
    /// Why.
    #[source]
    pub error: StartError,
}

/// Why a supervisor did not do what it was asked to do with a child.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildError {
    /// There is no child of this id.
    #[error("no child has the id {id:?}")]
    NotFound {
        /// The id.
        id: String,
    },
    /// A child of this id runs.
    #[error("a child of this id runs as {0}")]
    AlreadyStarted(Pid),
    /// A child of this id is there, and does not run: restart it, or delete it first.
    #[error("a child of this id is there, stopped or restarting")]
    AlreadyPresent,
    /// The child runs: terminate it first.
    #[error("the child runs as {0}")]
    Running(Pid),
    /// The child is about to be started again.
    #[error("the child is being restarted")]
    Restarting,
    /// A dynamic supervisor has as many children as it may.
    #[error("there are {max} children already, which is as many as there may be")]
    MaxChildren {
        /// How many that is.
        max: usize,
    },
    /// The description is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// It did not start.
    #[error("the child did not start")]
    Start(#[source] StartError),
    /// The supervisor did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
}
