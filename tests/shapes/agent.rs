use noex::{Agent, AgentClient, CallError, ExitReason, Name, StartError, Supervisor, process};

use crate::support::{ms, soon, unique};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_concurrent_updates_sum_exactly() {
    let sum = Agent::start(|| 0_u64).await.unwrap();
    let updates = (1..=1000_u64).map(|n| {
        let sum = sum.clone();
        tokio::spawn(async move {
            match n % 3 {
                0 => sum.update(move |sum| *sum += n).await.unwrap(),
                1 => sum.cast_update(move |sum| *sum += n).unwrap(),
                _ => {
                    let after = sum.get_and_update(move |sum| {
                        *sum += n;
                        *sum
                    });
                    assert!(after.await.unwrap() >= n);
                }
            }
        })
    });
    for update in updates.collect::<Vec<_>>() {
        update.await.unwrap();
    }
    assert_eq!(sum.get(|sum| *sum).await, Ok(500_500));
    sum.stop().await.unwrap();
}

#[tokio::test]
async fn what_one_client_does_happens_in_its_order() {
    let log = Agent::start(Vec::new).await.unwrap();
    for n in 0..100 {
        log.cast_update(move |log| log.push(n)).unwrap();
        assert_eq!(log.get(Vec::len).await, Ok(n + 1));
    }
    assert_eq!(log.get(|log| log.is_sorted()).await, Ok(true));
}

#[tokio::test]
async fn a_closure_that_panics_ends_the_agent_and_its_caller_is_told_the_panic() {
    let agent = Agent::start(|| 1).await.unwrap();
    let down = agent.monitor();
    let told = soon(agent.get(|_| -> u32 { panic!("cannot look") })).await;
    match told {
        Err(CallError::Exited(ExitReason::Panic(panic))) => {
            assert_eq!(panic.message(), "cannot look");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(down.await.reason, ExitReason::Panic(_)));
    assert_eq!(
        soon(agent.get(|n| *n)).await,
        Err(CallError::Exited(ExitReason::NoProc))
    );
    let refused = agent.cast_update(|n| *n = 2).unwrap_err();
    let _job = refused.into_message();
}

#[tokio::test]
async fn an_agent_whose_value_cannot_be_made_does_not_start() {
    let failed = Agent::start(|| -> u32 { panic!("no value") }).await;
    assert!(matches!(failed, Err(StartError::Panic(_))), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_agent_begins_with_a_new_value() {
    let name = unique("agent");
    let tree = Supervisor::one_for_one()
        .child(Agent::child(|| 7_u32).name(name.clone()))
        .start()
        .await
        .unwrap();
    let agent = Name::<Agent<u32>>::new(name);
    agent.update(|n| *n = 8).await.unwrap();
    assert_eq!(agent.get(|n| *n).await, Ok(8));
    let down = agent.monitor().unwrap();
    agent.cast_update(|_| panic!("told to")).unwrap();
    down.await;
    soon(agent.wait()).await.unwrap();
    assert_eq!(agent.get(|n| *n).await, Ok(7));
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_wait_long_enough_leaves_the_change_to_happen() {
    let agent = Agent::start(|| 0).await.unwrap();
    agent.sys().suspend().await.unwrap();
    let told = agent.update(|n| *n += 1).timeout(ms(10)).await;
    assert!(matches!(told, Err(CallError::Timeout { .. })), "{told:?}");
    agent.sys().resume().await.unwrap();
    assert_eq!(agent.get(|n| *n).await, Ok(1));
}

#[test]
fn agents_leave_nothing_behind() {
    let test = "agent::agents_leave_nothing_behind";
    crate::support::trees::alone(test, || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let agent = Agent::start(|| 0_u32).await.unwrap();
            agent.update(|n| *n += 1).await.unwrap();
            agent.stop().await.unwrap();
            let tasks = || {
                tokio::runtime::Handle::current()
                    .metrics()
                    .num_alive_tasks()
            };
            let (tables, before) = (process::tables(), tasks());
            for n in 0..2000_u32 {
                let agent = Agent::start(move || vec![n; 10]).await.unwrap();
                agent.cast_update(|v| v.push(1)).unwrap();
                assert_eq!(agent.get(Vec::len).await, Ok(11));
                match n % 3 {
                    0 => agent.stop().await.unwrap(),
                    1 => {
                        agent.kill();
                        agent.monitor().await;
                    }
                    _ => assert!(agent.stop().or_kill().await.is_ok()),
                }
            }
            soon(async {
                while tasks() > before {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            assert_eq!(process::tables(), tables);
        });
    });
}
