mod children;
mod intensity;
mod restarting;
mod significant;
mod stopping;
mod storm;

use noex::{
    AutoShutdown, ChildError, ChildFailed, ChildKind, ChildState, Restart, SpecError, StartError,
    Strategy, Supervisor,
};

use crate::support::trees::{
    Broken, ENDS, End, child, end, ids, named_worker, pids, quiet, spec_error, state, subtree,
    worker,
};
use crate::support::{LabExt, Log, Setup, secs};

#[tokio::test(start_paused = true)]
async fn five_children_start_in_order_and_stop_in_exact_reverse() {
    let log = Log::default();
    let names = ["a", "b", "c", "d", "e"];
    let tree = Supervisor::one_for_one()
        .children(names.map(|name| worker(&log, name)))
        .start()
        .await
        .unwrap();
    assert_eq!(log.take(), names.map(|name| format!("{name}: init")));
    assert_eq!(ids(&tree).await, names);
    tree.stop().await.unwrap();
    let mut stopped = Vec::new();
    for name in names.iter().rev() {
        stopped.push(format!("{name}: terminate shutdown"));
        stopped.push(format!("{name}: drop"));
    }
    assert_eq!(log.take(), stopped);
}

/// Ends a child of the restart type in each way, in a tree of its own.
async fn ended_as(restart: Restart) -> Vec<(End, Option<ChildState>)> {
    let mut seen = Vec::new();
    for how in ENDS {
        let tree = Supervisor::one_for_one()
            .child(worker(&Log::default(), "a").restart(restart))
            .start()
            .await
            .unwrap();
        let before = child(&tree, "a").await;
        end(&before, how).await;
        let after = state(&tree, "a").await;
        assert_ne!(after, Some(ChildState::Running(before.pid())), "{how:?}");
        seen.push((how, after));
        tree.stop().await.unwrap();
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn a_permanent_child_is_restarted_after_normal_shutdown_panic_and_kill() {
    for (how, state) in ended_as(Restart::Permanent).await {
        assert!(matches!(state, Some(ChildState::Running(_))), "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transient_child_is_restarted_after_panic_and_kill_only() {
    for (how, state) in ended_as(Restart::Transient).await {
        match how {
            End::Normal | End::Shutdown => assert_eq!(state, Some(ChildState::Stopped), "{how:?}"),
            _ => assert!(matches!(state, Some(ChildState::Running(_))), "{how:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_is_never_restarted_and_its_entry_is_gone() {
    for (how, state) in ended_as(Restart::Temporary).await {
        assert_eq!(state, None, "{how:?}");
    }
}

/// Crashes the middle one of three; tells which of them are new afterwards.
async fn renewed_by(strategy: Strategy) -> ([bool; 3], Vec<String>) {
    let log = Log::default();
    let tree = Supervisor::with_strategy(strategy)
        .children(["a", "b", "c"].map(|name| worker(&log, name)))
        .start()
        .await
        .unwrap();
    let before = pids(&tree).await;
    log.take();
    end(&child(&tree, "b").await, End::Kill).await;
    let after = pids(&tree).await;
    assert_eq!(after.len(), 3);
    let lines = log.take();
    tree.stop().await.unwrap();
    ([0, 1, 2].map(|at| before[at] != after[at]), lines)
}

#[tokio::test(start_paused = true)]
async fn one_for_one_restarts_the_one_and_its_siblings_keep_their_pids() {
    let (renewed, log) = renewed_by(Strategy::OneForOne).await;
    assert_eq!(renewed, [false, true, false]);
    assert_eq!(log, ["b: drop", "b: init"]);
}

#[tokio::test(start_paused = true)]
async fn one_for_all_stops_the_others_in_reverse_and_starts_all_anew_in_order() {
    let (renewed, log) = renewed_by(Strategy::OneForAll).await;
    assert_eq!(renewed, [true, true, true]);
    assert_eq!(
        log,
        [
            "b: drop",
            "c: terminate shutdown",
            "c: drop",
            "a: terminate shutdown",
            "a: drop",
            "a: init",
            "b: init",
            "c: init"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_renews_the_later_ones_and_the_earlier_keep_their_pids() {
    let (renewed, log) = renewed_by(Strategy::RestForOne).await;
    assert_eq!(renewed, [false, true, true]);
    let expected = [
        "b: drop",
        "c: terminate shutdown",
        "c: drop",
        "b: init",
        "c: init",
    ];
    assert_eq!(log, expected);
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_forgets_a_temporary_sibling() {
    let log = Log::default();
    let tree = Supervisor::one_for_all()
        .child(worker(&log, "a"))
        .child(worker(&log, "b").restart(Restart::Temporary))
        .start()
        .await
        .unwrap();
    end(&child(&tree, "a").await, End::Panic).await;
    assert_eq!(ids(&tree).await, ["a"]);
    assert_eq!(
        log.lines().iter().filter(|line| *line == "b: init").count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_restarted_inner_supervisor_has_its_static_children_only() {
    let log = Log::default();
    let inner = Supervisor::one_for_one()
        .child(worker(&log, "static"))
        .as_child("inner");
    let tree = Supervisor::one_for_one()
        .child(inner)
        .start()
        .await
        .unwrap();
    let before = subtree(&tree, "inner").await;
    let added = before.start_child(worker(&log, "added")).await.unwrap();
    before.kill();
    quiet().await;
    let after = subtree(&tree, "inner").await;
    assert_ne!(before, after);
    assert_eq!(ids(&after).await, ["static"]);
    assert!(!added.is_alive());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_description_is_an_error_and_nothing_was_started() {
    let log = Log::default();
    let one = || Supervisor::one_for_one().child(worker(&log, "a"));
    let significant = |restart| worker(&log, "b").restart(restart).significant();
    let any = AutoShutdown::AnySignificant;
    assert_eq!(
        spec_error(one().child(worker(&log, "a")).start().await),
        SpecError::DuplicateId { id: "a".to_owned() }
    );
    assert_eq!(
        spec_error(one().intensity(1, secs(0)).start().await),
        SpecError::ZeroPeriod
    );
    assert_eq!(
        spec_error(
            one()
                .auto_shutdown(any)
                .child(significant(Restart::Permanent))
                .start()
                .await
        ),
        SpecError::SignificantPermanent { id: "b".to_owned() }
    );
    assert_eq!(
        spec_error(one().child(significant(Restart::Transient)).start().await),
        SpecError::SignificantWithoutAutoShutdown { id: "b".to_owned() }
    );
    assert_eq!(log.lines(), Vec::<String>::new());
    let tree = Supervisor::one_for_one().start().await.unwrap();
    let started = tree.start_child(significant(Restart::Transient)).await;
    assert!(matches!(started, Err(ChildError::Spec(_))));
    assert_eq!(log.lines(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_tree_whose_child_does_not_start_is_taken_down_in_reverse_and_names_the_child() {
    let (log, broken) = (Log::default(), Broken::default());
    broken.set(true);
    let failed = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .child(worker(&log, "b"))
        .child(named_worker(broken.breaks(Setup::new(&log)), "c"))
        .child(worker(&log, "d"))
        .start()
        .await;
    let Err(StartError::Error(error)) = failed else {
        panic!("{failed:?}");
    };
    let failed = error.downcast_ref::<ChildFailed>().unwrap();
    assert_eq!(failed.id, "c");
    assert!(matches!(&failed.error, StartError::Error(e) if e.to_string() == "broken"));
    let expected = [
        "a: init",
        "b: init",
        "c: init",
        "b: terminate shutdown",
        "b: drop",
        "a: terminate shutdown",
        "a: drop",
    ];
    assert_eq!(log.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn nested_supervisors_stop_depth_first_and_in_reverse() {
    let log = Log::default();
    let inner = Supervisor::one_for_one()
        .children(["b", "c"].map(|name| worker(&log, name)))
        .as_child("inner");
    let tree = Supervisor::one_for_one()
        .child(worker(&log, "a"))
        .child(inner)
        .child(worker(&log, "d"))
        .start()
        .await
        .unwrap();
    let kinds: Vec<ChildKind> = tree
        .which_children()
        .await
        .unwrap()
        .iter()
        .map(|c| c.kind)
        .collect();
    assert_eq!(
        kinds,
        [ChildKind::Worker, ChildKind::Supervisor, ChildKind::Worker]
    );
    assert_eq!(log.take(), ["a: init", "b: init", "c: init", "d: init"]);
    tree.stop().await.unwrap();
    let lines = log.take();
    let dropped: Vec<_> = lines.iter().filter(|line| line.ends_with("drop")).collect();
    assert_eq!(dropped, ["d: drop", "c: drop", "b: drop", "a: drop"]);
}

#[tokio::test(start_paused = true)]
async fn an_inner_supervisor_that_gives_up_is_restarted_by_the_outer_one() {
    let log = Log::default();
    let inner = Supervisor::one_for_one()
        .intensity(0, secs(5))
        .child(worker(&log, "a"))
        .as_child("inner");
    let tree = Supervisor::one_for_one()
        .child(inner)
        .start()
        .await
        .unwrap();
    let before = subtree(&tree, "inner").await;
    end(&child(&before, "a").await, End::Panic).await;
    let after = subtree(&tree, "inner").await;
    assert_ne!(before, after);
    assert_eq!(child(&after, "a").await.echo(1).await, Ok(1));
    assert_eq!(tree.count_children().await.unwrap().restarts, 1);
}
