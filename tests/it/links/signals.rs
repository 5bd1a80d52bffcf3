use noex::{CallError, Exit, ExitReason, GenServer, process};

use super::{exits, idle, link, trap, trapping};
use crate::job;
use crate::support::trees::{End, end, quiet};
use crate::support::{Lab, LabCast, LabExt, Log, Setup, lab, secs};

#[tokio::test(start_paused = true)]
async fn an_exit_signal_during_terminate_neither_cuts_it_short_nor_changes_the_reason() {
    let log = Log::default();
    let (slow, dies) = (
        Lab::start(Setup::new(&log).terminate_takes(secs(1)))
            .await
            .unwrap(),
        idle().await,
    );
    link(&slow, &dies).await;
    let down = slow.monitor();
    slow.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::Normal) })))
        .unwrap();
    quiet().await;
    end(&dies, End::Kill).await;
    assert_eq!(down.await.reason, ExitReason::Normal);
    assert_eq!(log.lines(), ["init", "terminate normal", "drop"]);
}

#[tokio::test(start_paused = true)]
async fn a_kill_cannot_be_trapped_runs_no_terminate_and_is_seen_as_killed() {
    let log = Log::default();
    let target = Lab::start(trapping(&log)).await.unwrap();
    let (down, called) = (target.monitor(), target.clone());
    let call = tokio::spawn(async move { called.slow(secs(3600), 1).no_timeout().await });
    quiet().await;
    assert!(process::kill(target.pid()));
    assert_eq!(down.await.reason, ExitReason::Killed);
    assert_eq!(
        call.await.unwrap(),
        Err(CallError::Exited(ExitReason::Killed))
    );
    assert_eq!(log.lines(), ["init", "drop"]);
    assert!(!process::kill(target.pid()), "there is nobody");
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_a_suspended_process_and_one_that_is_in_terminate() {
    let suspended = trap().await;
    suspended.sys().suspend().await.unwrap();
    assert_eq!(end(&suspended, End::Kill).await, ExitReason::Killed);
    let log = Log::default();
    let slow = Lab::start(Setup::new(&log).terminate_takes(secs(3600)))
        .await
        .unwrap();
    let down = slow.monitor();
    assert!(slow.stop().timeout(secs(1)).await.is_err());
    slow.kill();
    assert_eq!(down.await.reason, ExitReason::Killed);
    assert_eq!(log.lines(), ["init", "drop"]);
}

#[tokio::test(start_paused = true)]
async fn killed_as_a_reason_that_comes_over_a_link_can_be_trapped() {
    let (traps, middle, dies) = (trap().await, idle().await, idle().await);
    link(&middle, &dies).await;
    link(&traps, &middle).await;
    dies.kill();
    quiet().await;
    assert_eq!(exits(&traps).await, [(middle.pid(), ExitReason::Killed)]);
}

#[tokio::test(start_paused = true)]
async fn an_exit_signal_ends_a_process_through_terminate_unless_it_is_normal_or_trapped() {
    let (target, log) = lab().await;
    assert!(process::exit(target.pid(), ExitReason::Normal));
    assert_eq!(target.echo(1).await, Ok(1));
    let reason = ExitReason::error("enough");
    let down = target.monitor();
    assert!(process::exit(target.pid(), reason.clone()));
    assert_eq!(down.await.reason, reason);
    assert_eq!(log.lines(), ["init", "terminate error: enough", "drop"]);
    assert!(
        !process::exit(target.pid(), reason.clone()),
        "there is nobody"
    );

    let (traps, sender) = (trap().await, idle().await);
    let pid = traps.pid();
    sender
        .run(job!(|_lab, _cx| {
            process::exit(pid, ExitReason::Normal);
            process::exit(pid, ExitReason::error("enough"));
            Ok(())
        }))
        .await
        .unwrap();
    let expected = [(sender.pid(), ExitReason::Normal), (sender.pid(), reason)];
    assert_eq!(exits(&traps).await, expected);
}
