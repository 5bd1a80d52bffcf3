use std::sync::{Arc, OnceLock};

use super::error::LookupError;
use super::keyed::{Registry, server_of};
use super::owner::Owner;
use super::{RegisterError, name::Name};
use crate::process::Pid;
use crate::server::{GenServer, ServerRef};

/// The registry of servers' names, one for the whole program.
pub fn global() -> &'static Registry<Arc<str>> {
    static GLOBAL: OnceLock<Registry<Arc<str>>> = OnceLock::new();
    GLOBAL.get_or_init(Registry::unique)
}

/// Gives a running process a name in the global registry. One that is started by
/// noex is better named [when it is started](crate::Start::name).
///
/// # Errors
///
/// As [`Registry::register`].
///
/// The OTP name is the same.
pub fn register(name: impl Into<Arc<str>>, owner: &impl Owner) -> Result<(), RegisterError> {
    let name = name.into();
    let process = owner.as_process();
    global().add(process.clone(), Arc::new(name.clone()), ())?;
    process.core().set_name(name);
    Ok(())
}

/// Takes a name from its owner. `false`: it had not got it.
///
/// The OTP name is the same.
pub fn unregister(name: &str, owner: &impl Owner) -> bool {
    global().unregister(owner, name) > 0
}

/// Who has the name.
///
/// The OTP name is the same.
pub fn whereis(name: &str) -> Option<Pid> {
    global().whereis(name)
}

/// The server that has the name. To call it again and again, use a [`Name`].
///
/// # Errors
///
/// `NotFound` when nobody has the name, `WrongType` when it belongs to a server of
/// another type.
pub fn lookup<S: GenServer>(name: &str) -> Result<ServerRef<S>, LookupError> {
    server_of(global().holder(name), || Arc::from(name))
}

/// All names that are taken, in alphabetical order.
///
/// The OTP name is the same.
pub fn registered() -> Vec<Arc<str>> {
    let mut names = global().select(|name, _, ()| Some(name.clone()));
    names.sort_unstable();
    names
}

impl<S: GenServer> ServerRef<S> {
    /// The server's name as something that survives its restarts, if it was given one in the global registry.
    pub fn to_name(&self) -> Option<Name<S>> {
        let name = self.name()?;
        (whereis(name) == Some(self.pid())).then(|| Name::new(name))
    }
}
