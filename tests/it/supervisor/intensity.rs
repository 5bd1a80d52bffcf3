use noex::{ExitReason, GenServer, Supervisor};

use crate::support::trees::{Broken, End, child, end, named_worker, subtree, worker};
use crate::support::{Lab, Log, Setup, ms, secs};

#[tokio::test(start_paused = true)]
async fn the_third_crash_within_intensity_two_ends_the_supervisor_and_its_children_in_reverse() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .intensity(2, secs(5))
        .children(["a", "b", "c"].map(|name| worker(&log, name)))
        .start()
        .await
        .unwrap();
    let down = tree.monitor();
    for _ in 0..2 {
        end(&child(&tree, "b").await, End::Panic).await;
        assert!(tree.is_alive());
    }
    let last = child(&tree, "b").await;
    log.take();
    end(&last, End::Kill).await;
    assert_eq!(down.await.reason, ExitReason::Shutdown);
    let expected = [
        "b: drop",
        "c: terminate shutdown",
        "c: drop",
        "a: terminate shutdown",
        "a: drop",
    ];
    assert_eq!(log.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn intensity_one_in_a_second_is_not_tripped_by_crashes_2100_ms_apart() {
    let tree = Supervisor::one_for_one()
        .intensity(1, secs(1))
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    for _ in 0..10 {
        end(&child(&tree, "a").await, End::Kill).await;
        tokio::time::sleep(ms(2100)).await;
    }
    assert!(tree.is_alive());
    assert_eq!(tree.count_children().await.unwrap().restarts, 10);
}

#[tokio::test(start_paused = true)]
async fn intensity_zero_trips_on_the_first_crash() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .intensity(0, secs(1))
        .child(worker(&log, "a"))
        .start()
        .await
        .unwrap();
    let down = tree.monitor();
    end(&child(&tree, "a").await, End::Kill).await;
    assert_eq!(down.await.reason, ExitReason::Shutdown);
    assert_eq!(log.lines(), ["a: init", "a: drop"]);
}

#[tokio::test(start_paused = true)]
async fn the_window_slides_and_does_not_wait_for_a_quiet_time() {
    let tree = Supervisor::one_for_one()
        .intensity(2, secs(1))
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    for _ in 0..20 {
        end(&child(&tree, "a").await, End::Kill).await;
        tokio::time::sleep(ms(600)).await;
    }
    assert!(tree.is_alive());
}

#[tokio::test(start_paused = true)]
async fn the_window_is_that_of_the_whole_supervisor_and_not_of_each_child() {
    let names = ["a", "b", "c"];
    let tree = Supervisor::one_for_one()
        .intensity(2, secs(5))
        .children(names.map(|name| worker(&Log::default(), name)))
        .start()
        .await
        .unwrap();
    for name in names {
        end(&child(&tree, name).await, End::Kill).await;
    }
    assert!(!tree.is_alive());
}

#[tokio::test(start_paused = true)]
async fn the_restart_of_a_group_counts_once() {
    let tree = Supervisor::one_for_all()
        .intensity(2, secs(5))
        .children(["a", "b", "c"].map(|name| worker(&Log::default(), name)))
        .start()
        .await
        .unwrap();
    for crash in 1..=2 {
        end(&child(&tree, "a").await, End::Kill).await;
        assert_eq!(tree.count_children().await.unwrap().restarts, crash);
    }
    end(&child(&tree, "c").await, End::Kill).await;
    assert!(!tree.is_alive());
}

#[tokio::test(start_paused = true)]
async fn restart_attempts_that_fail_count() {
    let (log, broken) = (Log::default(), Broken::default());
    let tree = Supervisor::one_for_one()
        .intensity(3, secs(5))
        .child(named_worker(broken.breaks(Setup::new(&log)), "a"))
        .start()
        .await
        .unwrap();
    broken.set(true);
    let down = tree.monitor();
    end(&child(&tree, "a").await, End::Kill).await;
    assert_eq!(down.await.reason, ExitReason::Shutdown);
    let inits = log.lines().iter().filter(|line| *line == "a: init").count();
    assert_eq!(inits, 1 + 3, "the first start, and three restarts");
}

#[tokio::test(start_paused = true)]
async fn restarts_that_are_asked_for_do_not_count() {
    let tree = Supervisor::one_for_one()
        .intensity(1, secs(5))
        .child(worker(&Log::default(), "a"))
        .start()
        .await
        .unwrap();
    for _ in 0..10 {
        tree.terminate_child("a").await.unwrap();
        tree.restart_child("a").await.unwrap();
    }
    assert_eq!(tree.count_children().await.unwrap().restarts, 0);
    end(&child(&tree, "a").await, End::Kill).await;
    assert!(tree.is_alive());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_failing_restarts_goes_up_four_levels_and_ends_after_the_allowed_number() {
    let (log, broken) = (Log::default(), Broken::default());
    let mut level = Supervisor::one_for_all()
        .intensity(1, secs(5))
        .child(named_worker(broken.breaks(Setup::new(&log)), "a"))
        .children((0..50).map(|n| Lab::child(Setup::default()).id(n.to_string())));
    for n in 0..3 {
        level = Supervisor::one_for_one()
            .intensity(1, secs(5))
            .child(level.as_child(format!("level {n}")));
    }
    let tree = level.start().await.unwrap();
    let mut leaf = tree.clone();
    for n in (0..3).rev() {
        leaf = subtree(&leaf, &format!("level {n}")).await;
    }
    let (lab, down) = (child(&leaf, "a").await, tree.monitor());
    broken.set(true);
    end(&lab, End::Kill).await;
    assert_eq!(down.await.reason, ExitReason::Shutdown);
    let inits = log.lines().iter().filter(|line| *line == "a: init").count();
    assert_eq!(
        inits,
        1 + 4,
        "the first start, and one attempt on each level"
    );
}
