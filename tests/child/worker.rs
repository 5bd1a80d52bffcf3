//! A worker in Rust for the tests, and a parent that is there to be killed.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::time::Duration;

use noex::GenServer;
use noex::child::{ManagedProcess, ProcessClient, ProcessOptions, worker};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("parent") => {
            let me = std::env::current_exe().unwrap();
            let script = std::env::args().nth(2).unwrap();
            let rust = ManagedProcess::start(ProcessOptions::rust(me))
                .await
                .unwrap();
            let node = ProcessOptions::node(script).die_with_parent();
            let node = ManagedProcess::start(node).await.unwrap();
            // It is up when it has answered: it ignores every signal that can be ignored.
            let _: Value = node.request("echo", &1).await.unwrap();
            println!(
                "{} {}",
                rust.os_pid().await.unwrap(),
                node.os_pid().await.unwrap()
            );
            std::future::pending::<()>().await;
        }
        _ => worker()
            .on("echo", |value: Value, _| async move { Ok(value) })
            .on("execute", |value: Value, parent| async move {
                parent
                    .send("progress", &50)
                    .await
                    .map_err(|error| error.to_string())?;
                Ok(value)
            })
            .on("fail", |(): (), _| async move {
                Err::<(), _>("no such thing".to_owned())
            })
            .on("panic", |(): (), _| async move {
                if true {
                    panic!("on purpose");
                }
                Ok(())
            })
            .on("later", |millis: u64, _| async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Ok(millis)
            })
            .run()
            .await
            .unwrap(),
    }
}
