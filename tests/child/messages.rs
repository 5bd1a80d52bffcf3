use std::time::Duration;

use noex::child::ProcessOptions;
use noex::child::{
    Channel, ManagedProcess, ProcessClient, ProcessEvent, ProcessEvents, RequestError, Stream,
};
use noex::{GenServer, Name, Supervisor};
use serde_json::{Value, json};

use crate::support::{hostile, rust, script, shell};

#[tokio::test]
async fn a_worker_written_for_nodes_fork_calculates_and_tells_its_progress() {
    let events = ProcessEvents::new();
    let mut heard = events.listen();
    let worker = ProcessOptions::node(script("calculator.js")).events(&events);
    let worker = ManagedProcess::start(worker).await.unwrap();
    let sum: i64 = worker
        .request("calculate", &json!({"values": [1, 2, 3]}))
        .await
        .unwrap();
    assert_eq!(sum, 6);
    worker
        .send("task", &json!({"action": "process", "data": []}))
        .await
        .unwrap();
    let pid = worker.os_pid().await.unwrap();
    assert!(matches!(heard.next().await, Some(ProcessEvent::Start { pid: told }) if told == pid));
    let progress = heard.message("progress").await.unwrap();
    assert_eq!(progress.payload::<Value>().unwrap(), json!({"percent": 50}));
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn thousands_of_requests_at_once_each_get_their_own_answer() {
    for options in [hostile(), rust(), rust().channel(Channel::Stdio)] {
        let worker = ManagedProcess::start(options.queue(4096)).await.unwrap();
        let numbers: Vec<u32> = (0..2000).collect();
        let asked = numbers.iter().map(|n| worker.request::<u32>("echo", n));
        let answers = futures::future::try_join_all(asked).await.unwrap();
        assert!(answers.into_iter().eq(0..2000));
        worker.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_rust_worker_refuses_what_fails_panics_or_is_unknown_and_lives_on() {
    let worker = ManagedProcess::start(rust()).await.unwrap();
    for (kind, said) in [
        ("fail", "no such thing"),
        ("panic", "panicked"),
        ("nothing", "no handler"),
    ] {
        match worker.request::<Value>(kind, &()).await {
            Err(RequestError::Refused(payload)) => {
                assert!(payload.get().contains(said), "{payload}");
            }
            other => panic!("{other:?}"),
        }
    }
    let slow = worker
        .request_within::<u64>("later", &60_000, Duration::from_millis(50))
        .await;
    assert!(matches!(slow, Err(RequestError::Timeout(_))));
    assert_eq!(worker.request::<u64>("later", &20).await.unwrap(), 20);
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn output_comes_line_by_line() {
    let worker = ManagedProcess::start(hostile()).await.unwrap();
    let mut events = worker.events().await.unwrap();
    worker.request::<()>("print", &()).await.unwrap();
    let mut lines = Vec::new();
    while lines.len() < 2 {
        if let Some(ProcessEvent::Output { stream, line }) = events.next().await {
            lines.push((stream == Stream::Stderr, line.to_string()));
        }
    }
    lines.sort();
    assert_eq!(
        lines,
        [
            (false, "to stdout".to_owned()),
            (true, "to stderr".to_owned())
        ]
    );
    worker.stop().await.unwrap();
}

#[tokio::test]
async fn a_supervisor_restarts_it_like_any_other_child() {
    let tree = Supervisor::one_for_one()
        .child(ManagedProcess::child(hostile()).name("supervised-process"))
        .start()
        .await
        .unwrap();
    let worker = Name::<ManagedProcess>::new("supervised-process");
    assert_eq!(worker.request::<u8>("echo", &1).await.unwrap(), 1);
    let first = worker.lookup().unwrap();
    match worker.request::<()>("die", &3).await {
        Err(RequestError::Exited(exit)) => assert_eq!(exit.code(), Some(3)),
        other => panic!("{other:?}"),
    }
    first.monitor().await;
    worker.wait().await.unwrap();
    assert_eq!(worker.request::<u8>("echo", &2).await.unwrap(), 2);
    tree.stop().await.unwrap();
}

#[tokio::test]
async fn environment_directory_and_limits_are_the_childs() {
    let code = r#"echo "{\"id\":\"\",\"type\":\"told\",\"payload\":\"$(pwd) $A $HOME $(ulimit -n)\"}"; read x"#;
    let events = ProcessEvents::new();
    let mut heard = events.listen();
    let options = shell(code)
        .clear_env()
        .env("A", "b")
        .current_dir("/")
        .events(&events);
    let child = ManagedProcess::start(options.limit(noex::child::Limit::OpenFiles(77)))
        .await
        .unwrap();
    let told = heard.message("told").await.unwrap();
    assert_eq!(told.payload::<String>().unwrap(), "/ b  77");
    child.stop().await.unwrap();
}
