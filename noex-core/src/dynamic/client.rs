use super::children::DynamicChild;
use super::message::{DynamicCall, Request};
use super::runtime::DynamicSupervisor;
use crate::process::{ExitReason, Pid};
use crate::server::{CallError, Child, GenServer, ReplyTo, ServerRef, StartError};
use crate::supervisor::{ChildCount, ChildError};

impl<E> ServerRef<DynamicSupervisor<E>>
where
    E: Clone + Send + Sync + 'static,
{
    async fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce(ReplyTo<T>) -> Request<E>,
    ) -> Result<T, CallError> {
        // As long as the children take, as in OTP.
        self.call(|reply| DynamicCall(request(reply)))
            .no_timeout()
            .await
    }

    /// Starts a child.
    ///
    /// # Errors
    ///
    /// `MaxChildren`; `Start` when it does not start, and then nothing is left of it; `Spec` when it
    /// is significant, which children of a dynamic supervisor cannot be.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was polled, the child may be started all the same.
    ///
    /// The Elixir name is the same.
    pub async fn start_child<S: GenServer>(
        &self,
        child: Child<S>,
    ) -> Result<ServerRef<S>, ChildError> {
        self.start_child_with(move |_| child).await
    }

    /// Starts a child that is made of the supervisor's
    /// [extra arguments](super::DynamicSupervisorBuilder::extra_arguments). `make` runs in the supervisor; if
    /// it panics, the start fails.
    ///
    /// # Errors
    ///
    /// As [`start_child`](ServerRef::start_child).
    pub async fn start_child_with<S: GenServer>(
        &self,
        make: impl FnOnce(&E) -> Child<S> + Send + 'static,
    ) -> Result<ServerRef<S>, ChildError> {
        let make = Box::new(move |extra: &E| make(extra).into());
        let pid = self.ask(|reply| Request::Start(make, reply)).await??;
        ServerRef::from_pid(pid).ok_or(ChildError::Start(StartError::Exited(ExitReason::NoProc)))
    }

    /// Stops a child, as its `shutdown` says, and forgets it. One that is being restarted is known by the
    /// pid it had last.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    ///
    /// The Elixir name is the same.
    pub async fn terminate_child(&self, child: impl Into<Pid>) -> Result<(), ChildError> {
        let pid = child.into();
        self.ask(|reply| Request::Terminate(pid, reply)).await?
    }

    /// All children, in no particular order.
    ///
    /// # Errors
    ///
    /// As a call.
    ///
    /// The Elixir name is the same.
    pub async fn which_children(&self) -> Result<Vec<DynamicChild>, CallError> {
        self.ask(Request::Which).await
    }

    /// How many children there are.
    ///
    /// # Errors
    ///
    /// As a call.
    ///
    /// The Elixir name is the same.
    pub async fn count_children(&self) -> Result<ChildCount, CallError> {
        self.ask(Request::Count).await
    }
}
