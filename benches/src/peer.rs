//! What a peer has to be able to do so that the drivers can drive it.
//!
//! Nothing here boxes: a driver is compiled anew for each peer, around that peer's own futures.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::workload::Flavour;

/// An actor framework, or tokio by hand.
///
/// Its servers are
/// - a counter: a call adds one and answers with the sum, so the last answer
///   proves that everything before was handled; a cast adds one;
/// - a node, which passes a [`Token`] on by a cast;
/// - a link of a chain, which calls the next;
/// - a spot of the Skynet tree.
pub trait Peer: 'static {
    /// Whether messages of one sender are handled in the order in which they were sent, so that one
    /// call at the end proves that everything before it was handled.
    const IN_ORDER: bool = true;

    /// Reaches a counter.
    type Server: Clone + Send + Sync + 'static;
    /// What a counter's end is awaited with, if not the server itself.
    type Join: Send + 'static;
    /// Reaches a node.
    type Node: Clone + Send + Sync + 'static;
    /// Reaches a link.
    type Link: Clone + Send + Sync + 'static;

    /// Starts a counter. `place` matters only to a peer whose actors stay on one thread: those
    /// of the same place are on the same.
    fn start(place: usize) -> impl Future<Output = (Self::Server, Self::Join)> + Send;
    fn call(server: &Self::Server) -> impl Future<Output = u64> + Send;
    /// A call whose handler awaits once, and is pending then.
    fn call_pending(server: &Self::Server) -> impl Future<Output = u64> + Send;
    /// Waits only if the mailbox is full.
    fn cast(server: &Self::Server) -> impl Future<Output = ()> + Send;
    /// Ends when the counter has ended.
    fn stop(server: Self::Server, join: Self::Join) -> impl Future<Output = ()> + Send;

    fn start_node() -> impl Future<Output = Self::Node> + Send;
    /// Tells a node which one comes after it.
    fn join(node: &Self::Node, next: Self::Node) -> impl Future<Output = ()> + Send;
    fn pass(node: &Self::Node, token: Token) -> impl Future<Output = ()> + Send;
    /// How many tokens a node has seen.
    fn passed(node: &Self::Node) -> impl Future<Output = u64> + Send;

    fn start_link(next: Option<Self::Link>) -> impl Future<Output = Self::Link> + Send;
    /// How many links there are from here on.
    fn call_link(link: &Self::Link) -> impl Future<Output = u64> + Send;

    /// Starts the root of the tree over the numbers below `leaves`, and calls it for their sum. A
    /// server of more than one leaf starts ten, calls them all at once, and adds their
    /// answers up; each ends when it has answered.
    fn skynet(leaves: u64) -> impl Future<Output = u64> + Send;

    /// Spawns a client.
    fn spawn<T: Send + 'static>(
        _place: usize,
        client: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let client = tokio::spawn(client);
        async { client.await.expect("a client came to its end") }
    }

    /// Runs a driver as a task of a fresh runtime.
    fn run<T: Send + 'static>(
        flavour: Flavour,
        driver: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let runtime = runtime(flavour);
        runtime.block_on(async {
            let driver = tokio::spawn(in_time(driver));
            driver.await.expect("the driver came to its end")
        })
    }
}

/// A peer with a registry.
pub trait Named: Peer {
    /// Reaches whoever has the name.
    type Name: Send + Sync + 'static;

    fn start_named(name: &'static str) -> impl Future<Output = Self::Name> + Send;
    fn call_named(name: &Self::Name) -> impl Future<Output = u64> + Send;
}

/// A peer that can start counters under a supervisor at run time.
pub trait Dynamic: Peer {
    type Supervisor: Send + Sync + 'static;

    fn start_supervisor() -> impl Future<Output = Self::Supervisor> + Send;
    fn start_child(supervisor: &Self::Supervisor) -> impl Future<Output = Self::Server> + Send;
}

/// A peer whose supervisor stops all of its children and waits for them.
pub trait StopsTogether: Dynamic {
    fn stop_supervisor(supervisor: Self::Supervisor) -> impl Future<Output = ()> + Send;
}

/// A peer that starts a crashed server again.
pub trait Restarts: Peer {
    type Tree: Send + Sync + 'static;

    /// A supervisor with one child, whose state is its number: see
    /// [`birth`](crate::census::birth).
    fn start_tree() -> impl Future<Output = Self::Tree> + Send;
    /// Crashes the child, which has the number `old`, and gives the number that the next one
    /// answers with.
    fn crash(tree: &Self::Tree, old: u64) -> impl Future<Output = u64> + Send;
}

/// Goes round, and says when it has arrived.
#[derive(Debug)]
pub struct Token {
    pub left: u64,
    pub done: oneshot::Sender<()>,
}

impl Token {
    /// The token as it goes on; `None` when it has arrived.
    pub fn next(self) -> Option<Token> {
        let Some(left) = self.left.checked_sub(1) else {
            let _ = self.done.send(());
            return None;
        };
        Some(Token { left, ..self })
    }
}

/// The ten ranges that a range of the Skynet tree is made of, as (first, length).
pub fn branches(first: u64, leaves: u64) -> impl Iterator<Item = (u64, u64)> + Send {
    let each = leaves / 10;
    (0..10).map(move |branch| (first + branch * each, each))
}

pub fn runtime(flavour: Flavour) -> Runtime {
    let mut builder = match flavour {
        Flavour::Multi => Builder::new_multi_thread(),
        Flavour::Current => Builder::new_current_thread(),
    };
    builder
        .worker_threads(flavour.threads())
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A measurement that hangs is a bug of somebody's, and is not waited for.
pub async fn in_time<T>(driver: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(180), driver)
        .await
        .expect("a measurement takes less than three minutes")
}
