//! A small shop, which the examples are about: orders come in as lines of JSON,
//! an inventory says what can be sold, a ledger says what was.

mod intake;
mod inventory;
mod ledger;
mod lines;
mod order;
mod report;
mod service;
mod stock;

pub use intake::{Intake, IntakeCall, Job};
pub use inventory::{Inventory, InventoryCall, InventoryCast};
pub use ledger::{Ledger, LedgerCall, LedgerCast, Overflow, Sales, Sold};
pub use lines::{Line, Lines, LinesError};
pub use order::{MAX_LINE, Order, OrderError};
pub use report::Report;
pub use service::{ShopError, process};
pub use stock::{Stock, StockError};
