//! Callers on plain threads and on other runtimes.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use noex::{CallError, ExitReason, Name, ReplyTo};
use tokio::runtime::Builder;

use crate::job;
use crate::support::{Lab, LabCall, LabExt, block_on, lab, ms, poll_now, secs, unique};

use super::exited;

#[test]
fn a_plain_thread_may_await_a_call_with_any_executor_and_with_or_without_a_timeout() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (lab, _) = runtime.block_on(lab());
    assert_eq!(block_on(lab.echo(1)), Ok(1));
    assert_eq!(block_on(lab.echo(2).no_timeout()), Ok(2));
    assert_eq!(block_on(lab.slow(ms(5), 3).no_timeout()), Ok(3));
    assert_eq!(block_on(lab.slow(ms(5), 4).timeout(Duration::MAX)), Ok(4));
    let late = block_on(lab.call(LabCall::Hold).timeout(ms(10)));
    assert_eq!(late, Err(CallError::Timeout { after: ms(10) }));
    // Several deadlines at once, the later one first.
    let calls = async {
        let hold = |time| lab.call(LabCall::Hold).timeout(time);
        tokio::join!(hold(ms(20)), hold(ms(10)), lab.echo(5))
    };
    let (after, first) = (ms(20), ms(10));
    let late = (
        Err(CallError::Timeout { after }),
        Err(CallError::Timeout { after: first }),
        Ok(5),
    );
    assert_eq!(block_on(calls), late);
}

#[test]
fn a_plain_thread_may_block_on_a_call() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (lab, _) = runtime.block_on(lab());
    assert_eq!(lab.echo(1).blocking(), Ok(1));
    assert_eq!(lab.slow(ms(5), 2).no_timeout().blocking(), Ok(2));
    let late = lab.call(LabCall::Hold).timeout(ms(10)).blocking();
    assert_eq!(late, Err(CallError::Timeout { after: ms(10) }));
    let name = Name::<Lab>::new(unique("unknown"));
    let unknown = name
        .call(|reply| LabCall::Echo(1, reply))
        .no_timeout()
        .blocking();
    assert!(matches!(unknown, Err(CallError::NotRegistered { .. })));
    let in_the_pool = lab.clone();
    let blocking =
        async { tokio::task::spawn_blocking(move || in_the_pool.echo(3).blocking()).await };
    assert_eq!(runtime.block_on(blocking).unwrap(), Ok(3));
    lab.kill();
    block_on(lab.monitor());
    assert_eq!(
        lab.echo(4).no_timeout().blocking(),
        exited(ExitReason::NoProc)
    );
}

#[test]
fn a_plain_thread_that_calls_a_server_whose_runtime_stands_still_times_out() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (lab, _) = runtime.block_on(lab());
    let late = Err(CallError::Timeout { after: ms(10) });
    assert_eq!(block_on(lab.echo(1).timeout(ms(10))), late);
    assert_eq!(lab.echo(2).timeout(ms(10)).blocking(), late);
    assert_eq!(runtime.block_on(lab.echo(3)), Ok(3));
}

#[test]
fn a_plain_thread_that_blocks_on_a_call_is_told_when_the_server_dies() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (lab, _) = runtime.block_on(lab());
    let (told, tell) = mpsc::channel();
    for blocking in [true, false] {
        let (lab, told) = (lab.clone(), told.clone());
        thread::spawn(move || {
            let call = lab.call(LabCall::Hold).no_timeout();
            let outcome = if blocking {
                call.blocking()
            } else {
                block_on(call)
            };
            told.send(outcome).unwrap();
        });
    }
    while runtime
        .block_on(lab.sys().read(|lab| lab.held.len()))
        .unwrap()
        < 2
    {
        thread::yield_now();
    }
    lab.kill();
    for _ in 0..2 {
        assert_eq!(tell.recv().unwrap(), exited(ExitReason::Killed));
    }
}

#[test]
fn a_blocking_call_to_a_server_that_needs_the_blocked_runtime_times_out() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (lab, _) = lab().await;
        let late = lab.slow(ms(1), 2).timeout(ms(10)).blocking();
        assert_eq!(late, Err(CallError::Timeout { after: ms(10) }));
        assert_eq!(lab.echo(3).await, Ok(3));
    });
}

#[test]
fn a_call_from_another_runtime_is_answered_by_its_clock_and_told_of_deaths() {
    let far = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let near = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (lab, _) = far.block_on(lab());
    near.block_on(async {
        assert_eq!(lab.echo(1).no_timeout().await, Ok(1));
        assert_eq!(lab.slow(ms(5), 2).no_timeout().await, Ok(2));
        // By this runtime's clock, which is paused.
        let late = lab.call(LabCall::Hold).timeout(secs(3600)).await;
        assert_eq!(late, Err(CallError::Timeout { after: secs(3600) }));
        let mut call = lab.call(LabCall::Hold).no_timeout();
        assert!(poll_now(&mut call).is_pending());
        far.shutdown_background();
        assert_eq!(call.await, exited(ExitReason::Shutdown));
    });
}

#[test]
fn a_call_from_another_runtime_that_times_out_leaves_nothing_with_the_server() {
    let far = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let near = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (lab, _) = far.block_on(lab());
    near.block_on(async {
        assert!(lab.call(LabCall::Hold).await.is_err());
    });
    assert_eq!(block_on(lab.echo(1)), Ok(1), "behind the call");
    let closed = |lab: &Lab| lab.held.iter().map(ReplyTo::is_closed).collect::<Vec<_>>();
    assert_eq!(block_on(lab.sys().read(closed)), Ok(vec![true]));
    assert_eq!(lab.status().waiting, 0);
}

#[test]
fn a_call_from_a_runtime_without_a_timer_is_answered() {
    let far = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let timeless = Builder::new_current_thread().build().unwrap();
    let (lab, _) = far.block_on(lab());
    let slow = timeless.block_on(async { lab.slow(ms(5), 1).await });
    assert_eq!(slow, Ok(1));
    let late = timeless.block_on(async { lab.call(LabCall::Hold).timeout(ms(10)).await });
    assert_eq!(late, Err(CallError::Timeout { after: ms(10) }));
}

#[test]
fn a_server_may_call_one_on_another_runtime() {
    let far = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let near = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let ((a, _), (b, _)) = (near.block_on(lab()), far.block_on(lab()));
    near.block_on(a.run(job!(|_a, _cx| {
        assert_eq!(b.slow(ms(5), 1).await, Ok(1));
        assert_eq!(b.call(LabCall::Drop).await, Err(CallError::NoReply));
        b.kill();
        b.monitor().await;
        assert_eq!(b.echo(2).await, exited(ExitReason::NoProc));
        Ok(())
    })))
    .unwrap();
}
