use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use noex::Supervisor;
use noex::gateway::{Balance, Gateway, GatewayOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::http;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The Unix socket to listen on.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Answers /health, /services and /metrics over HTTP here, such as 127.0.0.1:9100.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// How often clients have to be heard of, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    heartbeat: u64,
    /// How long a call without a deadline is waited for, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
    /// Which of several instances of a service a call goes to.
    #[arg(long, value_enum, default_value_t = Spread::RoundRobin)]
    balance: Spread,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Spread {
    RoundRobin,
    LeastPending,
}

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // Before anything starts, so that a signal that comes early counts.
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let gateway = Gateway::new(
        GatewayOptions::new(&arguments.socket)
            .heartbeat(Duration::from_secs(arguments.heartbeat))
            .timeout(Duration::from_secs(arguments.timeout))
            .balance(match arguments.balance {
                Spread::RoundRobin => Balance::RoundRobin,
                Spread::LeastPending => Balance::LeastPending,
            }),
    );
    let listener = match arguments.http {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let tree = Supervisor::one_for_one()
        .child(gateway.child())
        .start()
        .await?;
    println!("gateway on {}", arguments.socket.display());

    let mut serving = tokio::task::JoinSet::new();
    if let Some(listener) = listener {
        println!("http on {}", listener.local_addr()?);
        serving.spawn(http::serve(listener, gateway));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        down = tree.monitor() => return Err(format!("the gateway gave up: {}", down.reason).into()),
    }
    println!("stopping");
    tree.stop().await?;
    Ok(())
}
