use noex::{AutoShutdown, ChildState, ExitReason, Restart, ServerRef, Supervisor};

use crate::support::Log;
use crate::support::trees::{ENDS, End, child, end, quiet, state, worker};

/// A tree that ends by itself, with the permanent child `p` and the significant children `a` and `b`.
async fn significant(auto: AutoShutdown, restart: Restart, log: &Log) -> ServerRef<Supervisor> {
    let significant = |name| worker(log, name).restart(restart).significant();
    Supervisor::one_for_one()
        .auto_shutdown(auto)
        .child(worker(log, "p"))
        .child(significant("a"))
        .child(significant("b"))
        .start()
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn any_significant_ends_with_the_first_that_ends_normally() {
    let log = Log::default();
    let tree = significant(AutoShutdown::AnySignificant, Restart::Transient, &log).await;
    let down = tree.monitor();
    end(&child(&tree, "p").await, End::Normal).await;
    assert!(tree.is_alive(), "not significant");
    end(&child(&tree, "a").await, End::Kill).await;
    assert!(matches!(
        state(&tree, "a").await,
        Some(ChildState::Running(_))
    ));
    end(&child(&tree, "a").await, End::Normal).await;
    assert_eq!(down.await.reason, ExitReason::Shutdown);
    assert_eq!(
        log.lines()
            .iter()
            .filter(|line| line.ends_with("terminate shutdown"))
            .count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn terminate_child_of_a_significant_child_ends_no_supervisor() {
    for auto in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        let tree = significant(auto, Restart::Transient, &Log::default()).await;
        tree.terminate_child("a").await.unwrap();
        tree.terminate_child("b").await.unwrap();
        quiet().await;
        assert!(tree.is_alive());
    }
}

#[tokio::test(start_paused = true)]
async fn all_significant_ends_with_the_last() {
    for how in [End::Normal, End::Shutdown] {
        let tree = significant(
            AutoShutdown::AllSignificant,
            Restart::Transient,
            &Log::default(),
        )
        .await;
        end(&child(&tree, "a").await, how).await;
        assert!(tree.is_alive());
        end(&child(&tree, "b").await, End::Kill).await;
        assert!(tree.is_alive(), "restarted");
        let down = tree.monitor();
        end(&child(&tree, "b").await, how).await;
        assert_eq!(down.await.reason, ExitReason::Shutdown);
    }
}

#[tokio::test(start_paused = true)]
async fn a_significant_temporary_child_counts_however_it_ends() {
    for how in ENDS {
        let tree = significant(
            AutoShutdown::AnySignificant,
            Restart::Temporary,
            &Log::default(),
        )
        .await;
        let down = tree.monitor();
        end(&child(&tree, "b").await, how).await;
        assert_eq!(down.await.reason, ExitReason::Shutdown, "{how:?}");
    }
}
