//! Several workers, and the jobs that wait for one.

mod client;
mod error;
mod options;
mod runtime;

pub use client::WorkerPool;
pub use error::JobError;
pub use options::PoolOptions;
pub use runtime::PoolStatus;
