use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::GatewayClient;
use super::link::Link;
use crate::gateway::error::{ErrorCode, GatewayError};
use crate::gateway::event::ClientEvent;
use crate::process::ExitReason;
use crate::server::{Context, Exit, GenServer, Info};

/// How long a connection may take to write what is queued when the client stops.
const FLUSH: Duration = Duration::from_secs(2);

/// Whether the first connection has to come up for the server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    #[doc(hidden)]
    Connects,
    #[doc(hidden)]
    MayWait,
}

/// The server of a [`GatewayClient`]: it owns the connections, and makes them again.
#[derive(Debug)]
pub struct ClientServer {
    client: GatewayClient,
    /// The failures in a row of each connection.
    slots: Vec<Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    link: Option<Arc<Link>>,
    failures: u32,
}

#[doc(hidden)]
#[derive(Debug)]
pub enum Note {
    /// It is time for a heartbeat.
    Beat,
    /// It is time to connect again.
    Retry(usize),
    /// An attempt to connect is done.
    Tried(usize, Result<Linked, GatewayError>),
    /// A connection has ended.
    Lost(usize),
}

/// A connection that nobody owns yet: dropped, as when the server ends before it hears of it, the
/// connection is closed.
#[doc(hidden)]
#[derive(Debug)]
pub struct Linked(Option<Arc<Link>>);

impl Linked {
    async fn connect(client: &GatewayClient) -> Result<Linked, GatewayError> {
        Ok(Linked(Some(Link::connect(client).await?)))
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        if let Some(link) = &self.0 {
            link.close();
        }
    }
}

impl GenServer for ClientServer {
    type Args = (GatewayClient, First);
    type Call = ();
    type Cast = ();
    type Info = Note;

    async fn init(
        (client, first): (GatewayClient, First),
        cx: &mut Context<Self>,
    ) -> Result<Self, Exit> {
        let count = client.shared.options.connections;
        let mut server = ClientServer {
            slots: (0..count).map(|_| Slot::default()).collect(),
            client,
        };
        match first {
            First::Connects => {
                let links = (0..count).map(|_| Linked::connect(&server.client));
                for (slot, link) in join_all(links).await.into_iter().enumerate() {
                    server.up(slot, link?, cx);
                }
            }
            First::MayWait => (0..count).for_each(|slot| server.try_connect(slot, cx)),
        }
        *server.client.shared.server.lock() = Some(cx.myself());
        cx.send_after(server.client.shared.options.heartbeat, Note::Beat);
        Ok(server)
    }

    async fn handle_call(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_info(&mut self, info: Info<Note>, cx: &mut Context<Self>) -> Result<(), Exit> {
        let note = match info {
            Info::Message(note) => note,
            Info::TaskDone(done) => match done.outcome {
                Ok(note) => note,
                Err(reason) => return Err(Exit::error(reason.to_string())),
            },
            _ => return Ok(()),
        };
        match note {
            Note::Beat => {
                self.beat();
                cx.send_after(self.client.shared.options.heartbeat, Note::Beat);
                Ok(())
            }
            Note::Retry(slot) => {
                self.try_connect(slot, cx);
                Ok(())
            }
            Note::Tried(slot, Ok(link)) => {
                self.up(slot, link, cx);
                Ok(())
            }
            Note::Tried(slot, Err(error)) => {
                self.client.shared.events.tell(|| ClientEvent::Error {
                    message: error.to_string(),
                });
                self.again(slot, error, cx)
            }
            Note::Lost(slot) => {
                self.down(slot);
                self.again(slot, GatewayError::Disconnected, cx)
            }
        }
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        let links: Vec<_> = self
            .slots
            .iter()
            .filter_map(|slot| slot.link.clone())
            .collect();
        for slot in 0..self.slots.len() {
            self.down(slot);
        }
        let written = join_all(links.iter().map(|link| link.tasks.wait()));
        let _ = tokio::time::timeout(FLUSH, written).await;
    }
}

impl ClientServer {
    fn try_connect(&self, slot: usize, cx: &mut Context<Self>) {
        let client = self.client.clone();
        cx.spawn(async move { Note::Tried(slot, Linked::connect(&client).await) });
    }

    fn up(&mut self, slot: usize, mut linked: Linked, cx: &mut Context<Self>) {
        let Some(link) = linked.0.take() else {
            return;
        };
        let shared = &self.client.shared;
        let cut = link.cut.clone();
        cx.spawn(async move {
            cut.cancelled().await;
            Note::Lost(slot)
        });
        shared.links.write().push(link.clone());
        self.slots[slot] = Slot {
            link: Some(link),
            failures: 0,
        };
        let first = !shared.connected.send_replace(true);
        shared.events.tell(|| ClientEvent::Registered);
        if first {
            shared.events.tell(|| ClientEvent::Connected);
        }
    }

    fn down(&mut self, slot: usize) {
        let Some(link) = self.slots[slot].link.take() else {
            return;
        };
        let shared = &self.client.shared;
        let last = {
            let mut links = shared.links.write();
            links.retain(|other| !Arc::ptr_eq(other, &link));
            links.is_empty()
        };
        if last {
            shared.connected.send_replace(false);
        }
        link.close();
        if last {
            shared.events.tell(|| ClientEvent::Disconnected);
        }
    }

    /// Has the connection made again later, or ends the server.
    fn again(
        &mut self,
        slot: usize,
        error: GatewayError,
        cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        // It will not be taken the next time either.
        let hopeless = error.code() == ErrorCode::DuplicateService
            && self.slots.iter().all(|slot| slot.link.is_none());
        let Some(backoff) = self.client.shared.options.reconnect.filter(|_| !hopeless) else {
            return Err(error.into());
        };
        let delay = backoff.delay(self.slots[slot].failures, fastrand::f64());
        self.slots[slot].failures += 1;
        cx.send_after(delay, Note::Retry(slot));
        Ok(())
    }

    fn beat(&self) {
        let shared = &self.client.shared;
        for link in self.slots.iter().filter_map(|slot| slot.link.as_ref()) {
            if link.silent_for() > shared.options.heartbeat * 3 {
                link.close();
            } else {
                link.heartbeat(shared.ids.next());
            }
        }
    }
}

impl Drop for ClientServer {
    fn drop(&mut self) {
        // After a kill there was no terminate.
        for slot in 0..self.slots.len() {
            self.down(slot);
        }
        *self.client.shared.server.lock() = None;
    }
}
