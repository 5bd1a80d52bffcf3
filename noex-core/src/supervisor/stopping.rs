//! Stopping processes as their supervisor has to: told, given time, killed, and if they do
//! not even die of that, reported and left behind.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::process::cell::Process;
use crate::process::mailbox::Order;
use crate::process::waits::{self, Wait};
use crate::process::{ExitReason, Monitor, current, relate};
use crate::server::Shutdown;

/// How long a killed process is waited for. It can only take longer if a handler
/// holds its thread.
const AFTER_KILL: Duration = Duration::from_secs(1);

/// A time that never comes, far enough from the end of the clock to be added to.
const NEVER: Duration = Duration::from_secs(86400 * 365 * 30);

/// One process that was told to end, or killed.
struct Ending {
    process: Arc<dyn Process>,
    end: Monitor,
    /// A child that waits for its supervisor, or will, is told that this closes a circle: it is
    /// the child that has to give way.
    wait: Option<Wait>,
    due: Instant,
}

impl Ending {
    fn begin(process: Arc<dyn Process>, shutdown: Shutdown, now: Instant) -> Self {
        let end = Monitor::new(process.core().pid());
        let wait = current().map(|me| waits::begin_forced(me, end.pid(), end.waiter()));
        let patience = match shutdown {
            Shutdown::BrutalKill => {
                relate::kill(&process);
                AFTER_KILL
            }
            Shutdown::After(patience) => {
                tell(&process);
                patience.min(NEVER)
            }
            Shutdown::Infinity => {
                tell(&process);
                NEVER
            }
        };
        Ending {
            process,
            end,
            wait,
            due: now + patience,
        }
    }

    /// `false`: it is late.
    async fn ended(&mut self) -> bool {
        timeout_at(self.due, &mut self.end).await.is_ok()
    }

    fn abandon(&self) {
        let core = self.process.core();
        tracing::warn!(
            target: "noex::supervisor",
            pid = %core.pid(),
            name = core.name(),
            handling = %core.kind(),
            "abandoned: it was killed, but its handler has not come back",
        );
    }
}

fn tell(process: &Arc<dyn Process>) {
    let order = Order::Stop(Box::new(ExitReason::Shutdown));
    process.clone().post_order(order);
}

/// Returns when the process is dead, or is given up.
pub(crate) async fn stop(process: Arc<dyn Process>, shutdown: Shutdown) {
    side_by_side([(process, shutdown)]).await;
}

/// Stops all at once, each in its own time. Returns when each is dead, or is given up.
pub(crate) async fn side_by_side(
    processes: impl IntoIterator<Item = (Arc<dyn Process>, Shutdown)>,
) {
    let now = Instant::now();
    let (mut killed, mut told) = (Vec::new(), Vec::new());
    for (process, shutdown) in processes {
        let ending = Ending::begin(process, shutdown, now);
        match shutdown {
            Shutdown::BrutalKill => killed.push(ending),
            Shutdown::After(_) | Shutdown::Infinity => told.push(ending),
        }
    }
    // Waited for one after the other in the order in which their times run out, so that
    // none is waited for beyond its own.
    told.sort_by_key(|ending| ending.due);
    let mut dead = Vec::with_capacity(told.len());
    for mut ending in told {
        if ending.ended().await {
            dead.push(ending.wait);
        } else {
            relate::kill(&ending.process);
            ending.due = Instant::now() + AFTER_KILL;
            killed.push(ending);
        }
    }
    for ending in &mut killed {
        if !ending.ended().await {
            ending.abandon();
        }
    }
    // The last first, which is where the graph looks for what it takes out.
    killed.reverse();
    drop(killed);
    dead.reverse();
    drop(dead);
}
