//! Events: a shop tells what it sold, and does not know who listens. A mailer and an analytics
//! server come and go.
//!
//! ```text
//! cargo run --example 05_events
//! ```

use noex::{Context, EventBus, Exit, GenServer, Info, ReplyTo, Topic};
use shop::Order;

/// Writes to customers, about orders that were placed.
struct Mailer {
    sent: u64,
}

/// Counts events by what they are about.
struct Analytics {
    orders: u64,
    cents: u64,
    cancelled: u64,
}

enum Seen {
    Placed { cents: u64 },
    Cancelled,
}

impl GenServer for Mailer {
    type Args = EventBus;
    type Call = ReplyTo<u64>;
    type Cast = ();
    type Info = String;

    async fn init(bus: EventBus, cx: &mut Context<Self>) -> Result<Self, Exit> {
        cx.subscribe(&bus, "orders.placed", |event| {
            let order = event.get::<Order>()?;
            Some(format!("you have ordered {} {}", order.qty, order.product))
        })?;
        Ok(Mailer { sent: 0 })
    }

    async fn handle_call(
        &mut self,
        reply: ReplyTo<u64>,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        reply.send(self.sent);
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_info(
        &mut self,
        info: Info<String>,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        if let Info::Message(letter) = info {
            println!("mailer: {letter}");
            self.sent += 1;
        }
        Ok(())
    }
}

impl GenServer for Analytics {
    type Args = EventBus;
    type Call = ReplyTo<(u64, u64, u64)>;
    type Cast = ();
    type Info = Seen;

    async fn init(bus: EventBus, cx: &mut Context<Self>) -> Result<Self, Exit> {
        cx.subscribe(&bus, "orders.*", |event| {
            let order = event.get::<Order>()?;
            Some(match event.topic() {
                "orders.placed" => Seen::Placed {
                    cents: order.qty * order.cents,
                },
                _ => Seen::Cancelled,
            })
        })?;
        Ok(Analytics {
            orders: 0,
            cents: 0,
            cancelled: 0,
        })
    }

    async fn handle_call(
        &mut self,
        reply: ReplyTo<(u64, u64, u64)>,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        reply.send((self.orders, self.cents, self.cancelled));
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_info(&mut self, info: Info<Seen>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match info {
            Info::Message(Seen::Placed { cents }) => {
                self.orders += 1;
                self.cents += cents;
            }
            Info::Message(Seen::Cancelled) => self.cancelled += 1,
            _ => {}
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = EventBus::new();
    let (placed, cancelled) = (
        Topic::<Order>::new("orders.placed"),
        Topic::<Order>::new("orders.cancelled"),
    );
    let lines = include_str!("data/orders.jsonl").lines();
    let mut orders = lines.filter_map(|line| Order::parse(line.as_bytes()).ok());
    let mut next = || orders.next().ok_or("the file has more orders");

    let analytics = Analytics::start(bus.clone()).await?;
    placed.publish(&bus, next()?);

    // The mailer hears what happens while it is there.
    let mailer = Mailer::start(bus.clone()).await?;
    for _ in 0..2 {
        placed.publish(&bus, next()?);
    }
    let to_cancel = next()?;
    bus.publish_sync(cancelled.name(), to_cancel).await?;
    assert_eq!(mailer.call(|reply| reply).await?, 2);

    // It goes, and the shop sells on.
    mailer.stop().await?;
    assert_eq!(placed.publish(&bus, next()?).reached, 1);

    let (orders, cents, cancelled) = analytics.call(|reply| reply).await?;
    println!("analytics: {orders} orders for {cents} cents, {cancelled} cancelled");
    assert_eq!((orders, cancelled), (4, 1));

    analytics.stop().await?;
    assert_eq!(bus.subscription_count(), 0);
    Ok(())
}
