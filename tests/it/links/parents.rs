use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::pending;
use noex::{Exit, ExitReason, GenServer, StartError, Supervisor, process};

use super::{exits, idle, trap, trapping};
use crate::job;
use crate::support::trees::{ENDS, End, end, quiet, worker};
use crate::support::{Lab, LabExt, Log, Setup, ms, unique};

#[tokio::test(start_paused = true)]
async fn a_parents_end_ends_even_a_trapping_child_through_terminate() {
    for how in ENDS {
        let (log, parent) = (Log::default(), idle().await);
        let child = Lab::start(trapping(&log)).link(&parent).await.unwrap();
        let down = child.monitor();
        let reason = end(&parent, how).await;
        assert_eq!(down.await.reason, reason, "{how:?}");
        let terminated = format!("terminate {reason}");
        assert_eq!(
            log.lines(),
            ["init", terminated.as_str(), "drop"],
            "{how:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_linked_childs_crash_takes_its_parent_along_unless_that_traps() {
    let (parent, traps) = (idle().await, trap().await);
    let one = Lab::start(Setup::default()).link(&parent).await.unwrap();
    let two = Lab::start(Setup::default()).link(&traps).await.unwrap();
    end(&one, End::Panic).await;
    assert!(!parent.is_alive());
    let reason = end(&two, End::Panic).await;
    assert_eq!(exits(&traps).await, [(two.pid(), reason)]);
}

#[tokio::test(start_paused = true)]
async fn a_linked_start_that_fails_neither_ends_nor_tells_its_parent() {
    let fails = |setup: Setup, how: u32| {
        setup.init(move |_cx| {
            Box::pin(async move {
                match how {
                    0 => Err(Exit::error("no")),
                    1 => panic!("no"),
                    2 => Err(Exit::Ignore),
                    _ => pending().await,
                }
            })
        })
    };
    for parent in [idle().await, trap().await] {
        let done = Arc::new(AtomicUsize::new(0));
        let count = done.clone();
        let job = job!(|_lab, cx| {
            for how in 0..4 {
                let start = Lab::start(fails(Setup::default(), how))
                    .link(&*cx)
                    .timeout(ms(10));
                assert!(start.await.is_err());
                count.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        parent.run(job).await.unwrap();
        quiet().await;
        assert_eq!(done.load(Ordering::SeqCst), 4);
        assert_eq!(exits(&parent).await, []);
        assert_eq!(parent.status().links, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_linked_to_a_dead_parent_fails() {
    let (parent, log) = (idle().await, Log::default());
    parent.stop().await.unwrap();
    let orphan = Lab::start(Setup::new(&log)).link(&parent).await;
    assert!(
        matches!(orphan, Err(StartError::Exited(ExitReason::NoProc))),
        "{orphan:?}"
    );
    assert_eq!(log.lines(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_parents_end_ends_a_child_that_traps_and_is_suspended() {
    let parent = idle().await;
    let child = Lab::start(trapping(&Log::default()))
        .link(&parent)
        .await
        .unwrap();
    child.sys().suspend().await.unwrap();
    end(&parent, End::Panic).await;
    assert!(!child.is_alive());
}

#[tokio::test]
async fn the_end_of_its_runtime_ends_a_tree_like_a_shutdown_and_is_heard_elsewhere() {
    let (log, name) = (Log::default(), unique("dying-runtime"));
    let name_of_b = unique("dying-runtime");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (setup, taken, taken_by_b) = (log.clone(), name.clone(), name_of_b.clone());
    let tree = runtime.spawn(async move {
        let inner = Supervisor::one_for_one()
            .child(worker(&setup, "b").name(taken_by_b))
            .as_child("inner");
        let a = worker(&setup, "a").name(taken);
        Supervisor::one_for_one()
            .child(a)
            .child(inner)
            .start()
            .await
            .unwrap()
    });
    let tree = tree.await.unwrap();
    let a = process::monitor(noex::registry::whereis(&name).unwrap());
    let b = process::monitor(noex::registry::whereis(&name_of_b).unwrap());
    let root = tree.monitor();
    runtime.shutdown_background();
    assert_eq!(root.await.reason, ExitReason::Shutdown);
    assert_eq!(a.await.reason, ExitReason::Shutdown);
    assert_eq!(b.await.reason, ExitReason::Shutdown);
    assert_eq!(noex::registry::whereis(&name), None);
    let count = |what: &str| {
        log.lines()
            .iter()
            .filter(|line| line.ends_with(what))
            .count()
    };
    assert_eq!(
        (count(": terminate shutdown"), count(": drop")),
        (2, 2),
        "{:?}",
        log.lines()
    );
}
