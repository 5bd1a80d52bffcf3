use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use thiserror::Error;

use super::call::Deadline;
use super::exit::Exit;
use crate::process::cell::Process;
use crate::process::mailbox::Order;
use crate::process::slot::{Slot, Waiter};
use crate::process::waits::{self, Circle, Wait};
use crate::process::{Down, ExitReason, MonitorRef, Pid, current, relate};

/// A server on its way to an orderly end: await it to know that it is dead.
///
/// The order to stop takes its place in the mailbox: what was sent before is
/// handled first. A full mailbox does not refuse it.
///
/// # Errors
///
/// See [`StopError`].
///
/// # Cancel safety
///
/// Dropped before it was polled, nothing happens. Dropped after, the server stops all the same.
#[must_use = "a server is stopped when this is awaited"]
pub struct Stop {
    process: Arc<dyn Process>,
    reason: ExitReason,
    timeout: Option<Duration>,
    late: Late,
    phase: Phase,
    wait: Option<Wait>,
}

enum Phase {
    Fresh,
    Waiting {
        monitor: MonitorRef,
        slot: Arc<Slot<Down>>,
        deadline: Deadline,
    },
    Done,
}

/// What happens to a server that does not stop in time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Late {
    Report,
    Kill,
    Killed,
}

/// How long `stop` waits unless it is told otherwise.
pub const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a server was not stopped as asked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopError {
    /// It has not ended yet. It will when it comes to the order, unless it hangs.
    #[error("the server has not ended within {after:?}")]
    Timeout {
        /// The time it was given.
        after: Duration,
    },
    /// It was dead before.
    #[error("there is no such process")]
    NoProc,
    /// It ended, but for another reason.
    #[error("the server ended for another reason: {0}")]
    Exited(ExitReason),
    /// A server waited for its own end. [`Context::stop`](crate::Context::stop) ends it.
    #[error("a server waited in a handler for its own end")]
    CallingSelf,
    /// Waiting for the end would close a circle of servers that wait for each other.
    #[error("waiting for the end closes a circle of waiting servers: {0:?}")]
    Deadlock(Vec<Pid>),
}

impl Stop {
    pub(crate) fn new(process: Arc<dyn Process>) -> Self {
        Stop {
            process,
            reason: ExitReason::Shutdown,
            timeout: Some(DEFAULT_STOP_TIMEOUT),
            late: Late::Report,
            phase: Phase::Fresh,
            wait: None,
        }
    }

    /// The reason to end with (default: `Shutdown`).
    pub fn reason(mut self, exit: Exit) -> Self {
        self.reason = exit.into_reason();
        self
    }

    /// Waits `timeout` at the longest.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits as long as it takes.
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// Kills it when its time is up, and then waits for its end as long as it takes.
    pub fn or_kill(mut self) -> Self {
        self.late = Late::Kill;
        self
    }

    fn begin(&mut self) -> Result<(), StopError> {
        let pid = self.process.core().pid();
        let caller = current::pid();
        if caller == Some(pid) {
            return Err(StopError::CallingSelf);
        }
        if !self.process.core().is_alive() {
            return Err(StopError::NoProc);
        }
        let (monitor, slot) = relate::watch_by_task(pid);
        slot.owned_by(pid);
        let waiter: Arc<dyn Waiter> = slot.clone();
        if let Some(caller) = caller {
            match waits::begin(caller, pid, waiter.clone()) {
                Ok(wait) => self.wait = Some(wait),
                Err(Circle(pids)) => {
                    relate::unwatch(pid, monitor);
                    return Err(StopError::Deadlock(pids));
                }
            }
        }
        // Refused by a process that is ending already: its end is waited for.
        self.process
            .clone()
            .post_order(Order::Stop(Box::new(self.reason.clone())));
        let deadline = Deadline::new(self.timeout, &waiter);
        self.phase = Phase::Waiting {
            monitor,
            slot,
            deadline,
        };
        Ok(())
    }

    fn ended(&self, reason: ExitReason) -> Result<(), StopError> {
        match reason {
            reason if reason == self.reason => Ok(()),
            ExitReason::Killed if self.late == Late::Killed => Ok(()),
            ExitReason::NoProc => Err(StopError::NoProc),
            reason => Err(StopError::Exited(reason)),
        }
    }
}

impl Future for Stop {
    type Output = Result<(), StopError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if matches!(this.phase, Phase::Fresh)
            && let Err(error) = this.begin()
        {
            this.phase = Phase::Done;
            return Poll::Ready(Err(error));
        }
        let Phase::Waiting {
            monitor,
            slot,
            deadline,
        } = &mut this.phase
        else {
            return Poll::Pending;
        };
        let pid = this.process.core().pid();
        let told = match slot.poll(cx.waker()) {
            Poll::Ready(told) => told.ok(),
            Poll::Pending if deadline.poll(cx).is_pending() => return Poll::Pending,
            Poll::Pending => None,
        };
        if let Some(down) = told {
            this.phase = Phase::Done;
            this.wait = None;
            return Poll::Ready(this.ended(down.reason));
        }
        relate::unwatch(pid, *monitor);
        if this.late == Late::Kill {
            this.late = Late::Killed;
            let (monitor, slot) = relate::watch_by_task(pid);
            relate::kill(&this.process);
            this.phase = Phase::Waiting {
                monitor,
                slot,
                deadline: Deadline::Never,
            };
            return Pin::new(this).poll(cx);
        }
        this.phase = Phase::Done;
        this.wait = None;
        Poll::Ready(Err(StopError::Timeout {
            after: this.timeout.unwrap_or_default(),
        }))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        if let Phase::Waiting { monitor, .. } = &self.phase {
            relate::unwatch(self.process.core().pid(), *monitor);
        }
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop")
            .field("pid", &self.process.core().pid())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
