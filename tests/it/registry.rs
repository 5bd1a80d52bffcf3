mod listeners;
mod lookup_or_start;
mod names;
mod panics;

use std::sync::Arc;

use futures::future::join_all;
use noex::{Context, Exit, GenServer, Pid, RegisterError, Registry, ServerRef};

use crate::support::trees::{ENDS, end};
use crate::support::{Lab, Setup};

async fn idle() -> ServerRef<Lab> {
    Lab::start(Setup::default()).await.unwrap()
}

/// A server of another type.
struct Other;

impl GenServer for Other {
    type Args = ();
    type Call = noex::ReplyTo<()>;
    type Cast = ();
    type Info = ();

    async fn init((): (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Other)
    }

    async fn handle_call(
        &mut self,
        reply: Self::Call,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        reply.send(());
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

fn pids<V>(entries: &[noex::Registered<V>]) -> Vec<Pid> {
    entries.iter().map(|entry| entry.pid).collect()
}

#[tokio::test]
async fn a_taken_key_names_its_owner_also_to_the_owner_itself_and_the_value_stays() {
    let keys = Registry::<u32, &str>::unique();
    let (a, b) = (idle().await, idle().await);
    keys.register(&a, 1, "first").unwrap();
    let taken = Err(RegisterError::AlreadyRegistered(a.pid()));
    assert_eq!(keys.register(&b, 1, "second"), taken);
    assert_eq!(keys.register(&a, 1, "third"), taken);
    let found = keys.lookup(&1).unwrap();
    assert_eq!((found.pid, *found.value), (a.pid(), "first"));
    assert_eq!(keys.count(), 1);
    assert_eq!(keys.keys_of(&b), Vec::<Arc<u32>>::new());
}

#[tokio::test(start_paused = true)]
async fn after_an_owners_death_every_key_of_it_is_gone_in_every_index() {
    for how in ENDS {
        for keys in [Registry::<u32, u32>::unique(), Registry::duplicate()] {
            let (dies, lives) = (idle().await, idle().await);
            for key in 0..10 {
                keys.register(&dies, key, key).unwrap();
            }
            keys.register(&lives, 10, 10).unwrap();
            end(&dies, how).await;
            assert!((0..10).all(|key| keys.lookup(&key).is_none() && keys.whereis(&key).is_none()));
            assert!((0..10).all(|key| keys.lookup_all(&key).is_empty()));
            assert_eq!(keys.keys_of(&dies), Vec::<Arc<u32>>::new());
            assert_eq!((keys.count(), keys.owners()), (1, 1));
            assert_eq!(
                keys.select(|key, pid, _| Some((*key, pid))),
                [(10, lives.pid())]
            );
        }
    }
}

#[tokio::test]
async fn an_owner_may_have_a_duplicate_key_twice_and_unregister_removes_both() {
    let keys = Registry::<&str, u32>::duplicate();
    let (a, b) = (idle().await, idle().await);
    keys.register(&a, "k", 1).unwrap();
    keys.register(&b, "k", 2).unwrap();
    keys.register(&a, "k", 3).unwrap();
    keys.register(&a, "other", 4).unwrap();
    assert_eq!(pids(&keys.lookup_all("k")), [a.pid(), b.pid(), a.pid()]);
    assert_eq!(keys.unregister(&a, "k"), 2);
    assert_eq!(keys.unregister(&a, "k"), 0);
    assert_eq!(pids(&keys.lookup_all("k")), [b.pid()]);
    assert_eq!(pids(&keys.lookup_all("other")), [a.pid()]);
}

#[tokio::test]
async fn unregister_match_removes_what_it_picks() {
    let keys = Registry::<&str, u32>::duplicate();
    let a = idle().await;
    for value in 1..=4 {
        keys.register(&a, "k", value).unwrap();
    }
    assert_eq!(keys.unregister_match(&a, "k", |value| value % 2 == 0), 2);
    let left: Vec<u32> = keys
        .lookup_all("k")
        .iter()
        .map(|entry| *entry.value)
        .collect();
    assert_eq!(left, [1, 3]);
}

#[tokio::test]
async fn dispatch_reaches_the_entries_of_the_key_and_does_not_run_for_none() {
    let keys = Registry::<&str, u32>::duplicate();
    let (a, b) = (idle().await, idle().await);
    keys.register(&a, "k", 1).unwrap();
    keys.register(&b, "k", 2).unwrap();
    keys.register(&b, "other", 3).unwrap();
    let mut reached = Vec::new();
    keys.dispatch("k", |entries| {
        reached = entries.iter().map(|e| *e.value).collect();
    });
    assert_eq!(reached, [1, 2]);
    keys.dispatch("none", |_| panic!("there is no entry"));
    b.stop().await.unwrap();
    keys.dispatch("other", |_| panic!("its owner is dead"));
}

#[tokio::test]
async fn matching_and_select_pick_entries() {
    let keys = Registry::<&str, u32>::duplicate();
    let (a, b) = (idle().await, idle().await);
    keys.register(&a, "k", 1).unwrap();
    keys.register(&b, "k", 2).unwrap();
    keys.register(&b, "other", 3).unwrap();
    assert_eq!(pids(&keys.matching("k", |value| *value > 1)), [b.pid()]);
    let mut odd = keys.select(|key, _, value| (value % 2 == 1).then_some(*key));
    odd.sort_unstable();
    assert_eq!(odd, ["k", "other"]);
}

#[tokio::test]
async fn update_by_the_owner_replaces_the_value_and_one_by_another_runs_nothing() {
    let keys = Registry::<u32, u32>::unique();
    let (owner, other) = (idle().await, idle().await);
    keys.register(&owner, 1, 10).unwrap();
    assert_eq!(
        keys.update(&owner, &1, |value| value + 1).as_deref(),
        Ok(&11)
    );
    let refused = keys.update(&other, &1, |_| panic!("not the owner's"));
    assert_eq!(refused, Err(RegisterError::NotOwner(other.pid())));
    let refused = keys.update(&owner, &2, |_| panic!("nobody's"));
    assert_eq!(refused, Err(RegisterError::NotOwner(owner.pid())));
    assert_eq!(*keys.lookup(&1).unwrap().value, 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_at_the_same_time_lose_nothing() {
    let keys = Registry::<u32, u64>::unique();
    let owner = idle().await;
    keys.register(&owner, 1, 0).unwrap();
    let updates = (0..4).map(|_| {
        let (keys, owner) = (keys.clone(), owner.clone());
        tokio::spawn(async move {
            for _ in 0..1000 {
                keys.update(&owner, &1, |value| value + 1).unwrap();
            }
        })
    });
    join_all(updates).await;
    assert_eq!(*keys.lookup(&1).unwrap().value, 4000);
}

#[tokio::test]
async fn a_dead_process_cannot_be_registered() {
    let keys = Registry::<u32>::unique();
    let lab = idle().await;
    lab.stop().await.unwrap();
    assert_eq!(
        keys.register(&lab, 1, ()),
        Err(RegisterError::NoProc(lab.pid()))
    );
    assert_eq!((keys.count(), keys.owners()), (0, 0));
    keys.register(&idle().await, 1, ()).unwrap();
}

#[tokio::test]
async fn lookups_run_in_the_caller_also_outside_of_any_runtime() {
    let keys = Registry::<u32, u32>::unique();
    let lab = idle().await;
    let pid = lab.pid();
    std::thread::spawn(move || {
        keys.register(&lab, 1, 5).unwrap();
        assert_eq!(keys.lookup(&1).unwrap().pid, pid);
        assert_eq!(*keys.update(&lab, &1, |value| value + 1).unwrap(), 6);
        assert_eq!(keys.unregister(&lab, &1), 1);
    })
    .join()
    .unwrap();
}
