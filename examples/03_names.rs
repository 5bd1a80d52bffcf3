//! Names: servers are found by what they are called, and registries find whatever
//! else by whatever key.
//!
//! ```text
//! cargo run --example 03_names
//! ```

use noex::{
    CallError, Context, Exit, GenServer, LookupError, Name, Registry, ReplyTo, ServerRef,
    StartError, registry,
};

/// The orders of one customer.
struct Cart {
    customer: u32,
    items: Vec<String>,
}

enum Call {
    Items(ReplyTo<Vec<String>>),
}

impl GenServer for Cart {
    type Args = u32;
    type Call = Call;
    type Cast = String;
    type Info = ();

    async fn init(customer: u32, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        println!("a cart for customer {customer}");
        Ok(Cart {
            customer,
            items: Vec::new(),
        })
    }

    async fn handle_call(&mut self, call: Call, _cx: &mut Context<Self>) -> Result<(), Exit> {
        let Call::Items(reply) = call;
        reply.send(self.items.clone());
        Ok(())
    }

    async fn handle_cast(&mut self, item: String, _cx: &mut Context<Self>) -> Result<(), Exit> {
        println!("customer {} takes a {item}", self.customer);
        self.items.push(item);
        Ok(())
    }
}

struct Clerk;

impl GenServer for Clerk {
    type Args = ();
    type Call = ();
    type Cast = ();
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Clerk)
    }
    async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A name can be used before anybody has it.
    let house = Name::<Cart>::new("house-cart");
    let nobody = house.call(Call::Items).await;
    assert!(matches!(nobody, Err(CallError::NotRegistered { .. })));

    let cart = Cart::start(0).name("house-cart").await?;
    house.cast("vase".into())?;
    println!("the house has {:?}", house.call(Call::Items).await?);

    // A name has one holder: the second start tells who that is, and no init runs.
    let second = Cart::start(0).name("house-cart").await;
    assert!(matches!(second, Err(StartError::AlreadyStarted(pid)) if pid == cart.pid()));

    // Asking for the wrong type is an error of its own.
    let wrong = registry::lookup::<Clerk>("house-cart");
    assert!(matches!(wrong, Err(LookupError::WrongType { .. })));

    // A registry of one's own: any key, a value beside it.
    let carts: Registry<u32> = Registry::unique();
    let of = |customer| carts.lookup_or_start::<Cart>(customer, move || customer);
    let (a, b) = tokio::join!(of(7), of(7)); // started once
    let (a, b): (ServerRef<Cart>, ServerRef<Cart>) = (a?, b?);
    assert_eq!(a, b);
    Name::<Cart>::via(&carts, 7).cast("lamp".into())?;
    println!("customer 7 has {:?}", a.call(Call::Items).await?);

    // Many under one key: who listens to what.
    let topics: Registry<&str, &str> = Registry::duplicate();
    topics.register(&a, "sale", "wants lamps")?;
    topics.register(&cart, "sale", "wants anything")?;
    topics.dispatch("sale", |listeners| {
        for listener in listeners {
            println!("{} {}", listener.pid, listener.value);
        }
    });

    // Whoever dies has let go of its names before anybody hears of it.
    cart.stop().await?;
    a.stop().await?;
    assert_eq!(registry::whereis("house-cart"), None);
    assert_eq!((carts.count(), topics.count()), (0, 0));
    println!("all names are free");
    Ok(())
}
