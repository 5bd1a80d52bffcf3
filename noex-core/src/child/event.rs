use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::exit_status::ProcessExit;
use super::message::ChildMessage;

/// What happens to a managed process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProcessEvent {
    /// It runs, under this process id of the operating system.
    Start {
        /// The process id.
        pid: u32,
    },
    /// It is about to be started again, for this many times in a row.
    Restart {
        /// From 1.
        attempt: u32,
    },
    /// It has ended, and everything that it had sent was handled.
    Exit(ProcessExit),
    /// Something is wrong with it that did not end it by itself: a line that is no message, a
    /// restart that failed, messages that it does not read.
    Error(Arc<str>),
    /// It sent a message that is no answer.
    Message(Arc<ChildMessage>),
    /// It wrote a line to its standard output or error.
    Output {
        /// Where to.
        stream: Stream,
        /// The line, without its end.
        line: Arc<str>,
    },
}

/// A standard stream of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Where a process tells its events: made before the process, so that a listener sees the first
/// start too, and kept over restarts by a supervisor.
///
/// Each listener has a queue of 1024 events. One that is slower loses the oldest, and is told how
/// many by [`EventStream::lost`].
#[derive(Clone, Debug)]
pub struct ProcessEvents {
    sender: broadcast::Sender<ProcessEvent>,
}

impl ProcessEvents {
    /// With nobody who listens.
    pub fn new() -> Self {
        ProcessEvents {
            sender: broadcast::Sender::new(1024),
        }
    }

    /// What happens from now on.
    pub fn listen(&self) -> EventStream {
        EventStream {
            receiver: self.sender.subscribe(),
            lost: 0,
        }
    }

    pub(super) fn tell(&self, event: impl FnOnce() -> ProcessEvent) {
        if self.sender.receiver_count() > 0 {
            // Nobody listens any more: then nobody is told.
            let _ = self.sender.send(event());
        }
    }
}

impl Default for ProcessEvents {
    fn default() -> Self {
        ProcessEvents::new()
    }
}

/// The events of one process, or of all that share a [`ProcessEvents`].
#[derive(Debug)]
pub struct EventStream {
    receiver: broadcast::Receiver<ProcessEvent>,
    lost: u64,
}

impl EventStream {
    /// The next event. `None`: there will be none, since the process and its server have ended.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken nothing.
    pub async fn next(&mut self) -> Option<ProcessEvent> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(lost)) => self.lost += lost,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The next message of this type; everything else is passed over.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, it has taken no message of this type.
    pub async fn message(&mut self, kind: &str) -> Option<Arc<ChildMessage>> {
        loop {
            if let ProcessEvent::Message(message) = self.next().await?
                && message.kind() == kind
            {
                return Some(message);
            }
        }
    }

    /// How many events this listener was too slow for.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
