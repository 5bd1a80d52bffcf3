use std::process::Stdio;
use std::time::Duration;

use noex::GenServer;
use noex::child::{ManagedProcess, ProcessClient, ProcessOptions, Signal};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{exists, gone, hostile, rust, script};

#[tokio::test]
async fn one_that_ignores_sigterm_is_killed_after_the_grace_period_with_its_children() {
    let worker = ManagedProcess::start(hostile()).await.unwrap();
    let grandchild: u32 = worker.request("grandchild", &()).await.unwrap();
    let pid = worker.os_pid().await.unwrap();
    worker.stop().await.unwrap();
    assert!(!exists(pid), "reaped when stop returns");
    gone(grandchild).await;
}

#[tokio::test]
async fn a_killed_server_kills_its_process() {
    let worker = ManagedProcess::start(hostile()).await.unwrap();
    let grandchild: u32 = worker.request("grandchild", &()).await.unwrap();
    let pid = worker.os_pid().await.unwrap();
    worker.kill();
    worker.monitor().await;
    gone(pid).await;
    gone(grandchild).await;
}

#[tokio::test]
async fn another_signal_may_be_asked_for() {
    let worker = ManagedProcess::start(hostile().grace(Duration::from_secs(60)))
        .await
        .unwrap();
    worker.request::<u8>("echo", &1).await.unwrap();
    worker.stop_with(Signal::Int).await.unwrap();
    assert!(!worker.is_alive());
}

#[tokio::test]
async fn when_the_parent_is_killed_the_children_go_too() {
    let mut parent = tokio::process::Command::new(env!("CARGO_BIN_EXE_test-worker"))
        .arg("parent")
        .arg(script("hostile.js"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let children: Vec<u32> = line.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(children.iter().all(|pid| exists(*pid)));
    parent.kill().await.unwrap();
    for pid in children {
        gone(pid).await;
    }
}

fn count(of: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{of}"))
        .unwrap()
        .count()
}

/// In a process of its own, so that other tests do not disturb the count.
#[test]
fn starting_and_stopping_again_and_again_leaves_nothing() {
    if std::env::var_os("NOEX_CHURN").is_none() {
        let done = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "ending::starting_and_stopping_again_and_again_leaves_nothing",
            ])
            .env("NOEX_CHURN", "1")
            .status()
            .unwrap();
        assert!(done.success());
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        cycle(ProcessOptions::new("cat"), 5).await;
        let before = (count("fd"), count("task"));
        cycle(ProcessOptions::new("cat"), 300).await;
        cycle(rust(), 50).await;
        cycle(ProcessOptions::node(script("calculator.js")), 10).await;
        assert_eq!((count("fd"), count("task")), before);
        let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
        assert_eq!(children, "", "zombies too");
    });
}

async fn cycle(options: ProcessOptions, times: u32) {
    for _ in 0..times {
        let child = ManagedProcess::start(options.clone()).await.unwrap();
        let pid = child.os_pid().await.unwrap();
        child.stop().await.unwrap();
        assert!(!exists(pid));
    }
}
