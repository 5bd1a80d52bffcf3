use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;

use crate::process::Pid;

/// What happened in a registry.
pub enum RegistryEvent<K, V> {
    /// A key was registered.
    Registered {
        /// The key.
        key: Arc<K>,
        /// Its owner.
        pid: Pid,
        /// The value beside it.
        value: Arc<V>,
    },
    /// A key was let go, by its owner or by its owner's death.
    Unregistered {
        /// The key.
        key: Arc<K>,
        /// Who had it.
        pid: Pid,
    },
    /// So many events were dropped here, because they were not read in time.
    Lagged(u64),
}

impl<K, V> Clone for RegistryEvent<K, V> {
    fn clone(&self) -> Self {
        match self {
            RegistryEvent::Registered { key, pid, value } => RegistryEvent::Registered {
                key: key.clone(),
                pid: *pid,
                value: value.clone(),
            },
            RegistryEvent::Unregistered { key, pid } => RegistryEvent::Unregistered {
                key: key.clone(),
                pid: *pid,
            },
            RegistryEvent::Lagged(n) => RegistryEvent::Lagged(*n),
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for RegistryEvent<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegistryEvent::Registered { key, pid, value } => f
                .debug_struct("Registered")
                .field("key", key)
                .field("pid", pid)
                .field("value", value)
                .finish(),
            RegistryEvent::Unregistered { key, pid } => f
                .debug_struct("Unregistered")
                .field("key", key)
                .field("pid", pid)
                .finish(),
            RegistryEvent::Lagged(n) => f.debug_tuple("Lagged").field(n).finish(),
        }
    }
}

const KEPT: usize = 1024;

pub(super) struct Events<K, V> {
    sender: OnceLock<broadcast::Sender<RegistryEvent<K, V>>>,
    /// Nobody listening costs one load.
    listeners: Arc<AtomicUsize>,
}

impl<K, V> Events<K, V> {
    pub(super) fn new() -> Self {
        Events {
            sender: OnceLock::new(),
            listeners: Arc::default(),
        }
    }

    pub(super) fn listen(&self) -> Listener<K, V> {
        self.listeners.fetch_add(1, Ordering::AcqRel);
        let sender = self.sender.get_or_init(|| broadcast::channel(KEPT).0);
        Listener {
            receiver: sender.subscribe(),
            listeners: self.listeners.clone(),
        }
    }

    pub(super) fn tell(&self, event: impl FnOnce() -> RegistryEvent<K, V>) {
        if self.listeners.load(Ordering::Acquire) > 0
            && let Some(sender) = self.sender.get()
        {
            // An error says that the last listener has just gone.
            let _ = sender.send(event());
        }
    }
}

/// Hears of what is registered and let go, from the time it was made.
///
/// It may fall 1024 events behind; then the oldest are dropped, and
/// [`RegistryEvent::Lagged`] says how many.
///
/// The OTP counterpart is a registry's listener (Elixir).
pub struct Listener<K, V> {
    receiver: broadcast::Receiver<RegistryEvent<K, V>>,
    listeners: Arc<AtomicUsize>,
}

impl<K, V> Listener<K, V> {
    /// The next event; `None` when the registry is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<RegistryEvent<K, V>> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(n)) => Some(RegistryEvent::Lagged(n)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next event if it is there already.
    pub fn try_next(&mut self) -> Option<RegistryEvent<K, V>> {
        match self.receiver.try_recv() {
            Ok(event) => Some(event),
            Err(broadcast::error::TryRecvError::Lagged(n)) => Some(RegistryEvent::Lagged(n)),
            Err(_) => None,
        }
    }
}

impl<K, V> Drop for Listener<K, V> {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<K, V> fmt::Debug for Listener<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
