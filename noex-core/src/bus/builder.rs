use super::queue::QueuePolicy;
use super::runtime::EventBus;

/// What a bus is like. Made by [`EventBus::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct EventBusBuilder {
    pub(super) separator: char,
    pub(super) capacity: usize,
    pub(super) policy: QueuePolicy,
}

impl EventBusBuilder {
    pub(super) fn new() -> Self {
        EventBusBuilder {
            separator: '.',
            capacity: 1024,
            policy: QueuePolicy::default(),
        }
    }

    /// What stands between the segments of a topic: `.` by default, often `:`.
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// How many events may wait for a closure or a stream: 1024 by default, at least 1, and what
    /// happens to more.
    pub fn queue(mut self, capacity: usize, policy: QueuePolicy) -> Self {
        (self.capacity, self.policy) = (capacity, policy);
        self
    }

    /// Makes the bus.
    pub fn build(self) -> EventBus {
        EventBus::with(self)
    }
}
