//! The bus: who has subscribed to what, and handing events over in the publisher's own task.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;

use super::ack::Ack;
use super::builder::EventBusBuilder;
use super::error::{FailureCause, PublishError, SubscribeError};
use super::event::{Event, Published};
use super::pattern;
use super::queue::{Item, Next, Pushed, Queue};
use super::server::ToServer;
use super::stream::EventStream;
use super::subscription::{self, Subscriber, Subscription, SubscriptionGuard, Target};
use super::trie::Trie;
use crate::process::relations::Release;
use crate::process::{Pid, unwind};
use crate::server::{GenServer, ServerRef};

#[doc = include_str!("bus.md")]
#[derive(Clone)]
pub struct EventBus {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    options: EventBusBuilder,
    last_id: AtomicU64,
    // No user code runs, and no subscriber's lock is taken, under this one.
    index: RwLock<Index>,
}

struct Index {
    trie: Trie<Arc<Subscriber>>,
    by_id: HashMap<u64, Arc<Subscriber>>,
    /// The servers that tell of their death, and their subscriptions.
    by_pid: HashMap<Pid, Vec<u64>>,
    stopped: bool,
}

impl Index {
    fn remove(&mut self, id: u64) -> Option<Arc<Subscriber>> {
        let subscriber = self.by_id.remove(&id)?;
        self.trie.remove(&subscriber.segments, id);
        let own = subscriber
            .server()
            .and_then(|pid| self.by_pid.get_mut(&pid));
        if let Some(own) = own {
            own.retain(|other| *other != id);
        }
        Some(subscriber)
    }
}

impl EventBus {
    /// A bus with the defaults.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A bus with options of its own.
    pub fn builder() -> EventBusBuilder {
        EventBusBuilder::new()
    }

    /// The bus that is there for the whole program.
    pub fn global() -> &'static EventBus {
        static GLOBAL: OnceLock<EventBus> = OnceLock::new();
        GLOBAL.get_or_init(EventBus::new)
    }

    pub(super) fn with(options: EventBusBuilder) -> Self {
        let index = Index {
            trie: Trie::new(),
            by_id: HashMap::new(),
            by_pid: HashMap::new(),
            stopped: false,
        };
        EventBus {
            inner: Arc::new(Inner {
                options,
                last_id: AtomicU64::new(0),
                index: RwLock::new(index),
            }),
        }
    }

    /// Publishes an event, and does not wait for its handlers.
    ///
    /// What one task publishes reaches each subscriber in that order. On a stopped bus it
    /// reaches nobody.
    pub fn publish<T: Send + Sync + 'static>(
        &self,
        topic: impl Into<Arc<str>>,
        payload: T,
    ) -> Published {
        let event = Event::new(topic.into(), Arc::new(payload));
        let found = self.inner.find(event.topic());
        self.inner.deliver(&event, found, |_| None)
    }

    /// Publishes an event, and waits until every closure and server has handled it.
    ///
    /// A server has when its handler for the message is through. Streams are not waited for.
    /// There is no deadline: put `tokio::time::timeout` around it where a handler may hang.
    ///
    /// # Errors
    ///
    /// `CallingSelf` when the handler of a subscriber publishes what it would get itself: nobody gets
    /// it then. `Failed` names those that panicked, ended, or had no room; all others have handled it.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the event is delivered; dropping the future only stops waiting.
    pub async fn publish_sync<T: Send + Sync + 'static>(
        &self,
        topic: impl Into<Arc<str>>,
        payload: T,
    ) -> Result<Published, PublishError> {
        let event = Event::new(topic.into(), Arc::new(payload));
        let found = self.inner.find(event.topic());
        if found.iter().any(|subscriber| subscriber.is_running_here()) {
            return Err(PublishError::CallingSelf);
        }
        let (failures, mut heard) = unbounded_channel();
        let published = self.inner.deliver(&event, found, |subscriber| {
            let pattern = subscriber.pattern.clone();
            Some(Ack::new(failures.clone(), pattern, subscriber.server()))
        });
        drop(failures);
        let mut failed = Vec::new();
        while let Some(failure) = heard.recv().await {
            failed.push(failure);
        }
        if failed.is_empty() {
            Ok(published)
        } else {
            Err(PublishError::Failed(failed))
        }
    }

    /// Runs a closure for each event whose topic matches the pattern, one after the other, in a
    /// task of its own.
    ///
    /// A closure that panics is logged and counted, and goes on with the next event.
    ///
    /// # Errors
    ///
    /// `Pattern` for one that means nothing, `Stopped`, and `NoRuntime` outside of a tokio runtime.
    pub fn subscribe(
        &self,
        pattern: &str,
        handler: impl FnMut(&Event) + Send + 'static,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_closure(pattern, handler, false)
    }

    /// As [`subscribe`](EventBus::subscribe), for the next matching event only.
    ///
    /// # Errors
    ///
    /// As [`subscribe`](EventBus::subscribe).
    pub fn once(
        &self,
        pattern: &str,
        handler: impl FnOnce(&Event) + Send + 'static,
    ) -> Result<Subscription, SubscribeError> {
        let mut handler = Some(handler);
        let handler = move |event: &Event| {
            if let Some(handler) = handler.take() {
                handler(event);
            }
        };
        self.subscribe_closure(pattern, handler, true)
    }

    fn subscribe_closure(
        &self,
        pattern: &str,
        handler: impl FnMut(&Event) + Send + 'static,
        once: bool,
    ) -> Result<Subscription, SubscribeError> {
        let runtime = Handle::try_current().map_err(|_| SubscribeError::NoRuntime)?;
        unwind::install_hook();
        let queue = self.inner.queue();
        let (subscription, _) = self.add(pattern, Target::Closure { queue, once })?;
        let for_task = Subscription {
            bus: subscription.bus.clone(),
            subscriber: subscription.subscriber.clone(),
        };
        runtime.spawn(handle(for_task.until_dropped(), handler));
        Ok(subscription)
    }

    /// The events whose topics match the pattern, as a stream. Dropping the stream unsubscribes.
    ///
    /// # Errors
    ///
    /// `Pattern` for one that means nothing, and `Stopped`.
    pub fn stream(&self, pattern: &str) -> Result<EventStream, SubscribeError> {
        let target = Target::Stream(self.inner.queue());
        let (subscription, _) = self.add(pattern, target)?;
        Ok(EventStream::new(subscription.until_dropped()))
    }

    /// Puts each matching event that `map` makes a message of into a server's mailbox, as
    /// [`Info::Message`](crate::Info::Message), for as long as the server lives.
    ///
    /// The mailbox is the queue: its capacity and policy hold, and the event has its place among the
    /// server's other messages. `map` runs in the publisher's task. From inside a server:
    /// [`Context::subscribe`](crate::Context::subscribe).
    ///
    /// # Errors
    ///
    /// `Pattern` for one that means nothing, `Stopped`, and `NoProc` for a server that has ended.
    pub fn subscribe_server<S: GenServer>(
        &self,
        server: &ServerRef<S>,
        pattern: &str,
        map: impl Fn(&Event) -> Option<S::Info> + Send + Sync + 'static,
    ) -> Result<Subscription, SubscribeError> {
        let target = ToServer {
            server: server.clone(),
            map,
            dropped: AtomicU64::new(0),
        };
        let (pid, process) = (server.pid(), target.process());
        if !process.core().is_alive() {
            return Err(SubscribeError::NoProc(pid));
        }
        let (subscription, first) = self.add(pattern, Target::Server(Box::new(target)))?;
        if first {
            let release = Arc::new(Death(Arc::downgrade(&self.inner)));
            if process.core().relations().add_release(release).is_err() {
                // It has let go of everything already: nobody would take it out.
                self.inner.release(pid);
                return Err(SubscribeError::NoProc(pid));
            }
        }
        Ok(subscription)
    }

    /// `true`: the first subscription of this server, whose death nobody tells yet.
    fn add(&self, pattern: &str, target: Target) -> Result<(Subscription, bool), SubscribeError> {
        let segments = pattern::parse(pattern, self.inner.options.separator)?;
        let mut index = self.inner.index.write();
        if index.stopped {
            return Err(SubscribeError::Stopped);
        }
        // Under the lock, so that ids ascend in the order of insertion.
        let id = self.inner.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let subscriber = Arc::new(Subscriber {
            id,
            pattern: pattern.into(),
            segments,
            target,
            panics: AtomicU64::new(0),
        });
        index
            .trie
            .insert(&subscriber.segments, id, subscriber.clone());
        index.by_id.insert(id, subscriber.clone());
        let first = subscriber.server().is_some_and(|pid| {
            let first = !index.by_pid.contains_key(&pid);
            index.by_pid.entry(pid).or_default().push(id);
            first
        });
        drop(index);
        let bus = Arc::downgrade(&self.inner);
        Ok((Subscription { bus, subscriber }, first))
    }

    /// The patterns that are subscribed to, in alphabetical order.
    pub fn topics(&self) -> Vec<Arc<str>> {
        let mut topics: Vec<_> = {
            let index = self.inner.index.read();
            index
                .by_id
                .values()
                .map(|one| one.pattern.clone())
                .collect()
        };
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// How many subscriptions there are.
    pub fn subscription_count(&self) -> usize {
        self.inner.index.read().by_id.len()
    }

    /// How many subscriptions an event of this topic would reach.
    pub fn listener_count(&self, topic: &str) -> usize {
        self.inner.find(topic).len()
    }

    /// Ends all subscriptions to this pattern, written the same way; says how many.
    pub fn remove_all(&self, pattern: &str) -> usize {
        self.inner.remove_where(|one| &*one.pattern == pattern)
    }

    /// Ends all subscriptions: streams end, closures are let go of, and nobody can subscribe any more.
    /// A second time is harmless.
    pub fn stop(&self) {
        self.inner.index.write().stopped = true;
        self.inner.remove_where(|_| true);
    }
}

/// A closure's task. When it ends, also with its runtime, the subscription ends.
async fn handle(guard: SubscriptionGuard, mut handler: impl FnMut(&Event) + Send + 'static) {
    while let Some(queue) = guard.queue() {
        // A publisher that never pauses leaves the thread to others now and then.
        tokio::task::coop::consume_budget().await;
        match poll_fn(|cx| queue.poll_next(cx)).await {
            Some(Next::Item(item)) => run(guard.subscriber(), item, &mut handler),
            Some(Next::Lagged(events)) => {
                let pattern = &guard.subscriber().pattern;
                tracing::warn!(%pattern, events, "a subscriber is too slow: events were dropped");
            }
            None => return,
        }
    }
}

fn run(subscriber: &Subscriber, Item { event, ack }: Item, handler: &mut impl FnMut(&Event)) {
    let ran = subscription::running(subscriber.id, || unwind::catch(|| handler(&event)));
    match ran {
        Ok(()) => ack.into_iter().for_each(Ack::handled),
        Err(reason) => {
            subscriber.panics.fetch_add(1, Ordering::Relaxed);
            let pattern = &subscriber.pattern;
            tracing::error!(%pattern, topic = event.topic(), %reason, "an event handler panicked");
            if let Some(ack) = ack {
                ack.failed(FailureCause::Panicked(reason));
            }
        }
    }
}

impl Inner {
    fn queue(&self) -> Queue {
        Queue::new(self.options.capacity, self.options.policy)
    }

    fn find(&self, topic: &str) -> Vec<Arc<Subscriber>> {
        let mut found = Vec::new();
        let index = self.index.read();
        index
            .trie
            .matches(topic, self.options.separator, |one| found.push(one.clone()));
        found
    }

    fn deliver(
        &self,
        event: &Event,
        found: Vec<Arc<Subscriber>>,
        ack: impl Fn(&Subscriber) -> Option<Ack>,
    ) -> Published {
        let mut published = Published::default();
        for subscriber in found {
            match subscriber.give(event, ack(&subscriber)) {
                Pushed::Taken => published.reached += 1,
                Pushed::Displaced => {
                    published.reached += 1;
                    published.dropped += 1;
                }
                Pushed::Full => published.dropped += 1,
                Pushed::Closed => {}
            }
            if subscriber.is_once() {
                self.index.write().remove(subscriber.id);
            }
        }
        published
    }

    pub(super) fn unsubscribe(&self, subscriber: &Subscriber) -> bool {
        let removed = self.index.write().remove(subscriber.id);
        if let Some(queue) = subscriber.queue() {
            queue.close();
        }
        removed.is_some()
    }

    fn remove_where(&self, which: impl Fn(&Subscriber) -> bool) -> usize {
        let removed: Vec<_> = {
            let mut index = self.index.write();
            let ids = index.by_id.values().filter(|one| which(one));
            let ids: Vec<u64> = ids.map(|one| one.id).collect();
            ids.into_iter().filter_map(|id| index.remove(id)).collect()
        };
        for queue in removed.iter().filter_map(|one| one.queue()) {
            queue.close();
        }
        removed.len()
    }
}

impl Release for Inner {
    fn release(&self, pid: Pid) {
        let removed: Vec<_> = {
            let mut index = self.index.write();
            let ids = index.by_pid.remove(&pid).unwrap_or_default();
            ids.into_iter().filter_map(|id| index.remove(id)).collect()
        };
        // What a subscriber's closure holds is dropped here, outside of the lock.
        drop(unwind::DropEach::new(removed));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.remove_where(|_| true);
    }
}

/// What a server tells its death to: it keeps no bus that nobody else has.
struct Death(Weak<Inner>);

impl Release for Death {
    fn release(&self, pid: Pid) {
        if let Some(bus) = self.0.upgrade() {
            bus.release(pid);
        }
    }
}

impl Default for EventBus {
    fn default() -> Self {
        EventBus::new()
    }
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBus")
            .field("subscriptions", &self.subscription_count())
            .finish_non_exhaustive()
    }
}
