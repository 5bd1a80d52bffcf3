//! Linking, monitoring and signalling, over the relations of both sides.

use std::sync::Arc;

use super::cell::{Interrupt, Process};
use super::exit_reason::ExitReason;
use super::mailbox::Order;
use super::pid::Pid;
use super::relations::Watcher;
use super::signal::{Down, ExitSignal, MonitorRef};
use super::slot::Slot;
use super::table;

/// Links two processes. Linking to one that is dead is told like its death.
pub(crate) fn link(one: &Arc<dyn Process>, other: Pid) {
    let pid = one.core().pid();
    if pid == other || one.core().relations().add_link(other) != Ok(true) {
        return;
    }
    let Some(peer) = table::find(other) else {
        link_broken(pid, other, &ExitReason::NoProc);
        return;
    };
    if peer.core().relations().add_link(pid).is_err() {
        // Its own last act may have told us already: then the entry is gone.
        let reason = peer.core().exit_reason().cloned();
        link_broken(pid, other, &reason.unwrap_or(ExitReason::NoProc));
    } else if let Some(reason) = one.core().exit_reason() {
        // We died in between and did not find the peer among those to tell.
        link_broken(other, pid, reason);
    }
}

pub(crate) fn unlink(one: &dyn Process, other: Pid) {
    one.core().relations().remove_link(other);
    forget_link(other, one.core().pid());
}

/// Takes the link out of `holder`'s table without a signal.
pub(crate) fn forget_link(holder: Pid, other: Pid) {
    if let Some(holder) = table::find(holder) {
        holder.core().relations().remove_link(other);
    }
}

/// `from` is dead: tells `to`, if they are still linked.
pub(crate) fn link_broken(to: Pid, from: Pid, reason: &ExitReason) {
    if let Some(process) = table::find(to)
        && process.core().relations().remove_link(from)
    {
        deliver_exit(&process, from, reason.clone());
    }
}

/// An exit signal arrives, over a link or sent by hand.
pub(crate) fn deliver_exit(process: &Arc<dyn Process>, from: Pid, reason: ExitReason) {
    let core = process.core();
    if core.traps_exit() {
        let order = if core.parent() == Some(from) {
            Order::Stop(Box::new(reason))
        } else {
            Order::Exit(Box::new(ExitSignal { from, reason }))
        };
        process.clone().post_order(order);
    } else if !reason.is_normal() {
        let _ = core.ordered.set(reason);
        interrupt(process, Interrupt::Exit);
    }
}

pub(crate) fn interrupt(process: &Arc<dyn Process>, by: Interrupt) {
    process.core().raise_interrupt(by);
    process.clone().ring();
}

pub(crate) fn kill(process: &Arc<dyn Process>) {
    interrupt(process, Interrupt::Kill);
}

/// Has a DOWN sent to `watcher` when the target is dead, or at once if it is.
pub(crate) fn watch(target: Pid, monitor: MonitorRef, watcher: Watcher) {
    let gone = match table::find(target) {
        None => Some(watcher),
        Some(process) => {
            let again = match &watcher {
                Watcher::Process(pid) => Watcher::Process(*pid),
                Watcher::Task(slot) => Watcher::Task(slot.clone()),
            };
            let added = process.core().relations().add_watcher(monitor, watcher);
            added.is_err().then_some(again)
        }
    };
    let Some(watcher) = gone else {
        return;
    };
    let down = Down {
        monitor,
        pid: target,
        name: None,
        reason: ExitReason::NoProc,
    };
    match watcher {
        Watcher::Process(pid) => deliver_down(pid, down),
        Watcher::Task(slot) => {
            let _ = slot.complete(down);
        }
    }
}

/// `false`: it has fired already.
pub(crate) fn unwatch(target: Pid, monitor: MonitorRef) -> bool {
    table::find(target)
        .is_some_and(|target| target.core().relations().remove_watcher(monitor).is_some())
}

pub(crate) fn deliver_down(watcher: Pid, down: Down) {
    if let Some(watcher) = table::find(watcher) {
        watcher.post_order(Order::Down(Box::new(down)));
    }
}

/// Watches from outside of any process.
pub(crate) fn watch_by_task(target: Pid) -> (MonitorRef, Arc<Slot<Down>>) {
    let (monitor, slot) = (MonitorRef::next(), Arc::new(Slot::new()));
    watch(target, monitor, Watcher::Task(slot.clone()));
    (monitor, slot)
}
