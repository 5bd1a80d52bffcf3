//! One connection from its first byte to its last: a task that reads and a task that writes.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use futures::Stream;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::codec::FramedRead;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use super::input::Next;
use super::{Hub, answer};
use crate::gateway::error::ErrorCode;
use crate::gateway::event::GatewayEvent;
use crate::gateway::frame::{FrameCodec, FrameError};

/// What is read at once, in bytes.
const READ: usize = 64 << 10;

/// Buffers that grew beyond this are not kept, in bytes.
const KEEP: usize = 256 << 10;

/// Starts the two tasks of a connection. They end by themselves when the connection ends, and when
/// `stop` is cancelled, after what is queued has been written.
pub(crate) fn serve(
    hub: &Arc<Hub>,
    stream: UnixStream,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) {
    let (read, write) = stream.into_split();
    let connection = Arc::new(Connection::new(
        hub.ids.next(),
        hub.limits.queued,
        CancellationToken::new(),
    ));
    let many = hub.connections.fetch_add(1, Ordering::Relaxed) >= hub.limits.connections;
    if many {
        let words = "too many connections";
        answer::refuse(&connection, "-", &ErrorCode::Busy, words);
        connection.outbox.close();
    }
    let writing = writer(hub.clone(), connection.clone(), write);
    tasks.spawn(writing);
    let (hub, stop) = (hub.clone(), stop.clone());
    tasks.spawn(async move {
        if !many {
            tokio::select! {
                biased;
                () = connection.cut.cancelled() => {}
                () = stop.cancelled() => {}
                () = reader(&hub, &connection, read) => {}
            }
        }
        close(&hub, &connection);
    });
}

/// The only way in which a connection ends.
fn close(hub: &Hub, connection: &Arc<Connection>) {
    let last = hub.directory.write().remove(connection);
    hub.hang_up(connection);
    connection.outbox.close();
    hub.connections.fetch_sub(1, Ordering::Relaxed);
    if last {
        hub.events.tell(|| GatewayEvent::ServiceDisconnected {
            service: connection.name().into(),
        });
    }
}

async fn reader(hub: &Hub, connection: &Arc<Connection>, read: OwnedReadHalf) {
    let codec = FrameCodec::new(hub.limits.frame);
    let mut frames = FramedRead::with_capacity(read, codec, READ);
    let mut patience = pin!(Patience::new());
    loop {
        match next(hub, connection, &mut frames, patience.as_mut()).await {
            Some(Ok(frame)) => {
                if hub.take(connection, &frame) == Next::Close {
                    return;
                }
            }
            Some(Err(FrameError::Io(_))) | None => return,
            Some(Err(error)) => {
                hub.counts.invalid.fetch_add(1, Ordering::Relaxed);
                let words = error.to_string();
                answer::refuse(connection, "-", &ErrorCode::InvalidMessage, &words);
                hub.trouble(connection, &words);
                return;
            }
        }
    }
}

/// How long a connection is waited for. The timer is moved only when it fires or comes too late, not
/// with each frame.
struct Patience {
    timer: Pin<Box<Sleep>>,
    last_frame: Instant,
    partial_since: Option<Instant>,
    framed: bool,
}

impl Patience {
    fn new() -> Self {
        let now = Instant::now();
        Patience {
            timer: Box::pin(sleep_until(now)),
            last_frame: now,
            partial_since: None,
            framed: false,
        }
    }

    /// Until when the next frame must be there.
    fn due(&mut self, hub: &Hub, registered: bool, partial: bool) -> Instant {
        if std::mem::take(&mut self.framed) {
            self.last_frame = Instant::now();
            self.partial_since = None;
        }
        let whole = self.last_frame
            + if registered {
                hub.heartbeat * 3
            } else {
                hub.limits.register
            };
        if !partial {
            self.partial_since = None;
            return whole;
        }
        let since = *self.partial_since.get_or_insert_with(Instant::now);
        whole.min(since + hub.limits.partial)
    }
}

async fn next(
    hub: &Hub,
    connection: &Connection,
    frames: &mut FramedRead<OwnedReadHalf, FrameCodec>,
    mut patience: Pin<&mut Patience>,
) -> Option<Result<BytesMut, FrameError>> {
    poll_fn(|cx| {
        if let Poll::Ready(frame) = Pin::new(&mut *frames).poll_next(cx) {
            patience.framed = true;
            return Poll::Ready(frame);
        }
        let registered = connection.service.get().is_some();
        let partial = !frames.read_buffer().is_empty();
        let due = patience.due(hub, registered, partial);
        loop {
            if patience.timer.deadline() > due || patience.timer.is_elapsed() {
                patience.timer.as_mut().reset(due);
            }
            if patience.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= due {
                hub.trouble(connection, "nothing whole came in time");
                return Poll::Ready(None);
            }
        }
    })
    .await
}

async fn writer(hub: Arc<Hub>, connection: Arc<Connection>, mut write: OwnedWriteHalf) {
    let mut spare = BytesMut::new();
    while let Some(mut batch) = connection.outbox.take(spare) {
        if batch.is_empty() {
            spare = batch;
            wait(&hub, &connection).await;
            continue;
        }
        let stalls = hub.limits.write;
        let written = tokio::select! {
            biased;
            () = connection.cut.cancelled() => break,
            written = timeout(stalls, write.write_all(&batch)) => written,
        };
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
    // The reader's end is the connection's end; what was refused as it closed has been written.
    connection.outbox.close();
    connection.cut.cancel();
    let _ = timeout(Duration::from_secs(1), write.shutdown()).await;
}

/// Waits for something to write, and answers the calls whose deadline passes meanwhile.
async fn wait(hub: &Hub, connection: &Connection) {
    let earliest = connection.calls.lock().earliest();
    match earliest {
        None => connection.outbox.filled().await,
        Some(earliest) => tokio::select! {
            () = connection.outbox.filled() => {}
            () = sleep_until(earliest) => hub.expire(connection),
        },
    }
}
