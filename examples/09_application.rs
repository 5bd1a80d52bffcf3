//! A whole program: it starts its tree, runs until it is asked to stop, and says by its exit code how it ended.
//!
//! ```text
//! cargo run --example 09_application            # asks itself to stop after a moment
//! cargo run --example 09_application -- --stay  # until Ctrl-C or SIGTERM
//! ```

use std::process::ExitCode;
use std::time::Duration;

use noex::{Application, Context, Exit, ExitReason, GenServer, Supervisor};

/// What the program is told from outside.
struct Config {
    tills: u32,
}

struct Till {
    number: u32,
}

impl GenServer for Till {
    type Args = u32;
    type Call = ();
    type Cast = ();
    type Info = ();

    async fn init(number: u32, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        println!("till {number} opens");
        Ok(Till { number })
    }

    async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        println!("till {} closes", self.number);
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let shop = Application::new(Config { tills: 2 })
        .tree(|config| {
            let tills = (1..=config.tills).map(|n| Till::child(n).id(format!("till {n}")));
            Supervisor::one_for_one().children(tills)
        })
        // Stands for a web server: `axum::serve(..).with_graceful_shutdown(stop)`.
        .serve(|stop| async move {
            println!("the door is open");
            stop.await;
            println!("the door is shut");
            Ok::<(), std::io::Error>(())
        })
        .prep_stop(|config| async move { println!("{} tills are to close", config.tills) })
        .grace(Duration::from_secs(10));

    if !std::env::args().any(|arg| arg == "--stay") {
        let stopper = shop.stopper();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stopper.stop();
        });
    }
    let ended = shop.run().await;
    println!("{ended}, with code {}", ended.code());
    ExitCode::from(ended)
}
