//! A binary of its own, so that every table of noex's can be found empty when everybody is dead.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use noex::{
    Context, Exit, GenServer, Info, Registry, ReplyTo, ServerRef, Supervisor, Tables, WeakRef,
    process, registry,
};

const TASKS: u64 = 4;
const EACH: u64 = 50_000;

/// How a mayfly is brought to its end.
#[derive(Clone, Copy)]
enum End {
    Stopped,
    Killed,
    Fails,
    Leaves,
    /// Not yet.
    Stays,
}

const ENDS: [End; 4] = [End::Stopped, End::Killed, End::Fails, End::Leaves];

/// Lives for a moment. Linked to its family, with a timer that never fires, and in two registries.
struct Mayfly {
    held: Vec<ReplyTo<()>>,
}

struct Birth {
    number: u64,
    numbers: Registry<u64, u64>,
}

enum Call {
    Hold(ReplyTo<()>),
    End(End, ReplyTo<()>),
}

impl GenServer for Mayfly {
    type Args = Birth;
    type Call = Call;
    type Cast = End;
    type Info = ();

    async fn init(birth: Birth, cx: &mut Context<Self>) -> Result<Self, Exit> {
        birth.numbers.register(cx, birth.number, birth.number)?;
        cx.send_after(Duration::from_secs(3600), ());
        Ok(Mayfly { held: Vec::new() })
    }

    async fn handle_call(&mut self, call: Call, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match call {
            Call::Hold(reply) => self.held.push(reply),
            Call::End(End::Fails, _reply) => return Err(Exit::error("as told")),
            Call::End(_, _reply) => return Err(Exit::Normal),
        }
        Ok(())
    }

    async fn handle_cast(&mut self, end: End, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match end {
            End::Stays => Ok(()),
            End::Fails => Err(Exit::error("as told")),
            _ => Err(Exit::Normal),
        }
    }
}

/// Monitors and links to mayflies, and counts what it hears of them.
#[derive(Default)]
struct Family {
    downs: u64,
    exits: u64,
}

enum Ask {
    Adopt(ServerRef<Mayfly>, ReplyTo<()>),
    Heard(ReplyTo<(u64, u64)>),
}

impl GenServer for Family {
    type Args = ();
    type Call = Ask;
    type Cast = ();
    type Info = ();

    async fn init((): (), cx: &mut Context<Self>) -> Result<Self, Exit> {
        cx.trap_exit();
        Ok(Family::default())
    }

    async fn handle_call(&mut self, ask: Ask, cx: &mut Context<Self>) -> Result<(), Exit> {
        match ask {
            Ask::Adopt(mayfly, reply) => {
                cx.monitor(&mayfly);
                cx.link(&mayfly);
                reply.send(());
            }
            Ask::Heard(reply) => reply.send((self.downs, self.exits)),
        }
        Ok(())
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }

    async fn handle_info(&mut self, info: Info<()>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        match info {
            Info::Down(_) => self.downs += 1,
            Info::Exit(_) => self.exits += 1,
            _ => {}
        }
        Ok(())
    }
}

/// One mayfly after the other; weak refs to some of them.
async fn lives(
    task: u64,
    family: ServerRef<Family>,
    numbers: Registry<u64, u64>,
) -> Vec<WeakRef<Mayfly>> {
    let mut some = Vec::new();
    for n in 0..EACH {
        let name: Arc<str> = format!("{task}/{}", n % 10).into();
        let birth = Birth {
            number: task * EACH + n,
            numbers: numbers.clone(),
        };
        // The name is free: its last owner's DOWN has come.
        let mayfly = Mayfly::start(birth).name(name).await.unwrap();
        family
            .call(|reply| Ask::Adopt(mayfly.clone(), reply))
            .await
            .unwrap();
        let down = mayfly.monitor();
        if n % 16 < 8 {
            mayfly.cast(End::Stays).unwrap(); // from now on it has a task
            mayfly.sys().read(|_| ()).await.unwrap();
        }
        let hold = mayfly.call(Call::Hold);
        let end = ENDS[usize::try_from(n % 4).unwrap()];
        let ends = async {
            match end {
                End::Stopped => mayfly.stop().await.unwrap(),
                End::Killed => mayfly.kill(),
                end if n % 8 < 4 => mayfly.cast(end).unwrap(),
                end => drop(mayfly.call(|reply| Call::End(end, reply)).await),
            }
        };
        let (held, ()) = futures::join!(hold, ends);
        assert!(held.is_err());
        down.await;
        if n % 100 < 8 {
            some.push(mayfly.downgrade());
        }
    }
    some
}

#[test]
fn two_hundred_thousand_named_linked_and_monitored_lives_leave_every_table_empty() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let numbers = Registry::unique();
    let some = runtime.block_on(async {
        let tree = Supervisor::one_for_one()
            .child(Family::child(()))
            .start()
            .await
            .unwrap();
        let family = tree.which_children().await.unwrap()[0].pid().unwrap();
        let family = ServerRef::<Family>::from_pid(family).unwrap();
        let lives =
            (0..TASKS).map(|task| tokio::spawn(lives(task, family.clone(), numbers.clone())));
        let some: Vec<_> = join_all(lives)
            .await
            .into_iter()
            .flat_map(Result::unwrap)
            .collect();
        while family.call(Ask::Heard).await.unwrap() != (TASKS * EACH, TASKS * EACH) {
            tokio::task::yield_now().await;
        }
        let status = family.status();
        assert_eq!(
            (status.links.len(), status.monitors),
            (1, 0),
            "its supervisor's"
        );
        tree.stop().await.unwrap();
        assert_eq!(process::tables(), Tables::default());
        some
    });
    assert_eq!((numbers.count(), numbers.owners()), (0, 0));
    assert_eq!(
        (registry::global().count(), registry::global().owners()),
        (0, 0)
    );
    assert_eq!(process::list(), []);
    // Nobody holds on to the dead, not even a task of theirs that waits for ever.
    let tasks = runtime.metrics().num_alive_tasks();
    assert!(tasks < 10, "{tasks} tasks are left");
    let held = some.iter().filter(|weak| weak.upgrade().is_some()).count();
    assert_eq!(held, 0, "of {}", some.len());
}
