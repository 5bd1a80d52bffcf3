//! Running a process: its task does, or the caller that waits for it.
//!
//! A process starts without a task. A caller that finds it idle polls its loop
//! there and then, and has the reply without a task switch. The driver, a tokio
//! task, is spawned when there is first something to do that no caller runs:
//! a cast, a timer, a handler that awaits. From then on it stays.
//!
//! Where the loop is in danger of being left alone (a runtime that shuts down
//! drops the driver), [`runtime_gone`] ends the process by the usual path.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::cell::{BoxedLoop, Cell, Ending, Interrupt, Polled, Process, Stage};
use super::current::{self, Entered};
use super::death;
use super::exit_reason::ExitReason;
use super::sched::{Acquired, Runner};
use super::table;
use super::unwind;

/// Messages the driver handles before it lets other tasks run.
const DRIVER_BUDGET: u32 = 128;
/// Messages, its own included, that a caller handles before it leaves the rest to the driver.
const CALLER_BUDGET: u32 = 16;
/// How many processes may run on one stack: a chain of calls goes on from the driver beyond.
const MAX_DEPTH: usize = 16;
/// How often the driver looks again at once before it lets other tasks run.
const DRIVER_ROUNDS: u32 = 4;
/// Polls given to `terminate` when the runtime is already gone.
const LAST_POLLS: u32 = 64;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Nothing is left to do for now.
    Parked,
    /// Something came up: the driver has to be woken for it.
    Notified,
    /// Not run: somebody else does.
    Busy,
    /// Not run: nobody asked.
    Idle,
    Ended,
}

/// Gives the new process its loop and makes it known by its pid.
pub(crate) fn launch<M, Y>(cell: &Arc<Cell<M, Y>>, loop_: BoxedLoop<M>)
where
    M: Send + 'static,
    Y: Send + 'static,
{
    let core = cell.core();
    {
        let mut runnable = cell.runnable.lock();
        runnable.loop_ = Some(loop_);
        runnable.waker = Some(Waker::from(cell.clone()));
        runnable.span = super::logs::span(core).map(Box::new);
    }
    table::insert(cell.clone());
    if core.hub().is_closed() {
        // It came too late to be found by those who shut the runtime down.
        runtime_gone(cell.clone());
    }
}

/// Takes back a launch before anything has run: as if it had never been.
pub(crate) fn discard<M, Y>(cell: &Arc<Cell<M, Y>>)
where
    M: Send + 'static,
    Y: Send + 'static,
{
    let core = cell.core();
    core.set_stage(Stage::Dead);
    core.sched.retire();
    let _known = table::remove(core.pid());
    let _never_polled = cell.take_loop();
}

/// The right to run an idle process on the caller's stack. Given up by dropping it.
pub(crate) struct Claim<'a, M: Send + 'static, Y: Send + 'static> {
    cell: &'a Arc<Cell<M, Y>>,
}

/// Claims the process if a caller may run it: it looks idle, this is a thread of its
/// runtime, the stack is not too deep, and its handlers are known to be short.
#[inline]
pub(crate) fn claim<M, Y>(cell: &Arc<Cell<M, Y>>) -> Option<Claim<'_, M, Y>>
where
    M: Send + 'static,
    Y: Send + 'static,
{
    let core = cell.core();
    let allowed = core.callers_may_run()
        && core.pace.is_fast()
        && current::depth() < MAX_DEPTH
        && core.hub().is_here()
        && super::logs::span_will_cover(core);
    if allowed && core.sched.acquire(Runner::Caller) == Acquired::Yes {
        Some(Claim { cell })
    } else {
        None
    }
}

impl<M: Send + 'static, Y: Send + 'static> Claim<'_, M, Y> {
    /// Has a new process run its `init`. If that is not over at once, `before_others` runs
    /// before anybody else can run the process.
    pub(crate) fn init(self, before_others: impl FnOnce()) {
        self.run(None, Entered::For(current::INIT), 0, before_others);
    }

    /// Hands over a message, which the loop handles at once, and then some of what has come
    /// meanwhile. The message comes back when the process is not parked. `token` tells which
    /// answer the caller waits for. If the loop lets go without having ended,
    /// `before_others` runs before anybody else can run it.
    #[inline]
    pub(crate) fn hand_over<T>(
        self,
        message: T,
        wrap: impl FnOnce(T) -> M,
        token: usize,
        before_others: impl FnOnce(),
    ) -> Result<(), T> {
        if !self.cell.queue().is_parked() || self.cell.core().is_suspended() {
            return Err(message);
        }
        self.run(
            Some(wrap(message)),
            Entered::For(token),
            CALLER_BUDGET,
            before_others,
        );
        Ok(())
    }

    #[inline]
    fn run(self, first: Option<M>, how: Entered, budget: u32, before_others: impl FnOnce()) {
        let core = self.cell.core();
        let begun = core.pace.begin();
        let polled = poll(self.cell, first, how, budget, before_others);
        core.pace.end(begun);
        if polled.is_ready() {
            // It is dead: there is nothing to give up.
            std::mem::forget(self);
        }
    }
}

impl<M: Send + 'static, Y: Send + 'static> Drop for Claim<'_, M, Y> {
    #[inline]
    fn drop(&mut self) {
        if self.cell.core().sched.release() {
            self.cell.wake_driver();
        }
    }
}

fn run<M, Y>(cell: &Cell<M, Y>, runner: Runner, budget: u32) -> Ran
where
    M: Send + 'static,
    Y: Send + 'static,
{
    let core = cell.core();
    match core.sched.acquire(runner) {
        Acquired::Yes => {}
        Acquired::Busy => return Ran::Busy,
        Acquired::Idle => return Ran::Idle,
        Acquired::Dead => return Ran::Ended,
    }
    match poll(cell, None, Entered::Alone, budget, || ()) {
        Poll::Pending => {
            if core.sched.release() {
                Ran::Notified
            } else {
                Ran::Parked
            }
        }
        Poll::Ready(()) => Ran::Ended,
    }
}

/// Polls the loop once; the scheduler has given the right to. When it has ended
/// the process is dead on return.
#[inline]
fn poll<M, Y>(
    cell: &Cell<M, Y>,
    first: Option<M>,
    how: Entered,
    budget: u32,
    before_others: impl FnOnce(),
) -> Poll<()>
where
    M: Send + 'static,
    Y: Send + 'static,
{
    let core = cell.core();
    let Some(mut runnable) = cell.runnable.try_lock() else {
        debug_assert!(false, "the scheduler lets one runner in");
        return Poll::Pending;
    };
    let runnable = &mut *runnable;
    let (Some(loop_), Some(waker)) = (&mut runnable.loop_, &runnable.waker) else {
        return Poll::Pending; // not launched yet
    };
    core.set_budget(budget);
    if runnable.span.is_none() {
        // A subscriber may have come since the start.
        runnable.span = super::logs::span(core).map(Box::new);
    }
    let _frame = current::enter(core.pid(), how);
    let _span = runnable.span.as_ref().map(|span| span.enter());
    let mut polled = Polled::Waits;
    let panicked = unwind::panicked(|| {
        polled = loop_.as_mut().poll(&mut Context::from_waker(waker), first);
    });
    let ending = match (panicked, polled) {
        (None, Polled::LetGo) => {
            before_others();
            return Poll::Pending;
        }
        (None, Polled::Waits) => {
            // It may be parked, if the message was handed over; it is not any more.
            cell.queue().unpark();
            before_others();
            return Poll::Pending;
        }
        (None, Polled::Ended(ending)) => *ending,
        // A panic outside of a handler: in the Drop of a handler's future.
        (Some(reason), _) => Ending::because(*reason),
    };
    let loop_ = runnable.loop_.take();
    let waker = runnable.waker.take();
    end(cell, loop_, ending);
    drop(waker);
    Poll::Ready(())
}

#[cold]
fn end<M, Y>(cell: &Cell<M, Y>, loop_: Option<BoxedLoop<M>>, mut ending: Ending)
where
    M: Send + 'static,
    Y: Send + 'static,
{
    if let Err(reason) = unwind::catch(|| drop(loop_))
        && ending.reason.is_orderly()
    {
        ending.reason = reason;
    }
    death::finish(cell, ending);
    let core = cell.core();
    core.sched.retire();
    // Its task, if it has one, has nothing to wait for any more.
    core.wake_driver();
}

impl Ending {
    pub(crate) fn because(reason: ExitReason) -> Self {
        Ending {
            reason,
            shown_state: None,
            last_replies: Vec::new(),
            undelivered: None,
        }
    }
}

pub(super) fn spawn_driver(process: Arc<dyn Process>) {
    let hub = process.core().hub().clone();
    hub.spawn(Driver { process });
}

/// The tokio task of a process.
struct Driver {
    process: Arc<dyn Process>,
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let core = self.process.core();
        if core.driver.get().is_none() {
            // Once: a tokio task has the same waker all its life.
            let _ = core.driver.set(cx.waker().clone());
            core.sched.driver_is_up();
        }
        for _ in 0..DRIVER_ROUNDS {
            match self.process.drive() {
                // A caller that runs it wakes this task if there is more to do.
                Ran::Parked | Ran::Busy | Ran::Idle => return Poll::Pending,
                Ran::Ended => return Poll::Ready(()),
                Ran::Notified => {
                    // It yielded, or mail has come: look again, some time or other.
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

pub(super) fn drive<M, Y>(cell: &Cell<M, Y>) -> Ran
where
    M: Send + 'static,
    Y: Send + 'static,
{
    let core = cell.core();
    if core.pace.is_fast() {
        return run(cell, Runner::Driver, DRIVER_BUDGET);
    }
    let (begun, before) = (Instant::now(), core.handled());
    let ran = run(cell, Runner::Driver, DRIVER_BUDGET);
    if matches!(ran, Ran::Parked | Ran::Notified) {
        core.pace.driven(begun.elapsed(), core.handled() - before);
    }
    ran
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.core().sched.orphan();
        runtime_gone(self.process.clone());
    }
}

thread_local! {
    /// Those still to be ended on this thread, while one is.
    static ENDING: RefCell<Option<Vec<Arc<dyn Process>>>> = const { RefCell::new(None) };
}

/// The process's runtime is shut down: nobody will ever poll its loop again. It
/// is told to shut down and polled here as long as it does not wait for anything,
/// which lets most `terminate`s run; then it is dead. Harmless for a dead process.
///
/// The death of one may be the end of the next that is linked to it: they are ended one after
/// the other, not one inside the other.
pub(crate) fn runtime_gone(process: Arc<dyn Process>) {
    let first = ENDING.try_with(|ending| match &mut *ending.borrow_mut() {
        Some(others) => {
            others.push(process.clone());
            false
        }
        none => {
            *none = Some(Vec::new());
            true
        }
    });
    if first == Ok(false) {
        return;
    }
    let mut next = Some(process);
    while let Some(process) = next {
        process.end_with_runtime();
        next = ENDING
            .try_with(|ending| ending.borrow_mut().as_mut().and_then(Vec::pop))
            .unwrap_or(None);
    }
    let _ = ENDING.try_with(|ending| ending.borrow_mut().take());
}

pub(super) fn end_with_runtime<M, Y>(cell: &Cell<M, Y>)
where
    M: Send + 'static,
    Y: Send + 'static,
{
    let core = cell.core();
    if core.exit_reason().is_some() {
        return;
    }
    let _ = core.ordered.set(ExitReason::Shutdown);
    core.raise_interrupt(Interrupt::Exit);
    loop {
        core.sched.notify();
        for _ in 0..LAST_POLLS {
            match run(cell, Runner::Undertaker, 0) {
                Ran::Notified => {}
                Ran::Ended => return,
                // A thread of the dying runtime polls it still. When that lets go it
                // finds the notification and wants the driver woken, which leads back here.
                Ran::Busy => return,
                Ran::Parked | Ran::Idle => break,
            }
        }
        // `terminate` waits for something that will not come.
        core.raise_interrupt(Interrupt::Kill);
        if core.sched.acquire(Runner::Undertaker) == Acquired::Yes {
            let _frame = current::enter(core.pid(), Entered::Alone);
            let (loop_, _waker) = cell.take_loop();
            core.set_stage(Stage::Exiting);
            let reason = core.ordered.get().cloned();
            let reason = reason.unwrap_or(ExitReason::Shutdown);
            end(cell, loop_, Ending::because(reason));
            return;
        }
        if !core.sched.notify() {
            return; // whoever runs it has been told
        }
    }
}

impl<M, Y> Cell<M, Y> {
    fn take_loop(&self) -> (Option<BoxedLoop<M>>, Option<Waker>) {
        let mut runnable = self.runnable.lock();
        (runnable.loop_.take(), runnable.waker.take())
    }
}
