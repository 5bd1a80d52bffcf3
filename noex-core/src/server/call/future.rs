use std::cell::Cell;
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
    phase: Phase,
    // Boxed since a call is moved about, and most need none of it.
    rare: Option<Box<Rare<S>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Fresh,
    /// In line for room in the mailbox.
    Room,
    /// In the mailbox, or handled, or refused by a process that is about to be dead.
    Sent,
    Done,
}

struct Rare<S: GenServer> {
    /// The place in line for room in the mailbox.
    ticket: Option<Ticket<Message<S>, System<S>>>,
    /// The caller's edge in the wait-for graph, when it is a process's handler.
    wait: Option<Wait>,
    /// When the process's table is to expire it, once that is known.
    due: Option<Instant>,
    /// Set when the process's table does not keep the time.
    deadline: Option<Deadline>,
}

impl<S: GenServer> Default for Rare<S> {
    fn default() -> Self {
        Rare {
            ticket: None,
            wait: None,
            due: None,
            deadline: None,
        }
    }
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
            rare: None,
        }
    }

    /// Has it go elsewhere. Only before it was polled.
    pub(crate) fn set_target(&mut self, target: Target<'a, S>) {
        self.target = target;
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

    fn rare(&mut self) -> &mut Rare<S> {
        self.rare.get_or_insert_default()
    }

    pub(super) fn given(&self) -> Option<Duration> {
        self.timeout
    }

    /// The one who polls keeps the time.
    pub(super) fn keep_own_time(&mut self) {
        self.rare().deadline = Some(Deadline::Never);
    }

    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        ready!(self.let_others_run(cx));
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
                Ok(wait) => self.rare.get_or_insert_default().wait = Some(wait),
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

    /// A caller that is always answered at once has to let other tasks run, too: a call counts as
    /// one of the operations that tokio lets a task do in its turn, and calls to a
    /// server whose handlers are very short count as one together.
    #[inline]
    fn let_others_run(&self, cx: &mut Context<'_>) -> Poll<()> {
        thread_local! {
            static BRIEF_CALLS: Cell<u8> = const { Cell::new(0) };
        }
        const COUNT_AS_ONE: u8 = 8;
        if let Ok(cell) = self.target.cell()
            && cell.core().pace.is_brief()
        {
            let calls = BRIEF_CALLS.get() + 1;
            BRIEF_CALLS.set(calls % COUNT_AS_ONE);
            if calls < COUNT_AS_ONE {
                return Poll::Ready(());
            }
        }
        ready!(coop::poll_proceed(cx)).made_progress();
        Poll::Ready(())
    }

    /// The server has run on this stack.
    #[inline]
    fn has_run(
        &mut self,
        wait: Option<Result<Wait, Circle>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, CallError>> {
        // Its port is used up as a rule, and nobody else has it then.
        let outcome = match Arc::get_mut(&mut self.slot) {
            Some(slot) => slot.take(),
            None => self.slot.try_take(),
        };
        if let Some(outcome) = outcome {
            return self.outcome(outcome, cx);
        }
        match wait {
            None => {}
            Some(Ok(wait)) => self.rare().wait = Some(wait),
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
        self.phase = Phase::Room;
        self.rare().ticket = Some(ticket);
        if self.timeout.is_some() {
            // For the reply it is the same.
            self.rare().due = self.due();
        }
        self.register(waiter);
        self.poll_room(cx)
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        let Some(mut ticket) = self.rare().ticket.take() else {
            return Poll::Pending;
        };
        let outcome = match ticket.slot().poll(cx.waker()) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                if self.poll_deadline(cx).is_pending() {
                    self.rare().ticket = Some(ticket);
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
        self.phase = Phase::Sent;
        if let Some(message) = self.message.take() {
            // Refused: its port is dropped, and the process is dying.
            let _ = ticket.post(message, Message::Call);
        }
        self.wait_for_reply(cx)
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let rare = self.rare.as_deref_mut();
        match rare.and_then(|rare| rare.deadline.as_mut()) {
            Some(deadline) => deadline.poll(cx),
            None => Poll::Pending,
        }
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

    /// When the time is up, by the clock of the runtime.
    fn due(&self) -> Option<Instant> {
        let known = self.rare.as_ref().and_then(|rare| rare.due);
        known.or_else(|| Some(timers::after(Instant::now(), self.timeout?)))
    }

    /// Sees to it that the wait ends with the process, and with the deadline.
    /// `false`: the process is dead.
    fn register(&mut self, waiter: Arc<dyn Waiter>) -> bool {
        let Ok(cell) = self.target.cell() else {
            return false;
        };
        let deadline = self.rare.as_ref().and_then(|rare| rare.deadline.as_ref());
        match (deadline, self.timeout) {
            (Some(deadline), _) => deadline.cover(&waiter),
            (None, None) => {}
            // Within one runtime the process's table keeps the time for all its callers.
            (None, Some(_)) if cell.core().hub().is_here() => {
                return cell.add_waiter(waiter, self.due()).is_ok();
            }
            (None, timeout) => {
                let deadline = Deadline::new(timeout, &waiter);
                self.rare.get_or_insert_default().deadline = Some(deadline);
            }
        }
        cell.add_waiter(waiter, None).is_ok()
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, CallError>> {
        if let Poll::Ready(outcome) = self.slot.poll(cx.waker()) {
            return self.outcome(outcome, cx);
        }
        match self.poll_deadline(cx) {
            Poll::Ready(()) => self.failed(Failure::Expired, cx),
            Poll::Pending => Poll::Pending,
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
            if self.rare().wait.is_none()
                && let Some(caller) = current::pid()
                && let Some(pid) = self.slot.owner()
            {
                match waits::begin(caller, pid, self.slot.clone()) {
                    Ok(wait) => self.rare().wait = Some(wait),
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
        self.rare = None;
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
            Phase::Room => this.poll_room(cx),
            Phase::Sent => this.poll_sent(cx),
            Phase::Done => Poll::Pending,
        }
    }
}

// Nothing in it is pinned.
impl<S: GenServer, T> Unpin for Call<'_, S, T> {}

impl<S: GenServer, T> Drop for Call<'_, S, T> {
    fn drop(&mut self) {
        if self.phase != Phase::Done {
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
