use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::future::Phase;
use super::{DEFAULT_START_TIMEOUT, StartError};
use crate::process::{Mailbox, Pid};
use crate::server::behaviour::GenServer;
use crate::server::server_ref::ServerRef;

/// A server about to be started: set options, then await it for its
/// [`ServerRef`], which comes when `init` has returned.
///
/// | option | default |
/// | --- | --- |
/// | [`name`](Start::name), [`via`](Start::via) | none |
/// | [`timeout`](Start::timeout) of `init` | 5 s |
/// | [`mailbox`](Start::mailbox) | 65 536 messages, `Reject` |
/// | [`link`](Start::link) | none |
/// | [`callers_run`](Start::callers_run) | `WhenShort` |
///
/// # Errors
///
/// See [`StartError`](super::StartError).
///
/// # Cancel safety
///
/// Dropped before it is done, the start is taken back: the process dies and its name is free.
#[must_use = "a server is started when this is awaited"]
pub struct Start<S: GenServer> {
    pub(super) args: Option<S::Args>,
    pub(super) options: StartOptions<S>,
    pub(super) phase: Phase<S>,
}

pub(crate) struct StartOptions<S: GenServer> {
    pub(crate) claim: Option<Arc<dyn Claim<S>>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) mailbox: Mailbox,
    pub(crate) parent: Option<Pid>,
    pub(crate) callers_run: CallersRun,
}

/// How a server takes a name. The registry, which is built on servers, implements it.
pub(crate) trait Claim<S: GenServer>: Send + Sync {
    /// The name as it is shown.
    fn label(&self) -> Arc<str>;
    /// Takes the name, or tells why not: usually `AlreadyStarted`.
    fn claim(&self, server: &ServerRef<S>) -> Result<(), StartError>;
}

/// Whether a caller that finds the server idle may run its handler itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CallersRun {
    /// When the server's recent handlers were short. The default, and several times as fast.
    #[default]
    WhenShort,
    /// Never: every handler runs in the server's own task.
    Never,
}

impl<S: GenServer> Default for StartOptions<S> {
    fn default() -> Self {
        StartOptions {
            claim: None,
            timeout: Some(DEFAULT_START_TIMEOUT),
            mailbox: Mailbox::default(),
            parent: None,
            callers_run: CallersRun::default(),
        }
    }
}

impl<S: GenServer> Clone for StartOptions<S> {
    fn clone(&self) -> Self {
        StartOptions {
            claim: self.claim.clone(),
            timeout: self.timeout,
            mailbox: self.mailbox,
            parent: self.parent,
            callers_run: self.callers_run,
        }
    }
}

impl<S: GenServer> Start<S> {
    pub(crate) fn new(args: S::Args) -> Self {
        Start::with(args, StartOptions::default())
    }

    pub(crate) fn with(args: S::Args, options: StartOptions<S>) -> Self {
        Start {
            args: Some(args),
            options,
            phase: Phase::Fresh,
        }
    }

    pub(crate) fn claim(mut self, claim: Arc<dyn Claim<S>>) -> Self {
        self.options.claim = Some(claim);
        self
    }

    /// How long `init` may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Lets `init` take as long as it takes.
    pub fn no_timeout(mut self) -> Self {
        self.options.timeout = None;
        self
    }

    /// How much its mailbox holds, and what happens beyond.
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.options.mailbox = mailbox;
        self
    }

    /// Links it, before `init` runs, to the process that starts it, which becomes its
    /// parent. A start that fails does not end the parent.
    ///
    /// ```no_run
    /// # use noex::{Context, Exit, GenServer};
    /// # async fn f<S: GenServer, W: GenServer<Args = ()>>(cx: &mut Context<S>) -> Result<(), Exit> {
    /// let worker = W::start(()).link(&*cx).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// The OTP name is `start_link`.
    pub fn link(mut self, parent: impl Into<Pid>) -> Self {
        self.options.parent = Some(parent.into());
        self
    }

    /// Whether callers may run its handlers.
    pub fn callers_run(mut self, callers_run: CallersRun) -> Self {
        self.options.callers_run = callers_run;
        self
    }
}

impl<S: GenServer> fmt::Debug for Start<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.options.claim.as_ref().map(|claim| claim.label());
        f.debug_struct("Start")
            .field("server", &std::any::type_name::<S>())
            .field("name", &name)
            .field("timeout", &self.options.timeout)
            .field("mailbox", &self.options.mailbox)
            .field("parent", &self.options.parent)
            .finish_non_exhaustive()
    }
}
