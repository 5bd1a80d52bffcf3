use std::time::Duration;

use noex::{
    Application, Ended, ExitReason, GenServer, Name, Restart, StartError, Supervisor, process,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::support::trees::Broken;
use crate::support::{Lab, LabCall, Log, Setup, ms, secs, unique};

fn named(log: &Log, id: &'static str) -> noex::Child<Lab> {
    Lab::child(Setup::new(log).named(id)).id(id)
}

#[tokio::test]
async fn it_starts_in_order_and_stops_in_reverse_when_asked() {
    let log = Log::default();
    let app = Application::new(log.clone())
        .tree(|log| {
            Supervisor::one_for_one()
                .child(named(log, "a"))
                .child(named(log, "b"))
        })
        .serve({
            let log = log.clone();
            move |stop| async move {
                log.write("serving");
                stop.await;
                log.write("served");
                Ok::<(), std::io::Error>(())
            }
        })
        .prep_stop(|log| async move { log.write("prep_stop") });
    let (stopper, signal) = (app.stopper(), app.shutdown_signal());
    let running = tokio::spawn(app.run());
    while !log.lines().contains(&"serving".into()) {
        tokio::time::sleep(ms(1)).await;
    }
    stopper.stop();
    signal.await;
    let ended = running.await.unwrap();
    assert_eq!((ended.code(), ended), (0, Ended::Stopped(None)));
    let mut lines = log.lines();
    // What is served ends beside prep_stop, before the tree.
    lines.retain(|line| line != "served");
    let expected = [
        "a: init",
        "b: init",
        "serving",
        "prep_stop",
        "b: terminate shutdown",
        "b: drop",
        "a: terminate shutdown",
        "a: drop",
    ];
    assert_eq!(lines, expected);
}

/// One request, and all that comes back until the server closes the connection.
async fn get(at: std::net::SocketAddr) -> String {
    let mut connection = tokio::net::TcpStream::connect(at).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn axum_answers_the_request_under_way_while_the_tree_still_runs_and_no_further_one() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let name = unique("behind-axum");
    let (log, child) = (Log::default(), name.clone());
    let (come, mut came) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, wait) = tokio::sync::watch::channel(false);
    let app = Application::new(log.clone())
        .tree(move |log| Supervisor::one_for_one().child(named(log, "a").name(child)))
        .serve(move |stop| async move {
            let handler = move || async move {
                come.send(()).unwrap();
                wait.clone().wait_for(|go_on| *go_on).await.unwrap();
                let lab = Name::<Lab>::new(name);
                let echo = lab.call(|reply| LabCall::Echo(17, reply)).await;
                echo.map_or_else(|error| error.to_string(), |n| n.to_string())
            };
            let router = axum::Router::new().route("/", axum::routing::get(handler));
            axum::serve(listener, router)
                .with_graceful_shutdown(stop)
                .await
        });
    let stopper = app.stopper();
    let running = tokio::spawn(app.run());
    let request = tokio::spawn(get(at));
    came.recv().await.unwrap();
    stopper.stop();
    // The door is shut; who is inside is served.
    while tokio::net::TcpStream::connect(at).await.is_ok() {
        tokio::time::sleep(ms(1)).await;
    }
    assert!(!log.lines().contains(&"a: drop".into()));
    go_on.send(true).unwrap();
    let answer = request.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("17"), "{answer}");
    assert_eq!(running.await.unwrap(), Ended::Stopped(None));
    assert!(log.lines().contains(&"a: drop".into()));
}

#[tokio::test]
async fn a_tree_that_does_not_start_is_code_1_and_leaves_nothing() {
    let (log, broken) = (Log::default(), Broken::default());
    broken.set(true);
    let ended = Application::new((log.clone(), broken))
        .tree(|(log, broken)| {
            let bad = Lab::child(broken.breaks(Setup::new(log).named("bad"))).id("bad");
            Supervisor::one_for_one().child(named(log, "a")).child(bad)
        })
        .run()
        .await;
    assert!(matches!(&ended, Ended::NotStarted(StartError::Error(_))));
    assert_eq!(ended.code(), 1);
    assert!(log.lines().contains(&"a: terminate shutdown".into()));
    let panics = Application::new(())
        .tree(|()| panic!("no tree"))
        .run()
        .await;
    assert!(matches!(panics, Ended::NotStarted(StartError::Panic(_))));
}

#[tokio::test]
async fn a_tree_that_gives_up_is_code_2() {
    let name = unique("app");
    let app = Application::new(name.clone()).tree(|name| {
        let child = Lab::child(Setup::default()).name(name.as_str());
        Supervisor::one_for_one().intensity(0, secs(5)).child(child)
    });
    let running = tokio::spawn(app.run());
    let lab = Name::<Lab>::new(name.as_str());
    lab.wait().await.unwrap();
    let _ = lab.call(LabCall::Panic).await;
    let ended = running.await.unwrap();
    assert_eq!(ended.code(), 2);
    assert_eq!(ended, Ended::TreeEnded(ExitReason::Shutdown));
}

#[tokio::test]
async fn what_is_served_and_fails_stops_the_tree_and_is_code_2() {
    let log = Log::default();
    let app = |fails: bool| {
        Application::new(log.clone())
            .tree(|log| Supervisor::one_for_one().child(named(log, "a")))
            .serve(move |_stop| async move {
                assert!(fails, "it panics");
                Err::<(), _>("the port is taken")
            })
    };
    let ended = app(true).run().await;
    assert_eq!(ended, Ended::ServeFailed("the port is taken".into()));
    assert_eq!(ended.code(), 2);
    assert!(matches!(app(false).run().await, Ended::ServeFailed(_)));
    let stops = log
        .lines()
        .iter()
        .filter(|line| line.contains("terminate"))
        .count();
    assert_eq!(stops, 2);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_in_its_grace_is_killed_with_all_below_it() {
    let log = Log::default();
    let name = unique("app");
    let app = Application::new((log.clone(), name.clone()))
        .tree(|(log, name)| {
            let stuck = Setup::new(log).named("stuck").terminate_takes(secs(3600));
            let stuck = Lab::child(stuck)
                .name(name.as_str())
                .shutdown(noex::Shutdown::Infinity);
            let inner = Supervisor::one_for_one()
                .child(named(log, "b"))
                .child(stuck);
            Supervisor::one_for_one().child(inner.as_child("inner"))
        })
        .grace(secs(2));
    let stopper = app.stopper();
    let running = tokio::spawn(app.run());
    let stuck = Name::<Lab>::new(name.as_str()).wait().await.unwrap();
    let inner = process::status(stuck.pid()).unwrap().parent.unwrap();
    let root = process::status(inner).unwrap().parent.unwrap();
    stopper.stop();
    let begin = Instant::now();
    let ended = running.await.unwrap();
    assert_eq!((ended.code(), ended), (3, Ended::GraceOver));
    assert!(begin.elapsed() < secs(4));
    for pid in [root, inner, stuck.pid()] {
        assert!(!process::alive(pid));
    }
    let below = process::list().into_iter().filter_map(process::status);
    assert!(!below.into_iter().any(|status| status.parent == Some(inner)));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_is_dropped_takes_its_tree_with_it() {
    let name = unique("app");
    let app = Application::new(name.clone()).tree(|name| {
        let child = Lab::child(Setup::default()).name(name.as_str());
        Supervisor::one_for_one().child(child.restart(Restart::Permanent))
    });
    let running = tokio::spawn(app.run());
    let lab = Name::<Lab>::new(name.as_str()).wait().await.unwrap();
    tokio::time::sleep(ms(1)).await;
    running.abort();
    let _ = running.await;
    tokio::time::sleep(secs(1)).await;
    assert!(!lab.is_alive());
}

#[test]
fn nothing_is_left_of_applications_that_were_stopped() {
    crate::support::trees::alone(
        "application::nothing_is_left_of_applications_that_were_stopped",
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
                let run = async || {
                    let app = Application::new(Log::default())
                        .tree(|log| {
                            let inner = Supervisor::one_for_one().child(named(log, "b"));
                            Supervisor::one_for_one()
                                .child(named(log, "a"))
                                .child(inner.as_child("inner"))
                        })
                        .serve(|stop| async move {
                            stop.await;
                            Ok::<(), std::io::Error>(())
                        });
                    let stopper = app.stopper();
                    let later = tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        stopper.stop();
                    });
                    assert_eq!(app.run().await.code(), 0);
                    later.await.unwrap();
                    for _ in 0..20 {
                        tokio::task::yield_now().await;
                    }
                };
                run().await;
                let (tables, before) = (process::tables(), tasks());
                for _ in 0..20 {
                    run().await;
                }
                assert_eq!(process::tables(), tables);
                assert!(tasks() <= before);
            });
        },
    );
}

/// With a child process that gets real signals.
mod signals {
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt, BufReader, Lines};
    use tokio::process::{Child, ChildStdout, Command};

    use super::*;
    use crate::support::soon;

    /// The body of the child process: it says `up`, and its one server takes so long to stop.
    fn program(stopping_takes: Duration) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let ended = runtime.block_on(
            Application::new(())
                .tree(move |()| {
                    let lab = Setup::default().terminate_takes(stopping_takes);
                    Supervisor::one_for_one()
                        .child(Lab::child(lab).shutdown(noex::Shutdown::Infinity))
                })
                .serve(|stop| async {
                    println!("up");
                    stop.await;
                    println!("stopping");
                    Ok::<(), std::io::Error>(())
                })
                .grace(secs(2))
                .run(),
        );
        println!("left {}", process::tables().processes);
        std::process::exit(i32::from(ended.code()));
    }

    const TAKES: &str = "NOEX_TEST_STOPPING_TAKES";

    /// Not a test of its own: what the others start.
    #[test]
    fn program_that_gets_signals() {
        if let Some(takes) = std::env::var_os(TAKES) {
            program(ms(takes.to_str().unwrap().parse().unwrap()));
        }
    }

    struct Program {
        child: Child,
        lines: Lines<BufReader<ChildStdout>>,
    }

    impl Program {
        async fn start(takes: &str) -> Self {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "--nocapture",
                    "application::signals::program_that_gets_signals",
                ])
                .env(TAKES, takes)
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut program = Program { child, lines };
            program.says("up").await;
            program
        }

        async fn says(&mut self, what: &str) {
            loop {
                let line = soon(self.lines.next_line()).await.unwrap();
                if line
                    .unwrap_or_else(|| panic!("it never says {what}"))
                    .ends_with(what)
                {
                    return;
                }
            }
        }

        async fn signal(&self, which: &str) {
            let pid = self.child.id().unwrap().to_string();
            let sent = Command::new("kill")
                .args(["-s", which, pid.as_str()])
                .status()
                .await;
            assert!(sent.unwrap().success());
        }

        /// Its exit code. Nothing of its tree was left.
        async fn ends(mut self) -> Option<i32> {
            self.says("left 0").await;
            soon(self.child.wait()).await.unwrap().code()
        }
    }

    #[tokio::test]
    async fn sigterm_and_sigint_stop_it_in_order() {
        for which in ["TERM", "INT"] {
            let program = Program::start("10").await;
            program.signal(which).await;
            assert_eq!(program.ends().await, Some(0));
        }
    }

    #[tokio::test]
    async fn a_second_signal_forces_it() {
        for (which, code) in [("TERM", 143), ("INT", 130)] {
            let mut program = Program::start("60000").await;
            program.signal("TERM").await;
            program.says("stopping").await;
            program.signal(which).await;
            assert_eq!(program.ends().await, Some(code));
        }
    }

    #[tokio::test]
    async fn when_the_grace_is_over_it_is_killed() {
        let program = Program::start("60000").await;
        program.signal("TERM").await;
        assert_eq!(program.ends().await, Some(3));
    }
}
