//! Calls: replies, deadlines, deaths, circles, and callers from elsewhere.

mod circles;
mod elsewhere;
mod last_calls;
mod outcomes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use noex::{
    CallError, CallersRun, Context, Exit, ExitReason, GenServer, Mailbox, MessageKind, Name, Pid,
    ReplyTo, ServerRef, multi_call, process,
};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, timeout};

use crate::job;
use crate::support::{
    Lab, LabCall, LabCast, LabExt, Log, Setup, block_on, lab, ms, poll_now, secs, settle, soon,
    unique,
};

fn exited<T>(reason: ExitReason) -> Result<T, CallError> {
    Err(CallError::Exited(reason))
}

fn deadlock<T>(circle: &[Pid]) -> Result<T, CallError> {
    Err(CallError::Deadlock(circle.to_vec()))
}

/// Labs that callers run, or that never are run by callers.
async fn labs<const N: usize>(callers_run: CallersRun) -> [ServerRef<Lab>; N] {
    let mut labs = Vec::new();
    for _ in 0..N {
        let start = Lab::start(Setup::default()).callers_run(callers_run);
        labs.push(start.await.unwrap());
    }
    labs.try_into().unwrap()
}

const BOTH: [CallersRun; 2] = [CallersRun::WhenShort, CallersRun::Never];

// Whom there is nobody to answer for

#[tokio::test(start_paused = true)]
async fn a_call_to_a_dead_pid_or_a_freed_or_unknown_name_fails_at_once_without_a_timeout() {
    let name = Name::<Lab>::new(unique("gone"));
    let unknown = soon(name.call(|reply| LabCall::Echo(1, reply)).no_timeout()).await;
    assert!(matches!(unknown, Err(CallError::NotRegistered { .. })));
    let lab = Lab::start(Setup::default())
        .name(name.as_str())
        .await
        .unwrap();
    assert_eq!(name.call(|reply| LabCall::Echo(1, reply)).await, Ok(1));
    lab.kill();
    lab.monitor().await;
    assert_eq!(
        soon(lab.echo(1).no_timeout()).await,
        exited(ExitReason::NoProc)
    );
    let freed = soon(name.call(|reply| LabCall::Echo(1, reply)).no_timeout()).await;
    assert!(matches!(freed, Err(CallError::NotRegistered { name: n }) if *n == *name.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_call_by_name_reaches_the_new_holder_and_no_other_type() {
    let name = Name::<Lab>::new(unique("holder"));
    let first = Lab::start(Setup::default())
        .name(name.as_str())
        .await
        .unwrap();
    assert_eq!(name.call(LabCall::Pid).await, Ok(first.pid()));
    first.stop().await.unwrap();
    let second = Lab::start(Setup::default())
        .name(name.as_str())
        .await
        .unwrap();
    assert_eq!(name.call(LabCall::Pid).await, Ok(second.pid()));
    let wrong = Name::<Panicky>::new(name.as_str())
        .call(|reply| reply)
        .await;
    assert!(matches!(wrong, Err(CallError::WrongType { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_call_by_name_while_init_runs_waits_for_it_and_is_told_when_it_fails() {
    for fails in [false, true] {
        let name = Name::<Lab>::new(unique("in-init"));
        let setup = Setup::default().init(move |_cx| {
            Box::pin(async move {
                sleep(secs(1)).await;
                if fails {
                    Err(Exit::error("no disk"))
                } else {
                    Ok(())
                }
            })
        });
        let mut start = Lab::start(setup).name(name.as_str());
        assert!(poll_now(&mut start).is_pending());
        let mut call = name.call(|reply| LabCall::Echo(1, reply)).no_timeout();
        assert!(poll_now(&mut call).is_pending());
        assert_eq!(start.await.is_err(), fails);
        let failed = exited(ExitReason::error("no disk"));
        assert_eq!(soon(call).await, if fails { failed } else { Ok(1) });
    }
}

// Time

#[tokio::test(start_paused = true)]
async fn a_call_waits_five_seconds_unless_told_otherwise() {
    let (lab, _) = lab().await;
    for (given, wanted) in [
        (None, secs(5)),
        (Some(ms(70)), ms(70)),
        (Some(secs(9)), secs(9)),
    ] {
        let begun = Instant::now();
        let call = lab.call(LabCall::Hold);
        let call = match given {
            None => call,
            Some(time) => call.timeout(time),
        };
        assert_eq!(call.await, Err(CallError::Timeout { after: wanted }));
        assert_eq!(begun.elapsed().as_millis() / 10, wanted.as_millis() / 10);
    }
    assert_eq!(lab.slow(secs(3600), 1).no_timeout().await, Ok(1));
    assert_eq!(lab.slow(secs(3600), 2).timeout(Duration::MAX).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn each_call_has_its_own_deadline_whatever_the_others_have() {
    let (lab, _) = lab().await;
    let begun = Instant::now();
    let timed = async |time| {
        let outcome = lab.call(LabCall::Hold).timeout(time).await;
        assert_eq!(outcome, Err(CallError::Timeout { after: time }));
        begun.elapsed().as_millis() / 10
    };
    let all = tokio::join!(
        timed(ms(300)),
        timed(ms(100)),
        timed(ms(200)),
        timed(ms(100))
    );
    assert_eq!(all, (30, 10, 20, 10));
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_seen_by_nobody_and_the_next_call_gets_its_own() {
    let (lab, log) = lab().await;
    let late = lab.slow(ms(200), 1).timeout(ms(100)).await;
    assert_eq!(late, Err(CallError::Timeout { after: ms(100) }));
    assert_eq!(lab.slow(ms(200), 2).await, Ok(2));
    // Nor by a caller that is a server.
    let (caller, seen) = self::lab().await;
    caller
        .run(job!(|_caller, _cx| {
            let late = lab.slow(ms(200), 3).timeout(ms(100)).await;
            assert_eq!(late, Err(CallError::Timeout { after: ms(100) }));
            Ok(())
        }))
        .await
        .unwrap();
    sleep(secs(1)).await;
    assert_eq!(
        (log.lines(), seen.lines()),
        (vec!["init".into()], vec!["init".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_there_at_the_deadline_is_delivered() {
    let (lab, _) = lab().await;
    let mut call = lab.slow(ms(50), 1).timeout(ms(100));
    assert!(poll_now(&mut call).is_pending());
    sleep(ms(500)).await;
    assert_eq!(call.await, Ok(1));
    assert_eq!(lab.echo(2).timeout(Duration::ZERO).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_told_late_of_its_timeout_gets_no_reply_that_came_after_it() {
    let (lab, _) = lab().await;
    let mut call = lab.slow(ms(200), 1).timeout(ms(100));
    assert!(poll_now(&mut call).is_pending());
    sleep(ms(500)).await;
    assert_eq!(call.await, Err(CallError::Timeout { after: ms(100) }));
}

#[tokio::test(start_paused = true)]
async fn five_slow_servers_asked_together_are_all_missing_at_the_deadline() {
    let log = Log::default();
    let mut labs = Vec::new();
    for _ in 0..5 {
        labs.push(Lab::start(Setup::new(&log)).await.unwrap());
    }
    let begun = Instant::now();
    let asked = multi_call(&labs, |reply| LabCall::Slow(secs(1), 1, reply), ms(100)).await;
    assert_eq!(begun.elapsed().as_millis() / 10, 10);
    assert!(asked.replies.is_empty());
    let late = CallError::Timeout { after: ms(100) };
    let expected: Vec<_> = labs.iter().map(|lab| (lab.pid(), late.clone())).collect();
    assert_eq!(asked.failed, expected);
    sleep(secs(2)).await;
    assert_eq!(log.lines(), ["init"; 5]);
}

#[tokio::test(start_paused = true)]
async fn asking_many_takes_as_long_as_the_slowest_and_tells_who_is_dead() {
    let mut labs = Vec::new();
    for _ in 0..4 {
        labs.push(lab().await.0);
    }
    labs[2].stop().await.unwrap();
    let begun = Instant::now();
    let asked = multi_call(&labs, |reply| LabCall::Slow(secs(1), 7, reply), secs(5)).await;
    assert_eq!(begun.elapsed().as_secs(), 1, "side by side");
    let pids = [0, 1, 3].map(|n: usize| (labs[n].pid(), 7));
    assert_eq!(asked.replies, pids);
    assert_eq!(
        asked.failed,
        [(labs[2].pid(), CallError::Exited(ExitReason::NoProc))]
    );
}

#[tokio::test(start_paused = true)]
async fn calls_that_time_out_leave_no_timers_behind_while_a_longer_one_waits() {
    let (lab, _) = lab().await;
    let mut long = lab.call(LabCall::Hold).timeout(secs(3600));
    assert!(poll_now(&mut long).is_pending());
    for _ in 0..100 {
        assert!(lab.call(LabCall::Hold).timeout(ms(10)).await.is_err());
    }
    let timers = process::tables().timers;
    assert!(timers < 10, "{timers}");
}

// Deaths

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_answers_its_caller_and_those_in_line_with_its_reason() {
    for end in [LabCall::Panic, LabCall::Fail] {
        let [lab] = labs(CallersRun::Never).await;
        let monitor = lab.monitor();
        let calls = soon(async {
            tokio::join!(
                lab.call(LabCall::Hold).no_timeout(),
                lab.call(end).no_timeout(),
                lab.echo(1).no_timeout(),
            )
        });
        let calls = calls.await;
        let reason = monitor.await.reason;
        assert!(!reason.is_orderly());
        assert_eq!(
            calls,
            (
                exited(reason.clone()),
                exited(reason.clone()),
                exited(reason)
            )
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_in_line_behind_a_kill_or_a_stop_is_answered_with_the_reason() {
    for (reason, kill) in [(ExitReason::Killed, true), (ExitReason::Shutdown, false)] {
        let (lab, _) = lab().await;
        let mut held = lab.call(LabCall::Hold).no_timeout();
        assert!(poll_now(&mut held).is_pending());
        let mut stop = lab.stop();
        if kill {
            lab.kill();
        } else {
            assert!(poll_now(&mut stop).is_pending());
        }
        assert_eq!(soon(lab.echo(1).no_timeout()).await, exited(reason.clone()));
        assert_eq!(soon(held).await, exited(reason));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_server_in_terminate_is_answered_when_it_is_dead() {
    let setup = Setup::default().terminate_takes(secs(2));
    let lab = Lab::start(setup).await.unwrap();
    let mut stop = lab.stop();
    assert!(poll_now(&mut stop).is_pending());
    sleep(secs(1)).await;
    let begun = Instant::now();
    assert_eq!(
        soon(lab.echo(1).no_timeout()).await,
        exited(ExitReason::Shutdown)
    );
    assert_eq!(begun.elapsed().as_secs(), 1);
    assert_eq!(stop.await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_call_is_told_to_the_caller_with_its_message_and_place() {
    let (lab, log) = lab().await;
    let monitor = lab.monitor();
    let Err(CallError::Exited(reason)) = lab.call(LabCall::Panic).await else {
        panic!("it was answered");
    };
    let ExitReason::Panic(panic) = &reason else {
        panic!("{reason}");
    };
    assert_eq!(panic.message(), "told to");
    assert!(panic.place().unwrap().contains("support.rs"));
    assert_eq!(monitor.await.reason, reason);
    assert_eq!(
        log.lines(),
        ["init".into(), format!("terminate {reason}"), "drop".into()]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_to_a_server_that_ends_has_an_outcome_whatever_the_end() {
    for round in 0..200 {
        let [lab] = labs(BOTH[round % 2]).await;
        let callers = (0..4).map(|n| {
            let lab = lab.clone();
            tokio::spawn(async move {
                loop {
                    let call = if n % 2 == 0 {
                        lab.echo(n).no_timeout().await
                    } else {
                        lab.call(LabCall::Hold).no_timeout().await
                    };
                    match call {
                        Ok(answer) => assert_eq!(answer, n),
                        Err(CallError::Exited(reason)) => break reason,
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        });
        let callers: Vec<_> = callers.collect();
        tokio::task::yield_now().await;
        match round / 2 % 4 {
            0 => drop(timeout(secs(10), lab.stop()).await.unwrap()),
            1 => lab.kill(),
            2 => drop(lab.call(LabCall::Panic).await),
            _ => drop(lab.call(LabCall::Fail).await),
        }
        for caller in callers {
            timeout(secs(10), caller).await.expect("it hangs").unwrap();
        }
    }
}

// Ports

#[tokio::test(start_paused = true)]
async fn a_reply_can_be_sent_from_a_later_handler() {
    let (lab, _) = lab().await;
    let mut calls = [lab.call(LabCall::Hold), lab.call(LabCall::Hold)];
    for call in &mut calls {
        assert!(poll_now(call).is_pending());
    }
    lab.run(job!(|lab, _cx| {
        for (n, port) in lab.held.drain(..).rev().zip(0..) {
            n.send(port);
        }
        Ok(())
    }))
    .await
    .unwrap();
    let [first, second] = calls;
    assert_eq!((first.await, second.await), (Ok(1), Ok(0)));
}

#[tokio::test(start_paused = true)]
async fn a_reply_can_be_sent_from_a_task_while_the_server_serves_others() {
    let (lab, _) = lab().await;
    let mut call = lab.call(LabCall::Hold);
    assert!(poll_now(&mut call).is_pending());
    lab.run(job!(|lab, cx| {
        let port = lab.held.remove(0).detach();
        cx.spawn(async {
            sleep(secs(1)).await;
            port.send(7);
            0
        });
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(lab.echo(1).timeout(ms(1)).await, Ok(1));
    assert_eq!(call.await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_a_caller_that_is_gone_is_a_no_op() {
    let (lab, _) = lab().await;
    assert!(lab.call(LabCall::Hold).timeout(ms(10)).await.is_err());
    let mut dropped = lab.call(LabCall::Hold);
    assert!(poll_now(&mut dropped).is_pending());
    drop(dropped);
    lab.run(job!(|lab, _cx| {
        assert_eq!(lab.held.len(), 2);
        for port in lab.held.drain(..) {
            assert!(port.is_closed());
            port.send(1);
        }
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(lab.echo(2).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_dropped_while_its_server_lives_tells_no_reply() {
    let (lab, _) = lab().await;
    assert_eq!(
        soon(lab.call(LabCall::Drop).no_timeout()).await,
        Err(CallError::NoReply)
    );
    // By a later handler, and by a task that panics.
    for in_a_task in [false, true] {
        let mut call = lab.call(LabCall::Hold).no_timeout();
        assert!(poll_now(&mut call).is_pending());
        lab.run(job!(|lab, _cx| {
            let port = lab.held.remove(0);
            if in_a_task {
                tokio::spawn(async move {
                    let _port = port;
                    panic!("in a task");
                });
            }
            Ok(())
        }))
        .await
        .unwrap();
        assert_eq!(soon(call).await, Err(CallError::NoReply));
    }
    assert_eq!(lab.echo(1).await, Ok(1));
}

/// Panics with its caller's port, and catches that itself.
struct Panicky;

impl GenServer for Panicky {
    type Args = ();
    type Call = ReplyTo<()>;
    type Cast = ();
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Panicky)
    }

    async fn handle_call(
        &mut self,
        reply: ReplyTo<()>,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        let reply = AssertUnwindSafe(reply);
        let caught = catch_unwind(move || {
            let _reply = reply;
            panic!("caught");
        });
        assert!(caught.is_err());
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_dropped_by_a_panic_that_the_handler_catches_tells_no_reply() {
    for callers_run in [CallersRun::WhenShort, CallersRun::Never] {
        let panicky = Panicky::start(()).callers_run(callers_run).await.unwrap();
        for _ in 0..3 {
            let call = panicky.call(|reply| reply).no_timeout();
            assert_eq!(soon(call).await, Err(CallError::NoReply));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_port_is_held_elsewhere_is_told_the_reason_when_the_server_dies() {
    let (keeper, _) = lab().await;
    // In the server's own task, in a stranger's, in another server's state.
    for place in 0..3 {
        let (lab, _) = lab().await;
        let mut call = lab.call(LabCall::Hold).no_timeout();
        assert!(poll_now(&mut call).is_pending());
        let keeper = keeper.clone();
        lab.run(job!(|lab, cx| {
            let port = lab.held.remove(0);
            let keep = async move {
                let _port = port;
                std::future::pending().await
            };
            match place {
                0 => drop(cx.spawn(keep)),
                1 => drop(tokio::spawn(keep)),
                _ => {
                    let put = job!(|_keeper, cx| {
                        cx.spawn(keep);
                        Ok(())
                    });
                    keeper.run(put).await?;
                }
            }
            Ok(())
        }))
        .await
        .unwrap();
        lab.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::error("gone")) })))
            .unwrap();
        assert_eq!(soon(call).await, exited(ExitReason::error("gone")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_dropped_with_the_state_tells_the_reason() {
    let (lab, _) = lab().await;
    let mut call = lab.call(LabCall::Hold).no_timeout();
    assert!(poll_now(&mut call).is_pending());
    lab.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::Normal) })))
        .unwrap();
    assert_eq!(soon(call).await, exited(ExitReason::Normal));
}

/// Its handler lets go of the port some time before it is gone itself.
struct Lingering;

struct Linger(mpsc::Receiver<()>);

impl Drop for Linger {
    fn drop(&mut self) {
        let _ = self.0.recv_timeout(ms(50));
    }
}

impl GenServer for Lingering {
    type Args = ();
    type Call = (mpsc::Receiver<()>, ReplyTo<()>);
    type Cast = ();
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Lingering)
    }

    async fn handle_call(
        &mut self,
        (until, reply): Self::Call,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        let _linger = Linger(until);
        let _reply = reply;
        std::future::pending().await
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[test]
fn a_port_that_is_dropped_when_its_handler_is_cut_short_tells_the_reason() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    for reason in [ExitReason::Killed, ExitReason::error("sent")] {
        let server = runtime.block_on(async { Lingering::start(()).await.unwrap() });
        let (called, (told, until)) = (server.clone(), mpsc::channel());
        let caller = thread::spawn(move || {
            let outcome = block_on(called.call(|reply| (until, reply)).no_timeout());
            let _ = told.send(());
            outcome
        });
        while server.status().last_message != MessageKind::Call {
            thread::yield_now();
        }
        match reason {
            ExitReason::Killed => process::kill(server.pid()),
            _ => process::exit(server.pid(), reason.clone()),
        };
        assert_eq!(caller.join().unwrap(), exited(reason));
    }
}

// Dropped calls

#[tokio::test(start_paused = true)]
async fn a_call_dropped_before_it_was_polled_was_never_sent_and_after_is_handled_once() {
    let (lab, log) = lab().await;
    let note = |n: &'static str, log: &Log| {
        let log = log.clone();
        job!(|_lab, _cx| {
            log.write(format!("{n} begins"));
            sleep(secs(1)).await;
            log.write(format!("{n} ends"));
            Ok(())
        })
    };
    drop(lab.run(note("unpolled", &log)));
    let mut polled = lab.run(note("polled", &log));
    assert!(poll_now(&mut polled).is_pending());
    drop(polled);
    assert_eq!(lab.echo(1).await, Ok(1));
    assert_eq!(log.lines(), ["init", "polled begins", "polled ends"]);
    assert_eq!(lab.status().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_of_its_polls_is_handled_at_most_once_and_leaves_nothing() {
    for polls in 0..8 {
        let log = Log::default();
        let start = Lab::start(Setup::new(&log)).mailbox(Mailbox::bounded(1));
        let lab = start.await.unwrap();
        let mut busy = lab.slow(ms(10), 1);
        assert!(poll_now(&mut busy).is_pending());
        settle().await;
        lab.cast(LabCast::Note(1)).unwrap();
        // It waits for room, then for its turn, then for the reply.
        let mut call = lab.run(job!(|lab, _cx| {
            lab.setup.log.write("handled");
            sleep(ms(10)).await;
            Ok(())
        }));
        for _ in 0..polls {
            if poll_now(&mut call).is_ready() {
                break;
            }
            sleep(ms(4)).await;
        }
        drop(call);
        assert_eq!(busy.await, Ok(1));
        assert_eq!(lab.echo(1).await, Ok(1));
        let handled = log.lines().iter().filter(|line| *line == "handled").count();
        assert_eq!(handled, usize::from(polls > 3), "{polls}");
        assert_eq!((lab.status().waiting, lab.status().mailbox), (0, 0));
    }
}

// Side by side

#[tokio::test(start_paused = true)]
async fn joint_calls_to_slow_servers_run_side_by_side() {
    let [a, b] = labs(CallersRun::WhenShort).await;
    let begun = Instant::now();
    let both = tokio::join!(a.slow(secs(1), 1), b.slow(secs(1), 2));
    assert_eq!(both, (Ok(1), Ok(2)));
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_many_callers_at_once_gets_its_own_reply() {
    for callers_run in BOTH {
        let [lab] = labs(callers_run).await;
        let callers = (0..8).map(|caller| {
            let lab = lab.clone();
            tokio::spawn(async move {
                for n in 0..300 {
                    let number = caller * 1000 + n;
                    assert_eq!(lab.echo(number).await, Ok(number));
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
        assert_eq!(lab.status().handled, 2400);
    }
}
