use noex::{Backoff, ChildState, Name, ServerRef, Supervisor, process};
use tokio::time::Instant;

use crate::support::trees::{
    Broken, End, Times, about, child, end, named_worker, pids, quiet, shown, state, worker,
};
use crate::support::{Lab, LabExt, Log, Setup, ms, secs, unique};

#[tokio::test(start_paused = true)]
async fn a_child_is_restarted_without_time_passing() {
    let name = unique("no-poll");
    let tree = Supervisor::one_for_one()
        .child(worker(&Log::default(), "a").name(name.as_str()))
        .start()
        .await
        .unwrap();
    let (lab, begun) = (child(&tree, "a").await, Instant::now());
    let down = lab.monitor();
    lab.kill();
    down.await;
    let renewed = Name::<Lab>::new(name).wait().await.unwrap();
    assert_eq!(renewed.echo(1).await, Ok(1));
    assert_eq!(begun.elapsed(), ms(0));
}

/// A tree with the children `a` and `b`, of which `a` waits to be restarted and will not start.
async fn with_one_restarting(broken: &Broken) -> ServerRef<Supervisor> {
    let log = Log::default();
    let patient = Backoff::new(secs(10), secs(10));
    let tree = Supervisor::one_for_one()
        .child(named_worker(broken.breaks(Setup::new(&log)), "a").backoff(patient))
        .child(worker(&log, "b"))
        .start()
        .await
        .unwrap();
    broken.set(true);
    end(&child(&tree, "a").await, End::Kill).await;
    tree
}

#[tokio::test(start_paused = true)]
async fn a_restarting_child_is_listed_so_and_answers_to_its_id_accordingly() {
    let tree = with_one_restarting(&Broken::default()).await;
    for attempt in 1..=2 {
        assert_eq!(state(&tree, "a").await, Some(ChildState::Restarting));
        let count = tree.count_children().await.unwrap();
        assert_eq!((count.specs, count.active, count.restarting), (2, 1, 1));
        assert_eq!(count.restarts, attempt);
        assert_eq!(shown(tree.restart_child("a").await), "Restarting");
        assert_eq!(shown(tree.delete_child("a").await), "Restarting");
        let again = tree.start_child(worker(&Log::default(), "a")).await;
        assert_eq!(shown(again), "AlreadyPresent");
        // The first time before an attempt has failed, the second time after.
        tokio::time::sleep(secs(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_restarting_child_is_started_when_it_can_be_again() {
    let broken = Broken::default();
    let tree = with_one_restarting(&broken).await;
    tokio::time::sleep(secs(10)).await;
    assert_eq!(state(&tree, "a").await, Some(ChildState::Restarting));
    broken.set(false);
    tokio::time::sleep(secs(10)).await;
    assert_eq!(child(&tree, "a").await.echo(1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn terminating_a_restarting_child_ends_its_restarting() {
    let broken = Broken::default();
    let tree = with_one_restarting(&broken).await;
    tree.terminate_child("a").await.unwrap();
    broken.set(false);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(state(&tree, "a").await, Some(ChildState::Stopped));
    tree.restart_child("a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_answers_while_a_child_fails_to_start_again_and_again() {
    let (log, broken) = (Log::default(), Broken::default());
    let tree = Supervisor::one_for_one()
        .unlimited_restarts()
        .child(named_worker(broken.breaks(Setup::new(&log)), "a"))
        .start()
        .await
        .unwrap();
    broken.set(true);
    child(&tree, "a").await.kill();
    while tree.count_children().await.unwrap().restarts < 100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(state(&tree, "a").await, Some(ChildState::Restarting));
    broken.set(false);
    while state(&tree, "a").await == Some(ChildState::Restarting) {
        tokio::task::yield_now().await;
    }
    assert_eq!(child(&tree, "a").await.echo(1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn the_group_of_a_child_that_does_not_restart_is_complete_once_it_does() {
    let (log, broken) = (Log::default(), Broken::default());
    let tree = Supervisor::one_for_all()
        .unlimited_restarts()
        .child(worker(&log, "a"))
        .child(
            named_worker(broken.breaks(Setup::new(&log)), "b")
                .backoff(Backoff::new(secs(1), secs(1))),
        )
        .child(worker(&log, "c"))
        .start()
        .await
        .unwrap();
    broken.set(true);
    end(&child(&tree, "c").await, End::Kill).await;
    assert_eq!(state(&tree, "b").await, Some(ChildState::Restarting));
    broken.set(false);
    tokio::time::sleep(secs(2)).await;
    assert_eq!(pids(&tree).await.len(), 3);
    tree.stop().await.unwrap();
    let count = |what: &str| {
        log.lines()
            .iter()
            .filter(|line| line.ends_with(what))
            .count()
    };
    // A lab that fails in `init` has no state to drop.
    assert_eq!(
        count(": init"),
        count(": drop") + 1,
        "nobody is left behind"
    );
}

/// Starts a child with the backoff that crashes as soon as it runs; the waits before `n` restarts.
async fn waits(backoff: Backoff, n: usize) -> Vec<std::time::Duration> {
    let times = Times::default();
    let tree = Supervisor::one_for_one()
        .unlimited_restarts()
        .child(named_worker(times.of_starts(Setup::default()), "a").backoff(backoff))
        .start()
        .await
        .unwrap();
    while times.gaps().len() < n {
        if let Some(ChildState::Running(pid)) = state(&tree, "a").await {
            process::kill(pid);
        }
        quiet().await;
    }
    tree.stop().await.unwrap();
    times.gaps()
}

#[tokio::test(start_paused = true)]
async fn a_backoff_doubles_from_its_least_to_its_greatest_wait() {
    let waits = waits(Backoff::new(ms(100), ms(500)), 5).await;
    let expected = [100, 200, 400, 500, 500].map(ms);
    assert!(
        waits.iter().zip(expected).all(|(w, e)| about(*w, e)),
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn jitter_varies_the_waits_within_its_fraction() {
    let waits = waits(Backoff::new(secs(1), secs(1)).jitter(0.5), 50).await;
    assert!(
        waits.iter().all(|w| *w >= ms(500) && *w <= ms(1501)),
        "{waits:?}"
    );
    let short = waits.iter().filter(|w| **w < ms(900)).count();
    let long = waits.iter().filter(|w| **w > ms(1100)).count();
    assert!(short > 0 && long > 0, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_backoff_begins_again_when_the_child_has_lived_long_enough() {
    let times = Times::default();
    let backoff = Backoff::new(ms(100), ms(400)).reset_after(secs(10));
    let tree = Supervisor::one_for_one()
        .unlimited_restarts()
        .child(named_worker(times.of_starts(Setup::default()), "a").backoff(backoff))
        .start()
        .await
        .unwrap();
    for lives in [secs(1), secs(9), secs(11)] {
        tokio::time::sleep(lives).await;
        times.note();
        child(&tree, "a").await.kill();
        quiet().await;
        while state(&tree, "a").await == Some(ChildState::Restarting) {
            quiet().await;
        }
    }
    // The times are those of a start and of a crash by turns.
    let waits: Vec<_> = times.gaps().into_iter().skip(1).step_by(2).collect();
    let expected = [100, 200, 100].map(ms);
    assert!(
        waits.iter().zip(expected).all(|(w, e)| about(*w, e)),
        "{waits:?}"
    );
}
