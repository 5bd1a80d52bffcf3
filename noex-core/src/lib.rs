//! Actors in the style of Erlang's `gen_server`: typed calls, supervision trees, and names that
//! clean up after themselves, on tokio.
//!
//! ```
//! use noex::{Context, Exit, GenServer, Name, ReplyTo, Supervisor};
//!
//! struct Counter {
//!     value: i64,
//! }
//!
//! enum Call {
//!     Add(i64, ReplyTo<i64>),
//! }
//!
//! impl GenServer for Counter {
//!     type Args = i64;
//!     type Call = Call;
//!     type Cast = ();
//!     type Info = ();
//!
//!     async fn init(start: i64, _cx: &mut Context<Self>) -> Result<Self, Exit> {
//!         Ok(Counter { value: start })
//!     }
//!
//!     async fn handle_call(&mut self, call: Call, _cx: &mut Context<Self>) -> Result<(), Exit> {
//!         match call {
//!             Call::Add(n, reply) => {
//!                 self.value += n;
//!                 reply.send(self.value);
//!             }
//!         }
//!         Ok(())
//!     }
//!
//!     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
//!         Err(Exit::error("out of order")) // it crashes
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tree = Supervisor::one_for_one()
//!     .child(Counter::child(5).name("lib-doc-counter"))
//!     .start()
//!     .await?;
//!
//! let counter = Name::<Counter>::new("lib-doc-counter");
//! assert_eq!(counter.call(|reply| Call::Add(2, reply)).await?, 7);
//! # let before = counter.lookup()?;
//! counter.cast(())?;
//! # before.monitor().await;
//! counter.wait().await?; // it has been restarted, with its arguments
//! assert_eq!(counter.call(|reply| Call::Add(2, reply)).await?, 7);
//!
//! tree.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | a server | [`GenServer`], [`Context`], [`ServerRef`] |
//! | a server written as methods | [`macro@genserver`], [`Reach`] |
//! | calls and what can go wrong | [`ServerRef::call`], [`CallError`], [`ReplyTo`], [`multi_call`] |
//! | restarts | [`Supervisor`], [`Restart`], [`Shutdown`], [`Strategy`] |
//! | children at run time | [`DynamicSupervisor`] |
//! | a server for each part of the keys, pools | [`PartitionSupervisor`], [`Pool`] |
//! | groups of processes | [`Groups`] |
//! | events and topics | [`EventBus`], [`Topic`] |
//! | a value that is kept by a process | [`Agent`] |
//! | a whole program | [`Application`] |
//! | names | [`Name`], [`Registry`], [`registry`] |
//! | links, monitors, exit reasons | [`process`], [`ExitReason`], [`Down`] |
//! | the state of a running server | [`Sys`], [`Status`] |

mod agent;
mod application;
mod bus;
#[cfg(all(feature = "child", unix))]
pub mod child;
mod dynamic;
#[cfg(all(feature = "gateway", unix))]
pub mod gateway;
mod group;
mod partition;
mod pool;
pub mod process;
pub mod registry;
mod server;
mod supervisor;

pub use agent::{Agent, AgentArgs, AgentClient, AgentJob};
pub use application::{Application, DEFAULT_GRACE, Ended, ShutdownSignal, SignalKind, Stopper};
pub use bus::{
    Delivery, Event, EventBus, EventBusBuilder, EventStream, FailureCause, HandlerFailure,
    PatternError, PublishError, Published, QueuePolicy, SubscribeError, Subscription,
    SubscriptionGuard, Topic,
};
pub use dynamic::{
    DynamicCall, DynamicChild, DynamicInfo, DynamicSupervisor, DynamicSupervisorBuilder,
};
pub use group::{GroupError, GroupEvent, GroupMonitor, Groups};
pub use noex_macros::genserver;
pub use partition::{Hashed, PartitionKey, PartitionSupervisor, ResizeError};
pub use pool::{Pool, PoolCall, Route};
pub use process::{
    Down, ExitReason, ExitSignal, Lifecycle, LifecycleEvents, LifecycleNotice, Mailbox,
    MessageKind, Monitor, MonitorRef, Overflow, Panicked, Phase, Pid, Status, Tables,
};
pub use registry::{
    Keys, Listener, LookupError, Name, Owner, RegisterError, Registered, Registry, RegistryEvent,
};
pub use server::{
    Backoff, Call, CallError, CallFuture, CallersRun, CastWait, Child, ChildKind, ChildSpec,
    Context, DEFAULT_CALL_TIMEOUT, DEFAULT_START_TIMEOUT, DEFAULT_STOP_TIMEOUT, Exit, GenServer,
    Info, MultiCall, Reach, Recipient, ReplyTo, Restart, SendError, SendFailure, ServerRef,
    Shutdown, Start, StartError, StateAccess, Stop, StopError, Sys, SysError, TaskDone, TaskId,
    Timer, WeakRef, multi_call,
};
pub use supervisor::{
    AutoShutdown, ChildCount, ChildError, ChildFailed, ChildInfo, ChildState, SpecError, Strategy,
    Supervisor, SupervisorBuilder, SupervisorCall, SupervisorInfo,
};
