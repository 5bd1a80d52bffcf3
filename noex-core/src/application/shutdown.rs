use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// Asks an application to stop, as a signal does. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Stopper {
    asked: Arc<watch::Sender<bool>>,
}

impl Stopper {
    pub(super) fn new() -> Self {
        let asked = Arc::new(watch::Sender::new(false));
        Stopper { asked }
    }

    /// Has the application stop, if it does not already. Returns at once.
    pub fn stop(&self) {
        self.asked.send_replace(true);
    }

    /// Whether it was asked to stop, by whomever.
    pub fn is_stopping(&self) -> bool {
        *self.asked.borrow()
    }

    /// A future that is ready when the application stops.
    pub fn signal(&self) -> ShutdownSignal {
        ShutdownSignal::new(self.asked.subscribe())
    }
}

/// A future that is ready when the application stops: what axum's `with_graceful_shutdown` takes. A clone of it is
/// ready at the same time.
#[must_use = "a future does nothing unless it is awaited"]
pub struct ShutdownSignal {
    asked: watch::Receiver<bool>,
    wait: BoxFuture<'static, ()>,
}

impl ShutdownSignal {
    fn new(asked: watch::Receiver<bool>) -> Self {
        let mut waiting = asked.clone();
        let wait = async move {
            // An error says that the application is gone, which is a way to stop.
            let _ = waiting.wait_for(|asked| *asked).await;
        };
        ShutdownSignal {
            asked,
            wait: wait.boxed(),
        }
    }
}

impl Future for ShutdownSignal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.wait.poll_unpin(cx)
    }
}

impl Clone for ShutdownSignal {
    fn clone(&self) -> Self {
        ShutdownSignal::new(self.asked.clone())
    }
}

impl fmt::Debug for ShutdownSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownSignal").finish_non_exhaustive()
    }
}
