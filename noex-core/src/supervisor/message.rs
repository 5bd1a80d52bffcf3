use super::error::ChildError;
use super::report::{ChildCount, ChildInfo};
use crate::process::Pid;
use crate::server::{ChildSpec, ReplyTo};

/// What a supervisor can be asked. The methods on
/// [`ServerRef<Supervisor>`](super::Supervisor#children-at-run-time) make these.
#[derive(Debug)]
pub struct SupervisorCall(pub(super) Request);

#[derive(Debug)]
pub(super) enum Request {
    Start(Box<ChildSpec>, ReplyTo<Result<Pid, ChildError>>),
    Terminate(String, ReplyTo<Result<(), ChildError>>),
    Restart(String, ReplyTo<Result<Pid, ChildError>>),
    Delete(String, ReplyTo<Result<(), ChildError>>),
    Which(ReplyTo<Vec<ChildInfo>>),
    Count(ReplyTo<ChildCount>),
}

/// What a supervisor tells itself.
#[derive(Clone, Debug)]
pub struct SupervisorInfo(pub(super) Retry);

/// Start a child again that is marked as restarting.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    pub(super) id: String,
    /// Which restart: one that was overtaken by other events is out of date.
    pub(super) restart: u64,
}
