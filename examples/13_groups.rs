//! Tills join a group, hear a price together, and are gone from it when they close.
//!
//! ```text
//! cargo run --example 13_groups
//! ```

use noex::{Context, Exit, GenServer, GroupEvent, Groups, ReplyTo};

const TILLS: &str = "tills";

/// A till that shows the price of the day.
struct Till {
    price: u64,
}

impl GenServer for Till {
    type Args = Groups;
    type Call = ReplyTo<u64>;
    type Cast = u64;
    type Info = ();

    async fn init(groups: Groups, cx: &mut Context<Self>) -> Result<Self, Exit> {
        groups.join(TILLS, &*cx)?;
        Ok(Till { price: 0 })
    }

    async fn handle_call(&mut self, reply: Self::Call, _: &mut Context<Self>) -> Result<(), Exit> {
        reply.send(self.price);
        Ok(())
    }

    async fn handle_cast(&mut self, price: u64, _cx: &mut Context<Self>) -> Result<(), Exit> {
        self.price = price;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let groups = Groups::new();
    let first = Till::start(groups.clone()).await?;

    let mut monitor = groups.monitor(TILLS);
    println!("there: {:?}", monitor.snapshot());
    let second = Till::start(groups.clone()).await?;

    for till in groups.servers::<Till>(TILLS) {
        till.cast(499)?;
    }
    println!(
        "prices: {} {}",
        first.call(|r| r).await?,
        second.call(|r| r).await?
    );

    first.stop().await?;
    while let Some(event) = monitor.try_next() {
        match event {
            GroupEvent::Joined(pid) => println!("{pid} has joined"),
            GroupEvent::Left(pid) => println!("{pid} has left"),
            other => println!("{other:?}"),
        }
    }
    assert_eq!(groups.members(TILLS), [second.pid()]);
    second.stop().await?;
    assert!(groups.which_groups().is_empty());
    Ok(())
}
