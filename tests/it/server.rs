//! Starting a server, and going on. What comes after is in the modules below.

mod ending;
mod logs;
mod runtime;

use noex::{Context, Exit, ExitReason, GenServer, Mailbox, ReplyTo, StartError, process, registry};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::job;
use crate::support::{
    Lab, LabCast, LabExt, Log, Setup, block_on, lab, ms, poll_now, secs, settle, soon, unique,
};

fn declining(log: &Log) -> Setup {
    Setup::new(log).init(|_cx| Box::pin(async { Err(Exit::Ignore) }))
}

fn panicking(log: &Log) -> Setup {
    Setup::new(log).init(|_cx| Box::pin(async { panic!("no luck") }))
}

fn failing(log: &Log) -> Setup {
    Setup::new(log).init(|_cx| Box::pin(async { Err(Exit::error("no disk")) }))
}

fn slow(log: &Log) -> Setup {
    Setup::new(log).init(|_cx| {
        Box::pin(async {
            sleep(secs(1)).await;
            Ok(())
        })
    })
}

/// What a handler can do to end its server, and the reason it ends with.
fn ends() -> Vec<(LabCast, ExitReason)> {
    let exits = [
        Exit::Normal,
        Exit::Shutdown,
        Exit::shutdown_with("moved"),
        Exit::error("disk"),
    ];
    let reasons = [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("moved"),
        ExitReason::error("disk"),
    ];
    let returned = exits
        .clone()
        .map(|exit| LabCast::Run(job!(|_lab, _cx| { Err(exit) })));
    let stopped = exits.map(|exit| {
        LabCast::Run(job!(|_lab, cx| {
            cx.stop(exit);
            Ok(())
        }))
    });
    let reasons = reasons.clone().into_iter().chain(reasons);
    returned.into_iter().chain(stopped).zip(reasons).collect()
}

// Start

#[tokio::test]
async fn a_call_right_after_start_succeeds() {
    let (lab, log) = lab().await;
    assert_eq!(log.lines(), ["init"]);
    assert_eq!(lab.echo(1).no_timeout().await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn an_init_that_outlives_its_timeout_leaves_no_process_five_times_in_a_row() {
    let name = unique("late");
    for _ in 0..5 {
        let (log, begun) = (Log::default(), Instant::now());
        let mut start = Lab::start(slow(&log)).name(name.as_str()).timeout(ms(200));
        assert!(poll_now(&mut start).is_pending());
        let pid = registry::whereis(&name).unwrap();
        let failed = start.await;
        assert!(matches!(failed, Err(StartError::Timeout { after }) if after == ms(200)));
        assert_eq!(begun.elapsed().as_millis() / 10, 20);
        assert!(!process::alive(pid));
        assert_eq!(registry::whereis(&name), None);
        sleep(secs(2)).await;
        assert_eq!(log.lines(), ["init"]);
    }
}

#[tokio::test(start_paused = true)]
async fn init_has_five_seconds_and_no_limit_when_told_so() {
    let slower = |log: &Log| {
        Setup::new(log).init(|_cx| {
            Box::pin(async {
                sleep(secs(6)).await;
                Ok(())
            })
        })
    };
    let log = Log::default();
    let failed = Lab::start(slower(&log)).await;
    assert!(matches!(failed, Err(StartError::Timeout { after }) if after == secs(5)));
    assert!(Lab::start(slower(&log)).no_timeout().await.is_ok());
}

#[tokio::test]
async fn a_declined_init_is_told_as_ignore_runs_no_terminate_and_frees_the_name() {
    let (log, name) = (Log::default(), unique("declined"));
    let declined = Lab::start(declining(&log)).name(name.as_str()).await;
    assert!(matches!(declined, Err(StartError::Ignore)));
    assert_eq!(log.take(), ["init"]);
    assert!(Lab::start(Setup::new(&log)).name(name).await.is_ok());
}

#[tokio::test]
async fn a_panicking_init_is_told_to_its_linked_starter_which_keeps_no_exit_and_no_down() {
    let (parent, log) = lab().await;
    parent
        .run(job!(|_lab, cx| {
            cx.trap_exit();
            let Err(StartError::Panic(panic)) =
                Lab::start(panicking(&Log::default())).link(&*cx).await
            else {
                panic!("it has started");
            };
            assert_eq!(panic.message(), "no luck");
            assert!(panic.place().unwrap().contains("server.rs"));
            Ok(())
        }))
        .await
        .unwrap();
    settle().await;
    assert_eq!(parent.status().links, []);
    assert_eq!(parent.echo(1).await, Ok(1));
    assert_eq!(log.lines(), ["init"]);
}

#[tokio::test(start_paused = true)]
async fn no_failed_start_ends_a_linked_starter_that_does_not_trap() {
    let (parent, _) = lab().await;
    let log = Log::default();
    for setup in [
        declining(&log),
        panicking(&log),
        failing(&log),
        slow(&log), // and out of time
    ] {
        let name = unique("failed");
        parent
            .run(job!(|_lab, cx| {
                let start = Lab::start(setup).name(name.as_str()).link(&*cx);
                assert!(start.timeout(ms(100)).await.is_err());
                assert_eq!(registry::whereis(&name), None);
                Ok(())
            }))
            .await
            .unwrap();
        settle().await;
        assert_eq!(parent.echo(1).await, Ok(1));
    }
    assert_eq!(log.lines(), ["init"; 4]);
}

#[tokio::test]
async fn the_error_of_a_failed_init_comes_with_its_source() {
    let log = Log::default();
    let Err(StartError::Error(error)) = Lab::start(failing(&log)).await else {
        panic!("it has started");
    };
    assert_eq!(error.to_string(), "no disk");
}

#[tokio::test]
async fn the_name_is_taken_before_init_runs() {
    let name = unique("taken");
    let known = name.clone();
    let setup = Setup::new(&Log::default()).init(move |cx| {
        let found = registry::whereis(&known);
        Box::pin(async move {
            assert_eq!(found, Some(cx.pid()));
            assert!(cx.name().unwrap().starts_with("taken"));
            Ok(())
        })
    });
    Lab::start(setup).name(name).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_start_under_a_name_is_told_the_first_pid_and_runs_no_init() {
    let (name, second_log) = (unique("second"), Log::default());
    let mut first = Lab::start(slow(&Log::default())).name(name.as_str());
    assert!(poll_now(&mut first).is_pending());
    let pid = registry::whereis(&name).unwrap();
    let second = || Lab::start(Setup::new(&second_log)).name(name.as_str());
    // While the first is in init, and when it serves.
    assert!(matches!(second().await, Err(StartError::AlreadyStarted(p)) if p == pid));
    let first = first.await.unwrap();
    assert!(matches!(second().await, Err(StartError::AlreadyStarted(p)) if p == pid));
    assert_eq!(second_log.take(), <[&str; 0]>::default());
    assert_eq!(registry::whereis(&name), Some(first.pid()));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_dropped_takes_the_process_and_its_name_along() {
    let (log, name) = (Log::default(), unique("dropped"));
    let mut start = Lab::start(slow(&log)).name(name.as_str());
    assert!(poll_now(&mut start).is_pending());
    let pid = registry::whereis(&name).unwrap();
    let monitor = process::monitor(pid);
    drop(start);
    assert_eq!(monitor.await.reason, ExitReason::Killed);
    assert!(Lab::start(Setup::new(&log)).name(name).await.is_ok());
    assert_eq!(log.lines(), ["init", "init"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_dropped_untold_takes_the_process_along_even_if_init_has_returned() {
    let (log, name) = (Log::default(), unique("untold"));
    let mut start = Lab::start(slow(&log)).name(name.as_str());
    assert!(poll_now(&mut start).is_pending());
    let monitor = process::monitor(registry::whereis(&name).unwrap());
    sleep(secs(2)).await;
    drop(start);
    soon(monitor).await;
    assert_eq!(registry::whereis(&name), None);
}

#[tokio::test]
async fn a_start_that_is_never_awaited_starts_nothing() {
    let log = Log::default();
    drop(Lab::start(Setup::new(&log)));
    settle().await;
    assert_eq!(log.lines(), <[&str; 0]>::default());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_killed_in_init_fails_its_start() {
    let name = unique("killed");
    let mut start = Lab::start(slow(&Log::default())).name(name.as_str());
    assert!(poll_now(&mut start).is_pending());
    process::kill(registry::whereis(&name).unwrap());
    assert!(matches!(
        start.await,
        Err(StartError::Exited(ExitReason::Killed))
    ));
}

#[tokio::test]
async fn a_start_linked_to_the_dead_fails() {
    let (parent, _) = lab().await;
    parent.stop().await.unwrap();
    let log = Log::default();
    let orphan = Lab::start(Setup::new(&log)).link(&parent).await;
    assert!(matches!(
        orphan,
        Err(StartError::Exited(ExitReason::NoProc))
    ));
    assert_eq!(log.lines(), <[&str; 0]>::default());
}

#[tokio::test]
async fn a_mailbox_without_capacity_is_refused() {
    let start = Lab::start(Setup::default()).mailbox(Mailbox::bounded(0));
    assert!(matches!(start.await, Err(StartError::InvalidOption { .. })));
}

#[test]
fn a_start_without_a_runtime_or_a_timer_says_so() {
    let outside = block_on(Lab::start(Setup::default()));
    assert!(matches!(outside, Err(StartError::NoRuntime)));
    let timeless = Builder::new_current_thread().build().unwrap();
    let inside = timeless.block_on(async { Lab::start(Setup::default()).await });
    assert!(matches!(inside, Err(StartError::NoTimer)));
}

#[tokio::test(start_paused = true)]
async fn what_init_had_registered_is_free_when_a_failed_start_is_told() {
    for after in 0..3 {
        let (name, second) = (unique("first"), unique("second"));
        let registered = second.clone();
        let setup = Setup::default().init(move |cx| {
            registry::register(registered.as_str(), &*cx).unwrap();
            Box::pin(async move {
                match after {
                    0 => Err(Exit::error("no disk")),
                    1 => panic!("no luck"),
                    _ => std::future::pending().await,
                }
            })
        });
        assert!(Lab::start(setup).name(name.as_str()).await.is_err());
        assert_eq!(registry::whereis(&name), None);
        assert_eq!(registry::whereis(&second), None);
    }
}

// Continue

#[tokio::test]
async fn a_continue_of_init_runs_before_what_init_sent_to_itself() {
    let log = Log::default();
    let setup = Setup::new(&log).init(|cx| {
        Box::pin(async move {
            cx.myself().cast(LabCast::Note(3)).unwrap();
            cx.continue_with(1);
            cx.continue_with(2);
            Ok(())
        })
    });
    let lab = Lab::start(setup).await.unwrap();
    lab.echo(0).await.unwrap();
    assert_eq!(log.lines(), ["init", "continue 1", "continue 2", "note 3"]);
}

/// Replies, and then goes on for as long as it is let.
struct Stepper {
    log: Log,
    gate: Option<oneshot::Receiver<()>>,
}

impl GenServer for Stepper {
    type Args = (Log, oneshot::Receiver<()>);
    type Call = ReplyTo<()>;
    type Cast = ();
    type Info = u32;

    async fn init((log, gate): Self::Args, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        let gate = Some(gate);
        Ok(Stepper { log, gate })
    }

    async fn handle_call(
        &mut self,
        reply: ReplyTo<()>,
        cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        self.log.write("call");
        cx.continue_with(3);
        reply.send(());
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        self.log.write("cast");
        Ok(())
    }

    async fn handle_continue(&mut self, left: u32, cx: &mut Context<Self>) -> Result<(), Exit> {
        if let Some(gate) = self.gate.take() {
            gate.await?;
        }
        self.log.write(format!("continue {left}"));
        if left > 1 {
            cx.continue_with(left - 1);
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_call_that_goes_on_replies_first_then_continues_then_comes_the_mailbox() {
    let (log, (open, gate)) = (Log::default(), oneshot::channel());
    let stepper = Stepper::start((log.clone(), gate)).await.unwrap();
    // The continue waits for what the caller does when it has its reply.
    stepper.call(|reply| reply).no_timeout().await.unwrap();
    stepper.cast(()).unwrap();
    open.send(()).unwrap();
    stepper.stop().await.unwrap();
    let lines = log.lines();
    assert_eq!(
        lines,
        ["call", "continue 3", "continue 2", "continue 1", "cast"]
    );
}

// Idle timeout

#[tokio::test(start_paused = true)]
async fn an_idle_timeout_fires_once_when_nothing_comes() {
    let (lab, log) = lab().await;
    lab.run(job!(|_lab, cx| {
        cx.idle_timeout(secs(1));
        Ok(())
    }))
    .await
    .unwrap();
    sleep(ms(998)).await;
    assert_eq!(log.lines(), ["init"]);
    sleep(secs(60)).await;
    assert_eq!(log.lines(), ["init", "timeout"]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_timeout_is_cancelled_by_a_message() {
    let (lab, log) = lab().await;
    for cancel in [
        LabCast::Note(1),
        LabCast::Run(job!(|_lab, cx| {
            cx.clear_idle_timeout();
            Ok(())
        })),
    ] {
        lab.run(job!(|_lab, cx| {
            cx.idle_timeout(secs(1));
            Ok(())
        }))
        .await
        .unwrap();
        sleep(ms(500)).await;
        lab.cast(cancel).unwrap();
        sleep(secs(60)).await;
    }
    assert_eq!(log.lines(), ["init", "note 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_before_the_idle_timeout_is_handled_cancels_it() {
    let (lab, log) = lab().await;
    lab.run(job!(|_lab, cx| {
        cx.idle_timeout(secs(1));
        // Both are in the mailbox when this returns, the message first.
        cx.send_after(ms(900), 7);
        sleep(secs(2)).await;
        Ok(())
    }))
    .await
    .unwrap();
    sleep(secs(60)).await;
    assert_eq!(log.lines(), ["init", "info 7"]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_timeout_is_not_touched_by_introspection() {
    let (lab, log) = lab().await;
    lab.run(job!(|_lab, cx| {
        cx.idle_timeout(secs(1));
        Ok(())
    }))
    .await
    .unwrap();
    for _ in 0..9 {
        sleep(ms(100)).await;
        lab.sys().read(|lab| lab.number).await.unwrap();
        lab.sys().describe().await.unwrap();
        let _ = lab.status();
    }
    assert_eq!(log.lines(), ["init"]);
    sleep(ms(150)).await;
    assert_eq!(log.lines(), ["init", "timeout"]);
}
