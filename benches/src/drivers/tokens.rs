//! A token that is passed on by casts: the ring, and the ping-pong of two.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::prove;
use crate::peer::{Peer, Token};

pub(super) async fn ring<P: Peer>(hops: u64, servers: usize) -> Duration {
    let mut nodes = Vec::with_capacity(servers);
    for _ in 0..servers {
        nodes.push(P::start_node().await);
    }
    for (index, node) in nodes.iter().enumerate() {
        P::join(node, nodes[(index + 1) % servers].clone()).await;
    }
    let (done, arrived) = oneshot::channel();
    let first = nodes[0].clone();
    let begin = Instant::now();
    P::spawn(0, async move {
        let left = hops - 1;
        P::pass(&first, Token { left, done }).await;
        arrived.await.expect("the token arrived");
    })
    .await;
    let elapsed = begin.elapsed();
    let mut passed = 0;
    for node in &nodes {
        passed += P::passed(node).await;
    }
    prove(passed, hops);
    elapsed
}
