use std::time::Duration;

/// How long a supervisor waits before it starts a child again.
///
/// The wait doubles from `min` to `max` with each restart in a row, and begins again
/// when the child has lived for `reset_after`. Without a backoff a child is restarted at once.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use noex::Backoff;
///
/// let patient = Backoff::new(Duration::from_millis(100), Duration::from_secs(10))
///     .jitter(0.2)
///     .reset_after(Duration::from_secs(60));
/// # let _ = patient;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    jitter: f64,
    reset_after: Duration,
}

impl Backoff {
    /// A wait of `min`, then twice that, and so on up to `max`; no jitter; begins
    /// again after the child has lived for `max`.
    pub fn new(min: Duration, max: Duration) -> Self {
        Backoff {
            min,
            max: max.max(min),
            jitter: 0.0,
            reset_after: max.max(min),
        }
    }

    /// Varies each wait by up to this fraction of it, in both directions, so
    /// that children that failed together do not come back together. Taken as
    /// between 0 and 1.
    #[must_use]
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = if fraction.is_nan() {
            0.0
        } else {
            fraction.clamp(0.0, 1.0)
        };
        self
    }

    /// After what time of life the child's next restart is its first again.
    #[must_use]
    pub fn reset_after(mut self, lived: Duration) -> Self {
        self.reset_after = lived;
        self
    }

    pub(crate) fn is_reset_by(&self, lived: Duration) -> bool {
        lived >= self.reset_after
    }

    /// The wait before restart number `attempt` in a row (from 0); `random` is in 0..1.
    pub(crate) fn delay(&self, attempt: u32, random: f64) -> Duration {
        let doubled = self
            .min
            .saturating_mul(2u32.saturating_pow(attempt.min(31)));
        let base = doubled.min(self.max);
        let factor = 1.0 + self.jitter * (random * 2.0 - 1.0);
        base.mul_f64(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn waits_double_up_to_the_greatest() {
        let backoff = Backoff::new(MS(100), MS(500));
        let waits = [0, 1, 2, 3, 100].map(|attempt| backoff.delay(attempt, 0.9));
        assert_eq!(waits, [MS(100), MS(200), MS(400), MS(500), MS(500)]);
    }

    #[test]
    fn jitter_goes_both_ways_and_stays_within_its_fraction() {
        let backoff = Backoff::new(MS(100), MS(100)).jitter(0.5);
        assert_eq!(backoff.delay(0, 0.0), MS(50));
        assert_eq!(backoff.delay(0, 0.5), MS(100));
        assert_eq!(backoff.delay(0, 1.0), MS(150));
    }

    #[test]
    fn nonsense_is_put_right() {
        let backoff = Backoff::new(MS(100), MS(1)).jitter(f64::NAN);
        assert_eq!(backoff.delay(5, 1.0), MS(100));
        assert_eq!(backoff.jitter(7.0).delay(0, 1.0), MS(200));
    }
}
