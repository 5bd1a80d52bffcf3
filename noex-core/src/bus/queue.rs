//! What waits for one subscriber. Nothing of the user's is dropped under the lock.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::ack::Ack;
use super::event::Event;

/// What happens to an event when a subscriber's queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueuePolicy {
    /// The oldest waiting event is dropped and counted. The default.
    #[default]
    DropOldest,
    /// The new event is dropped and counted.
    DropNewest,
}

pub(super) struct Item {
    pub(super) event: Event,
    pub(super) ack: Option<Ack>,
}

pub(super) enum Next {
    Item(Item),
    Lagged(u64),
}

/// How an event was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Taken,
    /// Taken, and an older one was dropped.
    Displaced,
    /// There is no room.
    Full,
    /// The subscriber is gone.
    Closed,
}

pub(super) struct Queue {
    capacity: usize,
    policy: QueuePolicy,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    waker: Option<Waker>,
    closed: bool,
    /// Dropped and not told yet.
    lagged: u64,
    dropped: u64,
}

impl Queue {
    pub(super) fn new(capacity: usize, policy: QueuePolicy) -> Self {
        Queue {
            capacity: capacity.max(1),
            policy,
            state: Mutex::default(),
        }
    }

    /// `last`: nothing is taken after this.
    pub(super) fn push(&self, item: Item, last: bool) -> Pushed {
        let mut refused = Some(item);
        let (pushed, waker) = {
            let mut state = self.state.lock();
            let pushed = if state.closed {
                Pushed::Closed
            } else if state.items.len() < self.capacity {
                state.items.extend(refused.take());
                Pushed::Taken
            } else {
                state.lagged += 1;
                state.dropped += 1;
                if self.policy == QueuePolicy::DropOldest {
                    let oldest = state.items.pop_front();
                    state.items.extend(refused.take());
                    refused = oldest;
                    Pushed::Displaced
                } else {
                    Pushed::Full
                }
            };
            state.closed |= last;
            (pushed, state.waker.take())
        };
        if let Some(ack) = refused.as_mut().and_then(|item| item.ack.take())
            && pushed == Pushed::Closed
        {
            ack.handled(); // it was gone already, and misses nothing
        }
        drop(refused);
        if let Some(waker) = waker {
            waker.wake();
        }
        pushed
    }

    /// `None` when it is closed and empty.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Next>> {
        let waker = cx.waker().clone();
        let replaced = {
            let mut state = self.state.lock();
            if state.lagged > 0 {
                return Poll::Ready(Some(Next::Lagged(std::mem::take(&mut state.lagged))));
            }
            if let Some(item) = state.items.pop_front() {
                return Poll::Ready(Some(Next::Item(item)));
            }
            if state.closed {
                return Poll::Ready(None);
            }
            state.waker.replace(waker)
        };
        drop(replaced);
        Poll::Pending
    }

    /// What waits is dropped, and nothing more is taken.
    pub(super) fn close(&self) {
        let (items, waker) = {
            let mut state = self.state.lock();
            state.closed = true;
            state.lagged = 0;
            (std::mem::take(&mut state.items), state.waker.take())
        };
        drop(crate::process::unwind::DropEach::new(items));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }
}
