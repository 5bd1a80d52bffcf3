//! What happens to processes, told to whoever subscribes.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::broadcast;

use super::exit_reason::ExitReason;
use super::kind::MessageKind;
use super::pid::Pid;

/// Something that happened to a process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Lifecycle {
    /// `init` has returned, and the process serves.
    Started {
        /// Which one.
        pid: Pid,
        /// The name it was started under.
        name: Option<Arc<str>>,
        /// The process it was started by and is linked to, if any.
        parent: Option<Pid>,
    },
    /// The process is dead: its names are free, DOWN and EXIT have been sent.
    Exited {
        /// Which one.
        pid: Pid,
        /// The name it was started under.
        name: Option<Arc<str>>,
        /// Why it ended.
        reason: ExitReason,
    },
    /// A handler has kept its thread for longer than the watchdog's limit, and still does.
    Stalled {
        /// Which one.
        pid: Pid,
        /// What it is handling.
        message: MessageKind,
        /// For how long, as the watchdog saw it.
        running_for: Duration,
    },
}

/// The lifecycle events since [`subscribe`], in the order in which they happened to
/// each process.
///
/// A subscriber that falls more than 4096 events behind loses the oldest and
/// is told how many.
pub struct LifecycleEvents {
    receiver: broadcast::Receiver<Lifecycle>,
}

/// What a subscriber is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LifecycleNotice {
    /// An event.
    Event(Lifecycle),
    /// So many events were dropped here, because they were not read in time.
    Lagged(u64),
}

const KEPT: usize = 4096;

static EVENTS: OnceLock<broadcast::Sender<Lifecycle>> = OnceLock::new();
/// Nobody listening costs one load.
static SUBSCRIBERS: AtomicUsize = AtomicUsize::new(0);

/// Subscribes to the lifecycle events of all processes of this program.
///
/// Meant for observers and tests. Who wants to know of one process's death
/// uses a monitor.
pub fn subscribe() -> LifecycleEvents {
    SUBSCRIBERS.fetch_add(1, Ordering::AcqRel);
    let sender = EVENTS.get_or_init(|| broadcast::channel(KEPT).0);
    LifecycleEvents {
        receiver: sender.subscribe(),
    }
}

pub(crate) fn publish(event: impl FnOnce() -> Lifecycle) {
    if SUBSCRIBERS.load(Ordering::Acquire) > 0
        && let Some(sender) = EVENTS.get()
    {
        // An error says that the last subscriber has just gone.
        let _ = sender.send(event());
    }
}

impl LifecycleEvents {
    /// The next event.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> LifecycleNotice {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return LifecycleNotice::Event(event),
                Err(broadcast::error::RecvError::Lagged(n)) => return LifecycleNotice::Lagged(n),
                // The sender is a static: it does not close.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// The next event if it is there already.
    pub fn try_next(&mut self) -> Option<LifecycleNotice> {
        match self.receiver.try_recv() {
            Ok(event) => Some(LifecycleNotice::Event(event)),
            Err(broadcast::error::TryRecvError::Lagged(n)) => Some(LifecycleNotice::Lagged(n)),
            Err(_) => None,
        }
    }
}

impl Drop for LifecycleEvents {
    fn drop(&mut self) {
        SUBSCRIBERS.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for LifecycleEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifecycleEvents").finish_non_exhaustive()
    }
}
