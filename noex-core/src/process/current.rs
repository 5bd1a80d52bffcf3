//! Which process runs on this thread, and on whose behalf.
//!
//! Processes nest on a stack when a handler's call finds an idle server and
//! runs it there and then, so "current" is the top of a stack of frames.

use std::cell::RefCell;
use std::sync::Arc;

use super::pid::Pid;
use super::waits;
use super::watchdog::Lookout;

struct Frame {
    pid: Pid,
    awaited: Awaited,
    /// Which answer it waits for: the slot's address, 0 for the end of `init`.
    token: usize,
    /// Its edge in the wait-for graph, once somebody above had to wait.
    edge: Option<u64>,
}

/// Whether the frame below waits for this one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    No,
    Yes,
    /// It does only if this one is on its way out: the answer was dropped, and can only be
    /// the reason of the end.
    IfItEnds,
}

struct Stack {
    frames: Vec<Frame>,
    lookout: Option<Arc<Lookout>>,
}

thread_local! {
    static STACK: RefCell<Stack> = const {
        RefCell::new(Stack { frames: Vec::new(), lookout: None })
    };
}

/// How a process came to run on this thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// From its task, or from the death of its runtime.
    Alone,
    /// By whoever runs on this thread, to have this answer.
    For(usize),
}

/// The token of a starter that waits for `init`.
pub(crate) const INIT: usize = 0;

/// The process whose handler runs on this thread now.
#[inline]
pub(crate) fn pid() -> Option<Pid> {
    STACK
        .try_with(|stack| stack.borrow().frames.last().map(|frame| frame.pid))
        .ok()
        .flatten()
}

/// How many processes are on this thread's stack.
#[inline]
pub(crate) fn depth() -> usize {
    STACK
        .try_with(|stack| stack.borrow().frames.len())
        .unwrap_or(usize::MAX)
}

/// The answer is given: the frame below does not wait any longer.
#[inline]
pub(crate) fn answered(token: usize) {
    now_awaited(Awaited::No, |frame| {
        frame.awaited == Awaited::Yes && frame.token == token
    });
}

/// The answer was dropped by the process that owes it.
pub(crate) fn answer_dropped(token: usize) {
    now_awaited(Awaited::IfItEnds, |frame| {
        frame.awaited == Awaited::Yes && frame.token == token
    });
}

/// The process, which may have dropped an answer, is on its way out, or has survived.
pub(crate) fn dropper_ends(pid: Pid, ends: bool) {
    let awaited = if ends { Awaited::Yes } else { Awaited::No };
    now_awaited(awaited, |frame| {
        frame.awaited == Awaited::IfItEnds && frame.pid == pid
    });
}

#[inline]
fn now_awaited(awaited: Awaited, which: impl Fn(&Frame) -> bool) {
    let _ = STACK.try_with(|stack| {
        let edge = {
            let frames = &mut stack.borrow_mut().frames;
            // A server run by another may be the one that answers for it.
            let at = (1..frames.len()).rev().find(|&at| which(&frames[at]));
            at.and_then(|at| {
                frames[at].awaited = awaited;
                let edge = frames[at].edge.take()?;
                Some((frames[at - 1].pid, edge))
            })
        };
        if let Some((from, edge)) = edge {
            waits::retract(from, edge);
        }
    });
}

/// Has `add(waits, waited for)` called for every wait on this thread's stack
/// that leads to the current process and is not in the graph yet.
pub(crate) fn publish(mut add: impl FnMut(Pid, Pid) -> u64) {
    let _ = STACK.try_with(|stack| {
        let frames = &mut stack.borrow_mut().frames;
        for at in (1..frames.len()).rev() {
            if frames[at].awaited != Awaited::Yes {
                break;
            }
            let (below, above) = (frames[at - 1].pid, frames[at].pid);
            frames[at].edge.get_or_insert_with(|| add(below, above));
        }
    });
}

/// Makes `pid` the current process until the guard is dropped, also by a panic.
#[inline]
pub(crate) fn enter(pid: Pid, how: Entered) -> Guard {
    let _ = STACK.try_with(|stack| {
        let stack = &mut *stack.borrow_mut();
        let (awaited, token) = match how {
            Entered::For(token) if !stack.frames.is_empty() => (Awaited::Yes, token),
            Entered::For(_) | Entered::Alone => (Awaited::No, INIT),
        };
        stack.frames.push(Frame {
            pid,
            awaited,
            token,
            edge: None,
        });
        let lookout = stack.lookout.get_or_insert_with(Lookout::register);
        lookout.entered(pid);
    });
    Guard { _private: () }
}

pub(crate) struct Guard {
    _private: (),
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        let _ = STACK.try_with(|stack| {
            let edge = {
                let stack = &mut *stack.borrow_mut();
                let top = stack.frames.pop();
                let below = stack.frames.last().map(|frame| frame.pid);
                if let Some(lookout) = &stack.lookout {
                    lookout.back_to(below);
                }
                below.zip(top.and_then(|top| top.edge))
            };
            if let Some((from, edge)) = edge {
                waits::retract(from, edge);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> Vec<(Pid, Pid)> {
        let mut pairs = Vec::new();
        publish(|from, to| {
            pairs.push((from, to));
            u64::MAX // not in the graph: taking it out is harmless
        });
        pairs
    }

    #[test]
    fn the_stack_tells_who_waits_for_whom() {
        let [a, b, c] = [Pid::next(), Pid::next(), Pid::next()];
        assert_eq!(pid(), None);
        let alone = enter(a, Entered::Alone);
        assert_eq!(published(), []);
        {
            let _b = enter(b, Entered::For(1));
            let _c = enter(c, Entered::For(2));
            assert_eq!(published(), [(b, c), (a, b)]);
            assert_eq!(published(), [], "once");
            assert_eq!((pid(), depth()), (Some(c), 3));
        }
        {
            let _other = enter(b, Entered::Alone);
            let _c = enter(c, Entered::For(3));
            assert_eq!(published(), [(b, c)], "b was not run for a");
        }
        {
            let _b = enter(b, Entered::For(4));
            answered(5);
            answered(4);
            assert_eq!(published(), [], "b has answered a");
        }
        {
            let _b = enter(b, Entered::For(6));
            answer_dropped(6);
            assert_eq!(published(), [], "b has dropped the answer");
            dropper_ends(b, true);
            assert_eq!(published(), [(a, b)], "but it ends, and a waits for why");
        }
        assert_eq!(pid(), Some(a));
        drop(alone);
        assert_eq!(pid(), None);
    }
}
