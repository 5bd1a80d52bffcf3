use std::collections::BTreeMap;

use noex::{Context, Exit, GenServer, ReplyTo};
use serde::Serialize;
use thiserror::Error;

use crate::stock::Stock;

/// Keeps the books: what was sold of each product, and how many lines came to what.
#[derive(Debug)]
pub struct Ledger {
    /// The first total that did not fit stays the answer.
    sales: Result<Sales, Overflow>,
}

/// What is in the books.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sales {
    /// For every product of the stock.
    pub products: BTreeMap<String, Sold>,
    /// Orders booked.
    pub booked: u64,
    /// Orders refused for lack of stock.
    pub refused: u64,
    /// Lines lost to a crash.
    pub crashed: u64,
}

/// What was sold of one product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sold {
    /// Units.
    pub units: u64,
    /// Revenue in cents.
    pub cents: u64,
}

/// A total that does not fit 64 bits: no total rather than a wrong one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the total of {product:?} does not fit 64 bits")]
pub struct Overflow {
    /// Of which product.
    pub product: String,
}

/// What a ledger can be asked.
#[derive(Debug)]
pub enum LedgerCall {
    /// The books as they are.
    Sales(ReplyTo<Result<Sales, Overflow>>),
}

/// What a ledger is told.
#[derive(Debug)]
pub enum LedgerCast {
    /// An order was sold.
    Book {
        /// What.
        product: String,
        /// How many.
        units: u64,
        /// The price of one.
        cents: u64,
    },
    /// An order was refused.
    Refuse,
    /// A line was lost.
    Lose,
}

impl Sales {
    fn book(&mut self, product: &str, units: u64, cents: u64) -> Option<()> {
        let sold = self.products.entry(product.to_owned()).or_default();
        sold.cents = sold.cents.checked_add(cents.checked_mul(units)?)?;
        sold.units = sold.units.checked_add(units)?;
        self.booked += 1;
        Some(())
    }
}

impl GenServer for Ledger {
    type Args = Stock;
    type Call = LedgerCall;
    type Cast = LedgerCast;
    type Info = ();

    async fn init(stock: Stock, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        let products = stock.0.into_keys();
        Ok(Ledger {
            sales: Ok(Sales {
                products: products.map(|name| (name, Sold::default())).collect(),
                ..Sales::default()
            }),
        })
    }

    async fn handle_call(
        &mut self,
        LedgerCall::Sales(reply): LedgerCall,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        reply.send(self.sales.clone());
        Ok(())
    }

    async fn handle_cast(&mut self, cast: LedgerCast, _cx: &mut Context<Self>) -> Result<(), Exit> {
        let Ok(sales) = &mut self.sales else {
            return Ok(());
        };
        match cast {
            LedgerCast::Book {
                product,
                units,
                cents,
            } => {
                if sales.book(&product, units, cents).is_none() {
                    self.sales = Err(Overflow { product });
                }
            }
            LedgerCast::Refuse => sales.refused += 1,
            LedgerCast::Lose => sales.crashed += 1,
        }
        Ok(())
    }
}
