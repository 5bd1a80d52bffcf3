//! The tasks of one operating system process: they move its bytes, and wait for its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::event::{ProcessEvent, Stream};
use super::exit_status::ProcessExit;
use super::lines::{Cut, Lines};
use super::message::{self, Parsed};
use super::options::ProcessOptions;
use super::runtime::{ManagedProcess, Note, ProcessCall};
use crate::server::ServerRef;

pub(super) type Reading = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writing = Box<dyn AsyncWrite + Send + Unpin>;

/// A line of output longer than this is passed over.
const OUTPUT_CAP: usize = 1 << 20;

/// Hands what the child says to the server, and reads on when the server has handled it: so a
/// flood waits in the pipe.
pub(super) async fn read(
    mut from: Reading,
    server: ServerRef<ManagedProcess>,
    life: u64,
    cap: usize,
) {
    let mut lines = Lines::new(cap);
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = match from.read(&mut piece).await {
            // What is left has no end, and is half a message.
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        let mut batch = Vec::new();
        lines.feed(&piece[..read], |cut| {
            batch.push(match cut {
                Cut::Line(line) => message::parse(line),
                Cut::TooLong => Parsed::Garbage(format!("it is longer than {cap} bytes")),
            });
        });
        if batch.is_empty() {
            continue;
        }
        let handled = server
            .call(|reply| ProcessCall::incoming(life, batch, reply))
            .no_timeout()
            .await;
        if handled.is_err() {
            return;
        }
    }
}

/// Writes what is queued, in one go for all that has come together.
pub(super) async fn write(
    mut to: Writing,
    mut queue: mpsc::Receiver<Vec<u8>>,
    server: ServerRef<ManagedProcess>,
    life: u64,
    deadline: Duration,
) {
    let mut lines = Vec::new();
    while queue.recv_many(&mut lines, 256).await > 0 {
        let batch = if lines.len() == 1 {
            lines.pop().unwrap_or_default()
        } else {
            lines.drain(..).flatten().collect()
        };
        match write_all(&mut to, &batch, deadline).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let _ = server.info(Note::stalled(life));
                return;
            }
            // It has closed its end. Its exit is what counts.
            Err(_) => return,
        }
    }
}

/// The deadline is for any progress at all, not for the whole.
async fn write_all(to: &mut Writing, mut bytes: &[u8], deadline: Duration) -> io::Result<()> {
    while !bytes.is_empty() {
        match timeout(deadline, to.write(bytes)).await {
            Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(Ok(written)) => bytes = &bytes[written..],
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    timeout(deadline, to.flush())
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Takes the child's output into the log and to the listeners, line by line.
pub(super) async fn output(mut from: Reading, stream: Stream, options: Arc<ProcessOptions>) {
    let mut lines = Lines::new(OUTPUT_CAP);
    let mut piece = vec![0; 8 << 10];
    while let Ok(read) = from.read(&mut piece).await {
        if read == 0 {
            break;
        }
        lines.feed(&piece[..read], |cut| match cut {
            Cut::Line(line) => print(line, stream, &options),
            Cut::TooLong => print(b"(a line of more than 1 MiB)", stream, &options),
        });
    }
    if !lines.rest().is_empty() {
        print(lines.rest(), stream, &options);
    }
}

fn print(line: &[u8], stream: Stream, options: &ProcessOptions) {
    let line = String::from_utf8_lossy(line);
    let child = options.program.to_string_lossy();
    match stream {
        Stream::Stdout => tracing::info!(target: "noex::child", %child, "{line}"),
        Stream::Stderr => tracing::warn!(target: "noex::child", %child, "{line}"),
    }
    options.events.tell(|| ProcessEvent::Output {
        stream,
        line: line.as_ref().into(),
    });
}

/// Waits for the end, then for what the child had sent before it.
pub(super) async fn end(
    mut child: tokio::process::Child,
    exited: watch::Sender<Option<ProcessExit>>,
    drained: impl Future<Output = ()>,
    server: ServerRef<ManagedProcess>,
    life: u64,
) {
    let Ok(status) = child.wait().await else {
        return;
    };
    let exit = ProcessExit::new(status);
    exited.send_replace(Some(exit));
    // A grandchild may have inherited the pipes, and keep them open for as long as it likes.
    let _ = timeout(Duration::from_millis(500), drained).await;
    let _ = server.info(Note::exited(life, exit));
}
