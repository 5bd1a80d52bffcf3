use std::collections::HashSet;

use noex::{Registry, RegistryEvent};

use super::idle;
use crate::support::trees::soon;

#[tokio::test]
async fn a_listener_hears_what_is_registered_and_let_go_from_then_on_in_order() {
    let keys = Registry::<u32, &str>::unique();
    let (a, b) = (idle().await, idle().await);
    keys.register(&a, 0, "before").unwrap();
    let mut heard = keys.listen();
    keys.register(&a, 1, "one").unwrap();
    keys.register(&b, 2, "two").unwrap();
    keys.register(&b, 1, "refused").unwrap_err();
    keys.unregister(&b, &2);
    a.stop().await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = heard.try_next() {
        events.push(match event {
            RegistryEvent::Registered { key, pid, value } => format!("+{key} {pid} {value}"),
            RegistryEvent::Unregistered { key, pid } => format!("-{key} {pid}"),
            RegistryEvent::Lagged(n) => format!("lagged {n}"),
        });
    }
    let (a, b) = (a.pid(), b.pid());
    assert_eq!(
        events[..3],
        [
            format!("+1 {a} one"),
            format!("+2 {b} two"),
            format!("-2 {b}")
        ]
    );
    let mut last = events[3..].to_vec();
    last.sort_unstable();
    assert_eq!(
        last,
        [format!("-0 {a}"), format!("-1 {a}")],
        "its death lets go of both"
    );
    drop(keys);
}

#[tokio::test]
async fn a_listener_that_falls_behind_is_told_how_many_it_missed() {
    let keys = Registry::<u32>::unique();
    let lab = idle().await;
    let mut heard = keys.listen();
    for key in 0..3000 {
        keys.register(&lab, key, ()).unwrap();
    }
    let (mut got, mut missed) = (0, 0);
    while let Some(event) = heard.try_next() {
        match event {
            RegistryEvent::Lagged(n) => missed += n,
            _ => got += 1,
        }
    }
    assert_eq!(got + missed, 3000);
    assert!(got >= 1024 && missed > 0, "{got} {missed}");
}

#[tokio::test]
async fn a_listener_ends_with_its_registry() {
    let keys = Registry::<u32>::unique();
    let mut heard = keys.listen();
    drop(keys);
    assert!(heard.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_of_a_registration_before_it_hears_of_its_end() {
    soon(async {
        let keys = Registry::<u32>::unique();
        let mut heard = keys.listen();
        for round in 0..1000 {
            let lab = idle().await;
            let registering = {
                let (keys, lab) = (keys.clone(), lab.clone());
                tokio::task::spawn_blocking(move || {
                    (0..100).all(|key| keys.register(&lab, key, ()).is_ok())
                })
            };
            lab.kill();
            lab.monitor().await;
            registering.await.unwrap();
            let mut standing = HashSet::new();
            while let Some(event) = heard.try_next() {
                match event {
                    RegistryEvent::Registered { key, .. } => {
                        assert!(standing.insert(key), "round {round}");
                    }
                    RegistryEvent::Unregistered { key, .. } => {
                        assert!(standing.remove(&key), "round {round}");
                    }
                    RegistryEvent::Lagged(_) => unreachable!("it reads along"),
                }
            }
            assert_eq!(standing, HashSet::new(), "round {round}");
            assert_eq!((keys.count(), keys.owners()), (0, 0));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_hears_of_the_end_of_a_registration_also_when_the_key_is_taken_over_at_once() {
    soon(async {
        let keys = Registry::<u32>::unique();
        let mut heard = keys.listen();
        let mut former = idle().await;
        keys.register(&former, 1, ()).unwrap();
        for round in 0..1000 {
            let next = idle().await;
            let registering = {
                let (keys, next) = (keys.clone(), next.clone());
                tokio::task::spawn_blocking(move || {
                    (0..10_000_000).any(|_| keys.register(&next, 1, ()).is_ok())
                })
            };
            former.kill();
            former.monitor().await;
            assert!(registering.await.unwrap());
            let mut ended = false;
            while let Some(event) = heard.try_next() {
                if let RegistryEvent::Unregistered { pid, .. } = event {
                    assert_eq!(pid, former.pid());
                    ended = true;
                }
            }
            assert!(ended, "round {round}");
            former = next;
        }
    })
    .await;
}
