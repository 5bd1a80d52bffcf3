use std::fmt;
use std::sync::Arc;

use rustix::process::{Pid as OsPid, kill_process_group};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::command::{self, Prepared};
use super::error::{GaveUp, RequestError, SpawnError};
use super::event::{EventStream, ProcessEvent, Stream};
use super::exit_status::ProcessExit;
use super::message::{self, ChildMessage, Parsed};
use super::options::{ProcessOptions, Signal};
use super::pending::{Answer, Asker, Pending};
use super::spawner;
use super::traffic::{self, Reading, Writing};
use crate::process::ExitReason;
use crate::server::{Context, Exit, GenServer, Info, ReplyTo, ServerRef};

/// A server that owns an operating system process.
///
/// Started with [`ProcessOptions`], by hand or by a supervisor; used through
/// [`ProcessClient`](super::ProcessClient). `stop()` closes the child's channel, sends `SIGTERM` to
/// its process group, and `SIGKILL` after the grace period.
///
/// It ends as its process does: `Normal` after code 0, otherwise with an error that is a
/// [`ProcessExit`], or with [`GaveUp`] after the last automatic restart.
///
/// The OTP counterpart is a port with `{exit_status}`.
#[derive(Debug)]
pub struct ManagedProcess {
    options: Arc<ProcessOptions>,
    running: Option<Running>,
    pending: Pending,
    /// Counts the starts, so that what is left of an earlier process is known.
    life: u64,
    attempts: u32,
    stop_signal: Signal,
}

/// The process that runs. Dropped, it is killed with its group.
struct Running {
    pid: u32,
    started: tokio::time::Instant,
    queue: mpsc::Sender<Vec<u8>>,
    exited: watch::Receiver<Option<ProcessExit>>,
    writer: JoinHandle<()>,
    _tasks: JoinSet<()>,
}

/// What the server of a process is asked; [`ProcessClient`](super::ProcessClient) asks it.
#[derive(Debug)]
pub struct ProcessCall(Ask);

#[derive(Debug)]
enum Ask {
    Request(String, Box<RawValue>, Asker),
    Send(String, Box<RawValue>, ReplyTo<Result<(), RequestError>>),
    Info(ReplyTo<ProcessInfo>),
    Events(ReplyTo<EventStream>),
    Halt(Signal, ReplyTo<()>),
    Incoming(u64, Vec<Parsed>, ReplyTo<()>),
}

impl ProcessCall {
    pub(super) fn request(kind: &str, payload: Box<RawValue>, asker: Asker) -> Self {
        ProcessCall(Ask::Request(kind.to_owned(), payload, asker))
    }

    pub(super) fn send(
        kind: &str,
        payload: Box<RawValue>,
        reply: ReplyTo<Result<(), RequestError>>,
    ) -> Self {
        ProcessCall(Ask::Send(kind.to_owned(), payload, reply))
    }

    pub(super) fn info(reply: ReplyTo<ProcessInfo>) -> Self {
        ProcessCall(Ask::Info(reply))
    }

    pub(super) fn events(reply: ReplyTo<EventStream>) -> Self {
        ProcessCall(Ask::Events(reply))
    }

    pub(super) fn halt(signal: Signal, reply: ReplyTo<()>) -> Self {
        ProcessCall(Ask::Halt(signal, reply))
    }

    pub(super) fn incoming(life: u64, batch: Vec<Parsed>, reply: ReplyTo<()>) -> Self {
        ProcessCall(Ask::Incoming(life, batch, reply))
    }
}

/// What the server of a process tells itself.
#[derive(Debug)]
pub struct Note(Told);

#[derive(Debug)]
enum Told {
    Exited(u64, ProcessExit),
    Stalled(u64),
    Restart,
}

impl Note {
    pub(super) fn exited(life: u64, exit: ProcessExit) -> Self {
        Note(Told::Exited(life, exit))
    }

    pub(super) fn stalled(life: u64) -> Self {
        Note(Told::Stalled(life))
    }
}

/// What is known of a managed process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// The operating system's process id, while it runs.
    pub os_pid: Option<u32>,
    /// How often it was restarted in a row.
    pub restarts: u32,
    /// How many requests wait for an answer.
    pub pending: usize,
}

impl ProcessInfo {
    /// Whether there is a process.
    pub fn is_running(&self) -> bool {
        self.os_pid.is_some()
    }
}

impl GenServer for ManagedProcess {
    type Args = ProcessOptions;
    type Call = ProcessCall;
    type Cast = ();
    type Info = Note;

    async fn init(options: ProcessOptions, cx: &mut Context<Self>) -> Result<Self, Exit> {
        let mut this = ManagedProcess {
            options: Arc::new(options),
            running: None,
            pending: Pending::default(),
            life: 0,
            attempts: 0,
            stop_signal: Signal::default(),
        };
        this.launch(cx.myself()).await?;
        Ok(this)
    }

    async fn handle_call(&mut self, call: ProcessCall, cx: &mut Context<Self>) -> Result<(), Exit> {
        match call.0 {
            Ask::Request(kind, payload, asker) => self.request(&kind, &payload, asker),
            Ask::Send(kind, payload, reply) => {
                // A message has an id too; that it begins with a letter keeps it apart from requests'.
                reply.send(self.enqueue(message::encode("m", &kind, &payload)));
            }
            Ask::Info(reply) => reply.send(ProcessInfo {
                os_pid: self.running.as_ref().map(|running| running.pid),
                restarts: self.attempts,
                pending: self.pending.len(),
            }),
            Ask::Events(reply) => reply.send(self.options.events.listen()),
            Ask::Halt(signal, reply) => {
                self.stop_signal = signal;
                cx.stop_with_reply(reply, (), Exit::Shutdown);
            }
            Ask::Incoming(life, batch, reply) => {
                if life == self.life {
                    for parsed in batch {
                        self.take_in(parsed);
                    }
                }
                reply.send(());
            }
        }
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_info(&mut self, info: Info<Note>, cx: &mut Context<Self>) -> Result<(), Exit> {
        let Info::Message(Note(told)) = info else {
            return Ok(());
        };
        match told {
            Told::Exited(life, exit) if life == self.life => self.after_exit(exit, cx),
            Told::Stalled(life) if life == self.life => {
                self.complain("it has not read its messages in time");
                self.pending.fail(&RequestError::Stalled);
                if let Some(running) = &self.running {
                    running.signal(Signal::Kill);
                }
                Ok(())
            }
            Told::Restart => {
                if let Err(error) = self.launch(cx.myself()).await {
                    self.complain(&error.to_string());
                    return Err(Exit::error(error));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        let Some(running) = self.running.take() else {
            return;
        };
        if let Some(exit) = running.stop(self.stop_signal, self.options.grace).await {
            self.pending.fail(&RequestError::Exited(exit));
            self.options.events.tell(|| ProcessEvent::Exit(exit));
        }
    }
}

impl ManagedProcess {
    async fn launch(&mut self, server: ServerRef<Self>) -> Result<(), SpawnError> {
        self.life += 1;
        let running = Running::start(&self.options, self.life, server)
            .await
            .map_err(|source| SpawnError {
                program: self.options.program.to_string_lossy().into_owned(),
                source,
            })?;
        let pid = running.pid;
        self.running = Some(running);
        self.options.events.tell(|| ProcessEvent::Start { pid });
        Ok(())
    }

    fn request(&mut self, kind: &str, payload: &RawValue, asker: Asker) {
        let id = self.pending.add(asker);
        let id = id.to_string();
        if let Err(error) = self.enqueue(message::encode(&id, kind, payload))
            && let Some(asker) = self.pending.take(&id)
        {
            asker.reply.send(Err(error));
        }
    }

    fn enqueue(&self, line: Vec<u8>) -> Result<(), RequestError> {
        let running = self.running.as_ref().ok_or(RequestError::NotRunning)?;
        running.queue.try_send(line).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RequestError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => RequestError::NotRunning,
        })
    }

    fn take_in(&mut self, parsed: Parsed) {
        match parsed {
            Parsed::Message(message) => self.take_message(message),
            Parsed::Handle => {
                // A second answer would crash it, none would have it wait for ever.
                let _ = self.enqueue(b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n".to_vec());
            }
            Parsed::Garbage(what) => {
                self.complain(&format!("it sent a line that is no message: {what}"));
            }
        }
    }

    fn take_message(&mut self, message: ChildMessage) {
        let answer: fn(ChildMessage) -> Answer = match message.kind() {
            "response" => |message| Ok(message.payload),
            "error" => |message| Err(RequestError::Refused(message.payload)),
            _ => {
                let message = Arc::new(message);
                self.pending.progress(&message);
                self.options.events.tell(|| ProcessEvent::Message(message));
                return;
            }
        };
        // Nobody waits for a late answer.
        if let Some(asker) = self.pending.take(&message.id) {
            asker.reply.send(answer(message));
        }
    }

    fn after_exit(&mut self, exit: ProcessExit, cx: &mut Context<Self>) -> Result<(), Exit> {
        let lived = self.running.take().map(|running| running.started.elapsed());
        self.pending.fail(&RequestError::Exited(exit));
        self.options.events.tell(|| ProcessEvent::Exit(exit));
        if exit.is_success() {
            return Err(Exit::Normal);
        }
        let Some(most) = self.options.max_restarts else {
            return Err(Exit::error(exit));
        };
        if lived.is_some_and(|lived| self.options.backoff.is_reset_by(lived)) {
            self.attempts = 0;
        }
        if self.attempts >= most {
            let gave_up = GaveUp {
                restarts: self.attempts,
                last: exit,
            };
            self.complain(&gave_up.to_string());
            return Err(Exit::error(gave_up));
        }
        let delay = self.options.backoff.delay(self.attempts, fastrand::f64());
        self.attempts += 1;
        let attempt = self.attempts;
        self.options
            .events
            .tell(|| ProcessEvent::Restart { attempt });
        cx.send_after(delay, Note(Told::Restart));
        Ok(())
    }

    fn complain(&self, what: &str) {
        let child = self.options.program.to_string_lossy();
        tracing::warn!(target: "noex::child", %child, "{what}");
        self.options
            .events
            .tell(|| ProcessEvent::Error(what.into()));
    }
}

impl Running {
    async fn start(
        options: &Arc<ProcessOptions>,
        life: u64,
        server: ServerRef<ManagedProcess>,
    ) -> std::io::Result<Running> {
        let Prepared { command, socket } = command::prepare(options)?;
        let mut child = spawner::spawn(command).await?;
        let pid = child.id().unwrap_or_default();
        let mut tasks = JoinSet::new();
        let mut drains = JoinSet::new();
        let (reading, writing): (Reading, Writing) = match socket {
            Some(socket) => {
                let (reading, writing) = tokio::net::UnixStream::from_std(socket)?.into_split();
                if let Some(stdout) = child.stdout.take() {
                    drains.spawn(traffic::output(
                        Box::new(stdout),
                        Stream::Stdout,
                        options.clone(),
                    ));
                }
                (Box::new(reading), Box::new(writing))
            }
            None => match (child.stdout.take(), child.stdin.take()) {
                (Some(stdout), Some(stdin)) => (Box::new(stdout), Box::new(stdin)),
                _ => return Err(std::io::ErrorKind::BrokenPipe.into()),
            },
        };
        if let Some(stderr) = child.stderr.take() {
            drains.spawn(traffic::output(
                Box::new(stderr),
                Stream::Stderr,
                options.clone(),
            ));
        }
        drains.spawn(traffic::read(
            reading,
            server.clone(),
            life,
            options.line_cap,
        ));
        let (queue, queued) = mpsc::channel(options.queue);
        let writer = tokio::spawn(traffic::write(
            writing,
            queued,
            server.clone(),
            life,
            options.write_deadline,
        ));
        let (exit, exited) = watch::channel(None);
        let drained = async move { while drains.join_next().await.is_some() {} };
        tasks.spawn(traffic::end(child, exit, drained, server, life));
        Ok(Running {
            pid,
            started: tokio::time::Instant::now(),
            queue,
            exited,
            writer,
            _tasks: tasks,
        })
    }

    fn signal(&self, signal: Signal) {
        // Its number may be another's once it was reaped, but what it left in its group is still
        // to be ended: the group keeps the number for as long as somebody is in it.
        let Some(group) = OsPid::from_raw(self.pid as i32) else {
            return;
        };
        let signal = match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Int => rustix::process::Signal::INT,
            Signal::Hup => rustix::process::Signal::HUP,
            Signal::Quit => rustix::process::Signal::QUIT,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        // Nobody is left: then there is nobody to signal.
        let _ = kill_process_group(group, signal);
    }

    async fn stop(mut self, signal: Signal, grace: std::time::Duration) -> Option<ProcessExit> {
        self.writer.abort();
        self.signal(signal);
        let mut exited = self.exited.clone();
        if let Ok(exit) = timeout(grace, exited.wait_for(Option::is_some)).await {
            return exit.ok().and_then(|exit| *exit);
        }
        self.signal(Signal::Kill);
        let exit = self.exited.wait_for(Option::is_some).await;
        exit.ok().and_then(|exit| *exit)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.writer.abort();
        self.signal(Signal::Kill);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}
