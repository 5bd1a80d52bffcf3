use std::time::Duration;

use noex::child::{JobError, PoolOptions, RequestError, WorkerPool};
use serde_json::Value;

use crate::support::{hostile, rust};

#[tokio::test]
async fn jobs_are_done_by_all_workers_and_their_progress_reaches_who_asked() {
    let pool = WorkerPool::start(PoolOptions::new(rust()).size(2))
        .await
        .unwrap();
    let (sender, mut progress) = tokio::sync::mpsc::channel(8);
    let job = pool.execute_with_progress::<u8>(&1, sender);
    assert_eq!(job.await.unwrap(), 1);
    assert_eq!(progress.recv().await.unwrap().payload::<u8>().unwrap(), 50);
    let jobs = (0..100).map(|n| {
        let pool = pool.clone();
        async move { pool.execute::<u32>(&n).await }
    });
    let done = futures::future::try_join_all(jobs).await.unwrap();
    assert!(done.into_iter().eq(0..100));
    let status = pool.status().await.unwrap();
    assert_eq!(
        (status.busy, status.idle, status.queued, status.done),
        (0, 2, 0, 101)
    );
    pool.drain().await.unwrap();
}

#[tokio::test]
async fn a_job_that_kills_its_worker_is_told_so_and_the_queue_goes_on() {
    let pool = WorkerPool::start(PoolOptions::new(hostile()).size(1))
        .await
        .unwrap();
    let (died, next) = tokio::join!(pool.execute::<Value>("die"), pool.execute::<u8>(&8));
    match died {
        Err(JobError::Failed(RequestError::Exited(exit))) => assert_eq!(exit.code(), Some(7)),
        other => panic!("{other:?}"),
    }
    assert_eq!(next.unwrap(), 8);
    pool.drain().await.unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_a_hanging_job_times_out_and_cancel_tells_the_rest() {
    let options = PoolOptions::new(hostile())
        .size(1)
        .queue(1)
        .job_timeout(Duration::from_secs(60));
    let pool = WorkerPool::start(options).await.unwrap();
    let job = || {
        let pool = pool.clone();
        tokio::spawn(async move { pool.execute::<Value>("hang").await })
    };
    let first = job();
    while pool.status().await.unwrap().busy == 0 {
        tokio::task::yield_now().await;
    }
    let second = job();
    while pool.status().await.unwrap().queued == 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(job().await.unwrap(), Err(JobError::QueueFull)));
    pool.cancel().await.unwrap();
    for cancelled in [first, second] {
        assert!(matches!(cancelled.await.unwrap(), Err(JobError::Cancelled)));
    }
}

#[tokio::test]
async fn a_worker_that_hangs_is_replaced_after_the_job_timeout() {
    let options = PoolOptions::new(hostile())
        .size(1)
        .job_timeout(Duration::from_millis(2000));
    let pool = WorkerPool::start(options).await.unwrap();
    let hung = pool.execute::<Value>("hang").await;
    assert!(
        matches!(hung, Err(JobError::Failed(RequestError::Timeout(_)))),
        "{hung:?}"
    );
    assert_eq!(pool.execute::<u8>(&4).await.unwrap(), 4);
    pool.drain().await.unwrap();
}
