use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::pending;
use noex::{ChildError, ChildState, Exit, GenServer, Restart, StartError, Supervisor};

use crate::job;
use crate::support::trees::{
    Broken, End, child, end, ids, named_worker, quiet, shown, state, worker,
};
use crate::support::{Lab, LabCast, LabExt, Log, Setup, ms};

#[tokio::test(start_paused = true)]
async fn terminate_child_keeps_the_entry_and_may_be_repeated() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .start()
        .await
        .unwrap();
    for _ in 0..2 {
        tree.terminate_child("a").await.unwrap();
        assert_eq!(state(&tree, "a").await, Some(ChildState::Stopped));
    }
    quiet().await;
    assert_eq!(log.lines(), ["a: init", "a: terminate shutdown", "a: drop"]);
}

#[tokio::test(start_paused = true)]
async fn restart_child_gives_a_new_pid_and_wants_the_child_stopped() {
    let tree = Supervisor::one_for_one()
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    let before = child(&tree, "a").await.pid();
    assert_eq!(
        shown(tree.restart_child("a").await),
        format!("Running({before})")
    );
    tree.terminate_child("a").await.unwrap();
    let after = tree.restart_child("a").await.unwrap();
    assert_ne!(before, after);
    assert_eq!(state(&tree, "a").await, Some(ChildState::Running(after)));
}

#[tokio::test(start_paused = true)]
async fn delete_child_wants_the_child_stopped_and_then_its_id_is_free() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .children(["a", "b", "c"].map(|name| worker(&log, name)))
        .start()
        .await
        .unwrap();
    let pid = child(&tree, "b").await.pid();
    assert_eq!(
        shown(tree.delete_child("b").await),
        format!("Running({pid})")
    );
    tree.terminate_child("b").await.unwrap();
    tree.delete_child("b").await.unwrap();
    assert_eq!(ids(&tree).await, ["a", "c"]);
    // Those after it are still found.
    tree.terminate_child("c").await.unwrap();
    tree.start_child(worker(&log, "b")).await.unwrap();
    assert_eq!(ids(&tree).await, ["a", "c", "b"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_id_is_not_found() {
    let tree = Supervisor::one_for_one().start().await.unwrap();
    for error in [
        tree.terminate_child("x").await.unwrap_err(),
        tree.restart_child("x").await.unwrap_err(),
        tree.delete_child("x").await.unwrap_err(),
    ] {
        assert!(matches!(error, ChildError::NotFound { id } if id == "x"));
    }
}

#[tokio::test(start_paused = true)]
async fn start_child_under_a_running_id_tells_who_runs() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .start()
        .await
        .unwrap();
    let pid = child(&tree, "a").await.pid();
    let again = tree.start_child(worker(&log, "a")).await;
    assert_eq!(shown(again), format!("AlreadyStarted({pid})"));
    assert_eq!(log.lines(), ["a: init"]);
    tree.terminate_child("a").await.unwrap();
    let again = tree.start_child(worker(&log, "a")).await;
    assert_eq!(shown(again), "AlreadyPresent");
}

#[tokio::test(start_paused = true)]
async fn a_failing_start_child_leaves_no_entry_and_tells_the_cause() {
    let (log, broken) = (Log::default(), Broken::default());
    broken.set(true);
    let tree = Supervisor::one_for_one().start().await.unwrap();
    let panics = Setup::new(&log).init(|_cx| Box::pin(async { panic!("cannot") }));
    let hangs = Setup::new(&log).init(|_cx| Box::pin(pending()));
    let failed = tree
        .start_child(named_worker(broken.breaks(Setup::new(&log)), "a"))
        .await;
    assert!(
        matches!(failed, Err(ChildError::Start(StartError::Error(e))) if e.to_string() == "broken")
    );
    let failed = tree.start_child(named_worker(panics, "a")).await;
    assert!(
        matches!(failed, Err(ChildError::Start(StartError::Panic(p))) if p.message() == "cannot")
    );
    let failed = tree
        .start_child(named_worker(hangs, "a").start_timeout(ms(10)))
        .await;
    assert!(
        matches!(failed, Err(ChildError::Start(StartError::Timeout { after })) if after == ms(10))
    );
    assert_eq!(ids(&tree).await, Vec::<String>::new());
    quiet().await;
    assert!(tree.is_alive());
    assert_eq!(tree.count_children().await.unwrap().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_child_whose_init_declines_is_there_and_stopped_unless_it_is_temporary() {
    let decline = Setup::default().init(|_cx| Box::pin(async { Err(Exit::Ignore) }));
    let tree = Supervisor::one_for_one()
        .child(named_worker(decline.clone(), "a"))
        .child(named_worker(decline.clone(), "b").restart(Restart::Temporary))
        .start()
        .await
        .unwrap();
    let started = tree.start_child(named_worker(decline, "c")).await;
    assert!(matches!(
        started,
        Err(ChildError::Start(StartError::Ignore))
    ));
    assert_eq!(ids(&tree).await, ["a", "c"]);
    assert_eq!(state(&tree, "c").await, Some(ChildState::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_was_added_is_the_first_to_stop() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .start()
        .await
        .unwrap();
    tree.start_child(worker(&log, "b")).await.unwrap();
    log.take();
    tree.stop().await.unwrap();
    assert_eq!(log.take()[..2], ["b: terminate shutdown", "b: drop"]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_temporary_children_that_have_ended_leave_no_entries() {
    let tree = Supervisor::one_for_one().start().await.unwrap();
    for n in 0..10_000 {
        let child = Lab::child(Setup::default())
            .id(n.to_string())
            .restart(Restart::Temporary);
        let lab = tree.start_child(child).await.unwrap();
        lab.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::Normal) })))
            .unwrap();
    }
    quiet().await;
    let count = tree.count_children().await.unwrap();
    assert_eq!((count.specs, count.active), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn arguments_are_made_for_each_start_and_a_panic_in_that_is_a_failed_start() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let log = Log::default();
    let setup = Setup::new(&log);
    let child_of = Lab::child_with(move || match count.fetch_add(1, Ordering::SeqCst) {
        1 => panic!("no arguments"),
        _ => setup.clone(),
    });
    let tree = Supervisor::one_for_one()
        .child(child_of.id("a"))
        .start()
        .await
        .unwrap();
    end(&child(&tree, "a").await, End::Panic).await;
    assert_eq!(child(&tree, "a").await.echo(1).await, Ok(1));
    assert_eq!(made.load(Ordering::SeqCst), 3);
    assert_eq!(tree.count_children().await.unwrap().restarts, 2);
}

#[tokio::test(start_paused = true)]
async fn a_child_may_ask_its_supervisor_for_a_sibling() {
    let tree = Supervisor::one_for_one()
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    let ask = tree.clone();
    let a = child(&tree, "a").await;
    let job = job!(|_lab, _cx| {
        ask.start_child(worker(&Log::default(), "b")).await?;
        Ok(())
    });
    a.run(job).await.unwrap();
    assert_eq!(ids(&tree).await, ["a", "b"]);
}
