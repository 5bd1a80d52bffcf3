//! All processes of this program, by pid. What is in here is kept alive:
//! a process needs no ref to live.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use parking_lot::RwLock;

use super::cell::Process;
use super::pid::Pid;

type Shard = RwLock<HashMap<Pid, Arc<dyn Process>, BuildHasherDefault<PidHasher>>>;

const SHARDS: usize = 16;

static TABLE: [Shard; SHARDS] =
    [const { RwLock::new(HashMap::with_hasher(BuildHasherDefault::new())) }; SHARDS];

/// Pids are counted up, so neighbours fall into different shards.
fn shard(pid: Pid) -> &'static Shard {
    &TABLE[(pid.as_u64() as usize) % SHARDS]
}

pub(crate) fn insert(process: Arc<dyn Process>) {
    let pid = process.core().pid();
    shard(pid).write().insert(pid, process);
}

/// Takes it out; the caller drops it outside of the lock.
pub(crate) fn remove(pid: Pid) -> Option<Arc<dyn Process>> {
    shard(pid).write().remove(&pid)
}

pub(crate) fn find(pid: Pid) -> Option<Arc<dyn Process>> {
    shard(pid).read().get(&pid).cloned()
}

pub(crate) fn len() -> usize {
    TABLE.iter().map(|shard| shard.read().len()).sum()
}

/// Every process for which `wanted` says so, as of now.
pub(crate) fn collect(wanted: impl Fn(&dyn Process) -> bool) -> Vec<Arc<dyn Process>> {
    let mut found = Vec::new();
    for shard in &TABLE {
        let shard = shard.read();
        found.extend(
            shard
                .values()
                .filter(|process| wanted(&***process))
                .cloned(),
        );
    }
    found
}

/// Counted numbers need no more than to be spread over the high bits, which hashbrown looks at.
#[derive(Default)]
struct PidHasher(u64);

impl Hasher for PidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
