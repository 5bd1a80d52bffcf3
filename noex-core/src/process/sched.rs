//! Who may run a process: three bits that decide it.
//!
//! Whoever moves the word from "not running" to `RUNNING` may poll the loop.
//! `NOTIFIED` says that there is a reason to poll it; setting it on an idle
//! process obliges the setter to wake the driver. A runner that lets go and
//! finds `NOTIFIED` set has inherited that duty. That is the whole protocol:
//! a notification is either seen by the runner or answered with a wake-up.

use std::sync::atomic::Ordering;

use super::sync::AtomicU8;

/// Somebody polls the loop.
const RUNNING: u8 = 1;
/// There is something to do that no runner has seen yet.
const NOTIFIED: u8 = 2;
/// The loop has ended.
const DEAD: u8 = 4;
/// The driver task has been spawned.
const DRIVEN: u8 = 8;
/// The driver task was dropped with its runtime.
const ORPHANED: u8 = 16;

pub(crate) struct Sched(AtomicU8);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    Yes,
    /// Somebody runs it, and will see what there is to do.
    Busy,
    /// Nobody has asked for a run.
    Idle,
    Dead,
}

/// Who asks to run the loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// The process's task: runs only when notified.
    Driver,
    /// A caller: runs only if there is nothing to do but what it brings. It may find that there
    /// is and let go again, so it must not take a notification away.
    Caller,
    /// Whoever ends it with its runtime: runs if nobody else does.
    Undertaker,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Spawn,
    Wake,
    /// There is no runtime to run it any more.
    Gone,
}

impl Sched {
    pub(crate) fn new() -> Self {
        Sched(AtomicU8::new(0))
    }

    /// There is something to do. `true`: the driver has to be woken, by the one who asked.
    #[inline]
    pub(crate) fn notify(&self) -> bool {
        self.0.fetch_or(NOTIFIED, Ordering::AcqRel) & (RUNNING | NOTIFIED | DEAD) == 0
    }

    #[inline]
    pub(crate) fn acquire(&self, runner: Runner) -> Acquired {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now & DEAD != 0 {
                return Acquired::Dead;
            }
            if now & RUNNING != 0 {
                return Acquired::Busy;
            }
            let notified = now & NOTIFIED != 0;
            match runner {
                Runner::Driver if !notified => return Acquired::Idle,
                Runner::Caller if notified => return Acquired::Busy,
                _ => {}
            }
            let next = (now | RUNNING) & !NOTIFIED;
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Acquired::Yes,
                Err(seen) => now = seen,
            }
        }
    }

    /// Lets go. `true`: something came up meanwhile, and the driver has to be woken for it.
    #[inline]
    pub(crate) fn release(&self) -> bool {
        self.0.fetch_and(!RUNNING, Ordering::AcqRel) & NOTIFIED != 0
    }

    /// The loop has ended; called by the runner.
    pub(crate) fn retire(&self) {
        self.0.fetch_or(DEAD, Ordering::AcqRel);
    }

    /// What it takes to have the driver run. The one who gets `Spawn` has to do it.
    pub(crate) fn driver(&self) -> Driver {
        let mut before = self.0.load(Ordering::Acquire);
        if before & (DRIVEN | ORPHANED) != DRIVEN {
            before = self.0.fetch_or(DRIVEN, Ordering::AcqRel);
        }
        if before & ORPHANED != 0 {
            Driver::Gone
        } else if before & DRIVEN != 0 {
            Driver::Wake
        } else {
            Driver::Spawn
        }
    }

    /// The driver can be woken from now on. Who notified before and found nobody to wake is
    /// seen by the driver, which looks next; who notifies later sees the driver.
    pub(crate) fn driver_is_up(&self) {
        self.0.fetch_or(DRIVEN, Ordering::AcqRel);
    }

    /// The runner is about to look what there is to do. `false`: nothing new.
    #[inline]
    pub(crate) fn take_notification(&self) -> bool {
        self.0.load(Ordering::Relaxed) & NOTIFIED != 0
            && self.0.fetch_and(!NOTIFIED, Ordering::AcqRel) & NOTIFIED != 0
    }

    /// The driver task has been dropped.
    pub(crate) fn orphan(&self) {
        self.0.fetch_or(ORPHANED, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_seen_by_the_runner_or_answered_with_a_wake_up() {
        let sched = Sched::new();
        assert_eq!(sched.acquire(Runner::Driver), Acquired::Idle);
        assert!(sched.notify(), "idle: the driver is to be woken");
        assert!(!sched.notify(), "once");
        assert_eq!(sched.acquire(Runner::Driver), Acquired::Yes);
        assert_eq!(sched.acquire(Runner::Caller), Acquired::Busy);
        assert!(!sched.notify(), "the runner will see it");
        assert!(sched.release(), "and has to pass it on");
        assert_eq!(
            sched.acquire(Runner::Caller),
            Acquired::Busy,
            "the driver will"
        );
        assert_eq!(sched.acquire(Runner::Driver), Acquired::Yes);
        assert!(!sched.release());
        assert_eq!(sched.acquire(Runner::Caller), Acquired::Yes, "unasked");
        sched.retire();
        assert_eq!(sched.acquire(Runner::Caller), Acquired::Dead);
        assert!(!sched.notify());
    }
}
