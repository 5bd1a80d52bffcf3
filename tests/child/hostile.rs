use std::time::Duration;

use noex::child::{
    GaveUp, ManagedProcess, ProcessClient, ProcessEvent, ProcessEvents, ProcessExit,
    ProcessOptions, RequestError,
};
use noex::{Backoff, ExitReason, GenServer};
use serde_json::Value;

use crate::support::{hostile, shell};

#[tokio::test]
async fn garbage_lines_are_told_and_the_answers_between_them_arrive() {
    let worker = ManagedProcess::start(hostile()).await.unwrap();
    let mut events = worker.events().await.unwrap();
    worker.request::<()>("garbage", &()).await.unwrap();
    for _ in 0..5 {
        while !matches!(events.next().await, Some(ProcessEvent::Error(_))) {}
    }
    assert_eq!(worker.request::<u8>("echo", &5).await.unwrap(), 5);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_line_beyond_the_cap_is_passed_over() {
    let worker = ManagedProcess::start(hostile().line_cap(100_000))
        .await
        .unwrap();
    let mut events = worker.events().await.unwrap();
    worker.request::<()>("long", &1_000_000).await.unwrap();
    while !matches!(events.next().await, Some(ProcessEvent::Error(what)) if what.contains("100000"))
    {
    }
    assert_eq!(worker.request::<u8>("echo", &5).await.unwrap(), 5);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_flood_costs_a_slow_listener_its_oldest_events_and_nobody_an_answer() {
    let worker = ManagedProcess::start(hostile()).await.unwrap();
    let mut events = worker.events().await.unwrap();
    worker.request::<()>("flood", &20_000).await.unwrap();
    events.message("flood").await.unwrap();
    assert!(events.lost() > 10_000, "{}", events.lost());
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_silent_child_costs_its_askers_their_timeout() {
    let worker = ManagedProcess::start(hostile()).await.unwrap();
    let silent = worker
        .request_within::<Value>("unknown", &(), Duration::from_millis(50))
        .await;
    assert!(matches!(silent, Err(RequestError::Timeout(_))));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_child_that_never_reads_fills_a_bounded_queue_and_is_killed_at_the_write_deadline() {
    let options = shell("sleep 1000")
        .queue(4)
        .write_deadline(Duration::from_millis(500));
    let worker = ManagedProcess::start(options).await.unwrap();
    let down = worker.monitor();
    let large = "x".repeat(200_000);
    let asking = tokio::spawn({
        let (worker, large) = (worker.clone(), large.clone());
        async move { worker.request::<Value>("echo", &large).await }
    });
    let mut refused = false;
    for _ in 0..20 {
        refused |= matches!(
            worker.send("task", &large).await,
            Err(RequestError::QueueFull)
        );
    }
    assert!(refused);
    let asked = asking.await.unwrap();
    assert!(
        matches!(asked, Err(RequestError::Stalled | RequestError::QueueFull)),
        "{asked:?}"
    );
    assert_eq!(exit_of(&down.await.reason).signal(), Some(9));
}

fn exit_of(reason: &ExitReason) -> ProcessExit {
    match reason {
        ExitReason::Error(error) => *error.downcast_ref().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_fails_at_once_with_the_exit_status_when_the_child_dies_at_it() {
    let worker = ManagedProcess::start(hostile()).await.unwrap();
    let down = worker.monitor();
    let waiting = worker.request::<Value>("unknown", &());
    let (waited, died) = tokio::join!(waiting, worker.request::<Value>("die", &9));
    for outcome in [waited, died] {
        match outcome {
            Err(RequestError::Exited(exit)) => assert_eq!(exit.code(), Some(9)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(exit_of(&down.await.reason).code(), Some(9));
}

#[tokio::test]
async fn one_that_exits_in_a_loop_is_given_up_after_its_restarts() {
    let events = ProcessEvents::new();
    let mut heard = events.listen();
    let options = shell("exit 4").auto_restart(3).events(&events);
    let soon = Backoff::new(Duration::from_millis(5), Duration::from_millis(20));
    let options = options.backoff(soon.reset_after(Duration::from_secs(600)));
    let worker = ManagedProcess::start(options).await.unwrap();
    match worker.monitor().await.reason {
        ExitReason::Error(error) => {
            let gave_up: &GaveUp = error.downcast_ref().unwrap();
            assert_eq!((gave_up.restarts, gave_up.last.code()), (3, Some(4)));
        }
        other => panic!("{other:?}"),
    }
    drop(events);
    let (mut starts, mut restarts, mut exits) = (0, Vec::new(), 0);
    while exits < 4 {
        match heard.next().await.unwrap() {
            ProcessEvent::Start { .. } => starts += 1,
            ProcessEvent::Restart { attempt } => restarts.push(attempt),
            ProcessEvent::Exit(_) => exits += 1,
            _ => {}
        }
    }
    assert_eq!((starts, restarts), (4, vec![1, 2, 3]));
}

#[tokio::test]
async fn an_executable_that_is_not_there_fails_the_start() {
    let failed = ManagedProcess::start(ProcessOptions::new("/no/such/program")).await;
    let told = format!("{:?}", failed.unwrap_err());
    assert!(told.contains("/no/such/program"), "{told}");
}
