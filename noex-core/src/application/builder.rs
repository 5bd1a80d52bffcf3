use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::ended::Ended;
use super::runtime;
use super::shutdown::{ShutdownSignal, Stopper};
use crate::supervisor::SupervisorBuilder;

/// How long an application may take to stop, unless told otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);

type BoxError = Box<dyn Error + Send + Sync>;
pub(super) type MakeTree<C> = Box<dyn FnOnce(&C) -> SupervisorBuilder + Send>;
pub(super) type PrepStop<C> = Box<dyn FnOnce(Arc<C>) -> BoxFuture<'static, ()> + Send>;
pub(super) type Serve = Box<dyn FnOnce(ShutdownSignal) -> Served + Send>;
pub(super) type Served = BoxFuture<'static, Result<(), String>>;

/// A program: a root tree made from a typed configuration, which runs until SIGINT or SIGTERM, and then stops in order.
///
/// | option | default |
/// | --- | --- |
/// | [`tree`](Application::tree) | an empty one |
/// | [`serve`](Application::serve) | nothing |
/// | [`prep_stop`](Application::prep_stop) | nothing |
/// | [`grace`](Application::grace) | 30 s |
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer};
/// # struct Till;
/// # impl GenServer for Till {
/// #     type Args = u32; type Call = (); type Cast = (); type Info = ();
/// #     async fn init(_: u32, _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Till) }
/// #     async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// use std::process::ExitCode;
/// use std::time::Duration;
/// use noex::{Application, Supervisor};
///
/// struct Config { tills: u32 }
///
/// #[tokio::main]
/// async fn main() -> ExitCode {
///     let shop = Application::new(Config { tills: 3 })
///         .tree(|config| {
///             let tills = (1..=config.tills).map(|n| Till::child(n).id(format!("till {n}")));
///             Supervisor::one_for_one().children(tills)
///         })
///         .prep_stop(|_config| async { println!("closing") })
///         .grace(Duration::from_secs(10));
/// #   shop.stopper().stop();
///     ExitCode::from(shop.run().await)
/// }
/// ```
///
/// # The course of things
///
/// The tree starts, its children in order. Then what is to be served. When a signal comes, or
/// [`Stopper::stop`] is called, or the tree or something served ends: the [shutdown signal](ShutdownSignal) is given,
/// `prep_stop` runs, what is served is waited for, the tree is stopped in reverse. All of it has to be
/// done within the grace period. When that is over, or a second signal comes, whatever still runs is killed.
/// The process is told how it ended by its [exit code](Ended).
///
/// When [`run`](Application::run) returns, nothing of the tree is left running; a handler that blocks its thread cannot be
/// stopped, and is reported.
///
/// # With axum
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use noex::{Application, Supervisor};
///
/// # async fn run() -> noex::Ended {
/// Application::new(())
///     .tree(|_config| Supervisor::one_for_one())
///     .serve(|stop| async move {
///         let router = Router::new().route("/", get(|| async { "open" }));
///         let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
///         axum::serve(listener, router).with_graceful_shutdown(stop).await
///     })
///     .run()
///     .await
/// # }
/// ```
///
/// Requests that are under way are answered while the tree still runs.
///
/// # When (not) to use
///
/// For a program of one's own. A library starts a [`Supervisor`](crate::Supervisor) or offers a child for its user's tree:
/// signals belong to the program.
///
/// The OTP name is `application`.
#[must_use = "an application does nothing until it is run"]
pub struct Application<C = ()> {
    pub(super) config: Arc<C>,
    pub(super) tree: Option<MakeTree<C>>,
    pub(super) serves: Vec<Serve>,
    pub(super) prep_stop: Option<PrepStop<C>>,
    pub(super) grace: Duration,
    pub(super) stopper: Stopper,
}

impl<C: Send + Sync + 'static> Application<C> {
    /// An application with this configuration.
    pub fn new(config: C) -> Self {
        Application {
            config: Arc::new(config),
            tree: None,
            serves: Vec::new(),
            prep_stop: None,
            grace: DEFAULT_GRACE,
            stopper: Stopper::new(),
        }
    }

    /// Its root tree.
    pub fn tree(mut self, make: impl FnOnce(&C) -> SupervisorBuilder + Send + 'static) -> Self {
        self.tree = Some(Box::new(make));
        self
    }

    /// Something that runs beside the tree, from when the tree has started until it is about to be stopped: a web
    /// server. It is given the signal to stop, and waited for. Its end ends the application, an error
    /// or a panic with [`Ended::ServeFailed`]. There can be several.
    pub fn serve<F, E>(mut self, serve: impl FnOnce(ShutdownSignal) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.serves.push(Box::new(|stop| {
            let served = async { serve(stop).await.map_err(|error| error.into().to_string()) };
            served.boxed()
        }));
        self
    }

    /// What is to be done before the tree is stopped, beside the last requests, such as telling a load balancer.
    ///
    /// The OTP name is the same.
    pub fn prep_stop<F>(mut self, prep_stop: impl FnOnce(Arc<C>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.prep_stop = Some(Box::new(|config| prep_stop(config).boxed()));
        self
    }

    /// How long stopping may take, all in all.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Asks it to stop from inside of the program.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// A future that is ready when it stops, for what runs beside it.
    pub fn shutdown_signal(&self) -> ShutdownSignal {
        self.stopper.signal()
    }

    /// Runs it to its end.
    ///
    /// It needs a tokio runtime with `enable_all()`. From now on SIGINT and SIGTERM do not end the program by themselves,
    /// also when this has returned.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, the tree is killed.
    pub async fn run(self) -> Ended {
        runtime::run(self).await
    }
}

impl<C> fmt::Debug for Application<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("grace", &self.grace)
            .field("stopper", &self.stopper)
            .finish_non_exhaustive()
    }
}
