//! Which services there are.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::connection::Connection;
use crate::gateway::error::ErrorCode;
use crate::gateway::message::Register;
use crate::gateway::server::Balance;

#[derive(Debug, Default)]
pub(crate) struct Directory {
    services: BTreeMap<Box<str>, Service>,
}

#[derive(Debug)]
struct Service {
    instances: Vec<Instance>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Instance {
    connection: Arc<Connection>,
    methods: HashSet<Box<str>>,
    version: Option<Box<str>>,
    metadata: Option<Box<str>>,
    shared: bool,
    token: Option<Box<str>>,
    connected_at: u64,
}

/// What is known of one instance of a service.
#[derive(Clone, Debug)]
pub(crate) struct ServiceRow {
    pub(crate) methods: Vec<String>,
    pub(crate) version: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) connected_at: u64,
    pub(crate) last_heartbeat: u64,
}

impl Directory {
    /// Adds an instance, or replaces what is known of it. `true`: it was not there before.
    ///
    /// A second instance is taken when all say that they share the name, or when they are
    /// connections of one client, which its token shows.
    pub(super) fn register(
        &mut self,
        connection: &Arc<Connection>,
        register: &Register<'_>,
        now: u64,
    ) -> Result<bool, ErrorCode> {
        let service = self
            .services
            .entry(register.service.as_ref().into())
            .or_insert_with(|| Service {
                instances: Vec::new(),
                turn: AtomicUsize::new(0),
            });
        let mut instance = Instance {
            connection: connection.clone(),
            methods: register
                .methods
                .iter()
                .map(|name| name.as_ref().into())
                .collect(),
            version: register.version.as_deref().map(Into::into),
            metadata: register.metadata.map(Into::into),
            shared: register.shared,
            token: register.instance.as_deref().map(Into::into),
            connected_at: now,
        };
        let (mine, others): (Vec<_>, Vec<_>) = service
            .instances
            .iter_mut()
            .partition(|other| other.connection.number == connection.number);
        let welcome = others.iter().all(|other| {
            other.shared && instance.shared
                || other.token.is_some() && other.token == instance.token
        });
        if !welcome {
            return Err(ErrorCode::DuplicateService);
        }
        if let Some(known) = mine.into_iter().next() {
            instance.connected_at = known.connected_at;
            *known = instance;
            return Ok(false);
        }
        service.instances.push(instance);
        Ok(true)
    }

    /// Takes an instance out; `true` when it was the last of its service.
    pub(super) fn remove(&mut self, connection: &Connection) -> bool {
        let Some(service) = self.services.get_mut(connection.name()) else {
            return false;
        };
        service
            .instances
            .retain(|instance| instance.connection.number != connection.number);
        let last = service.instances.is_empty();
        if last {
            self.services.remove(connection.name());
        }
        last
    }

    /// The instance that the next call of `method` goes to.
    pub(super) fn pick(
        &self,
        service: &str,
        method: &str,
        balance: Balance,
    ) -> Result<Arc<Connection>, ErrorCode> {
        let service = self
            .services
            .get(service)
            .ok_or(ErrorCode::ServiceNotFound)?;
        if let [only] = &service.instances[..] {
            return only
                .methods
                .contains(method)
                .then(|| only.connection.clone())
                .ok_or(ErrorCode::MethodNotFound);
        }
        let able: Vec<_> = service
            .instances
            .iter()
            .filter(|instance| instance.methods.contains(method))
            .map(|instance| &instance.connection)
            .collect();
        if able.is_empty() {
            return Err(ErrorCode::MethodNotFound);
        }
        let turn = service.turn.fetch_add(1, Ordering::Relaxed);
        let chosen = match balance {
            Balance::RoundRobin => able[turn % able.len()],
            // Beginning at another one each time, so that equals take turns.
            Balance::LeastPending => (0..able.len())
                .map(|step| able[(turn + step) % able.len()])
                .min_by_key(|instance| instance.pending())
                .ok_or(ErrorCode::MethodNotFound)?,
        };
        Ok(chosen.clone())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.services.keys().map(ToString::to_string).collect()
    }

    pub(crate) fn contains(&self, service: &str) -> bool {
        self.services.contains_key(service)
    }

    pub(crate) fn rows(&self, service: &str) -> Vec<ServiceRow> {
        let instances = self
            .services
            .get(service)
            .map_or(&[][..], |found| &found.instances);
        instances.iter().map(Instance::row).collect()
    }
}

impl Instance {
    fn row(&self) -> ServiceRow {
        let mut methods: Vec<_> = self.methods.iter().map(ToString::to_string).collect();
        methods.sort();
        ServiceRow {
            methods,
            version: self.version.as_deref().map(Into::into),
            metadata: self.metadata.as_deref().map(Into::into),
            connected_at: self.connected_at,
            last_heartbeat: self.connection.last_heartbeat.load(Ordering::Relaxed),
        }
    }
}
