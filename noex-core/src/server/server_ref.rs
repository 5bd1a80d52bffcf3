use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::behaviour::GenServer;
use super::call::{Call, ReplyTo};
use super::cast::{self, CastWait, Recipient, SendError};
use super::context::Timer;
use super::message::{Message, ServerCell};
use super::stop::Stop;
use super::sys::Sys;
use super::target::Target;
use crate::process::cell::Process;
use crate::process::{Monitor, Pid, Status, relate, status, table};

/// Reaches one incarnation of a server.
///
/// Cheap to clone. It keeps nobody alive: a server lives until it ends, and a ref to a dead one
/// says so. Two refs are equal when they reach the same incarnation. A supervised
/// server that is restarted is a new one: to reach whoever holds a name, use
/// [`Name`](crate::Name).
pub struct ServerRef<S: GenServer> {
    cell: Arc<ServerCell<S>>,
}

impl<S: GenServer> ServerRef<S> {
    pub(crate) fn from_cell(cell: Arc<ServerCell<S>>) -> Self {
        ServerRef { cell }
    }

    pub(crate) fn cell(&self) -> &Arc<ServerCell<S>> {
        &self.cell
    }

    /// The server with this pid, if there is one and it is an `S`.
    pub fn from_pid(pid: Pid) -> Option<Self> {
        let cell = table::find(pid)?.into_any().downcast().ok()?;
        Some(ServerRef { cell })
    }

    /// Which incarnation this is.
    pub fn pid(&self) -> Pid {
        self.cell.core().pid()
    }

    /// The name it was started under.
    pub fn name(&self) -> Option<&str> {
        self.cell.core().name()
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.cell.core().is_alive()
    }

    /// Calls: sends the message that `make` makes around a reply port, and
    /// waits for the reply, 5 s unless [`Call::timeout`] says otherwise.
    ///
    /// # Errors
    ///
    /// See [`CallError`](crate::CallError). A server that dies is told at once.
    ///
    /// The OTP name is `call`.
    #[inline]
    pub fn call<T: Send + 'static>(
        &self,
        make: impl FnOnce(ReplyTo<T>) -> S::Call,
    ) -> Call<'_, S, T> {
        Call::new(Target::Ref(&self.cell), make)
    }

    /// Casts: sends the message and does not wait.
    ///
    /// `Ok` says that it is in the mailbox (or that the mailbox's policy
    /// dropped it, and counted it), not that it will be handled: the server may end before.
    ///
    /// # Errors
    ///
    /// The message comes back when the mailbox is full and its policy is
    /// `Reject`, or the server has ended.
    ///
    /// The OTP name is `cast`.
    #[inline]
    pub fn cast(&self, message: S::Cast) -> Result<(), SendError<S::Cast>> {
        cast::send(&self.cell, message, Message::Cast)
    }

    /// Casts, and waits for room if the mailbox is full, whatever its policy.
    ///
    /// # Errors
    ///
    /// The message comes back when the server ends, or when waiting would be for ever:
    /// a server's own mailbox, or a circle of servers that wait for each other.
    pub fn cast_wait(&self, message: S::Cast) -> CastWait<'_, S> {
        CastWait::new(Target::Ref(&self.cell), message)
    }

    /// Sends an info message, which comes as [`Info::Message`](crate::Info::Message).
    ///
    /// # Errors
    ///
    /// As [`cast`](ServerRef::cast).
    ///
    /// The OTP name is `Pid ! Message`.
    pub fn info(&self, message: S::Info) -> Result<(), SendError<S::Info>> {
        cast::send(&self.cell, message, Message::Info)
    }

    /// Sends an info message after `delay`. The timer is the server's: it is gone when that
    /// ends.
    ///
    /// The OTP name is `send_after`.
    pub fn send_after(&self, delay: Duration, message: S::Info) -> Timer {
        super::context::send_after(&self.cell, delay, message)
    }

    /// Sends an info message every `period`, as
    /// [`Context::send_interval`](crate::Context::send_interval) does.
    ///
    /// The OTP name is `send_interval`.
    pub fn send_interval(&self, period: Duration, message: S::Info) -> Timer
    where
        S::Info: Clone + Sync,
    {
        super::context::send_interval(&self.cell, period, message)
    }

    /// Has it end with `Shutdown` when everything queued before was handled, and waits
    /// until it is dead, 5 s unless told otherwise.
    ///
    /// # Errors
    ///
    /// See [`StopError`](crate::StopError).
    ///
    /// The OTP name is `stop`.
    pub fn stop(&self) -> Stop {
        Stop::new(self.cell.clone())
    }

    /// Kills it: see [`process::kill`](crate::process::kill).
    pub fn kill(&self) {
        let process: Arc<dyn Process> = self.cell.clone();
        relate::kill(&process);
    }

    /// Watches it from a task: a future of its [`Down`](crate::Down). A server
    /// that wants the DOWN as a message uses [`Context::monitor`](crate::Context::monitor).
    pub fn monitor(&self) -> Monitor {
        Monitor::new(self.pid())
    }

    /// What can be seen of it from outside, at once.
    pub fn status(&self) -> Status {
        status::of(&*self.cell)
    }

    /// Introspection: look at the state, replace it, suspend and resume.
    ///
    /// The OTP name is the module `sys`.
    pub fn sys(&self) -> Sys<'_, S> {
        Sys::new(self)
    }

    /// A ref that does not keep a dead server's memory.
    pub fn downgrade(&self) -> WeakRef<S> {
        WeakRef {
            cell: Arc::downgrade(&self.cell),
            pid: self.pid(),
        }
    }

    /// A ref that is typed by one message alone, which reaches the server as a cast.
    pub fn recipient<M: Send + 'static>(&self) -> Recipient<M>
    where
        S::Cast: From<M>,
    {
        Recipient::by_cast(self.cell.clone())
    }
}

// A ref reaches a process whose panics are caught; it is never half of anything.
impl<S: GenServer> UnwindSafe for ServerRef<S> {}
impl<S: GenServer> RefUnwindSafe for ServerRef<S> {}

impl<S: GenServer> Clone for ServerRef<S> {
    fn clone(&self) -> Self {
        ServerRef {
            cell: self.cell.clone(),
        }
    }
}

impl<S: GenServer> PartialEq for ServerRef<S> {
    fn eq(&self, other: &Self) -> bool {
        self.pid() == other.pid()
    }
}

impl<S: GenServer> Eq for ServerRef<S> {}

impl<S: GenServer> Hash for ServerRef<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pid().hash(state);
    }
}

impl<S: GenServer> fmt::Debug for ServerRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerRef<{}>({})", type_name::<S>(), self.pid())
    }
}

impl<S: GenServer> From<&ServerRef<S>> for Pid {
    fn from(server: &ServerRef<S>) -> Pid {
        server.pid()
    }
}

/// A ref that lets the memory of a dead server go.
///
/// A plain [`ServerRef`] does not keep a server alive either, but what is left of a dead one
/// (some hundred bytes, no state) stays as long as there are refs to it.
pub struct WeakRef<S: GenServer> {
    cell: Weak<ServerCell<S>>,
    pid: Pid,
}

impl<S: GenServer> WeakRef<S> {
    /// The ref, unless the server is dead and forgotten.
    pub fn upgrade(&self) -> Option<ServerRef<S>> {
        self.cell.upgrade().map(ServerRef::from_cell)
    }

    /// Which incarnation this is.
    pub fn pid(&self) -> Pid {
        self.pid
    }
}

impl<S: GenServer> Clone for WeakRef<S> {
    fn clone(&self) -> Self {
        WeakRef {
            cell: self.cell.clone(),
            pid: self.pid,
        }
    }
}

impl<S: GenServer> fmt::Debug for WeakRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeakRef<{}>({})", type_name::<S>(), self.pid)
    }
}
