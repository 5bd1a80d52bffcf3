use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::exit_reason::ExitReason;
use super::pid::Pid;
use super::relate;
use super::signal::{Down, MonitorRef};
use super::slot::{Slot, Waiter};

/// A monitor held by a task rather than by a process: a future of the target's [`Down`].
///
/// Made by [`ServerRef::monitor`](crate::ServerRef::monitor) and
/// [`process::monitor`](super::monitor). A server that wants its DOWN as a
/// message uses [`Context::monitor`](crate::Context::monitor).
///
/// Dropping it takes the monitor back. It can be awaited by reference, again
/// and again, until it has given its `Down`, and must not be awaited after.
///
/// # Cancel safety
///
/// A reference to it can be polled and dropped without losing the DOWN.
#[must_use = "a monitor that is dropped tells nothing"]
pub struct Monitor {
    target: Pid,
    monitor: MonitorRef,
    slot: Arc<Slot<Down>>,
}

impl Monitor {
    pub(crate) fn new(target: Pid) -> Self {
        let (monitor, slot) = relate::watch_by_task(target);
        Monitor {
            target,
            monitor,
            slot,
        }
    }

    /// What is waited for, to the wait-for graph.
    pub(crate) fn waiter(&self) -> Arc<dyn Waiter> {
        self.slot.clone()
    }

    /// The process that is watched.
    pub fn pid(&self) -> Pid {
        self.target
    }
}

impl Future for Monitor {
    type Output = Down;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Down> {
        self.slot.poll(cx.waker()).map(|outcome| {
            outcome.unwrap_or_else(|_| Down {
                monitor: self.monitor,
                pid: self.target,
                name: None,
                reason: ExitReason::NoProc,
            })
        })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        relate::unwatch(self.target, self.monitor);
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("pid", &self.target)
            .finish_non_exhaustive()
    }
}
