use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{join_all, pending};
use noex::{
    CallError, Context, Exit, ExitReason, GenServer, LookupError, Name, Pid, Registry, SendFailure,
    StartError, Supervisor, registry,
};

use super::{Other, idle};
use crate::support::trees::{Broken, End, end, quiet, soon, worker};
use crate::support::{Lab, LabCall, LabCast, Log, Setup, ms, unique};

#[tokio::test(start_paused = true)]
async fn a_dead_process_is_gone_from_the_global_registry() {
    let (name, second) = (unique("gone"), unique("gone"));
    let lab = Lab::start(Setup::default())
        .name(name.as_str())
        .await
        .unwrap();
    registry::register(second.as_str(), &lab).unwrap();
    let mine = || {
        let mut all = registry::registered();
        all.retain(|known| **known == *name || **known == *second);
        all.len()
    };
    assert_eq!(mine(), 2);
    assert_eq!(registry::whereis(&second), Some(lab.pid()));
    lab.stop().await.unwrap();
    assert_eq!(mine(), 0);
    assert_eq!(registry::whereis(&name), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_free_when_the_down_of_its_owner_arrives() {
    soon(async {
        let name = unique("free-at-down");
        for round in 0..500 {
            let lab = Lab::start(Setup::default())
                .name(name.as_str())
                .await
                .unwrap();
            let down = lab.monitor();
            match round % 3 {
                0 => lab.kill(),
                1 => drop(lab.call(LabCall::Panic).await),
                _ => lab.stop().await.unwrap(),
            }
            if round % 3 == 0 {
                down.await;
            }
            assert_eq!(registry::whereis(&name), None, "round {round}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whoever_hears_a_down_or_an_exit_in_a_handler_finds_the_name_free() {
    let name = unique("free-at-exit");
    let (found, log) = (Arc::new(AtomicUsize::new(0)), Log::default());
    let heir = Heir::start((name.clone(), found.clone())).await.unwrap();
    for _ in 0..2 {
        let lab = Lab::start(Setup::new(&log))
            .name(name.as_str())
            .await
            .unwrap();
        heir.cast(lab.pid()).unwrap();
        quiet().await;
        end(&lab, End::Kill).await;
    }
    assert_eq!(found.load(Ordering::SeqCst), 4, "a DOWN and an EXIT, twice");
}

/// Watches and links to whom it is told to, and counts how often it can take the name when it
/// hears of an end.
struct Heir(String, Arc<AtomicUsize>);

impl GenServer for Heir {
    type Args = (String, Arc<AtomicUsize>);
    type Call = ();
    type Cast = Pid;
    type Info = ();

    async fn init((name, found): Self::Args, cx: &mut Context<Self>) -> Result<Self, Exit> {
        cx.trap_exit();
        Ok(Heir(name, found))
    }

    async fn handle_call(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_cast(&mut self, pid: Pid, cx: &mut Context<Self>) -> Result<(), Exit> {
        cx.monitor(pid);
        cx.link(pid);
        Ok(())
    }

    async fn handle_info(&mut self, _: noex::Info<()>, cx: &mut Context<Self>) -> Result<(), Exit> {
        registry::register(self.0.as_str(), cx)?;
        registry::unregister(&self.0, cx);
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn a_name_taken_in_a_registry_that_is_started_via_is_already_started() {
    let (keys, log) = (Registry::<u32>::unique(), Log::default());
    let first = Lab::start(Setup::new(&log)).via(&keys, 7).await.unwrap();
    let second = Lab::start(Setup::new(&log)).via(&keys, 7).await;
    assert!(matches!(second, Err(StartError::AlreadyStarted(pid)) if pid == first.pid()));
    assert_eq!(log.lines(), ["init"], "the second init did not run");
    assert_eq!(keys.whereis(&7), Some(first.pid()));
    let name = Name::<Lab>::via(&keys, 7);
    assert_eq!(name.call(|reply| LabCall::Echo(3, reply)).await, Ok(3));
    first.stop().await.unwrap();
    let valued = Registry::<u32, &str>::unique();
    Lab::start(Setup::default())
        .via_with(&valued, 7, "v")
        .await
        .unwrap();
    assert_eq!(*valued.lookup(&7).unwrap().value, "v");
}

#[tokio::test]
async fn starting_via_a_registry_of_duplicate_keys_is_refused() {
    let (keys, log) = (Registry::<u32>::duplicate(), Log::default());
    let refused = Lab::start(Setup::new(&log)).via(&keys, 7).await;
    assert!(matches!(refused, Err(StartError::InvalidOption { .. })));
    assert_eq!((log.lines().len(), keys.count()), (0, 0));
}

#[tokio::test]
async fn a_supervised_child_via_a_registry_keeps_its_key_over_restarts() {
    let keys = Registry::<u32>::unique();
    let tree = Supervisor::one_for_one()
        .child(Lab::child(Setup::default()).via(&keys, 7))
        .start()
        .await
        .unwrap();
    let before = keys.wait_for(&7).await;
    let down = noex::process::monitor(before);
    noex::process::kill(before);
    down.await;
    assert_ne!(keys.wait_for(&7).await, before);
    assert_eq!(tree.which_children().await.unwrap()[0].id, "7");
}

#[tokio::test]
async fn a_wrong_type_is_an_error_of_its_own() {
    let name = unique("wrong-type");
    let other = Other::start(()).name(name.as_str()).await.unwrap();
    let wrong = Name::<Lab>::new(name.as_str());
    let Err(LookupError::WrongType {
        pid,
        expected,
        found,
        ..
    }) = wrong.lookup()
    else {
        panic!("{:?}", wrong.lookup());
    };
    assert_eq!(pid, other.pid());
    assert!(expected.ends_with("Lab") && found.ends_with("Other"));
    let call = wrong.call(|reply| LabCall::Echo(1, reply)).await;
    assert!(matches!(call, Err(CallError::WrongType { .. })));
    let cast = wrong.cast(LabCast::Note(1)).unwrap_err();
    assert!(matches!(cast.failure(), SendFailure::WrongType { .. }));
    assert!(matches!(
        wrong.wait().await,
        Err(LookupError::WrongType { .. })
    ));
    assert!(matches!(
        registry::lookup::<Lab>(&name),
        Err(LookupError::WrongType { .. })
    ));
    let keys = Registry::<u32>::unique();
    keys.register(&other, 1, ()).unwrap();
    assert!(matches!(
        keys.server::<Lab>(&1),
        Err(LookupError::WrongType { .. })
    ));
    assert!(matches!(
        keys.server::<Lab>(&2),
        Err(LookupError::NotFound { .. })
    ));
    assert_eq!(keys.server::<Other>(&1), Ok(other));
}

#[tokio::test]
async fn a_name_survives_the_restarts_of_its_holder() {
    let name = unique("survives");
    let by_name = Name::<Lab>::new(name.as_str());
    let _tree = Supervisor::one_for_one()
        .unlimited_restarts()
        .child(worker(&Log::default(), "a").name(name.as_str()))
        .start()
        .await
        .unwrap();
    for _ in 0..100 {
        let holder = by_name.wait().await.unwrap();
        assert_eq!(by_name.call(LabCall::Pid).await, Ok(holder.pid()));
        let down = holder.monitor();
        holder.kill();
        down.await;
    }
}

#[tokio::test]
async fn a_name_remembers_its_holder_only_while_that_registration_stands() {
    let name = unique("remembers");
    let by_name = Name::<Lab>::new(name.as_str());
    let (a, b) = (idle().await, idle().await);
    let ask = || by_name.call(LabCall::Pid);
    registry::register(name.as_str(), &a).unwrap();
    assert_eq!(ask().await, Ok(a.pid()));
    assert!(registry::unregister(&name, &a));
    assert!(!registry::unregister(&name, &a));
    assert!(
        matches!(ask().await, Err(CallError::NotRegistered { .. })),
        "it lives, but not here"
    );
    registry::register(name.as_str(), &b).unwrap();
    assert_eq!(ask().await, Ok(b.pid()));
    b.stop().await.unwrap();
    assert!(matches!(ask().await, Err(CallError::NotRegistered { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_has_one_living_owner_at_most_and_a_dead_one_blocks_nobody() {
    soon(async {
        static ALIVE: AtomicUsize = AtomicUsize::new(0);

        struct Only;
        impl GenServer for Only {
            type Args = ();
            type Call = noex::ReplyTo<()>;
            type Cast = ();
            type Info = ();
            async fn init((): (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
                assert_eq!(ALIVE.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
                Ok(Only)
            }
            async fn handle_call(
                &mut self,
                reply: Self::Call,
                _: &mut Context<Self>,
            ) -> Result<(), Exit> {
                reply.send(());
                Ok(())
            }
            async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
                Err(Exit::Normal)
            }
        }
        impl Drop for Only {
            fn drop(&mut self) {
                ALIVE.fetch_sub(1, Ordering::SeqCst);
            }
        }

        let name = unique("contended");
        let tasks = (0..8).map(|task| {
            let name = name.clone();
            tokio::spawn(async move {
                let mut started = 0;
                for round in 0..400 {
                    // Somebody else may be first, or kill it in its init.
                    started += usize::from(Only::start(()).name(name.as_str()).await.is_ok());
                    let Ok(holder) = registry::lookup::<Only>(&name) else {
                        continue;
                    };
                    match (round + task) % 3 {
                        0 => holder.kill(),
                        1 => drop(holder.cast(())),
                        _ => drop(holder.call(|reply| reply).await),
                    }
                }
                started
            })
        });
        let started: usize = join_all(tasks).await.into_iter().map(Result::unwrap).sum();
        assert!(started > 8, "{started}");
        if let Ok(last) = registry::lookup::<Only>(&name) {
            let _ = last.stop().await;
        }
        Only::start(())
            .name(name.as_str())
            .await
            .unwrap()
            .stop()
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_killed_by_who_finds_its_name_says_that_it_was_killed() {
    soon(async {
        let name = unique("killed-by-name");
        let here = Arc::new(());
        let (wanted, test) = (name.clone(), Arc::downgrade(&here));
        std::thread::spawn(move || {
            while test.strong_count() > 0 {
                if let Some(pid) = registry::whereis(&wanted) {
                    noex::process::kill(pid);
                }
            }
        });
        let mut other = Vec::new();
        for _ in 0..5000 {
            match Lab::start(Setup::default()).name(name.as_str()).await {
                Ok(lab) => drop(lab.monitor().await),
                Err(StartError::Exited(ExitReason::Killed)) => {}
                Err(error) => other.push(format!("{error:?}")),
            }
        }
        drop(here);
        other.dedup();
        assert_eq!(other, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_has_given_its_name_back_when_the_starter_hears_of_it() {
    let (keys, broken) = (Registry::<u32>::unique(), Broken::default());
    broken.set(true);
    let panics = Setup::default().init(|_cx| Box::pin(async { panic!("no") }));
    let declines = Setup::default().init(|_cx| Box::pin(async { Err(Exit::Ignore) }));
    let hangs = Setup::default().init(|_cx| Box::pin(pending()));
    for setup in [broken.breaks(Setup::default()), panics, declines, hangs] {
        Lab::start(setup)
            .via(&keys, 1)
            .timeout(ms(10))
            .await
            .unwrap_err();
        assert_eq!((keys.count(), keys.owners()), (0, 0));
    }
}
