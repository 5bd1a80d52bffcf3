//! Supervision trees.

pub(crate) mod builder;
mod children;
mod client;
mod error;
pub(crate) mod intensity;
mod message;
mod report;
mod runtime;
pub(crate) mod stopping;
pub(crate) mod strategy;
pub(crate) mod streak;

pub use builder::SupervisorBuilder;
pub use error::{ChildError, ChildFailed, SpecError};
pub use message::{SupervisorCall, SupervisorInfo};
pub use report::{ChildCount, ChildInfo, ChildState};
pub use runtime::Supervisor;
pub use strategy::{AutoShutdown, Strategy};
