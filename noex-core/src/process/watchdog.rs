//! Reports handlers that do not come back, while they are still running.
//!
//! A handler that does not yield cannot be preempted, and its runtime may have
//! no thread left to notice. So one plain thread looks every quarter of the limit
//! at what each thread runs. Entering and leaving a process costs two stores;
//! nobody reads a clock for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::cell::Core;
use super::lifecycle::{self, Lifecycle};
use super::pid::Pid;
use super::table;

/// What one thread runs. `turn` counts up with each change.
pub(crate) struct Lookout {
    pid: AtomicU64,
    turn: AtomicU64,
}

static LOOKOUTS: Mutex<Vec<Weak<Lookout>>> = Mutex::new(Vec::new());

/// How long a handler may hold its thread, in milliseconds.
static LIMIT: AtomicU64 = AtomicU64::new(DEFAULT_LIMIT.as_millis() as u64);

const DEFAULT_LIMIT: Duration = Duration::from_secs(1);

impl Lookout {
    /// The calling thread's own.
    pub(crate) fn register() -> Arc<Lookout> {
        let lookout = Arc::new(Lookout {
            pid: AtomicU64::new(0),
            turn: AtomicU64::new(0),
        });
        let mut lookouts = LOOKOUTS.lock();
        lookouts.retain(|known| known.strong_count() > 0);
        lookouts.push(Arc::downgrade(&lookout));
        lookout
    }

    // Plain loads and stores: only the owning thread writes.
    #[inline]
    pub(crate) fn entered(&self, pid: Pid) {
        self.back_to(Some(pid));
    }

    #[inline]
    pub(crate) fn back_to(&self, pid: Option<Pid>) {
        self.pid
            .store(pid.map_or(0, Pid::as_u64), Ordering::Relaxed);
        let turn = self.turn.load(Ordering::Relaxed);
        self.turn.store(turn.wrapping_add(1), Ordering::Release);
    }

    fn look(&self) -> (u64, Option<Pid>) {
        let turn = self.turn.load(Ordering::Acquire);
        (turn, Pid::from_u64(self.pid.load(Ordering::Relaxed)))
    }
}

/// Sets after what time a handler that has not yielded is reported, for the
/// whole OS process (default 1 s). A limit of zero means one millisecond.
///
/// The report is a `tracing` warning with the pid and the kind of message, and
/// [`Lifecycle::Stalled`] to those who subscribe to lifecycle events. It comes while the
/// handler still runs, once for each time.
pub fn set_watchdog_limit(limit: Duration) {
    let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1);
    LIMIT.store(millis, Ordering::Relaxed);
    let (changed, condvar) = &LIMIT_CHANGED;
    *changed.lock() = true;
    condvar.notify_all();
}

static LIMIT_CHANGED: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Starts the thread when the first process starts.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let thread = std::thread::Builder::new().name("noex-watchdog".into());
        if let Err(error) = thread.spawn(watch) {
            tracing::warn!(%error, "no thread for the watchdog: stalled handlers go unreported");
        }
    });
}

struct Seen {
    lookout: Weak<Lookout>,
    turn: u64,
    /// Messages the process had handled: one turn may take many.
    handled: u64,
    since: Instant,
    reported: bool,
}

fn watch() {
    let mut seen: Vec<Seen> = Vec::new();
    loop {
        let limit = Duration::from_millis(LIMIT.load(Ordering::Relaxed));
        {
            let (changed, condvar) = &LIMIT_CHANGED;
            let mut changed = changed.lock();
            if !*changed {
                condvar.wait_for(&mut changed, limit / 4);
            }
            *changed = false;
        }
        seen.retain(|seen| seen.lookout.strong_count() > 0);
        for known in LOOKOUTS.lock().iter() {
            if !seen.iter().any(|seen| seen.lookout.ptr_eq(known)) {
                seen.push(Seen {
                    lookout: known.clone(),
                    turn: 0,
                    handled: 0,
                    since: Instant::now(),
                    reported: false,
                });
            }
        }
        for seen in &mut seen {
            let Some(lookout) = seen.lookout.upgrade() else {
                continue;
            };
            let (turn, pid) = lookout.look();
            let Some(process) = pid.and_then(table::find) else {
                seen.reported = false;
                continue;
            };
            let handled = process.core().handled();
            if (turn, handled) != (seen.turn, seen.handled) {
                (seen.turn, seen.handled) = (turn, handled);
                seen.since = Instant::now();
                seen.reported = false;
            } else if !seen.reported && seen.since.elapsed() >= limit {
                seen.reported = true;
                report(process.core(), seen.since.elapsed());
            }
        }
    }
}

fn report(core: &Core, running_for: Duration) {
    let (pid, kind) = (core.pid(), core.kind());
    tracing::warn!(
        %pid,
        name = core.name().unwrap_or_default(),
        handling = %kind,
        ms = running_for.as_millis(),
        "a handler has not yielded; nothing else runs on its thread",
    );
    lifecycle::publish(|| Lifecycle::Stalled {
        pid,
        message: kind,
        running_for,
    });
}
