//! Sessions that come and go, prices that are spread over partitions, and a pool with a queue in front.
//!
//! ```text
//! cargo run --example 06_dynamic_supervisors_and_pools
//! ```

use std::time::Duration;

use noex::{
    CallError, ChildError, Context, DynamicSupervisor, Exit, GenServer, PartitionSupervisor, Pool,
    ReplyTo, Restart, Supervisor,
};

/// A customer's session. It is made of the shop's name, which all share, and the customer's.
struct Session {
    greeting: String,
}

impl GenServer for Session {
    type Args = (String, String);
    type Call = ReplyTo<String>;
    type Cast = ();
    type Info = ();

    async fn init(
        (shop, customer): (String, String),
        _cx: &mut Context<Self>,
    ) -> Result<Self, Exit> {
        let greeting = format!("welcome to {shop}, {customer}");
        Ok(Session { greeting })
    }

    async fn handle_call(&mut self, reply: Self::Call, _: &mut Context<Self>) -> Result<(), Exit> {
        reply.send(self.greeting.clone());
        Ok(())
    }

    async fn handle_cast(&mut self, _leaves: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Err(Exit::Normal)
    }
}

/// Answers with its number, after some work.
struct Clerk {
    number: usize,
}

impl GenServer for Clerk {
    type Args = usize;
    type Call = ReplyTo<usize>;
    type Cast = ();
    type Info = ();

    async fn init(number: usize, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Clerk { number })
    }

    async fn handle_call(&mut self, reply: Self::Call, _: &mut Context<Self>) -> Result<(), Exit> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        reply.send(self.number);
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

async fn sessions() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = DynamicSupervisor::builder()
        .max_children(2)
        .extra_arguments(String::from("the shop"))
        .start()
        .await?;
    let enter = async |customer: &'static str| {
        let made = move |shop: &String| {
            Session::child((shop.clone(), customer.into())).restart(Restart::Temporary)
        };
        sessions.start_child_with(made).await
    };
    let ada = enter("ada").await?;
    println!("{}", ada.call(|reply| reply).await?);
    enter("grace").await?;
    match enter("alan").await {
        Err(ChildError::MaxChildren { max }) => println!("alan waits outside: {max} are in"),
        other => println!("alan: {other:?}"),
    }
    let left = ada.monitor();
    ada.cast(())?;
    left.await;
    // Their supervisor learns of it from its link, by a message.
    while sessions.count_children().await?.active == 2 {
        tokio::task::yield_now().await;
    }
    println!("{}", enter("alan").await?.call(|reply| reply).await?);
    sessions.stop().await?;
    Ok(())
}

async fn clerks() -> Result<(), Box<dyn std::error::Error>> {
    let by_customer = PartitionSupervisor::new(3, Clerk::child);
    let pool = Pool::new(2, Clerk::child).queue(1, 2);
    let tree = Supervisor::one_for_one()
        .child(by_customer.as_child("by customer"))
        .child(pool.as_child("pool"))
        .start()
        .await?;

    for customer in [3, -1, 4] {
        let clerk = by_customer.target(customer).call(|reply| reply).await?;
        println!("customer {customer} is served by clerk {clerk}");
    }
    println!("now {} clerks", by_customer.resize(5).await?);

    // Two are served, two wait, and the fifth is told at once that it is too much.
    let calls = (0..5).map(|_| pool.call(|reply| reply));
    let answers = futures_in_order(calls).await;
    let refused = answers
        .iter()
        .filter(|answer| **answer == Err(CallError::Overloaded));
    println!("{} were refused", refused.count());
    tree.stop().await?;
    Ok(())
}

/// Side by side, with the answers in the order of the calls.
async fn futures_in_order<F>(futures: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let tasks: Vec<_> = futures.map(tokio::spawn).collect();
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.extend(task.await);
    }
    outputs
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    sessions().await?;
    clerks().await
}
