//! For tests of supervisors and of what befalls their children.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use noex::{
    Child, ChildError, ChildInfo, ChildState, Exit, ExitReason, Pid, ServerRef, SpecError,
    StartError, Supervisor,
};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing_subscriber::layer::SubscriberExt;

use super::{Lab, LabCall, LabCast, Log, Logged, Recorder, Setup, ms, secs};

/// A lab as a child, with its name in the log as its id.
pub fn worker(log: &Log, name: &'static str) -> Child<Lab> {
    named_worker(Setup::new(log), name)
}

/// A lab as a child, with its name in the log as its id.
pub fn named_worker(setup: Setup, name: &'static str) -> Child<Lab> {
    use noex::GenServer;
    Lab::child(setup.named(name)).id(name)
}

/// How a lab is brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Normal,
    Shutdown,
    Panic,
    Kill,
}

pub const ENDS: [End; 4] = [End::Normal, End::Shutdown, End::Panic, End::Kill];

/// Ends a lab, and gives everybody who hears of it the time to act. For paused clocks.
pub async fn end(lab: &ServerRef<Lab>, how: End) -> ExitReason {
    let down = lab.monitor();
    let sent = match how {
        End::Normal => lab.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::Normal) }))),
        End::Shutdown => lab.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::Shutdown) }))),
        End::Panic => {
            let _ = lab.call(LabCall::Panic).await;
            Ok(())
        }
        End::Kill => {
            lab.kill();
            Ok(())
        }
    };
    sent.unwrap();
    let reason = down.await.reason;
    quiet().await;
    reason
}

/// Returns when nobody has anything left to do at this time. For paused clocks.
pub async fn quiet() {
    tokio::time::sleep(ms(1)).await;
}

/// A child that is a lab and runs.
pub async fn child(tree: &ServerRef<Supervisor>, id: &str) -> ServerRef<Lab> {
    let children = tree.which_children().await.unwrap();
    let child = children.iter().find(|child| child.id == id).unwrap();
    ServerRef::from_pid(child.pid().unwrap()).unwrap()
}

/// A child that is a supervisor and runs.
pub async fn subtree(tree: &ServerRef<Supervisor>, id: &str) -> ServerRef<Supervisor> {
    let children = tree.which_children().await.unwrap();
    let child = children.iter().find(|child| child.id == id).unwrap();
    ServerRef::from_pid(child.pid().unwrap()).unwrap()
}

/// What a child is doing.
pub async fn state(tree: &ServerRef<Supervisor>, id: &str) -> Option<ChildState> {
    let children = tree.which_children().await.unwrap();
    let mut children = children.iter().filter(|child| child.id == id);
    children.next().map(|child| child.state)
}

/// The ids of a supervisor's children, in order.
pub async fn ids(tree: &ServerRef<Supervisor>) -> Vec<String> {
    let children = tree.which_children().await.unwrap();
    children.into_iter().map(|child| child.id).collect()
}

/// The pids of a supervisor's children that run, in order.
pub async fn pids(tree: &ServerRef<Supervisor>) -> Vec<Pid> {
    let children = tree.which_children().await.unwrap();
    children.iter().filter_map(ChildInfo::pid).collect()
}

/// Whether things are to go wrong.
#[derive(Clone, Default)]
pub struct Broken(Arc<AtomicBool>);

impl Broken {
    pub fn set(&self, broken: bool) {
        self.0.store(broken, Ordering::SeqCst);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// A setup whose `init` fails as long as this is set.
    pub fn breaks(&self, setup: Setup) -> Setup {
        let broken = self.clone();
        setup.init(move |_cx| {
            let broken = broken.is_set();
            Box::pin(async move {
                match broken {
                    true => Err(Exit::error("broken")),
                    false => Ok(()),
                }
            })
        })
    }
}

/// The times at which things happened.
#[derive(Clone, Default)]
pub struct Times(Arc<Mutex<Vec<Instant>>>);

impl Times {
    pub fn note(&self) {
        self.0.lock().push(Instant::now());
    }

    /// How long it took from each to the next.
    pub fn gaps(&self) -> Vec<Duration> {
        let times = self.0.lock();
        times.windows(2).map(|two| two[1] - two[0]).collect()
    }

    /// A setup whose `init` is noted here.
    pub fn of_starts(&self, setup: Setup) -> Setup {
        let times = self.clone();
        setup.init(move |_cx| {
            times.note();
            Box::pin(async { Ok(()) })
        })
    }
}

/// A wait that is never shorter than it should be, and at most a millisecond longer.
pub fn about(waited: Duration, expected: Duration) -> bool {
    waited >= expected && waited <= expected + ms(1)
}

/// What is wrong with the description of a supervisor that did not start.
pub fn spec_error(failed: Result<ServerRef<Supervisor>, StartError>) -> SpecError {
    match failed {
        Err(StartError::Error(error)) => error.downcast_ref::<SpecError>().unwrap().clone(),
        other => panic!("{other:?}"),
    }
}

/// Errors of this type cannot be compared: what is shown of one can.
pub fn shown<T: std::fmt::Debug>(result: Result<T, ChildError>) -> String {
    format!("{:?}", result.unwrap_err())
}

/// A runtime with several threads, and all that is logged on them.
pub fn logging_runtime() -> (tokio::runtime::Runtime, Arc<Mutex<Vec<Logged>>>) {
    let logged: Arc<Mutex<Vec<Logged>>> = Arc::default();
    let recorder = tracing_subscriber::registry().with(Recorder(logged.clone()));
    let dispatch = tracing::Dispatch::new(recorder);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)))
        .build()
        .unwrap();
    (runtime, logged)
}

/// Runs the body of the test of this name in a process of its own.
pub fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "NOEX_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{} {said}", run.status);
    let passed = String::from_utf8_lossy(&run.stdout).contains("1 passed");
    assert!(passed, "there is no test {test}");
}

/// What comes of a future that takes no time worth mentioning, unless it hangs.
pub async fn soon<F: Future>(future: F) -> F::Output {
    let waited = tokio::time::timeout(secs(30), future).await;
    waited.expect("it hangs")
}
