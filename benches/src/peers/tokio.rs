//! tokio by hand: a task that owns the state, an unbounded channel, and a oneshot
//! for each reply. With `TIMEOUT`, a reply is waited for 5 s at the longest.

use std::future::Future;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::census::Alive;
use crate::drivers;
use crate::peer::{Peer, Token, branches};
use crate::sample::Sample;
use crate::workload::Job;

pub(super) fn measure<const TIMEOUT: bool>(job: Job) -> Option<Sample> {
    drivers::common::<ByHand<TIMEOUT>>(job)
}

struct ByHand<const TIMEOUT: bool>;

impl<const TIMEOUT: bool> ByHand<TIMEOUT> {
    async fn ask<M, T>(
        server: &UnboundedSender<M>,
        make: impl FnOnce(oneshot::Sender<T>) -> M,
    ) -> T {
        let (reply, answer) = oneshot::channel();
        assert!(server.send(make(reply)).is_ok(), "the server is there");
        Self::reply(answer).await
    }

    async fn reply<T>(answer: impl Future<Output = Result<T, oneshot::error::RecvError>>) -> T {
        let answer = if TIMEOUT {
            tokio::time::timeout(Duration::from_secs(5), answer)
                .await
                .expect("an answer in time")
        } else {
            answer.await
        };
        answer.expect("an answer")
    }
}

enum Message {
    Add(oneshot::Sender<u64>),
    AddPending(oneshot::Sender<u64>),
    Bump,
}

struct Counter {
    count: u64,
    _alive: Alive,
}

async fn counter(mut inbox: UnboundedReceiver<Message>) {
    let mut state = Counter {
        count: 0,
        _alive: Alive::new(),
    };
    while let Some(message) = inbox.recv().await {
        match message {
            Message::Add(reply) => {
                state.count += 1;
                let _ = reply.send(state.count);
            }
            Message::AddPending(reply) => {
                tokio::task::yield_now().await;
                state.count += 1;
                let _ = reply.send(state.count);
            }
            Message::Bump => state.count += 1,
        }
    }
}

enum NodeMessage {
    Join(UnboundedSender<NodeMessage>, oneshot::Sender<()>),
    Pass(Token),
    Passed(oneshot::Sender<u64>),
}

async fn node(mut inbox: UnboundedReceiver<NodeMessage>) {
    let mut next = None;
    let mut passed = 0;
    while let Some(message) = inbox.recv().await {
        match message {
            NodeMessage::Join(node, reply) => {
                next = Some(node);
                let _ = reply.send(());
            }
            NodeMessage::Pass(token) => {
                passed += 1;
                if let (Some(token), Some(next)) = (token.next(), &next) {
                    let _ = next.send(NodeMessage::Pass(token));
                }
            }
            NodeMessage::Passed(reply) => {
                let _ = reply.send(passed);
            }
        }
    }
}

struct Links(oneshot::Sender<u64>);

async fn link<const TIMEOUT: bool>(
    next: Option<UnboundedSender<Links>>,
    mut inbox: UnboundedReceiver<Links>,
) {
    while let Some(Links(reply)) = inbox.recv().await {
        let after = match &next {
            Some(next) => ByHand::<TIMEOUT>::ask(next, Links).await,
            None => 0,
        };
        let _ = reply.send(after + 1);
    }
}

struct Sum(oneshot::Sender<u64>);

fn start_spot<const TIMEOUT: bool>(first: u64, leaves: u64) -> UnboundedSender<Sum> {
    let (server, inbox) = mpsc::unbounded_channel();
    tokio::spawn(spot::<TIMEOUT>(first, leaves, inbox));
    server
}

async fn spot<const TIMEOUT: bool>(first: u64, leaves: u64, mut inbox: UnboundedReceiver<Sum>) {
    let Some(Sum(reply)) = inbox.recv().await else {
        return;
    };
    if leaves == 1 {
        let _ = reply.send(first);
        return;
    }
    let children: Vec<_> = branches(first, leaves)
        .map(|(first, leaves)| start_spot::<TIMEOUT>(first, leaves))
        .collect();
    let sums = children
        .iter()
        .map(|child| ByHand::<TIMEOUT>::ask(child, Sum));
    let sum = join_all(sums).await.iter().sum();
    let _ = reply.send(sum);
}

impl<const TIMEOUT: bool> Peer for ByHand<TIMEOUT> {
    type Server = UnboundedSender<Message>;
    type Join = JoinHandle<()>;
    type Node = UnboundedSender<NodeMessage>;
    type Link = UnboundedSender<Links>;

    async fn start(_place: usize) -> (Self::Server, Self::Join) {
        let (server, inbox) = mpsc::unbounded_channel();
        (server, tokio::spawn(counter(inbox)))
    }

    async fn call(server: &Self::Server) -> u64 {
        Self::ask(server, Message::Add).await
    }

    async fn call_pending(server: &Self::Server) -> u64 {
        Self::ask(server, Message::AddPending).await
    }

    async fn cast(server: &Self::Server) {
        assert!(server.send(Message::Bump).is_ok(), "the server is there");
    }

    async fn stop(server: Self::Server, join: Self::Join) {
        drop(server);
        join.await.expect("the server came to its end");
    }

    async fn start_node() -> Self::Node {
        let (server, inbox) = mpsc::unbounded_channel();
        tokio::spawn(node(inbox));
        server
    }

    async fn join(node: &Self::Node, next: Self::Node) {
        Self::ask(node, |reply| NodeMessage::Join(next, reply)).await;
    }

    async fn pass(node: &Self::Node, token: Token) {
        assert!(node.send(NodeMessage::Pass(token)).is_ok());
    }

    async fn passed(node: &Self::Node) -> u64 {
        Self::ask(node, NodeMessage::Passed).await
    }

    async fn start_link(next: Option<Self::Link>) -> Self::Link {
        let (server, inbox) = mpsc::unbounded_channel();
        tokio::spawn(link::<TIMEOUT>(next, inbox));
        server
    }

    async fn call_link(link: &Self::Link) -> u64 {
        Self::ask(link, Links).await
    }

    async fn skynet(leaves: u64) -> u64 {
        Self::ask(&start_spot::<TIMEOUT>(0, leaves), Sum).await
    }
}
