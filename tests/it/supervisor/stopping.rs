use std::sync::Arc;

use futures::future::pending;
use noex::{
    CallError, ChildState, Context, Exit, ExitReason, GenServer, ServerRef, Shutdown, Supervisor,
    process,
};
use tokio::time::Instant;

use crate::job;
use crate::support::trees::{
    Broken, End, about, child, end, logging_runtime, named_worker, pids, quiet, state, worker,
};
use crate::support::{Lab, LabCast, LabExt, Log, Setup, secs, unique};

#[tokio::test(start_paused = true)]
async fn a_child_stuck_at_an_await_is_killed_when_its_time_is_up_and_its_sibling_is_not() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "obedient"))
        .child(worker(&log, "stuck").shutdown(Shutdown::After(secs(1))))
        .start()
        .await
        .unwrap();
    let (obedient, stuck) = (child(&tree, "obedient").await, child(&tree, "stuck").await);
    stuck
        .cast(LabCast::Run(job!(|_lab, _cx| { pending().await })))
        .unwrap();
    let (obedient, stuck) = (obedient.monitor(), stuck.monitor());
    let begun = Instant::now();
    tree.stop().await.unwrap();
    assert_eq!(stuck.await.reason, ExitReason::Killed);
    assert_eq!(obedient.await.reason, ExitReason::Shutdown);
    assert!(about(begun.elapsed(), secs(1)), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn each_child_has_its_own_time_to_stop() {
    let log = Log::default();
    let slow = |takes| Setup::new(&log).terminate_takes(takes);
    let tree = Supervisor::one_for_one()
        .child(named_worker(slow(secs(3)), "patient").shutdown(Shutdown::After(secs(4))))
        .child(named_worker(slow(secs(3)), "hasty").shutdown(Shutdown::After(secs(2))))
        .start()
        .await
        .unwrap();
    let begun = Instant::now();
    tree.stop().no_timeout().await.unwrap();
    let lines = log.lines();
    assert!(lines.contains(&"patient: terminate shutdown".to_owned()));
    assert!(!lines.contains(&"hasty: terminate shutdown".to_owned()));
    assert!(about(begun.elapsed(), secs(5)), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn brutal_kill_runs_no_terminate() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "a").shutdown(Shutdown::BrutalKill))
        .start()
        .await
        .unwrap();
    let down = child(&tree, "a").await.monitor();
    tree.stop().await.unwrap();
    assert_eq!(down.await.reason, ExitReason::Killed);
    assert_eq!(log.lines(), ["a: init", "a: drop"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_as_a_child_is_waited_for_without_limit() {
    let log = Log::default();
    let slow = Setup::new(&log).terminate_takes(secs(3600));
    let slow = named_worker(slow, "slow").shutdown(Shutdown::Infinity);
    let inner = Supervisor::one_for_one().child(slow).as_child("inner");
    let tree = Supervisor::one_for_one()
        .child(inner)
        .start()
        .await
        .unwrap();
    tree.stop().no_timeout().await.unwrap();
    assert_eq!(
        log.lines(),
        ["slow: init", "slow: terminate shutdown", "slow: drop"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_killed_supervisor_takes_its_children_along_even_those_that_trap() {
    let log = Log::default();
    let traps = Setup::new(&log).init(|cx| {
        cx.trap_exit();
        Box::pin(async { Ok(()) })
    });
    let inner = Supervisor::one_for_one()
        .child(worker(&log, "c"))
        .as_child("inner");
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .child(named_worker(traps, "b"))
        .child(inner)
        .start()
        .await
        .unwrap();
    log.take();
    tree.kill();
    quiet().await;
    let mut lines = log.take();
    lines.sort_unstable();
    let expected = [
        "a: drop",
        "a: terminate killed",
        "b: drop",
        "b: terminate killed",
        "c: drop",
        "c: terminate shutdown",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_killed_in_the_middle_of_a_restart_leaves_nothing_behind() {
    let (log, broken) = (Log::default(), Broken::default());
    let flag = broken.clone();
    let hangs = Setup::new(&log).init(move |_cx| {
        let flag = flag.clone();
        Box::pin(async move {
            if flag.is_set() {
                pending::<()>().await;
            }
            Ok(())
        })
    });
    let name = unique("mid-restart");
    let tree = Supervisor::one_for_one()
        .child(
            named_worker(hangs, "a")
                .name(name.as_str())
                .no_start_timeout(),
        )
        .start()
        .await
        .unwrap();
    broken.set(true);
    end(&child(&tree, "a").await, End::Kill).await;
    let starting = noex::registry::whereis(&name).unwrap();
    tree.kill();
    quiet().await;
    assert!(!process::alive(starting));
    assert_eq!(noex::registry::whereis(&name), None);
}

#[tokio::test(start_paused = true)]
async fn a_linked_supervisor_stops_its_children_when_its_parent_crashes() {
    let log = Log::default();
    let parent = Lab::start(Setup::default()).await.unwrap();
    let tree = Supervisor::one_for_one()
        .children(["a", "b"].map(|name| worker(&log, name)))
        .start()
        .link(&parent)
        .await
        .unwrap();
    log.take();
    end(&parent, End::Panic).await;
    assert!(!tree.is_alive());
    let expected = [
        "b: terminate shutdown",
        "b: drop",
        "a: terminate shutdown",
        "a: drop",
    ];
    assert_eq!(log.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_is_linked_to_a_supervisor_does_not_end_it() {
    let tree = Supervisor::one_for_one()
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    let before = pids(&tree).await;
    let stranger = Lab::start(Setup::default()).await.unwrap();
    let pid = tree.pid();
    stranger
        .run(job!(|_lab, cx| {
            cx.link(pid);
            Ok(())
        }))
        .await
        .unwrap();
    end(&stranger, End::Panic).await;
    assert_eq!(pids(&tree).await, before);
    assert_eq!(tree.count_children().await.unwrap().restarts, 0);
}

/// Asks its supervisor for its siblings when it begins and when it ends.
struct Curious(Log);

async fn ask_parent(cx: &mut Context<Curious>, log: &Log) {
    let parent = ServerRef::<Supervisor>::from_pid(cx.parent().unwrap()).unwrap();
    match parent.which_children().await {
        Err(CallError::Deadlock(circle)) => {
            assert_eq!(circle, [parent.pid(), cx.pid()]);
            log.write("deadlock");
        }
        other => log.write(format!("{other:?}")),
    }
}

impl GenServer for Curious {
    type Args = Log;
    type Call = ();
    type Cast = ();
    type Info = ();

    async fn init(log: Log, cx: &mut Context<Self>) -> Result<Self, Exit> {
        ask_parent(cx, &log).await;
        Ok(Curious(log))
    }

    async fn handle_call(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, cx: &mut Context<Self>) {
        ask_parent(cx, &self.0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_calls_its_supervisor_while_that_waits_for_it_is_told_of_the_circle() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(Curious::child(log.clone()))
        .start()
        .await
        .unwrap();
    assert_eq!(log.take(), ["deadlock"]);
    tree.stop().await.unwrap();
    assert_eq!(log.take(), ["deadlock"]);
}

#[test]
fn a_child_that_not_even_a_kill_ends_is_reported_and_left_behind() {
    let _capture = crate::support::capture();
    let (runtime, logged) = logging_runtime();
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = Arc::new(parking_lot::Mutex::new(blocked));
    runtime.block_on(async {
        let (log, name) = (Log::default(), unique("abandoned"));
        let tree = Supervisor::one_for_one()
            .child(worker(&log, "sibling"))
            .child(
                worker(&log, "stuck")
                    .name(name.as_str())
                    .shutdown(Shutdown::BrutalKill),
            )
            .start()
            .await
            .unwrap();
        let stuck = child(&tree, "stuck").await;
        let (entered, has_entered) = tokio::sync::oneshot::channel();
        let job = job!(|_lab, _cx| {
            let _ = entered.send(());
            let _ = blocked.lock().recv();
            Ok(())
        });
        stuck.cast(LabCast::Run(job)).unwrap();
        has_entered.await.unwrap();
        tree.stop().await.unwrap();
        assert!(
            log.lines()
                .contains(&"sibling: terminate shutdown".to_owned())
        );
        let reports: Vec<_> = logged.lock().clone();
        let report = reports
            .iter()
            .find(|r| r.field("message").starts_with("abandoned"))
            .unwrap();
        assert_eq!(report.field("pid"), stuck.pid().to_string());
        // Its name and its DOWN wait for its real end.
        assert_eq!(noex::registry::whereis(&name), Some(stuck.pid()));
        let down = stuck.monitor();
        release.send(()).unwrap();
        assert_eq!(down.await.reason, ExitReason::Killed);
        assert_eq!(noex::registry::whereis(&name), None);
    });
}

#[tokio::test(start_paused = true)]
async fn a_child_that_dies_while_it_is_being_terminated_is_not_restarted() {
    let tree = Supervisor::one_for_one()
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    child(&tree, "a").await.kill();
    tree.terminate_child("a").await.unwrap();
    quiet().await;
    assert_eq!(state(&tree, "a").await, Some(ChildState::Stopped));
    assert_eq!(tree.count_children().await.unwrap().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_tree_whose_start_is_given_up_takes_its_children_back() {
    let log = Log::default();
    let hangs = Setup::new(&log).init(|_cx| Box::pin(pending()));
    let inner = Supervisor::one_for_one()
        .child(worker(&log, "b"))
        .as_child("inner");
    let start = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .child(inner)
        .child(named_worker(hangs, "c").no_start_timeout())
        .start();
    assert!(tokio::time::timeout(secs(60), start).await.is_err());
    quiet().await;
    let lines = log.lines();
    assert_eq!(lines[..3], ["a: init", "b: init", "c: init"]);
    assert!(
        ["a: drop", "b: drop"]
            .iter()
            .all(|line| lines.iter().any(|l| l == line)),
        "{lines:?}"
    );
}
