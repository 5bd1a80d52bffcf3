//! How a synchronous publish learns that a handler is through.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::error::{FailureCause, HandlerFailure};
use crate::process::Pid;

/// Goes with one event to one subscriber. The publisher waits until all are dropped; one that is
/// dropped unsaid tells that the event was missed.
pub(super) struct Ack {
    failures: UnboundedSender<HandlerFailure>,
    /// Taken by whoever says how it went.
    of: Option<(Arc<str>, Option<Pid>)>,
}

impl Ack {
    pub(super) fn new(
        failures: UnboundedSender<HandlerFailure>,
        pattern: Arc<str>,
        server: Option<Pid>,
    ) -> Self {
        Ack {
            failures,
            of: Some((pattern, server)),
        }
    }

    pub(super) fn handled(mut self) {
        self.of = None;
    }

    pub(super) fn failed(mut self, cause: FailureCause) {
        self.tell(cause);
    }

    fn tell(&mut self, cause: FailureCause) {
        if let Some((pattern, server)) = self.of.take() {
            // Nobody is told when the publisher has stopped waiting.
            let _ = self.failures.send(HandlerFailure {
                pattern,
                server,
                cause,
            });
        }
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        self.tell(FailureCause::Missed);
    }
}
