use std::borrow::Cow;
use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::cache::Known;
use super::link::{Link, OnProgress, Purpose};
use super::{GatewayClient, PendingCalls};
use crate::gateway::clock;
use crate::gateway::context::CallContext;
use crate::gateway::error::GatewayError;
use crate::gateway::limits::Limits;
use crate::gateway::message::{Field, append};

/// Room for a call's headers, in bytes, when its parameters are measured against the longest frame.
const HEADERS: usize = 4096;

/// A call through the gateway: await it for the result.
#[must_use = "a call is sent when it is awaited"]
pub struct GatewayCall<'a, T> {
    client: &'a GatewayClient,
    service: &'a str,
    method: &'a str,
    params: Result<String, serde_json::Error>,
    timeout: Duration,
    context: Option<CallContext>,
    wants_progress: bool,
    // Given to the first attempt: what a second one told would be told twice.
    on_progress: Option<OnProgress>,
    result: PhantomData<fn() -> T>,
}

impl<'a, T: DeserializeOwned> GatewayCall<'a, T> {
    pub(super) fn new(
        client: &'a GatewayClient,
        service: &'a str,
        method: &'a str,
        params: Result<String, serde_json::Error>,
    ) -> Self {
        GatewayCall {
            client,
            service,
            method,
            params,
            timeout: client.shared.options.timeout,
            context: CallContext::current(),
            wants_progress: false,
            on_progress: None,
            result: PhantomData,
        }
    }

    /// How long to wait for the answer. The default is the client's, 30 s; a call within a call
    /// waits no longer than the outer one has left.
    pub fn timeout(mut self, wait: Duration) -> Self {
        self.timeout = wait;
        self
    }

    /// Extends this context, instead of the one of the handler that runs.
    pub fn context(mut self, context: CallContext) -> Self {
        self.context = Some(context);
        self
    }

    /// Has the service tell how it gets on, if it does. `told` runs on the connection's own task, so
    /// it must be short. What is not a `P` is left out.
    pub fn on_progress<P: DeserializeOwned>(
        mut self,
        mut told: impl FnMut(P) + Send + 'static,
    ) -> Self {
        self.wants_progress = true;
        self.on_progress = Some(Box::new(move |json| {
            if let Ok(progress) = serde_json::from_str(json) {
                told(progress);
            }
        }));
        self
    }

    async fn run(mut self) -> Result<T, GatewayError> {
        let params = std::mem::replace(&mut self.params, Ok(String::new()));
        let params = params.map_err(GatewayError::Encode)?;
        let left = self.context.as_ref().map(CallContext::remaining);
        let wait = left.map_or(self.timeout, |left| left.min(self.timeout));
        let due = Instant::now() + wait;
        let limit = Limits::default().frame - HEADERS;
        if params.len() > limit {
            return Err(GatewayError::TooLong {
                length: params.len(),
                limit,
            });
        }
        let cache = &self.client.shared.cache;
        let keep = match cache.look(self.service, self.method, &params) {
            Known::Result(result) => {
                return serde_json::from_slice(&result).map_err(GatewayError::Decode);
            }
            Known::Keep(generation) => Some(generation),
            Known::Never => None,
        };
        loop {
            match self.attempt(&params, due).await {
                Err(GatewayError::NotConnected | GatewayError::Disconnected)
                    if self.client.shared.options.pending_calls == PendingCalls::Resend =>
                {
                    // A link that ends is taken out a moment later: not to spin until then.
                    tokio::task::yield_now().await;
                    if timeout_at(due, self.client.connected()).await.is_err() {
                        return Err(GatewayError::Timeout);
                    }
                }
                answer => {
                    if let (Ok(result), Some(generation)) = (&answer, keep) {
                        let cache = &self.client.shared.cache;
                        cache.keep(self.service, self.method, &params, generation, result);
                    }
                    return serde_json::from_slice(&answer?).map_err(GatewayError::Decode);
                }
            }
        }
    }

    async fn attempt(&mut self, params: &str, due: Instant) -> Result<Bytes, GatewayError> {
        let link = self.client.link().ok_or(GatewayError::NotConnected)?;
        let id = self.client.shared.ids.next();
        let answer = link.expect(id, Purpose::Call, self.on_progress.take())?;
        // From here on, whatever ends this future takes the request out again.
        let _request = Request { link: &link, id };
        self.send(&link, id, params, due)?;
        match timeout_at(due, answer).await {
            // It is answered, so that dropping the request does nothing more.
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(GatewayError::Disconnected),
            Err(_) => Err(GatewayError::Timeout),
        }
    }

    fn send(&self, link: &Link, id: u64, params: &str, due: Instant) -> Result<(), GatewayError> {
        let own = Cow::Borrowed(self.client.service());
        let chain = match &self.context {
            Some(context) => &context.chain[..],
            None => std::slice::from_ref(&own),
        };
        let new_root;
        let root = match &self.context {
            Some(context) => context.root(),
            None => {
                new_root = self.client.shared.ids.root();
                &new_root
            }
        };
        let deadline = clock::after(due.saturating_duration_since(Instant::now()));
        let progress = if self.wants_progress {
            Field::Flag(true)
        } else {
            Field::Absent
        };
        link.push(|out| {
            append(
                out,
                &[
                    ("type", Field::Text("CALL")),
                    ("id", Field::Text(&id.to_string())),
                    ("timestamp", Field::Number(clock::now_ms())),
                    ("from", Field::Text(&own)),
                    ("to", Field::Text(self.service)),
                    ("method", Field::Text(self.method)),
                    ("params", Field::Raw(params)),
                    ("progress", progress),
                    (
                        "context",
                        Field::Map(&[
                            ("root", Field::Text(root)),
                            ("chain", Field::Texts(chain)),
                            ("depth", Field::Number(chain.len() as u64)),
                            ("deadline", Field::Number(deadline)),
                        ]),
                    ),
                ],
            );
        })
    }
}

/// A request that is under way: dropped, it is taken back.
struct Request<'a> {
    link: &'a Arc<Link>,
    id: u64,
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if self.link.forget(self.id) {
            self.link.cancel(self.id);
        }
    }
}

impl<'a, T: DeserializeOwned + 'a> IntoFuture for GatewayCall<'a, T> {
    type Output = Result<T, GatewayError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.run().boxed()
    }
}

impl<T> fmt::Debug for GatewayCall<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayCall")
            .field("service", &self.service)
            .field("method", &self.method)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
