//! Child processes: real ones, in Node, in Rust and in the shell.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod ending;
mod hostile;
mod messages;
mod pool;
mod support;
