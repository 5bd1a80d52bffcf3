//! What is logged of the end of a server.

use noex::{Context, Exit, GenServer, ReplyTo, Supervisor};

use crate::job;
use crate::support::{Lab, LabCast, LabExt, Log, Logged, Setup, capture, lab, ms, unique};

use super::{declining, ends, failing, panicking, slow};

#[tokio::test]
async fn an_orderly_end_logs_nothing() {
    let logs = capture();
    for (end, reason) in ends() {
        if reason.is_orderly() {
            let (lab, _) = lab().await;
            let monitor = lab.monitor();
            lab.cast(end).unwrap();
            monitor.await;
        }
    }
    let (lab, log) = lab().await;
    lab.stop().await.unwrap();
    assert!(Lab::start(declining(&log)).await.is_err());
    let child = Lab::child(Setup::new(&log));
    let tree = Supervisor::one_for_one()
        .child(child)
        .start()
        .await
        .unwrap();
    tree.stop().await.unwrap();
    let logged = logs.take();
    assert!(logged.is_empty(), "{logged:?}");
}

fn check_the_error(logged: &[Logged], name: &str, last_message: &str, reason: &str) {
    let [error] = logged else {
        panic!("one, not {logged:?}");
    };
    assert_eq!(error.level, tracing::Level::ERROR);
    assert_eq!(error.field("name"), name);
    assert_eq!(error.field("last_message"), last_message);
    assert!(error.field("reason").contains(reason), "{error:?}");
    assert!(error.field("pid").starts_with("<0."));
    assert_eq!(error.field("state"), "");
}

#[tokio::test]
async fn an_abnormal_end_logs_one_error_with_pid_name_reason_and_last_message() {
    let logs = capture();
    let crash: fn() -> LabCast = || LabCast::Run(job!(|_lab, _cx| { Err(Exit::error("no disk")) }));
    for (end, last_message, reason) in [
        (None, "call", "killed"),
        (Some(crash()), "cast", "no disk"),
        (
            Some(LabCast::Run(job!(|_lab, _cx| { panic!("oh") }))),
            "cast",
            "oh",
        ),
    ] {
        let name = unique("logged");
        let lab = Lab::start(Setup::default())
            .name(name.as_str())
            .await
            .unwrap();
        let monitor = lab.monitor();
        lab.echo(1).await.unwrap();
        match end {
            Some(end) => lab.cast(end).unwrap(),
            None => lab.kill(),
        }
        monitor.await;
        let logged = logs.take();
        check_the_error(&logged, &name, last_message, reason);
        assert_eq!(logged[0].field("pid"), lab.pid().to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_logs_one_error() {
    let (logs, log) = (capture(), Log::default());
    for (setup, reason) in [
        (failing(&log), "no disk"),
        (panicking(&log), "no luck"),
        (slow(&log), "killed"),
    ] {
        let name = unique("logged");
        let start = Lab::start(setup).name(name.as_str()).timeout(ms(100));
        assert!(start.await.is_err());
        check_the_error(&logs.take(), &name, "init", reason);
    }
}

struct Vault {
    secret: &'static str,
}

impl GenServer for Vault {
    type Args = ();
    type Call = ();
    type Cast = ();
    type Info = ();

    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Vault { secret: "1234" })
    }

    async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Err(Exit::error("robbed"))
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    fn format_status(&self) -> Option<String> {
        Some("*".repeat(self.secret.len()))
    }
}

#[tokio::test]
async fn the_state_is_logged_only_as_format_status_shows_it() {
    let logs = capture();
    let vault = Vault::start(()).await.unwrap();
    assert_eq!(
        vault.sys().describe().await.unwrap().as_deref(),
        Some("****")
    );
    // The port is dropped before the call is sent: the answer does not wait for the end.
    let down = vault.monitor();
    assert!(vault.call(|_: ReplyTo<()>| ()).await.is_err());
    down.await;
    let logged = logs.take();
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].field("state"), "****");
    assert!(!format!("{logged:?}").contains("1234"));
}
