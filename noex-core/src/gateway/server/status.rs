use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::gateway::hub::{Counts, ServiceRow};

/// How a gateway is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewayStatus {
    /// Whether it runs.
    pub running: bool,
    /// Where it listens.
    pub socket: PathBuf,
    /// How many connections there are, those included that have not registered.
    pub connections: usize,
    /// The services that are connected, sorted.
    pub services: Vec<String>,
    /// What has been counted.
    pub counts: GatewayCounts,
}

/// What a gateway has counted, over all its restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewayCounts {
    /// Calls that were sent on to a service.
    pub calls: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that were sent on and came to a result.
    pub successes: u64,
    /// Calls that were sent on and came to an error, a deadline or a disconnected service.
    pub errors: u64,
    /// Messages that could not be read.
    pub invalid: u64,
    /// Answers that nobody waited for.
    pub unexpected: u64,
}

impl GatewayCounts {
    pub(super) fn read(counts: &Counts) -> Self {
        GatewayCounts {
            calls: counts.calls.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            successes: counts.successes.load(Ordering::Relaxed),
            errors: counts.errors.load(Ordering::Relaxed),
            invalid: counts.invalid.load(Ordering::Relaxed),
            unexpected: counts.unexpected.load(Ordering::Relaxed),
        }
    }
}

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// What it can be called for: the methods of all instances, sorted.
    pub methods: Vec<String>,
    /// Its instances, the oldest first.
    pub instances: Vec<InstanceInfo>,
}

/// What is known of one instance of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceInfo {
    /// Its version, if it told one.
    pub version: Option<String>,
    /// What else it told of itself, as JSON.
    pub metadata: Option<String>,
    /// When it registered.
    pub connected_at: SystemTime,
    /// When its last heartbeat came, or it connected.
    pub last_heartbeat: SystemTime,
}

impl ServiceInfo {
    pub(super) fn new(name: &str, rows: Vec<ServiceRow>) -> Option<Self> {
        if rows.is_empty() {
            return None;
        }
        let mut info = ServiceInfo {
            name: name.to_owned(),
            methods: Vec::new(),
            instances: Vec::new(),
        };
        for row in rows {
            info.methods.extend(row.methods);
            info.instances.push(InstanceInfo {
                version: row.version,
                metadata: row.metadata,
                connected_at: time(row.connected_at),
                last_heartbeat: time(row.last_heartbeat),
            });
        }
        info.methods.sort();
        info.methods.dedup();
        Some(info)
    }
}

fn time(ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms)
}
