use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::connection::Connection;

/// The calls of one connection that wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Those it made, by its own ids. Whoever takes an entry out answers the call.
    pub(super) made: HashMap<Box<str>, Made>,
    /// Those it is to answer, by the ids it was given.
    pub(super) served: HashMap<Box<str>, Served>,
    /// No deadline in `made` is earlier than this.
    earliest: Option<Instant>,
    /// It takes part in no further call.
    pub(super) closed: bool,
}

#[derive(Debug)]
pub(super) struct Made {
    pub(super) service: Arc<Connection>,
    pub(super) given_id: Box<str>,
    pub(super) deadline: Instant,
    pub(super) progress: bool,
}

#[derive(Debug)]
pub(super) struct Served {
    pub(super) caller: Arc<Connection>,
    pub(super) callers_id: Box<str>,
}

impl Calls {
    /// Adds a call; `true` when the writer must look at the deadlines anew.
    pub(super) fn make(&mut self, id: Box<str>, made: Made) -> bool {
        let sooner = self
            .earliest
            .is_none_or(|earliest| made.deadline < earliest);
        if sooner {
            self.earliest = Some(made.deadline);
        }
        self.made.insert(id, made);
        sooner
    }

    pub(super) fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Takes out the calls whose deadline has passed. It looks at all of them, but only when the
    /// earliest deadline that there ever was has come.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<(Box<str>, Made)> {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return Vec::new();
        }
        let late = self
            .made
            .extract_if(|_, made| made.deadline <= now)
            .collect();
        self.earliest = self.made.values().map(|made| made.deadline).min();
        late
    }
}
