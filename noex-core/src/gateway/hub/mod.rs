//! The hub: connections, the services they are, and the calls between them. Shared by the tasks
//! of all connections; no call goes through a mailbox.
//!
//! Locks, and none is taken while another is held: `Directory` (one, read at each call),
//! `Connection::calls` and `Outbox` (one each per connection).

mod answer;
mod calls;
mod connection;
mod directory;
mod input;
mod route;
mod serve;

pub(crate) use directory::ServiceRow;
pub(crate) use serve::serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use parking_lot::RwLock;

use self::directory::Directory;
use super::event::{Events, GatewayEvent};
use super::id::Ids;
use super::limits::Limits;
use super::server::Balance;

/// What all connections of one gateway share.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) limits: Limits,
    pub(crate) heartbeat: Duration,
    pub(crate) timeout: Duration,
    pub(crate) balance: Balance,
    pub(crate) directory: RwLock<Directory>,
    pub(crate) connections: AtomicUsize,
    pub(crate) ids: Ids,
    pub(crate) events: Events<GatewayEvent>,
    pub(crate) counts: Arc<Counts>,
}

/// What has been counted since the gateway was made, over its restarts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) successes: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) invalid: AtomicU64,
    pub(crate) unexpected: AtomicU64,
}
