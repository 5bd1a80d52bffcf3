use super::behaviour::GenServer;
use super::context::Context;
use super::info::TaskDone;
use crate::process::cell::Cell;

/// What a server's user lane carries.
pub(crate) enum Message<S: GenServer> {
    Call(S::Call),
    Cast(S::Cast),
    Info(S::Info),
    TaskDone(Box<TaskDone<S::Info>>),
    /// Stands only if nothing came since it was set.
    IdleTimeout(u64),
    /// Run when everything before it has been handled; no handler sees it.
    Mark(Box<Mark>),
}

/// Boxed once more in the message, so that this rare one makes no other larger.
pub(crate) struct Mark(pub(crate) Box<dyn FnOnce() + Send>);

/// What a server's system lane carries: something to be done between two handlers.
pub(crate) type System<S> = Box<dyn FnOnce(&mut S, &mut Context<S>) + Send>;

pub(crate) type ServerCell<S> = Cell<Message<S>, System<S>>;
