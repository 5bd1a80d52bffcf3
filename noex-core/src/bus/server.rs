//! Servers as subscribers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ack::Ack;
use super::error::{FailureCause, SubscribeError};
use super::event::Event;
use super::queue::Pushed;
use super::runtime::EventBus;
use super::subscription::{Post, Subscription};
use crate::process::cell::Process;
use crate::process::mailbox::Letter;
use crate::process::{Pid, unwind};
use crate::server::message::{Mark, Message, ServerCell};
use crate::server::{Context, GenServer, SendFailure, ServerRef};

pub(super) struct ToServer<S: GenServer, F> {
    pub(super) server: ServerRef<S>,
    pub(super) map: F,
    pub(super) dropped: AtomicU64,
}

impl<S, F> Post for ToServer<S, F>
where
    S: GenServer,
    F: Fn(&Event) -> Option<S::Info> + Send + Sync,
{
    fn post(&self, event: &Event, ack: Option<Ack>) -> Pushed {
        let message = match unwind::catch(|| (self.map)(event)) {
            Ok(Some(message)) => message,
            Ok(None) => {
                ack.into_iter().for_each(Ack::handled);
                return Pushed::Taken;
            }
            Err(reason) => {
                if let Some(ack) = ack {
                    ack.failed(FailureCause::Panicked(reason));
                }
                return Pushed::Full;
            }
        };
        if let Err(refused) = self.server.info(message) {
            if *refused.failure() == SendFailure::Full {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return Pushed::Full;
            }
            ack.into_iter().for_each(Ack::handled); // it was gone already, and misses nothing
            return Pushed::Closed;
        }
        if let Some(ack) = ack {
            mark(self.server.cell(), ack);
        }
        Pushed::Taken
    }

    fn pid(&self) -> Pid {
        self.server.pid()
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Behind the event in the mailbox: it is reached when the event has been handled, and dropped when
/// the server ends before.
fn mark<S: GenServer>(cell: &Arc<ServerCell<S>>, ack: Ack) {
    let reached = Message::Mark(Box::new(Mark(Box::new(move || ack.handled()))));
    cell.post_uncounted(Letter::Notice(reached));
}

impl<S: GenServer> Context<S> {
    /// Subscribes this server to a bus for as long as it lives. See
    /// [`EventBus::subscribe_server`].
    ///
    /// # Errors
    ///
    /// As [`EventBus::subscribe_server`].
    pub fn subscribe(
        &self,
        bus: &EventBus,
        pattern: &str,
        map: impl Fn(&Event) -> Option<S::Info> + Send + Sync + 'static,
    ) -> Result<Subscription, SubscribeError> {
        bus.subscribe_server(&self.myself(), pattern, map)
    }
}

impl<S: GenServer, F> ToServer<S, F> {
    pub(super) fn process(&self) -> Arc<dyn Process> {
        self.server.cell().clone()
    }
}
