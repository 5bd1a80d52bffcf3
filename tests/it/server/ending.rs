//! The end of a server.

use noex::{
    CallError, Context, Exit, ExitReason, GenServer, Name, Phase, ReplyTo, StopError, Supervisor,
    process, registry,
};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::job;
use crate::support::{
    Lab, LabCall, LabCast, LabExt, Log, Setup, capture, lab, poll_now, secs, settle, soon, unique,
};

use super::ends;

#[tokio::test]
async fn terminate_runs_once_with_the_reason_when_a_handler_ends_its_server() {
    for (end, reason) in ends() {
        let (lab, log) = lab().await;
        let monitor = lab.monitor();
        lab.cast(end).unwrap();
        assert_eq!(monitor.await.reason, reason);
        assert_eq!(
            log.lines(),
            ["init".into(), format!("terminate {reason}"), "drop".into()]
        );
    }
}

#[tokio::test]
async fn terminate_runs_once_when_a_handler_panics() {
    let (lab, log) = lab().await;
    let monitor = lab.monitor();
    assert!(lab.call(LabCall::Panic).await.is_err());
    let reason = monitor.await.reason;
    assert!(matches!(&reason, ExitReason::Panic(panic) if panic.message() == "told to"));
    assert_eq!(
        log.lines(),
        ["init".into(), format!("terminate {reason}"), "drop".into()]
    );
}

#[tokio::test]
async fn terminate_runs_once_when_a_supervisor_stops_its_child() {
    let (log, name) = (Log::default(), unique("child"));
    let child = Lab::child(Setup::new(&log)).name(name.as_str());
    let tree = Supervisor::one_for_one()
        .child(child)
        .start()
        .await
        .unwrap();
    let monitor = Name::<Lab>::new(name).monitor().unwrap();
    tree.stop().await.unwrap();
    assert_eq!(monitor.await.reason, ExitReason::Shutdown);
    assert_eq!(log.lines(), ["init", "terminate shutdown", "drop"]);
}

#[tokio::test(start_paused = true)]
async fn a_kill_cuts_a_handler_short_and_runs_no_terminate() {
    let (lab, log) = lab().await;
    let mut call = lab.slow(secs(1), 1);
    assert!(poll_now(&mut call).is_pending());
    settle().await;
    lab.kill();
    assert_eq!(call.await, Err(CallError::Exited(ExitReason::Killed)));
    assert_eq!(lab.monitor().await.reason, ExitReason::NoProc);
    assert_eq!(log.lines(), ["init", "drop"]);
}

#[tokio::test(start_paused = true)]
async fn a_kill_cuts_terminate_short() {
    let log = Log::default();
    let lab = Lab::start(Setup::new(&log).terminate_takes(secs(60)))
        .await
        .unwrap();
    let monitor = lab.monitor();
    let mut stop = lab.stop();
    assert!(poll_now(&mut stop).is_pending());
    sleep(secs(1)).await;
    assert_eq!(lab.status().phase, Phase::Exiting);
    assert!(lab.is_alive());
    lab.kill();
    assert_eq!(stop.await, Err(StopError::Exited(ExitReason::Killed)));
    assert_eq!(monitor.await.reason, ExitReason::Killed);
    assert_eq!(log.lines(), ["init", "drop"]);
}

#[tokio::test]
async fn the_end_of_its_parent_ends_even_a_trapping_server_through_terminate() {
    for trapping in [true, false] {
        let (parent, _) = lab().await;
        let log = Log::default();
        let setup = Setup::new(&log).init(move |cx| {
            Box::pin(async move {
                if trapping {
                    cx.trap_exit();
                }
                Ok(())
            })
        });
        let child = Lab::start(setup).link(&parent).await.unwrap();
        let monitor = child.monitor();
        parent.kill();
        assert_eq!(monitor.await.reason, ExitReason::Killed);
        assert_eq!(log.lines(), ["init", "terminate killed", "drop"]);
    }
}

#[tokio::test]
async fn what_was_queued_before_a_shutdown_is_handled_first() {
    let log = Log::default();
    let name = Name::<Lab>::new(unique("queued"));
    let child = Lab::child(Setup::new(&log)).name(name.as_str());
    let tree = Supervisor::one_for_one()
        .child(child)
        .start()
        .await
        .unwrap();
    for n in 0..3 {
        name.cast(LabCast::Note(n)).unwrap();
    }
    tree.stop().await.unwrap();
    let lines = log.lines();
    assert_eq!(
        lines,
        [
            "init",
            "note 0",
            "note 1",
            "note 2",
            "terminate shutdown",
            "drop"
        ]
    );
}

#[tokio::test]
async fn what_comes_after_a_stop_is_counted_and_not_handled() {
    let (lab, log) = lab().await;
    let mut stop = lab.stop();
    lab.cast(LabCast::Note(1)).unwrap();
    assert!(poll_now(&mut stop).is_pending());
    lab.cast(LabCast::Note(2)).unwrap();
    let mut call = lab.echo(3);
    assert!(poll_now(&mut call).is_pending());
    assert_eq!(stop.await, Ok(()));
    assert_eq!(call.await, Err(CallError::Exited(ExitReason::Shutdown)));
    assert_eq!(
        log.lines(),
        ["init", "note 1", "terminate shutdown", "drop"]
    );
    let status = lab.status();
    assert_eq!((status.phase, status.undelivered), (Phase::Dead, 2));
}

#[tokio::test]
async fn at_down_the_state_is_dropped_and_the_name_is_free() {
    let (watcher, log) = lab().await;
    let name = unique("down");
    for end in [LabCall::Panic, LabCall::Fail] {
        let lab = Lab::start(Setup::new(&log))
            .name(name.as_str())
            .await
            .unwrap();
        let (pid, monitor) = (lab.pid(), lab.monitor());
        watcher
            .run(job!(|_lab, cx| {
                cx.monitor(pid);
                Ok(())
            }))
            .await
            .unwrap();
        log.take();
        assert!(lab.call(end).await.is_err());
        assert_eq!(registry::whereis(&name), None);
        let reason = monitor.await.reason;
        watcher.echo(0).await.unwrap();
        let lines = [
            format!("terminate {reason}"),
            "drop".into(),
            format!("down {pid} {reason}"),
        ];
        assert_eq!(log.take(), lines);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_comes_with_a_stop_is_there_when_terminate_has_run() {
    let (log, name) = (Log::default(), unique("last-reply"));
    let setup = Setup::new(&log).terminate_takes(secs(1));
    let lab = Lab::start(setup).name(name.as_str()).await.unwrap();
    let mut call = lab.call(LabCall::Hold);
    assert!(poll_now(&mut call).is_pending());
    lab.cast(LabCast::Run(job!(|lab, cx| {
        cx.stop_with_reply(lab.held.remove(0), 7, Exit::Normal);
        Ok(())
    })))
    .unwrap();
    assert_eq!(call.await, Ok(7));
    assert_eq!(registry::whereis(&name), None);
    assert_eq!(log.lines(), ["init", "terminate normal", "drop"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_five_seconds_and_says_so_and_the_server_stops_all_the_same() {
    let (lab, log) = lab().await;
    let mut call = lab.slow(secs(8), 1).no_timeout();
    assert!(poll_now(&mut call).is_pending());
    assert_eq!(lab.stop().await, Err(StopError::Timeout { after: secs(5) }));
    let short = lab.stop().timeout(secs(1)).await;
    assert_eq!(short, Err(StopError::Timeout { after: secs(1) }));
    assert!(lab.is_alive());
    assert_eq!(lab.stop().no_timeout().await, Ok(()));
    assert_eq!(call.await, Ok(1));
    assert_eq!(log.lines(), ["init", "terminate shutdown", "drop"]);
}

#[tokio::test]
async fn a_stop_that_is_dropped_stops_all_the_same_and_one_that_is_never_awaited_does_not() {
    let (lab, _) = lab().await;
    drop(lab.stop());
    assert_eq!(lab.echo(1).await, Ok(1));
    let monitor = lab.monitor();
    assert!(poll_now(&mut lab.stop()).is_pending());
    assert_eq!(soon(monitor).await.reason, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_may_kill_kills_when_its_time_is_up() {
    let (lab, log) = lab().await;
    let mut call = lab.slow(secs(60), 1).no_timeout();
    assert!(poll_now(&mut call).is_pending());
    let begun = Instant::now();
    assert_eq!(lab.stop().timeout(secs(1)).or_kill().await, Ok(()));
    assert_eq!(begun.elapsed().as_secs(), 1);
    assert_eq!(call.await, Err(CallError::Exited(ExitReason::Killed)));
    assert_eq!(log.lines(), ["init", "drop"]);
}

#[tokio::test]
async fn a_stop_tells_what_became_of_it() {
    let (lab, log) = lab().await;
    lab.run(job!(|_lab, cx| {
        assert_eq!(
            cx.myself().stop().no_timeout().await,
            Err(StopError::CallingSelf)
        );
        Ok(())
    }))
    .await
    .unwrap();
    lab.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::Normal) })))
        .unwrap();
    assert_eq!(lab.stop().await, Err(StopError::Exited(ExitReason::Normal)));
    assert_eq!(lab.stop().no_timeout().await, Err(StopError::NoProc));
    log.take();

    let lab = Lab::start(Setup::new(&log)).await.unwrap();
    let two = tokio::join!(
        lab.stop().reason(Exit::Normal),
        lab.stop().reason(Exit::Normal)
    );
    assert_eq!(two, (Ok(()), Ok(())));
    assert_eq!(log.lines(), ["init", "terminate normal", "drop"]);
}

#[tokio::test]
async fn dropping_refs_ends_nobody_and_a_weak_ref_lets_the_dead_go() {
    let (lab, log) = lab().await;
    let (pid, weak) = (lab.pid(), lab.downgrade());
    drop(lab);
    settle().await;
    assert_eq!(log.lines(), ["init"]);
    let lab = weak.upgrade().unwrap();
    assert_eq!(lab.echo(1).await, Ok(1));
    assert!(process::alive(pid));
    lab.stop().await.unwrap();
    assert!(weak.upgrade().is_some());
    drop(lab);
    settle().await;
    assert!(weak.upgrade().is_none());
    assert_eq!(weak.pid(), pid);
}

/// Ends when it is called.
struct Brief;

impl GenServer for Brief {
    type Args = ();
    type Call = ReplyTo<()>;
    type Cast = ();
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Brief)
    }

    async fn handle_call(
        &mut self,
        reply: ReplyTo<()>,
        cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        cx.stop_with_reply(reply, (), Exit::Normal);
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::test]
async fn a_server_that_ends_in_a_call_leaves_neither_memory_nor_a_task() {
    let mut weak = Vec::new();
    for _ in 0..100 {
        let brief = Brief::start(()).await.unwrap();
        brief.cast(()).unwrap();
        settle().await;
        brief.call(|reply| reply).await.unwrap();
        weak.push(brief.downgrade());
    }
    settle().await;
    let kept = weak.iter().filter(|weak| weak.upgrade().is_some()).count();
    let tasks = Handle::current().metrics().num_alive_tasks();
    assert_eq!(kept, 0, "with {tasks} tasks");
    assert!(tasks < 10, "{tasks}");
}

/// Panics when it ends.
struct Bomb {
    in_terminate: bool,
    in_drop: bool,
}

impl GenServer for Bomb {
    type Args = (bool, bool);
    type Call = ();
    type Cast = ();
    type Info = ();

    async fn init(args: Self::Args, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        let (in_terminate, in_drop) = args;
        Ok(Bomb {
            in_terminate,
            in_drop,
        })
    }

    async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        panic!("in the handler")
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        assert!(!self.in_terminate, "in terminate");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.in_drop, "in drop");
    }
}

#[tokio::test]
async fn a_panic_at_the_end_is_the_reason_of_an_orderly_end_only_and_is_logged_once() {
    for (in_terminate, in_drop, crash, said) in [
        (true, false, false, "in terminate"),
        (false, true, false, "in drop"),
        (true, true, false, "in terminate"),
        (true, true, true, "in the handler"),
    ] {
        let logs = capture();
        let bomb = Bomb::start((in_terminate, in_drop)).await.unwrap();
        let monitor = bomb.monitor();
        if crash {
            bomb.cast(()).unwrap();
        } else {
            assert!(bomb.stop().await.is_err());
        }
        let reason = monitor.await.reason;
        assert!(
            matches!(&reason, ExitReason::Panic(p) if p.message() == said),
            "{reason}"
        );
        assert_eq!(logs.take().len(), 1, "{said}");
    }
}

struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        panic!("in the handler's locals");
    }
}

#[tokio::test(start_paused = true)]
async fn terminate_runs_even_if_a_handler_that_is_cut_short_panics_when_it_is_dropped() {
    let (lab, log) = lab().await;
    let mut busy = lab.run(job!(|_lab, _cx| {
        let _fuse = Fuse;
        std::future::pending().await
    }));
    assert!(poll_now(&mut busy).is_pending());
    settle().await;
    let monitor = lab.monitor();
    process::exit(lab.pid(), ExitReason::error("sent"));
    let reason = soon(monitor).await.reason;
    assert!(!reason.is_orderly());
    let lines = log.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].starts_with("terminate"), "{lines:?}");
}

#[tokio::test]
async fn ignore_is_for_init_and_from_a_handler_it_is_an_error() {
    let (lab, _) = lab().await;
    let monitor = lab.monitor();
    lab.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::Ignore) })))
        .unwrap();
    assert!(matches!(monitor.await.reason, ExitReason::Error(_)));
}
