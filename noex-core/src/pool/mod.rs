//! Servers that can stand in for each other.

mod call;
mod queue;
mod route;
mod workers;

pub use call::PoolCall;
pub use route::Route;
pub use workers::Pool;
