use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cache::CacheRule;
use crate::server::Backoff;

/// What service a client is, and how it connects.
///
/// | option | default |
/// | --- | --- |
/// | [`timeout`](ClientOptions::timeout) | 30 s |
/// | [`heartbeat`](ClientOptions::heartbeat) | every 30 s |
/// | [`reconnect`](ClientOptions::reconnect) | after 5 s, growing to 60 s, jittered by a fifth |
/// | [`pending_calls`](ClientOptions::pending_calls) | failed when the connection ends |
/// | [`connections`](ClientOptions::connections) | 1 |
/// | [`concurrency`](ClientOptions::concurrency) | 1024 |
/// | [`cache`](ClientOptions::cache) | nothing is kept |
/// | [`shared`](ClientOptions::shared) | no: the name is for this client alone |
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub(super) service: Box<str>,
    pub(super) socket: PathBuf,
    pub(super) version: Option<Box<str>>,
    pub(super) metadata: Option<Box<str>>,
    pub(super) timeout: Duration,
    pub(super) heartbeat: Duration,
    pub(super) reconnect: Option<Backoff>,
    pub(super) pending_calls: PendingCalls,
    pub(super) connections: usize,
    pub(super) concurrency: usize,
    pub(super) shared: bool,
    pub(super) cache: Vec<CacheRule>,
}

/// What becomes of calls when there is no connection, or it ends before their answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PendingCalls {
    /// They fail at once.
    #[default]
    Fail,
    /// They are sent (again) when there is a connection, until their timeout. A method whose
    /// answer was lost runs twice then, so this is for methods that may.
    Resend,
}

impl ClientOptions {
    /// The service `service`, at the gateway that listens on `socket`.
    pub fn new(service: impl Into<String>, socket: impl AsRef<Path>) -> Self {
        ClientOptions {
            service: service.into().into(),
            socket: socket.as_ref().to_owned(),
            version: None,
            metadata: None,
            timeout: Duration::from_secs(30),
            heartbeat: Duration::from_secs(30),
            reconnect: Some(
                Backoff::new(Duration::from_secs(5), Duration::from_secs(60)).jitter(0.2),
            ),
            pending_calls: PendingCalls::default(),
            connections: 1,
            concurrency: 1024,
            shared: false,
            cache: Vec::new(),
        }
    }

    /// The version that is told to the gateway.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into().into());
        self
    }

    /// What else is told to the gateway.
    pub fn metadata(mut self, metadata: serde_json::Value) -> Self {
        self.metadata = Some(metadata.to_string().into());
        self
    }

    /// How long a call waits for its answer; a call within a call never longer than the outer one.
    pub fn timeout(mut self, wait: Duration) -> Self {
        self.timeout = wait;
        self
    }

    /// How often the gateway is told that this client is there. When nothing has come from it for
    /// three times that, the connection is given up.
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = every;
        self
    }

    /// How long to wait before connecting again.
    pub fn reconnect(mut self, backoff: Backoff) -> Self {
        self.reconnect = Some(backoff);
        self
    }

    /// Ends the client's server, abnormally, when the connection ends: for a supervisor that shall
    /// decide.
    pub fn no_reconnect(mut self) -> Self {
        self.reconnect = None;
        self
    }

    /// What becomes of calls when the connection ends.
    pub fn pending_calls(mut self, calls: PendingCalls) -> Self {
        self.pending_calls = calls;
        self
    }

    /// How many connections the calls are spread over.
    pub fn connections(mut self, count: usize) -> Self {
        self.connections = count.max(1);
        self
    }

    /// How many methods run at a time on each connection; one more is answered `BUSY`.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most;
        self
    }

    /// Keeps results of a method. Can be used several times, for several methods.
    pub fn cache(mut self, rule: CacheRule) -> Self {
        self.cache.push(rule);
        self
    }

    /// Shares the name with other clients that say so too: calls are spread over them.
    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }
}
