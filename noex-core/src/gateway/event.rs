//! What happens, told to whoever listens.

use std::fmt;

use tokio::sync::broadcast;

/// How many events are kept for a listener that is slow.
const KEPT: usize = 4096;

/// What happens at a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GatewayEvent {
    /// It listens.
    Started {
        /// On which socket.
        socket: std::path::PathBuf,
    },
    /// It has stopped.
    Stopped,
    /// A service, or a further instance of one, has registered.
    ServiceRegistered(ServiceRegistered),
    /// The last instance of a service has gone.
    ServiceDisconnected {
        /// Its name.
        service: String,
    },
    /// A call has been sent on to its service.
    CallRouted(CallRouted),
    /// An answer has been sent on to its caller.
    ResponseRouted(ResponseRouted),
    /// A client broke a rule, or did not come up with a frame in time.
    Error {
        /// Who, if it had registered.
        service: Option<String>,
        /// What.
        message: String,
    },
}

/// A service has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceRegistered {
    /// Its name.
    pub service: String,
    /// What it can be called for.
    pub methods: Vec<String>,
    /// Its version, if it told one.
    pub version: Option<String>,
    /// What else it told of itself, as JSON.
    pub metadata: Option<String>,
}

/// A call has been routed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallRouted {
    /// The caller.
    pub from: String,
    /// The service.
    pub to: String,
    /// The method.
    pub method: String,
    /// The caller's id for it.
    pub request_id: String,
    /// The root of its chain.
    pub root: String,
    /// The length of its chain.
    pub depth: usize,
}

/// An answer has been routed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseRouted {
    /// The service that answered.
    pub from: String,
    /// The caller.
    pub to: String,
    /// Whether it is a result.
    pub success: bool,
    /// The caller's id for it.
    pub request_id: String,
}

/// What happens at a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// It is connected and registered.
    Connected,
    /// Its connection has ended.
    Disconnected,
    /// The gateway has acknowledged its registration.
    Registered,
    /// A method has run.
    MethodExecuted {
        /// Which.
        method: String,
        /// For which request.
        request_id: String,
        /// What it failed with, if it did.
        error: Option<String>,
    },
    /// The answer to a call has come.
    ResponseReceived {
        /// To which request.
        request_id: String,
        /// The error, if it is one.
        error: Option<String>,
    },
    /// Connecting has failed; it is tried again.
    Error {
        /// Why.
        message: String,
    },
    /// The gateway told an error that belongs to no call.
    GatewayError {
        /// The code.
        code: String,
        /// In words.
        message: String,
    },
}

/// Where events are told.
pub(crate) struct Events<E>(broadcast::Sender<E>);

impl<E: Clone> Events<E> {
    pub(crate) fn new() -> Self {
        Events(broadcast::Sender::new(KEPT))
    }

    /// Tells an event, which is made only if somebody listens.
    #[inline]
    pub(crate) fn tell(&self, event: impl FnOnce() -> E) {
        if self.0.receiver_count() > 0 {
            // Fails only when the last listener has just gone.
            let _ = self.0.send(event());
        }
    }

    pub(crate) fn listen(&self) -> EventStream<E> {
        EventStream {
            events: self.0.subscribe(),
            missed: 0,
        }
    }
}

impl<E> Clone for Events<E> {
    fn clone(&self) -> Self {
        Events(self.0.clone())
    }
}

impl<E> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// The events from now on. A slow listener holds nobody up: of more than 4096 that it has not
/// read, the oldest are dropped and counted.
pub struct EventStream<E> {
    events: broadcast::Receiver<E>,
    missed: u64,
}

impl<E: Clone> EventStream<E> {
    /// The next event; `None` when there will be no more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped before it is ready.
    pub async fn recv(&mut self) -> Option<E> {
        loop {
            match self.events.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(count)) => self.missed += count,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many events were dropped since this listener was too slow.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl<E> fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}
