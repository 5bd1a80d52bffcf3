//! Looking at servers from outside, and what noex reports by itself.

use std::sync::mpsc;
use std::time::Duration;

use noex::{
    CallError, Context, Exit, ExitReason, GenServer, Lifecycle, LifecycleEvents, LifecycleNotice,
    MessageKind, Phase, Pid, ReplyTo, ServerRef, StateAccess, SysError, process,
};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};
use tracing::{Instrument, Span};

use crate::job;
use crate::support::{
    Lab, LabCall, LabCast, LabExt, Log, Setup, block_on, capture, lab, ms, poll_now, secs, settle,
    soon, unique,
};

/// A lab like the old one, with another number.
fn numbered(number: u32) -> impl FnOnce(&Lab) -> Lab + Send + 'static {
    move |old| Lab {
        setup: old.setup.clone(),
        held: Vec::new(),
        number,
        downs: Vec::new(),
        exits: Vec::new(),
    }
}

async fn number(lab: &ServerRef<Lab>) -> u32 {
    lab.sys().read(|lab| lab.number).await.unwrap()
}

// Suspend and resume

#[tokio::test(start_paused = true)]
async fn a_suspended_server_answers_introspection_and_no_call_until_it_is_resumed() {
    let (lab, log) = lab().await;
    lab.sys().suspend().await.unwrap();
    assert_eq!(lab.status().phase, Phase::Suspended);
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(lab.echo(7), async {
        lab.cast(LabCast::Note(1)).unwrap();
        for _ in 0..3 {
            sleep(secs(1)).await;
            assert_eq!(number(&lab).await, 0);
            assert_eq!(lab.sys().describe().await, Ok(None));
        }
        assert_eq!(log.lines(), ["init"]);
        assert_eq!((lab.status().mailbox, lab.status().waiting), (2, 1));
        lab.sys().resume().await.unwrap();
    });
    assert_eq!(answer, Ok(7));
    assert_eq!(begun.elapsed().as_secs(), 3);
    settle().await;
    assert_eq!(log.lines(), ["init", "note 1"]);
    assert_eq!(lab.status().phase, Phase::Running);
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_suspended_server_times_out_and_is_handled_after_the_resume() {
    let (lab, log) = lab().await;
    lab.sys().suspend().await.unwrap();
    let late = lab.run(job!(|lab, _cx| {
        lab.setup.log.write("late");
        Ok(())
    }));
    assert_eq!(
        late.timeout(secs(3)).await,
        Err(CallError::Timeout { after: secs(3) })
    );
    lab.sys().resume().await.unwrap();
    assert_eq!(lab.echo(1).await, Ok(1));
    assert_eq!(log.lines(), ["init", "late"]);
}

#[tokio::test]
async fn suspending_and_resuming_twice_is_harmless() {
    let (lab, _) = lab().await;
    lab.sys().resume().await.unwrap();
    lab.sys().suspend().await.unwrap();
    lab.sys().suspend().await.unwrap();
    lab.sys().resume().await.unwrap();
    assert_eq!(lab.echo(1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_suspended_server_can_be_killed_and_ended_by_an_exit_signal() {
    for (reason, terminate) in [
        (ExitReason::Killed, false),
        (ExitReason::error("sent"), true),
    ] {
        let (lab, log) = lab().await;
        lab.sys().suspend().await.unwrap();
        let monitor = lab.monitor();
        if terminate {
            process::exit(lab.pid(), reason.clone());
        } else {
            lab.kill();
        }
        assert_eq!(soon(monitor).await.reason, reason);
        assert_eq!(
            log.lines().contains(&format!("terminate {reason}")),
            terminate
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_its_parent_ends_even_a_suspended_trapping_server() {
    let (parent, _) = lab().await;
    let log = Log::default();
    let setup = Setup::new(&log).init(|cx| {
        Box::pin(async move {
            cx.trap_exit();
            Ok(())
        })
    });
    let child = Lab::start(setup).link(&parent).await.unwrap();
    child.sys().suspend().await.unwrap();
    let monitor = child.monitor();
    parent.kill();
    assert_eq!(soon(monitor).await.reason, ExitReason::Killed);
    assert_eq!(log.lines(), ["init", "terminate killed", "drop"]);
}

// The state

#[tokio::test]
async fn the_state_can_be_replaced_also_while_suspended() {
    let (lab, log) = lab().await;
    lab.sys().replace_state(numbered(1)).await.unwrap();
    assert_eq!(number(&lab).await, 1);
    lab.sys().suspend().await.unwrap();
    lab.sys()
        .replace_state(|old| numbered(old.number + 1)(old))
        .await
        .unwrap();
    assert_eq!(number(&lab).await, 2);
    lab.sys().resume().await.unwrap();
    lab.run(job!(|lab, _cx| {
        assert_eq!(lab.number, 2);
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(log.lines(), ["init", "drop", "drop"], "the old ones");
}

#[tokio::test]
async fn a_replacer_that_panics_changes_nothing() {
    let (lab, log) = lab().await;
    lab.sys().replace_state(numbered(5)).await.unwrap();
    log.take();
    for suspended in [false, true] {
        if suspended {
            lab.sys().suspend().await.unwrap();
        }
        let failed = lab.sys().replace_state(|_| panic!("no idea")).await;
        assert!(
            matches!(&failed, Err(SysError::Panicked(ExitReason::Panic(p))) if p.message() == "no idea"),
            "{failed:?}"
        );
        let failed = lab.sys().read(|_| panic!("no eyes")).await;
        assert!(matches!(failed, Err(SysError::Panicked(_))), "{failed:?}");
        assert_eq!(number(&lab).await, 5);
        assert!(lab.is_alive());
    }
    assert_eq!(log.lines(), <[&str; 0]>::default());
}

#[derive(Clone, Debug, PartialEq)]
struct Closed(u32);
#[derive(Clone, Debug, PartialEq)]
struct Shown(u32);

macro_rules! guarded {
    ($name:ident, $access:ident) => {
        impl GenServer for $name {
            type Args = u32;
            type Call = ReplyTo<u32>;
            type Cast = ();
            type Info = ();
            const STATE_ACCESS: StateAccess = StateAccess::$access;

            async fn init(n: u32, _cx: &mut Context<Self>) -> Result<Self, Exit> {
                Ok($name(n))
            }

            async fn handle_call(
                &mut self,
                reply: ReplyTo<u32>,
                _cx: &mut Context<Self>,
            ) -> Result<(), Exit> {
                reply.send(self.0);
                Ok(())
            }

            async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
                Ok(())
            }

            fn format_status(&self) -> Option<String> {
                assert_ne!(self.0, 13, "cannot be shown");
                Some("***".to_owned())
            }
        }
    };
}
guarded!(Closed, Denied);
guarded!(Shown, Read);

#[tokio::test]
async fn a_server_decides_who_may_read_and_replace_its_state() {
    let closed = Closed::start(1).await.unwrap();
    let denied = SysError::NotAllowed {
        allowed: StateAccess::Denied,
    };
    assert_eq!(closed.sys().read(|s| s.0).await, Err(denied.clone()));
    assert_eq!(closed.sys().get_state().await, Err(denied.clone()));
    assert_eq!(closed.sys().replace_state(|_| Closed(2)).await, Err(denied));
    assert_eq!(closed.sys().describe().await, Ok(Some("***".to_owned())));

    let shown = Shown::start(1).await.unwrap();
    let denied = SysError::NotAllowed {
        allowed: StateAccess::Read,
    };
    assert_eq!(shown.sys().get_state().await, Ok(Shown(1)));
    assert_eq!(shown.sys().replace_state(|_| Shown(2)).await, Err(denied));
    assert_eq!(shown.call(|reply| reply).await, Ok(1));
}

#[tokio::test]
async fn a_format_status_that_panics_does_not_hurt_its_server() {
    let shown = Shown::start(13).await.unwrap();
    assert!(matches!(
        shown.sys().describe().await,
        Err(SysError::Panicked(_))
    ));
    assert_eq!(shown.call(|reply| reply).await, Ok(13));
}

// When

#[tokio::test(start_paused = true)]
async fn introspection_waits_for_a_running_handler_and_comes_before_the_next() {
    let (lab, log) = lab().await;
    let mut busy = lab.slow(secs(1), 1);
    assert!(poll_now(&mut busy).is_pending());
    settle().await;
    lab.cast(LabCast::Note(1)).unwrap();
    let (begun, seen) = (Instant::now(), log.clone());
    let lines = lab.sys().read(move |_| seen.lines()).await.unwrap();
    assert_eq!(
        (begun.elapsed().as_secs(), lines),
        (1, vec!["init".to_owned()])
    );
    assert_eq!(busy.await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn introspection_of_a_server_that_is_busy_for_too_long_times_out() {
    let (lab, _) = lab().await;
    let mut busy = lab.slow(secs(60), 1);
    assert!(poll_now(&mut busy).is_pending());
    settle().await;
    let timeout = SysError::Call(CallError::Timeout { after: secs(5) });
    assert_eq!(lab.sys().read(|lab| lab.number).await, Err(timeout));
}

#[tokio::test(start_paused = true)]
async fn introspection_of_the_dead_and_the_dying_fails_at_once() {
    let (lab, _) = lab().await;
    let mut busy = lab.slow(secs(60), 1).no_timeout();
    assert!(poll_now(&mut busy).is_pending());
    settle().await;
    let begun = Instant::now();
    let sys = lab.sys();
    let (looked, ()) = tokio::join!(sys.read(|lab| lab.number), async { lab.kill() });
    assert_eq!(
        looked,
        Err(SysError::Call(CallError::Exited(ExitReason::Killed)))
    );
    let gone = SysError::Call(CallError::Exited(ExitReason::NoProc));
    assert_eq!(lab.sys().describe().await, Err(gone.clone()));
    assert_eq!(lab.sys().suspend().await, Err(gone));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_server_that_introspects_itself_is_told() {
    let (lab, _) = lab().await;
    lab.run(job!(|_lab, cx| {
        let looked = cx.myself().sys().read(|lab| lab.number).await;
        assert_eq!(looked, Err(SysError::Call(CallError::CallingSelf)));
        Ok(())
    }))
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_circle_through_introspection_fails_at_once() {
    let ((a, _), (b, _)) = (lab().await, lab().await);
    let (begun, a2) = (Instant::now(), a.clone());
    a.run(job!(|_a, _cx| {
        b.run(job!(|_b, _cx| {
            let looked = a2.sys().read(|lab| lab.number).await;
            assert!(
                matches!(looked, Err(SysError::Call(CallError::Deadlock(_)))),
                "{looked:?}"
            );
            Ok(())
        }))
        .no_timeout()
        .await?;
        Ok(())
    }))
    .timeout(secs(60))
    .await
    .unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn introspection_is_not_counted_as_a_message() {
    let (lab, _) = lab().await;
    lab.echo(1).await.unwrap();
    lab.cast(LabCast::Note(1)).unwrap();
    lab.info(2).unwrap();
    number(&lab).await;
    settle().await;
    number(&lab).await;
    assert_eq!(lab.status().handled, 3);
}

// Status

#[tokio::test(start_paused = true)]
async fn the_status_tells_what_can_be_seen_from_outside() {
    let (parent, _) = lab().await;
    let name = unique("status");
    let setup = Setup::default().terminate_takes(secs(10)).init(|cx| {
        Box::pin(async move {
            cx.trap_exit();
            sleep(secs(1)).await;
            Ok(())
        })
    });
    let mut start = Lab::start(setup).name(name.as_str()).link(&parent);
    assert!(poll_now(&mut start).is_pending());
    settle().await;
    let pid = noex::registry::whereis(&name).unwrap();
    assert_eq!(process::status(pid).unwrap().phase, Phase::Starting);
    assert_eq!(
        process::status(pid).unwrap().last_message,
        MessageKind::Init
    );

    let lab = start.await.unwrap();
    let _monitor = lab.monitor();
    let mut busy = lab.slow(secs(1), 1);
    assert!(poll_now(&mut busy).is_pending());
    settle().await;
    let status = lab.status();
    assert_eq!((status.pid, status.name.as_deref()), (pid, Some(&*name)));
    assert!(status.type_name.ends_with("Lab"));
    assert_eq!(
        (status.parent, &status.links[..]),
        (Some(parent.pid()), &[parent.pid()][..])
    );
    assert_eq!(
        (status.phase, status.last_message),
        (Phase::Running, MessageKind::Call)
    );
    assert_eq!(
        (status.traps_exit, status.monitors, status.waiting),
        (true, 1, 1)
    );
    assert_eq!(
        (status.mailbox, status.mailbox_capacity, status.handled),
        (0, 65_536, 1)
    );
    busy.await.unwrap();

    let mut stop = lab.stop().no_timeout();
    assert!(poll_now(&mut stop).is_pending());
    settle().await;
    let status = lab.status();
    assert_eq!(
        (status.phase, status.last_message),
        (Phase::Exiting, MessageKind::Terminate)
    );
    stop.await.unwrap();
    assert_eq!(lab.status().phase, Phase::Dead);
    assert!(process::status(pid).is_none());
}

#[tokio::test]
async fn the_kind_of_the_last_message_is_known() {
    let (lab, _) = lab().await;
    let kind = async || {
        settle().await;
        lab.status().last_message
    };
    lab.echo(1).await.unwrap();
    assert_eq!(kind().await, MessageKind::Call);
    lab.cast(LabCast::Note(1)).unwrap();
    assert_eq!(kind().await, MessageKind::Cast);
    lab.info(1).unwrap();
    assert_eq!(kind().await, MessageKind::Info);
    lab.run(job!(|_lab, cx| {
        cx.continue_with(1);
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(kind().await, MessageKind::Continue);
    let (gone, _) = self::lab().await;
    gone.stop().await.unwrap();
    lab.run(job!(|_lab, cx| {
        cx.monitor(&gone);
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(kind().await, MessageKind::Down);
}

#[tokio::test]
async fn a_process_is_found_by_its_pid_as_long_as_it_lives() {
    let (lab, _) = lab().await;
    let pid = lab.pid();
    assert!(process::alive(pid) && process::list().contains(&pid));
    assert_eq!(ServerRef::<Lab>::from_pid(pid), Some(lab.clone()));
    assert!(ServerRef::<Shown>::from_pid(pid).is_none());
    lab.stop().await.unwrap();
    assert!(!process::alive(pid) && !process::list().contains(&pid));
    assert!(ServerRef::<Lab>::from_pid(pid).is_none());
    assert!(!process::kill(pid));
}

#[tokio::test]
async fn a_handler_knows_in_which_process_it_runs_and_a_task_that_it_is_in_none() {
    assert_eq!(process::current(), None);
    let (lab, _) = lab().await;
    let (other, _) = self::lab().await;
    lab.run(job!(|_lab, cx| {
        let me = Some(cx.pid());
        assert_eq!(process::current(), me);
        let its_pid = other.pid();
        other
            .run(job!(|_other, _cx| {
                assert_eq!(process::current(), Some(its_pid));
                settle().await;
                assert_eq!(process::current(), Some(its_pid));
                Ok(())
            }))
            .await?;
        assert!(other.call(LabCall::Panic).await.is_err());
        assert_eq!(process::current(), me);
        assert_eq!(tokio::spawn(async { process::current() }).await?, None);
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(process::current(), None);
}

#[tokio::test]
async fn a_handler_runs_in_the_span_of_its_process_and_its_caller_gets_its_own_back() {
    let _logs = capture();
    let span = || Span::current().metadata().map(tracing::Metadata::name);
    let (lab, _) = lab().await;
    async {
        for end in [
            job!(|_lab, _cx| { Ok(()) }),
            job!(|_lab, _cx| { panic!("oh") }),
        ] {
            let _ = lab
                .run(job!(|lab, cx| {
                    assert_eq!(span(), Some("process"));
                    end(lab, cx).await
                }))
                .await;
            assert_eq!(span(), Some("caller"));
        }
    }
    .instrument(tracing::info_span!("caller"))
    .await;
    assert_eq!(span(), None);
    let ExitReason::NoProc = lab.monitor().await.reason else {
        panic!("it lives");
    };
}

// Events

/// The next events about one process. `None` when some were lost to the noise of other tests.
async fn events_of(pid: Pid, events: &mut LifecycleEvents, many: usize) -> Option<Vec<Lifecycle>> {
    let mut seen = Vec::new();
    while seen.len() < many {
        let LifecycleNotice::Event(event) = events.next().await else {
            return None;
        };
        if let Lifecycle::Started { pid: of, .. }
        | Lifecycle::Exited { pid: of, .. }
        | Lifecycle::Stalled { pid: of, .. } = &event
            && *of == pid
        {
            seen.push(event);
        }
    }
    Some(seen)
}

#[tokio::test]
async fn starts_and_ends_are_told_to_those_who_subscribe() {
    let (parent, _) = lab().await;
    let (name, seen) = loop {
        let (mut events, name) = (process::subscribe(), unique("events"));
        let start = Lab::start(Setup::default())
            .name(name.as_str())
            .link(&parent);
        let lab = start.await.unwrap();
        lab.stop().reason(Exit::Normal).await.unwrap();
        if let Some(seen) = events_of(lab.pid(), &mut events, 2).await {
            break (name, seen);
        }
    };
    let [
        Lifecycle::Started {
            name: started,
            parent: by,
            ..
        },
        Lifecycle::Exited {
            name: ended,
            reason,
            ..
        },
    ] = &seen[..]
    else {
        panic!("not a start and an end: {seen:?}");
    };
    assert_eq!(
        (started.as_deref(), *by),
        (Some(&*name), Some(parent.pid()))
    );
    assert_eq!(
        (ended.as_deref(), reason),
        (Some(&*name), &ExitReason::Normal)
    );
}

#[test]
fn a_handler_that_does_not_yield_is_reported_while_it_still_runs() {
    process::set_watchdog_limit(ms(40));
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (lab, _) = runtime.block_on(lab());
    let mut reports = 0;
    while reports < 2 {
        let mut events = process::subscribe();
        let (release, released) = mpsc::channel();
        lab.cast(LabCast::Run(job!(|_lab, _cx| {
            released.recv()?; // for ever, if nobody reports it
            Ok(())
        })))
        .unwrap();
        if let Some(seen) = block_on(events_of(lab.pid(), &mut events, 1)) {
            let [
                Lifecycle::Stalled {
                    message: MessageKind::Cast,
                    running_for,
                    ..
                },
            ] = &seen[..]
            else {
                panic!("{seen:?}");
            };
            assert!(*running_for >= ms(40));
            reports += 1;
        }
        release.send(()).unwrap();
        assert_eq!(block_on(lab.echo(1)), Ok(1));
    }
    process::set_watchdog_limit(secs(1));
}
