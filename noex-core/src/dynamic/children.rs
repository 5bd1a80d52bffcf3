//! The children of a dynamic supervisor, by the pid of their present or last incarnation.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::process::Pid;
use crate::process::cell::Process;
use crate::server::{ChildKind, ChildSpec, Restart, Shutdown};
use crate::supervisor::streak::Streak;
use crate::supervisor::{ChildCount, ChildState};

/// One child, as a dynamic supervisor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DynamicChild {
    /// Whether it runs.
    pub state: ChildState,
    /// What it is.
    pub kind: ChildKind,
    /// When it is started again.
    pub restart: Restart,
}

impl DynamicChild {
    /// Its pid, if it runs.
    pub fn pid(&self) -> Option<Pid> {
        match self.state {
            ChildState::Running(pid) => Some(pid),
            _ => None,
        }
    }
}

pub(super) struct Entry {
    /// `None`: it is restarting.
    process: Option<Arc<dyn Process>>,
    shutdown: Shutdown,
    kind: ChildKind,
    pub(super) restart: Restart,
    /// A temporary child has none: it is never started again, and there may be a million of them.
    pub(super) again: Option<Box<Again>>,
}

/// What it takes to start a child again.
pub(super) struct Again {
    pub(super) spec: ChildSpec,
    pub(super) streak: Streak,
}

impl Again {
    pub(super) fn of(spec: ChildSpec) -> Box<Self> {
        Box::new(Again {
            spec,
            streak: Streak::default(),
        })
    }
}

impl Entry {
    fn report(&self) -> DynamicChild {
        DynamicChild {
            state: match &self.process {
                Some(process) => ChildState::Running(process.core().pid()),
                None => ChildState::Restarting,
            },
            kind: self.kind,
            restart: self.restart,
        }
    }

    /// The process, if it runs, and how to stop it.
    pub(super) fn into_running(self) -> Option<(Arc<dyn Process>, Shutdown)> {
        Some((self.process?, self.shutdown))
    }
}

#[derive(Default)]
pub(super) struct Children {
    entries: HashMap<Pid, Entry>,
}

impl Children {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn add_running(&mut self, process: Arc<dyn Process>, mut again: Box<Again>) {
        let policy = again.spec.policy();
        let (restart, shutdown, kind) = (policy.restart, policy.shutdown, policy.kind);
        again.streak.started(Instant::now());
        let entry = Entry {
            shutdown,
            kind,
            restart,
            again: (restart != Restart::Temporary).then_some(again),
            process: Some(process.clone()),
        };
        self.entries.insert(process.core().pid(), entry);
    }

    /// It is restarting, and known by the pid it had.
    pub(super) fn add_restarting(&mut self, pid: Pid, again: Box<Again>) {
        let policy = again.spec.policy();
        let entry = Entry {
            process: None,
            shutdown: policy.shutdown,
            kind: policy.kind,
            restart: policy.restart,
            again: Some(again),
        };
        self.entries.insert(pid, entry);
    }

    pub(super) fn take(&mut self, pid: Pid) -> Option<Entry> {
        self.entries.remove(&pid)
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Entry> + use<> {
        std::mem::take(&mut self.entries).into_values()
    }

    pub(super) fn report(&self) -> Vec<DynamicChild> {
        self.entries.values().map(Entry::report).collect()
    }

    pub(super) fn count(&self, restarts: u64) -> ChildCount {
        let mut count = ChildCount {
            restarts,
            ..ChildCount::default()
        };
        for child in self.entries.values().map(Entry::report) {
            count.add(child.state, child.kind);
        }
        count
    }
}
