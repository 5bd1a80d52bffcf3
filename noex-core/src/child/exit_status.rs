use std::error::Error;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How an operating system process ended: with a code, or by a signal.
///
/// As an exit reason it is an error, which the watcher of a [`ManagedProcess`](super::ManagedProcess)
/// finds by downcasting the [`ExitReason::Error`](crate::ExitReason::Error) in its `Down`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessExit {
    code: Option<i32>,
    signal: Option<i32>,
}

impl ProcessExit {
    pub(super) fn new(status: ExitStatus) -> Self {
        ProcessExit {
            code: status.code(),
            signal: status.signal(),
        }
    }

    /// The exit code, unless a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// The number of the signal that ended it, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.signal
    }

    /// Whether it exited with code 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "the process exited with code {code}"),
            (_, Some(signal)) => write!(f, "the process was ended by signal {signal}"),
            _ => f.write_str("the process has ended"),
        }
    }
}

impl Error for ProcessExit {}
