//! The guides, as documentation: so that every code block in them is compiled and run.

#![doc(test(attr(allow(unused))))]

#[doc = include_str!("01-a-server.md")]
pub mod a_server {}

#[doc = include_str!("02-a-supervision-tree.md")]
pub mod a_supervision_tree {}

#[doc = include_str!("03-names.md")]
pub mod names {}

#[doc = include_str!("05-events.md")]
pub mod events {}

#[doc = include_str!("12-gateway.md")]
pub mod gateway {}

#[doc = include_str!("06-dynamic-supervisors-and-pools.md")]
pub mod dynamic_supervisors_and_pools {}

#[doc = include_str!("07-agents.md")]
pub mod agents {}

#[doc = include_str!("09-applications.md")]
pub mod applications {}

#[doc = include_str!("13-groups.md")]
pub mod groups {}
#[doc = include_str!("11-child-processes.md")]
pub mod child_processes {}

#[doc = include_str!("16-how-fast-and-why.md")]
pub mod how_fast_and_why {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("../README.md")]
pub mod readme {}
