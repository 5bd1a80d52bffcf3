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
    // The child that now calls its supervisor fails at once instead of waiting for it. One
    // that waits for it already will be killed when its time is up.
    let _wait =
        crate::process::current().and_then(|me| waits::begin(me, core.pid(), end.waiter()).ok());
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
            message = %core.kind(),
            "abandoned: it was killed, but its handler has not come back",
        );
    }
}
