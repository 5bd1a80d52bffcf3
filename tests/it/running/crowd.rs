//! Many at once: nothing is lost, nothing is handled twice, no stack overflows.

use noex::{Context, Exit, GenServer, ReplyTo, ServerRef};

use super::BOTH;
use crate::support::soon;

/// Adds up what it is sent. Every seventh call waits for a moment in its handler.
struct Sum(u64);

struct Add(u64, ReplyTo<u64>);

impl GenServer for Sum {
    type Args = ();
    type Call = Add;
    type Cast = u64;
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Sum(0))
    }

    async fn handle_call(
        &mut self,
        Add(n, reply): Add,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        self.0 += n;
        if self.0.is_multiple_of(7) {
            tokio::task::yield_now().await;
        }
        reply.send(self.0);
        Ok(())
    }

    async fn handle_cast(&mut self, n: u64, _cx: &mut Context<Self>) -> Result<(), Exit> {
        self.0 += n;
        Ok(())
    }
}

/// In a debug build there are fewer, for the sake of time.
const ROUNDS: u64 = if cfg!(debug_assertions) {
    4_000
} else {
    80_000
};
const TASKS: u64 = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_and_casts_of_many_tasks_are_each_handled_once() {
    for callers_run in BOTH {
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(Sum::start(()).callers_run(callers_run).await.unwrap());
        }
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let servers = servers.clone();
                tokio::spawn(async move {
                    let mut last = [0; 3];
                    for round in 0..ROUNDS {
                        let at = ((task + round) % 3) as usize;
                        if (task + round).is_multiple_of(4) {
                            servers[at].cast_wait(1).await.unwrap();
                        } else {
                            let sum = servers[at].call(|reply| Add(1, reply)).no_timeout().await;
                            let sum = sum.unwrap();
                            assert!(sum > last[at], "each sees its own added");
                            last[at] = sum;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            soon(task).await.unwrap();
        }
        let mut total = 0;
        for server in &servers {
            total += server.call(|reply| Add(0, reply)).await.unwrap();
        }
        assert_eq!(total, TASKS * ROUNDS);
    }
}

/// Asks the next before it answers.
struct Link(Option<ServerRef<Link>>);

struct Length(ReplyTo<u32>);

impl GenServer for Link {
    type Args = Option<ServerRef<Link>>;
    type Call = Length;
    type Cast = ();
    type Info = ();

    async fn init(next: Self::Args, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Link(next))
    }

    async fn handle_call(
        &mut self,
        Length(reply): Length,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        let rest = match &self.0 {
            Some(next) => next.call(Length).no_timeout().await?,
            None => 0,
        };
        reply.send(rest + 1);
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_servers_that_each_call_the_next_overflow_no_stack() {
    for callers_run in BOTH {
        let mut first = Link::start(None).await.unwrap();
        for _ in 1..10_000 {
            let link = Link::start(Some(first)).callers_run(callers_run);
            first = link.await.unwrap();
        }
        for _ in 0..2 {
            let length = soon(first.call(Length).no_timeout()).await;
            assert_eq!(length, Ok(10_000));
        }
    }
}
