use noex::{CallError, ExitReason, GenServer};

use crate::job;
use crate::support::{Lab, LabCall, LabCast, LabExt, Log, Setup, lab, ms};

#[tokio::test]
async fn a_server_answers_calls_and_stops() {
    let (lab, log) = lab().await;
    assert_eq!(lab.echo(7).await, Ok(7));
    lab.cast(LabCast::Note(1)).unwrap();
    lab.stop().await.unwrap();
    assert_eq!(
        log.lines(),
        ["init", "note 1", "terminate shutdown", "drop"]
    );
    assert_eq!(
        lab.echo(7).await,
        Err(CallError::Exited(ExitReason::NoProc))
    );
}

#[tokio::test(start_paused = true)]
async fn calling_in_a_circle_fails() {
    let (a, _) = lab().await;
    let (b, _) = lab().await;
    let (a2, b2) = (a.clone(), b.clone());
    a.run(job!(|_lab, _cx| {
        let a3 = a2.clone();
        b2.run(job!(|_lab, cx| {
            let e = a3.echo(1).no_timeout().await;
            assert_eq!(e, Err(CallError::Deadlock(vec![a3.pid(), cx.pid()])));
            Ok(())
        }))
        .await?;
        Ok(())
    }))
    .await
    .unwrap();
    let me = a.clone();
    a.run(job!(|_lab, _cx| {
        assert_eq!(me.echo(1).no_timeout().await, Err(CallError::CallingSelf));
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(a.slow(ms(10), 3).await, Ok(3));
    let e = a.call(LabCall::Panic).await;
    assert!(matches!(e, Err(CallError::Exited(ExitReason::Panic(_)))));
    let log = Log::default();
    let name = crate::support::unique("smoke");
    Lab::start(Setup::new(&log))
        .name(name.as_str())
        .await
        .unwrap();
    assert!(
        Lab::start(Setup::new(&log))
            .name(name.as_str())
            .await
            .is_err()
    );
}
