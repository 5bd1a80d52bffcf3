//! The workloads, each written once over what a [`Peer`] can do.
//!
//! Each proves by what the servers answer at the end that all of its messages were handled; what
//! was not is a panic, and no figure.

mod calls;
mod casts;
mod lives;
mod load;
mod tokens;
mod trees;

use std::future::Future;
use std::time::Duration;

use crate::peer::{Dynamic, Named, Peer, Restarts, StopsTogether};
use crate::sample::{Metric, Sample};
use crate::workload::{Job, Workload};
use crate::{census, memory};

/// What every peer can do. `None` for what needs more: [`call_name`], [`start_dynamic`],
/// [`stop_dynamic`], [`restart`].
pub fn common<P: Peer>(job: Job) -> Option<Sample> {
    let n = job.workload.operations();
    Some(match job.workload {
        Workload::Call => timed::<P>(job, calls::sequential::<P>(n)),
        Workload::CallPending => timed::<P>(job, calls::pending::<P>(n)),
        Workload::Call64x64 => timed::<P>(job, calls::pairs::<P>(n)),
        Workload::Call64x1 => timed::<P>(job, calls::many_to_one::<P>(n)),
        Workload::CallChain8 => timed::<P>(job, calls::chain::<P>(n)),
        Workload::Cast1 => timed::<P>(job, casts::from_many::<P>(n, 1)),
        Workload::Cast4 => timed::<P>(job, casts::from_many::<P>(n, 4)),
        Workload::CallBusy => timed::<P>(job, casts::and_calls::<P>(n)),
        Workload::CallLoad => Sample::percentiles(P::run(job.flavour, load::latencies::<P>(n))),
        Workload::Start => timed::<P>(job, lives::start::<P>(n)),
        Workload::Stop => timed::<P>(job, lives::stop::<P>(n)),
        Workload::Ring => timed::<P>(job, tokens::ring::<P>(n, crate::workload::RING)),
        Workload::PingPong => timed::<P>(job, tokens::ring::<P>(n, 2)),
        Workload::IdleBytes => {
            memory::resident()?;
            let bytes = P::run(job.flavour, lives::idle_bytes::<P>(n));
            Sample::of(Metric::Bytes, bytes)
        }
        Workload::Skynet => {
            let Sample(mut values) = timed::<P>(job, trees::skynet::<P>());
            values.extend(memory::peak().map(|peak| (Metric::PeakBytes, peak as f64)));
            Sample(values)
        }
        Workload::CallName
        | Workload::StartDynamic
        | Workload::StopDynamic1k
        | Workload::StopDynamic10k
        | Workload::Restart => return None,
    })
}

pub fn call_name<P: Named>(job: Job) -> Option<Sample> {
    let n = job.workload.operations();
    Some(timed::<P>(job, calls::by_name::<P>(n)))
}

/// That ten times as many take at most 15 times as long is said by the figures for one child.
pub fn stop_dynamic<P: StopsTogether>(job: Job) -> Option<Sample> {
    let n = job.workload.operations();
    Some(timed::<P>(job, lives::stop_dynamic::<P>(n)))
}

pub fn start_dynamic<P: Dynamic>(job: Job) -> Option<Sample> {
    let n = job.workload.operations();
    Some(timed::<P>(job, lives::start_dynamic::<P>(n)))
}

pub fn restart<P: Restarts>(job: Job) -> Option<Sample> {
    let n = job.workload.operations();
    Some(timed::<P>(job, trees::restart::<P>(n)))
}

fn timed<P: Peer>(job: Job, driver: impl Future<Output = Duration> + Send + 'static) -> Sample {
    let elapsed = P::run(job.flavour, async {
        census::settle(0).await;
        driver.await
    });
    Sample::per_operation(elapsed, job.workload.operations())
}

/// What was handled is what was sent.
#[track_caller]
fn prove(handled: u64, sent: u64) {
    assert_eq!(handled, sent, "messages were lost, or handled twice");
}

/// Ends when the server has handled so many messages, besides the calls that ask it: one call, unless
/// the peer does not keep the order.
async fn prove_by_call<P: Peer>(server: &P::Server, sent: u64) {
    let mut expected = sent + 1;
    let mut handled = P::call(server).await;
    while !P::IN_ORDER && handled < expected {
        tokio::task::yield_now().await;
        expected += 1;
        handled = P::call(server).await;
    }
    prove(handled, expected);
}
