//! Going on, and ending.

use super::{Context, GenServer};
use crate::server::call::ReplyTo;
use crate::server::exit::Exit;

impl<S: GenServer> Context<S> {
    /// Has [`handle_continue`](GenServer::handle_continue) called with `message` when this handler
    /// has returned, before anything in the mailbox. From `init`: after `start`
    /// has returned to the starter, which is where slow beginnings belong.
    ///
    /// Several are handled in the order given; one given by a continue comes next.
    ///
    /// The OTP name is `{continue, Term}`.
    pub fn continue_with(&mut self, message: S::Info) {
        self.extras().continues.push_back(message);
    }

    #[inline]
    pub(crate) fn has_continue(&self) -> bool {
        self.extras
            .as_ref()
            .is_some_and(|extras| !extras.continues.is_empty())
    }

    /// Whether a handler has asked for a continue or an end.
    #[inline]
    pub(crate) fn wants_to_go_on(&self) -> bool {
        self.stop.is_some() || self.has_continue()
    }

    pub(crate) fn take_continue(&mut self) -> Option<S::Info> {
        self.extras.as_mut()?.continues.pop_front()
    }

    /// Ends the server when this handler has returned, as if it had returned
    /// `Err(exit)`. The first one counts.
    ///
    /// The OTP name is `{stop, Reason, State}`.
    pub fn stop(&mut self, exit: Exit) {
        self.stop.get_or_insert(exit);
    }

    /// Ends the server when this handler has returned, and answers a call with
    /// `value` when `terminate` has run and the names are free.
    ///
    /// The OTP name is `{stop, Reason, Reply, State}`.
    pub fn stop_with_reply<T: Send + 'static>(&mut self, reply: ReplyTo<T>, value: T, exit: Exit) {
        self.extras()
            .last_replies
            .push(Box::new(move || reply.send(value)));
        self.stop(exit);
    }

    #[inline]
    pub(crate) fn take_stop(&mut self) -> Option<Exit> {
        self.stop.take()
    }

    pub(crate) fn take_last_replies(&mut self) -> Vec<Box<dyn FnOnce() + Send>> {
        self.extras
            .as_mut()
            .map(|extras| std::mem::take(&mut extras.last_replies))
            .unwrap_or_default()
    }
}
