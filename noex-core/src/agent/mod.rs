//! Agents: state that is kept by a process, and nothing besides.

mod client;
mod message;
mod runtime;

pub use client::AgentClient;
pub use message::{AgentArgs, AgentJob};
pub use runtime::Agent;
