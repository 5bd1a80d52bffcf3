//! The timers of one tokio runtime: a sorted table, kept by one task.
//!
//! A timer belongs to the process that it will reach and goes when that ends.
//! Cancelling is exact because firing and cancelling take the timer's id out of the
//! same table under the same lock: whoever gets it has it.
//!
//! A `BTreeMap` rather than tokio-util's `DelayQueue`: the queue answers a
//! cancel only on the task that polls it, and cannot be emptied by owner.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, Sleep};

use super::pid::Pid;
use super::unwind::{self, DropEach};

#[derive(Default)]
pub(crate) struct Timers {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    due: BTreeMap<(Instant, TimerId), Entry>,
    owners: HashMap<Pid, HashMap<TimerId, Instant>>,
    last_id: u64,
    keeper: Option<Waker>,
    closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct TimerId(u64);

struct Entry {
    owner: Pid,
    action: Action,
}

/// What happens when the time has come.
pub(crate) enum Action {
    Once(Box<dyn FnOnce() + Send>),
    /// `Some(at)` asks to be run again then.
    Again(Box<dyn FnMut() -> Option<Instant> + Send>),
}

/// Timers fired before the keeper looks at the clock again and lets others run.
const BATCH: usize = 256;

impl Timers {
    /// `None` when the runtime has been shut down.
    pub(crate) fn add(&self, owner: Pid, at: Instant, action: Action) -> Option<TimerId> {
        let (id, keeper) = {
            let mut inner = self.inner.lock();
            if inner.closed {
                return None;
            }
            inner.last_id += 1;
            let id = TimerId(inner.last_id);
            inner.owners.entry(owner).or_default().insert(id, at);
            (id, inner.insert(at, id, Entry { owner, action }))
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
        Some(id)
    }

    /// When it would have fired; `None` when it has fired or was cancelled.
    pub(crate) fn cancel(&self, owner: Pid, id: TimerId) -> Option<Instant> {
        let (at, _entry) = {
            let mut inner = self.inner.lock();
            let at = inner.forget(owner, id)?;
            // An interval that is firing just now is out of the table; it finds
            // its id gone when it wants to go back in. Its entry, which is user
            // data, is dropped outside of the lock.
            (at, inner.due.remove(&(at, id)))
        };
        Some(at)
    }

    pub(crate) fn deadline(&self, owner: Pid, id: TimerId) -> Option<Instant> {
        self.inner.lock().owners.get(&owner)?.get(&id).copied()
    }

    /// The process ended: its timers go with it.
    pub(crate) fn cancel_all(&self, owner: Pid) {
        let _messages = DropEach::new({
            let mut inner = self.inner.lock();
            let timers = inner.owners.remove(&owner).unwrap_or_default();
            let entries = timers
                .into_iter()
                .filter_map(|(id, at)| inner.due.remove(&(at, id)));
            entries.collect::<Vec<Entry>>()
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.lock().due.len()
    }

    /// The runtime is gone.
    pub(crate) fn close(&self) {
        let _messages = DropEach::new({
            let mut inner = self.inner.lock();
            inner.closed = true;
            inner.owners.clear();
            std::mem::take(&mut inner.due)
        });
    }

    /// Runs what is due. Tells when to look again.
    fn fire(&self, waker: &Waker) -> Next {
        for _ in 0..BATCH {
            let (id, entry) = {
                let mut inner = self.inner.lock();
                let Some((&(at, id), _)) = inner.due.first_key_value() else {
                    inner.keeper = Some(waker.clone());
                    return Next::Never;
                };
                if at > Instant::now() {
                    inner.keeper = Some(waker.clone());
                    return Next::At(at);
                }
                let Some((_, entry)) = inner.due.pop_first() else {
                    return Next::Never;
                };
                if matches!(entry.action, Action::Once(_)) {
                    inner.forget(entry.owner, id); // it has fired, to whoever asks
                }
                (id, entry)
            };
            let owner = entry.owner;
            match entry.action {
                Action::Once(fire) => {
                    let _ = unwind::catch(fire);
                }
                Action::Again(mut fire) => {
                    let again = unwind::catch(&mut fire).unwrap_or(None);
                    let action = Action::Again(fire);
                    let _cancelled = self.put_back(id, again, Entry { owner, action });
                }
            }
        }
        Next::Now
    }

    /// An interval has fired: it goes back unless it was cancelled meanwhile, or is done.
    fn put_back(&self, id: TimerId, again: Option<Instant>, entry: Entry) -> Option<Entry> {
        let mut inner = self.inner.lock();
        let owner = entry.owner;
        if let Some(at) = again
            && let Some(known) = inner.owners.get_mut(&owner).and_then(|t| t.get_mut(&id))
        {
            *known = at;
            inner.due.insert((at, id), entry);
            return None;
        }
        inner.forget(owner, id);
        Some(entry)
    }
}

enum Next {
    Never,
    At(Instant),
    Now,
}

impl Inner {
    /// Gives the keeper to be woken when this is now the first timer.
    fn insert(&mut self, at: Instant, id: TimerId, entry: Entry) -> Option<Waker> {
        self.due.insert((at, id), entry);
        let first = self.due.first_key_value().map(|(key, _)| key.1);
        if first == Some(id) {
            self.keeper.take()
        } else {
            None
        }
    }

    fn forget(&mut self, owner: Pid, id: TimerId) -> Option<Instant> {
        let timers = self.owners.get_mut(&owner)?;
        let at = timers.remove(&id);
        if timers.is_empty() {
            self.owners.remove(&owner);
        }
        at
    }
}

/// The future that fires a runtime's timers, for ever.
pub(crate) struct Keeper {
    timers: Arc<Timers>,
    // Made when there is the first timer: a runtime without a clock may run servers
    // as long as nothing asks for the time.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Keeper {
    pub(crate) fn new(timers: Arc<Timers>) -> Self {
        Keeper {
            timers,
            sleep: None,
        }
    }
}

impl Future for Keeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this.timers.fire(cx.waker()) {
                Next::Never => return Poll::Pending,
                Next::Now => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::At(at) => {
                    let sleep = this
                        .sleep
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
                    if sleep.deadline() != at {
                        sleep.as_mut().reset(at);
                    }
                    if sleep.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

/// A deadline this far away is as good as none (30 years, as tokio has it).
pub(crate) fn after(now: Instant, delay: Duration) -> Instant {
    now.checked_add(delay)
        .unwrap_or_else(|| now + Duration::from_secs(86_400 * 365 * 30))
}
