use std::fmt;

use tokio::time::Instant;

use super::builder::{SupervisorBuilder, check_child};
use super::children::{Children, State};
use super::error::{ChildError, ChildFailed};
use super::intensity::Window;
use super::message::{Request, Retry, SupervisorCall, SupervisorInfo};
use super::stopping;
use super::strategy::{AutoShutdown, Fate, Strategy, ends_too, fate};
use crate::process::{ExitReason, ExitSignal, Pid};
use crate::server::{ChildSpec, Context, Exit, GenServer, Info, Restart, StartError, StateAccess};

/// A process that starts others, restarts them when they crash, and stops them in
/// reverse order.
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer, ReplyTo};
/// # #[derive(Clone)] struct Stock;
/// # struct Inventory; struct Ledger;
/// # impl GenServer for Inventory {
/// #     type Args = Stock; type Call = ReplyTo<u32>; type Cast = (); type Info = ();
/// #     async fn init(_: Stock, _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Inventory) }
/// #     async fn handle_call(&mut self, reply: Self::Call, _cx: &mut Context<Self>) -> Result<(), Exit> { reply.send(7); Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # impl GenServer for Ledger {
/// #     type Args = (); type Call = (); type Cast = (); type Info = ();
/// #     async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Ledger) }
/// #     async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let stock = Stock;
/// use std::time::Duration;
/// use noex::{Name, Restart, Shutdown, Supervisor};
///
/// let tree = Supervisor::one_for_one()
///     .intensity(3, Duration::from_secs(5))
///     .child(Inventory::child(stock).name("doc-inventory"))
///     .child(
///         Ledger::child(())
///             .restart(Restart::Transient)
///             .shutdown(Shutdown::After(Duration::from_secs(10))),
///     )
///     .start()
///     .await?;
///
/// let inventory = Name::<Inventory>::new("doc-inventory");
/// assert_eq!(inventory.call(|reply| reply).await?, 7);
/// tree.stop().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Restarting
///
/// The [`Strategy`] says which children a restart takes in, each child's [`Restart`] whether
/// its end asks for one. Children are linked to their supervisor, which learns of a death
/// from the link; nothing polls.
///
/// Restarts are counted over the whole supervisor in a window that slides: a restart of a
/// group counts once, an attempt that fails counts too. More than the intensity allows
/// end the supervisor with `Shutdown`, after it has stopped its other children in reverse.
///
/// A child whose attempt failed, or that waits for its [backoff](crate::Child::backoff), is `Restarting`; the
/// supervisor answers meanwhile.
///
/// # Children at run time
///
/// A `ServerRef<Supervisor>` has [`start_child`](crate::ServerRef::start_child),
/// [`terminate_child`](crate::ServerRef::terminate_child), [`restart_child`](crate::ServerRef::restart_child),
/// [`delete_child`](crate::ServerRef::delete_child), [`which_children`](crate::ServerRef::which_children) and
/// [`count_children`](crate::ServerRef::count_children).
///
/// # Stopping
///
/// Children are stopped one after the other, the last started first, each as its
/// [`Shutdown`](crate::Shutdown) says. A child that was killed and whose handler still does not come back
/// is reported after a second, as abandoned, and the supervisor goes on. `stop()` on a supervisor
/// waits 5 s unless told otherwise, like any `stop()`.
///
/// # When (not) to use
///
/// For a known set of children that belong together. Where children of one kind come and
/// go in numbers, ids are a burden.
///
/// The OTP name is `supervisor`.
pub struct Supervisor {
    strategy: Strategy,
    auto_shutdown: AutoShutdown,
    window: Window,
    children: Children,
    restarts: u64,
    last_retry: u64,
}

impl Supervisor {
    /// One whose child that ends is restarted alone.
    pub fn one_for_one() -> SupervisorBuilder {
        SupervisorBuilder::new(Strategy::OneForOne)
    }

    /// One whose children are all restarted when one ends.
    pub fn one_for_all() -> SupervisorBuilder {
        SupervisorBuilder::new(Strategy::OneForAll)
    }

    /// One whose child that ends is restarted together with those started after it.
    pub fn rest_for_one() -> SupervisorBuilder {
        SupervisorBuilder::new(Strategy::RestForOne)
    }

    /// One with the given strategy.
    pub fn with_strategy(strategy: Strategy) -> SupervisorBuilder {
        SupervisorBuilder::new(strategy)
    }

    /// Starts the child at `index`. A declined start leaves it stopped, which is no failure.
    async fn start_at(&mut self, index: usize, me: Pid) -> Result<Option<Pid>, StartError> {
        let Some(entry) = self.children.get(index) else {
            return Ok(None);
        };
        match entry.spec.start(me).await {
            Ok(process) => {
                let pid = process.core().pid();
                self.children.set_running(index, process, Instant::now());
                Ok(Some(pid))
            }
            Err(StartError::Ignore) => {
                self.children.set_idle(index, State::Stopped);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Stops the child at `index` if it runs.
    async fn stop_at(&mut self, index: usize) {
        let Some(entry) = self.children.get(index) else {
            return;
        };
        let shutdown = entry.spec.policy().shutdown;
        // From here on its EXIT is that of a stranger.
        if let Some(process) = self.children.set_idle(index, State::Stopped) {
            stopping::stop(process, shutdown).await;
        }
    }

    async fn stop_all(&mut self) {
        for index in (0..self.children.len()).rev() {
            self.stop_at(index).await;
        }
    }

    async fn child_ended(&mut self, exit: ExitSignal, cx: &mut Context<Self>) -> Result<(), Exit> {
        let Some(index) = self.children.index_of_pid(exit.from) else {
            // One that was stopped on purpose, or somebody who linked to us.
            return Ok(());
        };
        self.children.set_idle(index, State::Stopped);
        let Some(entry) = self.children.get(index) else {
            return Ok(());
        };
        let policy = entry.spec.policy().clone();
        let fate = fate(policy.restart, &exit.reason);
        if fate == Fate::Restart {
            return self.restart(index, cx).await;
        }
        let others = self.children.other_significant(index);
        if fate == Fate::Forget {
            self.children.remove(index);
        }
        if ends_too(self.auto_shutdown, policy.significant, others) {
            return Err(Exit::Shutdown);
        }
        Ok(())
    }

    /// The child at `index` has to be started again: now, or after its backoff.
    async fn restart(&mut self, index: usize, cx: &mut Context<Self>) -> Result<(), Exit> {
        self.count_restart(index, cx)?;
        let Some(entry) = self.children.get_mut(index) else {
            return Ok(());
        };
        let Some(backoff) = entry.spec.policy().backoff else {
            return self.restart_now(index, cx).await;
        };
        let delay = entry.streak.next_delay(&backoff);
        let retry = self.mark_restarting(index);
        if let Some(retry) = retry {
            cx.send_after(delay, SupervisorInfo(retry));
        }
        Ok(())
    }

    fn count_restart(&mut self, index: usize, cx: &Context<Self>) -> Result<(), Exit> {
        self.restarts += 1;
        if self.window.admit(Instant::now()) {
            return Ok(());
        }
        let child = self.children.get(index).map(|entry| entry.spec.id());
        tracing::warn!(
            target: "noex::supervisor",
            pid = %cx.pid(),
            name = cx.name(),
            child,
            "more restarts than the intensity allows: the supervisor shuts down",
        );
        Err(Exit::Shutdown)
    }

    fn mark_restarting(&mut self, index: usize) -> Option<Retry> {
        self.last_retry += 1;
        self.children
            .set_idle(index, State::Restarting(self.last_retry));
        Some(Retry {
            id: self.children.get(index)?.spec.id().to_owned(),
            restart: self.last_retry,
        })
    }

    /// Restarts the child at `index`, and with it whom the strategy takes in.
    async fn restart_now(&mut self, index: usize, cx: &mut Context<Self>) -> Result<(), Exit> {
        let affected = self.strategy.affected(index, self.children.len());
        let mut to_start = Vec::new();
        for at in affected.rev() {
            self.stop_at(at).await;
            let Some(entry) = self.children.get(at) else {
                continue;
            };
            if at != index && entry.spec.policy().restart == Restart::Temporary {
                // It is never started again.
                self.children.remove(at);
            } else {
                to_start.push(entry.spec.id().to_owned());
            }
        }
        for id in to_start.into_iter().rev() {
            let Some(at) = self.children.index_of(&id) else {
                continue;
            };
            if let Err(error) = self.start_at(at, cx.pid()).await {
                tracing::debug!(target: "noex::supervisor", child = %id, %error, "restart failed");
                return self.retry_later(at, cx);
            }
        }
        Ok(())
    }

    /// An attempt has failed. The next one, which counts like any other, is a message to
    /// ourselves, so that others are answered in between, or comes after the backoff.
    fn retry_later(&mut self, index: usize, cx: &mut Context<Self>) -> Result<(), Exit> {
        self.count_restart(index, cx)?;
        let Some(retry) = self.mark_restarting(index) else {
            return Ok(());
        };
        let entry = self.children.get_mut(index);
        let delay = entry.and_then(|entry| {
            let backoff = entry.spec.policy().backoff?;
            Some(entry.streak.next_delay(&backoff))
        });
        cx.send_after(delay.unwrap_or_default(), SupervisorInfo(retry));
        Ok(())
    }

    async fn retry(&mut self, retry: Retry, cx: &mut Context<Self>) -> Result<(), Exit> {
        let Some(index) = self.children.index_of(&retry.id) else {
            return Ok(());
        };
        let due = self
            .children
            .get(index)
            .is_some_and(|entry| matches!(entry.state, State::Restarting(n) if n == retry.restart));
        if due {
            self.restart_now(index, cx).await
        } else {
            Ok(())
        }
    }

    async fn start_child(&mut self, spec: ChildSpec, me: Pid) -> Result<Pid, ChildError> {
        check_child(&spec, self.auto_shutdown)?;
        if let Some(index) = self.children.index_of(spec.id()) {
            let pid = self
                .children
                .get(index)
                .and_then(super::children::Entry::pid);
            return Err(pid.map_or(ChildError::AlreadyPresent, ChildError::AlreadyStarted));
        }
        let temporary = spec.policy().restart == Restart::Temporary;
        let index = self.children.push(spec);
        match self.start_at(index, me).await {
            Ok(Some(pid)) => Ok(pid),
            Ok(None) => {
                if temporary {
                    self.children.remove(index);
                }
                Err(ChildError::Start(StartError::Ignore))
            }
            Err(error) => {
                self.children.remove(index);
                Err(ChildError::Start(error))
            }
        }
    }

    async fn terminate_child(&mut self, id: String) -> Result<(), ChildError> {
        let Some(index) = self.children.index_of(&id) else {
            return Err(ChildError::NotFound { id });
        };
        self.stop_at(index).await;
        let entry = self.children.get(index);
        if entry.is_some_and(|entry| entry.spec.policy().restart == Restart::Temporary) {
            self.children.remove(index);
        }
        Ok(())
    }

    /// The index of a child that is stopped.
    fn stopped(&self, id: String) -> Result<usize, ChildError> {
        let Some((index, entry)) = self
            .children
            .index_of(&id)
            .and_then(|index| Some((index, self.children.get(index)?)))
        else {
            return Err(ChildError::NotFound { id });
        };
        match &entry.state {
            State::Running(process) => Err(ChildError::Running(process.core().pid())),
            State::Restarting(_) => Err(ChildError::Restarting),
            State::Stopped => Ok(index),
        }
    }

    async fn restart_child(&mut self, id: String, me: Pid) -> Result<Pid, ChildError> {
        let index = self.stopped(id)?;
        match self.start_at(index, me).await {
            Ok(Some(pid)) => Ok(pid),
            Ok(None) => Err(ChildError::Start(StartError::Ignore)),
            Err(error) => Err(ChildError::Start(error)),
        }
    }
}

impl GenServer for Supervisor {
    type Args = SupervisorBuilder;
    type Call = SupervisorCall;
    type Cast = std::convert::Infallible;
    type Info = SupervisorInfo;

    // Replacing it would leave children that nobody stops.
    const STATE_ACCESS: StateAccess = StateAccess::Read;

    async fn init(spec: SupervisorBuilder, cx: &mut Context<Self>) -> Result<Self, Exit> {
        spec.check()?;
        cx.trap_exit();
        let mut supervisor = Supervisor {
            strategy: spec.strategy,
            auto_shutdown: spec.auto_shutdown,
            window: Window::new(spec.restarts, spec.period),
            children: Children::default(),
            restarts: 0,
            last_retry: 0,
        };
        for child in spec.children {
            let temporary = child.policy().restart == Restart::Temporary;
            let index = supervisor.children.push(child);
            match supervisor.start_at(index, cx.pid()).await {
                Ok(None) if temporary => supervisor.children.remove(index),
                Ok(_) => {}
                Err(error) => {
                    let id = supervisor.children.get(index).map(|entry| entry.spec.id());
                    let id = id.unwrap_or_default().to_owned();
                    supervisor.stop_all().await;
                    return Err(ChildFailed { id, error }.into());
                }
            }
        }
        Ok(supervisor)
    }

    async fn handle_call(
        &mut self,
        SupervisorCall(request): SupervisorCall,
        cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        match request {
            Request::Start(spec, reply) => reply.send(self.start_child(*spec, cx.pid()).await),
            Request::Terminate(id, reply) => reply.send(self.terminate_child(id).await),
            Request::Restart(id, reply) => reply.send(self.restart_child(id, cx.pid()).await),
            Request::Delete(id, reply) => {
                let stopped = self.stopped(id);
                reply.send(stopped.map(|index| self.children.remove(index)));
            }
            Request::Which(reply) => reply.send(self.children.report()),
            Request::Count(reply) => reply.send(self.children.count(self.restarts)),
        }
        Ok(())
    }

    async fn handle_cast(
        &mut self,
        cast: std::convert::Infallible,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        match cast {}
    }

    async fn handle_info(
        &mut self,
        info: Info<SupervisorInfo>,
        cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        match info {
            Info::Exit(exit) => self.child_ended(exit, cx).await,
            Info::Message(SupervisorInfo(retry)) => self.retry(retry, cx).await,
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        self.stop_all().await;
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("strategy", &self.strategy)
            .field("children", &self.children.report())
            .finish_non_exhaustive()
    }
}
