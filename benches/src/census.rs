//! Which servers there are: each peer's server holds an [`Alive`], made by its init, and so
//! a workload can prove that every init has run and every state is gone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static ALIVE: AtomicU64 = AtomicU64::new(0);
static BORN: AtomicU64 = AtomicU64::new(0);

/// Part of a server's state.
#[derive(Debug)]
pub struct Alive(());

impl Alive {
    pub fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Alive(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits until there are so many servers.
pub async fn settle(servers: u64) {
    let begin = Instant::now();
    while ALIVE.load(Ordering::Relaxed) != servers {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{servers} servers were to be there, and {} are",
            ALIVE.load(Ordering::Relaxed)
        );
        tokio::task::yield_now().await;
    }
}

/// The number of an incarnation: the first since [`forget_births`] has 0.
pub fn birth() -> u64 {
    BORN.fetch_add(1, Ordering::Relaxed)
}

pub fn forget_births() {
    BORN.store(0, Ordering::Relaxed);
}
