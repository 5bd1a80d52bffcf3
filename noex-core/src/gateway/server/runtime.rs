use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use parking_lot::RwLock;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::socket::Socket;
use super::{Gateway, Running};
use crate::gateway::event::GatewayEvent;
use crate::gateway::hub::{self, Hub};
use crate::gateway::id::Ids;
use crate::process::ExitReason;
use crate::server::{Context, Exit, GenServer, Info};

/// How long connections may take to write what is queued when the gateway stops.
const FLUSH: Duration = Duration::from_secs(2);

/// How long it is waited when no connection can be accepted, as when file descriptors run out.
const BREATH: Duration = Duration::from_millis(50);

/// The server of a [`Gateway`]: it owns the socket, and its connections end with it.
#[derive(Debug)]
pub struct GatewayServer {
    gateway: Gateway,
    connections: TaskTracker,
    stop: CancellationToken,
    // Dropped with the state, also when there is no terminate.
    _stop_on_drop: DropGuard,
}

impl GenServer for GatewayServer {
    type Args = Gateway;
    type Call = ();
    type Cast = ();
    type Info = ();

    async fn init(gateway: Gateway, cx: &mut Context<Self>) -> Result<Self, Exit> {
        let options = &gateway.shared.options;
        let socket = Socket::bind(&options.socket, options.peers).await?;
        let hub = Arc::new(Hub {
            limits: options.limits.clone(),
            heartbeat: options.heartbeat,
            timeout: options.timeout,
            balance: options.balance,
            directory: RwLock::default(),
            connections: AtomicUsize::new(0),
            ids: Ids::new(),
            events: gateway.shared.events.clone(),
            counts: gateway.shared.counts.clone(),
        });
        let connections = TaskTracker::new();
        let stop = CancellationToken::new();
        let accepting = accept(socket, hub.clone(), stop.clone(), connections.clone());
        // Tracked, so that the socket is gone when `terminate` is done.
        cx.spawn(connections.track_future(accepting));
        let server = cx.myself();
        *gateway.shared.running.lock() = Some(Running { hub, server });
        gateway.shared.events.tell(|| GatewayEvent::Started {
            socket: gateway.socket().to_owned(),
        });
        Ok(GatewayServer {
            gateway,
            connections,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        })
    }

    async fn handle_call(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_info(&mut self, info: Info<()>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match info {
            // It never ends by itself.
            Info::TaskDone(done) => Err(match done.outcome {
                Ok(()) => Exit::error("the gateway's socket has closed"),
                Err(reason) => Exit::error(reason.to_string()),
            }),
            _ => Ok(()),
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        self.stop.cancel();
        self.connections.close();
        let _ = tokio::time::timeout(FLUSH, self.connections.wait()).await;
    }
}

impl Drop for GatewayServer {
    fn drop(&mut self) {
        *self.gateway.shared.running.lock() = None;
        self.gateway.shared.events.tell(|| GatewayEvent::Stopped);
    }
}

async fn accept(socket: Socket, hub: Arc<Hub>, stop: CancellationToken, connections: TaskTracker) {
    while !stop.is_cancelled() {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok(stream) => hub::serve(&hub, stream, &stop, &connections),
            Err(error) => {
                tracing::warn!("gateway: no connection can be accepted: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
