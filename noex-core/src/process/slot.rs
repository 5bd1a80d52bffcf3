//! The place where one answer is left for one waiting task.
//!
//! A call's reply, a monitor's DOWN, the end that `stop` waits for: each is a
//! slot. tokio's oneshot is not enough here. A slot can also be failed from
//! outside by the process's death or by a deadline, it can say whether it is
//! still open without being taken (which is what the wait-for graph asks), and
//! it knows the difference between "dropped" and "dropped by a process that is
//! just dying", whose reason is about to be known.
//!
//! Lock order: a slot's lock is a leaf. Wakers are called after it is released.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use parking_lot::Mutex;

use super::exit_reason::ExitReason;
use super::pid::Pid;

pub(crate) struct Slot<T> {
    state: Mutex<State<T>>,
    /// The process that is to answer; 0 as long as it is not known.
    owner: AtomicU64,
    /// The answer was handed to somebody else than the owner.
    detached: AtomicBool,
}

enum State<T> {
    Open(Option<Waker>),
    /// The answering end was dropped by its own process: either that ends, and the reason
    /// comes, or `settle` says it was only dropped.
    Limbo(Option<Waker>, Fate),
    Done(Result<T, Failure>),
    /// The answer was taken, or nobody waits for it any more.
    Closed,
}

impl<T> State<T> {
    #[inline]
    fn take(&mut self) -> Option<Result<T, Failure>> {
        if !matches!(self, State::Done(_)) {
            return None;
        }
        match std::mem::replace(self, State::Closed) {
            State::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}

/// What is known of the process that has dropped its end of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its handler is still on the stack, and may come back: then nothing is owed.
    Open,
    /// It is on its way out, and owes the reason.
    Ending,
}

/// Why a slot has no answer.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    Dropped,
    Overloaded,
    Expired,
    Down(ExitReason),
    /// The wait closed a circle, and somebody had to give way.
    Deadlock(Vec<Pid>),
}

/// What the process and the wait-for graph know of a slot, whatever its type.
pub(crate) trait Waiter: Send + Sync {
    /// Answered, failed or abandoned: it need not be kept any longer.
    fn is_settled(&self) -> bool;
    /// Whether its owner still owes the answer.
    fn is_owed(&self) -> bool;
    fn down(&self, reason: &ExitReason);
    fn expire(&self);
    /// The wait is part of a circle, and has to give way.
    fn deadlock(&self, circle: &[Pid]);
    /// The owner has survived what it was unwinding from.
    fn settle(&self);
    /// The owner is on its way out: what it has dropped will be answered with its reason.
    fn owner_ends(&self) {}
    /// The owner's `init` has returned.
    fn started(&self) {}
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Slot {
            state: Mutex::new(State::Open(None)),
            owner: AtomicU64::new(0),
            detached: AtomicBool::new(false),
        }
    }

    pub(crate) fn owned_by(&self, pid: Pid) {
        self.owner.store(pid.as_u64(), Ordering::Relaxed);
    }

    pub(crate) fn owner(&self) -> Option<Pid> {
        Pid::from_u64(self.owner.load(Ordering::Relaxed))
    }

    pub(crate) fn detach(&self) {
        self.detached.store(true, Ordering::Release);
    }

    /// Leaves the answer. Gives it back when nobody waits for it.
    pub(crate) fn complete(&self, answer: T) -> Result<(), T> {
        let waker = {
            let mut state = self.state.lock();
            match &mut *state {
                State::Open(waker) | State::Limbo(waker, _) => {
                    let waker = waker.take();
                    *state = State::Done(Ok(answer));
                    waker
                }
                State::Done(_) | State::Closed => return Err(answer),
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Leaves a failure, unless there is an outcome already.
    pub(crate) fn fail(&self, failure: Failure) {
        let waker = {
            let mut state = self.state.lock();
            match &mut *state {
                State::Open(waker) | State::Limbo(waker, _) => {
                    let waker = waker.take();
                    *state = State::Done(Err(failure));
                    waker
                }
                // The death of its process says more than "dropped".
                State::Done(Err(known @ Failure::Dropped)) => {
                    if matches!(failure, Failure::Down(_)) {
                        *known = failure;
                    }
                    None
                }
                State::Done(_) | State::Closed => None,
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the outcome if it is there.
    pub(crate) fn try_take(&self) -> Option<Result<T, Failure>> {
        self.state.lock().take()
    }

    /// The same, for the only one who has the slot.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Result<T, Failure>> {
        self.state.get_mut().take()
    }

    /// Takes the outcome, or leaves the waker to be called when it is there.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T, Failure>> {
        let mut state = self.state.lock();
        match &mut *state {
            State::Open(known) | State::Limbo(known, _) => {
                note(known, waker);
                return Poll::Pending;
            }
            State::Closed => return Poll::Pending,
            State::Done(_) => {}
        }
        match std::mem::replace(&mut *state, State::Closed) {
            State::Done(outcome) => Poll::Ready(outcome),
            _ => Poll::Pending,
        }
    }

    /// After `Dropped` was taken from a process that turned out to be dying:
    /// wait for its reason.
    pub(crate) fn reopen(&self, waker: &Waker) {
        *self.state.lock() = State::Limbo(Some(waker.clone()), Fate::Ending);
    }

    /// The answering end is dropped by its own process.
    pub(crate) fn leave_in_limbo(&self, fate: Fate) {
        let mut state = self.state.lock();
        if let State::Open(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Limbo(waker, fate);
        }
    }

    /// Nobody waits any more. Tells whether an answer was there untaken.
    pub(crate) fn abandon(&self) -> Option<T> {
        let state = std::mem::replace(&mut *self.state.lock(), State::Closed);
        match state {
            State::Done(Ok(answer)) => Some(answer),
            _ => None,
        }
    }

    /// Whether it depends on its owner's fate what was dropped means.
    pub(crate) fn is_in_limbo(&self) -> bool {
        matches!(&*self.state.lock(), State::Limbo(..))
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(
            &*self.state.lock(),
            State::Closed | State::Done(Err(Failure::Expired))
        )
    }
}

fn note(known: &mut Option<Waker>, waker: &Waker) {
    match known {
        Some(known) if known.will_wake(waker) => {}
        _ => *known = Some(waker.clone()),
    }
}

impl<T: Send> Waiter for Slot<T> {
    fn is_settled(&self) -> bool {
        // A dropped answer may still turn out to be a death: it is not settled
        // before the caller has looked at it.
        matches!(
            &*self.state.lock(),
            State::Closed | State::Done(Ok(_) | Err(Failure::Expired | Failure::Down(_)))
        )
    }

    fn is_owed(&self) -> bool {
        !self.detached.load(Ordering::Acquire)
            && matches!(
                &*self.state.lock(),
                State::Open(_) | State::Limbo(_, Fate::Ending)
            )
    }

    fn down(&self, reason: &ExitReason) {
        self.fail(Failure::Down(reason.clone()));
    }

    fn expire(&self) {
        self.fail(Failure::Expired);
    }

    fn deadlock(&self, circle: &[Pid]) {
        self.fail(Failure::Deadlock(circle.to_vec()));
    }

    fn owner_ends(&self) {
        if let State::Limbo(_, fate) = &mut *self.state.lock() {
            *fate = Fate::Ending;
        }
    }

    fn settle(&self) {
        let waker = match &mut *self.state.lock() {
            state @ State::Limbo(..) => {
                match std::mem::replace(state, State::Done(Err(Failure::Dropped))) {
                    State::Limbo(waker, _) => waker,
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_at_the_deadline_wins_and_a_late_one_comes_back() {
        let slot = Slot::new();
        assert_eq!(slot.complete(1), Ok(()));
        slot.expire();
        assert!(matches!(slot.try_take(), Some(Ok(1))));

        let slot = Slot::new();
        slot.expire();
        assert_eq!(slot.complete(1), Err(1));
        assert!(matches!(slot.try_take(), Some(Err(Failure::Expired))));
    }

    #[test]
    fn a_death_says_more_than_dropped() {
        let slot = Slot::<()>::new();
        slot.fail(Failure::Dropped);
        slot.down(&ExitReason::Killed);
        assert!(matches!(
            slot.try_take(),
            Some(Err(Failure::Down(ExitReason::Killed)))
        ));
    }

    #[test]
    fn limbo_ends_in_dropped_or_in_a_reason() {
        let survived = Slot::<()>::new();
        survived.leave_in_limbo(Fate::Open);
        assert!(survived.try_take().is_none());
        survived.settle();
        assert!(matches!(survived.try_take(), Some(Err(Failure::Dropped))));

        let died = Slot::<()>::new();
        died.leave_in_limbo(Fate::Open);
        died.down(&ExitReason::Shutdown);
        died.settle();
        assert!(matches!(died.try_take(), Some(Err(Failure::Down(_)))));
    }
}
