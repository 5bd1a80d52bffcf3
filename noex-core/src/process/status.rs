use std::sync::Arc;

use super::cell::{Process, Stage};
use super::kind::MessageKind;
use super::pid::Pid;

/// What can be seen of a process from outside, at once and without disturbing it.
///
/// The numbers are read one after the other while the process goes on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The process.
    pub pid: Pid,
    /// The first name it was given.
    pub name: Option<Arc<str>>,
    /// The Rust type of the server.
    pub type_name: &'static str,
    /// The process that started it with a link.
    pub parent: Option<Pid>,
    /// How far it has come.
    pub phase: Phase,
    /// Whether it traps exits.
    pub traps_exit: bool,
    /// What it is handling, or handled last.
    pub last_message: MessageKind,
    /// Messages that wait in its mailbox.
    pub mailbox: usize,
    /// How many may wait there.
    pub mailbox_capacity: usize,
    /// Messages that its overflow policy has dropped.
    pub dropped: u64,
    /// Messages it has handled: calls, casts, infos.
    pub handled: u64,
    /// Messages that were in its mailbox when it ended.
    pub undelivered: u64,
    /// Calls, starts and stops that wait for it.
    pub waiting: usize,
    /// The processes it is linked to.
    pub links: Vec<Pid>,
    /// How many monitors there are on it.
    pub monitors: usize,
}

/// How far a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// In `init`.
    Starting,
    /// It serves.
    Running,
    /// It reads introspection only, until it is resumed.
    Suspended,
    /// On its way out: `terminate` runs.
    Exiting,
    /// Dead.
    Dead,
}

pub(crate) fn of(process: &dyn Process) -> Status {
    let core = process.core();
    let phase = match core.stage() {
        Stage::Starting => Phase::Starting,
        Stage::Serving if core.is_suspended() => Phase::Suspended,
        Stage::Serving => Phase::Running,
        Stage::Exiting => Phase::Exiting,
        Stage::Dead => Phase::Dead,
    };
    Status {
        pid: core.pid(),
        name: core.shared_name(),
        type_name: core.type_name(),
        parent: core.parent(),
        phase,
        traps_exit: core.traps_exit(),
        last_message: core.kind(),
        mailbox: process.mailbox_len(),
        mailbox_capacity: process.mailbox_capacity(),
        dropped: process.mailbox_dropped(),
        handled: core.handled(),
        undelivered: core.undelivered(),
        waiting: core.waiting(),
        links: core.relations().links(),
        monitors: core.relations().count().1,
    }
}
