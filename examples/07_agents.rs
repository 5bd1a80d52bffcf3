//! Agents: a value that is kept by a process, and closures that look at it and change it.
//!
//! ```text
//! cargo run --example 07_agents
//! ```

use std::collections::BTreeMap;
use std::error::Error;

use noex::{Agent, AgentClient, Name, Supervisor};

/// What was sold, by product.
type Sold = BTreeMap<String, u64>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tree = Supervisor::one_for_one()
        .child(Agent::child(Sold::new).name("sold"))
        .start()
        .await?;
    let sold = Name::<Agent<Sold>>::new("sold");

    // A hundred tills sell side by side; the agent takes one after the other.
    let tills = (0..100_u64).map(|till| {
        let sold = sold.clone();
        tokio::spawn(async move {
            let product = ["lamp", "rug", "vase"][till as usize % 3];
            sold.update(move |sold| *sold.entry(product.to_owned()).or_default() += till)
                .await
        })
    });
    for till in tills.collect::<Vec<_>>() {
        till.await??;
    }
    let total = sold.get(|sold| sold.values().sum::<u64>()).await?;
    println!("sold: {total} units of {:?}", sold.get(Sold::clone).await?);
    assert_eq!(total, (0..100).sum::<u64>());

    // What a closure returns comes back; what it does in between nobody else sees.
    let lamps = sold
        .get_and_update(|sold| sold.remove("lamp").unwrap_or(0))
        .await?;
    println!("{lamps} lamps taken off the list");

    // A panic ends the agent. Its supervisor starts a new one, which begins anew.
    let down = sold.monitor();
    sold.cast_update(|_| panic!("a till has broken the books"))?;
    if let Some(down) = down {
        println!("the agent ended: {}", down.await.reason);
    }
    sold.wait().await?;
    println!("after the restart: {:?}", sold.get(Sold::clone).await?);

    tree.stop().await?;
    Ok(())
}
