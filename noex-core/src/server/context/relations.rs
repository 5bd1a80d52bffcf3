//! Links, monitors, trapping exits.

use std::sync::Arc;

use super::{Context, GenServer};
use crate::process::cell::Process;
use crate::process::relations::Watcher;
use crate::process::{MonitorRef, Pid, relate};

impl<S: GenServer> Context<S> {
    /// Watches a process: its end comes as [`Info::Down`](crate::Info::Down), once. Several monitors on one
    /// process tell it once each. A process that is dead already is told at once, as `NoProc`.
    ///
    /// The OTP name is `monitor`.
    pub fn monitor(&mut self, target: impl Into<Pid>) -> MonitorRef {
        let (target, monitor) = (target.into(), MonitorRef::next());
        let me = self.pid();
        // Both sides know of it, so that neither keeps it when the other is gone.
        let _ = self.cell.core().relations().add_watching(monitor, target);
        self.extras().monitors.insert(monitor, target);
        relate::watch(target, monitor, Watcher::Process(me));
        monitor
    }

    /// Takes a monitor back. A DOWN that is in the mailbox already still comes.
    /// Harmless for a monitor that has told its DOWN, or was taken back before.
    ///
    /// The OTP name is `demonitor`.
    pub fn demonitor(&mut self, monitor: MonitorRef) {
        let Some(target) = self.monitored(monitor) else {
            return;
        };
        if relate::unwatch(target, monitor) {
            self.forget_monitor(monitor);
        }
    }

    /// Takes a monitor back together with its DOWN: none will come.
    ///
    /// The OTP name is `demonitor` with `[flush]`.
    pub fn demonitor_flush(&mut self, monitor: MonitorRef) {
        let Some(target) = self.monitored(monitor) else {
            return;
        };
        if !relate::unwatch(target, monitor) {
            // Its DOWN is in the mailbox: it is taken out when its turn comes.
            self.extras().flushed.insert(monitor);
        }
        self.forget_monitor(monitor);
    }

    fn monitored(&self, monitor: MonitorRef) -> Option<Pid> {
        let extras = self.extras.as_ref()?;
        extras.monitors.get(&monitor).copied()
    }

    fn forget_monitor(&mut self, monitor: MonitorRef) {
        self.extras().monitors.remove(&monitor);
        self.cell.core().relations().remove_watching(monitor);
    }

    /// A DOWN's turn has come: whether it is to be handled.
    pub(crate) fn monitor_fired(&mut self, monitor: MonitorRef) -> bool {
        if self.extras().flushed.remove(&monitor) {
            return false;
        }
        self.forget_monitor(monitor);
        true
    }

    /// Links this process with another: when one ends with anything but
    /// `Normal`, so does the other, unless it traps exits. Linking twice is one link.
    /// A dead process is told like one that has just died, as `NoProc`.
    ///
    /// The OTP name is `link`.
    pub fn link(&mut self, other: impl Into<Pid>) {
        let me: Arc<dyn Process> = self.cell.clone();
        relate::link(&me, other.into());
    }

    /// Takes the link back. An EXIT that is in the mailbox already still comes.
    ///
    /// The OTP name is `unlink`.
    pub fn unlink(&mut self, other: impl Into<Pid>) {
        relate::unlink(&*self.cell, other.into());
    }

    /// From now on exit signals come as [`Info::Exit`](crate::Info::Exit) instead of ending this process,
    /// `Normal` ones too. A kill and the parent's end cannot be trapped.
    ///
    /// The OTP name is `process_flag(trap_exit, true)`.
    pub fn trap_exit(&mut self) {
        self.cell.core().set_traps_exit(true);
    }

    /// Exit signals end this process again.
    ///
    /// The OTP name is `process_flag(trap_exit, false)`.
    pub fn untrap_exit(&mut self) {
        self.cell.core().set_traps_exit(false);
    }
}
