//! Supervisors whose children are started at run time and have no ids.

mod builder;
mod children;
mod client;
mod message;
mod runtime;

pub use builder::DynamicSupervisorBuilder;
pub use children::DynamicChild;
pub use message::{DynamicCall, DynamicInfo};
pub use runtime::DynamicSupervisor;
