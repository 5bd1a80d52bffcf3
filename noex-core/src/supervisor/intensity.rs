//! How many restarts are too many: a window that slides over time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Window {
    /// Restarts allowed within `period`. `None` allows any number.
    allowed: Option<usize>,
    period: Duration,
    /// Those within the period, the oldest first; never more than allowed.
    recent: VecDeque<Instant>,
}

impl Window {
    pub(crate) fn new(allowed: Option<usize>, period: Duration) -> Self {
        Window {
            allowed,
            period,
            recent: VecDeque::new(),
        }
    }

    /// One more restart. `false`: it is one too many.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        let Some(allowed) = self.allowed else {
            return true;
        };
        while let Some(oldest) = self.recent.front()
            && now.saturating_duration_since(*oldest) > self.period
        {
            self.recent.pop_front();
        }
        if self.recent.len() >= allowed {
            return false;
        }
        self.recent.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// The model keeps every restart and counts those within the period.
        #[test]
        fn the_window_slides(
            allowed in 0usize..6,
            period in 1u64..50,
            gaps in prop::collection::vec(0u64..40, 0..60),
        ) {
            let mut window = Window::new(Some(allowed), Duration::from_millis(period));
            let mut now = Instant::now();
            let mut all: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                all.push(now);
                let within = all
                    .iter()
                    .filter(|at| now - **at <= Duration::from_millis(period))
                    .count();
                let admitted = window.admit(now);
                prop_assert_eq!(admitted, within <= allowed);
                if !admitted {
                    break; // the supervisor has ended
                }
            }
        }
    }

    #[test]
    fn any_number_is_allowed_without_keeping_them() {
        let mut window = Window::new(None, Duration::from_secs(5));
        let now = Instant::now();
        assert!((0..100_000).all(|_| window.admit(now)));
        assert!(window.recent.is_empty());
    }
}
