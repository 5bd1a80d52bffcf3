use noex::{ChildError, ChildState, GenServer, Restart, ServerRef, Supervisor, process};

use crate::support::{Lab, Log, Setup, secs};

const CHILDREN: usize = 6;
const CLIENTS: u64 = 4;
const ACTS: usize = 300;

fn id(n: usize) -> String {
    format!("c{n}")
}

/// One thing out of all that can be done to a child, chosen by `dice`.
async fn act(tree: &ServerRef<Supervisor>, dice: &mut fastrand::Rng) -> Result<(), ChildError> {
    let id = id(dice.usize(..CHILDREN));
    match dice.u8(..8) {
        0 => tree.terminate_child(id).await,
        1 => tree.restart_child(id).await.map(|_pid| ()),
        2 => tree.delete_child(id).await,
        3 => {
            let restart = match dice.u8(..3) {
                0 => Restart::Permanent,
                1 => Restart::Transient,
                _ => Restart::Temporary,
            };
            let child = Lab::child(Setup::new(&Log::default()))
                .id(id)
                .restart(restart);
            tree.start_child(child).await.map(|_pid| ())
        }
        _ => {
            let children = tree.which_children().await?;
            let running = children.iter().filter_map(noex::ChildInfo::pid);
            if let Some(pid) = running.collect::<Vec<_>>().get(dice.usize(..CHILDREN)) {
                process::kill(*pid);
            }
            Ok(())
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_done_to_children_at_the_same_time_their_supervisor_knows_who_runs() {
    for make in [
        Supervisor::one_for_one,
        Supervisor::one_for_all,
        Supervisor::rest_for_one,
    ] {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let tree = make()
            .unlimited_restarts()
            .children((0..CHILDREN).map(|n| Lab::child(Setup::new(&Log::default())).id(id(n))))
            .start()
            .await
            .unwrap();
        let clients = (0..CLIENTS).map(|client| {
            let tree = tree.clone();
            tokio::spawn(async move {
                let mut dice = fastrand::Rng::with_seed(seed ^ client);
                for _ in 0..ACTS {
                    match act(&tree, &mut dice).await {
                        // Nothing but what another client's acts explain.
                        Ok(())
                        | Err(
                            ChildError::NotFound { .. }
                            | ChildError::Running(_)
                            | ChildError::Restarting
                            | ChildError::AlreadyStarted(_)
                            | ChildError::AlreadyPresent
                            | ChildError::Start(_),
                        ) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }

        // The last deaths may still be on their way to the supervisor.
        let settled = tokio::time::timeout(secs(30), async {
            loop {
                let children = tree.which_children().await.unwrap();
                let known_rightly = children.iter().all(|child| match child.state {
                    ChildState::Running(pid) => process::alive(pid),
                    ChildState::Restarting => false,
                    _ => true,
                });
                if known_rightly {
                    return children;
                }
                tokio::task::yield_now().await;
            }
        });
        let children = settled.await.unwrap();
        let count = tree.count_children().await.unwrap();
        assert_eq!(count.specs, children.len());
        let pids: Vec<_> = children.iter().filter_map(noex::ChildInfo::pid).collect();
        assert_eq!(count.active, pids.len());
        tree.stop().await.unwrap();
        assert!(pids.into_iter().all(|pid| !process::alive(pid)));
    }
}
