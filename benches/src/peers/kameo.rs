//! kameo, with the unbounded mailbox that it offers: the faster one for `tell`.
//! A reply is waited for without a limit, which is its default.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use futures::future::join_all;
use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;

use crate::census::{Alive, birth};
use crate::drivers;
use crate::peer::{Dynamic, Named, Peer, Restarts, Token, branches};
use crate::sample::Sample;
use crate::workload::{Job, Workload};

pub(super) fn measure(job: Job) -> Option<Sample> {
    match job.workload {
        Workload::CallName => drivers::call_name::<Kameo>(job),
        Workload::StartDynamic => drivers::start_dynamic::<Kameo>(job),
        Workload::Restart => drivers::restart::<Kameo>(job),
        _ => drivers::common::<Kameo>(job),
    }
}

struct Kameo;

fn spawn<A: Actor>(args: A::Args) -> ActorRef<A> {
    A::spawn_with_mailbox(args, mailbox::unbounded())
}

struct Counter {
    count: u64,
    _alive: Alive,
}

impl Actor for Counter {
    type Args = ();
    type Error = Infallible;

    async fn on_start(_: (), _actor_ref: ActorRef<Self>) -> Result<Self, Self::Error> {
        Ok(Counter {
            count: 0,
            _alive: Alive::new(),
        })
    }
}

struct Add;
struct AddPending;
struct Bump;

impl Message<Add> for Counter {
    type Reply = u64;

    async fn handle(&mut self, _: Add, _cx: &mut Context<Self, u64>) -> u64 {
        self.count += 1;
        self.count
    }
}

impl Message<AddPending> for Counter {
    type Reply = u64;

    async fn handle(&mut self, _: AddPending, _cx: &mut Context<Self, u64>) -> u64 {
        tokio::task::yield_now().await;
        self.count += 1;
        self.count
    }
}

impl Message<Bump> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Bump, _cx: &mut Context<Self, ()>) {
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

impl Message<Join> for Node {
    type Reply = ();

    async fn handle(&mut self, Join(next): Join, _cx: &mut Context<Self, ()>) {
        self.next = Some(next);
    }
}

impl Message<Pass> for Node {
    type Reply = ();

    async fn handle(&mut self, Pass(token): Pass, _cx: &mut Context<Self, ()>) {
        self.passed += 1;
        if let (Some(token), Some(next)) = (token.next(), &self.next) {
            next.tell(Pass(token)).await.expect("the next is there");
        }
    }
}

impl Message<Passed> for Node {
    type Reply = u64;

    async fn handle(&mut self, _: Passed, _cx: &mut Context<Self, u64>) -> u64 {
        self.passed
    }
}

#[derive(Actor)]
struct Link {
    next: Option<ActorRef<Link>>,
}

struct Links;

impl Message<Links> for Link {
    type Reply = u64;

    async fn handle(&mut self, _: Links, _cx: &mut Context<Self, u64>) -> u64 {
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

impl Message<Sum> for Spot {
    type Reply = u64;

    async fn handle(&mut self, _: Sum, cx: &mut Context<Self, u64>) -> u64 {
        cx.stop();
        if self.leaves == 1 {
            return self.first;
        }
        let children: Vec<ActorRef<Spot>> = branches(self.first, self.leaves)
            .map(|(first, leaves)| spawn(Spot { first, leaves }))
            .collect();
        let sums = join_all(children.iter().map(|child| child.ask(Sum).send())).await;
        sums.into_iter().map(|sum| sum.expect("an answer")).sum()
    }
}

impl Peer for Kameo {
    type Server = ActorRef<Counter>;
    type Join = ();
    type Node = ActorRef<Node>;
    type Link = ActorRef<Link>;

    async fn start(_place: usize) -> (Self::Server, ()) {
        (spawn(()), ())
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

    async fn stop(server: Self::Server, _: ()) {
        server.stop_gracefully().await.expect("it was not stopped");
        server.wait_for_shutdown().await;
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
        let root: ActorRef<Spot> = spawn(Spot { first: 0, leaves });
        root.ask(Sum).await.expect("the sum")
    }
}

/// kameo has no name that remembers its holder: it is looked up for each call.
impl Named for Kameo {
    type Name = Registered;

    async fn start_named(name: &'static str) -> Registered {
        let actor: ActorRef<Counter> = spawn(());
        actor.register(name).expect("the name is free");
        Registered { name, actor }
    }

    async fn call_named(Registered { name, .. }: &Registered) -> u64 {
        let actor = ActorRef::<Counter>::lookup(*name).expect("it is a counter");
        let actor = actor.expect("the name is taken");
        actor.ask(Add).await.expect("an answer")
    }
}

struct Registered {
    name: &'static str,
    actor: ActorRef<Counter>,
}

/// The registry holds a ref, and would have the next measurement find this actor.
impl Drop for Registered {
    fn drop(&mut self) {
        self.actor.kill();
        if let Ok(mut registry) = kameo::registry::ACTOR_REGISTRY.lock() {
            registry.remove(self.name);
        }
    }
}

#[derive(Actor)]
struct Supervisor;

impl Dynamic for Kameo {
    type Supervisor = ActorRef<Supervisor>;

    async fn start_supervisor() -> Self::Supervisor {
        spawn(Supervisor)
    }

    async fn start_child(supervisor: &Self::Supervisor) -> Self::Server {
        Counter::supervise(supervisor, ())
            .restart_policy(RestartPolicy::Never)
            .spawn_with_mailbox(mailbox::unbounded())
            .await
    }
}

struct Phoenix {
    number: u64,
}

impl Actor for Phoenix {
    type Args = ();
    type Error = Infallible;

    async fn on_start(_: (), _actor_ref: ActorRef<Self>) -> Result<Self, Self::Error> {
        Ok(Phoenix { number: birth() })
    }
}

struct Number;
struct Crash;

#[derive(Debug)]
struct Crashed;

impl fmt::Display for Crashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a crash")
    }
}

impl Message<Number> for Phoenix {
    type Reply = u64;

    async fn handle(&mut self, _: Number, _cx: &mut Context<Self, u64>) -> u64 {
        self.number
    }
}

impl Message<Crash> for Phoenix {
    type Reply = Result<(), Crashed>;

    async fn handle(&mut self, _: Crash, _cx: &mut Context<Self, Self::Reply>) -> Self::Reply {
        Err(Crashed)
    }
}

struct Tree {
    _supervisor: ActorRef<Supervisor>,
    child: ActorRef<Phoenix>,
}

impl Restarts for Kameo {
    type Tree = Tree;

    async fn start_tree() -> Tree {
        let supervisor = spawn(Supervisor);
        let child = Phoenix::supervise(&supervisor, ())
            .restart_policy(RestartPolicy::Transient)
            .restart_limit(u32::MAX, Duration::from_secs(1))
            .spawn_with_mailbox(mailbox::unbounded())
            .await;
        Tree {
            _supervisor: supervisor,
            child,
        }
    }

    /// A kameo ref reaches the next incarnation as well.
    async fn crash(Tree { child, .. }: &Tree, old: u64) -> u64 {
        child.tell(Crash).await.expect("the child is there");
        loop {
            match child.ask(Number).await {
                Ok(number) if number != old => return number,
                _ => tokio::task::yield_now().await,
            }
        }
    }
}
