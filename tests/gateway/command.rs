//! `noex gateway`, as a process.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use noex::gateway::{ClientOptions, GatewayClient};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::{SOON, eventually};

/// Cargo tells tests of binaries of their own package only, so this one is built here.
async fn binary() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "-p",
            "noex-core",
            "--features",
            "cli",
            "--bin",
            "noex",
        ])
        .args(["--message-format", "json"])
        .current_dir(&workspace)
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    assert!(built.status.success());
    let told = String::from_utf8(built.stdout).unwrap();
    told.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| line["target"]["name"] == "noex" && line["target"]["kind"][0] == "bin")
        .find_map(|line| line["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the binary")
}

async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_serves_tells_over_http_and_stops_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("gateway.sock");
    let mut child = Command::new(binary().await)
        .arg("gateway")
        .arg("--socket")
        .arg(&socket)
        .args(["--http", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines
            .next_line()
            .await
            .unwrap()
            .unwrap()
            .starts_with("gateway on ")
    );
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.strip_prefix("http on ").unwrap();

    let client = GatewayClient::new(ClientOptions::new("user-service", &socket).version("1.2"));
    client.register("getUserById", |id: u32, _| async move { Ok(id) });
    client.connect().await.unwrap();
    let caller = GatewayClient::new(ClientOptions::new("caller", &socket));
    caller.connect().await.unwrap();
    assert_eq!(
        caller
            .call::<u32>("user-service", "getUserById", &7)
            .await
            .unwrap(),
        7
    );

    let health = get(address, "/health").await;
    assert!(
        health.starts_with("HTTP/1.1 200") && health.contains(r#""healthy":true"#),
        "{health}"
    );
    let services = get(address, "/services").await;
    assert!(
        services.contains(r#""methods":["getUserById"]"#),
        "{services}"
    );
    assert!(services.contains(r#""version":"1.2""#), "{services}");
    let metrics = get(address, "/metrics").await;
    assert!(
        metrics.contains("\nnoex_gateway_calls_total 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("\nnoex_gateway_services 2\n"), "{metrics}");

    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    let ended = tokio::time::timeout(SOON, child.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(ended.success());
    assert!(!socket.exists());
    eventually("the client knows", || !client.is_connected()).await;
}

#[tokio::test]
async fn it_says_why_it_cannot_start() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("file");
    std::fs::write(&socket, "no socket").unwrap();
    let done = Command::new(binary().await)
        .arg("gateway")
        .arg("--socket")
        .arg(&socket)
        .output()
        .await
        .unwrap();
    assert!(!done.status.success());
    let words = String::from_utf8(done.stderr).unwrap();
    assert!(words.contains("is no socket"), "{words}");
}
