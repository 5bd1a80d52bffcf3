use std::collections::HashSet;

use noex::{CallError, GenServer, Hashed, PartitionSupervisor, ResizeError, Supervisor, process};

use crate::support::trees::{End, end};
use crate::support::{Lab, LabCall, Log, Setup};

const NAMES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

fn labs(partitions: usize, log: &Log) -> PartitionSupervisor<Lab> {
    let log = log.clone();
    PartitionSupervisor::new(partitions, move |n| {
        Lab::child(Setup::new(&log).named(NAMES[n]))
    })
}

async fn pid(labs: &PartitionSupervisor<Lab>, key: i32) -> noex::Pid {
    labs.target(key).call(LabCall::Pid).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_three_partitions_the_key_3_goes_to_0_and_minus_1_to_1() {
    let labs = labs(3, &Log::default());
    let tree = labs.start().await.unwrap();
    let at = |n: usize| labs.partition(n).whereis().unwrap();
    assert_eq!(pid(&labs, 3).await, at(0));
    assert_eq!(pid(&labs, -1).await, at(1));
    assert_eq!(pid(&labs, i32::MIN).await, at(2));
    let again = labs.target("ada").whereis();
    assert_eq!(labs.target(String::from("ada")).whereis(), again);
    assert!(labs.target(Hashed((1, "x"))).whereis().is_some());
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resize_to_n_gives_exactly_n_targets() {
    let log = Log::default();
    let labs = labs(3, &log);
    let tree = labs.start().await.unwrap();
    for n in [5, 2, 2, 7, 1, 4] {
        assert_eq!(labs.resize(n).await, Ok(n));
        assert_eq!(labs.partitions(), n);
        let mut found = HashSet::new();
        for key in 0..100 {
            found.insert(pid(&labs, key).await);
        }
        assert_eq!(found.len(), n);
        assert_eq!(labs.targets().len(), n);
        let count = tree.count_children().await.unwrap();
        assert_eq!((count.specs, count.active), (n, n));
    }
    assert_eq!(labs.resize(0).await, Err(ResizeError::Zero));
    tree.stop().await.unwrap();
    assert_eq!(labs.resize(2).await, Err(ResizeError::NotRunning));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_crashes_is_found_again_under_its_number() {
    let labs = labs(3, &Log::default());
    let tree = labs.start().await.unwrap();
    let before = labs
        .targets()
        .into_iter()
        .map(|lab| lab.whereis())
        .collect::<Vec<_>>();
    end(&labs.partition(1).lookup().unwrap(), End::Panic).await;
    let after = labs
        .targets()
        .into_iter()
        .map(|lab| lab.whereis())
        .collect::<Vec<_>>();
    assert_eq!((before[0], before[2]), (after[0], after[2]));
    assert!(after[1].is_some() && after[1] != before[1]);
    tree.stop().await.unwrap();
    let gone = labs.target(1).call(LabCall::Pid).await;
    assert!(matches!(gone, Err(CallError::NotRegistered { .. })));
}

#[tokio::test(start_paused = true)]
async fn in_a_tree_it_starts_again_with_as_many_as_it_had() {
    let labs = labs(2, &Log::default());
    let tree = Supervisor::one_for_one().child(labs.as_child("labs"));
    let tree = tree.start().await.unwrap();
    labs.resize(4).await.unwrap();
    let inner = tree.which_children().await.unwrap()[0].pid().unwrap();
    let down = process::monitor(inner);
    process::kill(inner);
    down.await;
    let last = labs.partition(3);
    tokio::time::sleep(crate::support::secs(1)).await;
    assert!(last.whereis().is_some());
    assert_eq!(labs.resize(1).await, Ok(1));
    assert_eq!(last.whereis(), None);
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resize_that_was_dropped_half_way_is_taken_up_by_the_next() {
    let log = Log::default();
    let slow = PartitionSupervisor::new(1, {
        let log = log.clone();
        move |_| {
            Lab::child(Setup::new(&log).init(|_| {
                Box::pin(async {
                    tokio::time::sleep(crate::support::secs(1)).await;
                    Ok(())
                })
            }))
        }
    });
    let tree = slow.start().await.unwrap();
    let half = tokio::time::timeout(crate::support::ms(1500), slow.resize(4)).await;
    assert!(half.is_err());
    assert_eq!(slow.resize(4).await, Ok(4));
    assert_eq!(tree.count_children().await.unwrap().active, 4);
    tree.stop().await.unwrap();
}

#[test]
fn nothing_is_left_of_partitions_that_were_stopped() {
    crate::support::trees::alone(
        "partition::nothing_is_left_of_partitions_that_were_stopped",
        || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let tasks = || {
                    tokio::runtime::Handle::current()
                        .metrics()
                        .num_alive_tasks()
                };
                let warm = labs(1, &Log::default()).start().await.unwrap();
                warm.stop().await.unwrap();
                let (tables, before) = (process::tables(), tasks());
                let labs = labs(3, &Log::default());
                let tree = labs.start().await.unwrap();
                labs.resize(8).await.unwrap();
                labs.resize(2).await.unwrap();
                tree.stop().await.unwrap();
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(process::tables(), tables);
                assert!(tasks() <= before);
            });
        },
    );
}
