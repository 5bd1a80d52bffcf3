use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use crate::gateway::clock;
use crate::gateway::outbox::Outbox;

/// One connection to the hub.
pub(crate) struct Connection {
    pub(super) number: u64,
    pub(super) outbox: Outbox,
    pub(super) calls: Mutex<Calls>,
    /// Under what name it has registered; it never changes.
    pub(super) service: OnceLock<Box<str>>,
    /// How many calls it is to answer: `calls.served.len()`, for those who hold another lock.
    pub(super) pending: AtomicUsize,
    /// It understands CANCEL.
    pub(super) takes_cancel: AtomicBool,
    pub(super) last_heartbeat: AtomicU64,
    /// Cancelled: it is cut off without further writing.
    pub(super) cut: CancellationToken,
}

impl Connection {
    pub(super) fn new(number: u64, queued: usize, cut: CancellationToken) -> Self {
        Connection {
            number,
            outbox: Outbox::new(queued),
            calls: Mutex::default(),
            service: OnceLock::new(),
            pending: AtomicUsize::new(0),
            takes_cancel: AtomicBool::new(false),
            last_heartbeat: AtomicU64::new(clock::now_ms()),
            cut,
        }
    }

    /// The name it goes by in messages and logs.
    pub(super) fn name(&self) -> &str {
        self.service.get().map_or("", |name| name)
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    pub(super) fn takes_cancel(&self) -> bool {
        self.takes_cancel.load(Ordering::Relaxed)
    }
}

// Connections are in each other's calls: the derived one would go round in circles.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("number", &self.number)
            .field("service", &self.service.get())
            .finish_non_exhaustive()
    }
}
