mod monitors;
mod parents;
mod rings;
mod signals;

use futures::future::pending;
use noex::{ExitReason, ExitSignal, GenServer, Pid, ServerRef};

use crate::job;
use crate::support::trees::{ENDS, End, end, quiet, soon};
use crate::support::{Lab, LabCall, LabCast, LabExt, Log, Setup, lab};

/// What was trapped, as it is told.
async fn exits(lab: &ServerRef<Lab>) -> Vec<(Pid, ExitReason)> {
    let exits: Vec<ExitSignal> = lab.call(LabCall::Exits).await.unwrap();
    exits
        .into_iter()
        .map(|exit| (exit.from, exit.reason))
        .collect()
}

async fn link(lab: &ServerRef<Lab>, other: impl Into<Pid>) {
    let other = other.into();
    lab.run(job!(|_lab, cx| {
        cx.link(other);
        Ok(())
    }))
    .await
    .unwrap();
}

async fn unlink(lab: &ServerRef<Lab>, other: impl Into<Pid>) {
    let other = other.into();
    lab.run(job!(|_lab, cx| {
        cx.unlink(other);
        Ok(())
    }))
    .await
    .unwrap();
}

async fn idle() -> ServerRef<Lab> {
    Lab::start(Setup::default()).await.unwrap()
}

fn trapping(log: &Log) -> Setup {
    Setup::new(log).init(|cx| {
        cx.trap_exit();
        Box::pin(async { Ok(()) })
    })
}

async fn trap() -> ServerRef<Lab> {
    Lab::start(trapping(&Log::default())).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_linked_panic_takes_the_peer_along_with_the_same_reason_and_through_terminate() {
    let (peer, log) = lab().await;
    let dies = idle().await;
    link(&dies, &peer).await;
    let down = peer.monitor();
    let reason = end(&dies, End::Panic).await;
    assert!(matches!(reason, ExitReason::Panic(_)));
    assert_eq!(down.await.reason, reason);
    assert_eq!(
        log.lines(),
        [
            "init".to_owned(),
            format!("terminate {reason}"),
            "drop".to_owned()
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_linked_normal_end_does_not_hurt_the_peer_and_a_shutdown_does() {
    let (peer, normal, shutdown) = (idle().await, idle().await, idle().await);
    link(&peer, &normal).await;
    link(&peer, &shutdown).await;
    end(&normal, End::Normal).await;
    assert!(peer.is_alive());
    let down = peer.monitor();
    end(&shutdown, End::Shutdown).await;
    assert_eq!(down.await.reason, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_trapping_peer_gets_every_end_as_an_exit_and_lives() {
    let peer = trap().await;
    let mut expected = Vec::new();
    for how in ENDS {
        let dies = idle().await;
        link(&dies, &peer).await;
        let reason = end(&dies, how).await;
        expected.push((dies.pid(), reason));
    }
    assert_eq!(exits(&peer).await, expected);
    assert_eq!(expected[0].1, ExitReason::Normal);
    assert_eq!(expected[3].1, ExitReason::Killed);
    assert_eq!(peer.status().links, []);
}

#[tokio::test(start_paused = true)]
async fn a_double_link_is_one_link_and_after_unlink_there_is_none() {
    let (peer, dies) = (trap().await, idle().await);
    link(&peer, &dies).await;
    link(&dies, &peer).await;
    link(&peer, &dies).await;
    assert_eq!(
        (peer.status().links, dies.status().links),
        (vec![dies.pid()], vec![peer.pid()])
    );
    unlink(&dies, &peer).await;
    assert_eq!((peer.status().links, dies.status().links), (vec![], vec![]));
    unlink(&peer, &dies).await;
    end(&dies, End::Kill).await;
    assert_eq!(exits(&peer).await, []);
    let dies = idle().await;
    link(&peer, &dies).await;
    link(&peer, &dies).await;
    end(&dies, End::Kill).await;
    assert_eq!(exits(&peer).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn linking_to_oneself_does_nothing() {
    let peer = idle().await;
    link(&peer, &peer).await;
    assert_eq!(peer.status().links, []);
    assert_eq!(end(&peer, End::Normal).await, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_link_to_a_dead_process_is_told_like_its_death() {
    let (traps, (peer, log), dead) = (trap().await, lab().await, idle().await);
    dead.stop().await.unwrap();
    link(&traps, &dead).await;
    quiet().await;
    assert_eq!(exits(&traps).await, [(dead.pid(), ExitReason::NoProc)]);
    let (down, pid) = (peer.monitor(), dead.pid());
    let _ = peer.cast(LabCast::Run(job!(|_lab, cx| {
        cx.link(pid);
        Ok(())
    })));
    assert_eq!(down.await.reason, ExitReason::NoProc);
    assert_eq!(log.lines()[1], "terminate no such process");
}

#[tokio::test(start_paused = true)]
async fn a_death_goes_along_a_chain_of_links_with_its_reason_and_stops_at_one_that_traps() {
    let mut chain = vec![idle().await];
    for _ in 0..3 {
        let next = idle().await;
        link(&next, chain.last().unwrap()).await;
        chain.push(next);
    }
    let (traps, beyond) = (trap().await, idle().await);
    link(&traps, chain.last().unwrap()).await;
    link(&beyond, &traps).await;
    let last = chain.last().unwrap().monitor();
    let reason = end(&chain[0], End::Panic).await;
    assert_eq!(last.await.reason, reason);
    assert!(chain.iter().all(|lab| !lab.is_alive()));
    assert_eq!(exits(&traps).await, [(chain[3].pid(), reason)]);
    assert!(beyond.is_alive());
}

#[tokio::test(start_paused = true)]
async fn an_untrapped_exit_overtakes_messages_and_cuts_a_handler_short_at_its_await() {
    let (peer, log) = lab().await;
    let dies = idle().await;
    link(&dies, &peer).await;
    peer.cast(LabCast::Run(job!(|_lab, _cx| { pending().await })))
        .unwrap();
    for n in 0..100 {
        peer.cast(LabCast::Note(n)).unwrap();
    }
    quiet().await;
    let reason = end(&dies, End::Kill).await;
    assert_eq!(reason, ExitReason::Killed);
    assert_eq!(log.lines(), ["init", "terminate killed", "drop"]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_does_not_trap_any_more_is_taken_along() {
    let (peer, dies) = (trap().await, idle().await);
    peer.run(job!(|_lab, cx| {
        cx.untrap_exit();
        Ok(())
    }))
    .await
    .unwrap();
    link(&peer, &dies).await;
    end(&dies, End::Kill).await;
    assert!(!peer.is_alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linking_in_opposite_directions_at_once_is_one_link_and_never_hangs() {
    soon(async {
        for _ in 0..300 {
            let (a, b) = (idle().await, idle().await);
            let (a2, b2) = (a.clone(), b.clone());
            let one = tokio::spawn(async move { link(&a2, &b2).await });
            link(&b, &a).await;
            one.await.unwrap();
            assert_eq!(
                (a.status().links, b.status().links),
                (vec![b.pid()], vec![a.pid()])
            );
            let down = b.monitor();
            a.kill();
            assert_eq!(down.await.reason, ExitReason::Killed);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_meets_a_death_is_told_once() {
    soon(async {
        let peer = trap().await;
        for round in 1..=500 {
            let dies = idle().await;
            let victim = dies.clone();
            let killer = tokio::spawn(async move { victim.kill() });
            link(&peer, &dies).await;
            killer.await.unwrap();
            dies.monitor().await;
            while exits(&peer).await.len() < round {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(exits(&peer).await.len(), 500);
        assert_eq!(peer.status().links, []);
    })
    .await;
}
