use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;

use super::error::RequestError;
use super::event::EventStream;
use super::message::ChildMessage;
use super::options::Signal;
use super::pending::Asker;
use super::runtime::{ManagedProcess, ProcessCall, ProcessInfo};
use crate::server::{CallError, CallFuture, Reach};

/// Thirty seconds, unless a request says otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What can be done with a [`ManagedProcess`] through whatever reaches it: a
/// [`ServerRef`](crate::ServerRef), or a [`Name`](crate::Name), which finds a restarted one.
pub trait ProcessClient: Reach<ManagedProcess> + Sync {
    /// Sends a request and waits for its answer, 30 s.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, the child may still do the work; its answer is forgotten.
    fn request<T: DeserializeOwned + Send>(
        &self,
        kind: &str,
        payload: &(impl Serialize + ?Sized + Sync),
    ) -> impl Future<Output = Result<T, RequestError>> + Send {
        self.request_within(kind, payload, REQUEST_TIMEOUT)
    }

    /// As [`request`](ProcessClient::request), with a time of its own.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    fn request_within<T: DeserializeOwned + Send>(
        &self,
        kind: &str,
        payload: &(impl Serialize + ?Sized + Sync),
        timeout: Duration,
    ) -> impl Future<Output = Result<T, RequestError>> + Send {
        let payload = to_raw_value(payload);
        async move {
            let payload = payload.map_err(RequestError::payload)?;
            let answer = ask(self, kind, payload, None, timeout).await?;
            serde_json::from_str(answer.get()).map_err(RequestError::payload)
        }
    }

    /// Sends a message to which no answer is expected. `Ok`: it is queued.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    fn send(
        &self,
        kind: &str,
        payload: &(impl Serialize + ?Sized + Sync),
    ) -> impl Future<Output = Result<(), RequestError>> + Send {
        let payload = to_raw_value(payload);
        async move {
            let payload = payload.map_err(RequestError::payload)?;
            self.call(|reply| ProcessCall::send(kind, payload, reply))
                .await
                .map_err(RequestError::from_call)?
        }
    }

    /// What is known of the process.
    ///
    /// # Errors
    ///
    /// The server cannot be reached.
    fn info(&self) -> impl Future<Output = Result<ProcessInfo, CallError>> + Send {
        self.call(ProcessCall::info)
    }

    /// The process id of the operating system, while there is a process.
    fn os_pid(&self) -> impl Future<Output = Option<u32>> + Send {
        let info = self.call(ProcessCall::info);
        async move { info.await.ok()?.os_pid }
    }

    /// Whether there is a process.
    fn is_running(&self) -> impl Future<Output = bool> + Send {
        let pid = self.os_pid();
        async move { pid.await.is_some() }
    }

    /// Its events from now on. To see the first start too, give the options
    /// [`events`](super::ProcessOptions::events).
    ///
    /// # Errors
    ///
    /// The server cannot be reached.
    fn events(&self) -> impl Future<Output = Result<EventStream, CallError>> + Send {
        self.call(ProcessCall::events)
    }

    /// Stops it as `stop()` does, but with this signal in place of `SIGTERM`, and waits without limit.
    ///
    /// # Errors
    ///
    /// The server cannot be reached.
    fn stop_with(&self, signal: Signal) -> impl Future<Output = Result<(), CallError>> + Send {
        self.call(move |reply| ProcessCall::halt(signal, reply))
            .no_timeout()
    }
}

impl<R: Reach<ManagedProcess> + Sync + ?Sized> ProcessClient for R {}

pub(super) async fn ask<R: Reach<ManagedProcess> + Sync + ?Sized>(
    process: &R,
    kind: &str,
    payload: Box<RawValue>,
    progress: Option<mpsc::Sender<Arc<ChildMessage>>>,
    timeout: Duration,
) -> Result<Box<RawValue>, RequestError> {
    process
        .call(|reply| ProcessCall::request(kind, payload, Asker { reply, progress }))
        .timeout(timeout)
        .await
        .map_err(RequestError::from_call)?
}
