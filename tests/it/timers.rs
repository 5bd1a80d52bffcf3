use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use noex::{
    Context, Exit, GenServer, Info, Mailbox, Overflow, ReplyTo, ServerRef, Supervisor, Timer,
    process,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::job;
use crate::support::trees::{ENDS, End, child, end, named_worker, quiet, soon};
use crate::support::{Lab, LabCall, LabCast, LabExt, Log, Setup, lab, ms, secs, unique};

/// Writes down when each message came, counted from the first `init`.
struct Clock {
    begun: Instant,
    came: Vec<(u32, Duration)>,
}

enum Ask {
    Came(ReplyTo<Vec<(u32, Duration)>>),
    Every(Duration, u32, ReplyTo<Timer>),
    After(Duration, u32, ReplyTo<Timer>),
    Sleep(Duration, ReplyTo<()>),
}

impl GenServer for Clock {
    type Args = ();
    type Call = Ask;
    type Cast = ();
    type Info = u32;

    async fn init((): (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Clock {
            begun: Instant::now(),
            came: Vec::new(),
        })
    }

    async fn handle_call(&mut self, ask: Ask, cx: &mut Context<Self>) -> Result<(), Exit> {
        match ask {
            Ask::Came(reply) => reply.send(self.came.clone()),
            Ask::Every(period, n, reply) => reply.send(cx.send_interval(period, n)),
            Ask::After(delay, n, reply) => reply.send(cx.send_after(delay, n)),
            Ask::Sleep(time, reply) => {
                tokio::time::sleep(time).await;
                reply.send(());
            }
        }
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Err(Exit::Normal)
    }

    async fn handle_info(&mut self, info: Info<u32>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        if let Info::Message(n) = info {
            self.came.push((n, self.begun.elapsed()));
        }
        Ok(())
    }
}

async fn clock() -> ServerRef<Clock> {
    Clock::start(()).await.unwrap()
}

async fn came(clock: &ServerRef<Clock>) -> Vec<u32> {
    let came = clock.call(Ask::Came).await.unwrap();
    came.into_iter().map(|(n, _)| n).collect()
}

async fn after(clock: &ServerRef<Clock>, delay: Duration, n: u32) -> Timer {
    clock
        .call(|reply| Ask::After(delay, n, reply))
        .await
        .unwrap()
}

async fn every(clock: &ServerRef<Clock>, period: Duration, n: u32) -> Timer {
    clock
        .call(|reply| Ask::Every(period, n, reply))
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn timers_arrive_sorted_by_their_time_and_never_early() {
    let clock = clock().await;
    for delay in [5000, 0, 200, 100, 500, 300, 400] {
        after(&clock, ms(delay), u32::try_from(delay).unwrap()).await;
    }
    tokio::time::sleep(secs(6)).await;
    let came = clock.call(Ask::Came).await.unwrap();
    let order: Vec<u32> = came.iter().map(|(n, _)| *n).collect();
    assert_eq!(order, [0, 100, 200, 300, 400, 500, 5000]);
    for (n, at) in came {
        let due = ms(n.into());
        assert!(at >= due && at <= due + ms(1), "{n} at {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_not_early_by_a_fraction_of_a_millisecond() {
    let clock = clock().await;
    let delays = [1, 999, 1_001, 1_500, 2_000_001].map(Duration::from_micros);
    for (n, delay) in (0..).zip(delays) {
        tokio::time::advance(Duration::from_micros(333)).await;
        let begun = clock
            .sys()
            .read(|clock| clock.begun.elapsed())
            .await
            .unwrap();
        after(&clock, delay, n).await;
        tokio::time::sleep(secs(3)).await;
        let (_, at) = *clock.call(Ask::Came).await.unwrap().last().unwrap();
        assert!(
            at - begun >= delay && at - begun <= delay + ms(2),
            "{delay:?} {:?}",
            at - begun
        );
    }
}

#[tokio::test(start_paused = true)]
async fn timers_of_the_same_time_arrive_in_the_order_in_which_they_were_set() {
    let clock = clock().await;
    for n in 0..1000 {
        clock.send_after(ms(10), n);
    }
    tokio::time::sleep(ms(20)).await;
    assert_eq!(came(&clock).await, (0..1000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_timer_cancelled_at_once_says_how_long_it_had_and_never_fires() {
    let clock = clock().await;
    let timer = after(&clock, secs(10), 1).await;
    assert_eq!(timer.remaining(), Some(secs(10)));
    assert_eq!(timer.cancel(), Some(secs(10)));
    assert_eq!((timer.remaining(), timer.cancel()), (None, None));
    let later = after(&clock, secs(10), 2).await;
    tokio::time::sleep(secs(4)).await;
    assert_eq!(later.remaining(), Some(secs(6)));
    assert_eq!(later.clone().cancel(), Some(secs(6)));
    tokio::time::sleep(secs(60)).await;
    assert!(came(&clock).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_has_fired_is_not_cancelled_even_if_its_message_still_waits() {
    let clock = clock().await;
    clock.sys().suspend().await.unwrap();
    let timer = clock.send_after(ms(10), 1);
    tokio::time::sleep(ms(20)).await;
    assert_eq!((timer.remaining(), timer.cancel()), (None, None));
    clock.sys().resume().await.unwrap();
    assert_eq!(came(&clock).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_a_dead_process_has_nothing_left() {
    for how in ENDS {
        let (lab, log) = lab().await;
        let timers = [lab.send_after(secs(10), 1), lab.send_interval(secs(10), 2)];
        assert!(process::tables().timers >= 2);
        end(&lab, how).await;
        assert!(
            timers
                .iter()
                .all(|timer| timer.remaining().is_none() && timer.cancel().is_none())
        );
        let late = [lab.send_after(secs(10), 1), lab.send_interval(secs(10), 2)];
        assert!(
            late.iter()
                .all(|timer| timer.remaining().is_none() && timer.cancel().is_none())
        );
        assert_eq!(process::tables().timers, 0, "{how:?}");
        tokio::time::sleep(secs(30)).await;
        assert!(!log.lines().iter().any(|line| line.starts_with("info")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_restarted_server_does_not_get_the_timers_of_the_one_before() {
    let log = Log::default();
    let tree = Supervisor::one_for_one()
        .child(named_worker(Setup::new(&log), "a"))
        .start()
        .await
        .unwrap();
    let before = child(&tree, "a").await;
    before
        .run(job!(|_lab, cx| {
            cx.send_after(secs(1), 1);
            cx.send_interval(secs(1), 2);
            Ok(())
        }))
        .await
        .unwrap();
    end(&before, End::Panic).await;
    tokio::time::sleep(secs(10)).await;
    assert_eq!(process::tables().timers, 0);
    assert_eq!(child(&tree, "a").await.echo(1).await, Ok(1));
    assert!(!log.lines().iter().any(|line| line.contains("info")));
}

#[tokio::test(start_paused = true)]
async fn an_interval_ticks_after_each_period_without_drifting_until_it_is_cancelled() {
    let clock = clock().await;
    let timer = every(&clock, ms(100), 7).await;
    tokio::time::sleep(ms(1050)).await;
    assert_eq!(timer.cancel(), Some(ms(50)));
    tokio::time::sleep(secs(10)).await;
    assert_eq!(process::tables().timers, 0);
    let came = clock.call(Ask::Came).await.unwrap();
    assert_eq!(came.len(), 10);
    for (n, (_, at)) in (1..).zip(came) {
        assert!(
            at >= ms(100) * n && at <= ms(100) * n + ms(1),
            "{n} at {at:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_interval_stops_with_its_target() {
    let clock = clock().await;
    let timer = every(&clock, ms(100), 7).await;
    tokio::time::sleep(ms(250)).await;
    clock.stop().await.unwrap();
    assert_eq!((timer.remaining(), process::tables().timers), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn ticks_do_not_pile_up_in_front_of_a_slow_server() {
    let clock = clock().await;
    let timer = every(&clock, ms(100), 7).await;
    clock
        .call(|reply| Ask::Sleep(ms(3050), reply))
        .await
        .unwrap();
    timer.cancel();
    quiet().await;
    assert_eq!(came(&clock).await, [7]);
    // Two intervals do not stand in for each other.
    let both = [
        every(&clock, ms(100), 8).await,
        every(&clock, ms(100), 9).await,
    ];
    clock
        .call(|reply| Ask::Sleep(ms(3050), reply))
        .await
        .unwrap();
    for timer in both {
        timer.cancel();
    }
    quiet().await;
    assert_eq!(came(&clock).await, [7, 8, 9]);
}

#[tokio::test(start_paused = true)]
async fn an_interval_of_no_time_is_one_of_a_millisecond() {
    let clock = clock().await;
    let timer = every(&clock, ms(0), 7).await;
    tokio::time::sleep(Duration::from_micros(10_500)).await;
    timer.cancel();
    assert_eq!(came(&clock).await.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_timer_beyond_all_time_neither_fires_nor_panics_and_can_be_cancelled() {
    let clock = clock().await;
    let timers = [
        after(&clock, Duration::MAX, 1).await,
        every(&clock, Duration::MAX, 2).await,
    ];
    tokio::time::sleep(secs(3600)).await;
    assert!(
        timers
            .iter()
            .all(|timer| timer.cancel().is_some_and(|left| left > secs(3600)))
    );
    assert!(came(&clock).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_refuses_no_timer() {
    for overflow in [Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest] {
        let clock = Clock::start(())
            .mailbox(Mailbox::bounded(1).on_full(overflow))
            .await
            .unwrap();
        clock.sys().suspend().await.unwrap();
        let _ = clock.info(0);
        for n in 1..=5 {
            clock.send_after(ms(n.into()), n);
        }
        tokio::time::sleep(ms(10)).await;
        clock.sys().resume().await.unwrap();
        quiet().await;
        assert_eq!(came(&clock).await, [0, 1, 2, 3, 4, 5], "{overflow:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_timers_to_the_dead_and_the_cancelled_leave_an_empty_table() {
    let (lives, dies) = (clock().await, clock().await);
    let before = process::tables().timers;
    for n in 0..50_000 {
        dies.send_after(ms(1000 + u64::from(n)), n);
        assert!(
            lives
                .send_after(ms(1000 + u64::from(n)), n)
                .cancel()
                .is_some()
        );
    }
    assert_eq!(process::tables().timers, before + 50_000);
    dies.stop().await.unwrap();
    lives.stop().await.unwrap();
    assert_eq!(process::tables().timers, 0);
}

/// A message whose `Clone` panics.
struct Fragile;

impl Clone for Fragile {
    fn clone(&self) -> Self {
        panic!("cannot be cloned")
    }
}

struct Careless;

impl GenServer for Careless {
    type Args = ();
    type Call = ();
    type Cast = ();
    type Info = Fragile;

    async fn init((): (), cx: &mut Context<Self>) -> Result<Self, Exit> {
        cx.send_interval(ms(10), Fragile);
        Ok(Careless)
    }

    async fn handle_call(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_panics_when_it_is_cloned_hurts_its_own_server_only() {
    let clock = clock().await;
    every(&clock, ms(10), 7).await;
    let careless = Careless::start(()).await.unwrap();
    let down = careless.monitor().await;
    assert!(
        matches!(down.reason, noex::ExitReason::Panic(_)),
        "{:?}",
        down.reason
    );
    tokio::time::sleep(ms(100)).await;
    assert!(came(&clock).await.len() >= 10);
}

/// A message whose drop panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb goes off");
    }
}

struct Armed;

impl GenServer for Armed {
    type Args = ();
    type Call = ();
    type Cast = ();
    type Info = Bomb;

    async fn init((): (), cx: &mut Context<Self>) -> Result<Self, Exit> {
        cx.send_after(secs(10), Bomb);
        Ok(Armed)
    }

    async fn handle_call(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_timers_message_that_panics_when_it_is_dropped_does_not_keep_its_process_from_dying() {
    let clock = clock().await;
    for stopped in [true, false] {
        let armed = Armed::start(()).name(unique("armed")).await.unwrap();
        let down = armed.monitor();
        if stopped {
            let _ = armed.stop().await;
        } else {
            armed.kill();
        }
        tokio::time::timeout(secs(60), down).await.expect("a DOWN");
        assert!(!armed.is_alive());
        assert_eq!(noex::registry::whereis(armed.name().unwrap()), None);
    }
    after(&clock, ms(10), 1).await;
    quiet().await;
    tokio::time::sleep(ms(20)).await;
    assert_eq!(came(&clock).await, [1], "timers go on");
}

/// Counts what it gets.
struct Counter(Arc<AtomicUsize>);

impl GenServer for Counter {
    type Args = Arc<AtomicUsize>;
    type Call = ReplyTo<()>;
    type Cast = ();
    type Info = ();

    async fn init(count: Arc<AtomicUsize>, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Counter(count))
    }

    async fn handle_call(
        &mut self,
        reply: ReplyTo<()>,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        reply.send(());
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_info(&mut self, _: Info<()>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_either_fires_or_is_cancelled_however_closely_the_two_meet() {
    soon(async {
        const TIMERS: usize = 20_000;
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Counter::start(count.clone()).no_timeout().await.unwrap();
        for _ in 0..5 {
            count.store(0, Ordering::SeqCst);
            let due = Instant::now() + ms(50);
            let timers: Vec<_> = (0..TIMERS)
                .map(|_| counter.send_after(due.saturating_duration_since(Instant::now()), ()))
                .collect();
            let cancelling = std::thread::spawn(move || {
                std::thread::sleep(
                    due.into_std()
                        .saturating_duration_since(std::time::Instant::now()),
                );
                timers
                    .iter()
                    .filter(|timer| timer.cancel().is_some())
                    .count()
            });
            let cancelled = tokio::task::spawn_blocking(|| cancelling.join().unwrap())
                .await
                .unwrap();
            while process::tables().timers > 0 {
                tokio::time::sleep(ms(1)).await;
            }
            tokio::time::sleep(ms(5)).await; // the last one may just be on its way
            counter.call(|reply| reply).no_timeout().await.unwrap();
            assert_eq!(count.load(Ordering::SeqCst) + cancelled, TIMERS);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_set_while_its_process_dies_is_gone_with_it() {
    soon(async {
        for _ in 0..500 {
            let lab = Lab::start(Setup::default()).await.unwrap();
            let setting = {
                let lab = lab.clone();
                tokio::task::spawn_blocking(move || {
                    for _ in 0..10_000_000 {
                        if !lab.is_alive() {
                            break;
                        }
                        lab.send_after(secs(3600), 1);
                    }
                })
            };
            let _ = lab.cast(LabCast::Run(job!(|_lab, _cx| { Err(Exit::Normal) })));
            lab.monitor().await;
            setting.await.unwrap();
        }
        assert_eq!(process::tables().timers, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_of_a_call_to_a_dying_server_is_gone_with_it() {
    soon(async {
        for _ in 0..1000 {
            let lab = Lab::start(Setup::default()).await.unwrap();
            let calling = {
                let lab = lab.clone();
                tokio::task::spawn_blocking(move || {
                    let mut patience = secs(1_000_000);
                    while lab.is_alive() && patience > secs(1) {
                        // Each is the first to be due, and so sets a timer.
                        patience -= secs(1);
                        let hold = lab.call(LabCall::Hold);
                        let _ = hold.timeout(patience).now_or_never();
                    }
                })
            };
            lab.kill();
            lab.monitor().await;
            calling.await.unwrap();
        }
        assert_eq!(process::tables().timers, 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_in_init_leaves_no_timer() {
    let (tell, told) = oneshot::channel();
    let tell = parking_lot::Mutex::new(Some(tell));
    let setup = Setup::default().init(move |cx| {
        let timer = cx.send_after(secs(10), 1);
        if let Some(tell) = tell.lock().take() {
            let _ = tell.send(timer);
        }
        Box::pin(async { Err(Exit::error("no")) })
    });
    Lab::start(setup).await.unwrap_err();
    assert_eq!(told.await.unwrap().remaining(), None);
    assert_eq!(process::tables().timers, 0);
}
