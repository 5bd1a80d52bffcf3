use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::ack::Ack;
use super::event::Event;
use super::pattern::Segment;
use super::queue::{Item, Pushed, Queue};
use super::runtime::Inner;
use crate::process::Pid;

/// One subscriber, as the bus knows it.
pub(super) struct Subscriber {
    pub(super) id: u64,
    pub(super) pattern: Arc<str>,
    pub(super) segments: Vec<Segment>,
    pub(super) target: Target,
    pub(super) panics: AtomicU64,
}

pub(super) enum Target {
    /// A closure, which tells a synchronous publish when it is through.
    Closure { queue: Queue, once: bool },
    /// A stream: whoever reads it tells nobody.
    Stream(Queue),
    /// A server's mailbox.
    Server(Box<dyn Post>),
}

/// A server of some type.
pub(super) trait Post: Send + Sync {
    fn post(&self, event: &Event, ack: Option<Ack>) -> Pushed;
    fn pid(&self) -> Pid;
    fn dropped(&self) -> u64;
}

thread_local! {
    /// The subscriber whose closure runs on this thread.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// Runs `f` as the closure of this subscriber.
pub(super) fn running<R>(id: u64, f: impl FnOnce() -> R) -> R {
    struct Restore(u64);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }
    let _restore = Restore(RUNNING.replace(id));
    f()
}

impl Subscriber {
    pub(super) fn queue(&self) -> Option<&Queue> {
        match &self.target {
            Target::Closure { queue, .. } | Target::Stream(queue) => Some(queue),
            Target::Server(_) => None,
        }
    }

    pub(super) fn server(&self) -> Option<Pid> {
        match &self.target {
            Target::Server(server) => Some(server.pid()),
            _ => None,
        }
    }

    pub(super) fn is_once(&self) -> bool {
        matches!(self.target, Target::Closure { once: true, .. })
    }

    /// Whether its handler is the one that asks.
    pub(super) fn is_running_here(&self) -> bool {
        RUNNING.get() == self.id
            || (self.server().is_some() && self.server() == crate::process::current::pid())
    }

    pub(super) fn give(&self, event: &Event, ack: Option<Ack>) -> Pushed {
        let event = || event.clone();
        match &self.target {
            Target::Closure { queue, once } => {
                let event = event();
                queue.push(Item { event, ack }, *once)
            }
            Target::Stream(queue) => {
                ack.into_iter().for_each(Ack::handled);
                let event = event();
                queue.push(Item { event, ack: None }, false)
            }
            Target::Server(server) => server.post(&event(), ack),
        }
    }

    fn dropped(&self) -> u64 {
        match &self.target {
            Target::Closure { queue, .. } | Target::Stream(queue) => queue.dropped(),
            Target::Server(server) => server.dropped(),
        }
    }
}

/// A subscription. Dropping this changes nothing; see [`until_dropped`](Subscription::until_dropped).
pub struct Subscription {
    pub(super) bus: Weak<Inner>,
    pub(super) subscriber: Arc<Subscriber>,
}

impl Subscription {
    /// Ends the subscription; `false` if it had ended before. What waits for the subscriber is
    /// dropped; a handler that runs goes on to its end.
    pub fn unsubscribe(&self) -> bool {
        self.bus
            .upgrade()
            .is_some_and(|bus| bus.unsubscribe(&self.subscriber))
    }

    /// The same subscription, for as long as the guard is kept.
    pub fn until_dropped(self) -> SubscriptionGuard {
        SubscriptionGuard { subscription: self }
    }

    /// What was subscribed to.
    pub fn pattern(&self) -> &str {
        &self.subscriber.pattern
    }

    /// How many events were dropped because the queue, or the server's mailbox, was full.
    pub fn dropped(&self) -> u64 {
        self.subscriber.dropped()
    }

    /// How many of the subscriber's handlers have panicked.
    pub fn panics(&self) -> u64 {
        self.subscriber.panics.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscription")
            .field(&self.pattern())
            .finish()
    }
}

/// A subscription that ends when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it unsubscribes"]
pub struct SubscriptionGuard {
    subscription: Subscription,
}

impl SubscriptionGuard {
    pub(super) fn queue(&self) -> Option<&Queue> {
        self.subscription.subscriber.queue()
    }

    pub(super) fn subscriber(&self) -> &Subscriber {
        &self.subscription.subscriber
    }

    pub(super) fn dropped(&self) -> u64 {
        self.subscription.dropped()
    }
}

impl Drop for SubscriptionGuard {
    fn drop(&mut self) {
        self.subscription.unsubscribe();
    }
}
