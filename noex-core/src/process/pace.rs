//! Whether a process's handlers are short enough to be run by their callers.
//!
//! A clock read costs a fifth of a call, so it is sampled: every run among the
//! first few, then one in sixteen. Once a run was too long the process is left to
//! its driver, which measures every run, until enough of them were short.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Two fields in one byte: the count of runs (below `SLOW`), or how many short runs a
/// slow process still owes (above).
pub(crate) struct Pace {
    runs: AtomicU8,
    /// The last run that was measured was [`BRIEF`].
    brief: AtomicBool,
}

/// A handler that takes no longer than this has not used up much of its caller's turn.
const BRIEF: Duration = Duration::from_micros(2);

/// A handler that takes longer than this is not run by its caller again.
pub(crate) const SHORT: Duration = Duration::from_micros(50);

const SLOW: u8 = 128;
const SHORT_RUNS_OWED: u8 = 16;
const ALWAYS_SAMPLED: u8 = 4;
const SAMPLE_ONE_IN: u8 = 16;

impl Pace {
    pub(crate) fn new() -> Self {
        Pace {
            runs: AtomicU8::new(0),
            brief: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(crate) fn is_fast(&self) -> bool {
        self.runs.load(Ordering::Relaxed) < SLOW
    }

    #[inline]
    pub(crate) fn is_brief(&self) -> bool {
        self.brief.load(Ordering::Relaxed)
    }

    /// A caller begins a run: `Some` when it is to be measured.
    #[inline]
    pub(crate) fn begin(&self) -> Option<Instant> {
        // The runner is alone, so load and store need not be one step.
        let count = self.runs.load(Ordering::Relaxed);
        if count >= SLOW {
            return None;
        }
        let next = if count == SLOW - 1 {
            SAMPLE_ONE_IN
        } else {
            count + 1
        };
        self.runs.store(next, Ordering::Relaxed);
        (count < ALWAYS_SAMPLED || count.is_multiple_of(SAMPLE_ONE_IN)).then(Instant::now)
    }

    #[inline]
    pub(crate) fn end(&self, begun: Option<Instant>) {
        let Some(took) = begun.map(|begun| begun.elapsed()) else {
            return;
        };
        self.brief.store(took <= BRIEF, Ordering::Relaxed);
        if took > SHORT {
            self.runs.store(SLOW + SHORT_RUNS_OWED, Ordering::Relaxed);
        }
    }

    /// The driver has run `messages` of them in `took`.
    pub(crate) fn driven(&self, took: Duration, messages: u64) {
        let owed = self.runs.load(Ordering::Relaxed);
        if owed < SLOW {
            return;
        }
        let messages = u32::try_from(messages.max(1)).unwrap_or(u32::MAX);
        let next = if took / messages > SHORT {
            SLOW + SHORT_RUNS_OWED
        } else if owed > SLOW {
            owed - 1
        } else {
            0
        };
        self.runs.store(next, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_callers_away_until_enough_were_short() {
        let pace = Pace::new();
        let long_ago = Instant::now().checked_sub(SHORT * 2);
        assert!(pace.begin().is_some(), "the first run is measured");
        pace.end(long_ago);
        assert!(!pace.is_fast());
        for _ in 0..SHORT_RUNS_OWED {
            pace.driven(Duration::ZERO, 1);
            assert!(!pace.is_fast());
        }
        pace.driven(SHORT * 100, 200);
        assert!(pace.is_fast());
    }

    #[test]
    fn one_run_in_sixteen_is_measured_for_ever() {
        let pace = Pace::new();
        let measured = (0..8000).filter(|_| pace.begin().is_some()).count();
        assert!((500..600).contains(&measured), "{measured}");
    }
}
