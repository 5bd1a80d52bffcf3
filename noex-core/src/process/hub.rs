//! What the processes of one tokio runtime share: its handle, its timers, and
//! the task whose drop tells that the runtime is gone.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use parking_lot::RwLock;
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

use super::timers::{Keeper, Timers};
use super::{run, table, unwind, watchdog};

pub(crate) struct Hub {
    id: Id,
    handle: Handle,
    timers: Arc<Timers>,
    closed: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HubError {
    /// The thread is not in the context of a tokio runtime.
    NoRuntime,
    /// The runtime was built without a timer.
    NoTimer,
}

fn hubs() -> &'static RwLock<HashMap<Id, Arc<Hub>>> {
    static HUBS: OnceLock<RwLock<HashMap<Id, Arc<Hub>>>> = OnceLock::new();
    HUBS.get_or_init(RwLock::default)
}

impl Hub {
    /// That of the runtime in whose context this thread is.
    pub(crate) fn current() -> Result<Arc<Hub>, HubError> {
        let handle = Handle::try_current().map_err(|_| HubError::NoRuntime)?;
        let id = handle.id();
        if let Some(hub) = hubs().read().get(&id) {
            return Ok(hub.clone());
        }
        Hub::open(handle)
    }

    #[cold]
    fn open(handle: Handle) -> Result<Arc<Hub>, HubError> {
        unwind::install_hook();
        watchdog::start();
        // tokio has no question for this; making a sleep panics without a timer.
        unwind::probe(|| drop(tokio::time::sleep(std::time::Duration::ZERO)))
            .ok_or(HubError::NoTimer)?;
        let hub = {
            let mut hubs = hubs().write();
            if let Some(hub) = hubs.get(&handle.id()) {
                return Ok(hub.clone());
            }
            let hub = Arc::new(Hub {
                id: handle.id(),
                handle,
                timers: Arc::new(Timers::default()),
                closed: AtomicBool::new(false),
            });
            hubs.insert(hub.id, hub.clone());
            hub
        };
        // On a runtime that is shutting down this drops the sentinel, which closes the hub.
        hub.spawn(Sentinel {
            keeper: Keeper::new(hub.timers.clone()),
            hub: hub.clone(),
        });
        Ok(hub)
    }

    /// Whether this thread is in the context of the hub's runtime.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        Handle::try_current().is_ok_and(|handle| handle.id() == self.id)
    }

    /// Every task of noex starts here.
    pub(crate) fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(task)
    }

    /// The time by the runtime's clock, which a test may have paused.
    pub(crate) fn now(&self) -> Instant {
        if self.is_here() {
            Instant::now()
        } else {
            let _context = self.handle.enter();
            Instant::now()
        }
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The runtime is being shut down: its processes die with it.
    fn close(self: &Arc<Self>) {
        self.closed.store(true, Ordering::Release);
        hubs().write().remove(&self.id);
        let mine = table::collect(|process| Arc::ptr_eq(process.core().hub(), self));
        for process in mine {
            run::runtime_gone(process);
        }
        self.timers.close();
    }
}

/// Keeps the timers, and notices the end of the runtime by being dropped.
struct Sentinel {
    keeper: Keeper,
    hub: Arc<Hub>,
}

impl Future for Sentinel {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.keeper).poll(cx)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.hub.close();
    }
}
