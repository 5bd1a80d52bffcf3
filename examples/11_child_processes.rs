//! A pool of worker processes: this very program, started again as its own workers.
//!
//! `cargo run --example 11_child_processes --features child`

use std::error::Error;

use noex::child::{PoolOptions, ProcessOptions, WorkerPool, worker};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        return Ok(invoice_worker().await?);
    }
    let me = ProcessOptions::rust(std::env::current_exe()?).arg("worker");
    let pool = WorkerPool::start(PoolOptions::new(me).size(2)).await?;

    let orders = [vec![20, 5], vec![7], vec![1, 2, 3]];
    let totals: (u32, u32, u32) = tokio::try_join!(
        pool.execute(&orders[0]),
        pool.execute(&orders[1]),
        pool.execute(&orders[2]),
    )?;
    println!("totals: {totals:?}");

    let (sender, mut progress) = mpsc::channel(8);
    let total: u32 = pool.execute_with_progress(&orders[0], sender).await?;
    while let Some(message) = progress.recv().await {
        println!("progress: {} %", message.raw());
    }
    println!("total: {total}");

    // This one kills its worker. It is told so, and the pool goes on with another.
    let died = pool.execute::<u32>(&[0u32; 0]).await;
    println!("an empty order: {}", died.expect_err("nobody answers"));
    println!("after that: {}", pool.execute::<u32>(&[9]).await?);

    pool.drain().await?;
    Ok(())
}

/// What a worker process does.
async fn invoice_worker() -> std::io::Result<()> {
    worker()
        .on("execute", |prices: Vec<u32>, parent| async move {
            if prices.is_empty() {
                std::process::exit(3);
            }
            parent
                .send("progress", &50)
                .await
                .map_err(|error| error.to_string())?;
            Ok(prices.iter().sum::<u32>())
        })
        .run()
        .await
}
