use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::process::Pid;
use crate::process::cell::Process;

/// Who holds a key, as long as it does.
pub(super) struct Holder {
    pub(super) process: Arc<dyn Process>,
    live: AtomicBool,
}

impl Holder {
    pub(super) fn new(process: Arc<dyn Process>) -> Arc<Self> {
        Arc::new(Holder {
            process,
            live: AtomicBool::new(true),
        })
    }

    pub(super) fn pid(&self) -> Pid {
        self.process.core().pid()
    }

    /// Whether this registration still stands. A dead owner's never does, even
    /// before it has been taken out.
    #[inline]
    pub(super) fn stands(&self) -> bool {
        self.live.load(Ordering::Acquire) && self.process.core().is_alive()
    }

    pub(super) fn end(&self) {
        self.live.store(false, Ordering::Release);
    }
}

/// One registration.
pub(super) struct Entry<K, V> {
    pub(super) key: Arc<K>,
    pub(super) hash: u64,
    pub(super) holder: Arc<Holder>,
    value: Mutex<Arc<V>>,
    /// What listeners have been told of it: first that it is there, then that it is not.
    told: Mutex<Told>,
}

#[derive(PartialEq, Eq)]
enum Told {
    Nothing,
    Registered,
    Unregistered,
}

impl<K, V> Entry<K, V> {
    pub(super) fn new(key: Arc<K>, hash: u64, holder: Arc<Holder>, value: V) -> Arc<Self> {
        Arc::new(Entry {
            key,
            hash,
            holder,
            value: Mutex::new(Arc::new(value)),
            told: Mutex::new(Told::Nothing),
        })
    }

    /// Runs `tell` unless its end came first: then listeners hear of neither.
    pub(super) fn tell_registered(&self, tell: impl FnOnce()) {
        let mut told = self.told.lock();
        if *told == Told::Nothing {
            *told = Told::Registered;
            tell();
        }
    }

    /// Runs `tell` once, and only if listeners were told that it was there.
    pub(super) fn tell_unregistered(&self, tell: impl FnOnce()) {
        let mut told = self.told.lock();
        let before = std::mem::replace(&mut *told, Told::Unregistered);
        if before == Told::Registered {
            tell();
        }
    }

    pub(super) fn value(&self) -> Arc<V> {
        self.value.lock().clone()
    }

    /// Puts `new` in the place of `old`, if that is still there. Gives back what
    /// is not there afterwards, to be dropped outside of the lock.
    pub(super) fn swap(&self, old: &Arc<V>, new: Arc<V>) -> Result<Arc<V>, Arc<V>> {
        let mut value = self.value.lock();
        if Arc::ptr_eq(&value, old) {
            Ok(std::mem::replace(&mut value, new))
        } else {
            Err(new)
        }
    }

    pub(super) fn registered(&self) -> Registered<V> {
        Registered {
            pid: self.holder.pid(),
            value: self.value(),
        }
    }
}

/// A process and the value it registered, as of the time of asking.
pub struct Registered<V> {
    /// Who owns the key.
    pub pid: Pid,
    /// What it put beside it.
    pub value: Arc<V>,
}

impl<V> Clone for Registered<V> {
    fn clone(&self) -> Self {
        Registered {
            pid: self.pid,
            value: self.value.clone(),
        }
    }
}

impl<V: fmt::Debug> fmt::Debug for Registered<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("pid", &self.pid)
            .field("value", &self.value)
            .finish()
    }
}
