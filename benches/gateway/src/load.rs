//! One caller's load: so many calls in flight, for so long.

use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);

/// Prints calls per second for 1 and 64 in flight.
pub async fn run<F: Future<Output = ()>>(call: impl Fn() -> F) {
    for in_flight in [1, 64] {
        for_a_while(&call, in_flight, WARM_UP).await;
        let (count, took) = for_a_while(&call, in_flight, MEASURED).await;
        let rate = count as f64 / took.as_secs_f64();
        println!(
            "{in_flight:>4} in flight {rate:>10.0} calls/s {:>8.1} µs",
            1e6 / rate * in_flight as f64
        );
    }
}

async fn for_a_while<F: Future<Output = ()>>(
    call: &impl Fn() -> F,
    in_flight: usize,
    how_long: Duration,
) -> (u64, Duration) {
    let start = Instant::now();
    let mut count = 0;
    let mut running: FuturesUnordered<_> = (0..in_flight).map(|_| call()).collect();
    while running.next().await.is_some() {
        count += 1;
        if start.elapsed() < how_long {
            running.push(call());
        }
    }
    (count, start.elapsed())
}
