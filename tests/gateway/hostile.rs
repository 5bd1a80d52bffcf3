//! Clients that break the protocol, by accident or on purpose. Each test ends with a client that
//! keeps to it and is served.

use std::time::Duration;

use noex::gateway::Limits;
use serde_json::{Value, json};

use crate::support::{Hub, Raw, call, eventually};

async fn serves(hub: &Hub) {
    let service = hub.client("good-service");
    service.register("echo", |value: Value, _| async move { Ok(value) });
    service.connect().await.unwrap();
    let caller = hub.connected("good-caller").await;
    let sent = json!({"a": [1, 2, {"b": null}]});
    assert_eq!(
        caller
            .call::<Value>("good-service", "echo", &sent)
            .await
            .unwrap(),
        sent
    );
}

async fn refused_and_closed(raw: &mut Raw, code: &str) {
    let last = raw.end().await.expect("a reason is given");
    assert_eq!(last["error"]["code"], code, "{last}");
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_refused_before_anything_is_reserved() {
    let hub = Hub::start().await;
    for length in [u32::MAX, (16 << 20) + 1, 0] {
        let mut raw = hub.raw().await;
        raw.bytes(&length.to_be_bytes()).await;
        refused_and_closed(&mut raw, "INVALID_MESSAGE").await;
    }
    serves(&hub).await;
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let hub = Hub::start().await;
    let deep = format!(
        r#"{{"type":"HEARTBEAT","id":"1","x":{}{}}}"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    let deeper = "[".repeat(1 << 20);
    let long_name = format!(
        r#"{{"type":"REGISTER","id":"1","serviceName":"{}"}}"#,
        "x".repeat(129)
    );
    let methods: Vec<_> = (0..1025).map(|n| n.to_string()).collect();
    let many =
        json!({"type": "REGISTER", "id": "1", "serviceName": "s", "methods": methods}).to_string();
    for text in [
        "{",
        "null",
        "[]",
        "\u{1}",
        "7",
        r#"{"type":"CALL"}"#,
        r#"{"type":"NEW","id":"1"}"#,
        r#"{"type":"REGISTER","id":"","serviceName":"s"}"#,
        r#"{"type":"REGISTER","id":"1","serviceName":""}"#,
        r#"{"type":"REGISTER","id":"1","serviceName":"a\u0000b"}"#,
        r#"{"type":"REGISTER","id":"1","serviceName":7}"#,
        r#"{"type":"REGISTER","id":"1","serviceName":"a","serviceName":"b"}"#,
        r#"{"type":"REGISTER","id":"1","id":"2","serviceName":"b"}"#,
        &deep,
        &deeper,
        &long_name,
        &many,
    ] {
        let mut raw = hub.raw().await;
        raw.send_text(text).await;
        refused_and_closed(&mut raw, "INVALID_MESSAGE").await;
    }
    let mut raw = hub.raw().await;
    raw.bytes(b"\0\0\0\x03\xff\xfe\xfd").await;
    refused_and_closed(&mut raw, "INVALID_MESSAGE").await;
    serves(&hub).await;
}

#[tokio::test]
async fn who_has_not_registered_may_do_nothing_and_has_little_time() {
    let hub =
        Hub::with(|options| options.limits(Limits::default().register(Duration::from_millis(50))))
            .await;
    let mut hasty = hub.raw().await;
    hasty.send(&call("1", "good-service", "echo")).await;
    let refused = hasty.end().await.unwrap();
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!("1"), &json!("NOT_REGISTERED"))
    );
    let mut silent = hub.raw().await;
    assert_eq!(silent.end().await, None);
    serves(&hub).await;
}

#[tokio::test]
async fn a_frame_that_does_not_get_finished_ends_its_connection() {
    let limits = Limits::default().partial(Duration::from_millis(100));
    let hub = Hub::with(|options| options.limits(limits)).await;
    let mut slow = hub.registered("slow", &[]).await;
    // A byte at a time is no excuse: the frame as a whole has a deadline.
    slow.bytes(&[0, 0, 1, 0]).await;
    let closed = async {
        while hub.gateway.is_service_connected("slow") {
            slow.bytes(b" ").await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::support::SOON, closed)
        .await
        .expect("it is cut off");
    serves(&hub).await;
}

#[tokio::test]
async fn a_frame_may_come_in_pieces() {
    let hub = Hub::start().await;
    let mut raw = hub.raw().await;
    let text = r#"{"type":"REGISTER","id":"r1","serviceName":"piecemeal"}"#;
    let bytes = [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
    for byte in bytes {
        raw.bytes(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(raw.receive().await.unwrap()["status"], "success");
}

#[tokio::test]
async fn three_heartbeats_without_a_word_end_a_connection() {
    let hub = Hub::with(|options| options.heartbeat(Duration::from_millis(40))).await;
    let mut silent = hub.registered("silent", &[]).await;
    assert_eq!(silent.end().await, None);
    eventually("the name is free", || {
        !hub.gateway.is_service_connected("silent")
    })
    .await;
}

#[tokio::test]
async fn a_caller_cannot_pretend_to_be_another() {
    let hub = Hub::start().await;
    let mut service = hub.registered("service", &["m"]).await;
    let mut liar = hub.registered("liar", &[]).await;
    let mut lie = call("1", "service", "m");
    lie["from"] = json!("admin");
    lie["context"] = json!({"root": "r", "chain": ["admin"], "depth": 1, "deadline": u64::MAX});
    liar.send(&lie).await;
    let seen = service.receive().await.unwrap();
    assert_eq!(seen["from"], "liar");
    assert_eq!(
        seen["context"]["chain"],
        json!(["admin", "liar", "service"])
    );
    assert_eq!(seen["context"]["depth"], 3);
    // And its deadline is brought forward to what is allowed.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as u64;
    assert!(seen["context"]["deadline"].as_u64().unwrap() <= now + 300_000);
    // Nor change its name.
    liar.send(&json!({"type": "REGISTER", "id": "r2", "serviceName": "admin"}))
        .await;
    assert_eq!(
        liar.receive().await.unwrap()["error"]["code"],
        "INVALID_MESSAGE"
    );
    assert!(!hub.gateway.is_service_connected("admin"));
}

#[tokio::test]
async fn an_answer_counts_only_from_the_connection_that_was_asked_and_only_once() {
    let hub = Hub::start().await;
    let mut service = hub.registered("service", &["m"]).await;
    let mut liar = hub.registered("liar", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    caller.send(&call("c1", "service", "m")).await;
    let asked = service.receive().await.unwrap();
    let forged = json!({"type": "RESPONSE", "id": "c1", "from": "service", "to": "caller", "status": "success", "data": "forged"});
    liar.send(&forged).await;
    liar.send(&json!({"type": "PROGRESS", "id": "c1", "data": "forged"}))
        .await;
    liar.send(&json!({"type": "CANCEL", "id": "c1"})).await;
    assert!(caller.is_quiet().await);
    let true_one = json!({"type": "RESPONSE", "id": asked["id"], "from": "liar", "to": "liar", "status": "success", "data": "true"});
    service.send(&true_one).await;
    service.send(&true_one).await;
    let answer = caller.receive().await.unwrap();
    assert_eq!(
        (&answer["data"], &answer["from"], &answer["to"]),
        (&json!("true"), &json!("service"), &json!("caller"))
    );
    assert!(caller.is_quiet().await);
    assert!(liar.is_quiet().await);
    assert_eq!(hub.gateway.status().counts.unexpected, 2);
}

#[tokio::test]
async fn callers_that_use_the_same_ids_get_their_own_answers() {
    let hub = Hub::start().await;
    let service = hub.client("service");
    service.register("echo", |n: u32, _| async move { Ok(n) });
    service.connect().await.unwrap();
    let mut callers = Vec::new();
    for n in 0..8 {
        callers.push(hub.registered(&format!("caller-{n}"), &[]).await);
    }
    for (n, caller) in callers.iter_mut().enumerate() {
        for id in ["1", "2", "3"] {
            let params = n * 10 + id.parse::<usize>().unwrap();
            caller.send(&json!({"type": "CALL", "id": id, "to": "service", "method": "echo", "params": params})).await;
        }
    }
    for (n, caller) in callers.iter_mut().enumerate() {
        for _ in 0..3 {
            let answer = caller.receive().await.unwrap();
            let id: u64 = answer["id"].as_str().unwrap().parse().unwrap();
            assert_eq!(answer["data"], n as u64 * 10 + id);
        }
    }
}

#[tokio::test]
async fn an_id_that_is_pending_cannot_be_used_again() {
    let hub = Hub::start().await;
    let mut service = hub.registered("service", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    caller.send(&call("1", "service", "m")).await;
    caller.send(&call("1", "service", "m")).await;
    assert_eq!(
        caller.receive().await.unwrap()["error"]["code"],
        "INVALID_MESSAGE"
    );
    service.receive().await.unwrap();
    assert!(service.is_quiet().await);
}

#[tokio::test]
async fn calls_and_connections_beyond_the_caps_are_answered_busy() {
    let limits = Limits::default().pending(5).connections(3);
    let hub = Hub::with(|options| options.limits(limits)).await;
    let _service = hub.registered("service", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    for n in 0..8 {
        caller.send(&call(&n.to_string(), "service", "m")).await;
    }
    for _ in 5..8 {
        assert_eq!(caller.receive().await.unwrap()["error"]["code"], "BUSY");
    }
    let _third = hub.registered("third", &[]).await;
    let mut fourth = hub.raw().await;
    refused_and_closed(&mut fourth, "BUSY").await;
    drop(caller);
    eventually("there is room again", || {
        hub.gateway.status().connections == 2
    })
    .await;
    hub.registered("another", &[]).await;
}

#[tokio::test]
async fn ten_thousand_pending_calls_and_then_gone_leave_nothing() {
    let hub = Hub::start().await;
    let mut service = hub.registered("service", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    let mut flood = Vec::new();
    for n in 0..10_000u32 {
        let text = call(&n.to_string(), "service", "m").to_string();
        flood.extend_from_slice(&(text.len() as u32).to_be_bytes());
        flood.extend_from_slice(text.as_bytes());
    }
    caller.bytes(&flood).await;
    eventually("all are routed", || {
        hub.gateway.status().counts.calls == 10_000
    })
    .await;
    drop(caller);
    eventually("the caller is gone", || {
        !hub.gateway.is_service_connected("caller")
    })
    .await;
    // Their answers are to nobody.
    for n in 0..10_000u32 {
        service.receive().await.unwrap();
        service
            .send(&json!({"type": "RESPONSE", "id": n.to_string(), "status": "success"}))
            .await;
    }
    eventually("all answers are in", || {
        hub.gateway.status().counts.unexpected == 10_000
    })
    .await;

    // And the other way round: the service goes with calls unanswered.
    let mut caller = hub.registered("caller", &[]).await;
    for n in 0..1000u32 {
        caller.send(&call(&n.to_string(), "service", "m")).await;
    }
    service.receive().await.unwrap();
    drop(service);
    for _ in 0..1000 {
        let code = caller.receive().await.unwrap()["error"]["code"].clone();
        assert!(
            code == "SERVICE_DISCONNECTED" || code == "SERVICE_NOT_FOUND",
            "{code}"
        );
    }
    serves(&hub).await;
}

#[tokio::test]
async fn a_service_that_does_not_read_makes_its_callers_busy_and_is_cut_off() {
    let limits = Limits::default()
        .queued(256 << 10)
        .write(Duration::from_millis(500));
    let hub = Hub::with(|options| options.limits(limits)).await;
    let stuck = hub.registered("stuck", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    let big = "x".repeat(100 << 10);
    let mut codes = std::collections::BTreeSet::new();
    for n in 0..40 {
        caller
            .send(&json!({"type": "CALL", "id": n.to_string(), "to": "stuck", "method": "m", "params": big}))
            .await;
    }
    for _ in 0..40 {
        codes.insert(caller.receive().await.unwrap()["error"]["code"].to_string());
    }
    assert!(codes.contains("\"BUSY\""), "{codes:?}");
    eventually("it is cut off", || {
        !hub.gateway.is_service_connected("stuck")
    })
    .await;
    drop(stuck);
    serves(&hub).await;
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_answers_is_cut_off() {
    let limits = Limits::default()
        .queued(256 << 10)
        .write(Duration::from_millis(500));
    let hub = Hub::with(|options| options.limits(limits)).await;
    let service = hub.client("service");
    let big = "x".repeat(100 << 10);
    service.register("big", move |_: Value, _| {
        let big = big.clone();
        async move { Ok(big) }
    });
    service.connect().await.unwrap();
    let mut greedy = hub.registered("greedy", &[]).await;
    for n in 0..40 {
        greedy.send(&call(&n.to_string(), "service", "big")).await;
    }
    eventually("it is cut off", || {
        !hub.gateway.is_service_connected("greedy")
    })
    .await;
    serves(&hub).await;
}
