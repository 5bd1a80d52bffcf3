use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::call::PoolCall;
use super::queue::{Place, Queue, Refused};
use super::route::{Route, pick};
use crate::partition::{PartitionKey, PartitionSupervisor, ResizeError};
use crate::process::cell::Process;
use crate::registry::Name;
use crate::server::{CastWait, Child, GenServer, Reach, ReplyTo, SendError, Start};
use crate::supervisor::Supervisor;

/// Servers of one kind, of which each call goes to one.
///
/// This is a handle that can be made before anything runs, and cloned: it is given to a supervision tree as a
/// child, and to those who call it.
///
/// | option | default |
/// | --- | --- |
/// | [`route`](Pool::route) | `RoundRobin` |
/// | [`queue`](Pool::queue) | none: calls wait in the workers' mailboxes |
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer, ReplyTo};
/// # struct Resizer;
/// # impl GenServer for Resizer {
/// #     type Args = (); type Call = (u32, ReplyTo<u32>); type Cast = (); type Info = ();
/// #     async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Resizer) }
/// #     async fn handle_call(&mut self, (n, reply): Self::Call, _cx: &mut Context<Self>) -> Result<(), Exit> { reply.send(n / 2); Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noex::{Pool, Route, Supervisor};
///
/// let resizers = Pool::new(4, |_| Resizer::child(()))
///     .route(Route::ShortestMailbox)
///     .queue(1, 100);
/// let tree = Supervisor::one_for_one().child(resizers.as_child("resizers")).start().await?;
///
/// assert_eq!(resizers.call(|reply| (800, reply)).await?, 400);
/// // One customer's pictures always go to the same one.
/// assert_eq!(resizers.by_key("ada").call(|reply| (600, reply)).await?, 300);
/// tree.stop().await?;
/// # Ok(())
/// # }
/// ```
///
/// # When (not) to use
///
/// To bound how much of something is done at a time, or to have it done on several threads. A pool of
/// servers that keep nothing is often better a semaphore and a function.
pub struct Pool<S: GenServer> {
    inner: Arc<Inner<S>>,
}

struct Inner<S: GenServer> {
    workers: PartitionSupervisor<S>,
    route: Route,
    turn: AtomicUsize,
    queue: Option<(usize, Arc<Queue>)>,
    resizing: tokio::sync::Mutex<()>,
}

impl<S: GenServer> Pool<S> {
    /// Describes `workers` servers, and at least one; `make` makes each from its number.
    pub fn new(workers: usize, make: impl Fn(usize) -> Child<S> + Send + Sync + 'static) -> Self {
        Pool::with(
            PartitionSupervisor::new(workers, make),
            Route::default(),
            None,
        )
    }

    fn with(
        workers: PartitionSupervisor<S>,
        route: Route,
        queue: Option<(usize, Arc<Queue>)>,
    ) -> Self {
        Pool {
            inner: Arc::new(Inner {
                workers,
                route,
                turn: AtomicUsize::new(0),
                queue,
                resizing: tokio::sync::Mutex::new(()),
            }),
        }
    }

    /// How it picks the worker for a call. To be said before the pool is cloned.
    #[must_use]
    pub fn route(self, route: Route) -> Self {
        Pool::with(self.inner.workers.clone(), route, self.inner.queue.clone())
    }

    /// Puts a queue in front: at most `each` calls for each worker are under way, `waiting` more wait for
    /// a place in the order in which they came, and what comes beyond fails at once with
    /// [`CallError::Overloaded`](crate::CallError::Overloaded). To be said before the pool is cloned.
    ///
    /// A call that has a place goes to the worker that has the least to do, whatever the [`route`](Pool::route).
    /// It concerns [`call`](Pool::call). Casts, and what goes to a worker directly, do not pass through it.
    #[must_use]
    pub fn queue(self, each: usize, waiting: usize) -> Self {
        let each = each.max(1);
        let queue = Queue::new(each * self.workers(), waiting);
        let queue = Some((each, Arc::new(queue)));
        Pool::with(self.inner.workers.clone(), self.inner.route, queue)
    }

    /// Starts the workers under a supervisor of their own. It can run once at a time.
    pub fn start(&self) -> Start<Supervisor> {
        self.inner.workers.start()
    }

    /// The workers' supervisor as a child of another.
    pub fn as_child(&self, id: impl Into<String>) -> Child<Supervisor> {
        self.inner.workers.as_child(id)
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.inner.workers.partitions()
    }

    /// How many calls wait in the queue.
    pub fn waiting(&self) -> usize {
        let queue = self.inner.queue.as_ref();
        queue.map_or(0, |(_, queue)| queue.waiting())
    }

    /// As [`ServerRef::call`](crate::ServerRef::call), to the worker whose turn it is.
    ///
    /// # Errors
    ///
    /// Also `Overloaded` when the queue is full, and `NotRegistered` when no worker runs.
    pub fn call<T: Send + 'static>(
        &self,
        make: impl FnOnce(ReplyTo<T>) -> S::Call,
    ) -> PoolCall<S, T> {
        // With a queue the worker is picked when there is a place.
        let target = match self.inner.queue {
            Some(_) => self.inner.workers.partition(0),
            None => self.pick(),
        };
        PoolCall::new(self.clone(), target.call(make))
    }

    /// As [`ServerRef::cast`](crate::ServerRef::cast), to the worker whose turn it is.
    ///
    /// # Errors
    ///
    /// Also when no worker runs.
    pub fn cast(&self, message: S::Cast) -> Result<(), SendError<S::Cast>> {
        self.pick().cast(message)
    }

    /// The worker that a key leads to: always the same one, as long as there are as many.
    pub fn by_key(&self, key: impl PartitionKey) -> Name<S> {
        self.inner.workers.target(key)
    }

    /// The worker whose turn it is.
    pub fn pick(&self) -> Name<S> {
        self.pick_by(self.inner.route)
    }

    /// A worker for a call that has a place: there is always one that has less to do than it may have.
    pub(super) fn pick_free(&self) -> Name<S> {
        self.pick_by(Route::ShortestMailbox)
    }

    fn pick_by(&self, route: Route) -> Name<S> {
        let targets = self.inner.workers.targets();
        let turn = self.inner.turn.fetch_add(1, Ordering::Relaxed);
        let load = |worker: usize| {
            let worker = targets[worker].lookup().ok()?;
            // A call that is being handled is in no mailbox any more, but is still waited for.
            let process = worker.cell();
            Some(process.mailbox_len().max(process.core().waiting()))
        };
        let picked = pick(route, turn, targets.len(), load);
        targets[picked].clone()
    }

    /// All workers in order.
    pub fn targets(&self) -> Vec<Name<S>> {
        self.inner.workers.targets()
    }

    /// As [`PartitionSupervisor::resize`].
    ///
    /// # Errors
    ///
    /// See [`ResizeError`].
    pub async fn resize(&self, workers: usize) -> Result<usize, ResizeError> {
        let _one_at_a_time = self.inner.resizing.lock().await;
        let old = self.workers();
        let resized = self.inner.workers.resize(workers).await;
        if let Some((each, queue)) = &self.inner.queue {
            queue.change(each * old, each * self.workers());
        }
        resized
    }

    pub(super) fn has_queue(&self) -> bool {
        self.inner.queue.is_some()
    }

    /// `None`: there is no queue, and so no place is needed.
    pub(super) async fn enter(&self, deadline: Option<Instant>) -> Result<Option<Place>, Refused> {
        match &self.inner.queue {
            Some((_, queue)) => queue.enter(deadline).await.map(Some),
            None => Ok(None),
        }
    }
}

impl<S: GenServer> Reach<S> for Pool<S> {
    type Call<'a, T: Send + 'static> = PoolCall<S, T>;
    type CastWait<'a> = CastWait<'static, S>;

    fn call<T, F>(&self, make: F) -> PoolCall<S, T>
    where
        T: Send + 'static,
        F: FnOnce(ReplyTo<T>) -> S::Call,
    {
        Pool::call(self, make)
    }

    fn cast(&self, message: S::Cast) -> Result<(), SendError<S::Cast>> {
        Pool::cast(self, message)
    }

    fn cast_wait(&self, message: S::Cast) -> CastWait<'static, S> {
        self.pick().cast_wait(message)
    }

    fn info(&self, message: S::Info) -> Result<(), SendError<S::Info>> {
        self.pick().info(message)
    }
}

impl<S: GenServer> Clone for Pool<S> {
    fn clone(&self) -> Self {
        Pool {
            inner: self.inner.clone(),
        }
    }
}

impl<S: GenServer> fmt::Debug for Pool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("server", &std::any::type_name::<S>())
            .field("workers", &self.workers())
            .field("route", &self.inner.route)
            .finish_non_exhaustive()
    }
}
