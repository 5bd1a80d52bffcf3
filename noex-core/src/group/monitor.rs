use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use tokio::sync::broadcast;

use super::scope::Inner;
use crate::process::Pid;

/// What happened in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupEvent {
    /// A process has joined: once more, if it was in already.
    Joined(Pid),
    /// A process has left, once, or has died, which tells of each of its joins.
    Left(Pid),
    /// So many events were dropped here, because they were not read in time. What has become of the group
    /// is told by [`Groups::members`](super::Groups::members).
    Lagged(u64),
}

/// The members of a group as of one moment, and everything that happened in it since.
///
/// Made by [`Groups::monitor`](super::Groups::monitor). One that falls more than 1024 events behind loses
/// the oldest, and is told how many. Dropping it takes the monitor back.
pub struct GroupMonitor {
    group: Arc<str>,
    snapshot: Vec<Pid>,
    events: Option<broadcast::Receiver<GroupEvent>>,
    scope: Weak<Inner>,
}

impl GroupMonitor {
    pub(super) fn new(
        group: Arc<str>,
        snapshot: Vec<Pid>,
        events: broadcast::Receiver<GroupEvent>,
        scope: Weak<Inner>,
    ) -> Self {
        GroupMonitor {
            group,
            snapshot,
            events: Some(events),
            scope,
        }
    }

    /// The members at the time the monitor was made, each as often as it had joined.
    pub fn snapshot(&self) -> &[Pid] {
        &self.snapshot
    }

    /// The next event after the snapshot. `None`: the scope is gone, and nothing can happen any more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<GroupEvent> {
        match self.events.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(n)) => Some(GroupEvent::Lagged(n)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next event if it is there already.
    pub fn try_next(&mut self) -> Option<GroupEvent> {
        match self.events.as_mut()?.try_recv() {
            Ok(event) => Some(event),
            Err(broadcast::error::TryRecvError::Lagged(n)) => Some(GroupEvent::Lagged(n)),
            Err(_) => None,
        }
    }
}

impl Drop for GroupMonitor {
    fn drop(&mut self) {
        self.events = None;
        if let Some(scope) = self.scope.upgrade() {
            scope.forget_idle(&self.group);
        }
    }
}

impl fmt::Debug for GroupMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupMonitor")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// The monitors of each group that has any.
#[derive(Default)]
pub(super) struct Monitors {
    by_group: HashMap<Arc<str>, broadcast::Sender<GroupEvent>>,
}

const KEPT: usize = 1024;

impl Monitors {
    pub(super) fn subscribe(&mut self, group: &Arc<str>) -> broadcast::Receiver<GroupEvent> {
        let sender = self.by_group.entry(group.clone());
        let sender = sender.or_insert_with(|| broadcast::channel(KEPT).0);
        sender.subscribe()
    }

    pub(super) fn tell(&self, group: &str, event: GroupEvent) {
        if let Some(sender) = self.by_group.get(group) {
            // An error says that the last one has just gone.
            let _ = sender.send(event);
        }
    }

    pub(super) fn forget_idle(&mut self, group: &str) {
        let idle = |sender: &broadcast::Sender<GroupEvent>| sender.receiver_count() == 0;
        if self.by_group.get(group).is_some_and(idle) {
            self.by_group.remove(group);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_group.len()
    }
}
