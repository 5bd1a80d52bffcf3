//! Which entries each process owns, so that its death takes them all out.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::entry::Entry;
use crate::process::Pid;

type Owned<K, V> = HashMap<Pid, Vec<Arc<Entry<K, V>>>>;

pub(super) struct Owners<K, V> {
    shards: [Mutex<Owned<K, V>>; SHARDS],
}

const SHARDS: usize = 16;

impl<K, V> Owners<K, V> {
    pub(super) fn new() -> Self {
        Owners {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    fn shard(&self, pid: Pid) -> &Mutex<Owned<K, V>> {
        &self.shards[pid.as_u64() as usize % SHARDS]
    }

    /// `true`: this owner was not known, and has to be asked to tell of its death.
    pub(super) fn add(&self, pid: Pid, entry: Arc<Entry<K, V>>) -> bool {
        let mut owned = self.shard(pid).lock();
        let known = owned.contains_key(&pid);
        owned.entry(pid).or_default().push(entry);
        !known
    }

    /// Takes out the entries for which `which` says so. The owner stays known.
    pub(super) fn take(
        &self,
        pid: Pid,
        which: impl Fn(&Entry<K, V>) -> bool,
    ) -> Vec<Arc<Entry<K, V>>> {
        let mut owned = self.shard(pid).lock();
        match owned.get_mut(&pid) {
            Some(entries) => entries.extract_if(.., |entry| which(entry)).collect(),
            None => Vec::new(),
        }
    }

    pub(super) fn of(&self, pid: Pid) -> Vec<Arc<Entry<K, V>>> {
        let owned = self.shard(pid).lock();
        owned.get(&pid).cloned().unwrap_or_default()
    }

    /// The owner is dead.
    pub(super) fn remove(&self, pid: Pid) -> Vec<Arc<Entry<K, V>>> {
        self.shard(pid).lock().remove(&pid).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}
