//! Introspection, over the system lane: it overtakes messages and works on a
//! suspended server and with a full mailbox. A handler that is running is not
//! disturbed: what needs the state waits for it.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::behaviour::{GenServer, StateAccess};
use super::call::{CallError, Deadline};
use super::message::System;
use super::server_ref::ServerRef;
use crate::process::slot::{Failure, Fate, Slot, Waiter};
use crate::process::waits::{self, Circle};
use crate::process::{ExitReason, current, unwind};

/// Introspection of one server. Each question waits up to 5 s for a handler that is running.
///
/// The OTP name is the module `sys`.
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer};
/// # struct Counter { value: i64 }
/// # impl GenServer for Counter {
/// #     type Args = i64; type Call = (); type Cast = (); type Info = ();
/// #     async fn init(value: i64, _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Counter { value }) }
/// #     async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let counter = Counter::start(5).await?;
/// assert_eq!(counter.sys().read(|counter| counter.value).await?, 5);
/// counter.sys().replace_state(|old| Counter { value: old.value * 2 }).await?;
/// assert_eq!(counter.sys().read(|counter| counter.value).await?, 10);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sys<'a, S: GenServer> {
    server: &'a ServerRef<S>,
}

/// Why introspection has no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SysError {
    /// The server does not let its state be read, or be replaced.
    #[error("the server allows {allowed:?} access to its state")]
    NotAllowed {
        /// What it allows.
        allowed: StateAccess,
    },
    /// The function that was given panicked. The server goes on with the state it had.
    #[error("the given function {0}")]
    Panicked(ExitReason),
    /// No answer in time, or no server: as for a call.
    #[error(transparent)]
    Call(#[from] CallError),
}

const TIMEOUT: Duration = Duration::from_secs(5);

impl<S: GenServer> Clone for Sys<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: GenServer> Copy for Sys<'_, S> {}

impl<'a, S: GenServer> Sys<'a, S> {
    pub(crate) fn new(server: &'a ServerRef<S>) -> Self {
        Sys { server }
    }

    /// Looks at the state between two messages.
    ///
    /// # Errors
    ///
    /// `NotAllowed` if the server's [`STATE_ACCESS`](GenServer::STATE_ACCESS) is
    /// `Denied`; see [`SysError`].
    pub async fn read<R: Send + 'static>(
        self,
        look: impl FnOnce(&S) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        if S::STATE_ACCESS == StateAccess::Denied {
            return Err(not_allowed::<S>());
        }
        self.between_messages(move |state| unwind::catch(|| look(state)))
            .await?
            .map_err(SysError::Panicked)
    }

    /// A copy of the state.
    ///
    /// The OTP name is `get_state`.
    ///
    /// # Errors
    ///
    /// As [`read`](Sys::read).
    pub async fn get_state(self) -> Result<S, SysError>
    where
        S: Clone,
    {
        self.read(S::clone).await
    }

    /// Replaces the state by what `make` makes of the old one. If it panics nothing is changed.
    ///
    /// The OTP name is `replace_state`.
    ///
    /// # Errors
    ///
    /// `NotAllowed` unless the server's [`STATE_ACCESS`](GenServer::STATE_ACCESS) is
    /// `ReadWrite`; see [`SysError`].
    pub async fn replace_state(
        self,
        make: impl FnOnce(&S) -> S + Send + 'static,
    ) -> Result<(), SysError> {
        if S::STATE_ACCESS != StateAccess::ReadWrite {
            return Err(not_allowed::<S>());
        }
        self.between_messages(move |state| {
            let new = unwind::catch(|| make(state))?;
            let old = std::mem::replace(state, new);
            // A panic in the old state's Drop comes too late to take anything back.
            let _ = unwind::catch(|| drop(old));
            Ok(())
        })
        .await?
        .map_err(SysError::Panicked)
    }

    /// The state as [`format_status`](GenServer::format_status) shows it.
    ///
    /// The OTP name is `get_status`.
    ///
    /// # Errors
    ///
    /// See [`SysError`].
    pub async fn describe(self) -> Result<Option<String>, SysError> {
        self.between_messages(|state| unwind::catch(|| state.format_status()))
            .await?
            .map_err(SysError::Panicked)
    }

    /// Has it read nothing but introspection until it is resumed. What is sent
    /// meanwhile stays in the mailbox. Returns when it is suspended.
    ///
    /// # Errors
    ///
    /// See [`SysError`].
    pub async fn suspend(self) -> Result<(), SysError> {
        self.set_suspended(true).await
    }

    /// Has it go on. Harmless if it was not suspended.
    ///
    /// # Errors
    ///
    /// See [`SysError`].
    pub async fn resume(self) -> Result<(), SysError> {
        self.set_suspended(false).await
    }

    async fn set_suspended(self, suspended: bool) -> Result<(), SysError> {
        let cell = self.server.cell().clone();
        self.between_messages(move |_| cell.core().set_suspended(suspended))
            .await
    }

    async fn between_messages<R: Send + 'static>(
        self,
        act: impl FnOnce(&mut S) -> R + Send + 'static,
    ) -> Result<R, SysError> {
        let cell = self.server.cell();
        if current::pid() == Some(cell.core().pid()) {
            return Err(CallError::CallingSelf.into());
        }
        let slot = Arc::new(Slot::new());
        slot.owned_by(cell.core().pid());
        let waiter: Arc<dyn Waiter> = slot.clone();
        let _wait = match current::pid() {
            None => None,
            Some(caller) => {
                let wait = waits::begin(caller, cell.core().pid(), waiter.clone());
                Some(wait.map_err(|Circle(pids)| CallError::Deadlock(pids))?)
            }
        };
        let answer = Answer(slot.clone());
        let system: System<S> = Box::new(move |state, _cx| {
            let value = act(state);
            let _ = answer.0.complete(value);
        });
        if cell.post_system(system).is_err() {
            return Err(CallError::Exited(ExitReason::NoProc).into());
        }
        if cell.add_waiter(waiter.clone(), None).is_err() {
            let reason = cell.core().exit_reason().cloned();
            let reason = reason.unwrap_or(ExitReason::NoProc);
            return Err(CallError::Exited(reason).into());
        }
        let mut deadline = Deadline::new(Some(TIMEOUT), &waiter);
        let outcome = std::future::poll_fn(|cx| match slot.poll(cx.waker()) {
            std::task::Poll::Pending => deadline.poll(cx).map(|()| Err(Failure::Expired)),
            ready => ready,
        })
        .await;
        outcome.map_err(|failure| CallError::from_failure(failure, Some(TIMEOUT)).into())
    }
}

fn not_allowed<S: GenServer>() -> SysError {
    SysError::NotAllowed {
        allowed: S::STATE_ACCESS,
    }
}

/// A question that is dropped unanswered is so because the server dies.
struct Answer<R>(Arc<Slot<R>>);

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        self.0.leave_in_limbo(Fate::Ending);
    }
}
