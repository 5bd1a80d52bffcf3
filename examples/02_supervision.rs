//! A supervision tree: what crashes is started again, what hangs on it too, and all
//! of it stops in order.
//!
//! ```text
//! cargo run --example 02_supervision
//! ```

use std::time::Duration;

use noex::{Context, Exit, ExitReason, GenServer, Name, ReplyTo, Restart, Shutdown, Supervisor};

/// A till that jams on a price of zero.
struct Till {
    number: u32,
    total: u64,
}

enum Call {
    Total(ReplyTo<u64>),
}

impl GenServer for Till {
    type Args = u32;
    type Call = Call;
    type Cast = u64;
    type Info = ();

    async fn init(number: u32, cx: &mut Context<Self>) -> Result<Self, Exit> {
        println!("till {number} opens as {}", cx.pid());
        Ok(Till { number, total: 0 })
    }

    async fn handle_call(&mut self, call: Call, _cx: &mut Context<Self>) -> Result<(), Exit> {
        let Call::Total(reply) = call;
        reply.send(self.total);
        Ok(())
    }

    async fn handle_cast(&mut self, cents: u64, _cx: &mut Context<Self>) -> Result<(), Exit> {
        if cents == 0 {
            return Err(Exit::error("the till jams: nothing costs nothing"));
        }
        self.total += cents;
        Ok(())
    }

    async fn terminate(&mut self, reason: &ExitReason, _cx: &mut Context<Self>) {
        println!(
            "till {} closes ({reason}) with {} cents",
            self.number, self.total
        );
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shop = Supervisor::one_for_one()
        .intensity(3, Duration::from_secs(5))
        .child(Till::child(1).name("till-1"))
        .child(
            Till::child(2)
                .name("till-2")
                .restart(Restart::Transient)
                .shutdown(Shutdown::After(Duration::from_secs(1))),
        )
        .child(
            // A tree in the tree: if till 3 crashes, till 4 is started again as well.
            Supervisor::rest_for_one()
                .child(Till::child(3).name("till-3"))
                .child(Till::child(4).name("till-4"))
                .as_child("upstairs"),
        )
        .start()
        .await?;

    let till = Name::<Till>::new("till-1");
    till.cast(4999)?;
    println!("till 1 has {} cents", till.call(Call::Total).await?);

    let monitor = till.lookup()?.monitor();
    till.cast(0)?;
    let down = monitor.await;
    println!("{} is down: {}", down.pid, down.reason);

    // The name leads to the one that was started in its place, from its arguments.
    till.wait().await?;
    println!("till 1 has {} cents", till.call(Call::Total).await?);

    for child in shop.which_children().await? {
        println!("{}: {:?}", child.id, child.state);
    }
    shop.stop().await?; // the last started first
    Ok(())
}
