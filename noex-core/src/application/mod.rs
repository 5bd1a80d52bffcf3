//! A whole program: a root tree that runs until the system asks it to stop.

mod builder;
mod ended;
mod family;
mod runtime;
mod shutdown;
mod signals;

pub use builder::{Application, DEFAULT_GRACE};
pub use ended::{Ended, SignalKind};
pub use shutdown::{ShutdownSignal, Stopper};
