//! One connection of a client to its gateway.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::codec::FramedRead;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::GatewayClient;
use crate::gateway::clock;
use crate::gateway::error::GatewayError;
use crate::gateway::frame::FrameCodec;
use crate::gateway::limits::Limits;
use crate::gateway::message::{Field, append};
use crate::gateway::outbox::{Outbox, Unqueued};

/// What is read at once, in bytes.
const READ: usize = 64 << 10;

/// Buffers that grew beyond this are not kept, in bytes.
const KEEP: usize = 256 << 10;

/// How long the gateway may take to connect and to acknowledge a registration.
const HANDSHAKE: Duration = Duration::from_secs(4);

/// The answer to a call: JSON, or an error.
pub(super) type Reply = Result<Bytes, GatewayError>;

/// Takes what a service tells before its answer, as JSON.
pub(super) type OnProgress = Box<dyn FnMut(&str) + Send>;

pub(crate) struct Link {
    pub(super) outbox: Outbox,
    pending: Mutex<Pending>,
    /// The methods that run for this connection, by the call's id: cancelled when nobody waits.
    pub(super) running: Mutex<HashMap<Box<str>, CancellationToken>>,
    last_heard: AtomicU64,
    /// The gateway understands CANCEL.
    pub(super) takes_cancel: AtomicBool,
    /// Cancelled when the connection ends: its tasks and its methods with it.
    pub(super) cut: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) limits: Limits,
}

#[derive(Default)]
struct Pending {
    waiting: HashMap<u64, Waiting>,
    closed: bool,
}

struct Waiting {
    purpose: Purpose,
    reply: oneshot::Sender<Reply>,
    on_progress: Option<OnProgress>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Call,
    Registration,
}

impl Link {
    /// Connects, registers, and waits for the gateway to acknowledge it.
    pub(super) async fn connect(client: &GatewayClient) -> Result<Arc<Link>, GatewayError> {
        let socket: &Path = &client.shared.options.socket;
        let connecting = timeout(HANDSHAKE, UnixStream::connect(socket));
        let stream = match connecting.await {
            Ok(connected) => connected.map_err(GatewayError::Connect)?,
            Err(_) => return Err(GatewayError::Timeout),
        };
        let limits = Limits::default();
        let link = Arc::new(Link {
            outbox: Outbox::new(limits.queued),
            pending: Mutex::default(),
            running: Mutex::default(),
            last_heard: AtomicU64::new(clock::now_ms()),
            takes_cancel: AtomicBool::new(false),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
            limits,
        });
        let (read, write) = stream.into_split();
        link.tasks.spawn(writer(link.clone(), write));
        link.tasks.spawn(reader(client.clone(), link.clone(), read));
        // Should this future be dropped, nobody else would end the tasks.
        let guard = link.cut.clone().drop_guard();
        let id = client.shared.ids.next();
        let answer = link.expect(id, Purpose::Registration, None)?;
        link.register(client, id)?;
        let data = match timeout(HANDSHAKE, answer).await {
            Ok(Ok(answer)) => answer?,
            Ok(Err(_)) => return Err(GatewayError::Disconnected),
            Err(_) => return Err(GatewayError::Timeout),
        };
        let Registered { features } = serde_json::from_slice(&data).unwrap_or_default();
        let cancel = features.iter().any(|feature| feature == "cancel");
        link.takes_cancel.store(cancel, Ordering::Relaxed);
        guard.disarm();
        Ok(link)
    }

    pub(super) fn register(&self, client: &GatewayClient, id: u64) -> Result<(), GatewayError> {
        let options = &client.shared.options;
        let methods: Vec<_> = client
            .registered_methods()
            .into_iter()
            .map(Cow::Owned)
            .collect();
        self.push(|out| {
            append(
                out,
                &[
                    ("type", Field::Text("REGISTER")),
                    ("id", Field::Text(&id.to_string())),
                    ("timestamp", Field::Number(clock::now_ms())),
                    ("serviceName", Field::Text(&options.service)),
                    ("methods", Field::Texts(&methods)),
                    ("version", Field::text(options.version.as_deref())),
                    ("metadata", Field::raw(options.metadata.as_deref())),
                    (
                        "shared",
                        if options.shared {
                            Field::Flag(true)
                        } else {
                            Field::Absent
                        },
                    ),
                    ("instance", Field::Text(&client.shared.token)),
                    ("features", Field::Texts(&[Cow::Borrowed("cancel")])),
                ],
            );
        })
    }

    pub(super) fn heartbeat(&self, id: u64) {
        // One that does not fit is not needed: there is enough to be written.
        let _ = self.push(|out| {
            append(
                out,
                &[
                    ("type", Field::Text("HEARTBEAT")),
                    ("id", Field::Text(&id.to_string())),
                    ("timestamp", Field::Number(clock::now_ms())),
                ],
            );
        });
    }

    pub(super) fn cancel(&self, id: u64) {
        if self.takes_cancel.load(Ordering::Relaxed) {
            let _ = self.push(|out| {
                append(
                    out,
                    &[
                        ("type", Field::Text("CANCEL")),
                        ("id", Field::Text(&id.to_string())),
                        ("timestamp", Field::Number(clock::now_ms())),
                    ],
                );
            });
        }
    }

    pub(super) fn push(&self, write: impl FnOnce(&mut BytesMut)) -> Result<(), GatewayError> {
        self.outbox.push(write).map_err(|refused| match refused {
            Unqueued::Full => GatewayError::Overloaded,
            Unqueued::Closed => GatewayError::NotConnected,
        })
    }

    /// Enters a request before it is sent, so that its answer finds it.
    pub(super) fn expect(
        &self,
        id: u64,
        purpose: Purpose,
        on_progress: Option<OnProgress>,
    ) -> Result<oneshot::Receiver<Reply>, GatewayError> {
        let mut pending = self.pending.lock();
        if pending.closed {
            return Err(GatewayError::NotConnected);
        }
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            purpose,
            reply,
            on_progress,
        };
        pending.waiting.insert(id, waiting);
        Ok(answer)
    }

    /// Takes a request out; `false` when it is answered, or was never there.
    pub(super) fn forget(&self, id: u64) -> bool {
        self.pending.lock().waiting.remove(&id).is_some()
    }

    /// Hands an answer to whoever waits for it; `None`: nobody does.
    pub(super) fn answer(&self, id: u64, reply: Reply) -> Option<Purpose> {
        let waiting = self.pending.lock().waiting.remove(&id)?;
        // Fails when the caller has just gone.
        let _ = waiting.reply.send(reply);
        Some(waiting.purpose)
    }

    /// Hands progress to its caller's closure, which runs without a lock.
    pub(super) fn progressed(&self, id: u64, data: &str) {
        let taken = {
            let mut pending = self.pending.lock();
            let waiting = pending.waiting.get_mut(&id);
            waiting.and_then(|waiting| waiting.on_progress.take())
        };
        if let Some(mut on_progress) = taken {
            on_progress(data);
            if let Some(waiting) = self.pending.lock().waiting.get_mut(&id) {
                waiting.on_progress = Some(on_progress);
            }
        }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.lock().waiting.len()
    }

    pub(super) fn heard(&self) {
        self.last_heard.store(clock::now_ms(), Ordering::Relaxed);
    }

    pub(super) fn silent_for(&self) -> Duration {
        let since = self.last_heard.load(Ordering::Relaxed);
        Duration::from_millis(clock::now_ms().saturating_sub(since))
    }

    /// Ends the connection: what is queued is still written, methods are dropped, calls fail.
    pub(super) fn close(&self) {
        let waiting = {
            let mut pending = self.pending.lock();
            pending.closed = true;
            std::mem::take(&mut pending.waiting)
        };
        for waiting in waiting.into_values() {
            let _ = waiting.reply.send(Err(GatewayError::Disconnected));
        }
        self.outbox.close();
        self.cut.cancel();
        self.tasks.close();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// What the gateway says when it takes a registration; an old one says less.
#[derive(Default, serde::Deserialize)]
struct Registered {
    #[serde(default)]
    features: Vec<String>,
}

async fn reader(client: GatewayClient, link: Arc<Link>, read: OwnedReadHalf) {
    let codec = FrameCodec::new(link.limits.frame);
    let mut frames = FramedRead::with_capacity(read, codec, READ);
    loop {
        let frame = tokio::select! {
            biased;
            () = link.cut.cancelled() => break,
            frame = frames.next() => frame,
        };
        match frame {
            Some(Ok(frame)) => {
                link.heard();
                client.take(&link, frame.freeze());
            }
            Some(Err(error)) => {
                tracing::debug!(service = client.service(), "gateway client: {error}");
                break;
            }
            None => break,
        }
    }
    link.close();
}

async fn writer(link: Arc<Link>, mut write: OwnedWriteHalf) {
    let mut spare = BytesMut::new();
    while let Some(mut batch) = link.outbox.take(spare) {
        if batch.is_empty() {
            spare = batch;
            link.outbox.filled().await;
            continue;
        }
        let written = timeout(link.limits.write, write.write_all(&batch)).await;
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
        batch.clear();
        spare = if batch.capacity() > KEEP {
            BytesMut::new()
        } else {
            batch
        };
    }
    link.close();
}
