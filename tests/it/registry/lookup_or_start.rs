use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::{join_all, pending};
use noex::{Exit, GenServer, Registry, StartError};

use super::Other;
use crate::support::trees::{End, end, quiet, soon};
use crate::support::{Lab, Log, Setup, ms};

fn counting(
    inits: &Arc<AtomicUsize>,
    then: impl Fn() -> Result<(), Exit> + Clone + Send + Sync + 'static,
) -> Setup {
    let inits = inits.clone();
    Setup::default().init(move |_cx| {
        inits.fetch_add(1, Ordering::SeqCst);
        let then = then.clone();
        Box::pin(async move {
            tokio::time::sleep(ms(100)).await;
            then()
        })
    })
}

#[tokio::test(start_paused = true)]
async fn lookup_or_start_runs_init_once_and_all_who_ask_wait_for_it() {
    let (keys, inits) = (Registry::<u32>::unique(), Arc::default());
    let setup = counting(&inits, || Ok(()));
    let asked = (0..10).map(|_| {
        let setup = setup.clone();
        keys.lookup_or_start::<Lab>(7, move || setup)
    });
    let answers: Vec<_> = join_all(asked)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(
        answers
            .iter()
            .all(|lab| *lab == answers[0] && lab.is_alive())
    );
    assert_eq!(inits.load(Ordering::SeqCst), 1);
    let setup = setup.clone();
    assert_eq!(
        keys.lookup_or_start::<Lab>(7, || setup).await.unwrap(),
        answers[0]
    );
    assert_eq!(inits.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failing_lookup_or_start_reaches_all_who_asked_and_the_next_one_tries_again() {
    let (keys, inits) = (Registry::<u32>::unique(), Arc::default());
    let setup = counting(&inits, || Err(Exit::error("no")));
    let asked = (0..10).map(|_| {
        let setup = setup.clone();
        keys.lookup_or_start::<Lab>(7, move || setup)
    });
    for answer in join_all(asked).await {
        assert!(matches!(answer, Err(StartError::Error(e)) if e.to_string() == "no"));
    }
    assert_eq!(inits.load(Ordering::SeqCst), 1);
    assert_eq!((keys.count(), keys.owners()), (0, 0));
    keys.lookup_or_start::<Lab>(7, Setup::default)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lookup_or_start_goes_on_when_the_first_who_asked_does_not_wait() {
    let (keys, inits) = (Registry::<u32>::unique(), Arc::default());
    let setup = counting(&inits, || Ok(()));
    let (first, second) = (setup.clone(), setup.clone());
    let impatient = keys.lookup_or_start::<Lab>(7, || first);
    let impatient = tokio::time::timeout(ms(50), impatient);
    let patient = keys.lookup_or_start::<Lab>(7, || second);
    let (impatient, patient) = futures::join!(impatient, patient);
    assert!(impatient.is_err());
    assert_eq!(keys.whereis(&7), Some(patient.unwrap().pid()));
    assert_eq!(inits.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_or_start_that_nobody_waits_for_is_taken_back() {
    let (keys, log) = (Registry::<u32>::unique(), Log::default());
    let hangs = Setup::new(&log).init(|_cx| Box::pin(pending()));
    let asked = keys.lookup_or_start::<Lab>(7, || hangs);
    assert!(tokio::time::timeout(ms(50), asked).await.is_err());
    quiet().await;
    assert_eq!(log.lines(), ["init"]);
    assert_eq!((keys.count(), keys.owners()), (0, 0));
    keys.lookup_or_start::<Lab>(7, Setup::default)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lookup_or_start_that_nobody_waits_for_leaves_no_key_behind() {
    let keys = Registry::<Arc<str>>::unique();
    let key: Arc<str> = "key".into();
    let hangs = Setup::default().init(|_cx| Box::pin(pending()));
    let asked = keys.lookup_or_start::<Lab>(key.clone(), || hangs);
    assert!(tokio::time::timeout(ms(50), asked).await.is_err());
    quiet().await;
    assert_eq!(Arc::strong_count(&key), 1);
}

#[tokio::test(start_paused = true)]
async fn lookup_or_start_waits_for_a_start_that_was_begun_in_another_way() {
    let (keys, inits) = (Registry::<u32>::unique(), Arc::default());
    let setup = counting(&inits, || Ok(()));
    let again = setup.clone();
    let begun = Lab::start(setup).via(&keys, 7);
    let asked = keys.lookup_or_start::<Lab>(7, || again);
    let (begun, asked) = futures::join!(begun, asked);
    assert_eq!(begun.unwrap(), asked.unwrap());
    assert_eq!(inits.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn lookup_or_start_of_a_key_of_another_type_is_already_started() {
    let keys = Registry::<u32>::unique();
    let other = Other::start(()).via(&keys, 7).await.unwrap();
    let asked = keys.lookup_or_start::<Lab>(7, Setup::default).await;
    assert!(matches!(asked, Err(StartError::AlreadyStarted(pid)) if pid == other.pid()));
}

#[tokio::test(start_paused = true)]
async fn lookup_or_start_starts_a_dead_one_again() {
    let keys = Registry::<u32>::unique();
    let before = keys
        .lookup_or_start::<Lab>(7, Setup::default)
        .await
        .unwrap();
    end(&before, End::Panic).await;
    let after = keys
        .lookup_or_start::<Lab>(7, Setup::default)
        .await
        .unwrap();
    assert!(before != after && after.is_alive());
}

#[tokio::test(start_paused = true)]
async fn a_lookup_or_start_whose_arguments_panic_does_not_keep_the_key_from_the_next() {
    let keys = Registry::<u32>::unique();
    let asking = keys.clone();
    let asked = tokio::spawn(async move {
        asking
            .lookup_or_start::<Lab>(7, || panic!("no arguments"))
            .await
            .is_err()
    });
    // Whether it is told by a panic or by an error.
    assert!(asked.await.unwrap_or(true));
    keys.lookup_or_start::<Lab>(7, Setup::default)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lookup_or_start_by_many_at_once_gives_all_the_same_living_server() {
    soon(async {
        let (keys, inits) = (Registry::<u32>::unique(), Arc::new(AtomicUsize::new(0)));
        for key in 0..50 {
            let asked = (0..8).map(|_| {
                let (keys, inits) = (keys.clone(), inits.clone());
                tokio::spawn(async move {
                    let setup = Setup::default().init(move |_cx| {
                        inits.fetch_add(1, Ordering::SeqCst);
                        Box::pin(tokio::task::yield_now().map(Ok))
                    });
                    keys.lookup_or_start::<Lab>(key, || setup).await.unwrap()
                })
            });
            let answers: Vec<_> = join_all(asked)
                .await
                .into_iter()
                .map(Result::unwrap)
                .collect();
            assert!(answers.iter().all(|lab| *lab == answers[0]));
        }
        assert_eq!(inits.load(Ordering::SeqCst), 50);
        assert_eq!(keys.count(), 50);
    })
    .await;
}
