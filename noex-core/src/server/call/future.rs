use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::coop;
use tokio::time::Instant;

use super::deadline::Deadline;
use super::error::CallError;
use super::reply_to::{drop_overloaded, token};
use super::{DEFAULT_CALL_TIMEOUT, ReplyTo};
use crate::process::cell::Stage;
use crate::process::mailbox::{Full, Posted, Refused};
use crate::process::room::Ticket;
use crate::process::slot::{Failure, Slot, Waiter};
use crate::process::waits::{self, Circle, Wait};
use crate::process::{ExitReason, Pid, current, run, timers};
use crate::server::behaviour::GenServer;
use crate::server::message::{Message, ServerCell, System};
use crate::server::target::Target;

/// A call on its way: await it for the reply.
///
/// It is sent when it is first polled. The default is to wait
/// [5 s](DEFAULT_CALL_TIMEOUT).
///
/// # Cancel safety
///
/// Dropped before it was polled, it was never sent. Dropped after, the call is handled all the
/// same and its reply is dropped.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<'a, S: GenServer, T> {
    target: Target<'a, S>,
    message: Option<S::Call>,
    slot: Arc<Slot<T>>,
    timeout: Option<Duration>,
    phase: Phase<S>,
    /// The caller's edge in the wait-for graph, when it is a process's handler.
    wait: Option<Wait>,
    /// When the process's table is to expire it, once that is known.
    due: Option<Instant>,
    /// Set when the process's table does not keep the time.
    deadline: Option<Deadline>,
}

enum Phase<S: GenServer> {
    Fresh,
    /// In line for room in the mailbox.
    Room(Ticket<Message<S>, System<S>>),
    /// In the mailbox, or handled, or refused by a process that is about to be dead.
    Sent,
    Done,
}

impl<'a, S: GenServer, T> Call<'a, S, T> {
    pub(crate) fn new(target: Target<'a, S>, make: impl FnOnce(ReplyTo<T>) -> S::Call) -> Self {
        let slot = Arc::new(Slot::new());
        let message = make(ReplyTo::new(slot.clone()));
        Call {
            target,
            message: Some(message),
            slot,
            timeout: Some(DEFAULT_CALL_TIMEOUT),
            phase: Phase::Fresh,
            wait: None,
            due: None,
            deadline: None,
        }
    }

    /// Waits `timeout` at the longest, from the time it is sent.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits as long as it takes. It still fails when the server ends.
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }
}

impl<S: GenServer, T: Send + 'static> Call<'_, S, T> {
    pub(super) fn slot(&self) -> &Arc<Slot<T>> {
        &self.slot
    }

    pub(super) fn given(&self) -> Option<Duration> {
        self.timeout
    }

    /// The one who polls keeps the time.
    pub(super) fn keep_own_time(&mut self) {
        self.deadline = Some(Deadline::Never);
    }

    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        // A caller that is always answered at once has to let others run, too.
        ready!(coop::poll_proceed(cx)).made_progress();
        let Some(message) = self.message.take() else {
            return Poll::Pending;
        };
        let cell = match self.target.cell() {
            Ok(cell) => cell,
            Err(why) => {
                let why = why.clone();
                return self.done(Err(why.into()));
            }
        };
        let pid = cell.core().pid();
        self.slot.owned_by(pid);
        self.phase = Phase::Sent;
        let caller = current::pid();
        if caller == Some(pid) {
            return self.done(Err(CallError::CallingSelf));
        }
        let message = match run_here(cell, &self.slot, caller, message) {
            Ok(wait) => return self.has_run(wait, cx),
            Err(message) => message,
        };
        // A handler is known to wait before the message can be seen.
        if let Some(caller) = caller {
            match waits::begin(caller, pid, self.slot.clone()) {
                Ok(wait) => self.wait = Some(wait),
                Err(Circle(pids)) => return self.done(Err(CallError::Deadlock(pids))),
            }
        }
        match cell.queue().post(message, Full::ByPolicy, Message::Call) {
            Ok(Posted::Quiet) => {}
            Ok(Posted::Wake) => cell.notify(),
            Ok(Posted::Displaced { oldest, wake }) => {
                drop_overloaded(oldest);
                if wake {
                    cell.notify();
                }
            }
            Err(Refused::Newest(message)) => {
                drop_overloaded(message);
                return self.done(Err(CallError::Overloaded));
            }
            Err(Refused::Full(message)) => {
                self.message = Some(message);
                return self.wait_for_room(cx);
            }
            Err(Refused::Closed(message)) => {
                drop(message);
                if cell.core().exit_reason().is_some() {
                    return self.done(Err(CallError::Exited(ExitReason::NoProc)));
                }
            }
        }
        self.wait_for_reply(cx)
    }

    /// The server has run on this stack.
    #[inline]
    fn has_run(
        &mut self,
        wait: Option<Result<Wait, Circle>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, CallError>> {
        if let Some(outcome) = self.slot.try_take() {
            return self.outcome(outcome, cx);
        }
        match wait {
            None => {}
            Some(Ok(wait)) => self.wait = Some(wait),
            Some(Err(Circle(pids))) => return self.done(Err(CallError::Deadlock(pids))),
        }
        self.wait_for_reply(cx)
    }

    fn wait_for_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        let ticket = self.target.cell().ok().and_then(Ticket::new);
        let Some(ticket) = ticket else {
            return self.refused(cx);
        };
        let waiter: Arc<dyn Waiter> = ticket.slot().clone();
        self.phase = Phase::Room(ticket);
        self.register(waiter);
        self.poll_room(cx)
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        let Phase::Room(ticket) = &mut self.phase else {
            return Poll::Pending;
        };
        let outcome = match ticket.slot().poll(cx.waker()) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                if self
                    .deadline
                    .as_mut()
                    .is_none_or(|d| d.poll(cx).is_pending())
                {
                    return Poll::Pending;
                }
                Err(Failure::Expired)
            }
        };
        match outcome {
            Ok(()) => ticket.promised(),
            Err(Failure::Expired) => return self.failed(Failure::Expired, cx),
            Err(_) => return self.refused(cx),
        }
        let Phase::Room(ticket) = std::mem::replace(&mut self.phase, Phase::Sent) else {
            return Poll::Pending;
        };
        if let Some(message) = self.message.take() {
            // Refused: its port is dropped, and the process is dying.
            let _ = ticket.post(message, Message::Call);
        }
        self.wait_for_reply(cx)
    }

    /// The mailbox was closed before the message was in: the process is dying or dead.
    fn refused(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        self.phase = Phase::Sent;
        self.message = None;
        self.failed(Failure::Dropped, cx)
    }

    /// The answer was not there at once.
    fn wait_for_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        // The waker goes in first: what happens from here on is not missed.
        if let Poll::Ready(outcome) = self.slot.poll(cx.waker()) {
            return self.outcome(outcome, cx);
        }
        let waiter: Arc<dyn Waiter> = self.slot.clone();
        if !self.register(waiter) {
            // It has died, and told those who were waiting before.
            return match self.slot.try_take() {
                Some(Ok(answer)) => self.done(Ok(answer)),
                _ => self.done(Err(self.exited())),
            };
        }
        if self.slot.is_in_limbo()
            && let Ok(cell) = self.target.cell()
        {
            // It was dropped before the process knew of us: what it told its waiters is made up for.
            if !is_owed(cell, &self.slot) && !cell.core().may_be_dying() {
                self.slot.settle();
            }
        }
        self.poll_sent(cx)
    }

    /// Sees to it that the wait ends with the process, and with the deadline.
    /// `false`: the process is dead.
    fn register(&mut self, waiter: Arc<dyn Waiter>) -> bool {
        let Ok(cell) = self.target.cell() else {
            return false;
        };
        match (&self.deadline, self.timeout) {
            // Within one runtime the process's table keeps the time for all its callers.
            (None, Some(timeout)) if cell.core().hub().is_here() => {
                let due = self
                    .due
                    .get_or_insert_with(|| timers::after(Instant::now(), timeout));
                return cell.add_waiter(waiter, Some(*due)).is_ok();
            }
            (None, timeout) => self.deadline = Some(Deadline::new(timeout, &waiter)),
            (Some(deadline), _) => deadline.cover(&waiter),
        }
        cell.add_waiter(waiter, None).is_ok()
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        if let Poll::Ready(outcome) = self.slot.poll(cx.waker()) {
            return self.outcome(outcome, cx);
        }
        match self.deadline.as_mut().map(|deadline| deadline.poll(cx)) {
            Some(Poll::Ready(())) => self.failed(Failure::Expired, cx),
            _ => Poll::Pending,
        }
    }

    fn outcome(
        &mut self,
        outcome: Result<T, Failure>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, CallError>> {
        match outcome {
            Ok(answer) => self.done(Ok(answer)),
            Err(failure) => self.failed(failure, cx),
        }
    }

    fn failed(&mut self, failure: Failure, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        // A port that a dying server let go of: its reason is what counts.
        let dying = || {
            let cell = self.target.cell();
            cell.is_ok_and(|cell| cell.core().stage() >= Stage::Exiting)
        };
        if matches!(failure, Failure::Dropped) && dying() {
            self.slot.reopen(cx.waker());
            if self.wait.is_none()
                && let Some(caller) = current::pid()
                && let Some(pid) = self.slot.owner()
            {
                match waits::begin(caller, pid, self.slot.clone()) {
                    Ok(wait) => self.wait = Some(wait),
                    Err(Circle(pids)) => return self.done(Err(CallError::Deadlock(pids))),
                }
            }
            let waiter: Arc<dyn Waiter> = self.slot.clone();
            if self.register(waiter) {
                return Poll::Pending;
            }
            return self.done(Err(self.exited()));
        }
        self.done(Err(CallError::from_failure(failure, self.timeout)))
    }

    fn done(&mut self, result: Result<T, CallError>) -> Poll<Result<T, CallError>> {
        self.phase = Phase::Done;
        self.wait = None;
        if result.is_err() {
            // Nobody waits any more, whatever still comes.
            let _answer = self.slot.abandon();
        }
        Poll::Ready(result)
    }

    /// The reason of the process that is known to be dead.
    fn exited(&self) -> CallError {
        let cell = self.target.cell().ok();
        let reason = cell.and_then(|cell| cell.core().exit_reason().cloned());
        CallError::Exited(reason.unwrap_or(ExitReason::NoProc))
    }
}

/// Runs an idle server on this stack, with the message. The message comes back if
/// that cannot be. Otherwise the reply is there, or the wait of the handler that called is known.
#[inline]
fn run_here<S: GenServer, T: Send + 'static>(
    cell: &Arc<ServerCell<S>>,
    slot: &Arc<Slot<T>>,
    caller: Option<Pid>,
    message: S::Call,
) -> Result<Option<Result<Wait, Circle>>, S::Call> {
    if !cell.queue().is_parked() {
        return Err(message);
    }
    let Some(claim) = run::claim(cell) else {
        return Err(message);
    };
    let mut wait = None;
    claim.hand_over(message, Message::Call, token(slot), || {
        // It was not answered at once: that its caller waits is known before it goes on.
        if let Some(caller) = caller
            && is_owed(cell, slot)
        {
            wait = Some(waits::begin(caller, cell.core().pid(), slot.clone()));
        }
    })?;
    Ok(wait)
}

/// Whether the server still owes the reply: also one that it has dropped, if it is on its way out.
fn is_owed<S: GenServer, T: Send>(cell: &ServerCell<S>, slot: &Slot<T>) -> bool {
    if cell.core().is_dying() {
        slot.owner_ends();
    }
    slot.is_owed()
}

impl<S: GenServer, T: Send + 'static> Future for Call<'_, S, T> {
    type Output = Result<T, CallError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match this.phase {
            Phase::Fresh => this.begin(cx),
            Phase::Room(_) => this.poll_room(cx),
            Phase::Sent => this.poll_sent(cx),
            Phase::Done => Poll::Pending,
        }
    }
}

// Nothing in it is pinned.
impl<S: GenServer, T> Unpin for Call<'_, S, T> {}

impl<S: GenServer, T> Drop for Call<'_, S, T> {
    fn drop(&mut self) {
        if !matches!(self.phase, Phase::Done) {
            // An answer that is there goes with it, outside of the slot's lock.
            let _answer = self.slot.abandon();
        }
    }
}

impl<S: GenServer, T> fmt::Debug for Call<'_, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
