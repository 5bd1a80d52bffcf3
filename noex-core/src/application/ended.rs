use std::fmt;
use std::process::ExitCode;

use crate::process::ExitReason;
use crate::server::StartError;

/// A signal that asks a program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalKind {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl SignalKind {
    /// Its number on Unix systems.
    pub fn number(self) -> u8 {
        match self {
            SignalKind::Interrupt => 2,
            SignalKind::Terminate => 15,
        }
    }
}

/// How an [`Application`](super::Application) has ended. `ExitCode::from(ended)` is for `main` to return:
///
/// | code | how |
/// | --- | --- |
/// | 0 | [`Stopped`](Ended::Stopped): asked to, and in time |
/// | 1 | [`NotStarted`](Ended::NotStarted) |
/// | 2 | [`TreeEnded`](Ended::TreeEnded) or [`ServeFailed`](Ended::ServeFailed): by itself |
/// | 3 | [`GraceOver`](Ended::GraceOver): killed when its time was over |
/// | 130, 143 | [`Forced`](Ended::Forced): killed at a second signal, SIGINT or SIGTERM |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// It was asked to stop, and everything has ended within the grace period. The signal, if that was who asked.
    Stopped(Option<SignalKind>),
    /// The tree did not start.
    NotStarted(StartError),
    /// The tree ended by itself: it had to restart its children more often than its intensity allows, or a
    /// significant child has ended.
    TreeEnded(ExitReason),
    /// What was [served](super::Application::serve) ended with this error.
    ServeFailed(String),
    /// The grace period was over before everything had ended. The rest was killed.
    GraceOver,
    /// A second signal came before everything had ended. The rest was killed.
    Forced(SignalKind),
}

impl Ended {
    /// The code for the operating system.
    pub fn code(&self) -> u8 {
        match self {
            Ended::Stopped(_) => 0,
            Ended::NotStarted(_) => 1,
            Ended::TreeEnded(_) | Ended::ServeFailed(_) => 2,
            Ended::GraceOver => 3,
            Ended::Forced(signal) => 128 + signal.number(),
        }
    }
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        ExitCode::from(ended.code())
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Stopped(_) => f.write_str("stopped"),
            Ended::NotStarted(error) => write!(f, "not started: {error}"),
            Ended::TreeEnded(reason) => write!(f, "the tree has ended: {reason}"),
            Ended::ServeFailed(error) => write!(f, "serving has failed: {error}"),
            Ended::GraceOver => f.write_str("killed: the grace period was over"),
            Ended::Forced(_) => f.write_str("killed: a second signal"),
        }
    }
}
