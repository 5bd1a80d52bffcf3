//! Starting, stopping, and what a server takes that does nothing.

use std::time::{Duration, Instant};

use super::prove;
use crate::peer::{Dynamic, Peer, StopsTogether};
use crate::{census, memory};

/// The time until the last init has run. Peers whose start does not wait for
/// init are free not to.
pub(super) async fn start<P: Peer>(servers: u64) -> Duration {
    let (elapsed, started) = P::spawn(0, async move {
        let mut started = Vec::with_capacity(servers as usize);
        let begin = Instant::now();
        for _ in 0..servers {
            started.push(P::start(0).await.0);
        }
        census::settle(servers).await;
        let last = started.last().expect("one was started");
        prove(P::call(last).await, 1);
        (begin.elapsed(), started)
    })
    .await;
    drop(started);
    elapsed
}

pub(super) async fn start_dynamic<P: Dynamic>(servers: u64) -> Duration {
    let supervisor = P::start_supervisor().await;
    let (elapsed, started) = P::spawn(0, async move {
        let mut started = Vec::with_capacity(servers as usize);
        let begin = Instant::now();
        for _ in 0..servers {
            started.push(P::start_child(&supervisor).await);
        }
        census::settle(servers).await;
        let last = started.last().expect("one was started");
        prove(P::call(last).await, 1);
        (begin.elapsed(), started)
    })
    .await;
    drop(started);
    elapsed
}

/// All children of a supervisor side by side.
pub(super) async fn stop_dynamic<P: StopsTogether>(servers: u64) -> Duration {
    let supervisor = P::start_supervisor().await;
    for _ in 0..servers {
        P::start_child(&supervisor).await;
    }
    census::settle(servers).await;
    P::spawn(0, async move {
        let begin = Instant::now();
        P::stop_supervisor(supervisor).await;
        begin.elapsed()
    })
    .await
}

/// One after the other, each waited for.
pub(super) async fn stop<P: Peer>(servers: u64) -> Duration {
    let mut started = Vec::with_capacity(servers as usize);
    for _ in 0..servers {
        started.push(P::start(0).await);
    }
    census::settle(servers).await;
    let elapsed = P::spawn(0, async move {
        let begin = Instant::now();
        for (server, join) in started {
            P::stop(server, join).await;
        }
        begin.elapsed()
    })
    .await;
    census::settle(0).await;
    elapsed
}

/// What the resident set grows by for each server, with one ref to it. Its init has run and
/// it has not been called.
pub(super) async fn idle_bytes<P: Peer>(servers: u64) -> f64 {
    const WARM_UP: u64 = 100;
    let mut started = Vec::with_capacity((servers + WARM_UP) as usize);
    for _ in 0..WARM_UP {
        started.push(P::start(0).await.0);
    }
    census::settle(WARM_UP).await;
    let before = memory::resident().expect("it was asked before");
    for _ in 0..servers {
        started.push(P::start(0).await.0);
    }
    census::settle(WARM_UP + servers).await;
    let after = memory::resident().expect("it was asked before");
    prove(started.len() as u64, WARM_UP + servers);
    after.saturating_sub(before) as f64 / servers as f64
}
