use noex::{Down, Exit, ExitReason, GenServer, MonitorRef, Pid, ServerRef, process};
use tokio::sync::oneshot;

use super::{idle, link, trapping};
use crate::job;
use crate::support::trees::{End, end, quiet, soon};
use crate::support::{Lab, LabCall, LabCast, LabExt, Log, Setup, secs, unique};

async fn downs(lab: &ServerRef<Lab>) -> Vec<Down> {
    lab.call(LabCall::Downs).await.unwrap()
}

async fn monitor(lab: &ServerRef<Lab>, other: impl Into<Pid>) -> MonitorRef {
    let other = other.into();
    let (tell, told) = oneshot::channel();
    lab.run(job!(|_lab, cx| {
        let _ = tell.send(cx.monitor(other));
        Ok(())
    }))
    .await
    .unwrap();
    told.await.unwrap()
}

async fn demonitor(lab: &ServerRef<Lab>, monitor: MonitorRef, flush: bool) {
    lab.run(job!(|_lab, cx| {
        if flush {
            cx.demonitor_flush(monitor);
        } else {
            cx.demonitor(monitor);
        }
        Ok(())
    }))
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_monitor_tells_one_down_with_the_reason_and_the_name() {
    let name = unique("monitored");
    let (watcher, target) = (
        idle().await,
        Lab::start(Setup::default())
            .name(name.as_str())
            .await
            .unwrap(),
    );
    let mut monitors = Vec::new();
    for _ in 0..3 {
        monitors.push(monitor(&watcher, &target).await);
    }
    assert_eq!(target.status().monitors, 3);
    let reason = end(&target, End::Panic).await;
    assert!(matches!(&reason, ExitReason::Panic(panic) if panic.message() == "told to"));
    let mut downs = downs(&watcher).await;
    downs.sort_by_key(|down| down.monitor);
    assert_eq!(
        downs.iter().map(|down| down.monitor).collect::<Vec<_>>(),
        monitors
    );
    for down in downs {
        assert_eq!((down.pid, down.reason), (target.pid(), reason.clone()));
        assert_eq!(down.name.as_deref(), Some(name.as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn monitoring_the_dead_gives_one_down_that_says_there_is_no_such_process() {
    let (watcher, dead) = (idle().await, idle().await);
    dead.stop().await.unwrap();
    let known = monitor(&watcher, &dead).await;
    quiet().await;
    let downs = downs(&watcher).await;
    assert_eq!(downs.len(), 1);
    assert_eq!((downs[0].monitor, downs[0].pid), (known, dead.pid()));
    assert_eq!(downs[0].reason, ExitReason::NoProc);
    assert_eq!(dead.monitor().await.reason, ExitReason::NoProc);
    assert_eq!(
        process::monitor(dead.pid()).await.reason,
        ExitReason::NoProc
    );
}

#[tokio::test(start_paused = true)]
async fn a_monitor_taken_back_before_the_death_tells_nothing() {
    for flush in [false, true] {
        let (watcher, target) = (idle().await, idle().await);
        let known = monitor(&watcher, &target).await;
        let kept = monitor(&watcher, &target).await;
        demonitor(&watcher, known, flush).await;
        assert_eq!(target.status().monitors, 1);
        end(&target, End::Kill).await;
        let downs = downs(&watcher).await;
        assert_eq!(
            downs.iter().map(|down| down.monitor).collect::<Vec<_>>(),
            [kept]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_monitor_taken_back_with_a_flush_after_the_death_tells_nothing() {
    let (watcher, target) = (idle().await, idle().await);
    let victim = target.clone();
    watcher
        .run(job!(|_lab, cx| {
            let monitor = cx.monitor(&victim);
            let kept = victim.monitor();
            victim.kill();
            kept.await; // its DOWN is in our mailbox by now
            cx.demonitor_flush(monitor);
            cx.demonitor_flush(monitor); // again: fine
            cx.demonitor(monitor);
            Ok(())
        }))
        .await
        .unwrap();
    quiet().await;
    assert_eq!(downs(&watcher).await, []);
}

#[tokio::test(start_paused = true)]
async fn taking_a_monitor_back_again_or_after_its_down_is_harmless() {
    let (watcher, target) = (idle().await, idle().await);
    let known = monitor(&watcher, &target).await;
    end(&target, End::Kill).await;
    assert_eq!(downs(&watcher).await.len(), 1);
    for flush in [true, false, true] {
        demonitor(&watcher, known, flush).await;
    }
    let other = idle().await;
    monitor(&watcher, &other).await;
    end(&other, End::Kill).await;
    assert_eq!(downs(&watcher).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_death_of_a_watcher_takes_its_monitors_back() {
    let (watcher, target) = (idle().await, idle().await);
    monitor(&watcher, &target).await;
    end(&watcher, End::Kill).await;
    assert_eq!(target.status().monitors, 0);
}

#[tokio::test(start_paused = true)]
async fn a_monitor_held_by_a_task_is_taken_back_when_it_is_dropped_and_survives_a_select() {
    let target = idle().await;
    drop(target.monitor());
    assert_eq!(target.status().monitors, 0);
    let mut down = target.monitor();
    assert!(tokio::time::timeout(secs(1), &mut down).await.is_err());
    target.kill();
    assert_eq!((&mut down).await.reason, ExitReason::Killed);
}

#[tokio::test(start_paused = true)]
async fn what_a_process_sent_before_it_died_arrives_before_its_down_and_its_exit() {
    let log = Log::default();
    let watcher = Lab::start(trapping(&log)).await.unwrap();
    let target = idle().await;
    monitor(&watcher, &target).await;
    link(&watcher, &target).await;
    let to = watcher.clone();
    let sends = job!(|_lab, _cx| {
        for n in 0..3 {
            to.cast(LabCast::Note(n)).unwrap();
        }
        to.info(3).unwrap();
        Err(Exit::Normal)
    });
    target.cast(LabCast::Run(sends)).unwrap();
    quiet().await;
    let lines = log.lines();
    assert_eq!(lines[..5], ["init", "note 0", "note 1", "note 2", "info 3"]);
    let mut last = lines[5..].to_vec();
    last.sort_unstable();
    let pid = target.pid();
    assert_eq!(
        last,
        [format!("down {pid} normal"), format!("exit {pid} normal")]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_against_monitor_against_demonitor_gives_each_monitor_one_down_at_most() {
    soon(async {
        let watcher = idle().await;
        let mut kept = Vec::new();
        for round in 0..500 {
            let target = idle().await;
            let killer = {
                let target = target.clone();
                tokio::spawn(async move { target.kill() })
            };
            let (tell, told) = oneshot::channel();
            let pid = target.pid();
            let job = job!(|_lab, cx| {
                let all: Vec<_> = (0..4).map(|_| cx.monitor(pid)).collect();
                cx.demonitor_flush(all[round % 4]);
                let _ = tell.send((all, round % 4));
                Ok(())
            });
            watcher.run(job).await.unwrap();
            let (mut all, flushed) = told.await.unwrap();
            all.remove(flushed);
            kept.extend(all);
            killer.await.unwrap();
            target.monitor().await;
        }
        let mut told: Vec<_> = loop {
            let told = downs(&watcher).await;
            if told.len() >= kept.len() {
                break told.into_iter().map(|down| down.monitor).collect();
            }
            tokio::task::yield_now().await;
        };
        told.sort_unstable();
        assert_eq!(told, kept);
    })
    .await;
}
