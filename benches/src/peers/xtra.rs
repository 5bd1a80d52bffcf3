//! xtra, with unbounded mailboxes. It has no registry and no supervisors.
//!
//! xtra 0.6.0 keeps messages of equal priority in a heap, which does not keep their order: a call overtakes
//! casts that were sent before it. That flatters its `call_busy` and `call_load`.

use futures::future::join_all;
use xtra::{Actor, Address, Context, Handler, Mailbox};

use crate::census::Alive;
use crate::drivers;
use crate::peer::{Peer, Token, branches};
use crate::sample::Sample;
use crate::workload::Job;

pub(super) fn measure(job: Job) -> Option<Sample> {
    drivers::common::<Xtra>(job)
}

struct Xtra;

fn spawn<A: Actor<Stop = ()>>(actor: A) -> Address<A> {
    xtra::spawn_tokio(actor, Mailbox::unbounded())
}

#[derive(Default)]
struct Counter {
    count: u64,
    alive: Option<Alive>,
}

impl Actor for Counter {
    type Stop = ();

    async fn started(&mut self, _mailbox: &Mailbox<Self>) -> Result<(), ()> {
        self.alive = Some(Alive::new());
        Ok(())
    }

    async fn stopped(self) {}
}

struct Add;
struct AddPending;
struct Bump;
struct Stop;

impl Handler<Add> for Counter {
    type Return = u64;

    async fn handle(&mut self, _: Add, _cx: &mut Context<Self>) -> u64 {
        self.count += 1;
        self.count
    }
}

impl Handler<AddPending> for Counter {
    type Return = u64;

    async fn handle(&mut self, _: AddPending, _cx: &mut Context<Self>) -> u64 {
        tokio::task::yield_now().await;
        self.count += 1;
        self.count
    }
}

impl Handler<Bump> for Counter {
    type Return = ();

    async fn handle(&mut self, _: Bump, _cx: &mut Context<Self>) {
        self.count += 1;
    }
}

impl Handler<Stop> for Counter {
    type Return = ();

    async fn handle(&mut self, _: Stop, cx: &mut Context<Self>) {
        cx.stop_self();
    }
}

#[derive(xtra::Actor, Default)]
struct Node {
    next: Option<Address<Node>>,
    passed: u64,
}

struct Join(Address<Node>);
struct Pass(Token);
struct Passed;

impl Handler<Join> for Node {
    type Return = ();

    async fn handle(&mut self, Join(next): Join, _cx: &mut Context<Self>) {
        self.next = Some(next);
    }
}

impl Handler<Pass> for Node {
    type Return = ();

    async fn handle(&mut self, Pass(token): Pass, _cx: &mut Context<Self>) {
        self.passed += 1;
        if let (Some(token), Some(next)) = (token.next(), &self.next) {
            let sent = next.send(Pass(token)).detach().await;
            assert!(sent.is_ok(), "the next is there");
        }
    }
}

impl Handler<Passed> for Node {
    type Return = u64;

    async fn handle(&mut self, _: Passed, _cx: &mut Context<Self>) -> u64 {
        self.passed
    }
}

#[derive(xtra::Actor)]
struct Link {
    next: Option<Address<Link>>,
}

struct Links;

impl Handler<Links> for Link {
    type Return = u64;

    async fn handle(&mut self, _: Links, _cx: &mut Context<Self>) -> u64 {
        match &self.next {
            Some(next) => next.send(Links).await.expect("an answer") + 1,
            None => 1,
        }
    }
}

#[derive(xtra::Actor)]
struct Spot {
    first: u64,
    leaves: u64,
}

struct Sum;

impl Handler<Sum> for Spot {
    type Return = u64;

    async fn handle(&mut self, _: Sum, cx: &mut Context<Self>) -> u64 {
        cx.stop_self();
        if self.leaves == 1 {
            return self.first;
        }
        let children: Vec<Address<Spot>> = branches(self.first, self.leaves)
            .map(|(first, leaves)| spawn(Spot { first, leaves }))
            .collect();
        let sums = join_all(children.iter().map(|child| child.send(Sum))).await;
        sums.into_iter().map(|sum| sum.expect("an answer")).sum()
    }
}

impl Peer for Xtra {
    const IN_ORDER: bool = false;

    type Server = Address<Counter>;
    type Join = ();
    type Node = Address<Node>;
    type Link = Address<Link>;

    async fn start(_place: usize) -> (Self::Server, ()) {
        (spawn(Counter::default()), ())
    }

    async fn call(server: &Self::Server) -> u64 {
        server.send(Add).await.expect("an answer")
    }

    async fn call_pending(server: &Self::Server) -> u64 {
        server.send(AddPending).await.expect("an answer")
    }

    async fn cast(server: &Self::Server) {
        let sent = server.send(Bump).detach().await;
        assert!(sent.is_ok(), "the actor is there");
    }

    async fn stop(server: Self::Server, _: ()) {
        let end = server.join();
        server.send(Stop).await.expect("it was not stopped");
        end.await;
    }

    async fn start_node() -> Self::Node {
        spawn(Node::default())
    }

    async fn join(node: &Self::Node, next: Self::Node) {
        node.send(Join(next)).await.expect("an answer");
    }

    async fn pass(node: &Self::Node, token: Token) {
        let sent = node.send(Pass(token)).detach().await;
        assert!(sent.is_ok(), "the node is there");
    }

    async fn passed(node: &Self::Node) -> u64 {
        node.send(Passed).await.expect("an answer")
    }

    async fn start_link(next: Option<Self::Link>) -> Self::Link {
        spawn(Link { next })
    }

    async fn call_link(link: &Self::Link) -> u64 {
        link.send(Links).await.expect("an answer")
    }

    async fn skynet(leaves: u64) -> u64 {
        let root = spawn(Spot { first: 0, leaves });
        root.send(Sum).await.expect("the sum")
    }
}
