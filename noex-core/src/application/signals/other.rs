use std::fmt;
use std::io;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::application::ended::SignalKind;

/// Ctrl-C.
pub(in crate::application) struct Signals {
    next: BoxFuture<'static, io::Result<()>>,
}

impl Signals {
    pub(in crate::application) fn listen() -> io::Result<Self> {
        let next = tokio::signal::ctrl_c().boxed();
        Ok(Signals { next })
    }

    pub(in crate::application) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SignalKind> {
        match self.next.poll_unpin(cx) {
            Poll::Ready(Ok(())) => {
                self.next = tokio::signal::ctrl_c().boxed();
                Poll::Ready(SignalKind::Interrupt)
            }
            Poll::Ready(Err(_)) => {
                self.next = futures::future::pending().boxed();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}
