use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::exit_reason::ExitReason;
use super::pid::Pid;

/// Told once to each monitor when the process it watches has ended.
///
/// When it arrives the process's names are free and its state has been dropped.
/// The OTP name is the `'DOWN'` message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Down {
    /// Which monitor this is about.
    pub monitor: MonitorRef,
    /// The process that ended.
    pub pid: Pid,
    /// The name it was started under.
    pub name: Option<Arc<str>>,
    /// Why it ended: `NoProc` when it was dead before it was monitored.
    pub reason: ExitReason,
}

/// What a process that traps exits is told when a linked one ends.
///
/// The OTP name is the `'EXIT'` message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExitSignal {
    /// The process that ended, or that sent the signal.
    pub from: Pid,
    /// Why.
    pub reason: ExitReason,
}

/// Names one monitor, to tell its DOWN from others and to take it back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorRef(u64);

static LAST: AtomicU64 = AtomicU64::new(0);

impl MonitorRef {
    pub(crate) fn next() -> Self {
        MonitorRef(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

impl fmt::Debug for MonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MonitorRef({})", self.0)
    }
}
