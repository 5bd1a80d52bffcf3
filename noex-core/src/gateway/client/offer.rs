//! A server's calls as a service's methods.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::GatewayClient;
use super::invocation::Invocation;
use crate::gateway::error::{ErrorCode, MethodError};
use crate::server::{CallError, CallFuture, GenServer, Reach, ReplyTo};

impl GatewayClient {
    /// Offers a call of a server as a method: `make` is given the parameters and the reply port, as
    /// with [`ServerRef::call`](crate::ServerRef::call). With a [`Name`](crate::Name) as the
    /// target the method outlives restarts of the server.
    ///
    /// The server is waited for as long as the caller waits. A server that is not there answers
    /// `SERVICE_NOT_FOUND`, a full mailbox `BUSY`, and a server that dies of the call
    /// `INTERNAL_ERROR`. The server's handler does not have the call's context as its ambient one.
    ///
    /// # Examples
    ///
    /// ```
    /// use noex::gateway::{ClientOptions, GatewayClient};
    /// use noex::{Context, Exit, GenServer, Name, ReplyTo};
    ///
    /// struct Counter(i64);
    ///
    /// enum Call {
    ///     Add(i64, ReplyTo<i64>),
    /// }
    ///
    /// impl GenServer for Counter {
    ///     # type Args = i64;
    ///     type Call = Call;
    ///     // …
    ///     # type Cast = ();
    ///     # type Info = ();
    ///     # async fn init(start: i64, _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Counter(start)) }
    ///     # async fn handle_call(&mut self, Call::Add(n, reply): Call, _cx: &mut Context<Self>) -> Result<(), Exit> {
    ///     #     self.0 += n;
    ///     #     reply.send(self.0);
    ///     #     Ok(())
    ///     # }
    ///     # async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
    /// }
    ///
    /// let client = GatewayClient::new(ClientOptions::new("counters", "/run/shop/gateway.sock"));
    /// client.offer("add", Name::<Counter>::new("counter"), Call::Add);
    /// ```
    pub fn offer<S, T, P, R, F>(&self, method: impl Into<String>, target: T, make: F)
    where
        S: GenServer,
        T: Reach<S> + Clone + Send + Sync + 'static,
        P: DeserializeOwned + Send + 'static,
        R: Serialize + Send + 'static,
        F: Fn(P, ReplyTo<R>) -> S::Call + Clone + Send + Sync + 'static,
    {
        self.register(method, move |params: P, invocation: Invocation| {
            let (target, make) = (target.clone(), make.clone());
            async move {
                let call = target.call(move |reply| make(params, reply));
                let answer = call.timeout(invocation.context().remaining()).await;
                answer.map_err(|error| MethodError::coded(&code(&error), error.to_string()))
            }
        });
    }
}

fn code(error: &CallError) -> ErrorCode {
    match error {
        CallError::Timeout { .. } => ErrorCode::Timeout,
        CallError::NotRegistered { .. } | CallError::WrongType { .. } => ErrorCode::ServiceNotFound,
        CallError::Overloaded => ErrorCode::Busy,
        _ => ErrorCode::Internal,
    }
}
