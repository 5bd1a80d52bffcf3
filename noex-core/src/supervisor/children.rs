//! The children of a supervisor, in the order in which they were started.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::report::{ChildCount, ChildInfo, ChildState};
use super::streak::Streak;
use crate::process::Pid;
use crate::process::cell::Process;
use crate::server::ChildSpec;

pub(super) struct Entry {
    pub(super) spec: ChildSpec,
    pub(super) state: State,
    pub(super) streak: Streak,
}

pub(super) enum State {
    Running(Arc<dyn Process>),
    /// To be started again by the retry of this number.
    Restarting(u64),
    Stopped,
}

#[derive(Default)]
pub(super) struct Children {
    entries: Vec<Entry>,
    by_pid: HashMap<Pid, String>,
    by_id: HashMap<String, usize>,
}

impl Entry {
    pub(super) fn pid(&self) -> Option<Pid> {
        match &self.state {
            State::Running(process) => Some(process.core().pid()),
            State::Restarting(_) | State::Stopped => None,
        }
    }

    fn report_state(&self) -> ChildState {
        match &self.state {
            State::Running(process) => ChildState::Running(process.core().pid()),
            State::Restarting(_) => ChildState::Restarting,
            State::Stopped => ChildState::Stopped,
        }
    }

    fn report(&self) -> ChildInfo {
        ChildInfo {
            id: self.spec.id().to_owned(),
            state: self.report_state(),
            kind: self.spec.policy().kind,
            restart: self.spec.policy().restart,
        }
    }
}

impl Children {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn push(&mut self, spec: ChildSpec) -> usize {
        let index = self.entries.len();
        self.by_id.insert(spec.id().to_owned(), index);
        self.entries.push(Entry {
            spec,
            state: State::Stopped,
            streak: Streak::default(),
        });
        index
    }

    pub(super) fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get_mut(index)
    }

    pub(super) fn index_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub(super) fn index_of_pid(&self, pid: Pid) -> Option<usize> {
        self.index_of(self.by_pid.get(&pid)?)
    }

    pub(super) fn set_running(&mut self, index: usize, process: Arc<dyn Process>, now: Instant) {
        if let Some(entry) = self.entries.get_mut(index) {
            let pid = process.core().pid();
            self.by_pid.insert(pid, entry.spec.id().to_owned());
            entry.state = State::Running(process);
            entry.streak.started(now);
        }
    }

    /// It does not run (any more). Gives the process, if it did.
    pub(super) fn set_idle(&mut self, index: usize, state: State) -> Option<Arc<dyn Process>> {
        let entry = self.entries.get_mut(index)?;
        match std::mem::replace(&mut entry.state, state) {
            State::Running(process) => {
                self.by_pid.remove(&process.core().pid());
                Some(process)
            }
            State::Restarting(_) | State::Stopped => None,
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        if index >= self.entries.len() {
            return;
        }
        let entry = self.entries.remove(index);
        if let Some(pid) = entry.pid() {
            self.by_pid.remove(&pid);
        }
        self.by_id.remove(entry.spec.id());
        for (at, later) in self.entries.iter().enumerate().skip(index) {
            if let Some(known) = self.by_id.get_mut(later.spec.id()) {
                *known = at;
            }
        }
    }

    /// Whether a significant child other than the one at `index` still runs or will.
    pub(super) fn other_significant(&self, index: usize) -> bool {
        self.entries.iter().enumerate().any(|(at, entry)| {
            at != index && entry.spec.policy().significant && !matches!(entry.state, State::Stopped)
        })
    }

    pub(super) fn report(&self) -> Vec<ChildInfo> {
        self.entries.iter().map(Entry::report).collect()
    }

    pub(super) fn count(&self, restarts: u64) -> ChildCount {
        let mut count = ChildCount {
            restarts,
            ..ChildCount::default()
        };
        for entry in &self.entries {
            count.add(entry.report_state(), entry.spec.policy().kind);
        }
        count
    }
}
