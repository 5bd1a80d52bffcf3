//! Starting a server.

mod error;
mod future;
mod options;

pub use error::StartError;
pub(crate) use future::await_start;
pub use options::{CallersRun, Start};
pub(crate) use options::{Claim, StartOptions};

use std::time::Duration;

/// How long `init` may take unless it is told otherwise.
pub const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(5);
