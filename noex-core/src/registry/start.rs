//! Starting under a name: `name` and `via` for whatever is about to be started.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use super::error::RegisterError;
use super::global::global;
use super::keyed::{Keys, Registry};
use crate::process::ExitReason;
use crate::server::start::Claim;
use crate::server::{Child, GenServer, ServerRef, Start, StartError};

struct ByKey<K, V, F> {
    registry: Registry<K, V>,
    key: Arc<K>,
    value: F,
    label: Arc<str>,
}

impl<S, K, V, F> Claim<S> for ByKey<K, V, F>
where
    S: GenServer,
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
    F: Fn() -> V + Send + Sync,
{
    fn label(&self) -> Arc<str> {
        self.label.clone()
    }

    fn claim(&self, server: &ServerRef<S>) -> Result<(), StartError> {
        if self.registry.keys() != Keys::Unique {
            return Err(StartError::InvalidOption {
                option: "the registry to start via",
                value: "one of duplicate keys".to_owned(),
                rule: "a name needs a registry of unique keys",
            });
        }
        let process = server.cell().clone();
        match self.registry.add(process, self.key.clone(), (self.value)()) {
            Ok(_) => Ok(()),
            Err(RegisterError::AlreadyRegistered(pid)) => Err(StartError::AlreadyStarted(pid)),
            // It has been killed already, or its runtime is being shut down.
            Err(_) => Err(StartError::Exited(ExitReason::Killed)),
        }
    }
}

fn by_name<S: GenServer>(name: Arc<str>) -> Arc<dyn Claim<S>> {
    Arc::new(ByKey {
        registry: global().clone(),
        key: Arc::new(name.clone()),
        value: || (),
        label: name,
    })
}

fn by_key<S, K, V>(
    registry: &Registry<K, V>,
    key: K,
    value: impl Fn() -> V + Send + Sync + 'static,
) -> Arc<dyn Claim<S>>
where
    S: GenServer,
    K: Eq + Hash + fmt::Debug + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    Arc::new(ByKey {
        registry: registry.clone(),
        label: format!("{key:?}").into(),
        key: Arc::new(key),
        value,
    })
}

impl<S: GenServer> Start<S> {
    /// Gives it a name in the global registry, before `init` runs. If the name is
    /// taken the start fails with `AlreadyStarted` and `init` does not run.
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        self.claim(by_name(name.into()))
    }

    /// Gives it a key in a registry of one's own, in the same way.
    ///
    /// The OTP name is `{via, Module, Name}`.
    pub fn via<K, V>(self, registry: &Registry<K, V>, key: K) -> Self
    where
        K: Eq + Hash + fmt::Debug + Send + Sync + 'static,
        V: Default + Send + Sync + 'static,
    {
        self.claim(by_key(registry, key, V::default))
    }

    /// As [`via`](Start::via), with a value beside the key.
    pub fn via_with<K, V>(self, registry: &Registry<K, V>, key: K, value: V) -> Self
    where
        K: Eq + Hash + fmt::Debug + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        self.claim(by_key(registry, key, move || value.clone()))
    }
}

impl<S: GenServer> Child<S> {
    /// As [`Start::name`]. It is also the child's id unless that is set.
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        self.claim(by_name(name.into()))
    }

    /// As [`Start::via`]. The key as its `Debug` shows it is also the child's id unless that is set.
    pub fn via<K, V>(self, registry: &Registry<K, V>, key: K) -> Self
    where
        K: Eq + Hash + fmt::Debug + Send + Sync + 'static,
        V: Default + Send + Sync + 'static,
    {
        self.claim(by_key(registry, key, V::default))
    }

    /// As [`Start::via_with`].
    pub fn via_with<K, V>(self, registry: &Registry<K, V>, key: K, value: V) -> Self
    where
        K: Eq + Hash + fmt::Debug + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        self.claim(by_key(registry, key, move || value.clone()))
    }
}
