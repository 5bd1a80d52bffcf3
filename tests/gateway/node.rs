//! A service in Node that knows the protocol and nothing of noex.

use std::path::Path;
use std::process::Stdio;

use std::future::IntoFuture;

use noex::gateway::{ErrorCode, GatewayError, Invocation};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::{Hub, eventually};

async fn node(hub: &Hub, name: &str, next: &str) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway/node/service.mjs");
    let child = Command::new("node")
        .arg(script)
        .arg(&hub.socket)
        .args([name, next])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed");
    eventually("the node service is there", || {
        hub.gateway.is_service_connected(name)
    })
    .await;
    child
}

#[tokio::test]
async fn a_chain_from_rust_over_node_to_rust_keeps_its_context() {
    let hub = Hub::start().await;
    let end = hub.client("end-service");
    end.register("end", |params: Value, call: Invocation| async move {
        let context = call.context();
        let chain: Vec<_> = context.chain().map(str::to_owned).collect();
        Ok(json!({"params": params, "root": context.root(), "chain": chain, "deadline": context.deadline()}))
    });
    end.connect().await.unwrap();
    let mut child = node(&hub, "node-service", "end-service").await;
    let start = hub.connected("start-service").await;
    let params =
        json!({"name": "Zoë 🚲", "big": 9007199254740991u64, "nested": {"list": [1, 2.5, null]}});
    let seen: Value = start.call("node-service", "relay", &params).await.unwrap();
    assert_eq!(
        seen["seen"]["chain"],
        json!(["start-service", "node-service"])
    );
    assert_eq!(seen["seen"]["depth"], 2);
    let below = &seen["below"];
    assert_eq!(below["params"], params);
    assert_eq!(
        below["chain"],
        json!(["start-service", "node-service", "end-service"])
    );
    assert_eq!(below["root"], seen["seen"]["root"]);
    let (outer, inner) = (&seen["seen"]["deadline"], &below["deadline"]);
    assert!(
        inner.as_u64().unwrap() <= outer.as_u64().unwrap() + 50,
        "{inner} within {outer}"
    );

    let hundred: Vec<_> = (0..100).collect();
    let calls = hundred
        .iter()
        .map(|n| start.call::<u32>("node-service", "echo", n).into_future());
    let answers = futures::future::try_join_all(calls).await.unwrap();
    assert_eq!(answers, (0..100).collect::<Vec<_>>());

    match start.call::<Value>("node-service", "fail", &()).await {
        Err(GatewayError::Refused { code, message }) => {
            assert_eq!(code, ErrorCode::Other("USER_NOT_FOUND".into()));
            assert_eq!(&*message, "no such user: Zoë 🚲");
        }
        other => panic!("{other:?}"),
    }
    hub.gateway.stop().await.unwrap();
    assert!(child.wait().await.unwrap().success());
}
