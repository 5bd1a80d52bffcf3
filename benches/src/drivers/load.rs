//! The latency of single calls while others call and cast.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::time::MissedTickBehavior;

use super::prove_by_call;
use crate::peer::Peer;
use crate::workload::{LOAD_CALLERS, LOAD_CASTS};

/// Eight clients call as fast as they are answered, while one more sends 64 casts each millisecond. The
/// casts come at a fixed rate, so that a fast peer has no more of them to handle than a slow one.
pub(super) async fn latencies<P: Peer>(calls: u64) -> Vec<u64> {
    let each = calls / LOAD_CALLERS as u64;
    let (server, _) = P::start(0).await;
    let over = Arc::new(AtomicBool::new(false));
    let caster = P::spawn(1, cast_until::<P>(server.clone(), over.clone()));
    let callers = (0..LOAD_CALLERS).map(|place| {
        let server = server.clone();
        P::spawn(place, async move {
            let mut latencies = Vec::with_capacity(each as usize);
            for _ in 0..each {
                let begin = Instant::now();
                P::call(&server).await;
                latencies.push(begin.elapsed().as_nanos() as u64);
            }
            latencies
        })
    });
    let latencies = join_all(callers).await.concat();
    over.store(true, Ordering::Relaxed);
    let casts = caster.await;
    prove_by_call::<P>(&server, latencies.len() as u64 + casts).await;
    latencies
}

/// How many it has sent.
async fn cast_until<P: Peer>(server: P::Server, over: Arc<AtomicBool>) -> u64 {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut casts = 0;
    while !over.load(Ordering::Relaxed) {
        ticks.tick().await;
        for _ in 0..LOAD_CASTS {
            P::cast(&server).await;
        }
        casts += LOAD_CASTS;
    }
    casts
}
