use noex::{GenServer, GroupError, GroupEvent, Groups, process};

use crate::support::{Lab, LabCast, Log, Setup, lab, soon};

fn drain(monitor: &mut noex::GroupMonitor) -> Vec<GroupEvent> {
    std::iter::from_fn(|| monitor.try_next()).collect()
}

#[tokio::test]
async fn who_joins_twice_and_leaves_once_is_in_once() {
    let groups = Groups::new();
    let (one, _) = lab().await;
    groups.join("g", &one).unwrap();
    groups.join("g", &one).unwrap();
    assert_eq!(groups.members("g"), [one.pid(), one.pid()]);
    groups.leave("g", &one).unwrap();
    assert_eq!(groups.members("g"), [one.pid()]);
    groups.leave("g", &one).unwrap();
    let again = groups.leave("g", &one);
    let group = "g".into();
    assert_eq!(
        again,
        Err(GroupError::NotJoined {
            pid: one.pid(),
            group
        })
    );
    assert!(
        groups.which_groups().is_empty(),
        "an empty group is not listed"
    );
    one.stop().await.unwrap();
}

#[tokio::test]
async fn a_monitor_gets_a_snapshot_and_then_joins_and_leaves_in_order() {
    let groups = Groups::new();
    let (one, _) = lab().await;
    let (two, _) = lab().await;
    groups.join("g", &one).unwrap();
    let mut monitor = groups.monitor("g");
    assert_eq!(monitor.snapshot(), [one.pid()]);
    groups.join("g", &two).unwrap();
    groups.join("other", &two).unwrap();
    groups.join("g", &one).unwrap();
    groups.leave("g", &two).unwrap();
    two.stop().await.unwrap();
    one.kill();
    one.monitor().await;
    let (a, b) = (one.pid(), two.pid());
    let expected = [
        GroupEvent::Joined(b),
        GroupEvent::Joined(a),
        GroupEvent::Left(b),
        GroupEvent::Left(a),
        GroupEvent::Left(a),
    ];
    assert_eq!(drain(&mut monitor), expected);
}

#[tokio::test]
async fn a_monitor_that_reads_too_late_is_told_how_much_it_has_missed() {
    let groups = Groups::new();
    let (one, _) = lab().await;
    let mut monitor = groups.monitor("g");
    for _ in 0..2000 {
        groups.join("g", &one).unwrap();
    }
    let events = drain(&mut monitor);
    assert_eq!(events[0], GroupEvent::Lagged(2000 - 1024));
    assert_eq!(events.len(), 1025);
    assert_eq!(groups.members("g").len(), 2000);
    one.stop().await.unwrap();
}

#[tokio::test]
async fn a_dead_member_is_in_no_group_when_its_death_is_heard_of() {
    let groups = Groups::new();
    for _ in 0..100 {
        let (one, _) = lab().await;
        for group in ["a", "b", "b", "c"] {
            groups.join(group, &one).unwrap();
        }
        let down = one.monitor();
        one.cast(LabCast::Run(job!(|_lab, _cx| { panic!("told to") })))
            .unwrap();
        down.await;
        assert!(groups.which_groups().is_empty());
        assert_eq!(groups.join("a", &one), Err(GroupError::NoProc(one.pid())));
    }
    assert_eq!(groups.kept(), (0, 0));
}

#[tokio::test]
async fn scopes_know_nothing_of_each_other() {
    let (mine, yours) = (Groups::new(), Groups::new());
    let (one, _) = lab().await;
    mine.join("g", &one).unwrap();
    assert!(yours.members("g").is_empty());
    assert_eq!(mine.servers::<Lab>("g"), std::slice::from_ref(&one));
    assert_eq!(mine.local_members("g"), [one.pid()]);
    Groups::global().join("shapes-group-test", &one).unwrap();
    one.stop().await.unwrap();
    assert!(Groups::global().members("shapes-group-test").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_that_race_with_deaths_leave_nobody_behind() {
    let groups = Groups::new();
    let log = Log::default();
    for _ in 0..200 {
        let one = Lab::start(Setup::new(&log)).await.unwrap();
        let joins: Vec<_> = (0..4)
            .map(|n| {
                let (groups, pid) = (groups.clone(), one.pid());
                tokio::spawn(async move {
                    for at in 0..20 {
                        let group = format!("g{}", (n + at) % 3);
                        let _ = groups.join(group.as_str(), pid);
                        if at % 3 == 0 {
                            let _ = groups.leave(&group, pid);
                        }
                    }
                })
            })
            .collect();
        let down = one.monitor();
        one.kill();
        for join in joins {
            join.await.unwrap();
        }
        soon(down).await;
    }
    assert_eq!(groups.kept(), (0, 0));
    assert!(groups.which_groups().is_empty());
}

#[test]
fn nothing_is_left_of_groups_whose_members_and_monitors_are_gone() {
    crate::support::trees::alone(
        "group::nothing_is_left_of_groups_whose_members_and_monitors_are_gone",
        || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let (warm, _) = lab().await;
                warm.stop().await.unwrap();
                let tasks = || {
                    tokio::runtime::Handle::current()
                        .metrics()
                        .num_alive_tasks()
                };
                let (tables, before) = (process::tables(), tasks());
                let groups = Groups::new();
                let mut members = Vec::new();
                let monitors: Vec<_> = (0..50)
                    .map(|n| groups.monitor(format!("g{}", n % 7)))
                    .collect();
                for n in 0..5000 {
                    let (one, _) = lab().await;
                    groups.join(format!("g{}", n % 7), &one).unwrap();
                    groups.join("all", &one).unwrap();
                    members.push(one);
                }
                assert_eq!(groups.members("all").len(), 5000);
                drop(monitors);
                for member in members {
                    member.stop().await.unwrap();
                }
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(groups.kept(), (0, 0));
                assert_eq!(process::tables(), tables);
                assert!(tasks() <= before);
            });
        },
    );
}
