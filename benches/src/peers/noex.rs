//! noex, as its guides show it: everything by default.

use futures::future::join_all;
use noex::{
    Context, DynamicSupervisor, Exit, GenServer, Name, ReplyTo, Restart, SendFailure, ServerRef,
    Supervisor,
};

use crate::census::{Alive, birth};
use crate::drivers;
use crate::peer::{Dynamic, Named, Peer, Restarts, StopsTogether, Token, branches};
use crate::sample::Sample;
use crate::workload::{Job, Workload};

pub(super) fn measure(job: Job) -> Option<Sample> {
    match job.workload {
        Workload::CallName => drivers::call_name::<Noex>(job),
        Workload::Restart => drivers::restart::<Noex>(job),
        Workload::StartDynamic => drivers::start_dynamic::<Noex>(job),
        Workload::StopDynamic1k | Workload::StopDynamic10k => drivers::stop_dynamic::<Noex>(job),
        _ => drivers::common::<Noex>(job),
    }
}

struct Noex;

struct Counter {
    count: u64,
    _alive: Alive,
}

enum Call {
    Add(ReplyTo<u64>),
    AddPending(ReplyTo<u64>),
}

struct Bump;

impl GenServer for Counter {
    type Args = ();
    type Call = Call;
    type Cast = Bump;
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Counter {
            count: 0,
            _alive: Alive::new(),
        })
    }

    async fn handle_call(&mut self, call: Call, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match call {
            Call::Add(reply) => {
                self.count += 1;
                reply.send(self.count);
            }
            Call::AddPending(reply) => {
                tokio::task::yield_now().await;
                self.count += 1;
                reply.send(self.count);
            }
        }
        Ok(())
    }

    async fn handle_cast(&mut self, _: Bump, _cx: &mut Context<Self>) -> Result<(), Exit> {
        self.count += 1;
        Ok(())
    }
}

struct Node {
    next: Option<ServerRef<Node>>,
    passed: u64,
}

enum NodeCall {
    Join(ServerRef<Node>, ReplyTo<()>),
    Passed(ReplyTo<u64>),
}

impl GenServer for Node {
    type Args = ();
    type Call = NodeCall;
    type Cast = Token;
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Node {
            next: None,
            passed: 0,
        })
    }

    async fn handle_call(&mut self, call: NodeCall, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match call {
            NodeCall::Join(next, reply) => {
                self.next = Some(next);
                reply.send(());
            }
            NodeCall::Passed(reply) => reply.send(self.passed),
        }
        Ok(())
    }

    async fn handle_cast(&mut self, token: Token, _cx: &mut Context<Self>) -> Result<(), Exit> {
        self.passed += 1;
        if let (Some(token), Some(next)) = (token.next(), &self.next) {
            next.cast(token)?;
        }
        Ok(())
    }
}

struct Link {
    next: Option<ServerRef<Link>>,
}

struct Links(ReplyTo<u64>);

impl GenServer for Link {
    type Args = Option<ServerRef<Link>>;
    type Call = Links;
    type Cast = ();
    type Info = ();

    async fn init(next: Self::Args, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Link { next })
    }

    async fn handle_call(
        &mut self,
        Links(reply): Links,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        let after = match &self.next {
            Some(next) => next.call(Links).await?,
            None => 0,
        };
        reply.send(after + 1);
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

struct Spot {
    first: u64,
    leaves: u64,
}

struct Sum(ReplyTo<u64>);

impl Spot {
    async fn sum(&self) -> Result<u64, Exit> {
        if self.leaves == 1 {
            return Ok(self.first);
        }
        let mut children = Vec::with_capacity(10);
        for branch in branches(self.first, self.leaves) {
            children.push(Spot::start(branch).await?);
        }
        let mut sum = 0;
        for part in join_all(children.iter().map(|child| child.call(Sum))).await {
            sum += part?;
        }
        Ok(sum)
    }
}

impl GenServer for Spot {
    type Args = (u64, u64);
    type Call = Sum;
    type Cast = ();
    type Info = ();

    async fn init((first, leaves): (u64, u64), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Spot { first, leaves })
    }

    async fn handle_call(&mut self, Sum(reply): Sum, cx: &mut Context<Self>) -> Result<(), Exit> {
        reply.send(self.sum().await?);
        cx.stop(Exit::Normal);
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

impl Peer for Noex {
    type Server = ServerRef<Counter>;
    type Join = ();
    type Node = ServerRef<Node>;
    type Link = ServerRef<Link>;

    async fn start(_place: usize) -> (Self::Server, ()) {
        (Counter::start(()).await.expect("a counter"), ())
    }

    async fn call(server: &Self::Server) -> u64 {
        server.call(Call::Add).await.expect("an answer")
    }

    async fn call_pending(server: &Self::Server) -> u64 {
        server.call(Call::AddPending).await.expect("an answer")
    }

    async fn cast(server: &Self::Server) {
        if let Err(refused) = server.cast(Bump) {
            assert_eq!(refused.failure(), &SendFailure::Full);
            let bump = refused.into_message();
            server.cast_wait(bump).await.expect("room, sooner or later");
        }
    }

    async fn stop(server: Self::Server, _: ()) {
        server.stop().await.expect("it ends in time");
    }

    async fn start_node() -> Self::Node {
        Node::start(()).await.expect("a node")
    }

    async fn join(node: &Self::Node, next: Self::Node) {
        let joined = node.call(|reply| NodeCall::Join(next, reply)).await;
        joined.expect("an answer");
    }

    async fn pass(node: &Self::Node, token: Token) {
        node.cast(token).expect("a node that takes it");
    }

    async fn passed(node: &Self::Node) -> u64 {
        node.call(NodeCall::Passed).await.expect("an answer")
    }

    async fn start_link(next: Option<Self::Link>) -> Self::Link {
        Link::start(next).await.expect("a link")
    }

    async fn call_link(link: &Self::Link) -> u64 {
        link.call(Links).await.expect("an answer")
    }

    async fn skynet(leaves: u64) -> u64 {
        let root = Spot::start((0, leaves)).await.expect("the root");
        // A tree may take longer than a call does by default.
        root.call(Sum).no_timeout().await.expect("the sum")
    }
}

impl Named for Noex {
    type Name = Name<Counter>;

    async fn start_named(name: &'static str) -> Self::Name {
        Counter::start(()).name(name).await.expect("a counter");
        Name::new(name)
    }

    async fn call_named(name: &Self::Name) -> u64 {
        name.call(Call::Add).await.expect("an answer")
    }
}

struct Phoenix {
    number: u64,
}

impl GenServer for Phoenix {
    type Args = ();
    type Call = ReplyTo<u64>;
    type Cast = Crash;
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Phoenix { number: birth() })
    }

    async fn handle_call(
        &mut self,
        reply: ReplyTo<u64>,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        reply.send(self.number);
        Ok(())
    }

    async fn handle_cast(&mut self, _: Crash, _cx: &mut Context<Self>) -> Result<(), Exit> {
        Err(Exit::error("a crash"))
    }
}

struct Crash;

impl Dynamic for Noex {
    type Supervisor = ServerRef<DynamicSupervisor>;

    async fn start_supervisor() -> Self::Supervisor {
        let supervisor = DynamicSupervisor::builder().start();
        supervisor.await.expect("a supervisor")
    }

    async fn start_child(supervisor: &Self::Supervisor) -> Self::Server {
        let counter = Counter::child(()).restart(Restart::Temporary);
        let started = supervisor.start_child(counter).await;
        started.expect("a counter")
    }
}

impl StopsTogether for Noex {
    async fn stop_supervisor(supervisor: Self::Supervisor) {
        supervisor.stop().no_timeout().await.expect("it ends");
    }
}

struct Tree {
    _supervisor: ServerRef<Supervisor>,
    child: Name<Phoenix>,
}

impl Restarts for Noex {
    type Tree = Tree;

    async fn start_tree() -> Tree {
        let tree = Supervisor::one_for_one()
            .unlimited_restarts()
            .child(Phoenix::child(()).name("phoenix"));
        Tree {
            _supervisor: tree.start().await.expect("a tree"),
            child: Name::new("phoenix"),
        }
    }

    async fn crash(tree: &Tree, _old: u64) -> u64 {
        let crash = tree.child.monitor().expect("the child is there");
        tree.child.cast(Crash).expect("the child takes it");
        crash.await;
        tree.child.wait().await.expect("the next one");
        tree.child.call(|reply| reply).await.expect("an answer")
    }
}
