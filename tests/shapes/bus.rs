use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use noex::{
    Delivery, Event, EventBus, EventStream, FailureCause, GenServer, PatternError, PublishError,
    QueuePolicy, SubscribeError, Topic,
};

use crate::support::{Lab, LabCast, Log, Setup, lab, soon};

fn number(event: &Event) -> Option<u32> {
    event.get::<u32>().copied()
}

/// What waits in a stream: the topics, and how many were lost.
fn drain(stream: &mut EventStream) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(Some(delivery)) = stream.next().now_or_never() {
        heard.push(match delivery {
            Delivery::Event(event) => match number(&event) {
                Some(n) => format!("{} {n}", event.topic()),
                None => event.topic().to_owned(),
            },
            Delivery::Lagged(n) => format!("lagged {n}"),
            other => format!("{other:?}"),
        });
    }
    heard
}

fn writer(log: &Log, name: &'static str) -> impl FnMut(&Event) + Send + 'static {
    let log = log.clone();
    move |event| log.write(format!("{name} {}", event.topic()))
}

#[tokio::test]
async fn exact_segment_and_global_subscribers_each_get_an_event_once() {
    let (bus, log) = (EventBus::new(), Log::default());
    for pattern in ["a.b", "a.*", "*"] {
        bus.subscribe(pattern, writer(&log, pattern)).unwrap();
    }
    bus.publish_sync("a.b", ()).await.unwrap();
    let mut heard = log.take();
    heard.sort();
    assert_eq!(heard, ["* a.b", "a.* a.b", "a.b a.b"]);
    bus.publish_sync("x.b", ()).await.unwrap();
    assert_eq!(log.take(), ["* x.b"]);
}

#[tokio::test]
async fn wildcards_match_as_topics_are_defined() {
    let bus = EventBus::new();
    let matches = |pattern: &str, topic: &str| {
        let stream = bus.stream(pattern).unwrap();
        let count = bus.listener_count(topic);
        drop(stream);
        count == 1
    };
    assert!(matches("user.*", "user.created"));
    assert!(!matches("user.*", "user"));
    assert!(!matches("user.*", "user.profile.updated"));
    assert!(matches("a.*.c", "a.b.c"));
    for many in ["user.**", "user.#"] {
        for topic in ["user", "user.created", "user.profile.updated"] {
            assert!(matches(many, topic), "{many} {topic}");
        }
        assert!(!matches(many, "users"));
    }
    assert!(matches("*", "a.b.c") && matches("*", "a"));
    assert!(matches("**.a.**", "a.a.a"), "once, not once for each way");
    assert_eq!(bus.subscription_count(), 0);
    let colons = EventBus::builder().separator(':').build();
    let _logins = colons.stream("user:*").unwrap();
    assert_eq!(colons.listener_count("user:login"), 1);
    assert_eq!(colons.listener_count("user.login"), 0);
}

#[tokio::test]
async fn a_pattern_that_means_nothing_is_refused() {
    let bus = EventBus::new();
    for (pattern, why) in [
        ("a..b", PatternError::EmptySegment("a..b".into())),
        ("", PatternError::EmptySegment("".into())),
        ("a.**.#", PatternError::ManyTwice("a.**.#".into())),
    ] {
        let refused = bus.subscribe(pattern, |_| {}).unwrap_err();
        assert_eq!(refused, SubscribeError::Pattern(why));
    }
    assert_eq!(bus.subscription_count(), 0);
}

#[tokio::test]
async fn a_synchronous_publish_returns_after_every_handler_has_run() {
    let (bus, log) = (EventBus::new(), Log::default());
    for name in ["one", "two", "three"] {
        bus.subscribe("t", writer(&log, name)).unwrap();
    }
    let (server, server_log) = lab().await;
    bus.subscribe_server(&server, "t", number).unwrap();
    server_log.take();
    let published = soon(bus.publish_sync("t", 7_u32)).await.unwrap();
    assert_eq!((published.reached, published.dropped), (4, 0));
    assert_eq!(log.lines().len(), 3);
    assert_eq!(server_log.take(), ["info 7"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_panicking_handler_hurts_neither_the_bus_nor_the_others_and_is_named() {
    let (bus, log) = (EventBus::new(), Log::default());
    let bad = bus.subscribe("t", |_| panic!("a bad handler")).unwrap();
    bus.subscribe("t", writer(&log, "good")).unwrap();
    for round in 1..=2 {
        let Err(PublishError::Failed(failed)) = soon(bus.publish_sync("t", ())).await else {
            panic!("one has failed");
        };
        assert_eq!(failed.len(), 1);
        assert_eq!(&*failed[0].pattern, "t");
        let FailureCause::Panicked(reason) = &failed[0].cause else {
            panic!("it has panicked");
        };
        assert!(reason.to_string().contains("a bad handler"));
        assert_eq!((bad.panics(), log.lines().len()), (round, round as usize));
    }
}

#[tokio::test]
async fn unsubscribing_twice_and_after_the_bus_stopped_is_harmless() {
    let (bus, log) = (EventBus::new(), Log::default());
    let one = bus.subscribe("t", writer(&log, "one")).unwrap();
    let two = bus.subscribe("t", writer(&log, "two")).unwrap();
    assert!(one.unsubscribe());
    assert!(!one.unsubscribe());
    bus.publish_sync("t", ()).await.unwrap();
    assert_eq!(log.take(), ["two t"]);
    let mut stream = bus.stream("t").unwrap();
    bus.stop();
    bus.stop();
    assert!(!two.unsubscribe());
    assert!(soon(stream.next()).await.is_none(), "a stream ends");
    assert_eq!(bus.publish("t", ()).reached, 0);
    let refused = bus.subscribe("t", |_| {}).unwrap_err();
    assert_eq!(refused, SubscribeError::Stopped);
    drop(bus);
    assert!(!two.unsubscribe());
}

#[tokio::test]
async fn a_bus_that_nobody_has_ends_its_streams() {
    let bus = EventBus::new();
    let mut stream = bus.stream("t").unwrap();
    let (server, _) = lab().await;
    bus.subscribe_server(&server, "t", number).unwrap();
    drop(bus);
    assert!(soon(stream.next()).await.is_none());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_dead_server_is_gone_when_its_down_arrives() {
    let bus = EventBus::new();
    let (server, _) = lab().await;
    let down = server.monitor();
    for pattern in ["t", "t", "u.*"] {
        bus.subscribe_server(&server, pattern, number).unwrap();
    }
    assert_eq!(bus.subscription_count(), 3);
    server.kill();
    soon(down).await;
    assert_eq!(bus.subscription_count(), 0);
    let refused = bus.subscribe_server(&server, "t", number).unwrap_err();
    assert_eq!(refused, SubscribeError::NoProc(server.pid()));
    assert_eq!(bus.subscription_count(), 0);
}

#[tokio::test]
async fn a_server_subscribes_in_its_init_and_hears_events_among_its_other_messages() {
    let (bus, log) = (EventBus::new(), Log::default());
    let for_init = bus.clone();
    let setup = Setup::new(&log).init(move |cx| {
        let bus = for_init.clone();
        Box::pin(async move {
            cx.subscribe(&bus, "n.*", number)?;
            Ok(())
        })
    });
    let server = Lab::start(setup).await.unwrap();
    log.take();
    server.cast(LabCast::Note(1)).unwrap();
    bus.publish("n.x", 2_u32);
    bus.publish("n.x", "not a number");
    server.cast(LabCast::Note(3)).unwrap();
    soon(bus.publish_sync("n.y", 4_u32)).await.unwrap();
    assert_eq!(log.take(), ["note 1", "info 2", "note 3", "info 4"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_dies_of_an_event_is_named_as_having_missed_it() {
    let bus = EventBus::new();
    let (server, _) = lab().await;
    bus.subscribe_server(&server, "t", number).unwrap();
    server.sys().suspend().await.unwrap();
    let publishing = bus.publish_sync("t", 1_u32);
    let (published, ()) = soon(async {
        tokio::join!(publishing, async {
            server.kill();
        })
    })
    .await;
    let Err(PublishError::Failed(failed)) = published else {
        panic!("nobody has handled it: {published:?}");
    };
    assert_eq!(failed[0].server, Some(server.pid()));
    assert!(matches!(failed[0].cause, FailureCause::Missed));
}

#[tokio::test]
async fn a_handler_that_would_wait_for_itself_is_told() {
    let bus = EventBus::new();
    let (server, log) = lab().await;
    bus.subscribe_server(&server, "t", number).unwrap();
    let (inside, told) = (bus.clone(), log.clone());
    log.take();
    let job = job!(|_lab, _cx| {
        let published = inside.publish_sync("t", 1_u32).await;
        told.write(format!("{published:?}"));
        Ok(())
    });
    server.cast(LabCast::Run(job)).unwrap();
    server.stop().await.unwrap();
    assert_eq!(log.lines()[0], "Err(CallingSelf)");

    let inside = bus.clone();
    let told = log.clone();
    log.take();
    bus.subscribe("u", move |_| {
        let published = inside.publish_sync("u", ()).now_or_never();
        told.write(format!("{published:?}"));
    })
    .unwrap();
    soon(bus.publish_sync("u", ())).await.unwrap();
    assert_eq!(log.take(), ["Some(Err(CallingSelf))"]);
}

#[tokio::test]
async fn once_is_once_also_for_two_events_in_a_row() {
    let (bus, log) = (EventBus::new(), Log::default());
    bus.once("t.*", writer(&log, "once")).unwrap();
    assert_eq!(bus.publish("t.1", ()).reached, 1);
    assert_eq!(bus.listener_count("t.2"), 0);
    assert_eq!(bus.publish("t.2", ()).reached, 0);
    while log.lines().is_empty() {
        tokio::task::yield_now().await;
    }
    soon(bus.publish_sync("t.3", ())).await.unwrap();
    assert_eq!(log.take(), ["once t.1"]);
    assert_eq!(bus.subscription_count(), 0);
}

#[tokio::test]
async fn a_guard_unsubscribes_when_it_is_dropped_and_a_handle_does_not() {
    let bus = EventBus::new();
    drop(bus.subscribe("t", |_| {}).unwrap());
    assert_eq!(bus.subscription_count(), 1);
    let guard = bus.subscribe("t", |_| {}).unwrap().until_dropped();
    assert_eq!(bus.subscription_count(), 2);
    drop(guard);
    assert_eq!(bus.subscription_count(), 1);
}

#[tokio::test]
async fn counts_and_topics_tell_who_listens() {
    let bus = EventBus::new();
    for pattern in ["b.*", "a.x", "a.x", "*"] {
        bus.subscribe(pattern, |_| {}).unwrap();
    }
    assert_eq!(bus.subscription_count(), 4);
    let topics: Vec<String> = bus.topics().iter().map(ToString::to_string).collect();
    assert_eq!(topics, ["*", "a.x", "b.*"]);
    assert_eq!(bus.listener_count("a.x"), 3);
    assert_eq!(bus.remove_all("a.x"), 2);
    assert_eq!(bus.remove_all("a.x"), 0);
    assert_eq!(bus.listener_count("a.x"), 1);
}

#[tokio::test]
async fn a_slow_stream_loses_the_oldest_and_is_told_how_many() {
    let bus = EventBus::builder()
        .queue(3, QueuePolicy::DropOldest)
        .build();
    let mut slow = bus.stream("t").unwrap();
    for n in 0..5_u32 {
        let published = bus.publish("t", n);
        assert_eq!(
            (published.reached, published.dropped),
            (1, usize::from(n > 2))
        );
    }
    assert_eq!(drain(&mut slow), ["lagged 2", "t 2", "t 3", "t 4"]);
    assert_eq!(slow.dropped(), 2);
}

#[tokio::test]
async fn where_the_newest_is_dropped_the_publisher_is_told() {
    let bus = EventBus::builder()
        .queue(2, QueuePolicy::DropNewest)
        .build();
    let mut slow = bus.stream("t").unwrap();
    for n in 0..4_u32 {
        let published = bus.publish("t", n);
        let full = n > 1;
        assert_eq!(
            (published.reached, published.dropped),
            (usize::from(!full), usize::from(full))
        );
    }
    assert_eq!(drain(&mut slow), ["lagged 2", "t 0", "t 1"]);
}

#[tokio::test]
async fn a_million_events_with_a_stalled_subscriber_keep_only_its_queue() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let (bus, alive) = (EventBus::new(), Arc::new(AtomicUsize::new(0)));
    let stalled = bus.stream("t").unwrap();
    for _ in 0..1_000_000 {
        alive.fetch_add(1, Ordering::Relaxed);
        bus.publish("t", Counted(alive.clone()));
    }
    assert_eq!(alive.load(Ordering::Relaxed), 1024);
    assert_eq!(stalled.dropped(), 1_000_000 - 1024);
    drop(stalled);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
    assert_eq!(bus.subscription_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_publishers_order_is_kept_for_each_subscriber() {
    const EACH: u32 = 400;
    let bus = EventBus::builder()
        .queue(10_000, QueuePolicy::DropOldest)
        .build();
    let log = Log::default();
    let heard = log.clone();
    bus.subscribe("n.*", move |event| {
        heard.write(format!("{} {}", event.topic(), number(event).unwrap()));
    })
    .unwrap();
    let publishers = ["n.a", "n.b", "n.c"].map(|topic| {
        let bus = bus.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                bus.publish(topic, n);
            }
        })
    });
    futures::future::join_all(publishers).await;
    soon(bus.publish_sync("n.end", 0_u32)).await.unwrap();
    let lines = log.take();
    for topic in ["n.a", "n.b", "n.c"] {
        let own: Vec<String> = lines
            .iter()
            .filter(|l| l.starts_with(topic))
            .cloned()
            .collect();
        let expected: Vec<String> = (0..EACH).map(|n| format!("{topic} {n}")).collect();
        assert_eq!(own, expected);
    }
}

#[tokio::test]
async fn a_payload_is_shared_and_not_cloned() {
    struct NotClone(u8);
    let bus = EventBus::new();
    let (mut one, mut two) = (bus.stream("t").unwrap(), bus.stream("*").unwrap());
    bus.publish("t", NotClone(3));
    let mut get = async || {
        let one = one.next().await.and_then(Delivery::event).unwrap();
        let two = two.next().await.and_then(Delivery::event).unwrap();
        (
            one.shared::<NotClone>().unwrap(),
            two.shared::<NotClone>().unwrap(),
        )
    };
    let (one, two) = soon(get()).await;
    assert!(Arc::ptr_eq(&one, &two));
    assert_eq!(one.0, 3);
}

#[tokio::test]
async fn a_typed_topic_hears_its_type_only() {
    let (bus, log) = (EventBus::new(), Log::default());
    let (topic, heard) = (Topic::<u32>::new("n"), log.clone());
    topic
        .subscribe(&bus, move |n| heard.write(n.to_string()))
        .unwrap();
    assert_eq!(topic.publish(&bus, 1).reached, 1);
    bus.publish("n", "a word");
    soon(bus.publish_sync("n", 2_u32)).await.unwrap();
    assert_eq!(log.take(), ["1", "2"]);
}

#[test]
fn a_closure_ends_with_its_runtime_and_needs_one() {
    let bus = EventBus::new();
    let refused = bus.subscribe("t", |_| {}).unwrap_err();
    assert_eq!(refused, SubscribeError::NoRuntime);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { bus.subscribe("t", |_| {}).unwrap() });
    assert_eq!(bus.subscription_count(), 1);
    drop(runtime);
    assert_eq!(bus.subscription_count(), 0);
}

#[tokio::test]
async fn subscriptions_that_come_and_go_leave_the_bus_empty() {
    let bus = EventBus::new();
    let (server, _) = lab().await;
    for n in 0..100_000 {
        let pattern = format!("a.{}.*", n % 100);
        let one = bus.subscribe_server(&server, &pattern, number).unwrap();
        let two = bus.stream(&pattern).unwrap();
        assert!(one.unsubscribe());
        drop(two);
    }
    assert_eq!(bus.subscription_count(), 0);
    assert!(bus.topics().is_empty());
    server.stop().await.unwrap();
}
