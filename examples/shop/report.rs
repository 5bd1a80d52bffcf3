use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::ledger::{Sales, Sold};

/// What came of a file of orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// For every product of the stock.
    pub products: BTreeMap<String, Sold>,
    /// Lines that were not blank.
    pub read: u64,
    /// Orders booked.
    pub booked: u64,
    /// Orders refused for lack of stock.
    pub refused: u64,
    /// Workers that crashed, each with its line.
    pub crashed: u64,
    /// Workers that were started again.
    pub restarts: u64,
}

impl Report {
    pub(crate) fn new(sales: Sales, read: u64, restarts: u64) -> Self {
        Report {
            products: sales.products,
            read,
            booked: sales.booked,
            refused: sales.refused,
            crashed: sales.crashed,
            restarts,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.products.keys().map(|name| name.chars().count());
        let width = names.max().unwrap_or(0).max("product".len());
        writeln!(
            f,
            "{:width$}  {:>10}  {:>20}",
            "product", "units", "revenue (cents)"
        )?;
        for (product, sold) in &self.products {
            writeln!(
                f,
                "{product:width$}  {:>10}  {:>20}",
                sold.units, sold.cents
            )?;
        }
        writeln!(f)?;
        for (what, count) in [
            ("orders read", self.read),
            ("orders booked", self.booked),
            ("orders refused for lack of stock", self.refused),
            ("workers crashed", self.crashed),
            ("workers restarted", self.restarts),
        ] {
            writeln!(f, "{what:32}  {count:>10}")?;
        }
        Ok(())
    }
}
