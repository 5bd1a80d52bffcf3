//! rsactor. Its mailboxes are bounded; here they hold as many messages as noex's, so that a
//! `tell` seldom waits. It has no registry and no supervisors.

use std::convert::Infallible;

use futures::future::join_all;
use rsactor::{Actor, ActorRef, ActorResult, message_handlers, spawn_with_mailbox_capacity};
use tokio::task::JoinHandle;

use crate::census::Alive;
use crate::drivers;
use crate::peer::{Peer, Token, branches};
use crate::sample::Sample;
use crate::workload::Job;

pub(super) fn measure(job: Job) -> Option<Sample> {
    drivers::common::<RsActor>(job)
}

struct RsActor;

const MAILBOX: usize = 65_536;

fn spawn<A: Actor>(args: A::Args) -> ActorRef<A> {
    spawn_with_mailbox_capacity(args, MAILBOX).0
}

struct Counter {
    count: u64,
    _alive: Alive,
}

impl Actor for Counter {
    type Args = ();
    type Error = Infallible;
    type IdleEvent = ();

    async fn on_start(_: (), _actor_ref: &ActorRef<Self>) -> Result<Self, Self::Error> {
        Ok(Counter {
            count: 0,
            _alive: Alive::new(),
        })
    }
}

struct Add;
struct AddPending;
struct Bump;

#[message_handlers]
impl Counter {
    #[handler]
    async fn add(&mut self, _: Add, _: &ActorRef<Self>) -> u64 {
        self.count += 1;
        self.count
    }

    #[handler]
    async fn add_pending(&mut self, _: AddPending, _: &ActorRef<Self>) -> u64 {
        tokio::task::yield_now().await;
        self.count += 1;
        self.count
    }

    #[handler]
    async fn bump(&mut self, _: Bump, _: &ActorRef<Self>) {
        self.count += 1;
    }
}

#[derive(Actor, Default)]
struct Node {
    next: Option<ActorRef<Node>>,
    passed: u64,
}

struct Join(ActorRef<Node>);
struct Pass(Token);
struct Passed;

#[message_handlers]
impl Node {
    #[handler]
    async fn join(&mut self, Join(next): Join, _: &ActorRef<Self>) {
        self.next = Some(next);
    }

    #[handler]
    async fn pass(&mut self, Pass(token): Pass, _: &ActorRef<Self>) {
        self.passed += 1;
        if let (Some(token), Some(next)) = (token.next(), &self.next) {
            next.tell(Pass(token)).await.expect("the next is there");
        }
    }

    #[handler]
    async fn passed(&mut self, _: Passed, _: &ActorRef<Self>) -> u64 {
        self.passed
    }
}

#[derive(Actor)]
struct Link {
    next: Option<ActorRef<Link>>,
}

struct Links;

#[message_handlers]
impl Link {
    #[handler]
    async fn links(&mut self, _: Links, _: &ActorRef<Self>) -> u64 {
        match &self.next {
            Some(next) => next.ask(Links).await.expect("an answer") + 1,
            None => 1,
        }
    }
}

#[derive(Actor)]
struct Spot {
    first: u64,
    leaves: u64,
}

struct Sum;

#[message_handlers]
impl Spot {
    /// The children end when their refs are dropped.
    #[handler]
    async fn sum(&mut self, _: Sum, _: &ActorRef<Self>) -> u64 {
        if self.leaves == 1 {
            return self.first;
        }
        let children: Vec<ActorRef<Spot>> = branches(self.first, self.leaves)
            .map(|(first, leaves)| spawn(Spot { first, leaves }))
            .collect();
        let sums = join_all(children.iter().map(|child| child.ask(Sum))).await;
        sums.into_iter().map(|sum| sum.expect("an answer")).sum()
    }
}

impl Peer for RsActor {
    type Server = ActorRef<Counter>;
    type Join = JoinHandle<ActorResult<Counter>>;
    type Node = ActorRef<Node>;
    type Link = ActorRef<Link>;

    async fn start(_place: usize) -> (Self::Server, Self::Join) {
        spawn_with_mailbox_capacity((), MAILBOX)
    }

    async fn call(server: &Self::Server) -> u64 {
        server.ask(Add).await.expect("an answer")
    }

    async fn call_pending(server: &Self::Server) -> u64 {
        server.ask(AddPending).await.expect("an answer")
    }

    async fn cast(server: &Self::Server) {
        server.tell(Bump).await.expect("the actor is there");
    }

    async fn stop(server: Self::Server, join: Self::Join) {
        server.stop().await;
        join.await.expect("the actor came to its end");
    }

    async fn start_node() -> Self::Node {
        spawn(Node::default())
    }

    async fn join(node: &Self::Node, next: Self::Node) {
        node.ask(Join(next)).await.expect("an answer");
    }

    async fn pass(node: &Self::Node, token: Token) {
        node.tell(Pass(token)).await.expect("the node is there");
    }

    async fn passed(node: &Self::Node) -> u64 {
        node.ask(Passed).await.expect("an answer")
    }

    async fn start_link(next: Option<Self::Link>) -> Self::Link {
        spawn(Link { next })
    }

    async fn call_link(link: &Self::Link) -> u64 {
        link.ask(Links).await.expect("an answer")
    }

    async fn skynet(leaves: u64) -> u64 {
        let root = spawn::<Spot>(Spot { first: 0, leaves });
        root.ask(Sum).await.expect("the sum")
    }
}
