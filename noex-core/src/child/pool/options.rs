use std::time::Duration;

use crate::child::options::ProcessOptions;
use crate::server::Backoff;

/// How many workers, and how jobs are handed to them.
///
/// | option | default |
/// | --- | --- |
/// | [`size`](PoolOptions::size) | 4 workers |
/// | [`queue`](PoolOptions::queue) | 1024 jobs |
/// | [`kind`](PoolOptions::kind) | `execute` |
/// | [`job_timeout`](PoolOptions::job_timeout) | 30 s |
/// | [`retries`](PoolOptions::retries) | 0 |
/// | [`backoff`](PoolOptions::backoff) of a worker's restart | 100 ms, doubling up to 5 s |
#[derive(Clone, Debug)]
pub struct PoolOptions {
    pub(super) worker: ProcessOptions,
    pub(super) size: usize,
    pub(super) queue: usize,
    pub(super) kind: String,
    pub(super) job_timeout: Duration,
    pub(super) retries: u32,
    pub(super) backoff: Backoff,
}

impl PoolOptions {
    /// A pool of such workers.
    pub fn new(worker: ProcessOptions) -> Self {
        PoolOptions {
            worker,
            size: 4,
            queue: 1024,
            kind: "execute".into(),
            job_timeout: Duration::from_secs(30),
            retries: 0,
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
        }
    }

    /// How many workers; at least 1.
    #[must_use]
    pub fn size(mut self, workers: usize) -> Self {
        self.size = workers.max(1);
        self
    }

    /// How many jobs may wait for a worker.
    #[must_use]
    pub fn queue(mut self, jobs: usize) -> Self {
        self.queue = jobs;
        self
    }

    /// The `type` of the request that a job becomes.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// How long a worker may take for a job. A worker that takes longer is killed and started again.
    #[must_use]
    pub fn job_timeout(mut self, timeout: Duration) -> Self {
        self.job_timeout = timeout;
        self
    }

    /// How often a job whose worker died is begun again: only for jobs that may run twice.
    #[must_use]
    pub fn retries(mut self, times: u32) -> Self {
        self.retries = times;
        self
    }

    /// How long to wait before a dead worker is started again.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}
