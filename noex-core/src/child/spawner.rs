//! The one thread that starts every child.
//!
//! The kernel ties `PR_SET_PDEATHSIG` to the thread that forked, not to the process: a child that was
//! started on a thread of a runtime would be killed when that runtime ends.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use parking_lot::Mutex;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Job {
    command: Command,
    runtime: Handle,
    done: oneshot::Sender<io::Result<Child>>,
}

fn jobs() -> io::Result<Sender<Job>> {
    static JOBS: OnceLock<Mutex<Option<Sender<Job>>>> = OnceLock::new();
    let mut jobs = JOBS.get_or_init(Mutex::default).lock();
    if let Some(jobs) = &*jobs {
        return Ok(jobs.clone());
    }
    let (sender, receiver) = channel::<Job>();
    thread::Builder::new()
        .name("noex-spawner".into())
        .spawn(move || {
            for mut job in receiver {
                let _runtime = job.runtime.enter();
                // Nobody waits any more: then the child is dropped here, which kills it.
                let _ = job.done.send(job.command.spawn());
            }
        })?;
    *jobs = Some(sender.clone());
    Ok(sender)
}

pub(super) async fn spawn(command: Command) -> io::Result<Child> {
    let (done, spawned) = oneshot::channel();
    let job = Job {
        command,
        runtime: Handle::current(),
        done,
    };
    jobs()?.send(job).map_err(io::Error::other)?;
    spawned.await.map_err(io::Error::other)?
}
