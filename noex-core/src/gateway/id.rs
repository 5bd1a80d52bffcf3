//! Ids that do not repeat: a random start for each, and a count.

use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids that are unique among those of this maker, and told apart from those of others by
/// a random part.
#[derive(Debug)]
pub(crate) struct Ids {
    salt: u64,
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Ids {
            salt: fastrand::u64(..),
            next: AtomicU64::new(1),
        }
    }

    /// A short id, unique within a connection.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A root id, which is seen by every service of a chain.
    pub(crate) fn root(&self) -> String {
        format!("root-{:016x}-{:x}", self.salt, self.next())
    }
}
