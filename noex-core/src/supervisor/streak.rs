//! How often in a row a child was started again, which is what its backoff goes by.

use std::time::Duration;

use tokio::time::Instant;

use crate::server::Backoff;

#[derive(Debug, Default)]
pub(crate) struct Streak {
    in_a_row: u32,
    started: Option<Instant>,
}

impl Streak {
    /// The child runs.
    pub(crate) fn started(&mut self, now: Instant) {
        self.started = Some(now);
    }

    /// The wait before its next start.
    pub(crate) fn next_delay(&mut self, backoff: &Backoff) -> Duration {
        if let Some(started) = self.started.take()
            && backoff.is_reset_by(started.elapsed())
        {
            self.in_a_row = 0;
        }
        let delay = backoff.delay(self.in_a_row, fastrand::f64());
        self.in_a_row = self.in_a_row.saturating_add(1);
        delay
    }
}
