//! Servers that wait for each other: a call that closes a circle fails, and no other.

use std::sync::Arc;

use futures::future::join_all;
use noex::{
    CallError, CallersRun, Context, Exit, GenServer, Mailbox, Name, ReplyTo, ServerRef, StopError,
};
use tokio::sync::{Barrier, oneshot};
use tokio::time::{sleep, timeout};

use crate::job;
use crate::support::{
    Job, Lab, LabCall, LabCast, LabExt, Setup, lab, ms, poll_now, secs, settle, soon, unique,
};

use super::{BOTH, deadlock, labs};

#[tokio::test(start_paused = true)]
async fn a_server_that_calls_itself_by_ref_or_name_fails_at_once_and_lives() {
    let name = Name::<Lab>::new(unique("self"));
    let lab = Lab::start(Setup::default())
        .name(name.as_str())
        .await
        .unwrap();
    let myself = name.clone();
    lab.run(job!(|_lab, cx| {
        let by_ref = cx.myself().echo(1).no_timeout().await;
        let by_name = myself
            .call(|reply| LabCall::Echo(1, reply))
            .no_timeout()
            .await;
        assert_eq!(
            (by_ref, by_name),
            (Err(CallError::CallingSelf), Err(CallError::CallingSelf))
        );
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(lab.echo(1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_may_call_itself_from_a_task() {
    let (lab, log) = lab().await;
    lab.run(job!(|_lab, cx| {
        let myself = cx.myself();
        cx.spawn(async move { myself.echo(7).no_timeout().await.unwrap() });
        Ok(())
    }))
    .await
    .unwrap();
    settle().await;
    assert_eq!(log.lines(), ["init", "task 7"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_pair_that_calls_each_other_the_inner_call_fails_and_the_outer_is_answered() {
    for callers_run in BOTH {
        let [a, b] = labs(callers_run).await;
        let a2 = a.clone();
        a.run(job!(|_a, cx| {
            let circle = [cx.pid(), b.pid()];
            b.run(job!(|_b, _cx| {
                assert_eq!(a2.echo(1).no_timeout().await, deadlock(&circle));
                Ok(())
            }))
            .no_timeout()
            .await?;
            Ok(())
        }))
        .await
        .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_that_closes_a_ring_of_three_fails_and_names_it() {
    for callers_run in BOTH {
        let [a, b, c] = labs(callers_run).await;
        let circle = [a.pid(), b.pid(), c.pid()];
        let a2 = a.clone();
        let in_c = job!(|_c, _cx| {
            assert_eq!(a2.echo(1).no_timeout().await, deadlock(&circle));
            Ok(())
        });
        let in_b = job!(|_b, _cx| { Ok(c.run(in_c).no_timeout().await?) });
        let in_a = job!(|_a, _cx| { Ok(b.run(in_b).no_timeout().await?) });
        a.run(in_a).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_circle_is_found_when_the_one_called_is_busy_for_somebody_else() {
    for callers_run in BOTH {
        let [a, b] = labs(callers_run).await;
        let both_in = Arc::new(Barrier::new(2));
        let (a2, b2, in_a) = (a.clone(), b.clone(), both_in.clone());
        // Somebody else has b call a, which waits for b by then.
        let b_calls_a = b.run(job!(|_b, cx| {
            both_in.wait().await;
            settle().await;
            let circle = [a2.pid(), cx.pid()];
            assert_eq!(a2.echo(1).no_timeout().await, deadlock(&circle));
            Ok(())
        }));
        let a_calls_b = a.run(job!(|_a, _cx| {
            in_a.wait().await;
            assert_eq!(b2.echo(2).no_timeout().await, Ok(2));
            Ok(())
        }));
        assert_eq!(tokio::join!(b_calls_a, a_calls_b), (Ok(()), Ok(())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_circle_through_one_of_joint_calls_is_found() {
    for callers_run in BOTH {
        let [a, b, c] = labs(callers_run).await;
        let circle = [a.pid(), c.pid()];
        let a2 = a.clone();
        a.run(job!(|_a, _cx| {
            let in_c = job!(|_c, _cx| {
                settle().await;
                assert_eq!(a2.echo(1).no_timeout().await, deadlock(&circle));
                Ok(())
            });
            let wait = job!(|_b, _cx| {
                settle().await;
                Ok(())
            });
            let both = tokio::join!(b.run(wait).no_timeout(), c.run(in_c).no_timeout());
            assert_eq!(both, (Ok(()), Ok(())));
            Ok(())
        }))
        .await
        .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_circle_among_those_that_are_called_jointly_is_found() {
    for callers_run in BOTH {
        let [a, b, c] = labs(callers_run).await;
        a.run(job!(|_a, _cx| {
            let (b2, c2) = (b.clone(), c.clone());
            let circle = [c.pid(), b.pid()];
            let in_b = job!(|_b, _cx| {
                settle().await;
                // c waits for b by now.
                assert_eq!(c2.echo(1).no_timeout().await, deadlock(&circle));
                Ok(())
            });
            let in_c = job!(|_c, _cx| {
                assert_eq!(b2.echo(2).no_timeout().await, Ok(2));
                Ok(())
            });
            let both = tokio::join!(b.run(in_b).no_timeout(), c.run(in_c).no_timeout());
            assert_eq!(both, (Ok(()), Ok(())));
            Ok(())
        }))
        .await
        .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn joint_calls_to_servers_that_call_each_other_in_one_direction_are_no_circle() {
    for callers_run in BOTH {
        let [a, b, c] = labs(callers_run).await;
        a.run(job!(|_a, _cx| {
            let c2 = c.clone();
            let in_b = job!(|_b, _cx| {
                settle().await;
                assert_eq!(c2.echo(1).no_timeout().await, Ok(1));
                Ok(())
            });
            let in_c = job!(|_c, _cx| {
                settle().await;
                Ok(())
            });
            let calls = tokio::join!(b.run(in_b), c.run(in_c), b.echo(2), c.echo(3));
            assert_eq!(calls, (Ok(()), Ok(()), Ok(2), Ok(3)));
            Ok(())
        }))
        .await
        .unwrap();
    }
}

/// Has `b` answer `a`'s call in the way that `answer` says, and then call `a` from the same handler.
async fn call_back_after(
    callers_run: CallersRun,
    answer: fn(ReplyTo<u32>),
) -> (Result<u32, CallError>, Result<u32, CallError>) {
    let [a, b] = labs(callers_run).await;
    let (told, tell) = oneshot::channel();
    let (a2, b2) = (a.clone(), b.clone());
    let asks = a.run(job!(|a, _cx| {
        let b3 = b2.clone();
        let held = b2.call(LabCall::Hold).no_timeout();
        let call_back = job!(|b, _cx| {
            answer(b.held.remove(0));
            told.send(a2.echo(1).no_timeout().await).unwrap();
            Ok(())
        });
        // In b's mailbox behind the call.
        tokio::spawn(async move {
            settle().await;
            b3.cast(LabCast::Run(call_back)).unwrap();
        });
        a.number = held.await.unwrap_or(99);
        Ok(())
    }));
    let called_back = async { tell.await.unwrap() };
    let (asked, called_back) = tokio::join!(asks, called_back);
    asked.unwrap();
    (a.sys().read(|a| Ok(a.number)).await.unwrap(), called_back)
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_its_reply_is_sent_dropped_or_handed_to_a_task() {
    for callers_run in BOTH {
        let sent = call_back_after(callers_run, |port| port.send(7)).await;
        assert_eq!(sent, (Ok(7), Ok(1)));
        let dropped = call_back_after(callers_run, drop).await;
        assert_eq!(dropped, (Ok(99), Ok(1)));
        let handed_on = call_back_after(callers_run, |port| {
            let port = port.detach();
            tokio::spawn(async {
                sleep(secs(1)).await;
                port.send(7);
            });
        });
        assert_eq!(handed_on.await, (Ok(7), Ok(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_its_call_times_out_or_is_dropped() {
    for callers_run in BOTH {
        for by_drop in [false, true] {
            let [a, b] = labs(callers_run).await;
            let a2 = a.clone();
            let (told, tell) = oneshot::channel();
            let in_b = job!(|_b, _cx| {
                sleep(secs(2)).await;
                told.send(a2.echo(1).no_timeout().await).unwrap();
                Ok(())
            });
            let mut asks = a.run(job!(|_a, _cx| {
                if by_drop {
                    let call = timeout(secs(1), b.run(in_b).no_timeout());
                    assert!(call.await.is_err());
                } else {
                    assert!(b.run(in_b).timeout(secs(1)).await.is_err());
                }
                sleep(secs(2)).await; // b calls meanwhile
                Ok(())
            }));
            assert!(poll_now(&mut asks).is_pending());
            assert_eq!(tell.await, Ok(Ok(1)));
            assert_eq!(asks.await, Ok(()));
        }
    }
}

/// All are in a handler when each calls the next, and the last the first. How many fail?
async fn collide(ring: &[ServerRef<Lab>]) -> usize {
    let all_in = Arc::new(Barrier::new(ring.len()));
    let calls = ring.iter().enumerate().map(|(n, lab)| {
        let (next, all_in) = (ring[(n + 1) % ring.len()].clone(), all_in.clone());
        let (told, tell) = oneshot::channel();
        let job = job!(|_lab, _cx| {
            all_in.wait().await;
            told.send(next.echo(1).no_timeout().await).unwrap();
            Ok(())
        });
        async move {
            lab.run(job).await.unwrap();
            tell.await.unwrap()
        }
    });
    let mut failed = 0;
    for outcome in join_all(calls).await {
        match outcome {
            Ok(1) => {}
            Err(CallError::Deadlock(circle)) => {
                assert_eq!(circle.len(), ring.len());
                failed += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    failed
}

#[tokio::test(start_paused = true)]
async fn of_calls_that_close_a_circle_exactly_one_fails() {
    for callers_run in BOTH {
        let ring: [_; 3] = labs(callers_run).await;
        assert_eq!(collide(&ring[..2]).await, 1);
        assert_eq!(collide(&ring).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_calls_that_race_to_close_a_circle_exactly_one_fails() {
    for callers_run in BOTH {
        let ring: [_; 3] = labs(callers_run).await;
        for _ in 0..100 {
            assert_eq!(collide(&ring[..2]).await, 1);
            assert_eq!(collide(&ring).await, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_pair_on_several_threads_it_is_always_the_inner_call_that_fails() {
    for callers_run in BOTH {
        let [a, b] = labs(callers_run).await;
        for _ in 0..200 {
            let (a2, b2) = (a.clone(), b.clone());
            let pair = a.run(job!(|_a, cx| {
                let circle = [cx.pid(), b2.pid()];
                let in_b = job!(|_b, _cx| {
                    assert_eq!(a2.echo(1).no_timeout().await, deadlock(&circle));
                    Ok(())
                });
                assert_eq!(b2.run(in_b).no_timeout().await, Ok(()));
                Ok(())
            }));
            assert_eq!(pair.await, Ok(()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_starter_and_an_init_that_calls_it_are_a_circle() {
    for callers_run in BOTH {
        let (a, _) = lab().await;
        let a2 = a.clone();
        a.run(job!(|_a, cx| {
            let starter = cx.pid();
            let setup = Setup::default().init(move |cx| {
                let a = a2.clone();
                Box::pin(async move {
                    let call = a.echo(1).no_timeout().await;
                    assert_eq!(call, deadlock(&[starter, cx.pid()]));
                    Ok(())
                })
            });
            Lab::start(setup).callers_run(callers_run).await.unwrap();
            Ok(())
        }))
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_starter_and_an_init_that_calls_it_on_another_thread_are_a_circle() {
    let (a, _) = lab().await;
    for _ in 0..200 {
        let a2 = a.clone();
        let start = a.run(job!(|_a, _cx| {
            let setup = Setup::default().init(move |_cx| {
                let a = a2.clone();
                Box::pin(async move {
                    let call = a.echo(1).no_timeout().await;
                    assert!(matches!(call, Err(CallError::Deadlock(_))));
                    Ok(())
                })
            });
            let start = Lab::start(setup).callers_run(CallersRun::Never);
            let child = start.timeout(ms(500)).await;
            assert!(child.is_ok(), "{child:?}");
            Ok(())
        }));
        assert_eq!(start.await, Ok(()));
    }
}

/// Has another server answer its calls, and then call somebody.
struct Relay {
    answerer: ServerRef<Lab>,
    then: ServerRef<Lab>,
}

impl GenServer for Relay {
    type Args = (ServerRef<Lab>, ServerRef<Lab>);
    type Call = ReplyTo<u32>;
    type Cast = ();
    type Info = ();

    async fn init((answerer, then): Self::Args, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Relay { answerer, then })
    }

    async fn handle_call(
        &mut self,
        reply: ReplyTo<u32>,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        let then = self.then.clone();
        let answer = job!(|_answerer, _cx| {
            reply.send(7);
            assert_eq!(then.echo(1).no_timeout().await, Ok(1));
            Ok(())
        });
        Ok(self.answerer.run(answer).no_timeout().await?)
    }

    async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_its_reply_is_sent_by_another_server() {
    for callers_run in BOTH {
        let [a, c] = labs(callers_run).await;
        let relay = Relay::start((c.clone(), a.clone())).callers_run(callers_run);
        let relay = relay.await.unwrap();
        let b = relay.clone();
        let run = a.run(job!(|_a, _cx| {
            assert_eq!(b.call(|reply| reply).await, Ok(7));
            Ok(())
        }));
        assert_eq!(run.await, Ok(()));
        // What it called for has been answered, too.
        assert_eq!(soon(relay.stop().no_timeout()).await, Ok(()));
        assert!(c.is_alive());
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_each_other_is_a_circle() {
    for callers_run in BOTH {
        let [a, b] = labs(callers_run).await;
        let a2 = a.clone();
        a.run(job!(|_a, _cx| {
            let circle = vec![a2.pid(), b.pid()];
            b.run(job!(|_b, _cx| {
                assert_eq!(
                    a2.stop().no_timeout().await,
                    Err(StopError::Deadlock(circle))
                );
                Ok(())
            }))
            .await?;
            Ok(())
        }))
        .await
        .unwrap();
        assert_eq!(a.echo(1).await, Ok(1), "nobody stopped it");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_at_each_other_is_a_circle() {
    let (a, _) = lab().await;
    let b = Lab::start(Setup::default())
        .mailbox(Mailbox::bounded(1))
        .await
        .unwrap();
    let (a2, b2) = (a.clone(), b.clone());
    let ((told, tell), (go, gone)) = (oneshot::channel(), oneshot::channel());
    let in_b = job!(|_b, _cx| {
        gone.await?;
        told.send(a2.echo(1).no_timeout().await).unwrap();
        Ok(())
    });
    b.cast(LabCast::Run(in_b)).unwrap();
    settle().await;
    b.cast(LabCast::Note(1)).unwrap();
    let circle = [a.pid(), b.pid()];
    a.run(job!(|_a, _cx| {
        go.send(()).unwrap();
        assert!(b2.cast_wait(LabCast::Note(2)).await.is_ok());
        Ok(())
    }))
    .await
    .unwrap();
    assert_eq!(tell.await.unwrap(), deadlock(&circle));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_server_that_is_busy_with_a_chain_of_calls_is_no_circle() {
    for callers_run in BOTH {
        let [a, b, c, d] = labs(callers_run).await;
        let (b2, c2, c3) = (b.clone(), c.clone(), c.clone());
        let chain = job!(|_a, _cx| {
            let in_b = job!(|_b, _cx| {
                assert_eq!(c2.slow(secs(1), 1).await, Ok(1));
                Ok(())
            });
            Ok(b2.run(in_b).await?)
        });
        let onlooker = job!(|_d, _cx| {
            assert_eq!(tokio::join!(c3.echo(1), b.echo(2)), (Ok(1), Ok(2)));
            Ok(())
        });
        assert_eq!(
            tokio::join!(a.run(chain), d.run(onlooker)),
            (Ok(()), Ok(()))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_calls_deeper_than_any_stack_is_answered() {
    fn chain(mut labs: Vec<ServerRef<Lab>>) -> Job {
        job!(|_lab, _cx| {
            if let Some(next) = labs.pop() {
                next.run(chain(labs)).await?;
            }
            Ok(())
        })
    }
    let labs: [_; 100] = labs(CallersRun::WhenShort).await;
    lab().await.0.run(chain(labs.to_vec())).await.unwrap();
}
