//! What is to be written to one connection: a buffer that many fill and one task empties.

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Outbox {
    // Never held across an await, and only for as long as it takes to write one message into it.
    queue: Mutex<Queue>,
    filled: Notify,
    limit: usize,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: BytesMut,
    closed: bool,
}

/// Why something was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unqueued {
    Full,
    Closed,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        Outbox {
            queue: Mutex::default(),
            filled: Notify::new(),
            limit,
        }
    }

    /// Has `write` append whole frames. They are written together with what else is queued then.
    pub(crate) fn push(&self, write: impl FnOnce(&mut BytesMut)) -> Result<(), Unqueued> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(Unqueued::Closed);
        }
        if queue.bytes.len() > self.limit {
            return Err(Unqueued::Full);
        }
        let was_empty = queue.bytes.is_empty();
        write(&mut queue.bytes);
        drop(queue);
        if was_empty {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Takes nothing more; what is queued is still written.
    pub(crate) fn close(&self) {
        self.queue.lock().closed = true;
        self.filled.notify_one();
    }

    /// Wakes the writer, without anything to write.
    pub(crate) fn nudge(&self) {
        self.filled.notify_one();
    }

    /// Everything that is queued, in exchange for an empty buffer. `None`: closed and empty.
    pub(crate) fn take(&self, spare: BytesMut) -> Option<BytesMut> {
        let mut queue = self.queue.lock();
        if queue.bytes.is_empty() && queue.closed {
            return None;
        }
        Some(std::mem::replace(&mut queue.bytes, spare))
    }

    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }
}
