//! Processes: what every actor is underneath, whatever its type.
//!
//! A process has a [`Pid`], a mailbox, links, monitors, and an end with an
//! [`ExitReason`]. Most programs meet it through [`GenServer`](crate::GenServer);
//! the functions here are for when there is nothing but a pid.
//!
//! # Examples
//!
//! ```
//! use noex::{ExitReason, process};
//! # use noex::{Context, Exit, GenServer};
//! # struct Idle;
//! # impl GenServer for Idle {
//! #     type Args = (); type Call = (); type Cast = (); type Info = ();
//! #     async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Idle) }
//! #     async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
//! #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! let pid = Idle::start(()).await?.pid();
//! let monitor = process::monitor(pid);
//! process::kill(pid);
//! assert_eq!(monitor.await.reason, ExitReason::Killed);
//! assert!(!process::alive(pid));
//! # Ok(())
//! # }
//! ```
//!
//! # How a process runs
//!
//! A process is not a tokio task. Its loop lies in a cell, and whoever is let
//! in may poll it: a task of its own, or a caller that finds it idle and so
//! has its answer without a task switch. The consequences worth knowing:
//!
//! - Task-locals of the caller (`tokio::task_local!`) can be seen by a handler
//!   that runs this way. What noex itself carries lives in the cell.
//! - A handler that is run by its caller is on the caller's stack. At most 16 processes nest
//!   there; a longer chain of calls goes on from tasks.
//! - Only handlers known to be short run this way. One that took more than 50 µs
//!   keeps callers away until the process has been short again.
//!
//! # The end
//!
//! However a process ends, the same happens in the same order: `terminate`
//! (not after a kill or a failed `init`), the state is dropped, its timers and
//! tasks are cancelled, its names, group memberships and subscriptions are let go,
//! callers that wait for it get the exit reason, DOWN and EXIT are sent,
//! `stop()` returns.

pub(crate) mod cell;
pub(crate) mod current;
mod death;
pub(crate) mod exit_reason;
pub(crate) mod hub;
pub(crate) mod kind;
pub(crate) mod lifecycle;
mod logs;
pub(crate) mod mailbox;
#[cfg(all(test, noex_loom))]
mod model;
pub(crate) mod monitor;
pub(crate) mod pace;
pub(crate) mod pid;
pub(crate) mod relate;
pub(crate) mod relations;
pub(crate) mod room;
pub(crate) mod run;
pub(crate) mod sched;
pub(crate) mod signal;
pub(crate) mod slot;
pub(crate) mod status;
#[cfg(not(noex_loom))]
mod sync;
#[cfg(noex_loom)]
#[path = "sync_loom.rs"]
mod sync;
pub(crate) mod table;
pub(crate) mod thread_clock;
pub(crate) mod timers;
pub(crate) mod unwind;
pub(crate) mod waiters;
pub(crate) mod waits;
pub(crate) mod watchdog;

pub use exit_reason::{ExitReason, Panicked};
pub use kind::MessageKind;
pub use lifecycle::{Lifecycle, LifecycleEvents, LifecycleNotice, subscribe};
pub use mailbox::{Mailbox, Overflow};
pub use monitor::Monitor;
pub use pid::Pid;
pub use signal::{Down, ExitSignal, MonitorRef};
pub use status::{Phase, Status};
pub use watchdog::set_watchdog_limit;

/// The process whose handler is running here, if any. `None` in a task, also in
/// one that a handler has spawned.
///
/// The OTP name is `self()`.
pub fn current() -> Option<Pid> {
    current::pid()
}

/// Whether the process has not ended yet. While `terminate` runs it has not.
///
/// The OTP name is `is_process_alive`.
pub fn alive(pid: Pid) -> bool {
    table::find(pid).is_some_and(|process| process.core().is_alive())
}

/// Ends the process at its next await without `terminate`. It cannot be trapped;
/// others see [`ExitReason::Killed`]. `false`: there is no such process.
///
/// Returns at once. A handler that is running goes on to its next await, and
/// until then the process is alive, keeps its name, and sends no DOWN.
///
/// The OTP name is `exit(Pid, kill)`.
pub fn kill(pid: Pid) -> bool {
    match table::find(pid) {
        Some(process) => {
            relate::kill(&process);
            true
        }
        None => false,
    }
}

/// Sends an exit signal, as if a linked process had ended with `reason`:
/// a process that traps exits gets it as a message, another ends with that reason
/// (through `terminate`) unless it is `Normal`. `false`: there is no such process.
///
/// The OTP name is `exit(Pid, Reason)`.
pub fn exit(pid: Pid, reason: ExitReason) -> bool {
    match table::find(pid) {
        Some(process) => {
            relate::deliver_exit(&process, current().unwrap_or(pid), reason);
            true
        }
        None => false,
    }
}

/// Watches a process from a task: a future of its [`Down`].
///
/// The OTP name is `monitor`.
pub fn monitor(pid: Pid) -> Monitor {
    Monitor::new(pid)
}

/// What can be seen of the process from outside. `None`: there is no such process.
///
/// The OTP name is `process_info`.
pub fn status(pid: Pid) -> Option<Status> {
    table::find(pid).map(|process| status::of(&*process))
}

/// The pids of all processes as of now, in the order of their starts.
///
/// The OTP name is `processes`.
pub fn list() -> Vec<Pid> {
    let all = table::collect(|_| true);
    let mut pids: Vec<Pid> = all.iter().map(|process| process.core().pid()).collect();
    pids.sort_unstable();
    pids
}

/// Sizes of noex's own tables, which are all zero when every process is dead.
/// For tests that look for what was left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tables {
    /// Processes that have not ended.
    pub processes: usize,
    /// Timers of all of this thread's runtime, 0 outside of a runtime.
    pub timers: usize,
    /// Waits of handlers for other processes.
    pub waits: usize,
}

/// Counts what noex keeps at the moment.
pub fn tables() -> Tables {
    Tables {
        processes: table::len(),
        timers: hub::Hub::current().map_or(0, |hub| hub.timers().len()),
        waits: waits::len(),
    }
}
