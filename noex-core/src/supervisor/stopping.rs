//! Stopping one process as its supervisor has to: told, given time, killed, and if it does
//! not even die of that, reported and left behind.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::process::cell::Process;
use crate::process::mailbox::Order;
use crate::process::{ExitReason, Monitor, relate, waits};
use crate::server::Shutdown;

/// How long a killed process is waited for. It can only take longer if a handler
/// holds its thread.
const AFTER_KILL: Duration = Duration::from_secs(1);

/// Returns when the process is dead, or is given up.
pub(super) async fn stop(process: &Arc<dyn Process>, shutdown: Shutdown) {
    let core = process.core();
    let mut end = Monitor::new(core.pid());
    // A child that waits for its supervisor, or will, is told that this closes a circle: it is
    // the child that has to give way.
    let _wait =
        crate::process::current().map(|me| waits::begin_forced(me, core.pid(), end.waiter()));
    let patience = match shutdown {
        Shutdown::BrutalKill => Duration::ZERO,
        Shutdown::After(patience) => patience,
        Shutdown::Infinity => Duration::MAX,
    };
    if shutdown != Shutdown::BrutalKill {
        let order = Order::Stop(Box::new(ExitReason::Shutdown));
        process.clone().post_order(order);
        if timeout(patience, &mut end).await.is_ok() {
            return;
        }
    }
    relate::kill(process);
    if timeout(AFTER_KILL, &mut end).await.is_err() {
        tracing::warn!(
            target: "noex::supervisor",
            pid = %core.pid(),
            name = core.name(),
            handling = %core.kind(),
            "abandoned: it was killed, but its handler has not come back",
        );
    }
}
