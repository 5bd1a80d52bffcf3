use std::fmt;

use super::children::DynamicChild;
use crate::process::Pid;
use crate::server::{ChildSpec, ReplyTo};
use crate::supervisor::{ChildCount, ChildError};

/// What a dynamic supervisor can be asked. The methods on
/// [`ServerRef<DynamicSupervisor>`](super::DynamicSupervisor#children) make these.
pub struct DynamicCall<E>(pub(super) Request<E>);

/// Makes a child of the supervisor's extra arguments.
pub(super) type MakeChild<E> = Box<dyn FnOnce(&E) -> ChildSpec + Send>;

pub(super) enum Request<E> {
    Start(MakeChild<E>, ReplyTo<Result<Pid, ChildError>>),
    Terminate(Pid, ReplyTo<Result<(), ChildError>>),
    Which(ReplyTo<Vec<DynamicChild>>),
    Count(ReplyTo<ChildCount>),
}

impl<E> fmt::Debug for DynamicCall<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Request::Start(..) => "Start",
            Request::Terminate(..) => "Terminate",
            Request::Which(..) => "Which",
            Request::Count(..) => "Count",
        })
    }
}

/// What a dynamic supervisor tells itself.
#[derive(Clone, Debug)]
pub struct DynamicInfo(pub(super) Retry);

/// Start a child again that is marked as restarting.
#[derive(Clone, Debug)]
pub(super) struct Retry {
    /// The pid of its last incarnation.
    pub(super) pid: Pid,
}
