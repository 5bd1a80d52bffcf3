//! Supervision trees.

mod builder;
mod children;
mod client;
mod error;
mod intensity;
mod message;
mod report;
mod runtime;
mod stopping;
mod strategy;

pub use builder::SupervisorBuilder;
pub use error::{ChildError, ChildFailed, SpecError};
pub use message::{SupervisorCall, SupervisorInfo};
pub use report::{ChildCount, ChildInfo, ChildState};
pub use runtime::Supervisor;
pub use strategy::{AutoShutdown, Strategy};
