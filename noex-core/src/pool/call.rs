use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::queue::Refused;
use super::workers::Pool;
use crate::server::{Call, CallError, CallFuture, DEFAULT_CALL_TIMEOUT, GenServer};

/// A call to a pool: await it for the reply.
///
/// The default is to wait 5 s, in the queue and for the worker together.
///
/// # Cancel safety
///
/// Dropped while it waits in the queue, it was never sent; after, the worker handles it all the same.
#[must_use = "a call is sent when it is awaited"]
pub struct PoolCall<S: GenServer, T> {
    pool: Pool<S>,
    timeout: Option<Duration>,
    phase: Phase<S, T>,
}

enum Phase<S: GenServer, T> {
    Fresh(Call<'static, S, T>),
    Sent(Call<'static, S, T>),
    /// Boxed only where there is a queue to wait in.
    Queued(BoxFuture<'static, Result<T, CallError>>),
    Done,
}

impl<S: GenServer, T: Send + 'static> PoolCall<S, T> {
    pub(super) fn new(pool: Pool<S>, call: Call<'static, S, T>) -> Self {
        PoolCall {
            pool,
            timeout: Some(DEFAULT_CALL_TIMEOUT),
            phase: Phase::Fresh(call),
        }
    }

    /// Waits `timeout` at the longest.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Waits as long as it takes.
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }
}

/// Waits for a place, and only then picks the worker.
async fn queued<S: GenServer, T: Send + 'static>(
    pool: Pool<S>,
    mut call: Call<'static, S, T>,
    timeout: Option<Duration>,
) -> Result<T, CallError> {
    let expired = CallError::Timeout {
        after: timeout.unwrap_or_default(),
    };
    // A time that the clock does not reach is none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let _place = match pool.enter(deadline).await {
        Ok(place) => place,
        Err(Refused::Full) => return Err(CallError::Overloaded),
        Err(Refused::Expired) => return Err(expired),
    };
    pool.pick_free().redirect(&mut call);
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    match limited(call, left).await {
        Err(CallError::Timeout { .. }) => Err(expired),
        answer => answer,
    }
}

fn limited<S: GenServer, T: Send + 'static>(
    call: Call<'static, S, T>,
    timeout: Option<Duration>,
) -> Call<'static, S, T> {
    match timeout {
        Some(timeout) => call.timeout(timeout),
        None => call.no_timeout(),
    }
}

impl<S: GenServer, T: Send + 'static> Future for PoolCall<S, T> {
    type Output = Result<T, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.phase = match std::mem::replace(&mut this.phase, Phase::Done) {
            Phase::Fresh(call) if this.pool.has_queue() => {
                Phase::Queued(queued(this.pool.clone(), call, this.timeout).boxed())
            }
            Phase::Fresh(call) => Phase::Sent(limited(call, this.timeout)),
            begun => begun,
        };
        let polled = match &mut this.phase {
            Phase::Sent(call) => call.poll_unpin(cx),
            Phase::Queued(queued) => queued.poll_unpin(cx),
            Phase::Fresh(_) | Phase::Done => Poll::Pending,
        };
        if polled.is_ready() {
            this.phase = Phase::Done;
        }
        polled
    }
}

impl<S: GenServer, T: Send + 'static> CallFuture<T> for PoolCall<S, T> {
    fn timeout(self, timeout: Duration) -> Self {
        PoolCall::timeout(self, timeout)
    }

    fn no_timeout(self) -> Self {
        PoolCall::no_timeout(self)
    }
}

impl<S: GenServer, T> fmt::Debug for PoolCall<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolCall")
            .field("pool", &self.pool)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
