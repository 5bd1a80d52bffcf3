//! What connections cost, and what they leave behind. The hub is a process of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use noex::gateway::{ClientOptions, GatewayClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::{Part, own};

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("it has memory");
    line.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

fn files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("it lives")
        .count()
}

fn start(socket: &Path) -> Part {
    let mut command: Command = own("hub", socket);
    let part = Part(command.spawn().expect("it starts"));
    std::thread::sleep(Duration::from_millis(500));
    part
}

async fn register(socket: &Path, name: &str) -> UnixStream {
    let mut stream = UnixStream::connect(socket).await.expect("connects");
    let text =
        format!(r#"{{"type":"REGISTER","id":"1","serviceName":"{name}","methods":["a","b"]}}"#);
    let length = u32::try_from(text.len()).expect("short").to_be_bytes();
    stream
        .write_all(&[&length[..], text.as_bytes()].concat())
        .await
        .expect("writes");
    let length = stream.read_u32().await.expect("answers");
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await.expect("answers");
    stream
}

pub async fn idle() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("bench.sock");
    let hub = start(&socket);
    let before = resident(hub.0.id());
    let mut services = Vec::new();
    for n in 0..1000 {
        services.push(register(&socket, &format!("service-{n}")).await);
    }
    let after = resident(hub.0.id());
    println!(
        "1000 idle services: {} kB ({before} before, {after} after)",
        after - before
    );
}

pub async fn churn() {
    let folder = tempfile::tempdir().expect("a directory");
    let socket = folder.path().join("bench.sock");
    let hub = start(&socket);
    for round in 0..=10 {
        println!(
            "{:>6} connections: {} kB, {} files",
            round * 10_000,
            resident(hub.0.id()),
            files(hub.0.id())
        );
        for n in 0..10_000 {
            drop(register(&socket, &format!("service-{}", n % 100 + round * 100)).await);
            if n % 100 == 99 {
                // Until the names of this hundred are free again.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    let client = GatewayClient::new(ClientOptions::new("last", &socket));
    client.connect().await.expect("it still serves");
}
