//! The run cell as loom sees it: every interleaving of those who send to a process, run it and
//! wake it, over the real scheduling word and the real mailbox.
//!
//! The loop is played by a few lines that keep to the order of steps of `run` and `serve`. A driver
//! that has to be woken is played by whoever has to wake it: a tokio task
//! may run on any thread, at any time from then on.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use super::mailbox::{Batch, Full, Mailbox, Posted, Queue, Refill};
use super::sched::{Acquired, Driver, Runner, Sched};

struct Process {
    sched: Sched,
    queue: Queue<u32, ()>,
    /// Somebody runs the loop: never two.
    inside: AtomicBool,
    handled: AtomicUsize,
    /// The handler that is waiting, if one is, has been given what it waits for.
    granted: AtomicBool,
    waiting: AtomicBool,
}

/// What the handler of a message that is handed over does.
#[derive(Clone, Copy, PartialEq)]
enum Handler {
    Returns,
    Waits,
}

impl Process {
    /// An idle server.
    fn parked() -> Arc<Self> {
        let process = Process {
            sched: Sched::new(),
            queue: Queue::new(Mailbox::default()),
            inside: AtomicBool::new(false),
            handled: AtomicUsize::new(0),
            granted: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
        };
        assert_eq!(process.queue.refill(&mut Batch::new()), Refill::Parked);
        Arc::new(process)
    }

    fn cast(&self) {
        match self.queue.post(1, Full::ByPolicy, |message| message) {
            Ok(Posted::Wake) => self.notify(),
            Ok(_) => {}
            Err(_) => panic!("there is room"),
        }
    }

    fn notify(&self) {
        if self.sched.notify() {
            self.drive();
        }
    }

    /// The driver's task, which has been woken.
    fn drive(&self) {
        while self.sched.acquire(Runner::Driver) == Acquired::Yes {
            self.run(None);
            if !self.sched.release() {
                break;
            }
        }
    }

    /// A caller: hands its message over if it may, and posts it otherwise.
    fn call(&self, handler: Handler) {
        if !self.queue.is_parked() || self.sched.acquire(Runner::Caller) != Acquired::Yes {
            return self.cast();
        }
        let handed_over = self.queue.is_parked();
        if handed_over {
            self.run(Some(handler));
        }
        if self.sched.release() {
            self.drive();
        }
        if !handed_over {
            self.cast();
        }
    }

    fn run(&self, first: Option<Handler>) {
        assert!(!self.inside.swap(true, Ordering::Relaxed), "two run it");
        self.poll(first);
        assert!(self.inside.swap(false, Ordering::Relaxed));
    }

    fn poll(&self, first: Option<Handler>) {
        let waiting = self.waiting.load(Ordering::Relaxed);
        assert!(first.is_none() || !waiting, "handed to a busy server");
        let mut look = first.is_none();
        if let Some(handler) = first {
            if handler == Handler::Waits {
                self.waiting.store(true, Ordering::Relaxed);
                self.queue.unpark();
                return;
            }
            self.handle();
            look = self.sched.take_notification();
        }
        if self.waiting.load(Ordering::Relaxed) {
            if !self.granted.load(Ordering::Acquire) {
                return;
            }
            self.waiting.store(false, Ordering::Relaxed);
            self.handle();
        }
        let mut batch = Batch::new();
        while look && self.queue.refill(&mut batch) == Refill::Filled {
            while batch.pop_front().is_some() {
                self.queue.took_one();
                self.handle();
            }
        }
    }

    fn handle(&self) {
        let handled = self.handled.load(Ordering::Relaxed);
        self.handled.store(handled + 1, Ordering::Relaxed);
    }
}

fn side_by_side(process: &Arc<Process>, parts: Vec<Box<dyn FnOnce(&Process) + Send>>) {
    let parts: Vec<_> = parts
        .into_iter()
        .map(|part| {
            let process = process.clone();
            thread::spawn(move || part(&process))
        })
        .collect();
    for part in parts {
        part.join().expect("no panic");
    }
}

#[test]
fn what_two_senders_post_is_handled_whoever_is_first() {
    loom::model(|| {
        let process = Process::parked();
        side_by_side(
            &process,
            vec![
                Box::new(|process| process.cast()),
                Box::new(|process| process.cast()),
            ],
        );
        assert_eq!(process.handled.load(Ordering::Relaxed), 2);
        assert!(process.queue.is_parked());
    });
}

#[test]
fn a_message_that_is_handed_over_and_one_that_is_posted_are_both_handled() {
    loom::model(|| {
        let process = Process::parked();
        side_by_side(
            &process,
            vec![
                Box::new(|process| process.call(Handler::Returns)),
                Box::new(|process| process.cast()),
            ],
        );
        assert_eq!(process.handled.load(Ordering::Relaxed), 2);
        assert!(process.queue.is_parked());
    });
}

#[test]
fn two_callers_never_run_it_side_by_side_and_both_are_served() {
    loom::model(|| {
        let process = Process::parked();
        side_by_side(
            &process,
            vec![
                Box::new(|process| process.call(Handler::Returns)),
                Box::new(|process| process.call(Handler::Returns)),
            ],
        );
        assert_eq!(process.handled.load(Ordering::Relaxed), 2);
        assert!(process.queue.is_parked());
    });
}

#[test]
fn nothing_is_handed_to_a_server_whose_handler_waits_and_all_is_handled_when_it_is_woken() {
    loom::model(|| {
        let process = Process::parked();
        side_by_side(
            &process,
            vec![
                Box::new(|process| {
                    process.call(Handler::Waits);
                    process.granted.store(true, Ordering::Release);
                    process.notify();
                }),
                Box::new(|process| process.call(Handler::Returns)),
            ],
        );
        assert_eq!(process.handled.load(Ordering::Relaxed), 2);
        assert!(process.queue.is_parked());
    });
}

#[test]
fn who_notifies_before_the_driver_can_be_woken_is_seen_by_its_first_look() {
    loom::model(|| {
        let process = Process::parked();
        assert_eq!(process.sched.driver(), Driver::Spawn);
        let waker = Arc::new(AtomicBool::new(false));
        let (driver, sender) = (process.clone(), process.clone());
        let known = waker.clone();
        let driver = thread::spawn(move || {
            known.store(true, Ordering::Release);
            driver.sched.driver_is_up();
            driver.drive();
        });
        let sender = thread::spawn(move || {
            let posted = sender.queue.post(1, Full::ByPolicy, |message| message);
            if matches!(posted, Ok(Posted::Wake)) && sender.sched.notify() {
                assert_eq!(sender.sched.driver(), Driver::Wake);
                if waker.load(Ordering::Acquire) {
                    sender.drive();
                }
            }
        });
        driver.join().expect("no panic");
        sender.join().expect("no panic");
        assert_eq!(process.handled.load(Ordering::Relaxed), 1);
    });
}
