//! Times as the protocol has them: milliseconds since 1970, by the machine that both ends share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// What is left until `deadline`, and nothing when it has passed.
pub(crate) fn left(deadline: u64) -> Duration {
    Duration::from_millis(deadline.saturating_sub(now_ms()))
}

pub(crate) fn after(wait: Duration) -> u64 {
    now_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}
