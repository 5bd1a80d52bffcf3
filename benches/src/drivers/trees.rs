//! Trees of servers: Skynet, and a supervisor whose child crashes.

use std::time::{Duration, Instant};

use super::prove;
use crate::census;
use crate::peer::{Peer, Restarts};
use crate::workload::leaves;

pub(super) async fn skynet<P: Peer>() -> Duration {
    let leaves = leaves();
    let begin = Instant::now();
    let sum = P::spawn(0, P::skynet(leaves)).await;
    let elapsed = begin.elapsed();
    prove(sum, leaves * (leaves - 1) / 2);
    elapsed
}

/// The time from a crash to an answer of the next incarnation.
pub(super) async fn restart<P: Restarts>(crashes: u64) -> Duration {
    census::forget_births();
    let tree = P::start_tree().await;
    let begin = Instant::now();
    let last = P::spawn(0, async move {
        let mut present = 0;
        for _ in 0..crashes {
            present = P::crash(&tree, present).await;
        }
        present
    })
    .await;
    let elapsed = begin.elapsed();
    prove(last, crashes);
    elapsed
}
