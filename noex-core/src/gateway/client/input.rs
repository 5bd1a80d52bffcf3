//! What a gateway sends to a client, message by message.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use serde::Deserialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::GatewayClient;
use super::invocation::Invocation;
use super::link::{Link, Purpose};
use super::methods::Handler;
use crate::gateway::clock;
use crate::gateway::context::{CURRENT, CallContext};
use crate::gateway::error::{ErrorCode, GatewayError, MethodError};
use crate::gateway::event::ClientEvent;
use crate::gateway::message::{Call, Field, Message, Outcome, Response, append, decode};

impl GatewayClient {
    pub(super) fn take(&self, link: &Arc<Link>, frame: Bytes) {
        match decode(&frame, &link.limits) {
            Ok(Message::Response(response)) => self.answered(link, &frame, &response),
            Ok(Message::Call(call)) => self.called(link, &call),
            Ok(Message::Cancel { id }) => {
                if let Some(running) = link.running.lock().remove(&*id) {
                    running.cancel();
                }
            }
            Ok(Message::Progress { id, data }) => {
                if let Ok(id) = id.parse() {
                    link.progressed(id, data);
                }
            }
            // Of a heartbeat it counts that it came; the rest is for gateways.
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(service = self.service(), "gateway client: {error}");
            }
        }
    }

    fn answered(&self, link: &Link, frame: &Bytes, response: &Response<'_>) {
        let reply = match response.outcome {
            Outcome::Success(Some(data)) => Ok(frame.slice_ref(data.as_bytes())),
            Outcome::Success(None) => Ok(Bytes::from_static(b"null")),
            Outcome::Error(error) => Err(refused(error)),
        };
        let error = reply.as_ref().err().map(ToString::to_string);
        let told = reply
            .as_ref()
            .err()
            .map(|refused| (refused.code(), refused.to_string()));
        let id = response.id.parse().ok();
        match (id.and_then(|id| link.answer(id, reply)), told) {
            (Some(Purpose::Call), _) => {
                self.shared.events.tell(|| ClientEvent::ResponseReceived {
                    request_id: response.id.to_string(),
                    error,
                });
            }
            (None, Some((code, message))) => {
                self.shared.events.tell(|| ClientEvent::GatewayError {
                    code: code.to_string(),
                    message,
                });
            }
            // A registration's answer is told by whoever waits for it; a late result is nobody's.
            (Some(Purpose::Registration) | None, _) => {}
        }
    }

    fn called(&self, link: &Arc<Link>, call: &Call<'_>) {
        let handler = self.shared.methods.read().get(&call.method);
        let Some(handler) = handler else {
            let words = format!("{} has no method {}", self.service(), call.method);
            let error = MethodError::coded(&ErrorCode::MethodNotFound, words);
            return respond(link, &call.id, &Err(error));
        };
        let token = CancellationToken::new();
        {
            let mut running = link.running.lock();
            if running.len() >= self.shared.options.concurrency {
                let words = format!("{} runs as many methods as it may", self.service());
                let error = MethodError::coded(&ErrorCode::Busy, words);
                drop(running);
                return respond(link, &call.id, &Err(error));
            }
            running.insert(call.id.as_ref().into(), token.clone());
        }
        let invocation = Invocation {
            context: self.context_of(call),
            id: call.id.as_ref().into(),
            method: call.method.as_ref().into(),
            link: link.clone(),
            wants_progress: call.progress,
        };
        let params = call.params.unwrap_or("null").to_owned();
        let running = run(self.clone(), handler, params, invocation, token);
        link.tasks.spawn(running);
    }

    fn context_of(&self, call: &Call<'_>) -> CallContext {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        let context = call.context.as_ref();
        let root = context.and_then(|context| context.root.as_deref());
        let chain = context
            .map(|context| &context.chain[..])
            .unwrap_or_default();
        CallContext {
            root: root
                .map_or_else(|| self.shared.ids.root(), Into::into)
                .into(),
            chain: if chain.is_empty() {
                let from = call.from.as_deref().map(owned);
                from.into_iter().chain([owned(self.service())]).collect()
            } else {
                chain.iter().map(|service| owned(service)).collect()
            },
            deadline: context
                .and_then(|context| context.deadline)
                .unwrap_or_else(|| clock::after(self.shared.options.timeout)),
        }
    }
}

/// Runs one method, for as long as its answer is waited for.
async fn run(
    client: GatewayClient,
    handler: Handler,
    params: String,
    invocation: Invocation,
    token: CancellationToken,
) {
    let link = invocation.link.clone();
    let (id, method) = (invocation.id.clone(), invocation.method.clone());
    let context = invocation.context.clone();
    let left = context.remaining();
    // The handler is called within the future, so that a panic of either is caught.
    let work =
        AssertUnwindSafe(CURRENT.scope(context, async move { handler(&params, invocation).await }));
    let outcome = tokio::select! {
        biased;
        () = link.cut.cancelled() => None,
        () = token.cancelled() => None,
        outcome = timeout(left, work.catch_unwind()) => Some(outcome),
    };
    link.running.lock().remove(&*id);
    let outcome = match outcome {
        None => return,
        Some(Ok(Ok(outcome))) => outcome,
        Some(Ok(Err(_))) => {
            tracing::error!(service = client.service(), %method, "gateway client: a method panicked");
            Err(MethodError::coded(
                &ErrorCode::Internal,
                "the method panicked",
            ))
        }
        Some(Err(_)) => Err(MethodError::coded(&ErrorCode::Timeout, "no answer in time")),
    };
    respond(&link, &id, &outcome);
    client.shared.events.tell(|| ClientEvent::MethodExecuted {
        method: method.into(),
        request_id: id.into(),
        error: outcome.err().map(|error| error.message().to_owned()),
    });
}

fn respond(link: &Link, id: &str, outcome: &Result<String, MethodError>) {
    let too_long;
    let outcome = match outcome {
        // Some room for the headers.
        Ok(data) if data.len() + 1024 > link.limits.frame => {
            too_long = MethodError::coded(&ErrorCode::Internal, "the result is too long");
            Err(&too_long)
        }
        Ok(data) => Ok(data),
        Err(error) => Err(error),
    };
    let error = outcome.err().map(|error| {
        [
            ("code", Field::Text(error.code())),
            ("message", Field::Text(error.message())),
        ]
    });
    // A gateway that cannot take it has ended the connection, or is about to.
    let _ = link.push(|out| {
        append(
            out,
            &[
                ("type", Field::Text("RESPONSE")),
                ("id", Field::Text(id)),
                ("timestamp", Field::Number(clock::now_ms())),
                (
                    "status",
                    Field::Text(if error.is_none() { "success" } else { "error" }),
                ),
                ("data", Field::raw(outcome.ok().map(String::as_str))),
                (
                    "error",
                    error
                        .as_ref()
                        .map_or(Field::Absent, |error| Field::Map(error)),
                ),
            ],
        );
    });
}

/// An error as it stands in a RESPONSE. A service in another language may leave parts out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct WireError {
    code: String,
    message: String,
}

fn refused(json: &str) -> GatewayError {
    let error: WireError = serde_json::from_str(json).unwrap_or_else(|_| WireError {
        code: String::new(),
        message: json.chars().take(256).collect(),
    });
    let code = match &*error.code {
        "" => ErrorCode::MethodFailed,
        code => code.into(),
    };
    GatewayError::Refused {
        code,
        message: error.message.into(),
    }
}
