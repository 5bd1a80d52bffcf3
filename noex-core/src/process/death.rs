//! The one death path. However a process came to its end, this is what happens
//! afterwards, in this order. `terminate` has run, or is not to run, and the state
//! has been dropped.

use super::cell::{Ending, Process, Stage};
use super::exit_reason::ExitReason;
use super::lifecycle::{self, Lifecycle};
use super::relations::{Ties, Watcher};
use super::signal::Down;
use super::{logs, relate, table, unwind};

pub(super) fn finish(process: &dyn Process, ending: Ending) {
    let core = process.core();
    let pid = core.pid();
    let reason = ending.reason;
    core.set_stage(Stage::Exiting);
    if !reason.is_orderly() {
        logs::died(core, &reason, ending.shown_state.as_deref());
    }

    // Timers. Tasks went with the context.
    if core.has_timers() {
        core.hub().timers().cancel_all(pid);
    }
    let undelivered = (ending.undelivered, process.close_mailbox());

    // Names, group memberships, subscriptions.
    core.set_stage(Stage::Dead);
    for release in core.relations().take_releases() {
        // What a registry drops is the user's value.
        let _ = unwind::catch(|| release.release(pid));
    }
    let myself = table::remove(pid);

    // Callers.
    for reply in ending.last_replies {
        let _ = unwind::catch(reply);
    }
    core.set_exit_reason(reason.clone());
    core.close_waiters(&reason);
    // Who set a timer between the two looks again by itself, and sees that it is dead.
    if core.has_timers() {
        core.hub().timers().cancel_all(pid);
    }

    // DOWN and EXIT, then those who wait for the end as such.
    let ties = core.relations().close();
    if let Some(ties) = ties {
        tell(process, *ties, &reason);
    }
    lifecycle::publish(|| Lifecycle::Exited {
        pid,
        name: core.shared_name(),
        reason,
    });
    let _ = unwind::catch(|| drop(undelivered));
    drop(myself);
}

fn tell(process: &dyn Process, ties: Ties, reason: &ExitReason) {
    let core = process.core();
    let pid = core.pid();
    for (monitor, target) in ties.watching {
        if let Some(target) = table::find(target) {
            target.core().relations().remove_watcher(monitor);
        }
    }
    let mut tasks = Vec::new();
    for (monitor, watcher) in ties.watchers {
        let down = Down {
            monitor,
            pid,
            name: core.shared_name(),
            reason: reason.clone(),
        };
        match watcher {
            Watcher::Process(watcher) => relate::deliver_down(watcher, down),
            Watcher::Task(slot) => tasks.push((slot, down)),
        }
    }
    for link in ties.links {
        // The one who started it hears of a failed start from `start` itself.
        if !core.has_served() && core.parent() == Some(link) {
            relate::forget_link(link, pid);
        } else {
            relate::link_broken(link, pid, reason);
        }
    }
    for (slot, down) in tasks {
        let _ = slot.complete(down);
    }
}
