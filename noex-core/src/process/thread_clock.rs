//! Deadlines for those who wait outside of any tokio runtime: a plain thread
//! that polls a call with another executor. One thread serves all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Once, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::slot::Waiter;

struct Clock {
    due: Mutex<BTreeMap<(Instant, u64), Weak<dyn Waiter>>>,
    earlier: Condvar,
}

static CLOCK: Clock = Clock {
    due: Mutex::new(BTreeMap::new()),
    earlier: Condvar::new(),
};

/// Expires the waiter after `delay`, if it still waits.
pub(crate) fn expire_after(delay: Duration, waiter: &Arc<dyn Waiter>) {
    static STARTED: Once = Once::new();
    let Some(at) = Instant::now().checked_add(delay) else {
        return;
    };
    STARTED.call_once(|| {
        let thread = std::thread::Builder::new().name("noex-clock".into());
        if let Err(error) = thread.spawn(run) {
            tracing::warn!(%error, "no thread for the clock: calls from plain threads do not time out");
        }
    });
    let mut due = CLOCK.due.lock();
    let id = due.last_key_value().map_or(0, |((_, id), _)| id + 1);
    let mut key = (at, id);
    while due.contains_key(&key) {
        key.1 += 1;
    }
    due.insert(key, Arc::downgrade(waiter));
    if due
        .first_key_value()
        .is_some_and(|(first, _)| *first == key)
    {
        CLOCK.earlier.notify_one();
    }
}

fn run() {
    let mut due = CLOCK.due.lock();
    loop {
        due.retain(|_, waiter| waiter.strong_count() > 0);
        let Some((&(at, _), _)) = due.first_key_value() else {
            CLOCK.earlier.wait(&mut due);
            continue;
        };
        if at > Instant::now() {
            CLOCK.earlier.wait_until(&mut due, at);
            continue;
        }
        let first = due.pop_first().and_then(|(_, waiter)| waiter.upgrade());
        if let Some(waiter) = first {
            parking_lot::MutexGuard::unlocked(&mut due, || waiter.expire());
        }
    }
}
