use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};

use super::event::Delivery;
use super::queue::Next;
use super::subscription::SubscriptionGuard;

/// The events of one subscription, as a [`Stream`]. It ends with the bus; dropping it
/// unsubscribes.
pub struct EventStream {
    guard: SubscriptionGuard,
}

impl EventStream {
    pub(super) fn new(guard: SubscriptionGuard) -> Self {
        EventStream { guard }
    }

    /// The next event, or how many were lost before it; `None` when the bus has been stopped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Option<Delivery> {
        StreamExt::next(self).await
    }

    /// How many events were dropped because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.guard.dropped()
    }
}

impl Stream for EventStream {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let Some(queue) = self.guard.queue() else {
            return Poll::Ready(None);
        };
        queue.poll_next(cx).map(|next| {
            next.map(|next| match next {
                Next::Item(item) => Delivery::Event(item.event),
                Next::Lagged(events) => Delivery::Lagged(events),
            })
        })
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventStream").field(&self.guard).finish()
    }
}
