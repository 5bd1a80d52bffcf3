//! Order, the two lanes, capacity and what happens beyond it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use noex::{
    CallError, CallersRun, Exit, ExitReason, GenServer, Mailbox, Overflow, Phase, Recipient,
    SendFailure, ServerRef, Start, process,
};
use tokio::time::{Instant, sleep};

use crate::job;
use crate::support::{
    Lab, LabCall, LabCast, LabExt, Log, Setup, lab, ms, poll_now, secs, settle, soon, unique,
};

/// Suspended, so that what is sent stays in the mailbox.
async fn suspended(mailbox: Mailbox) -> (ServerRef<Lab>, Log) {
    let log = Log::default();
    let lab = started(Lab::start(Setup::new(&log)).mailbox(mailbox)).await;
    log.take();
    (lab, log)
}

async fn started(start: Start<Lab>) -> ServerRef<Lab> {
    let lab = start.await.unwrap();
    lab.sys().suspend().await.unwrap();
    lab
}

/// Has it handle what it has, and tells what that was.
async fn drained(lab: &ServerRef<Lab>, log: &Log) -> Vec<String> {
    lab.sys().resume().await.unwrap();
    settle().await;
    log.take()
}

fn notes(range: impl IntoIterator<Item = u32>) -> Vec<String> {
    range.into_iter().map(|n| format!("note {n}")).collect()
}

fn full(mailbox: usize, overflow: Overflow) -> Mailbox {
    Mailbox::bounded(mailbox).on_full(overflow)
}

// Order

async fn casts_and_calls_arrive_in_order(callers_run: CallersRun, call_each: u32) {
    let log = Log::default();
    let start = Lab::start(Setup::new(&log)).callers_run(callers_run);
    let lab = start.await.unwrap();
    log.take();
    for n in 0..10_000 {
        if n % call_each == 0 {
            let log = log.clone();
            let note = job!(|_lab, _cx| {
                log.write(format!("note {n}"));
                Ok(())
            });
            lab.run(note).await.unwrap();
        } else {
            lab.cast(LabCast::Note(n)).unwrap();
        }
    }
    lab.stop().await.unwrap();
    let lines = log.lines();
    assert_eq!(lines[..10_000], notes(0..10_000));
    assert_eq!(lines[10_000..], ["terminate shutdown", "drop"]);
}

#[tokio::test]
async fn ten_thousand_casts_and_calls_of_one_sender_arrive_in_order() {
    for call_each in [2, 97] {
        casts_and_calls_arrive_in_order(CallersRun::WhenShort, call_each).await;
        casts_and_calls_arrive_in_order(CallersRun::Never, call_each).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_casts_and_calls_of_one_sender_arrive_in_order_on_several_threads() {
    for call_each in [2, 97] {
        casts_and_calls_arrive_in_order(CallersRun::WhenShort, call_each).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_each_of_many_senders_sends_arrives_in_its_order_and_completely() {
    for capacity in [1, 2, 64] {
        let log = Log::default();
        let start = Lab::start(Setup::new(&log)).mailbox(Mailbox::bounded(capacity));
        let lab = start.await.unwrap();
        let senders = (0..4).map(|sender| {
            let lab = lab.clone();
            tokio::spawn(async move {
                for n in 0..1000 {
                    lab.cast_wait(LabCast::Note(sender * 1000 + n))
                        .await
                        .unwrap();
                }
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
        lab.stop().await.unwrap();
        let lines = log.lines();
        assert_eq!(lines.len(), 4003);
        for sender in 0..4 {
            let own = notes(sender * 1000..(sender + 1) * 1000);
            let its = lines.iter().filter(|line| own.contains(line));
            assert!(its.eq(&own), "{sender}");
        }
    }
}

#[tokio::test]
async fn a_stop_takes_its_place_among_what_its_sender_sent() {
    let (lab, log) = suspended(Mailbox::default()).await;
    lab.cast(LabCast::Note(1)).unwrap();
    lab.info(2).unwrap();
    let mut stop = lab.stop();
    assert!(poll_now(&mut stop).is_pending());
    lab.cast(LabCast::Note(3)).unwrap();
    let lines = drained(&lab, &log).await;
    assert_eq!(lines, ["note 1", "info 2", "terminate shutdown", "drop"]);
    assert_eq!(stop.await, Ok(()));
}

#[tokio::test]
async fn what_a_process_sent_before_it_died_arrives_before_its_down_and_its_exit() {
    let (watcher, log) = lab().await;
    let (dying, _) = lab().await;
    let pid = dying.pid();
    watcher
        .run(job!(|_watcher, cx| {
            cx.trap_exit();
            cx.link(pid);
            cx.monitor(pid);
            Ok(())
        }))
        .await
        .unwrap();
    log.take();
    let to = watcher.clone();
    dying
        .cast(LabCast::Run(job!(|_dying, _cx| {
            for n in 0..200 {
                to.cast(LabCast::Note(n)).unwrap();
            }
            Err(Exit::Normal)
        })))
        .unwrap();
    settle().await;
    watcher.echo(0).await.unwrap();
    let mut lines = log.lines();
    let mut ends = lines.split_off(200);
    ends.sort();
    assert_eq!(lines, notes(0..200));
    assert_eq!(
        ends,
        [format!("down {pid} normal"), format!("exit {pid} normal")]
    );
}

// The system lane

#[tokio::test]
async fn a_kill_overtakes_what_is_queued() {
    for (lab, log) in [lab().await, suspended(Mailbox::default()).await] {
        log.take();
        for n in 0..5 {
            lab.cast(LabCast::Note(n)).unwrap();
        }
        let monitor = lab.monitor();
        lab.kill();
        assert_eq!(soon(monitor).await.reason, ExitReason::Killed);
        assert_eq!(log.lines(), ["drop"]);
        assert_eq!(lab.status().undelivered, 5);
    }
}

#[tokio::test]
async fn an_exit_signal_overtakes_what_is_queued_and_runs_terminate() {
    let (lab, log) = lab().await;
    log.take();
    lab.cast(LabCast::Note(1)).unwrap();
    let monitor = lab.monitor();
    process::exit(lab.pid(), ExitReason::error("sent"));
    assert_eq!(monitor.await.reason, ExitReason::error("sent"));
    assert_eq!(log.lines(), ["terminate error: sent", "drop"]);
}

#[tokio::test]
async fn a_suspend_and_a_look_at_the_state_overtake_what_is_queued() {
    let (lab, log) = lab().await;
    log.take();
    for n in 0..3 {
        lab.cast(LabCast::Note(n)).unwrap();
    }
    let seen = log.clone();
    let before = lab.sys().read(move |_| seen.lines()).await.unwrap();
    assert_eq!(before, <[&str; 0]>::default());
    lab.cast(LabCast::Note(3)).unwrap();
    lab.sys().suspend().await.unwrap();
    let seen = log.take();
    assert_eq!([seen, drained(&lab, &log).await].concat(), notes(0..4));
}

// A full mailbox

#[tokio::test]
async fn a_full_mailbox_that_rejects_hands_the_message_back() {
    let (lab, log) = suspended(Mailbox::bounded(2)).await;
    for n in 1..=2 {
        lab.cast(LabCast::Note(n)).unwrap();
    }
    let refused = lab.cast(LabCast::Note(3)).unwrap_err();
    assert_eq!(refused.failure(), &SendFailure::Full);
    assert!(matches!(refused.into_message(), LabCast::Note(3)));
    let refused = lab.info(4).unwrap_err();
    assert_eq!(refused.failure(), &SendFailure::Full);
    assert_eq!(refused.into_message(), 4);
    assert_eq!(lab.status().dropped, 0);
    assert_eq!(drained(&lab, &log).await, notes(1..=2));
    lab.cast(LabCast::Note(5)).unwrap();
    settle().await;
    assert_eq!(log.lines(), notes([5]));
}

#[tokio::test(start_paused = true)]
async fn the_message_that_is_being_handled_takes_no_room() {
    let log = Log::default();
    let start = Lab::start(Setup::new(&log)).mailbox(Mailbox::bounded(1));
    let lab = start.await.unwrap();
    log.take();
    let mut busy = lab.slow(secs(1), 1);
    assert!(poll_now(&mut busy).is_pending());
    settle().await;
    lab.cast(LabCast::Note(1)).unwrap();
    assert!(lab.cast(LabCast::Note(2)).is_err());
    assert_eq!(busy.await, Ok(1));
    settle().await;
    assert_eq!(log.lines(), notes([1]));
}

#[tokio::test]
async fn a_mailbox_that_drops_the_oldest_keeps_the_newest_and_counts() {
    let (lab, log) = suspended(full(2, Overflow::DropOldest)).await;
    for n in 1..=5 {
        lab.cast(LabCast::Note(n)).unwrap();
    }
    assert_eq!((lab.status().mailbox, lab.status().dropped), (2, 3));
    assert_eq!(drained(&lab, &log).await, notes(4..=5));
}

#[tokio::test]
async fn a_mailbox_that_drops_the_newest_keeps_the_oldest_and_counts() {
    let (lab, log) = suspended(full(2, Overflow::DropNewest)).await;
    for n in 1..=5 {
        lab.cast(LabCast::Note(n)).unwrap();
    }
    assert_eq!((lab.status().mailbox, lab.status().dropped), (2, 3));
    assert_eq!(drained(&lab, &log).await, notes(1..=2));
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_drops_the_oldest_does_so_while_its_server_is_busy() {
    let log = Log::default();
    let start = Lab::start(Setup::new(&log)).mailbox(full(64, Overflow::DropOldest));
    let lab = start.await.unwrap();
    log.take();
    for n in 0..10 {
        lab.cast(LabCast::Note(n)).unwrap();
    }
    let mut busy = lab.slow(secs(1), 1);
    assert!(poll_now(&mut busy).is_pending());
    settle().await;
    assert_eq!(log.take(), notes(0..10));
    for n in 0..100_000 {
        lab.cast(LabCast::Note(n)).unwrap();
    }
    assert_eq!((lab.status().mailbox, lab.status().dropped), (64, 99_936));
    assert_eq!(busy.await, Ok(1));
    settle().await;
    assert_eq!(log.lines(), notes(99_936..100_000));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_policy_drops_fails_as_overloaded() {
    let (lab, log) = suspended(full(1, Overflow::DropNewest)).await;
    lab.cast(LabCast::Note(1)).unwrap();
    assert_eq!(
        soon(lab.echo(1).no_timeout()).await,
        Err(CallError::Overloaded)
    );
    assert_eq!(drained(&lab, &log).await, notes([1]));

    let (lab, log) = suspended(full(1, Overflow::DropOldest)).await;
    let mut oldest = lab.echo(2).no_timeout();
    assert!(poll_now(&mut oldest).is_pending());
    lab.cast(LabCast::Note(2)).unwrap();
    assert_eq!(soon(oldest).await, Err(CallError::Overloaded));
    // A call is a message: it displaces as well.
    let mut newest = lab.echo(3).no_timeout();
    assert!(poll_now(&mut newest).is_pending());
    assert_eq!(drained(&lab, &log).await, <[&str; 0]>::default());
    assert_eq!(newest.await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_room_within_its_deadline() {
    let (lab, log) = suspended(Mailbox::bounded(1)).await;
    lab.cast(LabCast::Note(1)).unwrap();
    let begun = Instant::now();
    let written = log.clone();
    let late = job!(|_lab, _cx| {
        written.write("late");
        Ok(())
    });
    let after = ms(200);
    assert_eq!(
        lab.run(late).timeout(after).await,
        Err(CallError::Timeout { after })
    );
    assert_eq!(begun.elapsed().as_millis() / 10, 20);
    let (answer, _) = tokio::join!(lab.echo(2), async {
        sleep(secs(1)).await;
        lab.sys().resume().await.unwrap();
    });
    assert_eq!(answer, Ok(2));
    assert_eq!(log.lines(), notes([1]), "the late call was never sent");
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_room_and_for_the_reply_share_one_deadline() {
    let log = Log::default();
    let start = Lab::start(Setup::new(&log)).mailbox(Mailbox::bounded(1));
    let lab = started(start).await;
    lab.cast(LabCast::Note(1)).unwrap();
    let begun = Instant::now();
    let mut call = lab.call(LabCall::Hold).timeout(secs(2));
    assert!(poll_now(&mut call).is_pending());
    sleep(secs(1)).await;
    lab.sys().resume().await.unwrap();
    assert_eq!(call.await, Err(CallError::Timeout { after: secs(2) }));
    assert_eq!(begun.elapsed().as_secs(), 2);
    assert_eq!(lab.sys().read(|lab| lab.held.len()).await, Ok(1));
}

#[tokio::test]
async fn those_who_wait_for_room_get_it_in_the_order_of_asking() {
    let (lab, log) = suspended(Mailbox::bounded(1)).await;
    lab.cast(LabCast::Note(0)).unwrap();
    let mut waits: Vec<_> = (1..=4).map(|n| lab.cast_wait(LabCast::Note(n))).collect();
    for wait in &mut waits {
        assert!(poll_now(wait).is_pending());
    }
    drop(waits.remove(1));
    let mut order = drained(&lab, &log).await;
    let (ends, rest) = tokio::join!(futures::future::join_all(waits), async {
        settle().await;
        log.take()
    });
    assert!(ends.iter().all(Result::is_ok));
    order.extend(rest);
    assert_eq!(order, notes([0, 1, 3, 4]), "the second was taken back");
}

#[tokio::test]
async fn a_cast_that_waits_drops_nothing_whatever_the_policy() {
    for overflow in [Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest] {
        let (lab, log) = suspended(full(1, overflow)).await;
        lab.cast(LabCast::Note(1)).unwrap();
        let mut wait = lab.cast_wait(LabCast::Note(2));
        assert!(poll_now(&mut wait).is_pending());
        lab.sys().resume().await.unwrap();
        assert!(wait.await.is_ok());
        settle().await;
        assert_eq!(log.lines(), notes(1..=2));
        assert_eq!(lab.status().dropped, 0);
    }
}

#[tokio::test]
async fn room_that_was_promised_and_is_not_used_goes_to_the_next() {
    let (lab, log) = suspended(Mailbox::bounded(1)).await;
    lab.cast(LabCast::Note(1)).unwrap();
    let (mut first, mut second) = (
        lab.cast_wait(LabCast::Note(2)),
        lab.cast_wait(LabCast::Note(3)),
    );
    assert!(poll_now(&mut first).is_pending() && poll_now(&mut second).is_pending());
    assert_eq!(drained(&lab, &log).await, notes([1]));
    assert!(lab.cast(LabCast::Note(4)).is_err(), "it is promised");
    drop(first);
    assert!(soon(second).await.is_ok());
    settle().await;
    assert_eq!(log.lines(), notes([3]));
    assert_eq!(lab.status().mailbox, 0);
}

#[tokio::test]
async fn who_waits_for_room_gets_the_message_back_when_the_server_ends() {
    let (lab, _) = suspended(Mailbox::bounded(1)).await;
    lab.cast(LabCast::Note(1)).unwrap();
    let (mut cast, mut call) = (lab.cast_wait(LabCast::Note(2)), lab.echo(3).no_timeout());
    assert!(poll_now(&mut cast).is_pending() && poll_now(&mut call).is_pending());
    lab.kill();
    let refused = cast.await.unwrap_err();
    assert!(matches!(refused.failure(), SendFailure::NoProc));
    assert!(matches!(refused.into_message(), LabCast::Note(2)));
    assert_eq!(call.await, Err(CallError::Exited(ExitReason::Killed)));
}

#[tokio::test]
async fn a_server_that_waits_for_room_in_its_own_mailbox_is_told() {
    let log = Log::default();
    let start = Lab::start(Setup::new(&log)).mailbox(Mailbox::bounded(1));
    let lab = start.await.unwrap();
    lab.run(job!(|_lab, cx| {
        assert!(cx.myself().cast_wait(LabCast::Note(1)).await.is_ok());
        let refused = cx.myself().cast_wait(LabCast::Note(2)).await.unwrap_err();
        assert_eq!(refused.failure(), &SendFailure::CallingSelf);
        Ok(())
    }))
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn with_a_full_mailbox_introspection_and_a_kill_work_at_once() {
    let (lab, log) = suspended(Mailbox::bounded(1)).await;
    lab.sys().resume().await.unwrap();
    let mut busy = lab.slow(secs(60), 1).no_timeout();
    assert!(poll_now(&mut busy).is_pending());
    settle().await;
    lab.cast(LabCast::Note(1)).unwrap();
    assert!(lab.cast(LabCast::Note(2)).is_err());
    assert_eq!(
        (lab.status().mailbox, lab.status().mailbox_capacity),
        (1, 1)
    );
    let begun = Instant::now();
    lab.kill();
    assert_eq!(busy.await, Err(CallError::Exited(ExitReason::Killed)));
    assert_eq!(begun.elapsed().as_secs(), 0);
    assert_eq!(log.lines(), ["drop"]);

    let (lab, _) = suspended(Mailbox::bounded(1)).await;
    lab.cast(LabCast::Note(1)).unwrap();
    assert_eq!(soon(lab.sys().read(|lab| lab.number)).await, Ok(0));
}

#[tokio::test]
async fn with_a_full_mailbox_a_stop_is_accepted_and_waits_its_turn() {
    let (lab, log) = suspended(Mailbox::bounded(1)).await;
    lab.cast(LabCast::Note(1)).unwrap();
    let mut stop = lab.stop();
    assert!(poll_now(&mut stop).is_pending());
    let lines = drained(&lab, &log).await;
    assert_eq!(lines, ["note 1", "terminate shutdown", "drop"]);
    assert_eq!(stop.await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn timers_task_results_downs_and_exits_take_no_room() {
    let log = Log::default();
    let start = Lab::start(Setup::new(&log)).mailbox(Mailbox::bounded(1));
    let lab = start.await.unwrap();
    let (dying, _) = self::lab().await;
    let dead = dying.pid();
    lab.run(job!(|_lab, cx| {
        cx.trap_exit();
        cx.monitor(&dying);
        cx.link(&dying);
        cx.send_after(ms(30), 30);
        cx.spawn(async {
            sleep(ms(20)).await;
            20
        });
        dying.kill();
        sleep(ms(10)).await;
        Ok(())
    }))
    .await
    .unwrap();
    lab.sys().suspend().await.unwrap();
    log.take();
    lab.cast(LabCast::Note(1)).unwrap();
    assert!(lab.cast(LabCast::Note(2)).is_err());
    sleep(secs(1)).await;
    assert_eq!(lab.status().mailbox, 1);
    let lines = drained(&lab, &log).await;
    assert_eq!(lines, ["note 1", "task 20", "info 30"], "{dead}");
}

#[tokio::test]
async fn an_unbounded_mailbox_takes_more_than_the_default() {
    let (lab, log) = suspended(Mailbox::unbounded()).await;
    for n in 0..70_000 {
        lab.cast(LabCast::Note(n)).unwrap();
    }
    assert_eq!(lab.status().mailbox, 70_000);
    lab.sys().resume().await.unwrap();
    lab.stop().await.unwrap();
    assert_eq!(log.lines().len(), 70_002);

    let (lab, _) = suspended(Mailbox::default()).await;
    let taken = (0..70_000).take_while(|n| lab.cast(LabCast::Note(*n)).is_ok());
    assert_eq!(taken.count(), 65_536);
}

// The dead

#[tokio::test]
async fn what_is_sent_to_the_dead_comes_back() {
    let (lab, _) = lab().await;
    let recipient: Recipient<u32> = lab.recipient();
    lab.stop().await.unwrap();
    let gone = SendFailure::NoProc;
    let cast = lab.cast(LabCast::Note(1)).unwrap_err();
    assert_eq!(cast.failure(), &gone);
    assert!(matches!(cast.into_message(), LabCast::Note(1)));
    let cast = lab.cast_wait(LabCast::Note(2)).await.unwrap_err();
    assert_eq!(cast.failure(), &gone);
    assert!(matches!(cast.into_message(), LabCast::Note(2)));
    assert_eq!(lab.info(3).unwrap_err().into_message(), 3);
    let sent = recipient.send(4).unwrap_err();
    assert_eq!(sent.failure(), &gone);
    assert_eq!(sent.into_message(), 4);
    assert!(!recipient.is_alive());
    let name = noex::Name::<Lab>::new(unique("unknown"));
    let cast = name.cast(LabCast::Note(5)).unwrap_err();
    assert!(matches!(cast.failure(), SendFailure::NotRegistered { .. }));
    assert!(matches!(cast.into_message(), LabCast::Note(5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_said_ok_is_handled_or_counted_as_undelivered() {
    for round in 0..200 {
        let log = Log::default();
        let lab = Lab::start(Setup::new(&log)).await.unwrap();
        let sender = lab.clone();
        let sends = tokio::spawn(async move {
            (0..200)
                .filter(|n| sender.cast(LabCast::Note(*n)).is_ok())
                .count()
        });
        if round % 2 == 0 {
            lab.stop().await.unwrap();
        } else {
            lab.kill();
            lab.monitor().await;
        }
        let sent = sends.await.unwrap();
        let (status, lines) = (lab.status(), log.lines().len());
        assert_eq!(status.handled + status.undelivered, sent as u64, "{round}");
        assert!(lines <= status.handled as usize + 3, "{round}");
    }
}

// Recipients

struct Line(u32);

impl From<Line> for LabCast {
    fn from(Line(n): Line) -> Self {
        assert_ne!(n, 13, "not this one");
        LabCast::Note(n)
    }
}

#[tokio::test]
async fn a_recipient_sends_its_message_as_a_cast_in_order_with_the_others() {
    let (lab, log) = suspended(Mailbox::bounded(3)).await;
    let recipient: Recipient<Line> = lab.recipient();
    let same = recipient.clone();
    recipient.send(Line(1)).unwrap();
    lab.cast(LabCast::Note(2)).unwrap();
    same.send(Line(3)).unwrap();
    let refused = recipient.send(Line(4)).unwrap_err();
    assert_eq!(refused.failure(), &SendFailure::Full);
    assert_eq!(refused.into_message().0, 4);
    assert_eq!(drained(&lab, &log).await, notes(1..=3));
    assert_eq!((recipient.pid(), recipient.is_alive()), (lab.pid(), true));
    assert_eq!(recipient, same);
}

#[tokio::test]
async fn a_recipient_keeps_to_the_overflow_policy() {
    for (overflow, kept) in [(Overflow::DropOldest, 4..=5), (Overflow::DropNewest, 1..=2)] {
        let (lab, log) = suspended(full(2, overflow)).await;
        let recipient: Recipient<Line> = lab.recipient();
        for n in 1..=5 {
            recipient.send(Line(n)).unwrap();
        }
        assert_eq!(lab.status().dropped, 3);
        assert_eq!(drained(&lab, &log).await, notes(kept));
    }
}

#[tokio::test]
async fn a_message_whose_conversion_panics_takes_no_room() {
    let (lab, log) = suspended(Mailbox::bounded(1)).await;
    let recipient: Recipient<Line> = lab.recipient();
    let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| recipient.send(Line(13))));
    assert!(sent.is_err());
    recipient.send(Line(1)).unwrap();
    assert_eq!(drained(&lab, &log).await, notes([1]));
}

/// Tells when it is dropped.
struct Cargo(Arc<AtomicBool>);

impl Drop for Cargo {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn what_is_not_handled_is_dropped_with_its_server() {
    let (lab, _) = suspended(Mailbox::default()).await;
    let dropped = Arc::new(AtomicBool::new(false));
    let cargo = Cargo(dropped.clone());
    let carry = job!(|_lab, _cx| {
        let _cargo = cargo;
        Ok(())
    });
    lab.cast(LabCast::Run(carry)).unwrap();
    let monitor = lab.monitor();
    lab.kill();
    monitor.await;
    settle().await;
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(lab.status().phase, Phase::Dead);
}
