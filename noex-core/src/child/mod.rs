//! Child processes as supervised actors, and the worker on the other side.
//!
//! A [`ManagedProcess`] is a [`GenServer`](crate::GenServer) that owns an operating system process
//! and talks with it in lines of JSON: `{id, type, payload, timestamp}`. A Node program gets them as
//! `process.on('message')`; a Rust program makes itself a worker with [`worker()`]. A
//! [`WorkerPool`] hands jobs to several.
//!
//! ```no_run
//! use noex::GenServer;
//! use noex::child::{ManagedProcess, ProcessClient, ProcessOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let worker = ManagedProcess::start(ProcessOptions::node("worker.js").auto_restart(3)).await?;
//! let sum: i64 = worker.request("calculate", &serde_json::json!({"values": [1, 2, 3]})).await?;
//! assert_eq!(sum, 6);
//! worker.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - A request ends in the answer, an error of the child's own, or a [`RequestError`] that says why
//!   there is none. One that waits when the child dies fails then, with the exit status. Nothing is
//!   sent a second time.
//! - The end of the server is the end of the process and of its process group: its channel is
//!   closed, it gets a signal, and `SIGKILL` after the grace period. A server that is killed
//!   kills at once.
//! - What a child may cost is bounded: the length of a line, the messages queued for it, the time
//!   that it may leave them unread, the events that a slow listener has not looked at.
//!
//! When this program itself is killed with `SIGKILL`, its children see the end of their channel. A Rust
//! worker and an idle Node worker end by that; one that is busy, or keeps a server open, does not
//! unless it was started with [`ProcessOptions::die_with_parent`]. Neither reaches grandchildren,
//! nor a child that has left its process group.

mod client;
mod command;
mod error;
mod event;
mod exit_status;
mod lines;
mod message;
mod options;
mod pending;
mod pool;
mod runtime;
mod spawner;
mod traffic;
mod worker;

pub use client::ProcessClient;
pub use error::{GaveUp, RequestError, SpawnError};
pub use event::{EventStream, ProcessEvent, ProcessEvents, Stream};
pub use exit_status::ProcessExit;
pub use message::ChildMessage;
pub use options::{Channel, Limit, ProcessOptions, Signal};
pub use pool::{JobError, PoolOptions, PoolStatus, WorkerPool};
pub use runtime::{ManagedProcess, ProcessCall, ProcessInfo};
pub use worker::{Parent, Worker, worker};
