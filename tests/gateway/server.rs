//! The gateway as a server: start, stop, what it knows, what it tells.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use noex::Supervisor;
use noex::gateway::{Gateway, GatewayEvent, GatewayOptions};
use serde_json::{Value, json};

use crate::support::{Hub, call, eventually};

#[tokio::test]
async fn it_knows_its_services() {
    let hub = Hub::start().await;
    let mut raw = hub.raw().await;
    raw.send(
        &json!({"type": "REGISTER", "id": "r1", "timestamp": 1, "serviceName": "user-service",
        "methods": ["b", "a"], "version": "1.0", "metadata": {"zone": "eu"}}),
    )
    .await;
    let answer = raw.receive().await.unwrap();
    assert_eq!(
        (&answer["type"], &answer["id"]),
        (&json!("RESPONSE"), &json!("r1"))
    );
    assert_eq!(answer["data"]["registered"], true);
    assert_eq!(hub.gateway.connected_services(), ["user-service"]);
    assert!(hub.gateway.is_service_connected("user-service"));
    let info = hub.gateway.service("user-service").unwrap();
    assert_eq!(info.methods, ["a", "b"]);
    assert_eq!(info.instances[0].version.as_deref(), Some("1.0"));
    assert_eq!(
        info.instances[0].metadata.as_deref(),
        Some(r#"{"zone":"eu"}"#)
    );
    let status = hub.gateway.status();
    assert!(status.running);
    assert_eq!((status.connections, status.services.len()), (1, 1));

    raw.send(&json!({"type": "HEARTBEAT", "id": "h1", "timestamp": 2}))
        .await;
    let answer = raw.receive().await.unwrap();
    assert_eq!(
        (&answer["type"], &answer["id"]),
        (&json!("HEARTBEAT"), &json!("h1"))
    );

    drop(raw);
    eventually("it is gone", || {
        !hub.gateway.is_service_connected("user-service")
    })
    .await;
    assert_eq!(hub.gateway.service("user-service"), None);
}

#[tokio::test]
async fn stopping_closes_connections_and_removes_the_socket() {
    let hub = Hub::start().await;
    let mut raw = hub.registered("user-service", &[]).await;
    hub.gateway.stop().await.unwrap();
    assert!(!hub.socket.exists());
    assert_eq!(raw.end().await, None);
    assert!(!hub.gateway.status().running);
    // And it starts again.
    hub.gateway.start().await.unwrap();
    hub.registered("user-service", &[]).await;
}

#[tokio::test]
async fn its_events_tell_what_happens() {
    let hub = Hub::unstarted(|options| options);
    let mut events = hub.gateway.events();
    hub.gateway.start().await.unwrap();
    let mut service = hub.registered("service", &["m"]).await;
    let mut caller = hub.registered("caller", &[]).await;
    caller.send(&call("c1", "service", "m")).await;
    let got = service.receive().await.unwrap();
    service
        .send(&json!({"type": "RESPONSE", "id": got["id"], "status": "success", "data": 1}))
        .await;
    caller.receive().await.unwrap();
    drop(service);
    eventually("it is gone", || {
        hub.gateway.connected_services() == ["caller"]
    })
    .await;
    hub.gateway.stop().await.unwrap();
    let mut kinds = Vec::new();
    while let Ok(Some(event)) =
        tokio::time::timeout(Duration::from_millis(500), events.recv()).await
    {
        kinds.push(match event {
            GatewayEvent::Started { socket } => format!("started {}", socket == hub.socket),
            GatewayEvent::ServiceRegistered(service) => format!("registered {}", service.service),
            GatewayEvent::CallRouted(call) => {
                format!("{} → {}.{}", call.from, call.to, call.method)
            }
            GatewayEvent::ResponseRouted(answer) => {
                format!("{} ← {} {}", answer.to, answer.from, answer.success)
            }
            GatewayEvent::ServiceDisconnected { service } => format!("disconnected {service}"),
            GatewayEvent::Stopped => "stopped".to_owned(),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        kinds,
        [
            "started true",
            "registered service",
            "registered caller",
            "caller → service.m",
            "caller ← service true",
            "disconnected service",
            "disconnected caller",
            "stopped",
        ]
    );
}

#[tokio::test]
async fn a_socket_is_taken_from_the_dead_but_not_from_the_living() {
    let hub = Hub::start().await;
    let second = Gateway::new(GatewayOptions::new(&hub.socket));
    assert!(second.start().await.is_err());
    hub.registered("still-there", &[]).await;
    hub.gateway.stop().await.unwrap();

    // What a crashed gateway leaves behind: the file, and nobody listening.
    drop(std::os::unix::net::UnixListener::bind(&hub.socket).unwrap());
    assert!(hub.socket.exists());
    second.start().await.unwrap();
    second.stop().await.unwrap();

    // A file that is no socket is somebody else's.
    std::fs::write(&hub.socket, "precious").unwrap();
    assert!(second.start().await.is_err());
    assert_eq!(std::fs::read_to_string(&hub.socket).unwrap(), "precious");
}

#[tokio::test]
async fn the_socket_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("run/gateway.sock");
    let gateway = Gateway::new(GatewayOptions::new(&socket));
    gateway.start().await.unwrap();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    gateway.stop().await.unwrap();
}

#[tokio::test]
async fn a_supervisor_restarts_it_and_its_clients_come_back() {
    let hub = Hub::unstarted(|options| options);
    let tree = Supervisor::one_for_one()
        .child(hub.gateway.child())
        .start()
        .await
        .unwrap();
    let backoff = noex::Backoff::new(Duration::from_millis(10), Duration::from_millis(50));
    let client = noex::gateway::GatewayClient::new(
        noex::gateway::ClientOptions::new("service", &hub.socket).reconnect(backoff),
    );
    client.register("m", |_: (), _| async { Ok(1) });
    client.connect().await.unwrap();
    let caller = hub.connected("caller").await;
    assert_eq!(caller.call::<u8>("service", "m", &()).await.unwrap(), 1);

    let children = tree.which_children().await.unwrap();
    let pid = children[0].pid().unwrap();
    let mut events = hub.gateway.events();
    noex::ServerRef::<noex::gateway::GatewayServer>::from_pid(pid)
        .unwrap()
        .kill();
    while !matches!(events.recv().await, Some(GatewayEvent::Started { .. })) {}
    eventually("its client is back", || {
        hub.gateway.is_service_connected("service")
    })
    .await;
    let other = hub.connected("other").await;
    assert_eq!(other.call::<u8>("service", "m", &()).await.unwrap(), 1);
    assert!(
        caller.call::<Value>("service", "m", &()).await.is_err(),
        "its delay is 5 s"
    );
    tree.stop().await.unwrap();
}
