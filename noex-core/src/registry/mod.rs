//! Names for processes, which clean up after themselves.
//!
//! There is one [global] registry for the names of servers, and
//! [`Registry`] makes others, with keys and values of any type. A process that dies has
//! let go of all its keys before anybody hears of its death.

mod entry;
mod error;
mod events;
mod global;
mod keyed;
mod name;
mod owner;
mod owners;
mod reach;
mod start;
mod starts;
mod table;

pub use entry::Registered;
pub use error::{LookupError, RegisterError};
pub use events::{Listener, RegistryEvent};
pub use global::{global, lookup, register, registered, unregister, whereis};
pub use keyed::{Keys, Registry};
pub use name::Name;
pub use owner::Owner;
