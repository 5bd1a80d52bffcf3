use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::to_raw_value;
use tokio::sync::mpsc;

use super::error::JobError;
use super::options::PoolOptions;
use super::runtime::{Job, Pool, PoolCall, PoolStatus};
use crate::child::error::RequestError;
use crate::child::message::ChildMessage;
use crate::server::{CallError, GenServer, ServerRef, StartError};

/// A pool of child processes. Each does one job at a time; the others wait, in order.
///
/// # Examples
///
/// ```no_run
/// use noex::child::{PoolOptions, ProcessOptions, WorkerPool};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = WorkerPool::start(PoolOptions::new(ProcessOptions::node("worker.js")).size(2)).await?;
/// let answer: i64 = pool.execute(&serde_json::json!({"data": 1})).await?;
/// println!("{answer}");
/// pool.drain().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WorkerPool {
    server: ServerRef<Pool>,
}

impl WorkerPool {
    /// Starts the workers; returns when all run.
    ///
    /// # Errors
    ///
    /// A worker cannot be started.
    pub async fn start(options: PoolOptions) -> Result<Self, StartError> {
        let server = Pool::start(options).await?;
        Ok(WorkerPool { server })
    }

    /// Has a worker do a job, and waits for its result.
    ///
    /// # Errors
    ///
    /// See [`JobError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, a job that waits is not begun; one that was begun goes on, and its result is dropped.
    pub async fn execute<T: DeserializeOwned>(
        &self,
        job: &(impl Serialize + ?Sized),
    ) -> Result<T, JobError> {
        self.run(job, None).await
    }

    /// As [`execute`](WorkerPool::execute); what the worker says meanwhile goes to `progress`, and
    /// is lost while that is full.
    ///
    /// # Errors
    ///
    /// See [`JobError`].
    pub async fn execute_with_progress<T: DeserializeOwned>(
        &self,
        job: &(impl Serialize + ?Sized),
        progress: mpsc::Sender<Arc<ChildMessage>>,
    ) -> Result<T, JobError> {
        self.run(job, Some(progress)).await
    }

    async fn run<T: DeserializeOwned>(
        &self,
        job: &(impl Serialize + ?Sized),
        progress: Option<mpsc::Sender<Arc<ChildMessage>>>,
    ) -> Result<T, JobError> {
        let unfit = |error| JobError::Failed(RequestError::payload(error));
        let payload = to_raw_value(job).map_err(unfit)?;
        // How long a job takes is limited where it runs; how many wait, by the queue.
        let result = self
            .server
            .call(|reply| PoolCall::execute(Job::new(payload, progress, reply)))
            .no_timeout()
            .await??;
        serde_json::from_str(result.get()).map_err(unfit)
    }

    /// How it is doing.
    ///
    /// # Errors
    ///
    /// The pool has ended.
    pub async fn status(&self) -> Result<PoolStatus, CallError> {
        self.server.call(PoolCall::status).await
    }

    /// Takes no further jobs, waits until all that it has are done, and stops the workers.
    ///
    /// # Errors
    ///
    /// The pool has ended.
    pub async fn drain(&self) -> Result<(), CallError> {
        self.server.call(PoolCall::drain).no_timeout().await
    }

    /// Cancels the jobs that wait and those that run, and stops the workers.
    ///
    /// # Errors
    ///
    /// The pool has ended.
    pub async fn cancel(&self) -> Result<(), CallError> {
        self.server.call(PoolCall::cancel).no_timeout().await
    }
}
