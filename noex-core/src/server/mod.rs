//! Servers: the [`GenServer`] trait, and what reaches one.

pub(crate) mod behaviour;
pub(crate) mod call;
pub(crate) mod cast;
pub(crate) mod child;
pub(crate) mod context;
mod exit;
mod info;
mod machine;
pub(crate) mod message;
mod reach;
mod serve;
pub(crate) mod server_ref;
pub(crate) mod start;
mod stop;
mod sys;
pub(crate) mod target;

pub use behaviour::{GenServer, StateAccess};
pub use call::{Call, CallError, DEFAULT_CALL_TIMEOUT, MultiCall, ReplyTo, multi_call};
pub use cast::{CastWait, Recipient, SendError, SendFailure};
pub use child::{Backoff, Child, ChildKind, ChildSpec, Restart, Shutdown};
pub use context::{Context, Timer};
pub use exit::Exit;
pub use info::{Info, TaskDone, TaskId};
pub use reach::{CallFuture, Reach};
pub use server_ref::{ServerRef, WeakRef};
pub use start::{CallersRun, DEFAULT_START_TIMEOUT, Start, StartError};
pub use stop::{DEFAULT_STOP_TIMEOUT, Stop, StopError};
pub use sys::{Sys, SysError};
