//! Who runs a server's handlers must not be seen: a caller, its driver, or one after the other.

mod alone;
mod crowd;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use noex::{CallError, CallersRun, Context, Exit, ExitReason, GenServer, ReplyTo, ServerRef};

use crate::support::secs;

const BOTH: [CallersRun; 2] = [CallersRun::WhenShort, CallersRun::Never];

/// Does in its handler what it is told to.
struct Worker;

type Work = Box<dyn FnOnce(ReplyTo<u32>) -> BoxFuture<'static, Result<(), Exit>> + Send>;

impl GenServer for Worker {
    type Args = ();
    type Call = (Work, ReplyTo<u32>);
    type Cast = ();
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Worker)
    }

    async fn handle_call(
        &mut self,
        (work, reply): Self::Call,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        work(reply).await
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

async fn worker(callers_run: CallersRun) -> ServerRef<Worker> {
    Worker::start(()).callers_run(callers_run).await.unwrap()
}

async fn ask<F>(
    worker: &ServerRef<Worker>,
    work: impl FnOnce(ReplyTo<u32>) -> F + Send + 'static,
) -> Result<u32, CallError>
where
    F: Future<Output = Result<(), Exit>> + Send + 'static,
{
    let work: Work = Box::new(move |reply| Box::pin(work(reply)));
    worker.call(|reply| (work, reply)).timeout(secs(60)).await
}

/// Makes a server known as one whose handlers take long.
async fn burn(worker: &ServerRef<Worker>) {
    let burnt = ask(worker, |reply| async {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(2) {}
        reply.send(0);
        Ok(())
    });
    assert_eq!(burnt.await, Ok(0));
}

/// Holds the thread until `flag` is set, as work would that takes so long. `false`: it was not.
fn hold_until(flag: &AtomicBool) -> bool {
    let begun = Instant::now();
    while !flag.load(Ordering::Acquire) {
        if begun.elapsed() > secs(30) {
            return false;
        }
        thread::yield_now();
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_known_to_burn_time_run_side_by_side_in_a_join() {
    for callers_run in BOTH {
        let (a, b) = (worker(callers_run).await, worker(callers_run).await);
        burn(&a).await;
        burn(&b).await;
        let begun: [Arc<AtomicBool>; 2] = Default::default();
        // Each is done only when the other has begun.
        let meet = move |mine: usize| {
            let begun = begun.clone();
            move |reply: ReplyTo<u32>| async move {
                begun[mine].store(true, Ordering::Release);
                reply.send(u32::from(hold_until(&begun[1 - mine])));
                Ok(())
            }
        };
        let task = async move { tokio::join!(ask(&a, meet(0)), ask(&b, meet(1))) };
        assert_eq!(tokio::spawn(task).await.unwrap(), (Ok(1), Ok(1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_beside_a_call_fires_while_a_server_known_to_be_slow_burns_time() {
    let slow = worker(CallersRun::WhenShort).await;
    burn(&slow).await;
    let fired = Arc::new(AtomicBool::new(false));
    let seen = fired.clone();
    let task = async move {
        let call = ask(&slow, |reply| async move {
            reply.send(u32::from(hold_until(&fired)));
            Ok(())
        });
        let mut call = std::pin::pin!(call);
        tokio::select! {
            biased;
            _ = &mut call => panic!("it waits for the timer"),
            () = tokio::time::sleep(Duration::from_millis(20)) => seen.store(true, Ordering::Release),
        }
        call.await
    };
    assert_eq!(tokio::spawn(task).await.unwrap(), Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_dropped_by_a_handler_that_then_fails_tells_the_reason_and_never_no_reply() {
    for callers_run in BOTH {
        for round in 0..50 {
            let failing = worker(callers_run).await;
            let asked = ask(&failing, move |reply| async move {
                drop(reply);
                // The caller, on the other worker, has time to look.
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_micros(20 * round) {}
                Err(Exit::error("no port, no luck"))
            });
            let outcome = asked.await;
            assert!(
                matches!(&outcome, Err(CallError::Exited(ExitReason::Error(_)))),
                "{outcome:?}"
            );
        }
    }
}
