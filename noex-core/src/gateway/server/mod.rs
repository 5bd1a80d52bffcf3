//! The hub as a supervised server.

mod options;
mod runtime;
mod socket;
mod status;

pub use options::{Balance, GatewayOptions, Peers};
pub use runtime::GatewayServer;
pub use status::{GatewayCounts, GatewayStatus, InstanceInfo, ServiceInfo};

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::event::{EventStream, Events, GatewayEvent};
use super::hub::{Counts, Hub};
use crate::server::{Child, GenServer, ServerRef, StartError, StopError};

/// A hub on a Unix socket that services in any language connect to, and that takes calls from one
/// to the other.
///
/// This is a handle: clones are the same gateway. The gateway itself is a
/// [`GatewayServer`], which [`start`](Gateway::start) starts, or a supervisor by way of
/// [`child`](Gateway::child); the handle outlives its restarts.
///
/// # Examples
///
/// ```
/// use noex::gateway::{ClientOptions, Gateway, GatewayClient, GatewayOptions, MethodError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("noex-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let socket = folder.join("gateway.sock");
/// let gateway = Gateway::new(GatewayOptions::new(&socket));
/// gateway.start().await?;
///
/// let users = GatewayClient::new(ClientOptions::new("user-service", &socket));
/// users.register("getUserName", |id: u32, _call| async move {
///     Ok::<_, MethodError>(format!("user {id}"))
/// });
/// users.connect().await?;
///
/// let orders = GatewayClient::new(ClientOptions::new("order-service", &socket));
/// orders.connect().await?;
/// let name: String = orders.call("user-service", "getUserName", &7).await?;
/// assert_eq!(name, "user 7");
/// assert_eq!(gateway.connected_services(), ["order-service", "user-service"]);
///
/// gateway.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

/// What outlives a restart.
struct Shared {
    options: GatewayOptions,
    events: Events<GatewayEvent>,
    counts: Arc<Counts>,
    /// The present incarnation.
    running: Mutex<Option<Running>>,
}

#[derive(Clone)]
struct Running {
    hub: Arc<Hub>,
    server: ServerRef<GatewayServer>,
}

impl Gateway {
    /// A gateway that is not started yet.
    pub fn new(options: GatewayOptions) -> Self {
        Gateway {
            shared: Arc::new(Shared {
                options,
                events: Events::new(),
                counts: Arc::default(),
                running: Mutex::new(None),
            }),
        }
    }

    /// Starts it without a supervisor. When this returns, the socket takes connections.
    ///
    /// # Errors
    ///
    /// The socket cannot be bound, or somebody listens on it already.
    pub async fn start(&self) -> Result<ServerRef<GatewayServer>, StartError> {
        GatewayServer::start(self.clone()).await
    }

    /// How a supervisor starts it.
    pub fn child(&self) -> Child<GatewayServer> {
        GatewayServer::child(self.clone()).id("gateway")
    }

    /// Stops it: what is queued is written, connections are closed, the socket is removed. Under a
    /// supervisor, have the supervisor stop it, which would start it again otherwise.
    ///
    /// Nothing happens when it does not run.
    ///
    /// # Errors
    ///
    /// It has not stopped after 5 s.
    pub async fn stop(&self) -> Result<(), StopError> {
        let running = self.running();
        match running {
            Some(running) => running.server.stop().await,
            None => Ok(()),
        }
    }

    /// The names of the services that are connected, sorted.
    pub fn connected_services(&self) -> Vec<String> {
        self.running()
            .map(|running| running.hub.directory.read().names())
            .unwrap_or_default()
    }

    /// What is known of a service, or `None` when it is not connected.
    pub fn service(&self, name: &str) -> Option<ServiceInfo> {
        let rows = self.running()?.hub.directory.read().rows(name);
        ServiceInfo::new(name, rows)
    }

    /// Whether a service is connected.
    pub fn is_service_connected(&self, name: &str) -> bool {
        self.running()
            .is_some_and(|running| running.hub.directory.read().contains(name))
    }

    /// How it is doing.
    pub fn status(&self) -> GatewayStatus {
        let running = self.running();
        GatewayStatus {
            running: running.is_some(),
            socket: self.socket().to_owned(),
            connections: running
                .as_ref()
                .map_or(0, |running| running.hub.connections.load(Ordering::Relaxed)),
            services: running
                .map(|running| running.hub.directory.read().names())
                .unwrap_or_default(),
            counts: GatewayCounts::read(&self.shared.counts),
        }
    }

    /// What happens from now on.
    pub fn events(&self) -> EventStream<GatewayEvent> {
        self.shared.events.listen()
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.shared.options.socket
    }

    fn running(&self) -> Option<Running> {
        self.shared.running.lock().clone()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("socket", &self.socket())
            .field("running", &self.running().is_some())
            .finish_non_exhaustive()
    }
}
