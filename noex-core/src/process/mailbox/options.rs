/// How much a server's mailbox holds, and what happens beyond.
///
/// The default holds 65 536 messages and hands what is sent beyond back to the sender.
///
/// Only messages count: stop orders, DOWN, EXIT, timers and task results are
/// never refused.
///
/// # Examples
///
/// ```
/// use noex::{Mailbox, Overflow};
///
/// let latest_only = Mailbox::bounded(1).on_full(Overflow::DropOldest);
/// # let _ = latest_only;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
}

/// What happens to a message sent to a full mailbox.
///
/// Under any of them `call` and `cast_wait` do not add to a full mailbox
/// without need: see each variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// `cast` fails and hands the message back; `call` and `cast_wait` wait for
    /// room. The default.
    #[default]
    Reject,
    /// The oldest waiting message is dropped and counted, and the new one taken.
    /// If it was a call, its caller gets `Overloaded`.
    DropOldest,
    /// The new message is dropped and counted; `cast` says `Ok`. A call that is
    /// dropped fails with `Overloaded`.
    DropNewest,
}

impl Mailbox {
    /// The default capacity, in messages.
    pub const DEFAULT_CAPACITY: usize = 65_536;

    /// A mailbox for `capacity` messages, at least 1: starting a server with a
    /// capacity of 0 fails with
    /// [`StartError::InvalidOption`](crate::StartError::InvalidOption).
    pub fn bounded(capacity: usize) -> Self {
        Mailbox {
            capacity,
            overflow: Overflow::default(),
        }
    }

    /// A mailbox without a bound: nothing holds fast senders back but memory.
    pub fn unbounded() -> Self {
        Mailbox::bounded(usize::MAX)
    }

    /// What happens when it is full (default: [`Overflow::Reject`]).
    #[must_use]
    pub fn on_full(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Mailbox::bounded(Self::DEFAULT_CAPACITY)
    }
}
