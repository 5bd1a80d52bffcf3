use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Full;
use super::error::{SendError, SendFailure};
use super::{Posted, Refused};
use crate::process::current;
use crate::process::room::Ticket;
use crate::process::waits::{self, Circle, Wait};
use crate::server::behaviour::GenServer;
use crate::server::message::{Message, System};
use crate::server::target::Target;

/// A cast that waits until the mailbox has room for it, in the order of asking.
///
/// It waits as long as it takes, or until the server ends.
///
/// # Cancel safety
///
/// Dropped before it is done, the message was not sent, and is dropped with it.
#[must_use = "a cast that waits is sent when it is awaited"]
pub struct CastWait<'a, S: GenServer> {
    target: Target<'a, S>,
    message: Option<S::Cast>,
    ticket: Option<Ticket<Message<S>, System<S>>>,
    wait: Option<Wait>,
}

impl<'a, S: GenServer> CastWait<'a, S> {
    pub(crate) fn new(target: Target<'a, S>, message: S::Cast) -> Self {
        CastWait {
            target,
            message: Some(message),
            ticket: None,
            wait: None,
        }
    }
}

impl<S: GenServer> Future for CastWait<'_, S> {
    type Output = Result<(), SendError<S::Cast>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let cell = match this.target.cell() {
            Ok(cell) => cell,
            Err(why) => {
                return match this.message.take() {
                    Some(message) => Poll::Ready(Err(SendError::new(message, why.clone().into()))),
                    None => Poll::Pending,
                };
            }
        };
        if this.ticket.is_none() {
            let Some(message) = this.message.take() else {
                return Poll::Pending;
            };
            let posted = cell.queue().post(message, Full::HandBack, Message::Cast);
            let (message, full) = match posted {
                Ok(Posted::Wake) => {
                    cell.notify();
                    return Poll::Ready(Ok(()));
                }
                Ok(_) => return Poll::Ready(Ok(())),
                Err(Refused::Full(message)) => (message, true),
                Err(Refused::Closed(message) | Refused::Newest(message)) => (message, false),
            };
            let ticket = if full { Ticket::new(cell) } else { None };
            let Some(ticket) = ticket else {
                return Poll::Ready(Err(SendError::new(message, SendFailure::NoProc)));
            };
            // A handler that waits for room stands still like one that waits for a reply.
            if let Some(me) = current::pid() {
                let target = cell.core().pid();
                if me == target {
                    return Poll::Ready(Err(SendError::new(message, SendFailure::CallingSelf)));
                }
                match waits::begin(me, target, ticket.slot().clone()) {
                    Ok(wait) => this.wait = Some(wait),
                    Err(Circle(pids)) => {
                        let failure = SendFailure::Deadlock(pids);
                        return Poll::Ready(Err(SendError::new(message, failure)));
                    }
                }
            }
            this.message = Some(message);
            this.ticket = Some(ticket);
        }
        let Some(mut ticket) = this.ticket.take() else {
            return Poll::Pending;
        };
        let Poll::Ready(room) = ticket.slot().poll(cx.waker()) else {
            this.ticket = Some(ticket);
            return Poll::Pending;
        };
        this.wait = None;
        let Some(message) = this.message.take() else {
            return Poll::Pending;
        };
        let refused = match room {
            Ok(()) => {
                ticket.promised();
                match ticket.post(message, Message::Cast) {
                    Ok(()) => return Poll::Ready(Ok(())),
                    Err(message) => message,
                }
            }
            Err(_) => message,
        };
        Poll::Ready(Err(SendError::new(refused, SendFailure::NoProc)))
    }
}

impl<S: GenServer> Unpin for CastWait<'_, S> {}

impl<S: GenServer> fmt::Debug for CastWait<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CastWait").finish_non_exhaustive()
    }
}
