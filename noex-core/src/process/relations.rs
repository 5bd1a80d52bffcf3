//! What ties a process to others: links, monitors in both directions, and who
//! has to be told to let go of it (registries, groups, buses).
//!
//! Others are known by pid only, so nothing here keeps a process alive.
//! A link stands in two tables that are never locked together: it is written into
//! one's own first, and whoever takes an entry out of a table is the one who
//! acts on it, so each side hears of the other's death exactly once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::pid::Pid;
use super::signal::{Down, MonitorRef};
use super::slot::Slot;

#[derive(Default)]
pub(crate) struct Relations {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    released: bool,
    closed: bool,
    // Boxed since many processes have none.
    ties: Option<Box<Ties>>,
}

#[derive(Default)]
pub(crate) struct Ties {
    pub(crate) links: HashSet<Pid>,
    /// Who monitors this process.
    pub(crate) watchers: HashMap<MonitorRef, Watcher>,
    /// Whom this process monitors.
    pub(crate) watching: HashMap<MonitorRef, Pid>,
    releases: Vec<Arc<dyn Release>>,
}

/// Who gets a DOWN.
pub(crate) enum Watcher {
    Process(Pid),
    Task(Arc<Slot<Down>>),
}

/// Something that holds entries of a process and lets go of them when it dies:
/// a registry, a group, a bus. Called once, before anybody hears of the death.
pub(crate) trait Release: Send + Sync {
    fn release(&self, pid: Pid);
}

/// The process has gone too far on its way out for this.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Relations {
    fn with<R>(&self, f: impl FnOnce(&mut Ties) -> R) -> Result<R, Gone> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Gone);
        }
        Ok(f(state.ties.get_or_insert_default()))
    }

    fn with_known<R>(&self, f: impl FnOnce(&mut Ties) -> R) -> Option<R> {
        self.state.lock().ties.as_deref_mut().map(f)
    }

    /// `Ok(false)`: they were linked already.
    pub(crate) fn add_link(&self, other: Pid) -> Result<bool, Gone> {
        self.with(|ties| ties.links.insert(other))
    }

    pub(crate) fn remove_link(&self, other: Pid) -> bool {
        self.with_known(|ties| ties.links.remove(&other))
            .unwrap_or(false)
    }

    pub(crate) fn add_watcher(&self, monitor: MonitorRef, watcher: Watcher) -> Result<(), Gone> {
        self.with(|ties| {
            ties.watchers.insert(monitor, watcher);
        })
    }

    pub(crate) fn remove_watcher(&self, monitor: MonitorRef) -> Option<Watcher> {
        self.with_known(|ties| ties.watchers.remove(&monitor))?
    }

    pub(crate) fn add_watching(&self, monitor: MonitorRef, target: Pid) -> Result<(), Gone> {
        self.with(|ties| {
            ties.watching.insert(monitor, target);
        })
    }

    pub(crate) fn remove_watching(&self, monitor: MonitorRef) -> Option<Pid> {
        self.with_known(|ties| ties.watching.remove(&monitor))?
    }

    pub(crate) fn add_release(&self, release: Arc<dyn Release>) -> Result<(), Gone> {
        let mut state = self.state.lock();
        if state.released {
            return Err(Gone);
        }
        let ties = state.ties.get_or_insert_default();
        ties.releases.push(release);
        Ok(())
    }

    /// From now on nothing can be registered for it.
    pub(crate) fn take_releases(&self) -> Vec<Arc<dyn Release>> {
        let mut state = self.state.lock();
        state.released = true;
        let ties = state.ties.as_deref_mut();
        ties.map(|ties| std::mem::take(&mut ties.releases))
            .unwrap_or_default()
    }

    /// From now on nobody can link to it or monitor it.
    pub(crate) fn close(&self) -> Option<Box<Ties>> {
        let mut state = self.state.lock();
        state.closed = true;
        state.ties.take()
    }

    /// Links and monitors on it.
    pub(crate) fn count(&self) -> (usize, usize) {
        self.with_known(|ties| (ties.links.len(), ties.watchers.len()))
            .unwrap_or_default()
    }

    pub(crate) fn links(&self) -> Vec<Pid> {
        self.with_known(|ties| ties.links.iter().copied().collect())
            .unwrap_or_default()
    }
}
