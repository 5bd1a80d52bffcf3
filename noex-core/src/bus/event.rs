use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Something that happened: a topic, and a payload that all subscribers share.
#[derive(Clone)]
pub struct Event {
    topic: Arc<str>,
    payload: Arc<dyn Any + Send + Sync>,
}

impl Event {
    pub(super) fn new(topic: Arc<str>, payload: Arc<dyn Any + Send + Sync>) -> Self {
        Event { topic, payload }
    }

    /// What it was published under.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The payload, if it is a `T`.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.payload.downcast_ref()
    }

    /// The payload to keep, if it is a `T`: shared, not cloned.
    pub fn shared<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.payload.clone().downcast().ok()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&self.topic).finish()
    }
}

/// What an [`EventStream`](crate::EventStream) gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Delivery {
    /// An event.
    Event(Event),
    /// So many events were dropped since the last delivery, because the queue was full.
    Lagged(u64),
}

impl Delivery {
    /// The event, if it is one.
    pub fn event(self) -> Option<Event> {
        match self {
            Delivery::Event(event) => Some(event),
            Delivery::Lagged(_) => None,
        }
    }
}

/// What became of a published event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Subscribers that were given it.
    pub reached: usize,
    /// Events that this publish cost, this or an older one: a queue or a mailbox was full.
    pub dropped: usize,
}
