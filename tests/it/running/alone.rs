//! One caller, on one thread: what is deterministic.

use std::sync::Arc;
use std::time::Duration;

use noex::{CallError, ExitReason, GenServer, Pid, process};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tracing::Span;

use super::{BOTH, ask, worker};
use crate::job;
use crate::support::{Lab, LabCall, LabExt, Log, Setup, capture, ms, poll_now, secs, soon};

fn here() -> (Option<Pid>, Option<tracing::Id>) {
    (process::current(), Span::current().id())
}

#[tokio::test(start_paused = true)]
async fn the_current_pid_and_span_are_the_handlers_own_whoever_runs_it() {
    let _logs = capture();
    for callers_run in BOTH {
        let start = || Lab::start(Setup::default()).callers_run(callers_run);
        let (outer, inner) = (start().await.unwrap(), start().await.unwrap());
        let outside = here();
        assert_eq!(outside.0, None);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = || {
            let seen = seen.clone();
            move || seen.lock().push(here())
        };
        for _ in 0..3 {
            let (before, within, after) = (note(), note(), note());
            let called = inner.clone();
            let run = outer.run(job!(|_lab, _cx| {
                before();
                let run = called.run(job!(|_lab, _cx| {
                    within();
                    tokio::task::yield_now().await;
                    within();
                    Ok(())
                }));
                run.await?;
                after();
                Ok(())
            }));
            assert_eq!(run.await, Ok(()));
            assert_eq!(here(), outside, "the caller has its own back");
            let [one, two, three, four] = &seen.lock().split_off(0)[..] else {
                panic!("four looks");
            };
            assert_eq!((one.0, two.0), (Some(outer.pid()), Some(inner.pid())));
            assert_eq!((one, two), (four, three));
            assert!(one.1.is_some() && two.1.is_some() && one.1 != two.1);
        }
        let crash = inner.call(LabCall::Panic).await;
        assert!(matches!(
            crash,
            Err(CallError::Exited(ExitReason::Panic(_)))
        ));
        assert_eq!(here(), outside, "also after a panic");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_while_another_servers_handler_runs_it_ends_only_its_own_server() {
    for callers_run in BOTH {
        let start = || Lab::start(Setup::default()).callers_run(callers_run);
        let (caller, crashing) = (start().await.unwrap(), start().await.unwrap());
        let dead = crashing.clone();
        let run = caller.run(job!(|lab, cx| {
            let crash = dead.call(LabCall::Panic).await;
            assert!(matches!(
                crash,
                Err(CallError::Exited(ExitReason::Panic(_)))
            ));
            assert_eq!(process::current(), Some(cx.pid()));
            lab.number = 1;
            Ok(())
        }));
        assert_eq!(run.await, Ok(()));
        assert!(!crashing.is_alive() && caller.is_alive());
        assert_eq!(caller.echo(7).await, Ok(7));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_its_handler_is_half_done_leaves_the_handler_to_finish() {
    for callers_run in BOTH {
        let log = Log::default();
        let start = Lab::start(Setup::new(&log)).callers_run(callers_run);
        let server = start.await.unwrap();
        let mut half_done = server.run(job!(|lab, _cx| {
            lab.setup.log.write("begun");
            sleep(secs(1)).await;
            lab.setup.log.write("done");
            Ok(())
        }));
        assert!(poll_now(&mut half_done).is_pending());
        sleep(ms(500)).await;
        drop(half_done);
        assert_eq!(server.echo(1).await, Ok(1));
        assert_eq!(log.lines(), ["init", "begun", "done"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_dropped_by_a_handler_that_goes_on_tells_no_reply_as_soon_as_the_handler_waits() {
    for callers_run in BOTH {
        let server = worker(callers_run).await;
        let begun = Instant::now();
        let told = ask(&server, |reply| async {
            drop(reply);
            sleep(secs(2)).await;
            Ok(())
        });
        assert_eq!(told.await, Err(CallError::NoReply));
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_has_dropped_its_callers_port_may_call_its_caller() {
    for callers_run in BOTH {
        let caller = Lab::start(Setup::default()).callers_run(callers_run);
        let (caller, callee) = (caller.await.unwrap(), worker(callers_run).await);
        let back = caller.clone();
        let run = caller.run(job!(|_lab, _cx| {
            let told = ask(&callee, |reply| async move {
                drop(reply);
                back.echo(3).await?;
                Ok(())
            });
            assert_eq!(told.await, Err(CallError::NoReply));
            Ok(())
        }));
        assert_eq!(soon(run).await, Ok(()));
        assert_eq!(caller.echo(1).await, Ok(1));
    }
}
