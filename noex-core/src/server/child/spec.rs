use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::backoff::Backoff;
use super::policy::{ChildKind, Policy, Restart, Shutdown};
use crate::process::cell::Process;
use crate::process::{Mailbox, Pid};
use crate::server::behaviour::GenServer;
use crate::server::start::{CallersRun, Claim, Start, StartError, StartOptions};

/// How a supervisor starts, restarts and stops a server, typed by the server.
///
/// Made by [`GenServer::child`] and [`GenServer::child_with`].
///
/// | option | default |
/// | --- | --- |
/// | [`id`](Child::id) | the name, or else the type's name |
/// | [`restart`](Child::restart) | `Permanent` |
/// | [`shutdown`](Child::shutdown) | after 5 s; a supervisor without limit |
/// | [`significant`](Child::significant) | no |
/// | [`backoff`](Child::backoff) | none: restarted at once |
/// | name, start timeout, mailbox, callers | as for [`Start`] |
///
/// The OTP name is `child_spec`.
pub struct Child<S: GenServer> {
    args: Arc<dyn Fn() -> S::Args + Send + Sync>,
    options: StartOptions<S>,
    id: Option<String>,
    policy: Policy,
}

impl<S: GenServer> Child<S> {
    pub(crate) fn new(args: impl Fn() -> S::Args + Send + Sync + 'static) -> Self {
        Child {
            args: Arc::new(args),
            options: StartOptions::default(),
            id: None,
            policy: Policy::worker(),
        }
    }

    pub(crate) fn claim(mut self, claim: Arc<dyn Claim<S>>) -> Self {
        self.options.claim = Some(claim);
        self
    }

    /// A supervisor: it is waited for without limit when stopped, and may take its
    /// time to start.
    pub(crate) fn supervisor(mut self) -> Self {
        self.policy.kind = ChildKind::Supervisor;
        self.policy.shutdown = Shutdown::Infinity;
        self.options.timeout = None;
        self
    }

    /// What it is called in its supervisor; unique there.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// When it is started again.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// How it is stopped.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// Has its end by itself count for the supervisor's
    /// [`auto_shutdown`](crate::SupervisorBuilder::auto_shutdown). Not for a permanent child,
    /// which never ends for good.
    pub fn significant(mut self) -> Self {
        self.policy.significant = true;
        self
    }

    /// Has it started again after a wait.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = Some(backoff);
        self
    }

    /// As [`Start::timeout`].
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// As [`Start::no_timeout`].
    pub fn no_start_timeout(mut self) -> Self {
        self.options.timeout = None;
        self
    }

    /// As [`Start::mailbox`].
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.options.mailbox = mailbox;
        self
    }

    /// As [`Start::callers_run`].
    pub fn callers_run(mut self, callers_run: CallersRun) -> Self {
        self.options.callers_run = callers_run;
        self
    }
}

impl<S: GenServer> Clone for Child<S> {
    fn clone(&self) -> Self {
        Child {
            args: self.args.clone(),
            options: self.options.clone(),
            id: self.id.clone(),
            policy: self.policy.clone(),
        }
    }
}

impl<S: GenServer> fmt::Debug for Child<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("server", &type_name::<S>())
            .field("id", &self.id)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

type StartChild =
    dyn Fn(Pid) -> BoxFuture<'static, Result<Arc<dyn Process>, StartError>> + Send + Sync;

/// A [`Child`] of whatever type.
#[derive(Clone)]
pub struct ChildSpec {
    id: String,
    policy: Policy,
    start: Arc<StartChild>,
}

impl ChildSpec {
    /// What it is called in its supervisor.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Starts it, linked to its supervisor.
    pub(crate) fn start(
        &self,
        supervisor: Pid,
    ) -> BoxFuture<'static, Result<Arc<dyn Process>, StartError>> {
        (self.start)(supervisor)
    }
}

impl<S: GenServer> From<Child<S>> for ChildSpec {
    fn from(child: Child<S>) -> Self {
        let Child {
            args,
            options,
            id,
            policy,
        } = child;
        let id = id
            .or_else(|| {
                options
                    .claim
                    .as_ref()
                    .map(|claim| claim.label().to_string())
            })
            .unwrap_or_else(|| short_type_name::<S>().to_owned());
        ChildSpec {
            id,
            policy,
            start: Arc::new(move |supervisor| {
                let (args, options) = (args.clone(), options.clone());
                async move {
                    // Made here, so that a panic in it is the start's failure.
                    let made = crate::process::unwind::catch(|| args());
                    let args = made.map_err(StartError::from_reason)?;
                    let server = Start::<S>::with(args, options).link(supervisor).await?;
                    let process: Arc<dyn Process> = server.cell().clone();
                    Ok(process)
                }
                .boxed()
            }),
        }
    }
}

/// `shop::Ledger` is `Ledger`; what is generic keeps its whole name.
fn short_type_name<S>() -> &'static str {
    let name = type_name::<S>();
    if name.contains('<') {
        return name;
    }
    name.rsplit("::").next().unwrap_or(name)
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
