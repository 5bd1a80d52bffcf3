use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use noex::{CallError, GenServer, Name, Supervisor};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::intake::{Intake, IntakeCall, Job};
use crate::inventory::{Inventory, InventoryCall, InventoryCast};
use crate::ledger::{Ledger, LedgerCall, Overflow};
use crate::lines::{Line, Lines, LinesError};
use crate::report::Report;
use crate::stock::Stock;

const WORKERS: usize = 4;

/// Why there is no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShopError {
    /// There was not a single order.
    #[error("{0} has no line that is not blank")]
    NothingToRead(String),
    /// The input broke off.
    #[error(transparent)]
    Lines(#[from] LinesError),
    /// A total does not fit.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// A service failed that is not meant to.
    #[error("a service of the shop failed: {0}")]
    Service(#[source] Box<dyn Error + Send + Sync>),
}

fn service(error: impl Error + Send + Sync + 'static) -> ShopError {
    ShopError::Service(Box::new(error))
}

/// Starts the shop, has it process all lines, stops it, and reports. `progress` is told
/// now and then how many lines were read.
pub async fn process(
    mut lines: Lines,
    stock: Stock,
    progress: impl Fn(u64) + Send + Sync + 'static,
) -> Result<Report, ShopError> {
    let Some(first) = lines.next().await? else {
        return Err(ShopError::NothingToRead(lines.name().to_owned()));
    };
    let products: Arc<BTreeSet<String>> = Arc::new(stock.0.keys().cloned().collect());
    let workers = (0..WORKERS).map(|n| Intake::child(products.clone()).name(worker(n)));
    let tree = Supervisor::rest_for_one()
        .child(Ledger::child(stock.clone()).name("ledger"))
        .child(Inventory::child(stock).name("inventory"))
        .child(
            Supervisor::one_for_one()
                .unlimited_restarts() // a line that cannot be read is nothing unusual
                .children(workers)
                .as_child("intake")
                .name("intake"),
        )
        .start()
        .await
        .map_err(service)?;

    let lines = Arc::new(Mutex::new((Some(first), lines)));
    let progress = Arc::new(progress);
    let mut feeders = JoinSet::new();
    for n in 0..WORKERS {
        feeders.spawn(feed(worker(n), lines.clone(), progress.clone()));
    }
    let mut outcome = Ok(());
    while let Some(fed) = feeders.join_next().await {
        outcome = outcome.and(fed.unwrap_or_else(|error| Err(service(error))));
    }
    let read = lines.lock().await.1.read();
    let report = match outcome {
        Ok(()) => books(read).await,
        Err(error) => Err(error),
    };
    tree.stop().await.map_err(service)?;
    report
}

fn worker(n: usize) -> String {
    format!("intake-{n}")
}

type Shared = Arc<Mutex<(Option<Line>, Lines)>>;

/// Gives one worker line after line. It knows which one the worker has: when the
/// worker crashes, that line is lost and no other, and the next waits for the next worker.
async fn feed(
    worker: String,
    lines: Shared,
    progress: Arc<impl Fn(u64) + Send + Sync>,
) -> Result<(), ShopError> {
    let worker = Name::<Intake>::new(worker);
    let inventory = Name::<Inventory>::new("inventory");
    loop {
        let line = {
            let mut lines = lines.lock().await;
            match lines.0.take() {
                Some(first) => Some(first),
                None => lines.1.next().await?,
            }
        };
        let Some(line) = line else {
            return Ok(());
        };
        let number = line.number;
        progress(number + 1);
        let done = worker
            .call(|reply| IntakeCall::Process(Job(line), reply))
            .no_timeout()
            .await;
        match done {
            Ok(()) => {}
            Err(CallError::Exited(_)) => {
                let lost = InventoryCast::Lost(number);
                inventory.cast_wait(lost).await.map_err(service)?;
                worker.wait().await.map_err(service)?;
            }
            Err(error) => return Err(service(error)),
        }
    }
}

/// The report, when every line has been dealt with.
async fn books(read: u64) -> Result<Report, ShopError> {
    Name::<Inventory>::new("inventory")
        .call(|reply| InventoryCall::Reached(read, reply))
        .no_timeout()
        .await
        .map_err(service)?;
    let sales = Name::<Ledger>::new("ledger")
        .call(LedgerCall::Sales)
        .await
        .map_err(service)??;
    let intake = Name::<Supervisor>::new("intake")
        .lookup()
        .map_err(service)?;
    let restarts = intake.count_children().await.map_err(service)?.restarts;
    Ok(Report::new(sales, read, restarts))
}
