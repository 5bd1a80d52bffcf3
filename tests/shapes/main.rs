//! What services are made of besides servers and static supervisors: one file per concept.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "the support is shared with another binary, and each uses its part of it"
)]

#[path = "../it/support.rs"]
#[macro_use]
mod support;

mod agent;
mod application;
mod bus;
mod dynamic;
mod group;
mod partition;
mod pool;
