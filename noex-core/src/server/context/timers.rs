//! Messages to oneself, later.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{Context, GenServer};
use crate::process::Pid;
use crate::process::hub::Hub;
use crate::process::mailbox::Letter;
use crate::process::timers::{self, Action, TimerId};
use crate::server::message::{Message, ServerCell};

impl<S: GenServer> Context<S> {
    /// Sends `message` to this server after `delay`, as [`Info::Message`](crate::Info::Message).
    ///
    /// Never early, by the runtime's clock (which tests can pause), and up to a
    /// millisecond late. A timer is gone with its server.
    ///
    /// The OTP name is `send_after`.
    pub fn send_after(&mut self, delay: Duration, message: S::Info) -> Timer {
        send_after(&self.cell, delay, message)
    }

    /// Sends `message` to this server every `period`, first after one period, until it is cancelled or the
    /// server ends. Ticks do not pile up: one that comes while the last is still
    /// in the mailbox is left out. A period of zero is taken as a millisecond.
    ///
    /// The OTP name is `send_interval`.
    pub fn send_interval(&mut self, period: Duration, message: S::Info) -> Timer
    where
        S::Info: Clone + Sync,
    {
        send_interval(&self.cell, period, message)
    }

    /// Sends [`Info::Timeout`](crate::Info::Timeout), once, if no message is handled
    /// within `after` from now. Setting it again replaces it. Introspection does not disturb it.
    ///
    /// The OTP name is the timeout that a `gen_server` callback returns.
    pub fn idle_timeout(&mut self, after: Duration) {
        self.clear_idle_timeout();
        let extras = self.extras();
        extras.idle_set += 1;
        let set = extras.idle_set;
        let timer = send_message_after(&self.cell, after, Message::IdleTimeout(set));
        self.extras().idle = timer;
    }

    /// Takes the idle timeout back.
    pub fn clear_idle_timeout(&mut self) {
        let Some(extras) = &mut self.extras else {
            return;
        };
        if let Some(timer) = extras.idle.take() {
            extras.idle_set += 1;
            let core = self.cell.core();
            core.hub().timers().cancel(core.pid(), timer);
        }
    }

    /// A message is being handled: the server is not idle.
    #[inline]
    pub(crate) fn touched(&mut self) {
        if self.extras.is_some() {
            self.clear_idle_timeout();
        }
    }

    pub(crate) fn idle_timeout_stands(&mut self, set: u64) -> bool {
        let extras = self.extras();
        let stands = extras.idle.is_some() && extras.idle_set == set;
        if stands {
            extras.idle = None;
        }
        stands
    }
}

pub(crate) fn send_after<S: GenServer>(
    cell: &Arc<ServerCell<S>>,
    delay: Duration,
    message: S::Info,
) -> Timer {
    let id = send_message_after(cell, delay, Message::Info(message));
    Timer::new(cell, id)
}

fn send_message_after<S: GenServer>(
    cell: &Arc<ServerCell<S>>,
    delay: Duration,
    message: Message<S>,
) -> Option<TimerId> {
    let target = Arc::downgrade(cell);
    let at = timers::after(cell.core().hub().now(), delay);
    let fire = move || {
        if let Some(target) = target.upgrade() {
            target.post_uncounted(Letter::Notice(message));
        }
    };
    add(cell, at, Action::Once(Box::new(fire)))
}

pub(crate) fn send_interval<S: GenServer>(
    cell: &Arc<ServerCell<S>>,
    period: Duration,
    message: S::Info,
) -> Timer
where
    S::Info: Clone + Sync,
{
    let period = period.max(Duration::from_millis(1));
    let target = Arc::downgrade(cell);
    let queued = Arc::new(AtomicBool::new(false));
    let message = Arc::new(message);
    let mut due = timers::after(cell.core().hub().now(), period);
    let at = due;
    let fire = move || {
        let target = target.upgrade()?;
        if !queued.swap(true, Ordering::AcqRel) {
            let (queued, message) = (queued.clone(), message.clone());
            target.post_uncounted(Letter::Tick(Box::new(move || {
                queued.store(false, Ordering::Release);
                // The user's Clone runs in the user's process.
                Message::Info(S::Info::clone(&message))
            })));
        }
        // From the time it was due, so that it does not drift; a tick that is a whole
        // period late is not made up for.
        let now = Instant::now();
        due = timers::after(due, period);
        if due <= now {
            due = timers::after(now, period);
        }
        Some(due)
    };
    let id = add(cell, at, Action::Again(Box::new(fire)));
    Timer::new(cell, id)
}

fn add<S: GenServer>(cell: &Arc<ServerCell<S>>, at: Instant, action: Action) -> Option<TimerId> {
    let core = cell.core();
    let hub = core.hub();
    core.note_timer();
    let id = hub.timers().add(core.pid(), at, action);
    if !core.is_alive() {
        hub.timers().cancel_all(core.pid());
    }
    id
}

/// A message that is on its way to a server, to be told how long it still has or to be cancelled.
///
/// Dropping it cancels nothing.
#[derive(Clone)]
pub struct Timer {
    hub: Arc<Hub>,
    owner: Pid,
    id: Option<TimerId>,
}

impl Timer {
    fn new<S: GenServer>(cell: &Arc<ServerCell<S>>, id: Option<TimerId>) -> Self {
        Timer {
            hub: cell.core().hub().clone(),
            owner: cell.core().pid(),
            id,
        }
    }

    /// Cancels it. `Some(left)`: it had that long to go and will not fire.
    /// `None`: it has fired (the message is in the mailbox, or was handled), or was cancelled before, or its
    /// server is dead.
    ///
    /// The OTP name is `cancel_timer`.
    pub fn cancel(&self) -> Option<Duration> {
        let at = self.hub.timers().cancel(self.owner, self.id?)?;
        Some(at.saturating_duration_since(self.hub.now()))
    }

    /// How long it still has; `None` as for [`cancel`](Timer::cancel).
    ///
    /// The OTP name is `read_timer`.
    pub fn remaining(&self) -> Option<Duration> {
        let at = self.hub.timers().deadline(self.owner, self.id?)?;
        Some(at.saturating_duration_since(self.hub.now()))
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("server", &self.owner)
            .field("remaining", &self.remaining())
            .finish()
    }
}
