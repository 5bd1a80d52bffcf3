//! Calls between clients, and their contexts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use noex::gateway::{
    CallContext, ErrorCode, GatewayError, GatewayOptions, Invocation, Limits, MethodError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Hub, SOON, call, eventually};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct User {
    id: u32,
    name: String,
}

#[tokio::test]
async fn a_call_reaches_its_method_and_its_result_comes_back_typed() {
    let hub = Hub::start().await;
    let users = hub.client("user-service");
    users.register("getUserById", |id: u32, _: Invocation| async move {
        Ok(User {
            id,
            name: format!("user {id}"),
        })
    });
    users.connect().await.unwrap();
    let orders = hub.connected("order-service").await;
    let user: User = orders
        .call("user-service", "getUserById", &7)
        .await
        .unwrap();
    assert_eq!(
        user,
        User {
            id: 7,
            name: "user 7".into()
        }
    );
}

#[tokio::test]
async fn unknown_services_and_methods_are_refused_at_once() {
    let hub = Hub::start().await;
    let orders = hub.connected("order-service").await;
    let users = hub.connected("user-service").await;
    let error = orders.call::<Value>("nobody", "x", &()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ServiceNotFound);
    let error = orders
        .call::<Value>("user-service", "x", &())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::MethodNotFound);
    drop(users);
}

#[tokio::test]
async fn an_error_of_a_method_keeps_its_code_and_words() {
    let hub = Hub::start().await;
    let users = hub.client("user-service");
    users.register("fail", |_: (), _| async {
        Err::<(), _>(MethodError::new("TEAPOT", "no coffee"))
    });
    users.register("parse", |text: String, _| async move {
        Ok(text.parse::<u32>()?)
    });
    users.register("panic", |_: (), _| async {
        if true {
            panic!("on purpose");
        }
        Ok(())
    });
    users.connect().await.unwrap();
    let orders = hub.connected("order-service").await;
    match orders
        .call::<()>("user-service", "fail", &())
        .await
        .unwrap_err()
    {
        GatewayError::Refused { code, message } => {
            assert_eq!(code, ErrorCode::Other("TEAPOT".into()));
            assert_eq!(&*message, "no coffee");
        }
        other => panic!("{other}"),
    }
    let error = orders
        .call::<u32>("user-service", "parse", "x")
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::MethodFailed);
    let error = orders
        .call::<u32>("user-service", "parse", &[1])
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParams);
    let error = orders
        .call::<()>("user-service", "panic", &())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Internal);
    // The client has survived it.
    assert_eq!(
        orders
            .call::<u32>("user-service", "parse", "5")
            .await
            .unwrap(),
        5
    );
}

#[tokio::test]
async fn a_nested_call_extends_the_context_of_its_handler() {
    let hub = Hub::start().await;
    let roles = hub.client("roles");
    roles.register("get", |_: (), call: Invocation| async move {
        let context = call.context();
        let chain: Vec<_> = context.chain().map(str::to_owned).collect();
        Ok((
            context.root().to_owned(),
            chain,
            context.depth(),
            context.remaining().as_millis() as u64,
        ))
    });
    roles.connect().await.unwrap();
    let users = hub.client("users");
    let nested = users.clone();
    users.register("get", move |_: (), call: Invocation| {
        let nested = nested.clone();
        async move {
            let inner: Value = nested.call("roles", "get", &()).await?;
            Ok((call.context().root().to_owned(), inner))
        }
    });
    users.connect().await.unwrap();
    let orders = hub.connected("orders").await;
    let (root, (inner_root, chain, depth, left)): (String, (String, Vec<String>, usize, u64)) =
        orders
            .call("users", "get", &())
            .timeout(Duration::from_secs(10))
            .await
            .unwrap();
    assert_eq!(root, inner_root);
    assert_eq!(chain, ["orders", "users", "roles"]);
    assert_eq!(depth, 3);
    assert!(
        left <= 10_000,
        "the time left is handed down, not the default of 30 s: {left}"
    );
    assert_eq!(CallContext::current(), None);
}

#[tokio::test]
async fn a_circle_of_calls_is_refused() {
    let hub = Hub::start().await;
    let (a, b) = (hub.client("a"), hub.client("b"));
    let from_b = b.clone();
    b.register("go", move |_: (), _| {
        let from_b = from_b.clone();
        async move { Ok(from_b.call::<Value>("a", "go", &()).await?) }
    });
    a.register("go", |_: (), _| async { Ok(1) });
    a.connect().await.unwrap();
    b.connect().await.unwrap();
    let error = a.call::<Value>("b", "go", &()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CircularCall, "{error}");
}

#[tokio::test]
async fn a_chain_longer_than_allowed_is_refused() {
    let hub = Hub::with(|options| options.limits(Limits::default().chain(3))).await;
    let mut service = hub.registered("service", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    let mut long = call("1", "service", "m");
    long["context"] = json!({"root": "r", "chain": ["x", "y", "caller"]});
    caller.send(&long).await;
    assert_eq!(
        caller.receive().await.unwrap()["error"]["code"],
        "MAX_DEPTH_EXCEEDED"
    );
    assert!(service.is_quiet().await);
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_at_its_deadline_and_its_method_is_cancelled() {
    let hub = Hub::with(|options: GatewayOptions| options.timeout(Duration::from_millis(50))).await;
    let dropped = Arc::new(AtomicUsize::new(0));
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let slow = hub.client("slow");
    let count = dropped.clone();
    slow.register("wait", move |_: Value, _| {
        let counted = Counted(count.clone());
        async move {
            tokio::time::sleep(SOON * 3).await;
            drop(counted);
            Ok(())
        }
    });
    slow.connect().await.unwrap();
    // The caller's deadline.
    let caller = hub.connected("caller").await;
    let answer = caller
        .call::<()>("slow", "wait", &())
        .timeout(Duration::from_millis(50))
        .await;
    assert_eq!(answer.unwrap_err().code(), ErrorCode::Timeout);
    eventually("the method is dropped", || {
        dropped.load(Ordering::SeqCst) == 1
    })
    .await;
    // The gateway's own, for a caller that named none.
    let mut raw = hub.registered("raw", &[]).await;
    raw.send(&call("1", "slow", "wait")).await;
    assert_eq!(raw.receive().await.unwrap()["error"]["code"], "TIMEOUT");
    eventually("the method is dropped", || {
        dropped.load(Ordering::SeqCst) == 2
    })
    .await;
    // A caller that goes, long before any deadline.
    let hub = Hub::start().await;
    slow.disconnect().await.unwrap();
    let slow = hub.client("slow");
    let (count, running) = (dropped.clone(), Arc::new(AtomicUsize::new(0)));
    let runs = running.clone();
    slow.register("wait", move |_: Value, _| {
        let counted = Counted(count.clone());
        runs.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(SOON * 3).await;
            drop(counted);
            Ok(())
        }
    });
    slow.connect().await.unwrap();
    let caller = hub.connected("caller").await;
    let mut going = caller.call::<()>("slow", "wait", &()).into_future();
    assert!(futures::poll!(&mut going).is_pending());
    eventually("the method runs", || running.load(Ordering::SeqCst) == 1).await;
    drop(going);
    assert_eq!(caller.status().pending_calls, 0);
    eventually("the method is dropped", || {
        dropped.load(Ordering::SeqCst) == 3
    })
    .await;
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_answered_without_delivery() {
    let hub = Hub::start().await;
    let mut service = hub.registered("service", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    let mut late = call("1", "service", "m");
    late["context"] = json!({"deadline": 1});
    caller.send(&late).await;
    assert_eq!(caller.receive().await.unwrap()["error"]["code"], "TIMEOUT");
    assert!(service.is_quiet().await);
}

#[tokio::test]
async fn progress_reaches_a_caller_that_asked_for_it() {
    let hub = Hub::start().await;
    let service = hub.client("reports");
    service.register("build", |_: (), call: Invocation| async move {
        for percent in [10, 50, 90] {
            call.progress(&percent)?;
        }
        Ok("done")
    });
    service.connect().await.unwrap();
    let caller = hub.connected("caller").await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let result: String = caller
        .call("reports", "build", &())
        .on_progress(move |percent: u32| told.send(percent).unwrap())
        .await
        .unwrap();
    assert_eq!(result, "done");
    let mut all = Vec::new();
    while let Some(percent) = heard.recv().await {
        all.push(percent);
    }
    assert_eq!(all, [10, 50, 90]);
    // One that did not ask hears the result only.
    let mut raw = hub.registered("raw", &[]).await;
    raw.send(&json!({"type": "CALL", "id": "1", "to": "reports", "method": "build"}))
        .await;
    assert_eq!(raw.receive().await.unwrap()["data"], "done");
}

#[tokio::test]
async fn a_batch_is_many_calls_in_one_frame_answered_as_they_come() {
    let hub = Hub::start().await;
    let service = hub.client("maths");
    service.register("square", |n: u64, _| async move {
        tokio::time::sleep(Duration::from_millis(if n == 0 { 300 } else { 0 })).await;
        Ok(n * n)
    });
    service.connect().await.unwrap();
    let mut raw = hub.registered("raw", &[]).await;
    let one = |n: u64| json!({"type": "CALL", "id": n.to_string(), "to": "maths", "method": "square", "params": n});
    raw.send(&json!({"type": "BATCH", "id": "b", "calls": [one(0), one(3), {"type": "HEARTBEAT", "id": "h"}]}))
        .await;
    let refused = raw.receive().await.unwrap();
    assert_eq!(refused["error"]["code"], "INVALID_MESSAGE");
    assert_eq!(refused["id"], "b");
    assert_eq!(raw.receive().await.unwrap()["data"], 9);
    assert_eq!(raw.receive().await.unwrap()["data"], 0);
}

#[tokio::test]
async fn payload_bytes_go_through_untouched() {
    let hub = Hub::start().await;
    let mut service = hub.registered("service", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    let odd = r#"{"type":"CALL","id":"1","to":"service","method":"m","params":{ "z":1.0e2 , "a":"\u0041", "big":123456789012345678901234567890 }}"#;
    caller.send_text(odd).await;
    let mut body = vec![0; 4];
    use tokio::io::AsyncReadExt;
    service.stream.read_exact(&mut body).await.unwrap();
    let length = u32::from_be_bytes(body[..4].try_into().unwrap()) as usize;
    body.resize(length, 0);
    service.stream.read_exact(&mut body).await.unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(
        text.contains(
            r#""params":{ "z":1.0e2 , "a":"\u0041", "big":123456789012345678901234567890 }"#
        ),
        "{text}"
    );
}
