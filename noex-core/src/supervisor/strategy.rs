//! The decisions of a supervisor, as functions of what it knows.

use std::ops::Range;

use crate::process::ExitReason;
use crate::server::Restart;

/// Which children are started again when one has ended.
///
/// The OTP name is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// That one. The default.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// That one and those started after it.
    RestForOne,
}

/// Whether a supervisor ends by itself when significant children have.
///
/// The OTP name is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AutoShutdown {
    /// It does not. The default.
    #[default]
    Never,
    /// With the first one.
    AnySignificant,
    /// With the last one.
    AllSignificant,
}

impl Strategy {
    /// Which of `count` children, in the order of starting, a restart of the one at `index` takes in.
    pub(super) fn affected(self, index: usize, count: usize) -> Range<usize> {
        match self {
            Strategy::OneForOne => index..index + 1,
            Strategy::OneForAll => 0..count,
            Strategy::RestForOne => index..count,
        }
    }
}

/// What becomes of a child that has ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is started again, as the strategy has it.
    Restart,
    /// Its entry stays, stopped.
    Keep,
    /// Its entry goes.
    Forget,
}

pub(crate) fn fate(restart: Restart, reason: &ExitReason) -> Fate {
    match restart {
        Restart::Permanent => Fate::Restart,
        Restart::Transient if !reason.is_orderly() => Fate::Restart,
        Restart::Transient => Fate::Keep,
        Restart::Temporary => Fate::Forget,
    }
}

/// Whether the supervisor ends too. `significant` is that of the child that has ended for good,
/// `others` tells whether there are other significant children left.
pub(super) fn ends_too(auto: AutoShutdown, significant: bool, others: bool) -> bool {
    match auto {
        AutoShutdown::Never => false,
        AutoShutdown::AnySignificant => significant,
        AutoShutdown::AllSignificant => significant && !others,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn each_restart_type_has_its_own_idea_of_an_end() {
        let orderly = [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::shutdown_with("done"),
        ];
        let abnormal = [
            ExitReason::Killed,
            ExitReason::error("broken"),
            ExitReason::NoProc,
        ];
        for reason in orderly.iter().chain(&abnormal) {
            assert_eq!(fate(Restart::Permanent, reason), Fate::Restart);
            assert_eq!(fate(Restart::Temporary, reason), Fate::Forget);
        }
        for reason in &orderly {
            assert_eq!(fate(Restart::Transient, reason), Fate::Keep);
        }
        for reason in &abnormal {
            assert_eq!(fate(Restart::Transient, reason), Fate::Restart);
        }
    }

    proptest! {
        /// Held against the definition, child by child.
        #[test]
        fn a_restart_takes_in_who_the_strategy_names(count in 1usize..50, at in 0usize..50) {
            let at = at % count;
            for (strategy, takes_in) in [
                (Strategy::OneForOne, (|child, at| child == at) as fn(usize, usize) -> bool),
                (Strategy::OneForAll, |_, _| true),
                (Strategy::RestForOne, |child, at| child >= at),
            ] {
                let affected = strategy.affected(at, count);
                for child in 0..count {
                    prop_assert_eq!(affected.contains(&child), takes_in(child, at));
                }
            }
        }

        /// Significant children end for good one after the other; the model counts.
        #[test]
        fn a_supervisor_ends_with_its_significant_children(significant in prop::collection::vec(any::<bool>(), 1..20)) {
            let first = significant.iter().position(|s| *s);
            let last = significant.iter().rposition(|s| *s);
            for (auto, expected) in [
                (AutoShutdown::Never, None),
                (AutoShutdown::AnySignificant, first),
                (AutoShutdown::AllSignificant, last),
            ] {
                let ended_at = (0..significant.len()).find(|&at| {
                    let others = significant[at + 1..].iter().any(|s| *s);
                    ends_too(auto, significant[at], others)
                });
                prop_assert_eq!(ended_at, expected);
            }
        }
    }
}
