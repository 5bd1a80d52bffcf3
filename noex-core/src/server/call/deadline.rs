use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::process::slot::Waiter;
use crate::process::{thread_clock, unwind};

/// The deadline of one wait, for those who cannot use the process's own table
/// of waiters: a call from another runtime or a plain thread, a stop.
pub(crate) enum Deadline {
    Never,
    /// By the clock of the runtime in which the waiter is polled.
    Sleep(Pin<Box<Sleep>>),
    /// The thread clock expires the slot at this time.
    Outside(Instant),
}

impl Deadline {
    pub(crate) fn new(after: Option<Duration>, waiter: &Arc<dyn Waiter>) -> Self {
        let Some(after) = after else {
            return Deadline::Never;
        };
        // A runtime without a timer is as good as none.
        let sleep = Handle::try_current()
            .ok()
            .and_then(|_| unwind::probe(|| Box::pin(tokio::time::sleep(after))));
        if let Some(sleep) = sleep {
            Deadline::Sleep(sleep)
        } else {
            thread_clock::expire_after(after, waiter);
            match Instant::now().checked_add(after) {
                Some(at) => Deadline::Outside(at),
                None => Deadline::Never,
            }
        }
    }

    /// The same deadline for what is waited for next.
    pub(crate) fn cover(&self, waiter: &Arc<dyn Waiter>) {
        if let Deadline::Outside(at) = self {
            thread_clock::expire_after(at.saturating_duration_since(Instant::now()), waiter);
        }
    }

    /// Ready when the time is up.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Deadline::Sleep(sleep) => sleep.as_mut().poll(cx),
            Deadline::Never | Deadline::Outside(_) => Poll::Pending,
        }
    }
}
