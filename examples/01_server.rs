//! A server: state that one process owns, and messages that change it.
//!
//! ```text
//! cargo run --example 01_server
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use noex::{CallError, Context, Exit, GenServer, Info, ReplyTo};

/// The units of each product, and who waits for a delivery.
struct Inventory {
    units: BTreeMap<String, u64>,
    waiting: Vec<(String, ReplyTo<u64>)>,
}

enum Call {
    Units(String, ReplyTo<u64>),
    /// A `Result` in a reply is the caller's: it ends nobody.
    Take(String, u64, ReplyTo<Result<u64, OutOfStock>>),
    /// Answered when there is some of the product again.
    WaitFor(String, ReplyTo<u64>),
}

enum Cast {
    Deliver(String, u64),
}

#[derive(Clone)]
struct StockTaking;

#[derive(Debug, PartialEq)]
struct OutOfStock {
    left: u64,
}

impl GenServer for Inventory {
    type Args = BTreeMap<String, u64>;
    type Call = Call;
    type Cast = Cast;
    type Info = StockTaking;

    async fn init(units: Self::Args, cx: &mut Context<Self>) -> Result<Self, Exit> {
        cx.send_interval(Duration::from_millis(20), StockTaking);
        Ok(Inventory {
            units,
            waiting: Vec::new(),
        })
    }

    async fn handle_call(&mut self, call: Call, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match call {
            Call::Units(product, reply) => {
                reply.send(self.units.get(&product).copied().unwrap_or(0));
            }
            Call::Take(product, wanted, reply) => {
                let left = self.units.entry(product).or_default();
                reply.send(if *left >= wanted {
                    *left -= wanted;
                    Ok(*left)
                } else {
                    Err(OutOfStock { left: *left })
                });
            }
            // The port is kept: the answer comes from another handler.
            Call::WaitFor(product, reply) => self.waiting.push((product, reply)),
        }
        Ok(())
    }

    async fn handle_cast(&mut self, cast: Cast, _cx: &mut Context<Self>) -> Result<(), Exit> {
        let Cast::Deliver(product, units) = cast;
        let total = self.units.entry(product.clone()).or_default();
        *total += units;
        for (_, reply) in self
            .waiting
            .extract_if(.., |(wanted, _)| *wanted == product)
        {
            reply.send(*total);
        }
        Ok(())
    }

    async fn handle_info(
        &mut self,
        info: Info<StockTaking>,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        if let Info::Message(StockTaking) = info {
            println!("stock taking: {:?}", self.units);
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stock = BTreeMap::from([("lamp".to_owned(), 3)]);
    let inventory = Inventory::start(stock).await?; // returns after init

    // A call waits for its reply, 5 s unless told otherwise.
    let left = inventory
        .call(|reply| Call::Take("lamp".into(), 2, reply))
        .await?;
    println!("took two lamps, left: {left:?}");
    let refused = inventory
        .call(|reply| Call::Take("lamp".into(), 2, reply))
        .await?;
    println!("two more: {refused:?}");

    // A call can be answered later; until then the server does other things.
    let waiting = tokio::spawn({
        let inventory = inventory.clone();
        async move {
            inventory
                .call(|reply| Call::WaitFor("desk".into(), reply))
                .await
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;

    // A cast does not wait.
    inventory.cast(Cast::Deliver("desk".into(), 5))?;
    println!("desks have come: {:?}", waiting.await?);

    // A call that takes too long is an error, never a hang.
    let too_long = inventory
        .call(|reply| Call::WaitFor("unicorn".into(), reply))
        .timeout(Duration::from_millis(50))
        .await;
    println!("waiting for a unicorn: {too_long:?}");

    inventory.stop().await?;
    let after = inventory
        .call(|reply| Call::Units("lamp".into(), reply))
        .await;
    assert!(matches!(after, Err(CallError::Exited(_))));
    println!("stopped");
    Ok(())
}
