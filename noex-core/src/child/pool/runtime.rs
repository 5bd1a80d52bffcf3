use std::collections::VecDeque;
use std::future::IntoFuture;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::error::JobError;
use super::options::PoolOptions;
use crate::child::client::ask;
use crate::child::error::RequestError;
use crate::child::message::ChildMessage;
use crate::child::runtime::ManagedProcess;
use crate::process::{ExitReason, Pid};
use crate::server::{Context, Exit, GenServer, Info, ReplyTo, ServerRef};

type JobResult = Result<Box<RawValue>, JobError>;

/// The server behind a [`WorkerPool`](super::WorkerPool).
#[derive(Debug)]
pub(crate) struct Pool {
    options: PoolOptions,
    workers: Vec<Worker>,
    waiting: VecDeque<Job>,
    closing: Option<ReplyTo<()>>,
    done: u64,
}

#[derive(Debug)]
struct Worker {
    process: Option<ServerRef<ManagedProcess>>,
    /// Known until its end has been told, when `process` may be given up already.
    pid: Option<Pid>,
    job: Option<Job>,
    /// Which job it is at, so that what comes late of an earlier one is known.
    turn: u64,
    failures: u32,
}

#[derive(Debug)]
pub(crate) struct Job {
    payload: Box<RawValue>,
    progress: Option<mpsc::Sender<Arc<ChildMessage>>>,
    reply: ReplyTo<JobResult>,
    tries: u32,
}

impl Job {
    pub(super) fn new(
        payload: Box<RawValue>,
        progress: Option<mpsc::Sender<Arc<ChildMessage>>>,
        reply: ReplyTo<JobResult>,
    ) -> Self {
        Job {
            payload,
            progress,
            reply,
            tries: 0,
        }
    }
}

/// How a pool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// Workers that do a job.
    pub busy: usize,
    /// Workers that wait for one.
    pub idle: usize,
    /// Workers that are being started again.
    pub restarting: usize,
    /// Jobs that wait for a worker.
    pub queued: usize,
    /// Jobs that have ended, in whatever way.
    pub done: u64,
    /// The worker that has begun the most jobs, counted from 0.
    pub busiest: usize,
}

/// What a pool is asked.
#[derive(Debug)]
pub(crate) struct PoolCall(Ask);

#[derive(Debug)]
enum Ask {
    Execute(Job),
    Status(ReplyTo<PoolStatus>),
    Drain(ReplyTo<()>),
    Cancel(ReplyTo<()>),
}

impl PoolCall {
    pub(super) fn execute(job: Job) -> Self {
        PoolCall(Ask::Execute(job))
    }

    pub(super) fn status(reply: ReplyTo<PoolStatus>) -> Self {
        PoolCall(Ask::Status(reply))
    }

    pub(super) fn drain(reply: ReplyTo<()>) -> Self {
        PoolCall(Ask::Drain(reply))
    }

    pub(super) fn cancel(reply: ReplyTo<()>) -> Self {
        PoolCall(Ask::Cancel(reply))
    }
}

/// What a pool tells itself.
#[derive(Debug)]
pub(crate) struct Note(Told);

#[derive(Debug)]
enum Told {
    Answered(usize, u64, Result<Box<RawValue>, RequestError>),
    Restart(usize),
}

impl GenServer for Pool {
    type Args = PoolOptions;
    type Call = PoolCall;
    type Cast = ();
    type Info = Note;

    async fn init(options: PoolOptions, cx: &mut Context<Self>) -> Result<Self, Exit> {
        cx.trap_exit();
        let mut workers = Vec::with_capacity(options.size);
        for _ in 0..options.size {
            let process = ManagedProcess::start(options.worker.clone())
                .link(cx.pid())
                .await?;
            workers.push(Worker {
                pid: Some(process.pid()),
                process: Some(process),
                job: None,
                turn: 0,
                failures: 0,
            });
        }
        Ok(Pool {
            options,
            workers,
            waiting: VecDeque::new(),
            closing: None,
            done: 0,
        })
    }

    async fn handle_call(&mut self, call: PoolCall, cx: &mut Context<Self>) -> Result<(), Exit> {
        match call.0 {
            Ask::Execute(job) if self.closing.is_some() => job.reply.send(Err(JobError::Cancelled)),
            Ask::Execute(job) => {
                self.waiting.push_back(job);
                self.hand_out(cx);
                if self.waiting.len() > self.options.queue {
                    self.waiting.retain(|job| !job.reply.is_closed());
                }
                if self.waiting.len() > self.options.queue
                    && let Some(job) = self.waiting.pop_back()
                {
                    job.reply.send(Err(JobError::QueueFull));
                }
            }
            Ask::Status(reply) => reply.send(self.status()),
            Ask::Drain(reply) => {
                self.closing = Some(reply);
                self.end_if_drained(cx);
            }
            Ask::Cancel(reply) => {
                let running = self
                    .workers
                    .iter_mut()
                    .filter_map(|worker| worker.job.take());
                for job in running.chain(self.waiting.drain(..)) {
                    job.reply.send(Err(JobError::Cancelled));
                }
                cx.stop_with_reply(reply, (), Exit::Shutdown);
            }
        }
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_info(&mut self, info: Info<Note>, cx: &mut Context<Self>) -> Result<(), Exit> {
        match info {
            Info::TaskDone(task) => {
                if let Ok(Note(Told::Answered(at, turn, answer))) = task.outcome {
                    self.answered(at, turn, answer);
                }
            }
            Info::Exit(signal) => self.lost(signal.from, cx),
            Info::Message(Note(Told::Restart(at))) => {
                match ManagedProcess::start(self.options.worker.clone())
                    .link(cx.pid())
                    .await
                {
                    Ok(process) => {
                        self.workers[at].pid = Some(process.pid());
                        self.workers[at].process = Some(process);
                    }
                    Err(error) => {
                        tracing::warn!(target: "noex::child", "a worker does not start: {error}");
                        self.restart_later(at, cx);
                    }
                }
            }
            _ => {}
        }
        self.hand_out(cx);
        self.end_if_drained(cx);
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        let processes = self
            .workers
            .iter()
            .filter_map(|worker| worker.process.as_ref());
        // Together, and as long as each has grace; one that cannot stop is killed by its guard.
        let stops = processes.map(|process| process.stop().no_timeout().into_future());
        futures::future::join_all(stops).await;
    }
}

impl Pool {
    fn hand_out(&mut self, cx: &mut Context<Self>) {
        for at in 0..self.workers.len() {
            let worker = &mut self.workers[at];
            if worker.job.is_some() {
                continue;
            }
            let Some(process) = worker.process.clone() else {
                continue;
            };
            let job = loop {
                match self.waiting.pop_front() {
                    // Nobody waits for it any more.
                    Some(job) if job.reply.is_closed() => {}
                    Some(job) => break job,
                    None => return,
                }
            };
            worker.turn += 1;
            let turn = worker.turn;
            let (payload, progress) = (job.payload.clone(), job.progress.clone());
            worker.job = Some(job);
            let kind = self.options.kind.clone();
            let timeout = self.options.job_timeout;
            cx.spawn(async move {
                let answer = ask(&process, &kind, payload, progress, timeout).await;
                if !matches!(answer, Ok(_) | Err(RequestError::Refused(_))) {
                    // It is dead, or still at it, and the next job would wait behind.
                    process.kill();
                }
                Note(Told::Answered(at, turn, answer))
            });
        }
    }

    fn answered(&mut self, at: usize, turn: u64, answer: Result<Box<RawValue>, RequestError>) {
        let worker = &mut self.workers[at];
        if worker.turn != turn {
            return;
        }
        let Some(mut job) = worker.job.take() else {
            return;
        };
        match answer {
            Ok(_) | Err(RequestError::Refused(_)) => worker.failures = 0,
            Err(_) => {
                // What cannot answer is not asked again: its exit is on the way.
                worker.process = None;
                if job.tries < self.options.retries {
                    job.tries += 1;
                    self.waiting.push_front(job);
                    return;
                }
            }
        }
        self.done += 1;
        job.reply.send(answer.map_err(JobError::Failed));
    }
}

impl Pool {
    fn lost(&mut self, pid: Pid, cx: &mut Context<Self>) {
        let Some(at) = self
            .workers
            .iter()
            .position(|worker| worker.pid == Some(pid))
        else {
            return;
        };
        let worker = &mut self.workers[at];
        worker.process = None;
        worker.pid = None;
        self.restart_later(at, cx);
    }

    fn restart_later(&mut self, at: usize, cx: &mut Context<Self>) {
        let worker = &mut self.workers[at];
        let delay = self.options.backoff.delay(worker.failures, fastrand::f64());
        worker.failures = worker.failures.saturating_add(1);
        cx.send_after(delay, Note(Told::Restart(at)));
    }

    fn end_if_drained(&mut self, cx: &mut Context<Self>) {
        let at_work = self.workers.iter().any(|worker| worker.job.is_some());
        if at_work || !self.waiting.is_empty() {
            return;
        }
        if let Some(reply) = self.closing.take() {
            cx.stop_with_reply(reply, (), Exit::Shutdown);
        }
    }

    fn status(&self) -> PoolStatus {
        let busy = self
            .workers
            .iter()
            .filter(|worker| worker.job.is_some())
            .count();
        let restarting = self
            .workers
            .iter()
            .filter(|worker| worker.job.is_none() && worker.process.is_none())
            .count();
        let busiest = self
            .workers
            .iter()
            .enumerate()
            .max_by_key(|(_, worker)| worker.turn);
        PoolStatus {
            busy,
            idle: self.workers.len() - busy - restarting,
            restarting,
            queued: self.waiting.len(),
            done: self.done,
            busiest: busiest.map_or(0, |(at, _)| at),
        }
    }
}
