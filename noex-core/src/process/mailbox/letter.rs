use crate::process::exit_reason::ExitReason;
use crate::process::signal::{Down, ExitSignal};

/// One entry of the user lane.
pub(crate) enum Letter<M> {
    /// From a sender. The only kind that counts against the capacity.
    Message(M),
    /// From a timer or a task of the process itself.
    Notice(M),
    /// An interval's tick, made when it is read: ticks of a slow process do not pile up.
    Tick(Box<dyn FnOnce() -> M + Send>),
    /// What any process understands, whatever its messages are.
    Order(Order),
}

/// What other processes' ends and wishes look like in the user lane. What is
/// rare is boxed: a letter is no larger than a message.
pub(crate) enum Order {
    Down(Box<Down>),
    Exit(Box<ExitSignal>),
    /// End with this reason when everything before has been handled.
    Stop(Box<ExitReason>),
}

impl<M> Letter<M> {
    #[inline]
    pub(crate) fn counts(&self) -> bool {
        matches!(self, Letter::Message(_))
    }
}
