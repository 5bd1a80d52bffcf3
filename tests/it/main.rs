//! One file per concept; the name of a test is the sentence that it holds noex to.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]
#![allow(
    unreachable_pub,
    reason = "everything is used across the modules of one binary"
)]

mod support;

mod calls;
mod introspection;
mod layers;
mod links;
mod mailbox;
mod peers;
mod quickstart;
mod registry;
mod running;
mod server;
mod supervisor;
mod timers;
