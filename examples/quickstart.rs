//! A small shop: reads orders from a file of JSON lines and reports what was sold.
//!
//! ```text
//! cargo run --example quickstart [-- [ORDERS] [--stock PATH] [--json]]
//! ```
//!
//! A supervision tree holds an inventory, a ledger and a pool of intake workers, which find
//! each other by name. A line that is no order crashes the worker that has it; the
//! supervisor starts it again, and the rest goes on. What the servers do is in `shop/`; how the lines
//! come to meet in order is told in the guide on supervision trees.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use shop::{Lines, ShopError, Stock};

const USAGE: &str = "usage: quickstart [ORDERS] [--stock PATH] [--json]

  ORDERS        a file of orders, one JSON object a line, or - for standard input
                (default: the orders that come with the example)
  --stock PATH  a JSON object of product to units
                (default: the stock that comes with the example)
  --json        print the report as one JSON object";

struct Options {
    orders: PathBuf,
    stock: PathBuf,
    json: bool,
}

fn options(args: impl Iterator<Item = std::ffi::OsString>) -> Result<Options, String> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    let (mut orders, mut stock, mut json) = (None, data.join("stock.json"), false);
    let mut args = args;
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--json") => json = true,
            Some("--stock") => match args.next() {
                Some(path) => stock = path.into(),
                None => return Err("--stock needs a path".to_owned()),
            },
            Some(flag) if flag.starts_with('-') && flag != "-" => {
                return Err(format!("there is no option {flag}"));
            }
            _ if orders.is_some() => {
                return Err(format!(
                    "one file of orders at a time, not also {}",
                    arg.display()
                ));
            }
            _ => orders = Some(arg.into()),
        }
    }
    Ok(Options {
        orders: orders.unwrap_or_else(|| data.join("orders.jsonl")),
        stock,
        json,
    })
}

/// Tells a terminal, ten times a second, how far it is.
fn progress() -> impl Fn(u64) + Send + Sync + 'static {
    let terminal = std::io::stderr().is_terminal();
    let last = Mutex::new(Instant::now());
    move |read| {
        if !terminal {
            return;
        }
        if let Ok(mut last) = last.try_lock()
            && last.elapsed() > Duration::from_millis(100)
        {
            *last = Instant::now();
            eprint!("\r{read} lines read");
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args_os().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match options(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("quickstart: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            eprintln!("quickstart: {error}");
            ExitCode::from(code)
        }
    }
}

async fn run(options: Options) -> Result<(), (u8, Box<dyn std::error::Error>)> {
    let stock = Stock::read(&options.stock)
        .await
        .map_err(|e| (2, e.into()))?;
    let lines = Lines::open(&options.orders)
        .await
        .map_err(|e| (2, e.into()))?;
    let report = match shop::process(lines, stock, progress()).await {
        Ok(report) => report,
        Err(error @ (ShopError::NothingToRead(_) | ShopError::Lines(_))) => {
            return Err((2, error.into()));
        }
        Err(error) => return Err((1, error.into())),
    };
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    let text = if options.json {
        let mut json = serde_json::to_string(&report).map_err(|e| (1, e.into()))?;
        json.push('\n');
        json
    } else {
        report.to_string()
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| (1, e.into()))
}
