use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lines::{Cut, Lines};
use super::message::{self, ChildMessage, Parsed};

/// How many requests are worked on at a time; further ones wait in the pipe.
const AT_A_TIME: usize = 1024;

type Handler = Arc<dyn Fn(ChildMessage, Parent) -> BoxFuture<'static, Vec<u8>> + Send + Sync>;

/// Makes the present program the worker of a [`ManagedProcess`](super::ManagedProcess).
///
/// It talks over its standard input (a socket, when `NODE_CHANNEL_FD` is 0) or over standard input and output.
///
/// # Examples
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// noex::child::worker()
///     .on("sum", |numbers: Vec<i64>, _parent| async move { Ok(numbers.iter().sum::<i64>()) })
///     .run()
///     .await
/// # }
/// ```
///
/// A handler whose work is a server's calls it: `move |n: i64, _| { let counter = counter.clone();
/// async move { counter.call(|reply| Call::Add(n, reply)).await.map_err(|error| error.to_string()) } }`.
pub fn worker() -> Worker {
    Worker {
        handlers: HashMap::new(),
    }
}

/// A worker that is being described; see [`worker()`].
#[must_use = "a worker does nothing until it runs"]
pub struct Worker {
    handlers: HashMap<String, Handler>,
}

impl Worker {
    /// Answers the requests of this type. `Err` is told to the parent as an answer of type `error`.
    pub fn on<T, U, F>(
        mut self,
        kind: impl Into<String>,
        handler: impl Fn(T, Parent) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: DeserializeOwned,
        U: Serialize,
        F: Future<Output = Result<U, String>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |message, parent| {
            let work = message.payload().map(|payload| handler(payload, parent));
            async move {
                let done = match work {
                    Ok(work) => work.await,
                    Err(error) => Err(error.to_string()),
                };
                let encoded =
                    done.and_then(|value| to_raw_value(&value).map_err(|error| error.to_string()));
                match encoded {
                    Ok(payload) => message::encode(message.id(), "response", &payload),
                    Err(what) => refusal(message.id(), &what),
                }
            }
            .boxed()
        });
        self.handlers.insert(kind.into(), handler);
        self
    }

    /// Works until the parent closes the channel, or is gone.
    ///
    /// # Errors
    ///
    /// The channel cannot be used.
    pub async fn run(self) -> io::Result<()> {
        if std::env::var_os("NODE_CHANNEL_FD").is_some_and(|fd| fd == "0") {
            let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
            socket.set_nonblocking(true)?;
            let (from, to) = tokio::net::UnixStream::from_std(socket)?.into_split();
            self.serve(from, to).await
        } else {
            self.serve(tokio::io::stdin(), tokio::io::stdout()).await
        }
    }

    async fn serve(
        self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (parent, mut said) = mpsc::channel(AT_A_TIME);
        let parent = Parent { said: parent };
        let mut lines = Lines::new(64 << 20);
        let mut piece = vec![0; 64 << 10];
        let mut at_work = JoinSet::new();
        let mut out = Vec::new();
        loop {
            tokio::select! {
                read = from.read(&mut piece), if at_work.len() < AT_A_TIME => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    lines.feed(&piece[..read], |cut| {
                        if let Cut::Line(line) = cut && let Parsed::Message(message) = message::parse(line) {
                            self.take(message, &parent, &mut at_work, &mut said, &mut out);
                        }
                    });
                }
                Some(line) = said.recv() => out.extend(line),
                Some(done) = at_work.join_next() => settle(done.unwrap_or_default(), &mut said, &mut out),
            }
            while let Some(done) = at_work.try_join_next() {
                settle(done.unwrap_or_default(), &mut said, &mut out);
            }
            to.write_all(&out).await?;
            to.flush().await?;
            out.clear();
        }
    }

    /// What is done at once is answered at once; the rest goes on beside the reading.
    fn take(
        &self,
        message: ChildMessage,
        parent: &Parent,
        at_work: &mut JoinSet<Vec<u8>>,
        said: &mut mpsc::Receiver<Vec<u8>>,
        out: &mut Vec<u8>,
    ) {
        let Some(handler) = self.handlers.get(message.kind()) else {
            let what = format!("no handler for {:?}", message.kind());
            out.extend(refusal(message.id(), &what));
            return;
        };
        let id = message.id().to_owned();
        let work = handler(message, parent.clone());
        let mut work = std::panic::AssertUnwindSafe(work)
            .catch_unwind()
            .map(move |done| done.unwrap_or_else(|_| refusal(&id, "the handler panicked")))
            .boxed();
        match (&mut work).now_or_never() {
            Some(line) => settle(line, said, out),
            None => {
                at_work.spawn(work);
            }
        }
    }
}

/// An answer comes after what its handler had said before.
fn settle(answer: Vec<u8>, said: &mut mpsc::Receiver<Vec<u8>>, out: &mut Vec<u8>) {
    while let Ok(line) = said.try_recv() {
        out.extend(line);
    }
    out.extend(answer);
}

fn refusal(id: &str, what: &str) -> Vec<u8> {
    // A string is always JSON.
    let payload = to_raw_value(what).unwrap_or_else(|_| RawValue::NULL.to_owned());
    message::encode(id, "error", &payload)
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("handles", &self.handlers.keys())
            .finish()
    }
}

/// The other side, as a handler sees it.
#[derive(Clone, Debug)]
pub struct Parent {
    said: mpsc::Sender<Vec<u8>>,
}

impl Parent {
    /// Sends a message that is no answer, such as progress. Waits while the parent does not read.
    ///
    /// # Errors
    ///
    /// The payload is no JSON.
    pub async fn send(
        &self,
        kind: &str,
        payload: &(impl Serialize + ?Sized),
    ) -> Result<(), serde_json::Error> {
        let line = message::encode("m", kind, &to_raw_value(payload)?);
        // The channel is closed: then the worker is about to end.
        let _ = self.said.send(line).await;
        Ok(())
    }
}
