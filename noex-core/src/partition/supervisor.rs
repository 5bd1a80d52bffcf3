use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use super::error::ResizeError;
use super::key::PartitionKey;
use crate::registry::{Name, Registry};
use crate::server::{Child, GenServer, ServerRef, Start};
use crate::supervisor::{ChildError, Supervisor, SupervisorBuilder};

/// Servers of one kind, one per partition, of which a key always leads to the same one.
///
/// This is a handle that can be made before anything runs, and cloned: it is given to a supervision tree as a
/// child, and to those who call the partitions.
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer, ReplyTo};
/// # struct Cart { number: usize }
/// # impl GenServer for Cart {
/// #     type Args = usize; type Call = ReplyTo<usize>; type Cast = (); type Info = ();
/// #     async fn init(number: usize, _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Cart { number }) }
/// #     async fn handle_call(&mut self, reply: Self::Call, _cx: &mut Context<Self>) -> Result<(), Exit> { reply.send(self.number); Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noex::{PartitionSupervisor, Supervisor};
///
/// let carts = PartitionSupervisor::new(3, |partition| Cart::child(partition));
/// let tree = Supervisor::one_for_one().child(carts.as_child("carts")).start().await?;
///
/// assert_eq!(carts.target(3).call(|reply| reply).await?, 0);
/// assert_eq!(carts.target(-1).call(|reply| reply).await?, 1);
/// assert_eq!(carts.resize(5).await?, 5);
/// assert_eq!(carts.target(3).call(|reply| reply).await?, 3);
/// tree.stop().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Routing
///
/// A [target](PartitionSupervisor::target) is a [`Name`]: it leads to the partition's present incarnation, and
/// no server is asked on the way. After a [`resize`](PartitionSupervisor::resize) keys lead elsewhere; what the
/// partitions keep for their keys is theirs to move.
///
/// # When (not) to use
///
/// When one server is too busy and its state falls apart by a key. To spread work that any server can
/// do, use a [`Pool`](crate::Pool).
///
/// The Elixir name is `PartitionSupervisor`.
pub struct PartitionSupervisor<S: GenServer> {
    inner: Arc<Inner<S>>,
}

struct Inner<S: GenServer> {
    make: Box<dyn Fn(usize) -> Child<S> + Send + Sync>,
    /// One for each partition, which remember where they lead to. As many as `resizing` has said.
    names: RwLock<Vec<Name<S>>>,
    registry: Registry<Place>,
    resizing: tokio::sync::Mutex<()>,
}

/// Who is found where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Supervisor,
    Partition(usize),
}

fn id(partition: usize) -> String {
    partition.to_string()
}

impl<S: GenServer> PartitionSupervisor<S> {
    /// Describes `partitions` servers, and at least one; `make` makes each from its number. A name that it gives
    /// its child is not used: partitions are known by their numbers.
    pub fn new(
        partitions: usize,
        make: impl Fn(usize) -> Child<S> + Send + Sync + 'static,
    ) -> Self {
        let this = PartitionSupervisor {
            inner: Arc::new(Inner {
                make: Box::new(make),
                names: RwLock::default(),
                registry: Registry::unique(),
                resizing: tokio::sync::Mutex::new(()),
            }),
        };
        this.set(partitions.max(1));
        this
    }

    /// Starts them under a supervisor of their own. It can run once at a time.
    pub fn start(&self) -> Start<Supervisor> {
        let supervisor = self.describe().start();
        supervisor.via(&self.inner.registry, Place::Supervisor)
    }

    /// Their supervisor as a child of another. When that is restarted there are as many partitions as there were last.
    pub fn as_child(&self, id: impl Into<String>) -> Child<Supervisor> {
        let this = self.clone();
        Supervisor::child_with(move || this.describe())
            .supervisor()
            .via(&self.inner.registry, Place::Supervisor)
            .id(id)
    }

    /// How many partitions there are.
    ///
    /// The Elixir name is the same.
    pub fn partitions(&self) -> usize {
        self.inner.names.read().len()
    }

    /// The server that a key leads to.
    pub fn target(&self, key: impl PartitionKey) -> Name<S> {
        let names = self.inner.names.read();
        names[(key.spread() % names.len() as u64) as usize].clone()
    }

    /// The server of a partition by its number. One that is not there is `NotRegistered` to its callers.
    pub fn partition(&self, partition: usize) -> Name<S> {
        Name::via(&self.inner.registry, Place::Partition(partition))
    }

    /// All partitions in order.
    pub fn targets(&self) -> Vec<Name<S>> {
        self.inner.names.read().clone()
    }

    /// Starts or stops partitions until there are `partitions`, the last ones, and tells how many
    /// there are. A partition that is stopped handles first what was sent to it before.
    ///
    /// # Errors
    ///
    /// See [`ResizeError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped in between, there are as many partitions as it has come to; the next call goes on from there.
    ///
    /// The Elixir name is `resize!`.
    pub async fn resize(&self, partitions: usize) -> Result<usize, ResizeError> {
        if partitions == 0 {
            return Err(ResizeError::Zero);
        }
        let _one_at_a_time = self.inner.resizing.lock().await;
        let supervisor = Name::<Supervisor>::via(&self.inner.registry, Place::Supervisor);
        let supervisor = supervisor.lookup().map_err(|_| ResizeError::NotRunning)?;
        loop {
            let present = self.partitions();
            let failed = |partition| move |error| ResizeError::Child { partition, error };
            if present < partitions {
                self.start_partition(&supervisor, present)
                    .await
                    .map_err(failed(present))?;
                self.set(present + 1);
            } else if present > partitions {
                // No key leads there any more when it stops.
                self.set(present - 1);
                self.stop_partition(&supervisor, present - 1)
                    .await
                    .map_err(failed(present - 1))?;
            } else {
                return Ok(present);
            }
        }
    }

    async fn start_partition(
        &self,
        supervisor: &ServerRef<Supervisor>,
        partition: usize,
    ) -> Result<(), ChildError> {
        // One of a resize that was dropped half-way may be there.
        match supervisor.start_child(self.child(partition)).await {
            Ok(_) | Err(ChildError::AlreadyStarted(_)) => Ok(()),
            Err(ChildError::AlreadyPresent) => {
                supervisor.terminate_child(id(partition)).await?;
                supervisor.restart_child(id(partition)).await.map(|_| ())
            }
            Err(error) => Err(error),
        }
    }

    async fn stop_partition(
        &self,
        supervisor: &ServerRef<Supervisor>,
        partition: usize,
    ) -> Result<(), ChildError> {
        supervisor.terminate_child(id(partition)).await?;
        match supervisor.delete_child(id(partition)).await {
            // A temporary child goes with its entry.
            Ok(()) | Err(ChildError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn set(&self, partitions: usize) {
        let mut names = self.inner.names.write();
        let missing = (names.len()..partitions).map(|n| self.partition(n));
        names.extend(missing);
        names.truncate(partitions);
    }

    fn child(&self, partition: usize) -> Child<S> {
        (self.inner.make)(partition)
            .via(&self.inner.registry, Place::Partition(partition))
            .id(id(partition))
    }

    fn describe(&self) -> SupervisorBuilder {
        let children = (0..self.partitions()).map(|n| self.child(n));
        Supervisor::one_for_one().children(children)
    }
}

impl<S: GenServer> Clone for PartitionSupervisor<S> {
    fn clone(&self) -> Self {
        PartitionSupervisor {
            inner: self.inner.clone(),
        }
    }
}

impl<S: GenServer> fmt::Debug for PartitionSupervisor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor")
            .field("server", &std::any::type_name::<S>())
            .field("partitions", &self.partitions())
            .finish_non_exhaustive()
    }
}
