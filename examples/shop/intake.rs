use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use noex::{Context, Exit, GenServer, Name, ReplyTo};

use crate::inventory::{Inventory, InventoryCast};
use crate::lines::Line;
use crate::order::{Order, OrderError};

/// A worker: reads one line after the other and passes the order on to the inventory.
///
/// A line that it cannot read crashes it. It has one line at a time, so nothing else is
/// lost; its supervisor starts the next worker.
#[derive(Debug)]
pub struct Intake {
    products: Arc<BTreeSet<String>>,
    inventory: Name<Inventory>,
}

/// What is to be done with a line.
#[derive(Debug)]
pub struct Job(pub Line);

/// What a worker can be asked.
#[derive(Debug)]
pub enum IntakeCall {
    /// Answered when the line's order is with the inventory.
    Process(Job, ReplyTo<()>),
}

impl GenServer for Intake {
    /// The products that the shop knows.
    type Args = Arc<BTreeSet<String>>;
    type Call = IntakeCall;
    type Cast = Infallible;
    type Info = ();

    async fn init(products: Self::Args, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Intake {
            products,
            inventory: Name::new("inventory"),
        })
    }

    async fn handle_call(
        &mut self,
        IntakeCall::Process(Job(line), reply): IntakeCall,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        // Each `?` here crashes the worker.
        let order = Order::parse(&line.bytes)?;
        if !self.products.contains(&order.product) {
            return Err(OrderError::UnknownProduct(order.product).into());
        }
        let order = InventoryCast::Order(line.number, order);
        self.inventory.cast_wait(order).await?;
        reply.send(());
        Ok(())
    }

    async fn handle_cast(&mut self, cast: Infallible, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match cast {}
    }
}
