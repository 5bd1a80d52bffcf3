//! Process groups: any process joins any group, and the dead are in none.

mod error;
mod members;
mod monitor;
mod scope;

pub use error::GroupError;
pub use monitor::{GroupEvent, GroupMonitor};
pub use scope::Groups;
