use std::collections::BTreeMap;

use noex::{Context, Exit, GenServer, Name, ReplyTo};

use crate::ledger::{Ledger, LedgerCast};
use crate::order::Order;
use crate::stock::Stock;

/// Decides which orders can be had from stock, in the order of their lines.
///
/// Lines are parsed side by side and come in as they are done. A line is dealt with
/// when all before it have been, so which orders are refused depends on the
/// file and on nothing else. A line that nobody could parse is skipped, by number.
#[derive(Debug)]
pub struct Inventory {
    left: BTreeMap<String, u64>,
    ledger: Name<Ledger>,
    /// The line that is to be dealt with next.
    next: u64,
    /// Lines that came before their turn.
    early: BTreeMap<u64, Option<Order>>,
    waiting: Vec<(u64, ReplyTo<()>)>,
}

/// What an inventory can be asked.
#[derive(Debug)]
pub enum InventoryCall {
    /// Answered when all lines below this number have been dealt with.
    Reached(u64, ReplyTo<()>),
}

/// What an inventory is told of a line.
#[derive(Debug)]
pub enum InventoryCast {
    /// It is this order.
    Order(u64, Order),
    /// It is lost: the worker that had it has crashed.
    Lost(u64),
}

impl Inventory {
    async fn come(&mut self, line: u64, order: Option<Order>) -> Result<(), Exit> {
        if line < self.next || self.early.contains_key(&line) {
            return Ok(()); // told twice: the first counts
        }
        self.early.insert(line, order);
        while let Some(order) = self.early.remove(&self.next) {
            self.next += 1;
            let entry = match order {
                None => LedgerCast::Lose,
                Some(order) if self.take(&order) => LedgerCast::Book {
                    product: order.product,
                    units: order.qty,
                    cents: order.cents,
                },
                Some(_) => LedgerCast::Refuse,
            };
            self.ledger.cast_wait(entry).await?;
        }
        let next = self.next;
        for (_, reply) in self.waiting.extract_if(.., |(number, _)| *number <= next) {
            reply.send(());
        }
        Ok(())
    }

    /// The whole order or nothing.
    fn take(&mut self, order: &Order) -> bool {
        match self.left.get_mut(&order.product) {
            Some(left) if *left >= order.qty => {
                *left -= order.qty;
                true
            }
            _ => false,
        }
    }
}

impl GenServer for Inventory {
    type Args = Stock;
    type Call = InventoryCall;
    type Cast = InventoryCast;
    type Info = ();

    async fn init(stock: Stock, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Inventory {
            left: stock.0,
            ledger: Name::new("ledger"),
            next: 0,
            early: BTreeMap::new(),
            waiting: Vec::new(),
        })
    }

    async fn handle_call(
        &mut self,
        InventoryCall::Reached(number, reply): InventoryCall,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        if self.next >= number {
            reply.send(());
        } else {
            self.waiting.push((number, reply));
        }
        Ok(())
    }

    async fn handle_cast(
        &mut self,
        cast: InventoryCast,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        match cast {
            InventoryCast::Order(line, order) => self.come(line, Some(order)).await,
            InventoryCast::Lost(line) => self.come(line, None).await,
        }
    }
}
