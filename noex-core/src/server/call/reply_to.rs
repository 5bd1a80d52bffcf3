use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::process::slot::{Failure, Fate, Slot};
use crate::process::{current, table};

/// The port through which one call is answered, once.
///
/// It can be kept in the state and used from any later handler, or handed to a
/// task. Sending consumes it. When the caller is gone (it timed out, or was
/// dropped) sending does nothing.
///
/// Dropped without an answer while the server lives, it tells the caller
/// `NoReply`. When the server dies its callers get the exit reason, whoever
/// holds their ports.
///
/// The OTP name is the `From` of `handle_call`, and `gen_server:reply`.
pub struct ReplyTo<T> {
    /// `None` when it has been used.
    slot: Option<Arc<Slot<T>>>,
}

impl<T> ReplyTo<T> {
    pub(crate) fn new(slot: Arc<Slot<T>>) -> Self {
        ReplyTo { slot: Some(slot) }
    }

    /// Answers the call.
    #[inline]
    pub fn send(mut self, answer: T) {
        if let Some(slot) = self.slot.take() {
            current::answered(token(&slot));
            // Comes back when the caller is gone.
            let _ = slot.complete(answer);
        }
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_closed(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| slot.is_closed())
    }

    /// Says that the answer will come from a task or another process, not from
    /// a handler of this server. The caller then does not count as waiting for
    /// this server, so this server may call the caller meanwhile without
    /// `Deadlock`.
    #[must_use]
    pub fn detach(self) -> Self {
        if let Some(slot) = &self.slot {
            slot.detach();
            current::answered(token(slot));
        }
        self
    }
}

/// What tells one answer from another on this thread's stack.
pub(crate) fn token<T>(slot: &Arc<Slot<T>>) -> usize {
    Arc::as_ptr(slot) as usize
}

thread_local! {
    static OVERLOADED: Cell<bool> = const { Cell::new(false) };
}

/// Drops a message that an overflow policy has taken out: if it is a call, its
/// caller is told so.
#[cold]
pub(crate) fn drop_overloaded<M>(message: M) {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            OVERLOADED.set(self.0);
        }
    }
    let _reset = Reset(OVERLOADED.replace(true));
    drop(message);
}

impl<T> Drop for ReplyTo<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            dropped(&slot);
        }
    }
}

#[cold]
fn dropped<T>(slot: &Arc<Slot<T>>) {
    if OVERLOADED.get() {
        current::answered(token(slot));
        slot.fail(Failure::Overloaded);
        return;
    }
    // By its own server: if its handler fails, the caller is to have that reason. When the handler
    // comes back otherwise, or waits, the slot is settled as dropped.
    let owner = slot.owner();
    if owner.is_some()
        && owner == current::pid()
        && let Some(process) = owner.and_then(table::find)
    {
        let core = process.core();
        let fate = if core.is_dying() {
            Fate::Ending
        } else {
            current::answer_dropped(token(slot));
            Fate::Open
        };
        // In this order: a caller that sees the limbo sees also that it is to be settled.
        core.note_dropped_port();
        slot.leave_in_limbo(fate);
        return;
    }
    current::answered(token(slot));
    slot.fail(Failure::Dropped);
}

// A slot is never seen half written.
impl<T> UnwindSafe for ReplyTo<T> {}
impl<T> RefUnwindSafe for ReplyTo<T> {}

impl<T> fmt::Debug for ReplyTo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo")
            .field("closed", &self.is_closed())
            .finish()
    }
}
