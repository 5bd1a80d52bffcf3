use std::time::Duration;

use futures::future::join_all;

use super::error::CallError;
use super::reply_to::ReplyTo;
use crate::process::Pid;
use crate::server::behaviour::GenServer;
use crate::server::server_ref::ServerRef;

/// What came of asking many servers at once.
#[derive(Debug)]
#[non_exhaustive]
pub struct MultiCall<T> {
    /// Who answered, and what, in the order of asking.
    pub replies: Vec<(Pid, T)>,
    /// Who did not, and why, in the order of asking.
    pub failed: Vec<(Pid, CallError)>,
}

/// Makes the same call to many servers at once, with one deadline for all.
///
/// It takes as long as the slowest answer, at most `timeout`. Late replies are dropped.
///
/// The OTP name is `multi_call`.
///
/// # Cancel safety
///
/// As for a single [`Call`](super::Call), each of them.
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer, ReplyTo};
/// # struct Echo;
/// # impl GenServer for Echo {
/// #     type Args = (); type Call = ReplyTo<u32>; type Cast = (); type Info = ();
/// #     async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Echo) }
/// #     async fn handle_call(&mut self, reply: Self::Call, _cx: &mut Context<Self>) -> Result<(), Exit> { reply.send(1); Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// let (a, b) = (Echo::start(()).await?, Echo::start(()).await?);
/// b.stop().await?;
/// let asked = noex::multi_call(&[a, b], |reply| reply, Duration::from_millis(100)).await;
/// assert_eq!((asked.replies.len(), asked.failed.len()), (1, 1));
/// # Ok(())
/// # }
/// ```
pub async fn multi_call<S: GenServer, T: Send + 'static>(
    servers: &[ServerRef<S>],
    make: impl Fn(ReplyTo<T>) -> S::Call,
    timeout: Duration,
) -> MultiCall<T> {
    let calls = servers
        .iter()
        .map(|server| server.call(&make).timeout(timeout));
    let outcomes = join_all(calls).await;
    let mut all = MultiCall {
        replies: Vec::new(),
        failed: Vec::new(),
    };
    for (server, outcome) in servers.iter().zip(outcomes) {
        match outcome {
            Ok(reply) => all.replies.push((server.pid(), reply)),
            Err(error) => all.failed.push((server.pid(), error)),
        }
    }
    all
}
