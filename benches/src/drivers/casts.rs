//! Casts to one server, alone and with calls between them.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::prove_by_call;
use crate::peer::Peer;
use crate::workload::{BUSY_CASTS, BUSY_CLIENTS};

/// The time until the last cast has been handled.
pub(super) async fn from_many<P: Peer>(casts: u64, senders: u64) -> Duration {
    let each = casts / senders;
    let (server, _) = P::start(0).await;
    let begin = Instant::now();
    let senders = (0..senders as usize).map(|place| {
        let server = server.clone();
        P::spawn(place, async move {
            for _ in 0..each {
                P::cast(&server).await;
            }
        })
    });
    join_all(senders).await;
    prove_by_call::<P>(&server, casts).await;
    begin.elapsed()
}

/// Two clients that each send eight casts before each call, so that every call comes to a server that
/// has other things to do. The work is the same however the two are scheduled.
pub(super) async fn and_calls<P: Peer>(calls: u64) -> Duration {
    let each = calls / BUSY_CLIENTS as u64;
    let (server, _) = P::start(0).await;
    let begin = Instant::now();
    let clients = (0..BUSY_CLIENTS).map(|place| {
        let server = server.clone();
        P::spawn(place, async move {
            for _ in 0..each {
                for _ in 0..BUSY_CASTS {
                    P::cast(&server).await;
                }
                P::call(&server).await;
            }
        })
    });
    join_all(clients).await;
    prove_by_call::<P>(&server, calls * (BUSY_CASTS + 1)).await;
    begin.elapsed()
}
