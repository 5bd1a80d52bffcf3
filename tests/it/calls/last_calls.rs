//! Calls that a server makes in `terminate`, to those that wait for its end.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use noex::{
    CallError, Context, Exit, ExitReason, GenServer, ReplyTo, ServerRef, Shutdown, Supervisor,
};
use tokio::time::{Instant, sleep};

use crate::job;
use crate::support::{Lab, LabCast, LabExt, Log, Setup, lab, ms, poll_now, settle, soon};

/// In `terminate` it makes a call, and writes down what came of it.
struct LastCall {
    seen: Log,
    call: CallOnEnd,
}

type CallOnEnd = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), CallError>> + Send>;

/// Calls that server, after a while.
fn echo_after(time: Duration, lab: &ServerRef<Lab>) -> CallOnEnd {
    let lab = lab.clone();
    Box::new(move || {
        Box::pin(async move {
            sleep(time).await;
            lab.echo(1).no_timeout().await.map(drop)
        })
    })
}

impl GenServer for LastCall {
    type Args = (Log, CallOnEnd);
    type Call = ReplyTo<()>;
    type Cast = ();
    type Info = ();

    async fn init((seen, call): Self::Args, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(LastCall { seen, call })
    }

    async fn handle_call(&mut self, _: ReplyTo<()>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        panic!("with the port")
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        let call = std::mem::replace(&mut self.call, Box::new(|| Box::pin(async { Ok(()) })));
        self.seen.write(match call().await {
            Err(CallError::Deadlock(_)) => "deadlock",
            Err(_) => "failed",
            Ok(()) => "answered",
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_calls_in_terminate_the_one_that_stops_it_fails_at_once() {
    let ((parent, _), seen) = (lab().await, Log::default());
    let args = (seen.clone(), echo_after(Duration::ZERO, &parent));
    let child = LastCall::start(args).await.unwrap();
    let begun = Instant::now();
    parent
        .run(job!(|_parent, _cx| {
            Ok(child.stop().no_timeout().await?)
        }))
        .await
        .unwrap();
    assert_eq!(begun.elapsed().as_secs(), 0);
    assert_eq!(seen.lines(), ["deadlock"]);
}

/// A supervisor of a server that calls it in `terminate`, and that server.
async fn supervised(
    seen: &Log,
    shutdown: Shutdown,
) -> (ServerRef<Supervisor>, ServerRef<LastCall>) {
    let (tree, seen) = (
        Arc::new(OnceLock::<ServerRef<Supervisor>>::new()),
        seen.clone(),
    );
    let known = tree.clone();
    let child = LastCall::child_with(move || {
        let known = known.clone();
        let call: CallOnEnd = Box::new(move || {
            Box::pin(async move { known.get().unwrap().which_children().await.map(drop) })
        });
        (seen.clone(), call)
    });
    let child = child.id("child").shutdown(shutdown);
    let started = Supervisor::one_for_one()
        .child(child)
        .start()
        .await
        .unwrap();
    tree.set(started.clone()).unwrap();
    let pid = started.which_children().await.unwrap()[0].pid().unwrap();
    (started, ServerRef::from_pid(pid).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_child_that_calls_its_supervisor_in_terminate_fails_at_once() {
    for whole in [false, true] {
        let seen = Log::default();
        let (tree, child) = supervised(&seen, Shutdown::Infinity).await;
        let (begun, monitor) = (Instant::now(), child.monitor());
        if whole {
            tree.stop().await.unwrap();
        } else {
            tree.terminate_child("child").await.unwrap();
        }
        assert_eq!(monitor.await.reason, ExitReason::Shutdown);
        assert_eq!(begun.elapsed().as_secs(), 0);
        assert_eq!(seen.lines(), ["deadlock"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_waits_for_its_supervisor_when_that_stops_it_fails_at_once() {
    let (outcome, told) = (Log::default(), Log::default());
    let seen = told.clone();
    let child = Lab::child(Setup::new(&outcome))
        .id("child")
        .shutdown(Shutdown::Infinity);
    let tree = Supervisor::one_for_one()
        .child(child)
        .start()
        .await
        .unwrap();
    let pid = tree.which_children().await.unwrap()[0].pid().unwrap();
    let child = ServerRef::<Lab>::from_pid(pid).unwrap();
    // The order to stop it is in the supervisor's mailbox before its own question.
    tree.sys().suspend().await.unwrap();
    let mut stop = Box::pin(tree.terminate_child("child"));
    assert!(poll_now(&mut stop).is_pending());
    let asked = tree.clone();
    child
        .cast(LabCast::Run(job!(|_child, _cx| {
            let failed = asked.which_children().await.err();
            seen.write(format!(
                "{}",
                matches!(failed, Some(CallError::Deadlock(_)))
            ));
            Ok(())
        })))
        .unwrap();
    settle().await;
    tree.sys().resume().await.unwrap();
    assert!(soon(stop).await.is_ok());
    assert_eq!(told.lines(), ["true"]);
    assert_eq!(outcome.lines(), ["init", "terminate shutdown", "drop"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_calls_in_terminate_one_that_waits_for_its_end_fails_at_once() {
    // Whoever comes first, the caller of the dying one or its last call.
    for (last_call, call) in [(ms(200), ms(100)), (ms(100), ms(200))] {
        let ((caller, _), seen) = (lab().await, Log::default());
        let args = (seen.clone(), echo_after(last_call, &caller));
        let dying = LastCall::start(args).await.unwrap();
        let mut stop = dying.stop().no_timeout();
        let busy = caller.run(job!(|_caller, _cx| {
            sleep(call).await;
            let outcome = dying.call(|reply| reply).no_timeout().await;
            if matches!(outcome, Err(CallError::Deadlock(_))) {
                seen.write("deadlock");
            }
            Ok(())
        }));
        let mut busy = busy.no_timeout();
        assert!(poll_now(&mut busy).is_pending() && poll_now(&mut stop).is_pending());
        assert_eq!(soon(stop).await, Ok(()));
        assert_eq!(soon(busy).await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_crashed_server_that_calls_its_caller_in_terminate_fails_at_once() {
    for after in [Duration::ZERO, ms(100)] {
        let ((caller, _), seen) = (lab().await, Log::default());
        let args = (seen.clone(), echo_after(after, &caller));
        let crashing = LastCall::start(args).await.unwrap();
        let run = caller.run(job!(|_caller, _cx| {
            let outcome = crashing.call(|reply| reply).no_timeout().await;
            assert!(
                matches!(outcome, Err(CallError::Exited(ExitReason::Panic(_)))),
                "{outcome:?}"
            );
            Ok(())
        }));
        assert_eq!(run.await, Ok(()), "{after:?}");
        assert_eq!(seen.lines(), ["deadlock"]);
    }
}
