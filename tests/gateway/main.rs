//! The gateway: a hub on a real Unix socket, with services in Rust, in Node, and by bare bytes.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod calls;
mod clients;
mod command;
mod fuzz;
mod hostile;
mod node;
mod server;
mod services;
mod support;
