use std::time::Duration;

use noex::{
    Backoff, ChildError, ChildState, DynamicSupervisor, ExitReason, GenServer, Pid, Restart,
    ServerRef, Shutdown, SpecError, StartError, Supervisor, process,
};
use tokio::time::Instant;

use crate::support::trees::{Broken, ENDS, End, end, quiet, shown};
use crate::support::{Lab, LabCall, LabExt, Log, Setup, ms, secs, soon};

type Dynamic = ServerRef<DynamicSupervisor>;

async fn dynamic() -> (Dynamic, Log) {
    let tree = DynamicSupervisor::builder().unlimited_restarts();
    (tree.start().await.unwrap(), Log::default())
}

fn lab(log: &Log, name: &'static str) -> noex::Child<Lab> {
    Lab::child(Setup::new(log).named(name))
}

async fn pids(tree: &Dynamic) -> Vec<Pid> {
    let children = tree.which_children().await.unwrap();
    children
        .iter()
        .filter_map(noex::DynamicChild::pid)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn children_need_no_ids_and_are_counted() {
    let (tree, log) = dynamic().await;
    let one = tree.start_child(lab(&log, "a")).await.unwrap();
    let two = tree.start_child(lab(&log, "a")).await.unwrap();
    assert_ne!(one.pid(), two.pid());
    let count = tree.count_children().await.unwrap();
    assert_eq!((count.specs, count.active, count.workers), (2, 2, 2));
    assert_eq!(pids(&tree).await.len(), 2);
    tree.terminate_child(&one).await.unwrap();
    assert!(!one.is_alive());
    assert_eq!(pids(&tree).await, [two.pid()]);
    let again = tree.terminate_child(&one).await;
    assert!(matches!(again, Err(ChildError::NotFound { .. })));
    tree.stop().await.unwrap();
    assert!(!two.is_alive());
}

#[tokio::test(start_paused = true)]
async fn each_restart_type_holds_for_each_end() {
    for how in ENDS {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            let (tree, log) = dynamic().await;
            let child = lab(&log, "a").restart(restart);
            let child = tree.start_child(child).await.unwrap();
            end(&child, how).await;
            let abnormal = matches!(how, End::Panic | End::Kill);
            let comes_back = match restart {
                Restart::Permanent => true,
                Restart::Transient => abnormal,
                _ => false,
            };
            let count = tree.count_children().await.unwrap();
            assert_eq!(count.active, usize::from(comes_back), "{how:?} {restart:?}");
            assert_eq!(
                count.specs, count.active,
                "nothing is kept of one that has ended"
            );
            assert_eq!(count.restarts, u64::from(comes_back));
            tree.stop().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn children_that_are_restarting_count_for_max_children() {
    let tree = DynamicSupervisor::builder()
        .max_children(2)
        .unlimited_restarts()
        .start()
        .await
        .unwrap();
    let (log, broken) = (Log::default(), Broken::default());
    let wait = Backoff::new(secs(1), secs(1));
    let fragile = Lab::child(broken.breaks(Setup::new(&log))).backoff(wait);
    let child = tree.start_child(fragile).await.unwrap();
    tree.start_child(lab(&log, "b")).await.unwrap();
    broken.set(true);
    end(&child, End::Panic).await;
    let count = tree.count_children().await.unwrap();
    assert_eq!((count.specs, count.active, count.restarting), (2, 1, 1));
    let children = tree.which_children().await.unwrap();
    assert!(
        children
            .iter()
            .any(|child| child.state == ChildState::Restarting)
    );
    let refused = tree.start_child(lab(&log, "c")).await;
    assert!(matches!(refused, Err(ChildError::MaxChildren { max: 2 })));
    // Known by the pid that it had last, it can be given up.
    tree.terminate_child(child.pid()).await.unwrap();
    tree.start_child(lab(&log, "c")).await.unwrap();
    broken.set(false);
    tokio::time::sleep(secs(10)).await;
    assert_eq!(
        tree.count_children().await.unwrap().specs,
        2,
        "it does not come back"
    );
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_child_whose_restart_fails_is_retried_until_it_starts() {
    let (tree, log) = dynamic().await;
    let broken = Broken::default();
    let wait = Backoff::new(ms(100), ms(400));
    let fragile = Lab::child(broken.breaks(Setup::new(&log))).backoff(wait);
    let child = tree.start_child(fragile).await.unwrap();
    broken.set(true);
    end(&child, End::Kill).await;
    tokio::time::sleep(secs(2)).await;
    assert_eq!(tree.count_children().await.unwrap().restarting, 1);
    broken.set(false);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(tree.count_children().await.unwrap().active, 1);
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn more_restarts_than_the_intensity_allows_end_it_once_and_its_children_with_it() {
    let tree = DynamicSupervisor::builder()
        .intensity(2, secs(5))
        .start()
        .await
        .unwrap();
    let log = Log::default();
    let bystander = tree.start_child(lab(&log, "bystander")).await.unwrap();
    let storm: Vec<_> = {
        let mut storm = Vec::new();
        for _ in 0..20 {
            storm.push(tree.start_child(lab(&log, "storm")).await.unwrap());
        }
        storm
    };
    log.take();
    let down = tree.monitor();
    for child in &storm {
        child.kill();
    }
    assert_eq!(soon(down).await.reason, ExitReason::Shutdown);
    assert!(!bystander.is_alive());
    let lines = log.take();
    assert_eq!(
        lines
            .iter()
            .filter(|line| *line == "bystander: terminate shutdown")
            .count(),
        1
    );
    let starts = lines.iter().filter(|line| line.ends_with("init")).count();
    assert!(starts <= 2, "{starts} restarts");
}

#[tokio::test(start_paused = true)]
async fn intensity_zero_trips_on_the_first_crash() {
    let tree = DynamicSupervisor::builder()
        .intensity(0, secs(5))
        .start()
        .await
        .unwrap();
    let log = Log::default();
    let child = tree.start_child(lab(&log, "a")).await.unwrap();
    let down = tree.monitor();
    end(&child, End::Panic).await;
    assert_eq!(soon(down).await.reason, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn children_are_stopped_side_by_side_each_within_its_own_time() {
    let (tree, log) = dynamic().await;
    for name in ["a", "b", "c"] {
        let slow = Setup::new(&log).named(name).terminate_takes(secs(2));
        tree.start_child(Lab::child(slow)).await.unwrap();
    }
    let stuck = Setup::new(&log).named("stuck").terminate_takes(secs(3600));
    let stuck = Lab::child(stuck).shutdown(Shutdown::After(secs(1)));
    tree.start_child(stuck).await.unwrap();
    let brutal = lab(&log, "brutal").shutdown(Shutdown::BrutalKill);
    tree.start_child(brutal).await.unwrap();
    let begin = Instant::now();
    tree.stop().await.unwrap();
    let took = begin.elapsed();
    assert!(took >= secs(2) && took < ms(2500), "{took:?}");
    let lines = log.lines();
    for name in ["a", "b", "c"] {
        assert!(lines.contains(&format!("{name}: terminate shutdown")));
    }
    assert!(!lines.iter().any(|line| line.starts_with("stuck: term")));
    assert!(!lines.iter().any(|line| line.starts_with("brutal: term")));
}

#[tokio::test(start_paused = true)]
async fn extra_arguments_are_lent_to_who_makes_a_child() {
    let tree = DynamicSupervisor::builder()
        .extra_arguments(String::from("shared"))
        .start()
        .await
        .unwrap();
    let log = Log::default();
    let setup = Setup::new(&log);
    let (seen, made) = tokio::sync::oneshot::channel();
    let child = tree
        .start_child_with(move |extra| {
            let _ = seen.send(extra.clone());
            Lab::child(setup)
        })
        .await
        .unwrap();
    assert_eq!(made.await.unwrap(), "shared");
    assert_eq!(child.echo(1).await, Ok(1));
    let failed = tree
        .start_child_with::<Lab>(|_| panic!("cannot make it"))
        .await;
    assert!(matches!(
        failed,
        Err(ChildError::Start(StartError::Panic(_)))
    ));
    assert_eq!(tree.count_children().await.unwrap().specs, 1);
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_leaves_nothing() {
    let (tree, log) = dynamic().await;
    let broken = Broken::default();
    broken.set(true);
    let failed = tree
        .start_child(Lab::child(broken.breaks(Setup::new(&log))))
        .await;
    assert!(shown(failed).starts_with("Start"));
    let declines = Setup::new(&log).init(|_| Box::pin(async { Err(noex::Exit::Ignore) }));
    let declined = tree.start_child(Lab::child(declines)).await;
    assert!(matches!(
        declined,
        Err(ChildError::Start(StartError::Ignore))
    ));
    let significant = lab(&log, "a").restart(Restart::Temporary).significant();
    let refused = tree.start_child(significant).await;
    let why = SpecError::SignificantWithoutAutoShutdown { id: "Lab".into() };
    assert!(matches!(refused, Err(ChildError::Spec(spec)) if spec == why));
    assert_eq!(tree.count_children().await.unwrap().specs, 0);
    let wrong = DynamicSupervisor::builder()
        .intensity(1, Duration::ZERO)
        .start()
        .await;
    assert!(matches!(wrong, Err(StartError::Error(_))));
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_child_that_crashes_while_it_is_terminated_is_not_started_again() {
    let (tree, log) = dynamic().await;
    let setup = Setup::new(&log).terminate_takes(secs(1));
    let child = tree.start_child(Lab::child(setup)).await.unwrap();
    let (other, pid) = (tree.clone(), child.pid());
    let stopping = tokio::spawn(async move { other.terminate_child(pid).await });
    tokio::time::sleep(ms(500)).await;
    child.kill();
    stopping.await.unwrap().unwrap();
    quiet().await;
    let count = tree.count_children().await.unwrap();
    assert_eq!((count.specs, count.restarts), (0, 0));
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_start_in_flight_when_the_supervisor_stops_leaves_no_child() {
    let (tree, log) = dynamic().await;
    let slow = Setup::new(&log).init(|_| {
        Box::pin(async {
            tokio::time::sleep(secs(1)).await;
            Ok(())
        })
    });
    let other = tree.clone();
    let starting = tokio::spawn(async move { other.start_child(Lab::child(slow)).await });
    tokio::time::sleep(ms(500)).await;
    tree.stop().await.unwrap();
    // Handled before the stop that came after it, and stopped with the others.
    if let Ok(child) = starting.await.unwrap() {
        assert!(!child.is_alive());
    }
    assert_eq!(log.lines(), ["init", "terminate shutdown", "drop"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_killed_in_the_middle_of_a_restart_leaves_nobody() {
    let (tree, log) = dynamic().await;
    let first = std::sync::atomic::AtomicBool::new(true);
    let slow_again = Setup::new(&log).init(move |_| {
        let first = first.swap(false, std::sync::atomic::Ordering::SeqCst);
        Box::pin(async move {
            if !first {
                tokio::time::sleep(secs(1)).await;
            }
            Ok(())
        })
    });
    let sibling = tree.start_child(lab(&log, "sibling")).await.unwrap();
    let child = tree.start_child(Lab::child(slow_again)).await.unwrap();
    child.kill();
    tokio::time::sleep(ms(500)).await;
    let children: Vec<Pid> = process::list()
        .into_iter()
        .filter(|pid| process::status(*pid).and_then(|status| status.parent) == Some(tree.pid()))
        .collect();
    assert_eq!(children.len(), 2, "the sibling, and one in init");
    let down = tree.monitor();
    tree.kill();
    assert_eq!(soon(down).await.reason, ExitReason::Killed);
    tokio::time::sleep(secs(5)).await;
    assert!(!sibling.is_alive());
    assert!(children.into_iter().all(|pid| !process::alive(pid)));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_calls_its_stopping_supervisor_is_told_so_and_stops_in_time() {
    let (tree, log) = dynamic().await;
    let supervisor = tree.clone();
    let child = tree.start_child(lab(&log, "a")).await.unwrap();
    child
        .cast(crate::support::LabCast::Run(job!(|_lab, _cx| {
            tokio::time::sleep(ms(500)).await;
            let _ = supervisor.count_children().await;
            Ok(())
        })))
        .unwrap();
    tokio::time::sleep(ms(100)).await;
    let begin = Instant::now();
    tree.stop().await.unwrap();
    assert!(begin.elapsed() < secs(2), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn as_a_child_it_starts_again_without_children() {
    let (log, builder) = (
        Log::default(),
        DynamicSupervisor::builder().intensity(0, secs(1)),
    );
    let root = Supervisor::one_for_one().child(builder.as_child("sessions"));
    let root = root.start().await.unwrap();
    let find = async || {
        let children = root.which_children().await.unwrap();
        ServerRef::<DynamicSupervisor>::from_pid(children[0].pid().unwrap()).unwrap()
    };
    let tree = find().await;
    let child = tree.start_child(lab(&log, "a")).await.unwrap();
    let _ = child.call(LabCall::Panic).await;
    tree.monitor().await;
    quiet().await;
    assert_eq!(find().await.count_children().await.unwrap().specs, 0);
    root.stop().await.unwrap();
}

/// In a process of its own: no other test's processes are in the tables.
#[test]
fn when_it_is_stopped_nothing_is_left_of_very_many_children() {
    crate::support::trees::alone(
        "dynamic::when_it_is_stopped_nothing_is_left_of_very_many_children",
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
                let (warm, _log) = dynamic().await;
                warm.stop().await.unwrap();
                let (tables, before) = (process::tables(), tasks());
                let (tree, log) = dynamic().await;
                for n in 0..20_000 {
                    let child = lab(&log, "a").restart(Restart::Temporary);
                    let child = tree.start_child(child).await.unwrap();
                    if n % 2 == 0 {
                        let _ = child.cast(crate::support::LabCast::Run(job!(|_lab, _cx| {
                            Err(noex::Exit::Normal)
                        })));
                    }
                }
                while tree.count_children().await.unwrap().specs != 10_000 {
                    tokio::task::yield_now().await;
                }
                tree.stop().no_timeout().await.unwrap();
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(process::tables(), tables);
                assert!(tasks() <= before, "{} tasks, {before} before", tasks());
            });
        },
    );
}
