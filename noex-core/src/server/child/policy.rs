use std::time::Duration;

use super::backoff::Backoff;

/// When a child that has ended is started again.
///
/// The OTP name is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Restart {
    /// Always. The default.
    #[default]
    Permanent,
    /// After an abnormal end: anything but `Normal`, `Shutdown` and `ShutdownWith`.
    Transient,
    /// Never, and its entry goes with it.
    Temporary,
}

/// How a child is stopped.
///
/// The OTP name is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// It is killed at once: no `terminate`.
    BrutalKill,
    /// It is told to shut down, and killed if it has not ended after this time.
    /// The default for a worker, with 5 s.
    After(Duration),
    /// It is told to shut down and waited for. The default for a supervisor.
    Infinity,
}

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildKind {
    /// Anything that is not a supervisor.
    Worker,
    /// A supervisor.
    Supervisor,
}

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) kind: ChildKind,
    pub(crate) significant: bool,
    pub(crate) backoff: Option<Backoff>,
}

impl Policy {
    pub(super) fn worker() -> Self {
        Policy {
            restart: Restart::default(),
            shutdown: Shutdown::After(Duration::from_secs(5)),
            kind: ChildKind::Worker,
            significant: false,
            backoff: None,
        }
    }
}
