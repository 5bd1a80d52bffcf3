use futures::future::join_all;
use noex::{ExitReason, ServerRef};

use super::{idle, link};
use crate::support::Lab;
use crate::support::trees::{alone, soon};

/// `n` processes, each linked with the next and the last with the first.
async fn ring(n: usize) -> Vec<ServerRef<Lab>> {
    let ring = join_all((0..n).map(|_| idle())).await;
    for (at, lab) in ring.iter().enumerate() {
        link(lab, &ring[(at + 1) % n]).await;
    }
    ring
}

#[tokio::test]
async fn a_ring_of_ten_thousand_links_falls_with_one_kill() {
    let ring = ring(10_000).await;
    let downs: Vec<_> = ring.iter().map(ServerRef::monitor).collect();
    ring[5000].kill();
    for down in join_all(downs).await {
        assert_eq!(down.reason, ExitReason::Killed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ring_of_ten_thousand_links_falls_with_one_kill_on_several_threads() {
    soon(async {
        let ring = ring(10_000).await;
        let downs: Vec<_> = ring.iter().map(ServerRef::monitor).collect();
        ring[5000].kill();
        for down in join_all(downs).await {
            assert_eq!(down.reason, ExitReason::Killed);
        }
    })
    .await;
}

#[test]
fn a_ring_of_ten_thousand_links_falls_with_its_runtime() {
    // A stack that overflows takes the whole process along.
    alone(
        "links::rings::a_ring_of_ten_thousand_links_falls_with_its_runtime",
        || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let ring = runtime.block_on(ring(10_000));
            drop(runtime);
            assert!(ring.iter().all(|lab| !lab.is_alive()));
        },
    );
}
