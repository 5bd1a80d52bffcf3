use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::builder::DynamicSupervisorBuilder;
use super::children::{Again, Children, Entry};
use super::message::{DynamicCall, DynamicInfo, MakeChild, Request, Retry};
use crate::process::{ExitReason, ExitSignal, Pid, unwind};
use crate::server::{Context, Exit, GenServer, Info, StartError, StateAccess};
use crate::supervisor::builder::check_child;
use crate::supervisor::intensity::Window;
use crate::supervisor::strategy::{AutoShutdown, Fate, fate};
use crate::supervisor::{ChildError, stopping};

/// A supervisor whose children are started at run time, in any number, and are known by their pids.
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer, ReplyTo};
/// # #[derive(Clone)] struct Store;
/// # struct Session { user: String }
/// # impl GenServer for Session {
/// #     type Args = (Store, String); type Call = ReplyTo<String>; type Cast = (); type Info = ();
/// #     async fn init((_, user): (Store, String), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Session { user }) }
/// #     async fn handle_call(&mut self, reply: Self::Call, _cx: &mut Context<Self>) -> Result<(), Exit> { reply.send(self.user.clone()); Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noex::{DynamicSupervisor, Restart};
///
/// let sessions = DynamicSupervisor::builder()
///     .max_children(10_000)
///     .extra_arguments(Store)
///     .start()
///     .await?;
///
/// let ada = sessions
///     .start_child_with(|store| {
///         Session::child((store.clone(), "ada".into())).restart(Restart::Temporary)
///     })
///     .await?;
/// assert_eq!(ada.call(|reply| reply).await?, "ada");
/// assert_eq!(sessions.count_children().await?.active, 1);
///
/// sessions.terminate_child(&ada).await?;
/// sessions.stop().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Children
///
/// A `ServerRef<DynamicSupervisor>` has [`start_child`](crate::ServerRef::start_child),
/// [`start_child_with`](crate::ServerRef::start_child_with), [`terminate_child`](crate::ServerRef::terminate_child),
/// [`which_children`](crate::ServerRef::which_children) and [`count_children`](crate::ServerRef::count_children). A child's id
/// is not looked at.
///
/// It restarts them one for one, with the restart types, the intensity and the backoff of
/// [`Supervisor`](crate::Supervisor). A child that has ended for good is forgotten. A child is found by
/// its pid in constant time, however many there are.
///
/// It waits for the `init` of a child, and for the end of one that it terminates, before it does anything else.
///
/// # Stopping
///
/// All children are stopped side by side, each within its own [`Shutdown`](crate::Shutdown).
///
/// # When (not) to use
///
/// For children of one kind that come and go: sessions, connections, jobs. Services that are known
/// beforehand and depend on each other belong under a [`Supervisor`](crate::Supervisor), which keeps their order.
///
/// The Elixir name is `DynamicSupervisor`.
pub struct DynamicSupervisor<E = ()> {
    extra: E,
    max_children: Option<usize>,
    window: Window,
    children: Children,
    restarts: u64,
}

impl DynamicSupervisor {
    /// Describes one.
    pub fn builder() -> DynamicSupervisorBuilder {
        DynamicSupervisorBuilder::new()
    }
}

impl<E> DynamicSupervisor<E>
where
    E: Clone + Send + Sync + 'static,
{
    async fn start_child(&mut self, make: MakeChild<E>, me: Pid) -> Result<Pid, ChildError> {
        if let Some(max) = self.max_children
            && self.children.len() >= max
        {
            return Err(ChildError::MaxChildren { max });
        }
        let made = unwind::catch(|| make(&self.extra));
        let spec = made.map_err(|reason| ChildError::Start(StartError::from_reason(reason)))?;
        check_child(&spec, AutoShutdown::Never)?;
        let process = spec.start(me).await.map_err(ChildError::Start)?;
        let pid = process.core().pid();
        self.children.add_running(process, Again::of(spec));
        Ok(pid)
    }

    async fn terminate_child(&mut self, pid: Pid) -> Result<(), ChildError> {
        let Some(entry) = self.children.take(pid) else {
            let id = pid.to_string();
            return Err(ChildError::NotFound { id });
        };
        // From here on its EXIT is that of a stranger.
        if let Some((process, shutdown)) = entry.into_running() {
            stopping::stop(process, shutdown).await;
        }
        Ok(())
    }

    async fn child_ended(&mut self, exit: ExitSignal, cx: &mut Context<Self>) -> Result<(), Exit> {
        let Some(Entry { restart, again, .. }) = self.children.take(exit.from) else {
            // One that was stopped on purpose, or somebody who linked to us.
            return Ok(());
        };
        let Some(mut again) = again else {
            return Ok(());
        };
        if fate(restart, &exit.reason) != Fate::Restart {
            return Ok(());
        }
        self.count_restart(cx)?;
        match again.spec.policy().backoff {
            Some(backoff) => {
                let delay = again.streak.next_delay(&backoff);
                self.restart_after(delay, exit.from, again, cx);
                Ok(())
            }
            None => self.restart(exit.from, again, cx).await,
        }
    }

    /// Starts a child again that had the pid `was`.
    async fn restart(
        &mut self,
        was: Pid,
        mut again: Box<Again>,
        cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        match again.spec.start(cx.pid()).await {
            Ok(process) => self.children.add_running(process, again),
            // A declined start is no failure, and leaves nothing.
            Err(StartError::Ignore) => {}
            Err(error) => {
                tracing::debug!(target: "noex::supervisor", child = %was, %error, "restart failed");
                self.count_restart(cx)?;
                let backoff = again.spec.policy().backoff;
                let delay = backoff.map(|backoff| again.streak.next_delay(&backoff));
                self.restart_after(delay.unwrap_or_default(), was, again, cx);
            }
        }
        Ok(())
    }

    /// The next attempt is a message to ourselves, so that others are answered in between.
    fn restart_after(
        &mut self,
        delay: Duration,
        was: Pid,
        again: Box<Again>,
        cx: &mut Context<Self>,
    ) {
        self.children.add_restarting(was, again);
        cx.send_after(delay, DynamicInfo(Retry { pid: was }));
    }

    async fn retry(&mut self, Retry { pid }: Retry, cx: &mut Context<Self>) -> Result<(), Exit> {
        // It is gone if it was terminated meanwhile. A pid is never used again, so it is no other.
        match self.children.take(pid).and_then(|entry| entry.again) {
            Some(again) => self.restart(pid, again, cx).await,
            None => Ok(()),
        }
    }

    fn count_restart(&mut self, cx: &Context<Self>) -> Result<(), Exit> {
        self.restarts += 1;
        if self.window.admit(Instant::now()) {
            return Ok(());
        }
        tracing::warn!(
            target: "noex::supervisor",
            pid = %cx.pid(),
            name = cx.name(),
            "more restarts than the intensity allows: the supervisor shuts down",
        );
        Err(Exit::Shutdown)
    }
}

impl<E> GenServer for DynamicSupervisor<E>
where
    E: Clone + Send + Sync + 'static,
{
    type Args = DynamicSupervisorBuilder<E>;
    type Call = DynamicCall<E>;
    type Cast = std::convert::Infallible;
    type Info = DynamicInfo;

    // Replacing it would leave children that nobody stops.
    const STATE_ACCESS: StateAccess = StateAccess::Read;

    async fn init(spec: DynamicSupervisorBuilder<E>, cx: &mut Context<Self>) -> Result<Self, Exit> {
        spec.check()?;
        cx.trap_exit();
        Ok(DynamicSupervisor {
            extra: spec.extra,
            max_children: spec.max_children,
            window: Window::new(spec.restarts, spec.period),
            children: Children::default(),
            restarts: 0,
        })
    }

    async fn handle_call(
        &mut self,
        DynamicCall(request): DynamicCall<E>,
        cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        match request {
            Request::Start(make, reply) => reply.send(self.start_child(make, cx.pid()).await),
            Request::Terminate(pid, reply) => reply.send(self.terminate_child(pid).await),
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
        info: Info<DynamicInfo>,
        cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        match info {
            Info::Exit(exit) => self.child_ended(exit, cx).await,
            Info::Message(DynamicInfo(retry)) => self.retry(retry, cx).await,
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        let running = self.children.take_all().filter_map(Entry::into_running);
        stopping::side_by_side(running).await;
    }
}

impl<E> fmt::Debug for DynamicSupervisor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicSupervisor")
            .field("children", &self.children.len())
            .field("max_children", &self.max_children)
            .finish_non_exhaustive()
    }
}
