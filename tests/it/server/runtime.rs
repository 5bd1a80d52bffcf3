//! Servers and the runtime they are on: its shutdown, its threads, and others.

use std::sync::mpsc;

use noex::{
    CallError, ExitReason, GenServer, ServerRef, StartError, StopError, Supervisor, registry,
};
use tokio::runtime::{Builder, Runtime};

use crate::job;
use crate::support::{
    Lab, LabCall, LabCast, LabExt, Log, Setup, block_on, lab, ms, poll_now, secs, settle, unique,
};

use super::slow;

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap(),
    ]
}

/// A server on that runtime, idle since its start or after it was driven by its task.
fn on(runtime: &Runtime, setup: Setup, name: &str, driven: bool) -> ServerRef<Lab> {
    let lab = runtime.block_on(async { Lab::start(setup).name(name).await.unwrap() });
    if driven {
        runtime.block_on(lab.slow(ms(1), 1)).unwrap();
    }
    lab
}

#[test]
fn a_runtime_that_is_shut_down_ends_its_processes_by_the_usual_path() {
    for driven in [false, true] {
        for runtime in runtimes() {
            let (log, name) = (Log::default(), unique("runtime"));
            let lab = on(&runtime, Setup::new(&log), &name, driven);
            let monitor = lab.monitor();
            let mut call = lab.call(LabCall::Hold).no_timeout();
            assert!(poll_now(&mut call).is_pending());
            drop(runtime);
            assert_eq!(log.lines(), ["init", "terminate shutdown", "drop"]);
            assert_eq!(registry::whereis(&name), None);
            assert_eq!(block_on(monitor).reason, ExitReason::Shutdown);
            assert_eq!(block_on(call), Err(CallError::Exited(ExitReason::Shutdown)));
            assert_eq!(
                block_on(lab.echo(1)),
                Err(CallError::Exited(ExitReason::NoProc))
            );
        }
    }
}

#[test]
fn a_runtime_that_is_shut_down_cuts_handlers_and_waits_of_terminate_short() {
    for driven in [false, true] {
        for runtime in runtimes() {
            let log = Log::default();
            let setup = Setup::new(&log).terminate_takes(secs(60));
            let lab = on(&runtime, setup, &unique("runtime"), driven);
            let mut call = lab.slow(secs(60), 1).no_timeout();
            runtime.block_on(async {
                assert!(poll_now(&mut call).is_pending());
                settle().await;
            });
            let monitor = lab.monitor();
            drop(runtime);
            assert_eq!(block_on(monitor).reason, ExitReason::Shutdown);
            assert_eq!(block_on(call), Err(CallError::Exited(ExitReason::Shutdown)));
            assert_eq!(log.lines(), ["init", "drop"]);
        }
    }
}

#[test]
fn a_runtime_that_is_shut_down_has_no_child_restarted() {
    for runtime in runtimes() {
        let log = Log::default();
        let child = |id: &'static str| Lab::child(Setup::new(&log).named(id)).id(id);
        let tree = Supervisor::one_for_one()
            .child(child("a"))
            .child(child("b"));
        let tree = runtime.block_on(async { tree.start().await.unwrap() });
        drop(runtime);
        assert!(!tree.is_alive());
        let mut lines = log.lines();
        lines.sort();
        let mut expected = ["a", "b"]
            .map(|id| ["drop", "init", "terminate shutdown"].map(|line| format!("{id}: {line}")));
        assert_eq!(lines, expected.as_flattened_mut());
    }
}

#[test]
fn a_start_that_is_under_way_when_its_runtime_is_shut_down_fails() {
    for runtime in runtimes() {
        let log = Log::default();
        let mut start = Lab::start(slow(&log));
        runtime.block_on(async { assert!(poll_now(&mut start).is_pending()) });
        drop(runtime);
        let failed = block_on(start);
        assert!(matches!(
            failed,
            Err(StartError::Exited(ExitReason::Shutdown))
        ));
        assert_eq!(log.lines(), ["init"]);
    }
}

#[test]
fn a_handler_that_does_not_yield_keeps_its_name_and_its_down_after_a_kill_until_it_ends() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (log, name) = (Log::default(), unique("stuck"));
    let lab = on(&runtime, Setup::new(&log), &name, false);
    let mut monitor = lab.monitor();
    let ((entered, enter), (release, released)) = (mpsc::channel(), mpsc::channel());
    lab.cast(LabCast::Run(job!(|_lab, _cx| {
        entered.send(()).unwrap();
        released.recv().unwrap();
        Ok(())
    })))
    .unwrap();
    enter.recv().unwrap();
    lab.kill();
    assert!(poll_now(&mut monitor).is_pending());
    assert!(lab.is_alive());
    assert_eq!(registry::whereis(&name), Some(lab.pid()));
    release.send(()).unwrap();
    assert_eq!(block_on(monitor).reason, ExitReason::Killed);
    assert_eq!(registry::whereis(&name), None);
    assert_eq!(log.lines(), ["init", "drop"]);
}

#[test]
fn a_plain_thread_may_stop_a_server_and_look_at_it() {
    let [_, runtime] = runtimes();
    let (lab, _) = runtime.block_on(lab());
    assert_eq!(block_on(lab.sys().read(|lab| lab.number)), Ok(0));
    let mut busy = lab.slow(secs(60), 1).no_timeout();
    assert!(poll_now(&mut busy).is_pending());
    let stop = block_on(lab.stop().timeout(ms(10)));
    assert_eq!(stop, Err(StopError::Timeout { after: ms(10) }));
    assert_eq!(block_on(lab.stop().timeout(ms(10)).or_kill()), Ok(()));
    assert_eq!(block_on(busy), Err(CallError::Exited(ExitReason::Killed)));
}
