//! actix. Its actors stay on the thread that started them, so `multi` is two arbiters, each a thread
//! with a runtime of its own: what belongs together (a client and its server, a ring, a chain) is started
//! on the same one, as actix advises, and clients of one server sit on both.
//!
//! A mailbox takes 1024 messages before `send` waits (16 by default); `do_send` never waits. What is
//! left out: call by name, since its registries find actors by type; restart, since its supervisor does not
//! survive a panic and never makes the state anew.

use std::cell::Cell;
use std::future::Future;
use std::sync::RwLock;

use actix::prelude::*;
use actix_rt::{Arbiter, ArbiterHandle, System};
use futures::future::join_all;
use tokio::sync::oneshot;

use crate::census::Alive;
use crate::drivers;
use crate::peer::{Peer, Token, branches, in_time};
use crate::sample::Sample;
use crate::workload::{Flavour, Job};

pub(super) fn measure(job: Job) -> Option<Sample> {
    drivers::common::<Actix>(job)
}

struct Actix;

const MAILBOX: usize = 1024;

static ARBITERS: RwLock<Vec<ArbiterHandle>> = RwLock::new(Vec::new());

thread_local! {
    /// Which arbiter this thread is, where there are several.
    static HERE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The arbiter of this place, if it is another than this thread's.
fn elsewhere(place: usize) -> Option<ArbiterHandle> {
    let here = HERE.get()?;
    let place = place % Flavour::Multi.threads();
    if place == here {
        return None;
    }
    let arbiters = ARBITERS.read().expect("the arbiters");
    arbiters.get(place).cloned()
}

/// Starts an actor at a place.
fn start<A>(place: usize, actor: A) -> Addr<A>
where
    A: Actor<Context = Context<A>> + Send,
{
    match elsewhere(place) {
        None => actor.start(),
        Some(arbiter) => A::start_in_arbiter(&arbiter, move |_| actor),
    }
}

#[derive(Default)]
struct Counter {
    count: u64,
    alive: Option<Alive>,
    ended: Option<oneshot::Sender<()>>,
}

impl Actor for Counter {
    type Context = Context<Self>;

    fn started(&mut self, cx: &mut Self::Context) {
        cx.set_mailbox_capacity(MAILBOX);
        self.alive = Some(Alive::new());
    }

    fn stopped(&mut self, _cx: &mut Self::Context) {
        if let Some(ended) = self.ended.take() {
            let _ = ended.send(());
        }
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Add;

#[derive(Message)]
#[rtype(result = "u64")]
struct AddPending;

#[derive(Message)]
#[rtype(result = "()")]
struct Bump;

#[derive(Message)]
#[rtype(result = "()")]
struct Stop(oneshot::Sender<()>);

impl Handler<Add> for Counter {
    type Result = u64;

    fn handle(&mut self, _: Add, _cx: &mut Self::Context) -> u64 {
        self.count += 1;
        self.count
    }
}

impl Handler<AddPending> for Counter {
    type Result = AtomicResponse<Self, u64>;

    fn handle(&mut self, _: AddPending, _cx: &mut Self::Context) -> Self::Result {
        let add = tokio::task::yield_now()
            .into_actor(self)
            .map(|(), this, _cx| {
                this.count += 1;
                this.count
            });
        AtomicResponse::new(Box::pin(add))
    }
}

impl Handler<Bump> for Counter {
    type Result = ();

    fn handle(&mut self, _: Bump, _cx: &mut Self::Context) {
        self.count += 1;
    }
}

impl Handler<Stop> for Counter {
    type Result = ();

    fn handle(&mut self, Stop(ended): Stop, cx: &mut Self::Context) {
        self.ended = Some(ended);
        cx.stop();
    }
}

#[derive(Default)]
struct Node {
    next: Option<Addr<Node>>,
    passed: u64,
}

impl Actor for Node {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Join(Addr<Node>);

#[derive(Message)]
#[rtype(result = "()")]
struct Pass(Token);

#[derive(Message)]
#[rtype(result = "u64")]
struct Passed;

impl Handler<Join> for Node {
    type Result = ();

    fn handle(&mut self, Join(next): Join, _cx: &mut Self::Context) {
        self.next = Some(next);
    }
}

impl Handler<Pass> for Node {
    type Result = ();

    fn handle(&mut self, Pass(token): Pass, _cx: &mut Self::Context) {
        self.passed += 1;
        if let (Some(token), Some(next)) = (token.next(), &self.next) {
            next.do_send(Pass(token));
        }
    }
}

impl Handler<Passed> for Node {
    type Result = u64;

    fn handle(&mut self, _: Passed, _cx: &mut Self::Context) -> u64 {
        self.passed
    }
}

struct Link {
    next: Option<Addr<Link>>,
}

impl Actor for Link {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Links;

impl Handler<Links> for Link {
    type Result = AtomicResponse<Self, u64>;

    fn handle(&mut self, _: Links, _cx: &mut Self::Context) -> Self::Result {
        let next = self.next.clone();
        let links = async move {
            match next {
                Some(next) => next.send(Links).await.expect("an answer") + 1,
                None => 1,
            }
        };
        AtomicResponse::new(Box::pin(links.into_actor(self)))
    }
}

struct Spot {
    first: u64,
    leaves: u64,
    /// Where its children are started: those of the root at every place.
    place: Option<usize>,
}

impl Actor for Spot {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Sum;

impl Handler<Sum> for Spot {
    type Result = ResponseFuture<u64>;

    /// The children end when their addresses are dropped.
    fn handle(&mut self, _: Sum, _cx: &mut Self::Context) -> Self::Result {
        let &mut Spot {
            first,
            leaves,
            place,
        } = self;
        Box::pin(async move {
            if leaves == 1 {
                return first;
            }
            let children: Vec<Addr<Spot>> = branches(first, leaves)
                .enumerate()
                .map(|(index, (first, leaves))| {
                    let place = place.unwrap_or(index);
                    let spot = Spot {
                        first,
                        leaves,
                        place: Some(place),
                    };
                    start(place, spot)
                })
                .collect();
            let sums = join_all(children.iter().map(|child| child.send(Sum))).await;
            sums.into_iter().map(|sum| sum.expect("an answer")).sum()
        })
    }
}

impl Peer for Actix {
    type Server = Addr<Counter>;
    type Join = ();
    type Node = Addr<Node>;
    type Link = Addr<Link>;

    async fn start(place: usize) -> (Self::Server, ()) {
        (start(place, Counter::default()), ())
    }

    async fn call(server: &Self::Server) -> u64 {
        server.send(Add).await.expect("an answer")
    }

    async fn call_pending(server: &Self::Server) -> u64 {
        server.send(AddPending).await.expect("an answer")
    }

    async fn cast(server: &Self::Server) {
        server.do_send(Bump);
    }

    async fn stop(server: Self::Server, _: ()) {
        let (ended, end) = oneshot::channel();
        server.do_send(Stop(ended));
        end.await.expect("it ends");
    }

    async fn start_node() -> Self::Node {
        start(0, Node::default())
    }

    async fn join(node: &Self::Node, next: Self::Node) {
        node.send(Join(next)).await.expect("an answer");
    }

    async fn pass(node: &Self::Node, token: Token) {
        node.do_send(Pass(token));
    }

    async fn passed(node: &Self::Node) -> u64 {
        node.send(Passed).await.expect("an answer")
    }

    async fn start_link(next: Option<Self::Link>) -> Self::Link {
        start(0, Link { next })
    }

    async fn call_link(link: &Self::Link) -> u64 {
        link.send(Links).await.expect("an answer")
    }

    async fn skynet(leaves: u64) -> u64 {
        let root = Spot {
            first: 0,
            leaves,
            place: None,
        };
        start(0, root).send(Sum).await.expect("the sum")
    }

    fn spawn<T: Send + 'static>(
        place: usize,
        client: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let (done, result) = oneshot::channel();
        let client = async {
            let _ = done.send(client.await);
        };
        match elsewhere(place) {
            None => drop(actix_rt::spawn(client)),
            Some(arbiter) => assert!(arbiter.spawn(client)),
        }
        async { result.await.expect("a client came to its end") }
    }

    fn run<T: Send + 'static>(
        flavour: Flavour,
        driver: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let system = System::new();
        let driver = in_time(driver);
        if flavour == Flavour::Current {
            return system.block_on(async {
                let driver = actix_rt::spawn(driver);
                driver.await.expect("the driver came to its end")
            });
        }
        let arbiters: Vec<Arbiter> = (0..flavour.threads()).map(|_| Arbiter::new()).collect();
        for (index, arbiter) in arbiters.iter().enumerate() {
            arbiter.spawn_fn(move || HERE.set(Some(index)));
        }
        *ARBITERS.write().expect("the arbiters") = arbiters.iter().map(Arbiter::handle).collect();
        let (done, result) = oneshot::channel();
        arbiters[0].spawn(async {
            let _ = done.send(driver.await);
        });
        let result = system.block_on(result);
        for arbiter in arbiters {
            arbiter.stop();
            arbiter.join().expect("an arbiter came to its end");
        }
        result.expect("the driver came to its end")
    }
}
