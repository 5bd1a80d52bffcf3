//! The gateway beside tonic and a hub in Node: each part a process of its own with one thread.
//!
//! `cargo run --release` runs them one after the other; `-- idle` and `-- churn` measure what
//! connections cost.

mod connections;
mod hub;
mod load;
mod payload;
mod rpc;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match words[..] {
        [] => all(),
        ["idle"] => runtime.block_on(connections::idle()),
        ["churn"] => runtime.block_on(connections::churn()),
        ["hub", socket] => runtime.block_on(hub::hub(Path::new(socket))),
        ["service", socket] => runtime.block_on(hub::service(Path::new(socket))),
        ["caller", socket] => runtime.block_on(hub::caller(Path::new(socket))),
        ["rpc-service", socket] => runtime.block_on(rpc::service(Path::new(socket))),
        ["rpc-caller", socket] => runtime.block_on(rpc::caller(Path::new(socket))),
        _ => eprintln!("what is {words:?}?"),
    }
}

/// A process that ends with the value.
struct Part(Child);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn own(role: &str, socket: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("its own path"));
    command.arg(role).arg(socket);
    command
}

fn node(script: &str, socket: &Path) -> Command {
    let mut command = Command::new("node");
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("node")
        .join(script);
    command.arg(script).arg(socket);
    command
}

fn all() {
    for (name, parts, caller) in [
        (
            "noex gateway, Rust services",
            &["hub", "service"][..],
            "caller",
        ),
        ("tonic, no hub", &["rpc-service"][..], "rpc-caller"),
        (
            "Node hub, Node services",
            &["hub.mjs", "service.mjs"][..],
            "caller.mjs",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a directory");
        let socket = folder.path().join("bench.sock");
        let command = |role: &str| match role.ends_with(".mjs") {
            true => node(role, &socket),
            false => own(role, &socket),
        };
        println!("{name}");
        let mut running = Vec::new();
        for part in parts {
            running.push(Part(
                command(part)
                    .stdin(Stdio::null())
                    .spawn()
                    .expect("it starts"),
            ));
            std::thread::sleep(Duration::from_millis(500));
        }
        let done = command(caller).status().expect("it runs");
        assert!(done.success());
    }
}
