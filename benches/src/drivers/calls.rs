//! Calls: one after the other, side by side, by name, through a chain.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::{prove, prove_by_call};
use crate::peer::{Named, Peer};
use crate::workload::{CALLERS, CHAIN};

/// One client, one server.
pub(super) async fn sequential<P: Peer>(calls: u64) -> Duration {
    let (server, _) = P::start(0).await;
    let begin = Instant::now();
    let last = P::spawn(0, call_in_turn::<P>(server, calls)).await;
    let elapsed = begin.elapsed();
    prove(last, calls);
    elapsed
}

pub(super) async fn pending<P: Peer>(calls: u64) -> Duration {
    let (server, _) = P::start(0).await;
    let begin = Instant::now();
    let last = P::spawn(0, async move {
        let mut last = 0;
        for _ in 0..calls {
            last = P::call_pending(&server).await;
        }
        last
    })
    .await;
    let elapsed = begin.elapsed();
    prove(last, calls);
    elapsed
}

/// 64 clients, each with a server of its own.
pub(super) async fn pairs<P: Peer>(calls: u64) -> Duration {
    let each = calls / CALLERS as u64;
    let mut servers = Vec::with_capacity(CALLERS);
    for place in 0..CALLERS {
        servers.push(P::start(place).await.0);
    }
    let begin = Instant::now();
    let clients = servers.into_iter().enumerate();
    let clients = clients.map(|(place, server)| P::spawn(place, call_in_turn::<P>(server, each)));
    let last = join_all(clients).await;
    let elapsed = begin.elapsed();
    for last in last {
        prove(last, each);
    }
    elapsed
}

/// 64 clients of one server.
pub(super) async fn many_to_one<P: Peer>(calls: u64) -> Duration {
    let each = calls / CALLERS as u64;
    let (server, _) = P::start(0).await;
    let begin = Instant::now();
    let clients =
        (0..CALLERS).map(|place| P::spawn(place, call_in_turn::<P>(server.clone(), each)));
    join_all(clients).await;
    prove_by_call::<P>(&server, each * CALLERS as u64).await;
    begin.elapsed()
}

pub(super) async fn by_name<P: Named>(calls: u64) -> Duration {
    let name = P::start_named("bench").await;
    let begin = Instant::now();
    let last = P::spawn(0, async move {
        let mut last = 0;
        for _ in 0..calls {
            last = P::call_named(&name).await;
        }
        last
    })
    .await;
    let elapsed = begin.elapsed();
    prove(last, calls);
    elapsed
}

/// Eight servers, each of which calls the next before it answers.
pub(super) async fn chain<P: Peer>(calls: u64) -> Duration {
    let mut first = P::start_link(None).await;
    for _ in 1..CHAIN {
        first = P::start_link(Some(first)).await;
    }
    let begin = Instant::now();
    let links = P::spawn(0, async move {
        let mut links = 0;
        for _ in 0..calls {
            links += P::call_link(&first).await;
        }
        links
    })
    .await;
    let elapsed = begin.elapsed();
    prove(links, calls * CHAIN as u64);
    elapsed
}

async fn call_in_turn<P: Peer>(server: P::Server, calls: u64) -> u64 {
    let mut last = 0;
    for _ in 0..calls {
        last = P::call(&server).await;
    }
    last
}
