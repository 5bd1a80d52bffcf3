//! The command `noex`.

mod gateway;
mod http;
mod metrics;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs what noex has that is a program of its own.
#[derive(Debug, Parser)]
#[command(name = "noex", version, about)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Runs a gateway: a hub on a Unix socket for services in any language.
    Gateway(gateway::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let Command { what } = Command::parse();
    let done = match what {
        What::Gateway(arguments) => gateway::run(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("noex: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
