use super::message::AgentJob;
use super::runtime::Agent;
use crate::server::{Reach, SendError};

/// What can be asked of an [`Agent`] through whatever reaches it: a
/// [`ServerRef`](crate::ServerRef), a [`Name`](crate::Name), a [`Pool`](crate::Pool).
///
/// The closures run in the agent's process, one after the other, so they should be short. They
/// are calls like any other: 5 s unless `.timeout(d)` says otherwise, and
/// [`CallError`](crate::CallError) tells what went wrong. One that panics ends the agent, and its
/// caller gets the panic as the reason.
///
/// # Cancel safety
///
/// A closure that was sent runs, also when its caller is dropped or does not wait long enough.
pub trait AgentClient<T: Send + 'static>: Reach<Agent<T>> {
    /// What the closure makes of the state.
    ///
    /// The OTP (Elixir) name is `Agent.get`.
    fn get<R, F>(&self, look: F) -> Self::Call<'_, R>
    where
        R: Send + 'static,
        F: FnOnce(&T) -> R + Send + 'static,
    {
        self.get_and_update(|state| look(state))
    }

    /// Has the closure change the state, and waits until it has.
    ///
    /// The OTP (Elixir) name is `Agent.update`.
    fn update<F>(&self, change: F) -> Self::Call<'_, ()>
    where
        F: FnOnce(&mut T) + Send + 'static,
    {
        self.get_and_update(change)
    }

    /// Has the closure change the state, and gives what it returns. Nothing comes in between.
    ///
    /// The OTP (Elixir) name is `Agent.get_and_update`.
    fn get_and_update<R, F>(&self, change: F) -> Self::Call<'_, R>
    where
        R: Send + 'static,
        F: FnOnce(&mut T) -> R + Send + 'static,
    {
        self.call(|reply| AgentJob::new(move |state| reply.send(change(state))))
    }

    /// Has the closure change the state, and does not wait.
    ///
    /// The OTP (Elixir) name is `Agent.cast`.
    ///
    /// # Errors
    ///
    /// The closure comes back, as a job, when it cannot be delivered.
    fn cast_update<F>(&self, change: F) -> Result<(), SendError<AgentJob<T>>>
    where
        F: FnOnce(&mut T) + Send + 'static,
    {
        self.cast(AgentJob::new(change))
    }
}

impl<T: Send + 'static, R: Reach<Agent<T>> + ?Sized> AgentClient<T> for R {}
