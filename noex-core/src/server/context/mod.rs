//! What a handler is given besides its message: the process it runs in.

mod lifetime;
mod relations;
mod tasks;
mod timers;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use tokio::task::AbortHandle;

pub use timers::Timer;
pub(crate) use timers::{send_after, send_interval};

use super::behaviour::GenServer;
use super::exit::Exit;
use super::info::{Info, TaskId};
use super::message::ServerCell;
use super::server_ref::ServerRef;
use crate::process::timers::TimerId;
use crate::process::{MonitorRef, Pid};

/// The process a handler runs in: its ref, links, monitors, timers and tasks,
/// and the ways to go on or to end.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use noex::{Context, Exit, GenServer, Info};
///
/// /// Ends when nothing has come for a minute.
/// struct Session;
///
/// impl GenServer for Session {
///     type Args = ();
///     type Call = ();
///     type Cast = String;
///     type Info = ();
///
///     async fn init(_: (), cx: &mut Context<Self>) -> Result<Self, Exit> {
///         cx.idle_timeout(Duration::from_secs(60));
///         Ok(Session)
///     }
///     async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
///         Ok(())
///     }
///     async fn handle_cast(&mut self, line: String, cx: &mut Context<Self>) -> Result<(), Exit> {
///         println!("{}: {line}", cx.pid());
///         cx.idle_timeout(Duration::from_secs(60));
///         Ok(())
///     }
///     async fn handle_info(&mut self, info: Info<()>, _cx: &mut Context<Self>) -> Result<(), Exit> {
///         match info {
///             Info::Timeout => Err(Exit::Normal),
///             _ => Ok(()),
///         }
///     }
/// }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let session = Session::start(()).await?;
/// session.cast("hello".into())?;
/// session.monitor().await;
/// # Ok(())
/// # }
/// ```
pub struct Context<S: GenServer> {
    cell: Arc<ServerCell<S>>,
    stop: Option<Exit>,
    // Boxed since most servers use none of it.
    extras: Option<Box<Extras<S>>>,
}

struct Extras<S: GenServer> {
    continues: VecDeque<S::Info>,
    last_replies: Vec<Box<dyn FnOnce() + Send>>,
    /// Monitors that have not told their DOWN yet.
    monitors: HashMap<MonitorRef, Pid>,
    /// Monitors taken back with a flush while their DOWN was in the mailbox.
    flushed: HashSet<MonitorRef>,
    tasks: HashMap<TaskId, AbortHandle>,
    last_task: u64,
    idle: Option<TimerId>,
    /// Counts the idle timeouts that were set, so that an old one is known.
    idle_set: u64,
}

impl<S: GenServer> Default for Extras<S> {
    fn default() -> Self {
        Extras {
            continues: VecDeque::new(),
            last_replies: Vec::new(),
            monitors: HashMap::new(),
            flushed: HashSet::new(),
            tasks: HashMap::new(),
            last_task: 0,
            idle: None,
            idle_set: 0,
        }
    }
}

impl<S: GenServer> Context<S> {
    pub(super) fn new(cell: Arc<ServerCell<S>>) -> Self {
        Context {
            cell,
            stop: None,
            extras: None,
        }
    }

    fn extras(&mut self) -> &mut Extras<S> {
        self.extras.get_or_insert_default()
    }

    /// A ref to this server.
    pub fn myself(&self) -> ServerRef<S> {
        ServerRef::from_cell(self.cell.clone())
    }

    /// This server's pid.
    ///
    /// The OTP name is `self()`.
    pub fn pid(&self) -> Pid {
        self.cell.core().pid()
    }

    /// The name it was started under, or the first that was registered for it.
    pub fn name(&self) -> Option<&str> {
        self.cell.core().name()
    }

    /// The process that started this one with a link. Its end ends this one too,
    /// through `terminate`, even if it traps exits.
    pub fn parent(&self) -> Option<Pid> {
        self.cell.core().parent()
    }

    /// Notes, at debug level, that nobody handles this. For the last arm of a `handle_info`: it
    /// is what the default one does with everything.
    pub fn note_unhandled(&self, info: &Info<S::Info>) {
        let what = match info {
            Info::Message(_) => "a message",
            Info::Down(_) => "a DOWN",
            Info::Exit(_) => "an EXIT",
            Info::Timeout => "an idle timeout",
            Info::TaskDone(_) => "a task's result",
        };
        tracing::debug!(target: "noex::server", pid = %self.pid(), what, "no handle_info for it");
    }
}

impl<S: GenServer> Drop for Context<S> {
    fn drop(&mut self) {
        if let Some(extras) = &self.extras {
            for task in extras.tasks.values() {
                task.abort();
            }
        }
    }
}

impl<S: GenServer> fmt::Debug for Context<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("pid", &self.pid())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl<S: GenServer> From<&Context<S>> for Pid {
    fn from(cx: &Context<S>) -> Pid {
        cx.pid()
    }
}

impl<S: GenServer> From<&mut Context<S>> for Pid {
    fn from(cx: &mut Context<S>) -> Pid {
        cx.pid()
    }
}
