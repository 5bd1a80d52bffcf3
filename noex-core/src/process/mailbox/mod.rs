//! The mailbox: what was sent to a process and not handled yet.
//!
//! Two lanes. The user lane keeps the order of each sender and has a capacity;
//! stop orders, DOWN, trapped EXIT, timers and task results take their place in
//! it without counting. The system lane is read first and is not bounded.
//!
//! One lock holds both lanes and the open/closed flag: a flag beside the queue
//! would lose what is sent while it is being closed.

mod letter;
mod options;
mod queue;

pub(crate) use letter::{Letter, Order};
pub use options::{Mailbox, Overflow};
pub(crate) use queue::{Batch, Full, Posted, Queue, Refill, Refused};
