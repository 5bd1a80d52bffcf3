//! ractor: its messages are boxed and its mailboxes unbounded, which cannot be chosen; a call waits
//! without a limit.

use futures::future::join_all;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, Message, RpcReplyPort, SupervisionEvent};

use crate::census::{Alive, birth};
use crate::drivers;
use crate::peer::{Dynamic, Named, Peer, Restarts, Token, branches};
use crate::sample::Sample;
use crate::workload::{Job, Workload};

pub(super) fn measure(job: Job) -> Option<Sample> {
    match job.workload {
        Workload::CallName => drivers::call_name::<Ractor>(job),
        Workload::StartDynamic => drivers::start_dynamic::<Ractor>(job),
        Workload::Restart => drivers::restart::<Ractor>(job),
        _ => drivers::common::<Ractor>(job),
    }
}

struct Ractor;

async fn ask<M: Message, T: Send + 'static>(
    actor: &ActorRef<M>,
    make: impl FnOnce(RpcReplyPort<T>) -> M,
) -> T {
    match actor.call(make, None).await {
        Ok(CallResult::Success(answer)) => answer,
        _ => panic!("a ractor actor did not answer"),
    }
}

struct Counter;

struct Count {
    count: u64,
    _alive: Alive,
}

enum Msg {
    Add(RpcReplyPort<u64>),
    AddPending(RpcReplyPort<u64>),
    Bump,
}

impl Actor for Counter {
    type Msg = Msg;
    type State = Count;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Msg>,
        _: (),
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(Count {
            count: 0,
            _alive: Alive::new(),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Msg>,
        message: Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Add(reply) => {
                state.count += 1;
                reply.send(state.count)?;
            }
            Msg::AddPending(reply) => {
                tokio::task::yield_now().await;
                state.count += 1;
                reply.send(state.count)?;
            }
            Msg::Bump => state.count += 1,
        }
        Ok(())
    }
}

struct Node;

#[derive(Default)]
struct NodeState {
    next: Option<ActorRef<NodeMsg>>,
    passed: u64,
}

enum NodeMsg {
    Join(ActorRef<NodeMsg>, RpcReplyPort<()>),
    Pass(Token),
    Passed(RpcReplyPort<u64>),
}

impl Actor for Node {
    type Msg = NodeMsg;
    type State = NodeState;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<NodeMsg>,
        _: (),
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(NodeState::default())
    }

    async fn handle(
        &self,
        _myself: ActorRef<NodeMsg>,
        message: NodeMsg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            NodeMsg::Join(next, reply) => {
                state.next = Some(next);
                reply.send(())?;
            }
            NodeMsg::Pass(token) => {
                state.passed += 1;
                if let (Some(token), Some(next)) = (token.next(), &state.next) {
                    next.cast(NodeMsg::Pass(token))?;
                }
            }
            NodeMsg::Passed(reply) => reply.send(state.passed)?,
        }
        Ok(())
    }
}

struct Link;

struct Links(RpcReplyPort<u64>);

impl Actor for Link {
    type Msg = Links;
    type State = Option<ActorRef<Links>>;
    type Arguments = Option<ActorRef<Links>>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Links>,
        next: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(next)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Links>,
        Links(reply): Links,
        next: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let after = match next {
            Some(next) => ask(next, Links).await,
            None => 0,
        };
        reply.send(after + 1)?;
        Ok(())
    }
}

struct Spot;

struct Sum(RpcReplyPort<u64>);

impl Spot {
    async fn sum(first: u64, leaves: u64) -> Result<u64, ActorProcessingErr> {
        if leaves == 1 {
            return Ok(first);
        }
        let mut children = Vec::with_capacity(10);
        for branch in branches(first, leaves) {
            children.push(Actor::spawn(None, Spot, branch).await?.0);
        }
        let sums = join_all(children.iter().map(|child| ask(child, Sum))).await;
        Ok(sums.iter().sum())
    }
}

impl Actor for Spot {
    type Msg = Sum;
    type State = (u64, u64);
    type Arguments = (u64, u64);

    async fn pre_start(
        &self,
        _myself: ActorRef<Sum>,
        range: (u64, u64),
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(range)
    }

    async fn handle(
        &self,
        myself: ActorRef<Sum>,
        Sum(reply): Sum,
        &mut (first, leaves): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        reply.send(Self::sum(first, leaves).await?)?;
        myself.stop(None);
        Ok(())
    }
}

impl Peer for Ractor {
    type Server = ActorRef<Msg>;
    type Join = ();
    type Node = ActorRef<NodeMsg>;
    type Link = ActorRef<Links>;

    async fn start(_place: usize) -> (Self::Server, ()) {
        let started = Actor::spawn(None, Counter, ()).await;
        (started.expect("a counter").0, ())
    }

    async fn call(server: &Self::Server) -> u64 {
        ask(server, Msg::Add).await
    }

    async fn call_pending(server: &Self::Server) -> u64 {
        ask(server, Msg::AddPending).await
    }

    async fn cast(server: &Self::Server) {
        assert!(server.cast(Msg::Bump).is_ok(), "the actor is there");
    }

    async fn stop(server: Self::Server, _: ()) {
        server.stop_and_wait(None, None).await.expect("it ends");
    }

    async fn start_node() -> Self::Node {
        Actor::spawn(None, Node, ()).await.expect("a node").0
    }

    async fn join(node: &Self::Node, next: Self::Node) {
        ask(node, |reply| NodeMsg::Join(next, reply)).await;
    }

    async fn pass(node: &Self::Node, token: Token) {
        assert!(node.cast(NodeMsg::Pass(token)).is_ok());
    }

    async fn passed(node: &Self::Node) -> u64 {
        ask(node, NodeMsg::Passed).await
    }

    async fn start_link(next: Option<Self::Link>) -> Self::Link {
        Actor::spawn(None, Link, next).await.expect("a link").0
    }

    async fn call_link(link: &Self::Link) -> u64 {
        ask(link, Links).await
    }

    async fn skynet(leaves: u64) -> u64 {
        let root = Actor::spawn(None, Spot, (0, leaves)).await;
        ask(&root.expect("the root").0, Sum).await
    }
}

/// ractor has no name that remembers its holder: it is looked up for each call.
impl Named for Ractor {
    type Name = &'static str;

    async fn start_named(name: &'static str) -> Self::Name {
        let started = Actor::spawn(Some(name.to_owned()), Counter, ()).await;
        started.expect("a counter");
        name
    }

    async fn call_named(name: &Self::Name) -> u64 {
        let actor = ActorRef::<Msg>::where_is(name).expect("the name is taken");
        ask(&actor, Msg::Add).await
    }
}

struct Idle;

impl Actor for Idle {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<()>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl Dynamic for Ractor {
    type Supervisor = ActorRef<()>;

    async fn start_supervisor() -> Self::Supervisor {
        Actor::spawn(None, Idle, ()).await.expect("a supervisor").0
    }

    async fn start_child(supervisor: &Self::Supervisor) -> Self::Server {
        let started = Actor::spawn_linked(None, Counter, (), supervisor.get_cell()).await;
        started.expect("a counter").0
    }
}

const PHOENIX: &str = "phoenix";

/// The supervisor: restarting is written by the user of ractor.
struct Tree;

impl Tree {
    async fn start_child(&self, myself: ActorRef<()>) -> Result<(), ActorProcessingErr> {
        Actor::spawn_linked(Some(PHOENIX.to_owned()), Phoenix, (), myself.into()).await?;
        Ok(())
    }
}

impl Actor for Tree {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<()>, _: ()) -> Result<(), ActorProcessingErr> {
        self.start_child(myself).await
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        _: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) = event {
            self.start_child(myself).await?;
        }
        Ok(())
    }
}

struct Phoenix;

enum PhoenixMsg {
    Number(RpcReplyPort<u64>),
    Crash,
}

impl Actor for Phoenix {
    type Msg = PhoenixMsg;
    type State = u64;
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<PhoenixMsg>,
        _: (),
    ) -> Result<u64, ActorProcessingErr> {
        Ok(birth())
    }

    async fn handle(
        &self,
        _myself: ActorRef<PhoenixMsg>,
        message: PhoenixMsg,
        number: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PhoenixMsg::Number(reply) => reply.send(*number)?,
            PhoenixMsg::Crash => return Err("a crash".into()),
        }
        Ok(())
    }
}

impl Restarts for Ractor {
    type Tree = ActorRef<()>;

    async fn start_tree() -> Self::Tree {
        Actor::spawn(None, Tree, ()).await.expect("a supervisor").0
    }

    /// Nothing in ractor says when a name is taken again, so it is looked up until it is.
    async fn crash(_tree: &Self::Tree, old: u64) -> u64 {
        let child = ActorRef::<PhoenixMsg>::where_is(PHOENIX).expect("the child is there");
        assert!(child.cast(PhoenixMsg::Crash).is_ok());
        loop {
            if let Some(child) = ActorRef::<PhoenixMsg>::where_is(PHOENIX)
                && let Ok(CallResult::Success(number)) = child.call(PhoenixMsg::Number, None).await
                && number != old
            {
                return number;
            }
            tokio::task::yield_now().await;
        }
    }
}
