//! A call: a message that is answered, or whose caller learns why not.

mod blocking;
mod deadline;
mod error;
mod future;
mod multi;
mod reply_to;

pub(crate) use deadline::Deadline;
pub use error::CallError;
pub use future::Call;
pub use multi::{MultiCall, multi_call};
pub use reply_to::ReplyTo;
pub(crate) use reply_to::drop_overloaded;

use std::time::Duration;

/// How long a call waits unless it is told otherwise.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(5);
