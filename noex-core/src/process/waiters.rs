//! Who waits for this process: calls that were not answered at once, starts, stops.
//!
//! One table serves two ends. The death path fails all of them with the exit
//! reason, and one timer per process (not one per call) expires those whose
//! deadline has come. Nobody takes an entry out when its answer arrives:
//! settled ones are swept when the table has doubled, so registering stays one
//! push and memory stays within twice the calls that really wait.
//!
//! Lock order: this lock, then a slot's.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::exit_reason::ExitReason;
use super::slot::Waiter;
use super::timers::TimerId;

#[derive(Default)]
pub(crate) struct Waiters {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    closed: bool,
    // Boxed since most processes never need it.
    table: Option<Box<Table>>,
}

#[derive(Default)]
struct Table {
    entries: BinaryHeap<Entry>,
    sweep_at: usize,
    /// When the process's expiry timer fires next.
    armed: Option<Instant>,
    timer: Option<TimerId>,
}

struct Entry {
    /// `None` waits without limit.
    deadline: Option<Instant>,
    waiter: Arc<dyn Waiter>,
}

const SWEEP_AT_LEAST: usize = 32;

/// The process is dead: look at its exit reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl Waiters {
    /// Adds a waiter. `Ok(Some(at))` asks the caller to have `expire` called at `at`.
    pub(crate) fn add(
        &self,
        waiter: Arc<dyn Waiter>,
        deadline: Option<Instant>,
    ) -> Result<Option<Instant>, Closed> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(Closed);
        }
        let table = inner.table.get_or_insert_default();
        if table.entries.len() >= table.sweep_at.max(SWEEP_AT_LEAST) {
            table.entries.retain(|entry| !entry.waiter.is_settled());
            table.sweep_at = table.entries.len() * 2;
        }
        table.entries.push(Entry { deadline, waiter });
        let Some(deadline) = deadline else {
            return Ok(None);
        };
        if table.armed.is_some_and(|armed| armed <= deadline) {
            return Ok(None);
        }
        table.armed = Some(deadline);
        Ok(Some(deadline))
    }

    /// The timer for `at` is set. Gives the one that has become superfluous: the earlier one,
    /// or this one if another has been asked for meanwhile.
    pub(crate) fn set_timer(&self, at: Instant, timer: TimerId) -> Option<TimerId> {
        let mut inner = self.inner.lock();
        match inner.table.as_deref_mut() {
            Some(table) if table.armed == Some(at) => table.timer.replace(timer),
            _ => Some(timer),
        }
    }

    /// The timer has fired: expires what is due, and gives back when it is to fire again.
    pub(crate) fn expire(&self, now: Instant) -> Option<Instant> {
        let mut due = Vec::new();
        let next = {
            let mut inner = self.inner.lock();
            let table = inner.table.as_deref_mut()?;
            if table.armed.is_none_or(|armed| armed > now) {
                return None; // a timer that has become superfluous in this moment
            }
            while let Some(first) = table.entries.peek() {
                let settled = first.waiter.is_settled();
                if !settled && first.deadline.is_none_or(|deadline| deadline > now) {
                    break;
                }
                if let Some(entry) = table.entries.pop()
                    && !settled
                {
                    due.push(entry.waiter);
                }
            }
            table.armed = table.entries.peek().and_then(|first| first.deadline);
            table.armed
        };
        for waiter in due {
            waiter.expire();
        }
        next
    }

    /// The process is dead: everybody gets the reason, and nobody can be added.
    pub(crate) fn close(&self, reason: &ExitReason) {
        let table = {
            let mut inner = self.inner.lock();
            inner.closed = true;
            inner.table.take()
        };
        for entry in table.into_iter().flat_map(|table| table.entries) {
            entry.waiter.down(reason);
        }
    }

    /// The process is on its way out.
    pub(crate) fn owner_ends(&self) {
        self.for_each(|waiter| waiter.owner_ends());
    }

    /// The process lives on, although it has dropped reply ports.
    pub(crate) fn settle(&self) {
        self.for_each(|waiter| waiter.settle());
    }

    /// `init` has returned.
    pub(crate) fn started(&self) {
        self.for_each(|waiter| waiter.started());
    }

    /// Wakers are called outside of the lock.
    fn for_each(&self, tell: impl Fn(&dyn Waiter)) {
        let waiters: Vec<_> = {
            let inner = self.inner.lock();
            let entries = inner.table.iter().flat_map(|table| &table.entries);
            entries.map(|entry| entry.waiter.clone()).collect()
        };
        for waiter in waiters {
            tell(&*waiter);
        }
    }

    pub(crate) fn len(&self) -> usize {
        let inner = self.inner.lock();
        let entries = inner.table.iter().flat_map(|table| &table.entries);
        entries.filter(|entry| !entry.waiter.is_settled()).count()
    }
}

// The heap gives its greatest first: that is to be the earliest deadline.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.deadline, other.deadline) {
            (Some(a), Some(b)) => b.cmp(&a),
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => Ordering::Equal,
        }
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::slot::{Failure, Slot};
    use super::*;

    fn slot() -> Arc<Slot<()>> {
        Arc::new(Slot::new())
    }

    #[test]
    fn only_the_earliest_deadline_is_armed_and_only_what_is_due_expires() {
        let now = Instant::now();
        let at = |ms| Some(now + Duration::from_millis(ms));
        let waiters = Waiters::default();
        let (late, early, never) = (slot(), slot(), slot());
        assert_eq!(waiters.add(late.clone(), at(20)), Ok(at(20)));
        assert_eq!(waiters.add(never.clone(), None), Ok(None));
        assert_eq!(waiters.add(early.clone(), at(10)), Ok(at(10)));
        assert_eq!(waiters.add(slot(), at(30)), Ok(None));

        assert_eq!(
            waiters.expire(now + Duration::from_millis(5)),
            None,
            "too early"
        );
        assert_eq!(waiters.expire(now + Duration::from_millis(15)), at(20));
        assert!(matches!(early.try_take(), Some(Err(Failure::Expired))));
        assert!(late.try_take().is_none());

        waiters.close(&ExitReason::Killed);
        assert!(matches!(late.try_take(), Some(Err(Failure::Down(_)))));
        assert!(matches!(never.try_take(), Some(Err(Failure::Down(_)))));
        assert_eq!(waiters.add(slot(), None), Err(Closed));
    }

    #[test]
    fn settled_waiters_are_swept() {
        let waiters = Waiters::default();
        for _ in 0..10_000 {
            let one = slot();
            assert!(waiters.add(one.clone(), None).is_ok());
            assert_eq!(one.complete(()), Ok(()));
        }
        let inner = waiters.inner.lock();
        assert!(inner.table.as_ref().is_some_and(|t| t.entries.len() <= 64));
    }
}
