//! A server that does in its handlers what a test tells it to, and writes down what happens.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::task;
use noex::{
    Call, Context, Down, Exit, ExitReason, ExitSignal, GenServer, Info, Pid, ReplyTo, ServerRef,
};
use parking_lot::Mutex;

/// What happened, in order; shared by whoever has a clone.
#[derive(Clone, Default, Debug)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn write(&self, line: impl Into<String>) {
        self.0.lock().push(line.into());
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().clone()
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// Something to be done in a handler.
pub type Job = Box<
    dyn for<'a> FnOnce(&'a mut Lab, &'a mut Context<Lab>) -> BoxFuture<'a, Result<(), Exit>> + Send,
>;

/// Makes a job of a closure over `(lab, cx)` whose body is a block of async code that ends in
/// `Result<(), Exit>`: `job!(|lab, cx| { cx.trap_exit(); Ok(()) })`.
#[macro_export]
macro_rules! job {
    (|$lab:pat_param, $cx:pat_param| $body:block) => {{
        let job: $crate::support::Job = Box::new(move |$lab, $cx| Box::pin(async move { $body }));
        job
    }};
}

type InitJob =
    Arc<dyn for<'a> Fn(&'a mut Context<Lab>) -> BoxFuture<'a, Result<(), Exit>> + Send + Sync>;

/// What a lab starts with.
#[derive(Clone, Default)]
pub struct Setup {
    pub name: &'static str,
    pub log: Log,
    pub init: Option<InitJob>,
    /// Wait this long in `terminate`.
    pub terminate_takes: Duration,
}

impl Setup {
    pub fn new(log: &Log) -> Self {
        Setup {
            log: log.clone(),
            ..Setup::default()
        }
    }

    /// Lines in the log begin with this name.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub fn init(
        mut self,
        init: impl for<'a> Fn(&'a mut Context<Lab>) -> BoxFuture<'a, Result<(), Exit>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.init = Some(Arc::new(init));
        self
    }

    pub fn terminate_takes(mut self, time: Duration) -> Self {
        self.terminate_takes = time;
        self
    }

    fn write(&self, line: &str) {
        let name = self.name;
        let line = if name.is_empty() {
            line.to_owned()
        } else {
            format!("{name}: {line}")
        };
        self.log.write(line);
    }
}

/// The server. Its log has `init`, `terminate REASON`, `drop`, and what is handled: `note N`
/// (casts), `info N`, `continue N`, `down PID REASON`, `exit PID REASON`, `timeout`, `task ...`.
pub struct Lab {
    pub setup: Setup,
    /// Reply ports kept for later.
    pub held: Vec<ReplyTo<u32>>,
    /// A number to look at by introspection.
    pub number: u32,
    pub downs: Vec<Down>,
    pub exits: Vec<ExitSignal>,
}

pub enum LabCall {
    /// Does the job; the port tells when it is done. A job that fails drops the port.
    Run(Job, ReplyTo<()>),
    Pid(ReplyTo<Pid>),
    Echo(u32, ReplyTo<u32>),
    /// Waits, then echoes.
    Slow(Duration, u32, ReplyTo<u32>),
    /// Keeps the port.
    Hold(ReplyTo<u32>),
    /// Drops the port.
    Drop(ReplyTo<u32>),
    Panic(ReplyTo<u32>),
    Fail(ReplyTo<u32>),
    Downs(ReplyTo<Vec<Down>>),
    Exits(ReplyTo<Vec<ExitSignal>>),
}

pub enum LabCast {
    Run(Job),
    Note(u32),
}

impl From<u32> for LabCast {
    fn from(n: u32) -> Self {
        LabCast::Note(n)
    }
}

impl GenServer for Lab {
    type Args = Setup;
    type Call = LabCall;
    type Cast = LabCast;
    type Info = u32;

    async fn init(setup: Setup, cx: &mut Context<Self>) -> Result<Self, Exit> {
        setup.write("init");
        if let Some(init) = setup.init.clone() {
            init(cx).await?;
        }
        Ok(Lab {
            setup,
            held: Vec::new(),
            number: 0,
            downs: Vec::new(),
            exits: Vec::new(),
        })
    }

    async fn handle_call(&mut self, call: LabCall, cx: &mut Context<Self>) -> Result<(), Exit> {
        match call {
            LabCall::Run(job, reply) => {
                job(self, cx).await?;
                reply.send(());
            }
            LabCall::Pid(reply) => reply.send(cx.pid()),
            LabCall::Echo(n, reply) => reply.send(n),
            LabCall::Slow(time, n, reply) => {
                tokio::time::sleep(time).await;
                reply.send(n);
            }
            LabCall::Hold(reply) => self.held.push(reply),
            LabCall::Drop(reply) => drop(reply),
            LabCall::Panic(_reply) => panic!("told to"),
            LabCall::Fail(_reply) => return Err(Exit::error("told to fail")),
            LabCall::Downs(reply) => reply.send(self.downs.clone()),
            LabCall::Exits(reply) => reply.send(self.exits.clone()),
        }
        Ok(())
    }

    async fn handle_cast(&mut self, cast: LabCast, cx: &mut Context<Self>) -> Result<(), Exit> {
        match cast {
            LabCast::Run(job) => job(self, cx).await?,
            LabCast::Note(n) => self.setup.write(&format!("note {n}")),
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info<u32>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match info {
            Info::Message(n) => self.setup.write(&format!("info {n}")),
            Info::Down(down) => {
                self.setup
                    .write(&format!("down {} {}", down.pid, down.reason));
                self.downs.push(down);
            }
            Info::Exit(exit) => {
                self.setup
                    .write(&format!("exit {} {}", exit.from, exit.reason));
                self.exits.push(exit);
            }
            Info::Timeout => self.setup.write("timeout"),
            Info::TaskDone(done) => match done.outcome {
                Ok(n) => self.setup.write(&format!("task {n}")),
                Err(reason) => self.setup.write(&format!("task failed: {reason}")),
            },
            _ => {}
        }
        Ok(())
    }

    async fn handle_continue(&mut self, n: u32, _cx: &mut Context<Self>) -> Result<(), Exit> {
        self.setup.write(&format!("continue {n}"));
        Ok(())
    }

    async fn terminate(&mut self, reason: &ExitReason, _cx: &mut Context<Self>) {
        if !self.setup.terminate_takes.is_zero() {
            tokio::time::sleep(self.setup.terminate_takes).await;
        }
        self.setup.write(&format!("terminate {reason}"));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.setup.write("drop");
    }
}

/// What tests ask of a lab, in short.
pub trait LabExt {
    fn run(&self, job: Job) -> Call<'_, Lab, ()>;
    fn echo(&self, n: u32) -> Call<'_, Lab, u32>;
    fn slow(&self, time: Duration, n: u32) -> Call<'_, Lab, u32>;
}

impl LabExt for ServerRef<Lab> {
    fn run(&self, job: Job) -> Call<'_, Lab, ()> {
        self.call(|reply| LabCall::Run(job, reply))
    }

    fn echo(&self, n: u32) -> Call<'_, Lab, u32> {
        self.call(|reply| LabCall::Echo(n, reply))
    }

    fn slow(&self, time: Duration, n: u32) -> Call<'_, Lab, u32> {
        self.call(|reply| LabCall::Slow(time, n, reply))
    }
}

/// A lab that writes into its own log.
pub async fn lab() -> (ServerRef<Lab>, Log) {
    let log = Log::default();
    let lab = Lab::start(Setup::new(&log)).await.unwrap();
    (lab, log)
}

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A name that no other test uses.
pub fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// Polls a future, which must be `Unpin`, once.
pub fn poll_now<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut task::Context::from_waker(task::noop_waker_ref()))
}

/// Lets every task that is ready run, on a current-thread runtime.
pub async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Fails instead of hanging; at once when the clock is paused.
pub async fn soon<F: Future>(future: F) -> F::Output {
    let outcome = tokio::time::timeout(secs(60), future).await;
    outcome.expect("it does not hang")
}

/// Runs a future on this thread without any runtime, as a foreign executor does.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl task::ArcWake for Unpark {
        fn wake_by_ref(unpark: &Arc<Self>) {
            unpark.0.unpark();
        }
    }
    let waker = task::waker(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut task::Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// One event of the `tracing` crate.
#[derive(Clone, Debug)]
pub struct Logged {
    pub level: tracing::Level,
    pub fields: BTreeMap<&'static str, String>,
}

impl Logged {
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl tracing::field::Visit for Logged {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

struct Recorder(Arc<Mutex<Vec<Logged>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Recorder {
    fn on_event(&self, event: &tracing::Event<'_>, _cx: tracing_subscriber::layer::Context<'_, S>) {
        let mut logged = Logged {
            level: *event.metadata().level(),
            fields: BTreeMap::new(),
        };
        event.record(&mut logged);
        self.0.lock().push(logged);
    }
}

/// What is logged on this thread as long as this lives.
pub struct Capture {
    logged: Arc<Mutex<Vec<Logged>>>,
    _subscriber: tracing::subscriber::DefaultGuard,
}

pub fn capture() -> Capture {
    use tracing_subscriber::layer::SubscriberExt;
    // With one subscriber alone, `tracing` asks that of whichever thread comes first by an event
    // whether anybody wants it, and another test's thread would say no for good.
    static SECOND: OnceLock<tracing::Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default()));
    let logged = Arc::default();
    let recorder = Recorder(Arc::clone(&logged));
    Capture {
        logged,
        _subscriber: tracing::subscriber::set_default(
            tracing_subscriber::registry().with(recorder),
        ),
    }
}

impl Capture {
    /// Everything since the last time.
    pub fn take(&self) -> Vec<Logged> {
        std::mem::take(&mut *self.logged.lock())
    }
}

// So that other test binaries can include this file by its path.
#[path = "support/trees.rs"]
pub mod trees;
