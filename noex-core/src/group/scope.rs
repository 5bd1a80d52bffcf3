use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::error::GroupError;
use super::members::Members;
use super::monitor::{GroupEvent, GroupMonitor, Monitors};
use crate::process::relations::Release;
use crate::process::{Pid, table};
use crate::server::{GenServer, ServerRef};

/// A scope of process groups.
///
/// A group is there as long as it has members. Scopes know nothing of each other: the same name in two
/// of them is two groups. [`Groups::global`] is there for all; [`Groups::new`] makes one of one's own.
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer, ReplyTo};
/// # struct Printer;
/// # impl GenServer for Printer {
/// #     type Args = (); type Call = (); type Cast = String; type Info = ();
/// #     async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Printer) }
/// #     async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// #     async fn handle_cast(&mut self, _: String, _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noex::{GroupEvent, Groups};
///
/// let groups = Groups::new();
/// let (one, two) = (Printer::start(()).await?, Printer::start(()).await?);
/// groups.join("printers", &one)?;
///
/// let mut monitor = groups.monitor("printers");
/// assert_eq!(monitor.snapshot(), [one.pid()]);
/// groups.join("printers", &two)?;
/// assert_eq!(monitor.next().await, Some(GroupEvent::Joined(two.pid())));
///
/// for printer in groups.servers::<Printer>("printers") {
///     printer.cast("a page".into())?;
/// }
///
/// one.stop().await?; // the dead are in no group
/// assert_eq!(groups.members("printers"), [two.pid()]);
/// # Ok(())
/// # }
/// ```
///
/// # Members
///
/// Joins count: a process that has joined twice is listed twice, and is in until it has left twice. A process
/// that dies is gone from all groups before anybody hears of its death. Everything here runs in the caller;
/// no server is asked.
///
/// # When (not) to use
///
/// To reach everybody who does something, when they come and go. For one who does something use a
/// [`Name`](crate::Name); for values beside the members, or keys of another type, a duplicate
/// [`Registry`](crate::Registry).
///
/// The OTP name is `pg`.
#[derive(Clone)]
pub struct Groups {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    // One lock over both, so that events come in the order in which things happened.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: Members,
    monitors: Monitors,
}

impl Groups {
    /// A new scope.
    pub fn new() -> Self {
        let state = Mutex::default();
        Groups {
            inner: Arc::new(Inner { state }),
        }
    }

    /// The scope that is there for the whole program.
    pub fn global() -> &'static Groups {
        static GLOBAL: OnceLock<Groups> = OnceLock::new();
        GLOBAL.get_or_init(Groups::new)
    }

    /// Has a process join a group, once more if it is in already.
    ///
    /// # Errors
    ///
    /// `NoProc` for a dead process.
    ///
    /// The OTP name is the same.
    pub fn join(
        &self,
        group: impl Into<Arc<str>>,
        member: impl Into<Pid>,
    ) -> Result<(), GroupError> {
        let (group, pid) = (group.into(), member.into());
        let process = table::find(pid).filter(|process| process.core().is_alive());
        let Some(process) = process else {
            return Err(GroupError::NoProc(pid));
        };
        let known = {
            let mut state = self.inner.state.lock();
            let known = state.members.knows(pid);
            state.members.join(&group, pid);
            state.monitors.tell(&group, GroupEvent::Joined(pid));
            known
        };
        if !known {
            let relations = process.core().relations();
            if relations.add_release(self.inner.clone()).is_err() {
                // It has let go of everything already: nobody would take it out.
                self.inner.release(pid);
                return Err(GroupError::NoProc(pid));
            }
        }
        Ok(())
    }

    /// Has a process leave a group, once.
    ///
    /// # Errors
    ///
    /// `NotJoined`.
    ///
    /// The OTP name is the same.
    pub fn leave(&self, group: &str, member: impl Into<Pid>) -> Result<(), GroupError> {
        let pid = member.into();
        let mut state = self.inner.state.lock();
        if state.members.leave(group, pid) {
            state.monitors.tell(group, GroupEvent::Left(pid));
            return Ok(());
        }
        let group = group.into();
        Err(GroupError::NotJoined { pid, group })
    }

    /// The members of a group, in the order of their starts, each as often as it has joined.
    ///
    /// The OTP name is `get_members`.
    pub fn members(&self, group: &str) -> Vec<Pid> {
        self.inner.state.lock().members.of(group)
    }

    /// The members that run in this program: all of them, as long as no other node is connected.
    ///
    /// The OTP name is `get_local_members`.
    pub fn local_members(&self, group: &str) -> Vec<Pid> {
        let mut members = self.members(group);
        members.retain(|pid| table::find(*pid).is_some());
        members
    }

    /// Refs to the members of a group that are an `S`.
    pub fn servers<S: GenServer>(&self, group: &str) -> Vec<ServerRef<S>> {
        let members = self.members(group).into_iter();
        members.filter_map(ServerRef::from_pid).collect()
    }

    /// The groups that have members, in alphabetical order.
    ///
    /// The OTP name is the same.
    pub fn which_groups(&self) -> Vec<Arc<str>> {
        self.inner.state.lock().members.groups()
    }

    /// The members of a group as of now, and then who joins and leaves, in order. The group need not be there.
    ///
    /// The OTP name is the same.
    pub fn monitor(&self, group: impl Into<Arc<str>>) -> GroupMonitor {
        let group = group.into();
        let mut state = self.inner.state.lock();
        let snapshot = state.members.of(&group);
        let events = state.monitors.subscribe(&group);
        drop(state);
        GroupMonitor::new(group, snapshot, events, Arc::downgrade(&self.inner))
    }

    /// How many processes and monitored groups it knows. Both are 0 when all members are dead and all
    /// monitors dropped: for tests that look for what was left behind.
    pub fn kept(&self) -> (usize, usize) {
        let state = self.inner.state.lock();
        (state.members.processes(), state.monitors.len())
    }
}

impl Inner {
    pub(super) fn forget_idle(&self, group: &str) {
        self.state.lock().monitors.forget_idle(group);
    }
}

impl Release for Inner {
    fn release(&self, pid: Pid) {
        let mut state = self.state.lock();
        for (group, joins) in state.members.remove(pid) {
            for _ in 0..joins {
                state.monitors.tell(&group, GroupEvent::Left(pid));
            }
        }
    }
}

impl Default for Groups {
    fn default() -> Self {
        Groups::new()
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups")
            .field("groups", &self.which_groups())
            .finish_non_exhaustive()
    }
}
