use std::collections::HashMap;

use noex::{CallError, CallFuture, GenServer, Pool, Reach, Route, ServerRef, process};
use tokio::time::Instant;

use crate::support::trees::{End, end};
use crate::support::{Lab, LabCall, LabCast, Log, Setup, ms, secs};

fn labs(workers: usize) -> Pool<Lab> {
    let log = Log::default();
    Pool::new(workers, move |_| Lab::child(Setup::new(&log)))
}

#[derive(Debug)]
struct Adder(i64);

#[noex::genserver]
impl Adder {
    async fn init(start: i64, _cx: &mut noex::Context<Self>) -> Result<Self, noex::Exit> {
        Ok(Adder(start))
    }
    #[call]
    fn add(&mut self, n: i64) -> i64 {
        self.0 += n;
        self.0
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_a_call_target_like_any_other() {
    let pool = Pool::new(2, |_| Adder::child(0));
    let tree = pool.start().await.unwrap();
    let mut sums = Vec::new();
    for _ in 0..4 {
        sums.push(pool.add(2).await.unwrap());
    }
    assert_eq!(sums, [2, 2, 4, 4], "one after the other");
    assert_eq!(pool.add(2).timeout(secs(1)).await, Ok(6));
    tree.stop().await.unwrap();
    assert!(matches!(
        pool.add(2).await,
        Err(CallError::NotRegistered { .. })
    ));
}

async fn whom(target: &impl Reach<Lab>) -> noex::Pid {
    target.call(LabCall::Pid).no_timeout().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_leads_to_the_same_worker() {
    let pool = labs(4);
    let tree = pool.start().await.unwrap();
    let mut found = HashMap::new();
    for _ in 0..3 {
        for key in 0..50 {
            let key = format!("key-{key}");
            let pid = whom(&pool.by_key(key.as_str())).await;
            assert_eq!(*found.entry(key).or_insert(pid), pid);
        }
    }
    assert_eq!(
        found
            .values()
            .collect::<std::collections::HashSet<_>>()
            .len(),
        4
    );
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn round_robin_passes_over_a_worker_that_does_not_run() {
    let log = Log::default();
    let pool = Pool::new(3, move |_| {
        Lab::child(Setup::new(&log)).restart(noex::Restart::Transient)
    });
    let tree = pool.start().await.unwrap();
    let gone = pool.targets()[1].lookup().unwrap();
    end(&gone, End::Normal).await;
    for _ in 0..12 {
        assert_ne!(whom(&pool).await, gone.pid());
    }
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_shortest_mailbox_gets_the_call() {
    let pool = labs(3).route(Route::ShortestMailbox);
    let tree = pool.start().await.unwrap();
    let workers: Vec<ServerRef<Lab>> = pool
        .targets()
        .iter()
        .map(|name| name.lookup().unwrap())
        .collect();
    for busy in [0, 2] {
        let sleeps = job!(|_lab, _cx| {
            tokio::time::sleep(secs(1)).await;
            Ok(())
        });
        workers[busy].cast(LabCast::Run(sleeps)).unwrap();
        for n in 0..5 {
            workers[busy].cast(LabCast::Note(n)).unwrap();
        }
    }
    for _ in 0..10 {
        assert_eq!(whom(&pool).await, workers[1].pid());
    }
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_queue_in_front_bounds_what_is_under_way_and_what_waits() {
    let pool = labs(2).queue(1, 3);
    let tree = pool.start().await.unwrap();
    let begin = Instant::now();
    let calls: Vec<_> = (0..7)
        .map(|n| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let answer = pool.call(|reply| LabCall::Slow(secs(1), n, reply)).await;
                (answer, begin.elapsed())
            })
        })
        .collect();
    crate::support::settle().await;
    assert_eq!(pool.waiting(), 3);
    let mut done = Vec::new();
    for call in calls {
        let (answer, at) = call.await.unwrap();
        done.push((answer, at.as_millis() / 100));
    }
    let expected = [
        (Ok(0), 10),
        (Ok(1), 10),
        (Ok(2), 20),
        (Ok(3), 20),
        (Ok(4), 30),
        (Err(CallError::Overloaded), 0),
        (Err(CallError::Overloaded), 0),
    ];
    assert_eq!(done, expected);
    assert_eq!(pool.waiting(), 0);
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_deadline_covers_the_queue_and_a_dropped_call_gives_its_place_back() {
    let pool = labs(1).queue(1, 2);
    let tree = pool.start().await.unwrap();
    let other = pool.clone();
    let slow =
        tokio::spawn(async move { other.call(|reply| LabCall::Slow(secs(2), 1, reply)).await });
    crate::support::settle().await;
    let begin = Instant::now();
    let late = pool
        .call(|reply| LabCall::Echo(2, reply))
        .timeout(ms(500))
        .await;
    assert_eq!(late, Err(CallError::Timeout { after: ms(500) }));
    assert_eq!(begin.elapsed(), ms(500));
    assert_eq!(pool.waiting(), 0);
    let dropped = pool.call(|reply| LabCall::Echo(2, reply));
    assert!(tokio::time::timeout(ms(1), dropped).await.is_err());
    assert_eq!(pool.waiting(), 0);
    assert_eq!(slow.await.unwrap(), Ok(1));
    assert_eq!(pool.call(|reply| LabCall::Echo(3, reply)).await, Ok(3));
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_gives_its_place_back() {
    let pool = labs(1).queue(1, 2);
    let tree = pool.start().await.unwrap();
    let crashed = pool.call(LabCall::Panic).await;
    assert!(matches!(crashed, Err(CallError::Exited(_))));
    tokio::time::sleep(ms(10)).await;
    assert_eq!(pool.call(|reply| LabCall::Echo(3, reply)).await, Ok(3));
    tree.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_resize_changes_how_much_is_under_way_also_while_it_is() {
    let pool = labs(4).queue(1, 100);
    let tree = pool.start().await.unwrap();
    let call = |pool: &Pool<Lab>| {
        let pool = pool.clone();
        tokio::spawn(async move {
            pool.call(|reply| LabCall::Slow(secs(1), 1, reply))
                .no_timeout()
                .await
        })
    };
    let calls: Vec<_> = (0..4).map(|_| call(&pool)).collect();
    crate::support::settle().await;
    assert_eq!(pool.resize(1).await, Ok(1));
    for call in calls {
        let _ = call.await.unwrap();
    }
    let begin = Instant::now();
    let calls: Vec<_> = (0..3).map(|_| call(&pool)).collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(1));
    }
    assert_eq!(begin.elapsed(), secs(3), "one at a time");
    assert_eq!(pool.resize(3).await, Ok(3));
    let begin = Instant::now();
    let calls: Vec<_> = (0..3).map(|_| call(&pool)).collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(1));
    }
    assert_eq!(begin.elapsed(), secs(1), "three at a time");
    tree.stop().await.unwrap();
}

#[test]
fn nothing_is_left_of_a_pool_that_was_stopped_with_calls_in_its_queue() {
    crate::support::trees::alone(
        "pool::nothing_is_left_of_a_pool_that_was_stopped_with_calls_in_its_queue",
        || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let tasks = || {
                    tokio::runtime::Handle::current()
                        .metrics()
                        .num_alive_tasks()
                };
                let warm = labs(1).start().await.unwrap();
                warm.stop().await.unwrap();
                let (tables, before) = (process::tables(), tasks());
                let pool = labs(2).queue(1, 10);
                let tree = pool.start().await.unwrap();
                let calls: Vec<_> = (0..8)
                    .map(|_| {
                        let pool = pool.clone();
                        tokio::spawn(async move {
                            pool.call(|reply| LabCall::Slow(ms(20), 1, reply)).await
                        })
                    })
                    .collect();
                tokio::task::yield_now().await;
                tree.stop().await.unwrap();
                for call in calls {
                    let _ = call.await.unwrap();
                }
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(process::tables(), tables);
                assert!(tasks() <= before);
            });
        },
    );
}
