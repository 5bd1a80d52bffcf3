//! Keys to entries, in shards. The user's `Hash` runs before a lock is taken, the
//! user's `Drop` after it is released; only `Eq` runs under it, and a panic there
//! changes nothing.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;

use super::entry::Entry;

pub(super) struct Table<K, V> {
    shards: [RwLock<HashTable<Row<K, V>>>; SHARDS],
    hasher: DefaultHashBuilder,
}

/// All entries of one key, in the order of registering; never empty.
struct Row<K, V> {
    hash: u64,
    key: Arc<K>,
    entries: Vec<Arc<Entry<K, V>>>,
}

const SHARDS: usize = 16;

impl<K: Eq + Hash, V> Table<K, V> {
    pub(super) fn new() -> Self {
        Table {
            shards: std::array::from_fn(|_| RwLock::default()),
            hasher: DefaultHashBuilder::default(),
        }
    }

    pub(super) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// hashbrown takes the highest bits, so the shard goes by lower ones.
    fn shard(&self, hash: u64) -> &RwLock<HashTable<Row<K, V>>> {
        &self.shards[(hash >> 20) as usize % SHARDS]
    }

    /// Adds an entry unless `refuse` finds one among those of its key that forbids it.
    pub(super) fn insert<R>(
        &self,
        entry: Arc<Entry<K, V>>,
        refuse: impl FnOnce(&mut Vec<Arc<Entry<K, V>>>) -> Option<R>,
    ) -> Result<(), R> {
        let hash = entry.hash;
        let mut shard = self.shard(hash).write();
        match shard.find_mut(hash, |row| row.hash == hash && *row.key == *entry.key) {
            Some(row) => {
                if let Some(refusal) = refuse(&mut row.entries) {
                    return Err(refusal);
                }
                row.entries.push(entry);
            }
            None => {
                let row = Row {
                    hash,
                    key: entry.key.clone(),
                    entries: vec![entry],
                };
                shard.insert_unique(hash, row, |row| row.hash);
            }
        }
        Ok(())
    }

    /// Takes this very entry out, if it is in.
    pub(super) fn remove(&self, entry: &Arc<Entry<K, V>>) {
        let hash = entry.hash;
        let mut shard = self.shard(hash).write();
        let same = |row: &Row<K, V>| {
            row.hash == hash && row.entries.iter().any(|known| Arc::ptr_eq(known, entry))
        };
        let Ok(mut found) = shard.find_entry(hash, same) else {
            return;
        };
        found
            .get_mut()
            .entries
            .retain(|known| !Arc::ptr_eq(known, entry));
        let empty = found.get().entries.is_empty();
        let row = empty.then(|| found.remove().0);
        drop(shard);
        drop(row); // the key's Drop
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Vec<Arc<Entry<K, V>>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let shard = self.shard(hash).read();
        shard
            .find(hash, |row| row.hash == hash && (*row.key).borrow() == key)
            .map(|row| row.entries.clone())
            .unwrap_or_default()
    }

    pub(super) fn first<Q>(&self, key: &Q) -> Option<Arc<Entry<K, V>>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let shard = self.shard(hash).read();
        let row = shard.find(hash, |row| row.hash == hash && (*row.key).borrow() == key)?;
        row.entries
            .iter()
            .find(|entry| entry.holder.stands())
            .cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Entry<K, V>>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            for row in shard.iter() {
                all.extend(row.entries.iter().cloned());
            }
        }
        all
    }

    pub(super) fn len(&self) -> usize {
        let shards = self.shards.iter();
        shards
            .map(|shard| {
                shard
                    .read()
                    .iter()
                    .map(|row| row.entries.len())
                    .sum::<usize>()
            })
            .sum()
    }
}
