use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use noex::{CallError, ExitReason, Registry};

use super::idle;
use crate::job;
use crate::support::{Lab, LabExt, Setup};

#[derive(Clone, Default)]
struct Grenade(Arc<AtomicBool>);

impl Grenade {
    fn armed(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn is(&self, other: &Grenade) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn arm(&self, armed: bool) {
        self.0.store(armed, Ordering::SeqCst);
    }
}

/// A key whose traits panic as long as it is armed.
#[derive(Debug, Default)]
struct Key {
    n: u32,
    hash: GrenadeOf<'h'>,
    eq: GrenadeOf<'e'>,
    clone: GrenadeOf<'c'>,
}

#[derive(Default)]
struct GrenadeOf<const WHAT: char>(Grenade);

impl<const WHAT: char> GrenadeOf<WHAT> {
    fn touch(&self) {
        assert!(!self.0.armed(), "armed {WHAT}");
    }

    fn same(&self) -> Self {
        GrenadeOf(self.0.clone())
    }
}

impl<const WHAT: char> std::fmt::Debug for GrenadeOf<WHAT> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{WHAT}")
    }
}

impl Key {
    fn same(&self, n: u32) -> Key {
        Key {
            n,
            hash: self.hash.same(),
            eq: self.eq.same(),
            clone: self.clone.same(),
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.touch();
        self.n.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.eq.touch();
        self.n == other.n
    }
}

impl Eq for Key {}

impl Clone for Key {
    fn clone(&self) -> Key {
        self.clone.touch();
        self.same(self.n)
    }
}

#[tokio::test]
async fn a_panic_in_the_hash_eq_or_clone_of_a_key_hurts_its_caller_only() {
    let keys = Registry::<Key, u32>::unique();
    let key = Key::default();
    let (a, b) = (idle().await, idle().await);
    keys.register(&a, key.same(1), 1).unwrap();
    for (grenade, operation) in
        (0..12).map(|n| ([&key.hash.0, &key.eq.0, &key.clone.0][n / 4], n % 4))
    {
        grenade.arm(true);
        let (in_handler, wanted) = (keys.clone(), key.same(1));
        let victim = idle().await;
        let job = job!(|_lab, cx| {
            match operation {
                0 => drop(in_handler.lookup(&wanted)),
                1 => drop(in_handler.unregister(cx, &wanted)),
                2 => drop(in_handler.register(cx, wanted, 2)),
                _ => drop(
                    in_handler
                        .lookup_or_start::<Lab>(wanted, Setup::default)
                        .await,
                ),
            }
            Ok(())
        });
        match victim.run(job).await {
            Err(CallError::Exited(ExitReason::Panic(_))) => {}
            // Who only looks or registers needs no copy of the key.
            other => assert!(
                operation < 3 && grenade.is(&key.clone.0),
                "{operation}: {other:?}"
            ),
        }
        grenade.arm(false);
        // Everything works, and is as it was.
        assert_eq!(keys.lookup(&key.same(1)).unwrap().pid, a.pid());
        keys.register(&b, key.same(2), 2).unwrap();
        assert_eq!(keys.unregister(&b, &key.same(2)), 1);
        assert_eq!(
            keys.lookup_or_start::<Lab>(key.same(1), Setup::default)
                .await
                .unwrap(),
            a
        );
        assert_eq!(keys.count(), 1);
    }
    a.stop().await.unwrap();
    assert_eq!(
        (keys.count(), keys.owners()),
        (0, 1),
        "b has nothing, and lives"
    );
}

#[tokio::test]
async fn an_owner_whose_keys_cannot_be_compared_any_more_is_taken_out_all_the_same() {
    let keys = Registry::<Key>::duplicate();
    let key = Key::default();
    let lab = idle().await;
    keys.register(&lab, key.same(1), ()).unwrap();
    keys.register(&lab, key.same(2), ()).unwrap();
    key.eq.0.arm(true);
    key.hash.0.arm(true);
    lab.stop().await.unwrap();
    assert_eq!((keys.count(), keys.owners()), (0, 0));
}

/// A value whose drop panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb goes off");
    }
}

#[tokio::test]
async fn a_value_whose_drop_panics_does_not_keep_its_owners_other_keys() {
    let keys = Registry::<u32, Bomb>::unique();
    let lab = idle().await;
    for key in 0..5 {
        keys.register(&lab, key, Bomb).unwrap();
    }
    let down = lab.monitor();
    lab.stop().await.unwrap();
    assert_eq!(down.await.reason, ExitReason::Shutdown);
    assert_eq!((keys.count(), keys.owners()), (0, 0));
}

#[tokio::test]
async fn a_value_whose_drop_panics_does_not_keep_its_owner_in_other_registries() {
    let (bombs, names) = (Registry::<u32, Bomb>::unique(), Registry::<u32>::unique());
    let lab = idle().await;
    bombs.register(&lab, 1, Bomb).unwrap();
    names.register(&lab, 1, ()).unwrap();
    lab.stop().await.unwrap();
    assert_eq!((bombs.count(), names.count()), (0, 0));
    names.register(&idle().await, 1, ()).unwrap();
}

#[tokio::test]
async fn an_update_that_panics_changes_nothing() {
    let keys = Registry::<u32, u32>::unique();
    let lab = idle().await;
    keys.register(&lab, 1, 5).unwrap();
    let in_handler = keys.clone();
    let victim = lab.clone();
    let panics = job!(|_lab, _cx| {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            in_handler.update(&victim, &1, |_| panic!("no"))
        }));
        assert!(panicked.is_err());
        Ok(())
    });
    lab.run(panics).await.unwrap();
    assert_eq!(*keys.lookup(&1).unwrap().value, 5);
    assert_eq!(*keys.update(&lab, &1, |value| value + 1).unwrap(), 6);
}

#[tokio::test]
async fn callbacks_of_a_registry_may_use_the_registry() {
    let keys = Registry::<u32, u32>::duplicate();
    let lab = idle().await;
    for key in 0..3 {
        keys.register(&lab, key, key).unwrap();
    }
    let nested = keys.select(|key, _, _| Some((*key, keys.lookup_all(key).len())));
    assert_eq!(nested.into_iter().collect::<HashMap<_, _>>().len(), 3);
    keys.dispatch(&0, |_| keys.register(&lab, 0, 9).unwrap());
    assert_eq!(
        keys.matching(&0, |_| keys.unregister(&lab, &1) < 2).len(),
        2
    );
    keys.update(&lab, &2, |value| value + keys.count() as u32)
        .unwrap();
    assert_eq!(
        keys.unregister_match(&lab, &2, |_| keys.lookup(&0).is_some()),
        1
    );
}
