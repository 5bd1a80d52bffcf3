//! A service at a gateway, as a supervised server.

mod cache;
mod call;
mod input;
mod invocation;
mod link;
mod methods;
mod offer;
mod options;
mod runtime;
mod status;

pub use cache::CacheRule;
pub use call::GatewayCall;
pub use invocation::Invocation;
pub use options::{ClientOptions, PendingCalls};
pub use runtime::ClientServer;
pub use status::ClientStatus;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use self::cache::Cache;
use self::link::Link;
use self::methods::Methods;
use self::runtime::First;
use super::error::MethodError;
use super::event::{ClientEvent, EventStream, Events};
use super::id::Ids;
use crate::server::{Child, GenServer, ServerRef, StartError, StopError};

/// A service at a gateway: it has methods that others call, and calls those of others.
///
/// This is a handle: clones are the same client. Its connections belong to a
/// [`ClientServer`], which [`connect`](GatewayClient::connect) starts, or a supervisor by way of
/// [`child`](GatewayClient::child); the handle, and the methods with it, outlive its restarts.
///
/// # Examples
///
/// See [`Gateway`](super::Gateway).
///
/// # Calls within calls
///
/// A call that a method's handler makes extends the call that the handler runs for: it has the same
/// root, a longer chain, and no more time than is left. See
/// [`CallContext`](super::CallContext).
#[derive(Clone)]
pub struct GatewayClient {
    shared: Arc<Shared>,
}

/// What outlives a connection.
struct Shared {
    options: ClientOptions,
    methods: RwLock<Methods>,
    cache: Cache,
    ids: Ids,
    /// Tells the gateway that several connections are one client's. A secret among them.
    token: String,
    events: Events<ClientEvent>,
    server: Mutex<Option<ServerRef<ClientServer>>>,
    /// The connections that are up.
    links: RwLock<Vec<Arc<Link>>>,
    turn: AtomicUsize,
    /// Whether `links` has any, for those who wait for one.
    connected: watch::Sender<bool>,
}

impl GatewayClient {
    /// A client that is not connected yet.
    pub fn new(options: ClientOptions) -> Self {
        GatewayClient {
            shared: Arc::new(Shared {
                cache: Cache::new(&options.cache),
                options,
                methods: RwLock::default(),
                ids: Ids::new(),
                token: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
                events: Events::new(),
                server: Mutex::new(None),
                links: RwLock::default(),
                turn: AtomicUsize::new(0),
                connected: watch::Sender::new(false),
            }),
        }
    }

    /// Offers a method. It replaces one of the same name; a gateway that is connected is told.
    ///
    /// Calls of a method run side by side, each in a task. One whose caller does not wait any more
    /// is dropped at its next await.
    ///
    /// # Examples
    ///
    /// ```
    /// use noex::gateway::{ClientOptions, GatewayClient, Invocation, MethodError};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order { items: Vec<String> }
    ///
    /// let client = GatewayClient::new(ClientOptions::new("stock", "/run/shop/gateway.sock"));
    /// client.register("checkStock", |order: Order, call: Invocation| async move {
    ///     println!("asked by {:?}", call.context().caller());
    ///     if order.items.is_empty() {
    ///         return Err(MethodError::new("EMPTY_ORDER", "nothing is ordered"));
    ///     }
    ///     Ok(order.items.len())
    /// });
    /// assert_eq!(client.registered_methods(), ["checkStock"]);
    /// ```
    pub fn register<P, R, F, Fut>(&self, method: impl Into<String>, handler: F)
    where
        P: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(P, Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, MethodError>> + Send + 'static,
    {
        self.shared.methods.write().insert(method.into(), handler);
        self.tell_methods();
    }

    /// Withdraws a method; `false` when there is none of that name. A gateway that is connected is
    /// told; calls that run go on.
    pub fn unregister(&self, method: &str) -> bool {
        let removed = self.shared.methods.write().remove(method);
        if removed {
            self.tell_methods();
        }
        removed
    }

    /// The methods that are offered, sorted.
    pub fn registered_methods(&self) -> Vec<String> {
        self.shared.methods.read().names()
    }

    /// Connects and registers, without a supervisor. When the connection ends later, it is made
    /// again.
    ///
    /// # Errors
    ///
    /// The gateway cannot be reached, or does not take the name.
    pub async fn connect(&self) -> Result<ServerRef<ClientServer>, StartError> {
        ClientServer::start((self.clone(), First::Connects)).await
    }

    /// How a supervisor starts it. It starts also while the gateway is not there, and connects when
    /// it is.
    pub fn child(&self) -> Child<ClientServer> {
        ClientServer::child((self.clone(), First::MayWait))
            .id(format!("gateway-client:{}", self.shared.options.service))
    }

    /// Ends the connections: calls that wait for an answer fail, methods that run are dropped.
    /// Nothing happens when it is not connected.
    ///
    /// # Errors
    ///
    /// It has not stopped after 5 s.
    pub async fn disconnect(&self) -> Result<(), StopError> {
        let server = self.shared.server.lock().clone();
        match server {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    /// Calls a method of a service. Await what this returns, or set
    /// [options](GatewayCall) first.
    ///
    /// # Errors
    ///
    /// See [`GatewayError`](super::GatewayError).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it was polled, it was never sent. Dropped after, the service is told that
    /// nobody waits any more.
    pub fn call<'a, T: DeserializeOwned>(
        &'a self,
        service: &'a str,
        method: &'a str,
        params: &'a (impl Serialize + ?Sized),
    ) -> GatewayCall<'a, T> {
        GatewayCall::new(self, service, method, serde_json::to_string(params))
    }

    /// Forgets the results that are [kept](ClientOptions::cache) of a method, also those of calls that
    /// are under way.
    pub fn invalidate(&self, service: &str, method: &str) {
        self.shared.cache.invalidate(service, method);
    }

    /// Whether there is a connection, and the gateway has taken the registration.
    pub fn is_connected(&self) -> bool {
        !self.shared.links.read().is_empty()
    }

    /// Waits until there is a connection.
    pub async fn connected(&self) {
        let mut connected = self.shared.connected.subscribe();
        // The sender lives as long as `self`.
        let _ = connected.wait_for(|connected| *connected).await;
    }

    /// How it is doing.
    pub fn status(&self) -> ClientStatus {
        let links = self.shared.links.read();
        ClientStatus {
            connected: !links.is_empty(),
            service: self.service().to_owned(),
            connections: links.len(),
            pending_calls: links.iter().map(|link| link.pending()).sum(),
            registered_methods: self.registered_methods(),
        }
    }

    /// What happens from now on.
    pub fn events(&self) -> EventStream<ClientEvent> {
        self.shared.events.listen()
    }

    /// Its name at the gateway.
    pub fn service(&self) -> &str {
        &self.shared.options.service
    }

    /// The connection that the next call goes over.
    fn link(&self) -> Option<Arc<Link>> {
        let links = self.shared.links.read();
        match &links[..] {
            [] => None,
            [only] => Some(only.clone()),
            several => {
                let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
                several.get(turn % several.len()).cloned()
            }
        }
    }

    fn tell_methods(&self) {
        let links = self.shared.links.read().clone();
        for link in links {
            let id = self.shared.ids.next();
            // A link that cannot take it is about to be made again, with what is offered then.
            let _ = link.register(self, id);
        }
    }
}

impl fmt::Debug for GatewayClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayClient")
            .field("service", &self.service())
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
