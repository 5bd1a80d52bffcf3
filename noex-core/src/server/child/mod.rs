//! Child specifications: how a supervisor starts, restarts and stops a process.

mod backoff;
mod policy;
mod spec;

pub use backoff::Backoff;
pub use policy::{ChildKind, Restart, Shutdown};
pub use spec::{Child, ChildSpec};
