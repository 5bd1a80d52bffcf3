//! Panics of user code: caught, put into words, and placed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use super::exit_reason::{ExitReason, Panicked};

thread_local! {
    /// How many `catch`es are on this thread's stack: the hook records for them only.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// The next panic on this thread is noex trying something out.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Runs `f`; a panic comes back as the reason for which the process ends.
#[inline]
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, ExitReason> {
    let mut value = None;
    match panicked(|| value = Some(f())) {
        Some(reason) => Err(*reason),
        None => value.ok_or(ExitReason::Killed),
    }
}

/// Runs `f`; gives the reason for which the process ends, if it panicked.
#[inline]
pub(crate) fn panicked(f: impl FnOnce()) -> Option<Box<ExitReason>> {
    CATCHING.set(CATCHING.get() + 1);
    let caught = panic::catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(CATCHING.get() - 1);
    caught.err().map(|payload| Box::new(reason(payload)))
}

/// Runs something that panics where it cannot be done, without a word on standard error.
pub(crate) fn probe<R>(f: impl FnOnce() -> R) -> Option<R> {
    QUIET.set(true);
    let probed = panic::catch_unwind(AssertUnwindSafe(f));
    QUIET.set(false);
    probed.ok()
}

/// Values of the user's that are dropped one by one: the Drop of one that panics
/// does not keep the others from being dropped, nor two of them abort the program.
pub(crate) struct DropEach<I: IntoIterator>(Option<I>);

impl<I: IntoIterator> DropEach<I> {
    pub(crate) fn new(values: I) -> Self {
        DropEach(Some(values))
    }
}

impl<I: IntoIterator> Drop for DropEach<I> {
    fn drop(&mut self) {
        for value in self.0.take().into_iter().flatten() {
            let _ = catch(|| drop(value));
        }
    }
}

#[cold]
fn reason(payload: Box<dyn Any + Send>) -> ExitReason {
    let place = PLACE.with(|place| place.borrow_mut().take());
    let message: Box<str> = match payload.downcast::<&'static str>() {
        Ok(text) => (*text).into(),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => text.into_boxed_str(),
            Err(other) => {
                // The payload's own Drop may panic: it must not reach the loop.
                if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(other))) {
                    std::mem::forget(second);
                }
                "[the payload is not a string]".into()
            }
        },
    };
    ExitReason::Panic(Arc::new(Panicked::new(message, place)))
}

/// Puts a hook in front of the one there is that notes where a process
/// panicked, since the payload does not say. The earlier hook is always called.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if std::thread::panicking() {
            return; // set_hook would panic; places are missing then
        }
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                return;
            }
            if CATCHING.get() > 0 {
                let place = info.location().map(|l| l.to_string().into_boxed_str());
                PLACE.with(|slot| *slot.borrow_mut() = place);
            }
            earlier(info);
        }));
    });
}
