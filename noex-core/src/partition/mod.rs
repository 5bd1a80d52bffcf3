//! One server per partition, and keys that lead to them.

mod error;
mod key;
mod supervisor;

pub use error::ResizeError;
pub use key::{Hashed, PartitionKey};
pub use supervisor::PartitionSupervisor;
