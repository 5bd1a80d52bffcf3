use crate::process::Pid;
use crate::server::{ChildKind, Restart};

/// One child, as a supervisor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// What it is called here.
    pub id: String,
    /// Whether it runs.
    pub state: ChildState,
    /// What it is.
    pub kind: ChildKind,
    /// When it is started again.
    pub restart: Restart,
}

impl ChildInfo {
    /// Its pid, if it runs.
    pub fn pid(&self) -> Option<Pid> {
        match self.state {
            ChildState::Running(pid) => Some(pid),
            _ => None,
        }
    }
}

/// Whether a child runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildState {
    /// It does.
    Running(Pid),
    /// It ended and is about to be started again.
    Restarting,
    /// It does not: it was terminated, it was transient and has ended, or its `init` declined.
    Stopped,
}

/// How many children there are.
///
/// The OTP name is `count_children`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChildCount {
    /// All, running or not.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Supervisors, running or not.
    pub supervisors: usize,
    /// Workers, running or not.
    pub workers: usize,
    /// Those that are about to be started again.
    pub restarting: usize,
    /// Restarts so far, of all children that there ever were: a restart of a group
    /// counts once, a failed attempt too, and what was asked for through
    /// `restart_child` does not.
    pub restarts: u64,
}

impl ChildCount {
    pub(crate) fn add(&mut self, state: ChildState, kind: ChildKind) {
        self.specs += 1;
        match state {
            ChildState::Running(_) => self.active += 1,
            ChildState::Restarting => self.restarting += 1,
            ChildState::Stopped => {}
        }
        match kind {
            ChildKind::Supervisor => self.supervisors += 1,
            ChildKind::Worker => self.workers += 1,
        }
    }
}
