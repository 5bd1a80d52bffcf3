//! The cell: a process as everything else holds it.
//!
//! One allocation has the mailbox and all that is known of the process; others are
//! its loop and the state that this owns. The loop is not a tokio task. It is
//! polled by whoever gets to run the process (see [`run`](super::run)).

use std::any::Any;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Wake, Waker};

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::Span;

use super::current;
use super::exit_reason::ExitReason;
use super::hub::Hub;
use super::kind::MessageKind;
use super::mailbox::{Letter, Mailbox, Order, Queue};
use super::pace::Pace;
use super::pid::Pid;
use super::relations::Relations;
use super::run::{self, Ran};
use super::sched::{Driver, Sched};
use super::slot::Waiter;
use super::timers::Action;
use super::unwind::DropEach;
use super::waiters::{Closed, Waiters};

/// What is known of a process, whatever its messages are.
pub(crate) struct Core {
    pid: Pid,
    parent: Option<Pid>,
    type_name: &'static str,
    hub: Arc<Hub>,
    name: OnceLock<Arc<str>>,
    pub(super) sched: Sched,
    stage: AtomicU8,
    interrupt: AtomicU8,
    kind: AtomicU8,
    traps: AtomicBool,
    suspended: AtomicBool,
    served: AtomicBool,
    declined: AtomicBool,
    has_timers: AtomicBool,
    /// Its handlers run in a span of their own.
    has_span: AtomicBool,
    /// A reply port was dropped by this process in the present poll of its handler.
    dropped_port: AtomicBool,
    callers_may_run: bool,
    pub(crate) pace: Pace,
    /// Messages the loop may still handle before it lets go.
    budget: AtomicU32,
    handled: AtomicU64,
    undelivered: AtomicU64,
    /// Wakes the driver task, once there is one.
    pub(super) driver: OnceLock<Waker>,
    pub(super) waiters: Waiters,
    pub(super) relations: Relations,
    /// The reason of an exit signal that ended it.
    pub(super) ordered: OnceLock<ExitReason>,
    exit: OnceLock<ExitReason>,
}

/// What a process does when it runs. `M` is a message of its user lane.
pub(crate) trait Loop<M>: Send {
    /// Handles what there is to handle. `first` is a message that its sender hands over there and
    /// then: it is given only to a loop that is parked.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, first: Option<M>) -> Polled;
}

/// Where a loop has come to.
pub(crate) enum Polled {
    /// There is nothing to do, or others are to have their turn.
    LetGo,
    /// A handler waits for something, and will have the loop woken.
    Waits,
    Ended(Box<Ending>),
}

pub(crate) type BoxedLoop<M> = Pin<Box<dyn Loop<M>>>;

/// The part of the cell that only the runner touches.
pub(crate) struct Runnable<M> {
    pub(super) loop_: Option<BoxedLoop<M>>,
    pub(super) waker: Option<Waker>,
    pub(super) span: Option<Box<Span>>,
}

/// What the loop leaves behind.
pub(crate) struct Ending {
    pub(crate) reason: ExitReason,
    /// The state, as the server lets it be shown, when the end is to be logged.
    pub(crate) shown_state: Option<String>,
    /// Replies that a handler gave together with its stop.
    pub(crate) last_replies: Vec<Box<dyn FnOnce() + Send>>,
    /// What was in the mailbox, to be dropped when callers know the reason.
    pub(crate) undelivered: Option<Box<dyn Any + Send>>,
}

/// How far a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stage {
    Starting,
    Serving,
    Exiting,
    Dead,
}

/// What cuts a handler short at its next await.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Interrupt {
    None,
    /// An untrapped exit signal: `terminate` still runs.
    Exit,
    /// Nothing runs any more.
    Kill,
}

pub(crate) struct CoreOptions {
    /// What it is an instance of.
    pub(crate) type_name: &'static str,
    pub(crate) parent: Option<Pid>,
    pub(crate) callers_may_run: bool,
}

impl Core {
    fn new(hub: Arc<Hub>, options: CoreOptions) -> Self {
        Core {
            pid: Pid::next(),
            parent: options.parent,
            type_name: options.type_name,
            hub,
            name: OnceLock::new(),
            sched: Sched::new(),
            stage: AtomicU8::new(Stage::Starting as u8),
            interrupt: AtomicU8::new(Interrupt::None as u8),
            kind: AtomicU8::new(MessageKind::None as u8),
            traps: AtomicBool::new(false),
            suspended: AtomicBool::new(false),
            served: AtomicBool::new(false),
            declined: AtomicBool::new(false),
            has_timers: AtomicBool::new(false),
            has_span: AtomicBool::new(false),
            dropped_port: AtomicBool::new(false),
            callers_may_run: options.callers_may_run,
            pace: Pace::new(),
            budget: AtomicU32::new(0),
            handled: AtomicU64::new(0),
            undelivered: AtomicU64::new(0),
            driver: OnceLock::new(),
            waiters: Waiters::default(),
            relations: Relations::default(),
            ordered: OnceLock::new(),
            exit: OnceLock::new(),
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn parent(&self) -> Option<Pid> {
        self.parent
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.get().map(|name| &**name)
    }

    pub(crate) fn shared_name(&self) -> Option<Arc<str>> {
        self.name.get().cloned()
    }

    /// Only the first name sticks: it is what logs and DOWN tell.
    pub(crate) fn set_name(&self, name: Arc<str>) {
        let _ = self.name.set(name);
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Starting,
            1 => Stage::Serving,
            2 => Stage::Exiting,
            _ => Stage::Dead,
        }
    }

    pub(crate) fn set_stage(&self, stage: Stage) {
        if stage == Stage::Serving {
            self.served.store(true, Ordering::Release);
        }
        self.stage.store(stage as u8, Ordering::Release);
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.stage() != Stage::Dead
    }

    /// Whether `init` ever returned its state.
    pub(crate) fn has_served(&self) -> bool {
        self.served.load(Ordering::Acquire)
    }

    /// `init` has returned: who waits for the start is told.
    pub(crate) fn started(&self) {
        self.set_stage(Stage::Serving);
        self.waiters.started();
    }

    /// Whether `init` has declined to start.
    pub(crate) fn has_declined(&self) -> bool {
        self.declined.load(Ordering::Acquire)
    }

    pub(crate) fn decline(&self) {
        self.declined.store(true, Ordering::Release);
    }

    /// Why it ended, once everything that belongs to it has been let go.
    pub(crate) fn exit_reason(&self) -> Option<&ExitReason> {
        self.exit.get()
    }

    pub(super) fn set_exit_reason(&self, reason: ExitReason) {
        let _ = self.exit.set(reason);
    }

    #[inline]
    pub(crate) fn is_interrupted(&self, by: Interrupt) -> bool {
        self.interrupt.load(Ordering::Acquire) >= by as u8
    }

    pub(super) fn raise_interrupt(&self, to: Interrupt) {
        self.interrupt.fetch_max(to as u8, Ordering::AcqRel);
    }

    /// The reason of the signal that interrupted it.
    pub(crate) fn interrupt_reason(&self) -> ExitReason {
        if self.is_interrupted(Interrupt::Kill) {
            return ExitReason::Killed;
        }
        self.ordered.get().cloned().unwrap_or(ExitReason::Killed)
    }

    pub(crate) fn kind(&self) -> MessageKind {
        MessageKind::from_u8(self.kind.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn set_kind(&self, kind: MessageKind) {
        self.kind.store(kind as u8, Ordering::Relaxed);
    }

    pub(crate) fn traps_exit(&self) -> bool {
        self.traps.load(Ordering::Acquire)
    }

    pub(crate) fn set_traps_exit(&self, traps: bool) {
        self.traps.store(traps, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::Relaxed)
    }

    pub(crate) fn set_suspended(&self, suspended: bool) {
        self.suspended.store(suspended, Ordering::Relaxed);
    }

    pub(crate) fn has_timers(&self) -> bool {
        self.has_timers.load(Ordering::Acquire)
    }

    pub(crate) fn note_timer(&self) {
        self.has_timers.store(true, Ordering::Release);
    }

    pub(super) fn has_span(&self) -> bool {
        self.has_span.load(Ordering::Relaxed)
    }

    pub(super) fn note_span(&self) {
        self.has_span.store(true, Ordering::Relaxed);
    }

    /// A reply port is dropped by this process itself. Until its handler comes back nobody knows
    /// whether that is the end.
    pub(crate) fn note_dropped_port(&self) {
        self.dropped_port.store(true, Ordering::Relaxed);
    }

    /// Whether what its handler drops is dropped on its way out, for all that is known.
    pub(crate) fn may_be_dying(&self) -> bool {
        self.dropped_port.load(Ordering::Relaxed) || self.is_dying()
    }

    pub(crate) fn is_dying(&self) -> bool {
        self.stage() >= Stage::Exiting || self.is_interrupted(Interrupt::Exit)
    }

    /// A handler has come back, or waits: who was left in limbo by it is told that the reply
    /// was only dropped.
    #[inline]
    pub(crate) fn settle_dropped_ports(&self) {
        if self.dropped_port.load(Ordering::Relaxed) {
            self.dropped_port.store(false, Ordering::Relaxed);
            current::dropper_ends(self.pid, false);
            self.waiters.settle();
        }
    }

    /// It is on its way out: who was left in limbo will have the reason.
    pub(crate) fn exiting(&self) {
        self.set_stage(Stage::Exiting);
        if self.dropped_port.load(Ordering::Relaxed) {
            current::dropper_ends(self.pid, true);
            self.waiters.owner_ends();
        }
    }

    /// Before its first poll there is no waker, nor a need for one.
    pub(super) fn wake_driver(&self) {
        if let Some(driver) = self.driver.get() {
            driver.wake_by_ref();
        }
    }

    pub(crate) fn callers_may_run(&self) -> bool {
        self.callers_may_run
    }

    pub(super) fn set_budget(&self, budget: u32) {
        self.budget.store(budget, Ordering::Relaxed);
    }

    /// Takes one message's worth; `false` when the loop has to let go.
    #[inline]
    pub(crate) fn spend(&self) -> bool {
        let left = self.budget.load(Ordering::Relaxed);
        self.budget.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }

    /// The loop, which had not looked at the mailbox, is about to. `false`: it need not.
    #[inline]
    pub(crate) fn take_notification(&self) -> bool {
        self.sched.take_notification()
    }

    /// The loop lets go although there is more to do.
    pub(crate) fn yield_now(&self) {
        // The runner finds the notification when it lets go.
        self.sched.notify();
    }

    #[inline]
    pub(crate) fn note_handled(&self) {
        let handled = self.handled.load(Ordering::Relaxed);
        self.handled.store(handled + 1, Ordering::Relaxed);
    }

    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    pub(crate) fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }

    pub(crate) fn add_undelivered(&self, count: usize) {
        self.undelivered.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn relations(&self) -> &Relations {
        &self.relations
    }

    pub(super) fn close_waiters(&self, reason: &ExitReason) {
        self.waiters.close(reason);
    }
}

/// A process of any type.
pub(crate) trait Process: Send + Sync {
    fn core(&self) -> &Core;
    /// `false`: its mailbox is closed.
    fn post_order(self: Arc<Self>, order: Order) -> bool;
    /// There is something to do: sees to it that somebody runs the loop.
    fn ring(self: Arc<Self>);
    /// The driver's turn.
    fn drive(&self) -> Ran;
    /// Its runtime is gone: ends it as well as can be.
    fn end_with_runtime(&self);
    /// Closes the mailbox. What was in it is to be dropped when callers know the reason.
    fn close_mailbox(&self) -> Option<Box<dyn Any + Send>>;
    fn mailbox_len(&self) -> usize;
    fn mailbox_capacity(&self) -> usize;
    fn mailbox_dropped(&self) -> u64;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// A process whose user lane carries `M` and whose system lane carries `Y`.
pub(crate) struct Cell<M, Y> {
    core: Core,
    queue: Queue<M, Y>,
    pub(super) runnable: Mutex<Runnable<M>>,
}

impl<M: Send + 'static, Y: Send + 'static> Cell<M, Y> {
    /// A cell that is nowhere known yet and has no loop.
    pub(crate) fn new(hub: Arc<Hub>, mailbox: Mailbox, options: CoreOptions) -> Arc<Self> {
        Arc::new(Cell {
            core: Core::new(hub, options),
            queue: Queue::new(mailbox),
            runnable: Mutex::new(Runnable {
                loop_: None,
                waker: None,
                span: None,
            }),
        })
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn queue(&self) -> &Queue<M, Y> {
        &self.queue
    }

    /// There is something to do: sees to it that somebody runs the loop.
    #[inline]
    pub(crate) fn notify(self: &Arc<Self>) {
        if self.core.sched.notify() {
            self.wake_driver();
        }
    }

    pub(crate) fn wake_driver(self: &Arc<Self>) {
        match self.core.sched.driver() {
            Driver::Wake => self.core.wake_driver(),
            Driver::Spawn => run::spawn_driver(self.clone()),
            Driver::Gone => run::runtime_gone(self.clone()),
        }
    }

    /// Puts in what is never refused while the process lives.
    pub(crate) fn post_uncounted(self: &Arc<Self>, letter: Letter<M>) -> bool {
        match self.queue.post_uncounted(letter) {
            Ok(wake) => {
                if wake {
                    self.notify();
                }
                true
            }
            Err(_refused) => false,
        }
    }

    pub(crate) fn post_system(self: &Arc<Self>, message: Y) -> Result<(), Y> {
        self.queue.post_system(message)?;
        self.notify();
        Ok(())
    }

    /// Has `waiter` failed when the process dies or the deadline comes. An error
    /// says that it is dead.
    pub(crate) fn add_waiter(
        self: &Arc<Self>,
        waiter: Arc<dyn Waiter>,
        deadline: Option<Instant>,
    ) -> Result<(), Closed> {
        let cell: Arc<dyn Process> = self.clone();
        add_waiter(&cell, waiter, deadline)
    }
}

/// Has `waiter` failed when the process dies or the deadline comes.
pub(crate) fn add_waiter(
    process: &Arc<dyn Process>,
    waiter: Arc<dyn Waiter>,
    deadline: Option<Instant>,
) -> Result<(), Closed> {
    let core = process.core();
    if let Some(at) = core.waiters.add(waiter, deadline)? {
        let weak = Arc::downgrade(process);
        core.note_timer();
        let timers = core.hub.timers();
        let timer = timers.add(
            core.pid,
            at,
            Action::Again(Box::new(move || {
                let process = weak.upgrade()?;
                process.core().waiters.expire(Instant::now())
            })),
        );
        if let Some(superfluous) = timer.and_then(|timer| core.waiters.set_timer(at, timer)) {
            timers.cancel(core.pid, superfluous);
        }
        if core.exit.get().is_some() {
            // It died in between and has cancelled its timers already.
            timers.cancel_all(core.pid);
        }
    }
    Ok(())
}

impl<M: Send + 'static, Y: Send + 'static> Process for Cell<M, Y> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn post_order(self: Arc<Self>, order: Order) -> bool {
        self.post_uncounted(Letter::Order(order))
    }

    fn ring(self: Arc<Self>) {
        self.notify();
    }

    fn drive(&self) -> Ran {
        run::drive(self)
    }

    fn end_with_runtime(&self) {
        run::end_with_runtime(self);
    }

    fn close_mailbox(&self) -> Option<Box<dyn Any + Send>> {
        let leftover = self.queue.close();
        let messages = leftover.letters.iter().filter(|l| l.counts()).count();
        self.core.add_undelivered(messages);
        if leftover.letters.is_empty() && leftover.system.is_empty() {
            return None;
        }
        Some(Box::new((
            DropEach::new(leftover.letters),
            DropEach::new(leftover.system),
        )))
    }

    fn mailbox_len(&self) -> usize {
        self.queue.len()
    }

    fn mailbox_capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn mailbox_dropped(&self) -> u64 {
        self.queue.dropped()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<M: Send + 'static, Y: Send + 'static> Wake for Cell<M, Y> {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}
