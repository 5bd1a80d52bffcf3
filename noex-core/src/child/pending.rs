//! The requests that a child has not answered.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::error::RequestError;
use super::message::ChildMessage;
use crate::server::ReplyTo;

pub(super) type Answer = Result<Box<RawValue>, RequestError>;

/// Who waits for one answer.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) reply: ReplyTo<Answer>,
    /// Gets what the child says in the meantime.
    pub(super) progress: Option<mpsc::Sender<Arc<ChildMessage>>>,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    askers: HashMap<u64, Asker>,
    last: u64,
    /// From how many on those are looked for whose askers gave up.
    sweep_at: usize,
    with_progress: usize,
}

impl Pending {
    /// The id for a request of this asker.
    pub(super) fn add(&mut self, asker: Asker) -> u64 {
        if self.askers.len() >= self.sweep_at {
            self.askers.retain(|_, asker| !asker.reply.is_closed());
            self.sweep_at = (self.askers.len() * 2).max(64);
            self.with_progress = self
                .askers
                .values()
                .filter(|asker| asker.progress.is_some())
                .count();
        }
        self.last += 1;
        self.with_progress += usize::from(asker.progress.is_some());
        self.askers.insert(self.last, asker);
        self.last
    }

    pub(super) fn take(&mut self, id: &str) -> Option<Asker> {
        let asker = self.askers.remove(&id.parse().ok()?)?;
        self.with_progress -= usize::from(asker.progress.is_some());
        Some(asker)
    }

    /// Tells everyone who asked to be told. One who does not look misses it.
    pub(super) fn progress(&self, message: &Arc<ChildMessage>) {
        if self.with_progress == 0 {
            return;
        }
        for asker in self.askers.values() {
            if let Some(progress) = &asker.progress {
                let _ = progress.try_send(message.clone());
            }
        }
    }

    pub(super) fn fail(&mut self, error: &RequestError) {
        self.with_progress = 0;
        for (_, asker) in self.askers.drain() {
            asker.reply.send(Err(error.clone()));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.askers.len()
    }
}
