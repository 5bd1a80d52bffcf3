use std::sync::Arc;

use super::cell::Cell;
use super::slot::Slot;

/// A place in the line of those who wait for room in a full mailbox.
///
/// Room that was promised and is not used goes to the next in line.
pub(crate) struct Ticket<M: Send + 'static, Y: Send + 'static> {
    cell: Arc<Cell<M, Y>>,
    slot: Arc<Slot<()>>,
    /// The promise has been taken note of, and not been used yet.
    promised: bool,
}

impl<M: Send + 'static, Y: Send + 'static> Ticket<M, Y> {
    /// `None`: the mailbox is closed.
    pub(crate) fn new(cell: &Arc<Cell<M, Y>>) -> Option<Self> {
        let slot = cell.queue().ask_for_room()?;
        slot.owned_by(cell.core().pid());
        Some(Ticket {
            cell: cell.clone(),
            slot,
            promised: false,
        })
    }

    /// For room that was reserved at once.
    pub(crate) fn reserved(cell: &Arc<Cell<M, Y>>) -> Self {
        Ticket {
            cell: cell.clone(),
            slot: Arc::new(Slot::new()),
            promised: true,
        }
    }

    pub(crate) fn slot(&self) -> &Arc<Slot<()>> {
        &self.slot
    }

    /// The slot has said that there is room.
    pub(crate) fn promised(&mut self) {
        self.promised = true;
    }

    /// Uses the promise. The message comes back if the mailbox was closed meanwhile.
    pub(crate) fn post<T>(mut self, message: T, wrap: impl FnOnce(T) -> M) -> Result<(), T> {
        let wake = self.cell.queue().post_promised(message, wrap)?;
        self.promised = false;
        if wake {
            self.cell.notify();
        }
        Ok(())
    }
}

impl<M: Send + 'static, Y: Send + 'static> Drop for Ticket<M, Y> {
    fn drop(&mut self) {
        if self.promised || self.slot.abandon().is_some() {
            self.cell.queue().give_room_back();
        }
    }
}
