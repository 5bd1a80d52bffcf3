//! What a caller is told when the handler that has its port does not answer.

use noex::{CallError, CallersRun, Context, Exit, ExitReason, GenServer, Info, ReplyTo};

use crate::support::{LabExt, lab, settle, soon};

/// Fails with its caller's port in hand, keeps ports until its end, or goes on for ever.
struct Debtor {
    held: Vec<ReplyTo<u32>>,
    rounds: u64,
}

enum Ask {
    /// The port goes out of scope with the handler that fails, as at a `?`.
    Fail(ReplyTo<u32>),
    /// The same, an await later.
    FailLater(ReplyTo<u32>),
    Hold(ReplyTo<u32>),
}

impl GenServer for Debtor {
    type Args = ();
    type Call = Ask;
    type Cast = ();
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Debtor {
            held: Vec::new(),
            rounds: 0,
        })
    }

    async fn handle_call(&mut self, ask: Ask, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match ask {
            Ask::Fail(_port) => Err(Exit::error("insolvent")),
            Ask::FailLater(_port) => {
                tokio::task::yield_now().await;
                Err(Exit::error("insolvent"))
            }
            Ask::Hold(port) => {
                self.held.push(port);
                Ok(())
            }
        }
    }

    /// From here on it has always something left to do.
    async fn handle_cast(&mut self, _: (), cx: &mut Context<Self>) -> Result<(), Exit> {
        cx.continue_with(());
        Ok(())
    }

    async fn handle_continue(&mut self, _: (), cx: &mut Context<Self>) -> Result<(), Exit> {
        self.rounds += 1;
        cx.continue_with(());
        Ok(())
    }

    async fn handle_info(&mut self, _: Info<()>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        Err(Exit::Normal)
    }

    async fn terminate(&mut self, _reason: &ExitReason, _cx: &mut Context<Self>) {
        for port in self.held.drain(..) {
            port.send(9);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_whose_handler_fails_with_the_port_in_hand_is_told_why_on_any_thread() {
    for round in 0..4000 {
        let callers_run = match round % 2 {
            0 => CallersRun::Never,
            _ => CallersRun::WhenShort,
        };
        let debtor = Debtor::start(()).callers_run(callers_run).await.unwrap();
        let ask = if round % 4 < 2 {
            Ask::Fail
        } else {
            Ask::FailLater
        };
        let asked = tokio::spawn(async move { debtor.call(ask).await });
        let told = asked.await.unwrap();
        let insolvent = matches!(&told, Err(CallError::Exited(ExitReason::Error(_))));
        assert!(insolvent, "round {round}: {told:?}");
    }
}

#[tokio::test]
async fn terminate_may_still_answer_who_waits() {
    let debtor = Debtor::start(()).await.unwrap();
    let waiting = [debtor.clone(), debtor.clone()]
        .map(|debtor| tokio::spawn(async move { debtor.call(Ask::Hold).await }));
    settle().await;
    debtor.info(()).unwrap();
    for caller in waiting {
        assert_eq!(soon(caller).await.unwrap(), Ok(9));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_always_continues_can_be_looked_at_and_killed_and_holds_up_nobody() {
    let debtor = Debtor::start(()).await.unwrap();
    debtor.cast(()).unwrap();
    settle().await;
    let rounds = soon(debtor.sys().read(|debtor| debtor.rounds));
    assert!(rounds.await.unwrap() > 0);
    let (other, _log) = lab().await;
    assert_eq!(soon(other.echo(1)).await, Ok(1));
    let down = debtor.monitor();
    debtor.kill();
    assert_eq!(soon(down).await.reason, ExitReason::Killed);
}
