use std::io;
use std::task::{Context, Poll};

use tokio::signal::unix::{self, Signal};

use crate::application::ended::SignalKind;

/// SIGINT and SIGTERM.
#[derive(Debug)]
pub(in crate::application) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(in crate::application) fn listen() -> io::Result<Self> {
        Ok(Signals {
            interrupt: unix::signal(unix::SignalKind::interrupt())?,
            terminate: unix::signal(unix::SignalKind::terminate())?,
        })
    }

    pub(in crate::application) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SignalKind> {
        if self.interrupt.poll_recv(cx).is_ready() {
            return Poll::Ready(SignalKind::Interrupt);
        }
        let terminate = self.terminate.poll_recv(cx);
        terminate.map(|_| SignalKind::Terminate)
    }
}
