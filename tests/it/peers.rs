//! What the users of other frameworks have run into.

use std::sync::Arc;

use noex::{
    CallError, Context, Exit, ExitReason, GenServer, Mailbox, Name, Recipient, ReplyTo,
    SendFailure, ServerRef, StartError, Supervisor, process,
};
use parking_lot::Mutex;
use tracing_subscriber::layer::SubscriberExt;

use crate::job;
use crate::support::trees::{
    Broken, End, child, end, logging_runtime, named_worker, pids, quiet, subtree, worker,
};
use crate::support::{
    Lab, LabCall, LabCast, LabExt, Log, Setup, capture, lab, ms, secs, settle, unique,
};

// Names and leftovers

#[tokio::test(start_paused = true)]
async fn a_name_is_free_after_a_failed_start_and_after_a_graceful_stop() {
    let (name, broken) = (unique("peers"), Broken::default());
    for fails in [true, false, true, false] {
        broken.set(fails);
        let started = Lab::start(broken.breaks(Setup::default()))
            .name(name.as_str())
            .await;
        match started {
            Ok(lab) => lab.stop().await.unwrap(),
            Err(error) => assert!(matches!(error, StartError::Error(_)), "{error:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_linked_to_a_process_whose_init_fails_is_told() {
    let linked = Lab::start(Setup::default().init(|cx| {
        cx.trap_exit();
        Box::pin(async { Ok(()) })
    }))
    .await
    .unwrap();
    let pid = linked.pid();
    let fails = Setup::default().init(move |cx| {
        cx.link(pid);
        Box::pin(async { Err(Exit::error("no")) })
    });
    Lab::start(fails).await.unwrap_err();
    quiet().await;
    let exits = linked.call(LabCall::Exits).await.unwrap();
    assert_eq!(exits.len(), 1);
    assert_eq!(exits[0].reason, ExitReason::error("no"));
}

#[tokio::test]
async fn nothing_is_left_of_a_server_that_ends_while_its_caller_runs_it() {
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    lab().await.0.stop().await.unwrap();
    settle().await;
    let before = tasks();
    let (lab, _) = lab().await;
    lab.cast(LabCast::Note(1)).unwrap(); // from now on it has a task
    settle().await;
    assert!(lab.call(LabCall::Fail).await.is_err());
    settle().await;
    let weak = lab.downgrade();
    drop(lab);
    assert!(weak.upgrade().is_none(), "somebody holds it");
    assert_eq!(tasks(), before);
}

// Restarting

#[tokio::test(start_paused = true)]
async fn a_ref_to_a_former_incarnation_says_so_and_its_kill_does_not_hit_the_next() {
    let tree = Supervisor::one_for_one()
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    let former = child(&tree, "a").await;
    end(&former, End::Panic).await;
    let next = child(&tree, "a").await;
    assert_eq!(
        former.echo(1).await,
        Err(CallError::Exited(ExitReason::NoProc))
    );
    assert!(former.cast(LabCast::Note(1)).is_err());
    assert!(former.stop().await.is_err());
    former.kill();
    quiet().await;
    assert_eq!(child(&tree, "a").await, next);
    assert_eq!(next.echo(1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_panicked_is_there_again_with_a_fresh_state_and_its_name() {
    let name = unique("peers");
    let _tree = Supervisor::one_for_one()
        .child(worker(&Log::default(), "a").name(name.as_str()))
        .start()
        .await
        .unwrap();
    let lab = Name::<Lab>::new(name.as_str());
    let set = job!(|lab, _cx| {
        lab.number = 5;
        Ok(())
    });
    lab.call(|reply| LabCall::Run(set, reply)).await.unwrap();
    assert!(matches!(
        lab.call(LabCall::Panic).await,
        Err(CallError::Exited(ExitReason::Panic(_)))
    ));
    let next = lab.wait().await.unwrap();
    assert_eq!(next.sys().read(|lab| lab.number).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn the_next_init_runs_after_the_terminate_and_the_drop_of_the_one_before() {
    let log = Log::default();
    let slow = |name| named_worker(Setup::new(&log).terminate_takes(secs(1)), name);
    let tree = Supervisor::one_for_all()
        .child(slow("a"))
        .child(slow("b"))
        .start()
        .await
        .unwrap();
    log.take();
    end(&child(&tree, "a").await, End::Shutdown).await;
    tokio::time::sleep(secs(2)).await;
    let expected = [
        "a: terminate shutdown",
        "a: drop",
        "b: terminate shutdown",
        "b: drop",
        "a: init",
        "b: init",
    ];
    assert_eq!(log.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn stopping_a_child_by_its_ref_does_not_stop_its_supervisor() {
    let tree = Supervisor::one_for_one()
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    let former = child(&tree, "a").await;
    former.stop().await.unwrap();
    quiet().await;
    assert!(tree.is_alive());
    assert_ne!(child(&tree, "a").await, former);
}

// Shutdown

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_a_stop_or_a_supervisors_shutdown_is_handled_before_the_end() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .start()
        .await
        .unwrap();
    let (supervised, single) = (
        child(&tree, "a").await,
        Lab::start(Setup::new(&log)).await.unwrap(),
    );
    log.take();
    for lab in [&supervised, &single] {
        for n in 0..1000 {
            lab.cast(LabCast::Note(n)).unwrap();
        }
    }
    tree.stop().await.unwrap();
    single.stop().await.unwrap();
    let lines = log.lines();
    for (prefix, last) in [("a: ", "a: terminate shutdown"), ("", "terminate shutdown")] {
        let notes: Vec<String> = (0..1000).map(|n| format!("{prefix}note {n}")).collect();
        let end = lines.iter().position(|line| line == last).unwrap();
        let handled: Vec<String> = lines[..end]
            .iter()
            .filter(|line| notes.contains(line))
            .cloned()
            .collect();
        assert_eq!(handled, notes);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_an_end_learns_of_it_when_the_state_has_been_dropped() {
    let (a, log) = lab().await;
    a.stop().await.unwrap();
    assert_eq!(log.lines().last().unwrap(), "drop");
    let (a, log) = lab().await;
    a.kill();
    a.monitor().await;
    assert_eq!(log.lines().last().unwrap(), "drop");
    let (a, log) = lab().await;
    assert!(a.call(LabCall::Panic).await.is_err());
    assert_eq!(log.lines().last().unwrap(), "drop");
    let (a, log) = lab().await;
    let (watcher, heard) = lab().await;
    let pid = a.pid();
    let watch = job!(|_lab, cx| {
        cx.trap_exit();
        cx.link(pid);
        Ok(())
    });
    watcher.run(watch).await.unwrap();
    let stopped = job!(|_lab, cx| {
        cx.stop(Exit::Normal);
        Ok(())
    });
    a.cast(LabCast::Run(stopped)).unwrap();
    while heard.lines().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(log.lines().last().unwrap(), "drop");
}

#[tokio::test(start_paused = true)]
async fn a_child_in_the_middle_of_a_handler_comes_to_its_end_and_then_terminates() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .start()
        .await
        .unwrap();
    let (a, done) = (child(&tree, "a").await, log.clone());
    let job = job!(|_lab, _cx| {
        tokio::time::sleep(secs(2)).await;
        done.write("done");
        Ok(())
    });
    a.cast(LabCast::Run(job)).unwrap();
    quiet().await;
    tree.stop().await.unwrap();
    assert_eq!(
        log.lines(),
        ["a: init", "done", "a: terminate shutdown", "a: drop"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_stop_of_a_tree_returns_when_everybody_in_it_is_dead() {
    let slow = |name| named_worker(Setup::default().terminate_takes(secs(1)), name);
    let inner = Supervisor::one_for_one()
        .children(["a", "b"].map(slow))
        .as_child("inner");
    let tree = Supervisor::one_for_one()
        .child(inner)
        .child(slow("c"))
        .start()
        .await
        .unwrap();
    let inner = subtree(&tree, "inner").await;
    let mut all = vec![tree.pid(), inner.pid(), child(&tree, "c").await.pid()];
    all.extend(pids(&inner).await);
    tree.stop().no_timeout().await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.into_iter().all(|pid| !process::alive(pid)));
}

// Mailboxes

#[tokio::test(start_paused = true)]
async fn a_mailbox_holds_as_many_messages_as_it_says_and_hands_back_the_next() {
    for capacity in [1, 2, 100] {
        let lab = Lab::start(Setup::default())
            .mailbox(Mailbox::bounded(capacity))
            .await
            .unwrap();
        lab.sys().suspend().await.unwrap();
        for _ in 0..capacity {
            lab.cast(LabCast::Note(1)).unwrap();
        }
        let refused = lab.cast(LabCast::Note(2)).unwrap_err();
        assert!(matches!(refused.failure(), SendFailure::Full));
        assert!(matches!(refused.into_message(), LabCast::Note(2)));
        assert!(lab.info(3).is_err(), "they share it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tree_of_mailboxes_for_one_message_starts_works_and_stops() {
    let tiny = |name| worker(&Log::default(), name).mailbox(Mailbox::bounded(1));
    let greets_itself = Setup::default().init(|cx| {
        let greeted = cx.myself().cast(LabCast::Note(1)).is_ok();
        cx.monitor(cx.pid());
        Box::pin(async move {
            if greeted {
                Ok(())
            } else {
                Err(Exit::error("no room"))
            }
        })
    });
    let tree = Supervisor::one_for_all()
        .child(named_worker(greets_itself, "a").mailbox(Mailbox::bounded(1)))
        .child(tiny("b"))
        .start()
        .mailbox(Mailbox::bounded(1))
        .await
        .unwrap();
    for _ in 0..3 {
        end(&child(&tree, "b").await, End::Kill).await;
        assert_eq!(child(&tree, "a").await.echo(1).await, Ok(1));
    }
    tree.stop().await.unwrap();
}

// Errors and types

/// Something that is neither `Clone` nor `Debug` nor anything else.
struct Opaque(u8);

/// A server whose calls have replies of different types.
struct Various;

enum Ask {
    Parse(String, ReplyTo<Result<u8, std::num::ParseIntError>>),
    Opaque(ReplyTo<Opaque>),
    Nothing(ReplyTo<()>),
}

impl GenServer for Various {
    type Args = ();
    type Call = Ask;
    type Cast = ();
    type Info = ();

    async fn init((): (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Various)
    }

    async fn handle_call(&mut self, ask: Ask, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match ask {
            Ask::Parse(text, reply) => reply.send(text.parse()),
            Ask::Opaque(reply) => reply.send(Opaque(7)),
            Ask::Nothing(reply) => reply.send(()),
        }
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::test]
async fn an_error_that_is_a_reply_ends_nobody() {
    let various = Various::start(()).await.unwrap();
    let wrong = various
        .call(|reply| Ask::Parse("x".to_owned(), reply))
        .await
        .unwrap();
    assert!(wrong.is_err());
    let right = various
        .call(|reply| Ask::Parse("5".to_owned(), reply))
        .await
        .unwrap();
    assert_eq!(right, Ok(5));
}

#[tokio::test]
async fn each_call_has_a_reply_type_of_its_own_of_which_nothing_is_asked() {
    let various = Various::start(()).await.unwrap();
    assert_eq!(
        various.call(Ask::Opaque).await.ok().map(|opaque| opaque.0),
        Some(7)
    );
    let () = various.call(Ask::Nothing).await.unwrap();
}

#[tokio::test]
async fn a_panic_is_not_to_be_overlooked_by_who_waits() {
    let (lab, _) = lab().await;
    let Err(CallError::Exited(ExitReason::Panic(panic))) = lab.call(LabCall::Panic).await else {
        panic!("it was overlooked");
    };
    assert_eq!(panic.message(), "told to");
    assert!(panic.place().unwrap().contains("support.rs:"));
    let panics = Setup::default().init(|_cx| Box::pin(async { panic!("in init") }));
    let started = Lab::start(panics).await;
    assert!(matches!(started, Err(StartError::Panic(panic)) if panic.message() == "in init"));
}

mod ping {
    use super::*;

    /// Knows nothing of who answers but the message.
    pub(super) struct Ping(pub(super) Option<Recipient<u64>>, pub(super) Log);

    pub(super) enum Cast {
        Serve(Recipient<u64>),
        Ball(u64),
    }

    impl From<u64> for Cast {
        fn from(ball: u64) -> Self {
            Cast::Ball(ball)
        }
    }

    impl GenServer for Ping {
        type Args = Log;
        type Call = ();
        type Cast = Cast;
        type Info = ();

        async fn init(log: Log, _cx: &mut Context<Self>) -> Result<Self, Exit> {
            Ok(Ping(None, log))
        }

        async fn handle_call(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
            Ok(())
        }

        async fn handle_cast(&mut self, cast: Cast, _cx: &mut Context<Self>) -> Result<(), Exit> {
            match cast {
                Cast::Serve(to) => {
                    to.send(3)?;
                    self.0 = Some(to);
                }
                Cast::Ball(ball) => {
                    self.1.write(format!("ping {ball}"));
                    if let (Some(to), Some(next)) = (&self.0, ball.checked_sub(1)) {
                        to.send(next)?;
                    }
                }
            }
            Ok(())
        }
    }
}

/// Sends what it gets on to whom it knows by message only.
struct Pong(Recipient<u64>, Log);

impl GenServer for Pong {
    type Args = (Recipient<u64>, Log);
    type Call = ();
    type Cast = u64;
    type Info = ();

    async fn init((to, log): Self::Args, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Pong(to, log))
    }

    async fn handle_call(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, ball: u64, _cx: &mut Context<Self>) -> Result<(), Exit> {
        self.1.write(format!("pong {ball}"));
        if let Some(next) = ball.checked_sub(1) {
            self.0.send(next)?;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn servers_talk_to_each_other_without_knowing_each_others_type() {
    let log = Log::default();
    let ping = ping::Ping::start(log.clone()).await.unwrap();
    let pong = Pong::start((ping.recipient(), log.clone())).await.unwrap();
    ping.cast(ping::Cast::Serve(pong.recipient())).unwrap();
    quiet().await;
    assert_eq!(log.lines(), ["pong 3", "ping 2", "pong 1", "ping 0"]);
    pong.stop().await.unwrap();
    let gone: Recipient<u64> = pong.recipient();
    assert!(gone.send(1).is_err());
}

// Deadlocks

#[tokio::test(start_paused = true)]
async fn a_ring_of_three_calls_fails_at_once_and_names_the_circle() {
    let (a, b, c) = (lab().await.0, lab().await.0, lab().await.0);
    let circle = vec![a.pid(), b.pid(), c.pid()];
    let (a2, b2, c2) = (a.clone(), b.clone(), c.clone());
    a.run(job!(|_lab, _cx| {
        b2.run(job!(|_lab, _cx| {
            c2.run(job!(|_lab, _cx| {
                let closes = a2.echo(1).no_timeout().await;
                assert_eq!(closes, Err(CallError::Deadlock(circle)));
                Ok(())
            }))
            .await?;
            Ok(())
        }))
        .await?;
        Ok(())
    }))
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_two_servers_that_call_each_other_at_the_same_time_one_is_told_of_the_circle() {
    let (a, b) = (lab().await.0, lab().await.0);
    let told = Log::default();
    let calls = |other: ServerRef<Lab>| {
        let told = told.clone();
        job!(|_lab, _cx| {
            tokio::time::sleep(ms(10)).await;
            match other.echo(1).no_timeout().await {
                Err(CallError::Deadlock(_)) => told.write("circle"),
                answer => assert_eq!(answer, Ok(1)),
            }
            Ok(())
        })
    };
    let both = futures::join!(a.run(calls(b.clone())), b.run(calls(a.clone())));
    assert_eq!(both, (Ok(()), Ok(())));
    assert_eq!(told.lines(), ["circle"]);
}

// Tracing

/// For each event the names of the spans it is in, the outermost first.
#[derive(Clone, Default)]
struct Scopes(Arc<Mutex<Vec<Vec<&'static str>>>>);

impl<S> tracing_subscriber::Layer<S> for Scopes
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    fn on_event(&self, event: &tracing::Event<'_>, cx: tracing_subscriber::layer::Context<'_, S>) {
        let scope = cx
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root);
        self.0.lock().push(scope.map(|span| span.name()).collect());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_logs_is_in_the_span_of_its_process_and_not_in_that_of_the_sender() {
    let _capture = capture();
    let scopes = Scopes::default();
    let subscriber = tracing_subscriber::registry().with(scopes.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let (lab, _) = lab().await;
    let _request = tracing::info_span!("request").entered();
    let logs = || {
        job!(|_lab, _cx| {
            tracing::info!("handled");
            Ok(())
        })
    };
    lab.run(logs()).await.unwrap();
    lab.cast(LabCast::Run(logs())).unwrap();
    quiet().await;
    tracing::info!("sent");
    let seen = scopes.0.lock().clone();
    assert_eq!(seen, [vec!["process"], vec!["process"], vec!["request"]]);
}

#[test]
fn calls_introspection_and_kills_from_several_threads_all_work_while_somebody_subscribes_to_logs() {
    let (runtime, _logged) = logging_runtime();
    let all = async {
        for _ in 0..60 {
            let (lab, _) = lab().await;
            let (calls, looks) = (lab.clone(), lab.clone());
            let calls = tokio::spawn(async move { while calls.echo(1).await.is_ok() {} });
            let looks = tokio::spawn(async move {
                for _ in 0..1000 {
                    looks.sys().read(|_| ()).await.unwrap();
                }
            });
            looks.await.unwrap();
            let down = lab.monitor();
            lab.kill();
            assert_eq!(down.await.reason, ExitReason::Killed);
            calls.await.unwrap();
        }
    };
    let in_time = runtime.block_on(async { tokio::time::timeout(secs(20), all).await });
    runtime.shutdown_background();
    in_time.expect("somebody hangs");
}
