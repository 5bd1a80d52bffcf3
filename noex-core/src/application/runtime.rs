//! The course of an application from its start to its end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::builder::Application;
use super::ended::{Ended, SignalKind};
use super::family::Family;
use super::shutdown::ShutdownSignal;
use super::signals::Signals;
use crate::process::{ExitReason, Monitor, unwind};
use crate::server::{ServerRef, StartError};
use crate::supervisor::{Supervisor, SupervisorBuilder};

/// Why it does not go on.
enum Cause {
    Signal(SignalKind),
    Asked,
    Tree(ExitReason),
    Served(Result<(), String>),
}

/// A tree that is killed when nobody waits for it any more.
struct Root {
    tree: ServerRef<Supervisor>,
    end: Monitor,
}

impl Drop for Root {
    fn drop(&mut self) {
        self.tree.kill();
    }
}

struct Running {
    root: Root,
    signals: Signals,
    asked: ShutdownSignal,
    serving: JoinSet<Result<(), String>>,
}

pub(super) async fn run<C: Send + Sync + 'static>(app: Application<C>) -> Ended {
    // Before anything starts, so that no signal is lost.
    let mut signals = match listen() {
        Ok(signals) => signals,
        Err(error) => return Ended::NotStarted(error),
    };
    let config = app.config;
    let made = unwind::catch(|| match app.tree {
        Some(make) => make(&config),
        None => Supervisor::one_for_one(),
    });
    let tree = match made {
        Ok(tree) => tree,
        Err(panic) => return Ended::NotStarted(StartError::from_reason(panic)),
    };
    let root = match start(tree, &mut signals).await {
        Ok(root) => root,
        Err(ended) => return ended,
    };
    let mut serving = JoinSet::new();
    for serve in app.serves {
        serving.spawn(serve(app.stopper.signal()));
    }
    let mut running = Running {
        root,
        signals,
        asked: app.stopper.signal(),
        serving,
    };
    let cause = poll_fn(|cx| running.poll_cause(cx)).await;
    app.stopper.stop();
    let Running {
        root,
        mut signals,
        mut serving,
        ..
    } = running;
    // While it is whole: of a tree that falls apart not everybody can be found.
    let family = Family::of(root.tree.pid());
    let tree = root.tree.clone();
    let gracefully = async {
        if let Some(prep_stop) = app.prep_stop {
            prep_stop(Arc::clone(&config)).await;
        }
        let served = drain(&mut serving).await;
        let _ = tree.stop().no_timeout().await;
        served
    };
    let gracefully = timeout(app.grace, gracefully);
    let stopped = {
        let mut gracefully = pin!(gracefully);
        poll_fn(|cx| {
            if let Poll::Ready(done) = gracefully.poll_unpin(cx) {
                return Poll::Ready(done.map_err(|_| Ended::GraceOver));
            }
            signals.poll(cx).map(|second| Err(Ended::Forced(second)))
        })
        .await
    };
    let served = match stopped {
        Ok(served) => served,
        Err(ended) => {
            tracing::warn!(target: "noex::application", "{ended}");
            serving.shutdown().await;
            family.kill().await;
            return ended;
        }
    };
    // Of those that were started while it stopped, and of a tree that ended by itself.
    family.kill().await;
    match (cause, served) {
        (Cause::Tree(reason), _) => Ended::TreeEnded(reason),
        (Cause::Served(Err(error)), _) | (_, Err(error)) => Ended::ServeFailed(error),
        (Cause::Signal(signal), Ok(())) => Ended::Stopped(Some(signal)),
        (Cause::Asked | Cause::Served(Ok(())), Ok(())) => Ended::Stopped(None),
    }
}

/// A runtime that cannot listen says so by a panic.
fn listen() -> Result<Signals, StartError> {
    let listening = unwind::probe(Signals::listen).ok_or(StartError::NoRuntime)?;
    listening.map_err(|error| StartError::Error(Arc::new(error)))
}

/// A signal that comes while the tree starts takes the start back.
async fn start(tree: SupervisorBuilder, signals: &mut Signals) -> Result<Root, Ended> {
    let mut starting = tree.start();
    let started = poll_fn(|cx| {
        if let Poll::Ready(started) = starting.poll_unpin(cx) {
            return Poll::Ready(Ok(started));
        }
        signals.poll(cx).map(Err)
    })
    .await;
    match started {
        Ok(Ok(tree)) => Ok(Root {
            end: tree.monitor(),
            tree,
        }),
        Ok(Err(error)) => Err(Ended::NotStarted(error)),
        Err(signal) => {
            let family = starting.pid().map(Family::of);
            drop(starting);
            if let Some(family) = family {
                family.kill().await;
            }
            Err(Ended::Stopped(Some(signal)))
        }
    }
}

/// The first error of what is served, when all of it has ended.
async fn drain(serving: &mut JoinSet<Result<(), String>>) -> Result<(), String> {
    let mut outcome = Ok(());
    while let Some(ended) = serving.join_next().await {
        outcome = outcome.and(joined(ended));
    }
    outcome
}

fn joined(ended: Result<Result<(), String>, tokio::task::JoinError>) -> Result<(), String> {
    ended.unwrap_or_else(|panicked| Err(panicked.to_string()))
}

impl Running {
    fn poll_cause(&mut self, cx: &mut Context<'_>) -> Poll<Cause> {
        if let Poll::Ready(signal) = self.signals.poll(cx) {
            return Poll::Ready(Cause::Signal(signal));
        }
        if self.asked.poll_unpin(cx).is_ready() {
            return Poll::Ready(Cause::Asked);
        }
        if let Poll::Ready(down) = self.root.end.poll_unpin(cx) {
            return Poll::Ready(Cause::Tree(down.reason));
        }
        match self.serving.poll_join_next(cx) {
            Poll::Ready(Some(ended)) => Poll::Ready(Cause::Served(joined(ended))),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
