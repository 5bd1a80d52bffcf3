use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::gateway::limits::Limits;

/// Where and how a gateway listens.
///
/// | option | default |
/// | --- | --- |
/// | [`heartbeat`](GatewayOptions::heartbeat) | 30 s; three without a word end a connection |
/// | [`timeout`](GatewayOptions::timeout) | 30 s, for calls without a deadline |
/// | [`balance`](GatewayOptions::balance) | round robin |
/// | [`limits`](GatewayOptions::limits) | see [`Limits`] |
/// | [`peers`](GatewayOptions::peers) | the own user only |
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    pub(crate) socket: PathBuf,
    pub(crate) heartbeat: Duration,
    pub(crate) timeout: Duration,
    pub(crate) balance: Balance,
    pub(crate) limits: Limits,
    pub(crate) peers: Peers,
}

/// Which of several instances of a service a call goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one that owes the fewest answers.
    LeastPending,
}

/// Who may connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peers {
    /// Processes of the user that the gateway runs as; the socket has the mode 0600.
    #[default]
    OwnUser,
    /// Whoever the directory's permissions let in; the socket has the mode 0666.
    Anyone,
}

impl GatewayOptions {
    /// Listens on `socket`. Its directory is made, for the own user only, if it is not there.
    pub fn new(socket: impl AsRef<Path>) -> Self {
        GatewayOptions {
            socket: socket.as_ref().to_owned(),
            heartbeat: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            balance: Balance::default(),
            limits: Limits::default(),
            peers: Peers::default(),
        }
    }

    /// How often a client has to be heard of: three times that without a frame, and its
    /// connection is closed.
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = every;
        self
    }

    /// How long a call without a deadline is waited for.
    pub fn timeout(mut self, wait: Duration) -> Self {
        self.timeout = wait;
        self
    }

    /// How calls are spread over the instances of a service.
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// What is taken from clients at most.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Who may connect.
    pub fn peers(mut self, peers: Peers) -> Self {
        self.peers = peers;
        self
    }
}
