use super::error::ChildError;
use super::message::{Request, SupervisorCall};
use super::report::{ChildCount, ChildInfo};
use super::runtime::Supervisor;
use crate::process::{ExitReason, Pid};
use crate::server::{CallError, Child, GenServer, ReplyTo, ServerRef, StartError};

impl ServerRef<Supervisor> {
    async fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce(ReplyTo<T>) -> Request,
    ) -> Result<T, CallError> {
        // As long as the children take, as in OTP.
        self.call(|reply| SupervisorCall(request(reply)))
            .no_timeout()
            .await
    }

    /// Starts one more child, after all others.
    ///
    /// # Errors
    ///
    /// `AlreadyStarted` or `AlreadyPresent` when there is one of its id; `Start` when it does not
    /// start, and then no entry is left, unless its `init` declined: then the entry is there, stopped.
    ///
    /// The OTP name is the same.
    pub async fn start_child<S: GenServer>(
        &self,
        child: Child<S>,
    ) -> Result<ServerRef<S>, ChildError> {
        let pid = self
            .ask(|reply| Request::Start(Box::new(child.into()), reply))
            .await??;
        ServerRef::from_pid(pid).ok_or(ChildError::Start(StartError::Exited(ExitReason::NoProc)))
    }

    /// Stops a child, as its `shutdown` says. Its entry stays, unless it is temporary.
    /// Harmless for one that is stopped. It ends the restarting of one that is being restarted.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    ///
    /// The OTP name is the same.
    pub async fn terminate_child(&self, id: impl Into<String>) -> Result<(), ChildError> {
        let id = id.into();
        self.ask(|reply| Request::Terminate(id, reply)).await?
    }

    /// Starts a stopped child again, and tells its new pid.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Running`, `Restarting`, or `Start`.
    ///
    /// The OTP name is the same.
    pub async fn restart_child(&self, id: impl Into<String>) -> Result<Pid, ChildError> {
        let id = id.into();
        self.ask(|reply| Request::Restart(id, reply)).await?
    }

    /// Forgets a stopped child.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Running` or `Restarting`.
    ///
    /// The OTP name is the same.
    pub async fn delete_child(&self, id: impl Into<String>) -> Result<(), ChildError> {
        let id = id.into();
        self.ask(|reply| Request::Delete(id, reply)).await?
    }

    /// All children in the order of starting.
    ///
    /// # Errors
    ///
    /// As a call.
    ///
    /// The OTP name is the same.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, CallError> {
        self.ask(Request::Which).await
    }

    /// How many children there are.
    ///
    /// # Errors
    ///
    /// As a call.
    ///
    /// The OTP name is the same.
    pub async fn count_children(&self) -> Result<ChildCount, CallError> {
        self.ask(Request::Count).await
    }
}
