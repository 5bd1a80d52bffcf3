use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::error::StartError;
use super::options::{CallersRun, Start};
use crate::process::cell::{Cell, CoreOptions, Process};
use crate::process::hub::Hub;
use crate::process::slot::{Failure, Slot, Waiter};
use crate::process::waits::{self, Wait};
use crate::process::{ExitReason, Pid, current, relate, run, timers};
use crate::server::behaviour::GenServer;
use crate::server::message::ServerCell;
use crate::server::serve::serve;
use crate::server::server_ref::ServerRef;

pub(super) enum Phase<S: GenServer> {
    Fresh,
    /// `init` runs.
    Init {
        cell: Arc<ServerCell<S>>,
        starting: Arc<Starting>,
        /// The starter's edge in the wait-for graph, when it is a process's handler.
        _wait: Option<Wait>,
    },
    /// `init` took too long: it has been killed, and will soon be dead.
    Late(Arc<Starting>, Duration),
    Done,
}

/// Waits for `init` to have returned, or the process to be dead.
pub(super) struct Starting(Slot<()>);

impl Waiter for Starting {
    fn is_settled(&self) -> bool {
        self.0.is_settled()
    }
    fn is_owed(&self) -> bool {
        self.0.is_owed()
    }
    fn down(&self, reason: &ExitReason) {
        self.0.down(reason);
    }
    fn expire(&self) {
        self.0.expire();
    }
    fn deadlock(&self, circle: &[Pid]) {
        self.0.deadlock(circle);
    }
    fn settle(&self) {}
    fn started(&self) {
        let _ = self.0.complete(());
    }
}

impl<S: GenServer> Start<S> {
    /// The process, while its `init` runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        match &self.phase {
            Phase::Init { cell, .. } => Some(cell.core().pid()),
            Phase::Fresh | Phase::Late(..) | Phase::Done => None,
        }
    }

    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<ServerRef<S>, StartError>> {
        let Some(args) = self.args.take() else {
            return Poll::Pending;
        };
        let cell = match self.launch(args) {
            Ok(cell) => cell,
            Err(error) => return self.done(Err(error)),
        };
        // A server that starts another stands still until that has started. This is known
        // before anybody else can run the new one.
        let caller = current::pid();
        let pid = cell.core().pid();
        let mut starting = None;
        let mut wait = None;
        let mut begin_wait = || {
            let starting = starting.insert(Arc::new(Starting(Slot::new())));
            starting.0.owned_by(pid);
            wait = caller.and_then(|caller| waits::begin(caller, pid, starting.clone()).ok());
        };
        if let Some(claim) = run::claim(&cell) {
            claim.init(|| {
                if !cell.core().has_served() {
                    begin_wait();
                }
            });
        } else {
            begin_wait();
            cell.notify();
        }
        if let Some(result) = outcome(&cell) {
            return self.done(result);
        }
        let starting = starting.unwrap_or_else(|| Arc::new(Starting(Slot::new())));
        let _ = starting.0.poll(cx.waker());
        let due = self
            .options
            .timeout
            .map(|timeout| timers::after(cell.core().hub().now(), timeout));
        let registered = cell.add_waiter(starting.clone(), due).is_ok();
        // It may have come to an end of `init` before it was registered.
        if let Some(result) = outcome(&cell) {
            return self.done(result);
        }
        debug_assert!(registered, "a dead process has an outcome");
        self.phase = Phase::Init {
            cell,
            starting,
            _wait: wait,
        };
        Poll::Pending
    }

    fn launch(&mut self, args: S::Args) -> Result<Arc<ServerCell<S>>, StartError> {
        let hub = Hub::current()?;
        if self.options.mailbox.capacity == 0 {
            return Err(StartError::InvalidOption {
                option: "the mailbox's capacity",
                value: "0".to_owned(),
                rule: "must be at least 1, or no message could ever be sent",
            });
        }
        let core_options = CoreOptions {
            type_name: std::any::type_name::<S>(),
            parent: self.options.parent,
            callers_may_run: self.options.callers_run == CallersRun::WhenShort,
        };
        let cell: Arc<ServerCell<S>> = Cell::new(hub, self.options.mailbox, core_options);
        if let Some(claim) = &self.options.claim {
            cell.core().set_name(claim.label());
        }
        run::launch(&cell, serve::<S>(cell.clone(), args));
        if cell.core().exit_reason().is_some() {
            // Its runtime was shut down in this moment.
            return Err(StartError::NoRuntime);
        }
        if let Some(parent) = self.options.parent {
            let process: Arc<dyn Process> = cell.clone();
            relate::link(&process, parent);
        }
        if let Some(claim) = &self.options.claim {
            // From here on others find it, and may call it or kill it.
            let server = ServerRef::from_cell(cell.clone());
            if let Err(error) = claim.claim(&server) {
                if let Some(Err(cause)) = outcome(&cell) {
                    return Err(cause); // it was killed by somebody who found the name
                }
                if let Some(parent) = self.options.parent {
                    relate::unlink(&*cell, parent);
                }
                run::discard(&cell);
                return Err(error);
            }
        }
        Ok(cell)
    }

    fn done(
        &mut self,
        result: Result<ServerRef<S>, StartError>,
    ) -> Poll<Result<ServerRef<S>, StartError>> {
        self.phase = Phase::Done;
        Poll::Ready(result)
    }
}

/// `None` while `init` runs.
fn outcome<S: GenServer>(cell: &Arc<ServerCell<S>>) -> Option<Result<ServerRef<S>, StartError>> {
    let core = cell.core();
    if core.has_served() {
        return Some(Ok(ServerRef::from_cell(cell.clone())));
    }
    let reason = core.exit_reason()?.clone();
    Some(Err(if core.has_declined() {
        StartError::Ignore
    } else {
        StartError::from_reason(reason)
    }))
}

/// Waits for the `init` of a server that somebody else has started.
pub(crate) async fn await_start<S: GenServer>(
    server: ServerRef<S>,
) -> Result<ServerRef<S>, StartError> {
    let cell = server.cell();
    let starting = Arc::new(Starting(Slot::new()));
    if outcome(cell).is_none() {
        let _ = cell.add_waiter(starting.clone(), None);
        if outcome(cell).is_none() {
            let _ = poll_fn(|cx| starting.0.poll(cx.waker())).await;
        }
    }
    outcome(cell).unwrap_or(Ok(server))
}

impl<S: GenServer> Future for Start<S> {
    type Output = Result<ServerRef<S>, StartError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match &this.phase {
            Phase::Fresh => this.begin(cx),
            Phase::Done => Poll::Pending,
            Phase::Init { cell, starting, .. } => {
                let failure = match starting.0.poll(cx.waker()) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(())) => None,
                    Poll::Ready(Err(failure)) => Some(failure),
                };
                let late = matches!(failure, Some(Failure::Expired));
                if let Some(result) = outcome(cell) {
                    return this.done(result);
                }
                if !late {
                    return this.done(Err(StartError::Exited(ExitReason::NoProc)));
                }
                let after = this.options.timeout.unwrap_or_default();
                let dead = Arc::new(Starting(Slot::new()));
                let _ = dead.0.poll(cx.waker());
                let process: Arc<dyn Process> = cell.clone();
                relate::kill(&process);
                if cell.add_waiter(dead.clone(), None).is_err() {
                    return this.done(Err(StartError::Timeout { after }));
                }
                this.phase = Phase::Late(dead, after);
                Poll::Pending
            }
            Phase::Late(dead, after) => match dead.0.poll(cx.waker()) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(_) => {
                    let after = *after;
                    this.done(Err(StartError::Timeout { after }))
                }
            },
        }
    }
}

// Nothing in it is pinned.
impl<S: GenServer> Unpin for Start<S> {}

impl<S: GenServer> Drop for Start<S> {
    fn drop(&mut self) {
        let cell = match &self.phase {
            Phase::Init { cell, .. } => cell,
            Phase::Fresh | Phase::Late(..) | Phase::Done => return,
        };
        // Also if `init` has returned meanwhile: nobody was told of it.
        let process: Arc<dyn Process> = cell.clone();
        relate::kill(&process);
    }
}
