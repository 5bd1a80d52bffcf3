use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Which answers a client keeps, so that the same call with the same parameters is not made again.
///
/// Only results are kept, never errors. Parameters are the same when they are the same JSON text.
///
/// | option | default |
/// | --- | --- |
/// | [`ttl`](CacheRule::ttl) | 5 s |
/// | [`entries`](CacheRule::entries) | 1024, the least recently used goes first |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use noex::gateway::{CacheRule, ClientOptions};
///
/// let options = ClientOptions::new("order-service", "/run/shop/gateway.sock")
///     .cache(CacheRule::new("user-service", "getUserById").ttl(Duration::from_secs(60)));
/// ```
#[derive(Clone, Debug)]
pub struct CacheRule {
    service: Box<str>,
    method: Box<str>,
    ttl: Duration,
    entries: NonZeroUsize,
}

impl CacheRule {
    /// Keeps the results of one method of one service.
    pub fn new(service: impl Into<String>, method: impl Into<String>) -> Self {
        CacheRule {
            service: service.into().into(),
            method: method.into().into(),
            ttl: Duration::from_secs(5),
            entries: NonZeroUsize::MIN.saturating_add(1023),
        }
    }

    /// How long a result is good for.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How many results are kept; one at least.
    pub fn entries(mut self, most: usize) -> Self {
        self.entries = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        self
    }
}

/// The results that a client keeps.
pub(super) struct Cache(HashMap<(Box<str>, Box<str>), Mutex<Kept>>);

struct Kept {
    ttl: Duration,
    results: LruCache<Box<str>, (Instant, Bytes)>,
    /// Counts the invalidations, so that a call that began before one is not kept after it.
    generation: u64,
}

/// What is known of a call before it is made.
#[derive(Debug, PartialEq)]
pub(super) enum Known {
    Result(Bytes),
    /// Its result is to be kept, if the generation is still this one.
    Keep(u64),
    /// It is none of the cache's business.
    Never,
}

impl Cache {
    pub(super) fn new(rules: &[CacheRule]) -> Self {
        let kept = rules.iter().map(|rule| {
            let kept = Kept {
                ttl: rule.ttl,
                results: LruCache::new(rule.entries),
                generation: 0,
            };
            (
                (rule.service.clone(), rule.method.clone()),
                Mutex::new(kept),
            )
        });
        Cache(kept.collect())
    }

    pub(super) fn look(&self, service: &str, method: &str, params: &str) -> Known {
        let Some(kept) = self.rule(service, method) else {
            return Known::Never;
        };
        let mut kept = kept.lock();
        match kept.results.get(params) {
            Some((until, result)) if Instant::now() < *until => Known::Result(result.clone()),
            _ => Known::Keep(kept.generation),
        }
    }

    pub(super) fn keep(
        &self,
        service: &str,
        method: &str,
        params: &str,
        generation: u64,
        result: &[u8],
    ) {
        let Some(kept) = self.rule(service, method) else {
            return;
        };
        let mut kept = kept.lock();
        if kept.generation == generation {
            let until = Instant::now() + kept.ttl;
            // Copied, so that it does not hold on to the whole of what was read with it.
            let result = Bytes::copy_from_slice(result);
            kept.results.put(params.into(), (until, result));
        }
    }

    pub(super) fn invalidate(&self, service: &str, method: &str) {
        if let Some(kept) = self.rule(service, method) {
            let mut kept = kept.lock();
            kept.results.clear();
            kept.generation += 1;
        }
    }

    fn rule(&self, service: &str, method: &str) -> Option<&Mutex<Kept>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(service.into(), method.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> Cache {
        let rule = CacheRule::new("s", "m")
            .ttl(Duration::from_secs(1))
            .entries(2);
        Cache::new(&[rule])
    }

    fn result(text: &'static str) -> Known {
        Known::Result(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_known_until_its_time_is_over() {
        let cache = cache();
        assert_eq!(cache.look("s", "m", "1"), Known::Keep(0));
        cache.keep("s", "m", "1", 0, b"one");
        assert_eq!(cache.look("s", "m", "1"), result("one"));
        assert_eq!(cache.look("s", "other", "1"), Known::Never);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(cache.look("s", "m", "1"), Known::Keep(0));
    }

    #[tokio::test]
    async fn the_least_recently_used_result_makes_room() {
        let cache = cache();
        cache.keep("s", "m", "1", 0, b"one");
        cache.keep("s", "m", "2", 0, b"two");
        assert_eq!(cache.look("s", "m", "1"), result("one"));
        cache.keep("s", "m", "3", 0, b"three");
        assert_eq!(cache.look("s", "m", "2"), Known::Keep(0));
        assert_eq!(cache.look("s", "m", "1"), result("one"));
    }

    #[tokio::test]
    async fn what_was_asked_before_an_invalidation_is_not_kept_after_it() {
        let cache = cache();
        cache.keep("s", "m", "1", 0, b"one");
        cache.invalidate("s", "m");
        cache.keep("s", "m", "1", 0, b"stale");
        assert_eq!(cache.look("s", "m", "1"), Known::Keep(1));
    }
}
