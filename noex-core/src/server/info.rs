use std::fmt;

use crate::process::{Down, ExitReason, ExitSignal};

/// What [`handle_info`](crate::GenServer::handle_info) gets: everything that is
/// neither a call nor a cast.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Info<T> {
    /// Sent with `info`, or by a timer.
    Message(T),
    /// A monitored process has ended.
    Down(Down),
    /// A linked process has ended, and this one traps exits.
    Exit(ExitSignal),
    /// Nothing came for as long as [`idle_timeout`](crate::Context::idle_timeout) said.
    Timeout,
    /// A task started with [`Context::spawn`](crate::Context::spawn) is done.
    TaskDone(TaskDone<T>),
}

/// How a task of a server ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskDone<T> {
    /// Which task.
    pub task: TaskId,
    /// What it returned, or the panic that ended it.
    pub outcome: Result<T, ExitReason>,
}

/// Names one task of a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u64);

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}
