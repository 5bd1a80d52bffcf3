//! The client as a server: connecting, losing and finding the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use noex::gateway::{
    CacheRule, ClientEvent, ClientOptions, ErrorCode, GatewayClient, MethodError, PendingCalls,
};
use noex::{Backoff, Supervisor};
use serde_json::Value;

use crate::support::{Hub, eventually};

fn quick() -> Backoff {
    Backoff::new(Duration::from_millis(10), Duration::from_millis(40)).jitter(0.2)
}

#[tokio::test]
async fn connecting_to_nobody_fails_and_a_call_without_a_connection_too() {
    let hub = Hub::unstarted(|options| options);
    let client = hub.client("service");
    assert!(client.connect().await.is_err());
    assert!(!client.is_connected());
    let error = client.call::<Value>("x", "y", &()).await.unwrap_err();
    assert!(matches!(error, noex::gateway::GatewayError::NotConnected));
}

#[tokio::test]
async fn methods_may_come_and_go_after_connecting() {
    let hub = Hub::start().await;
    let service = hub.connected("service").await;
    let caller = hub.connected("caller").await;
    service.register("late", |_: (), _| async { Ok("here") });
    let known = || hub.gateway.service("service").unwrap().methods;
    eventually("the gateway is told", || known() == ["late"]).await;
    assert_eq!(
        caller.call::<String>("service", "late", &()).await.unwrap(),
        "here"
    );
    assert!(service.unregister("late"));
    assert!(!service.unregister("late"));
    eventually("the gateway is told", || known().is_empty()).await;
    let error = caller
        .call::<Value>("service", "late", &())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::MethodNotFound);
}

#[tokio::test]
async fn calls_that_wait_fail_when_the_gateway_goes() {
    let hub = Hub::start().await;
    let _service = hub.registered("service", &["never"]).await;
    let caller = hub.connected("caller").await;
    let call = caller.call::<Value>("service", "never", &()).into_future();
    let (answer, ()) = tokio::join!(call, async {
        eventually("it is out", || caller.status().pending_calls == 1).await;
        hub.gateway.stop().await.unwrap();
    });
    assert!(matches!(
        answer,
        Err(noex::gateway::GatewayError::Disconnected)
    ));
    eventually("it knows", || !caller.is_connected()).await;
}

#[tokio::test]
async fn calls_that_wait_fail_when_their_service_goes() {
    let hub = Hub::start().await;
    let mut service = hub.registered("service", &["never"]).await;
    let caller = hub.connected("caller").await;
    let call = caller.call::<Value>("service", "never", &()).into_future();
    let (answer, ()) = tokio::join!(call, async {
        service.receive().await.unwrap();
        drop(service);
    });
    assert_eq!(answer.unwrap_err().code(), ErrorCode::ServiceDisconnected);
}

#[tokio::test]
async fn a_supervised_client_waits_for_a_gateway_that_comes_later_and_calls_wait_if_asked() {
    let hub = Hub::unstarted(|options| options);
    let options = ClientOptions::new("caller", &hub.socket)
        .reconnect(quick())
        .pending_calls(PendingCalls::Resend);
    let caller = GatewayClient::new(options);
    let tree = Supervisor::one_for_one()
        .child(caller.child())
        .start()
        .await
        .unwrap();
    let mut events = caller.events();
    let call = caller.call::<u8>("service", "m", &()).into_future();
    let (answer, ()) = tokio::join!(call, async {
        assert!(matches!(
            events.recv().await,
            Some(ClientEvent::Error { .. })
        ));
        // The socket appears with the service already behind it.
        hub.gateway.start().await.unwrap();
        let service = hub.client("service");
        service.register("m", |_: (), _| async { Ok(1u8) });
        service.connect().await.unwrap();
    });
    // The caller may have come before the service: that is an answer, not a lost connection.
    match answer {
        Ok(value) => assert_eq!(value, 1),
        Err(error) => assert_eq!(error.code(), ErrorCode::ServiceNotFound),
    }
    assert!(caller.is_connected());
    tree.stop().await.unwrap();
    assert!(!caller.is_connected());
}

#[tokio::test]
async fn disconnecting_fails_what_waits_and_frees_the_name() {
    let hub = Hub::start().await;
    let _service = hub.registered("service", &["never"]).await;
    let caller = hub.connected("caller").await;
    let mut events = caller.events();
    let call = caller.call::<Value>("service", "never", &()).into_future();
    let (answer, ()) = tokio::join!(call, async {
        eventually("it is out", || caller.status().pending_calls == 1).await;
        caller.disconnect().await.unwrap();
    });
    assert!(matches!(
        answer,
        Err(noex::gateway::GatewayError::Disconnected)
    ));
    assert_eq!(events.recv().await, Some(ClientEvent::Disconnected));
    eventually("the name is free", || {
        !hub.gateway.is_service_connected("caller")
    })
    .await;
    caller.connect().await.unwrap();
}

#[tokio::test]
async fn results_that_are_kept_are_not_asked_for_again_until_they_are_invalidated() {
    let hub = Hub::start().await;
    let service = hub.client("service");
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    service.register("count", move |fail: bool, _| {
        let now = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if fail {
                Err(MethodError::new("ASKED", "to fail"))
            } else {
                Ok(now)
            }
        }
    });
    service.connect().await.unwrap();
    let rule = CacheRule::new("service", "count").ttl(Duration::from_secs(3600));
    let caller = GatewayClient::new(ClientOptions::new("caller", &hub.socket).cache(rule));
    caller.connect().await.unwrap();
    let ask = async |fail: bool| caller.call::<u32>("service", "count", &fail).await;
    assert_eq!(ask(false).await.unwrap(), 0);
    assert_eq!(ask(false).await.unwrap(), 0);
    assert!(ask(true).await.is_err());
    assert!(ask(true).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 3, "errors are not kept");
    caller.invalidate("service", "count");
    assert_eq!(ask(false).await.unwrap(), 3);
}

#[tokio::test]
async fn a_clients_events_tell_what_its_methods_and_calls_came_to() {
    let hub = Hub::start().await;
    let service = hub.client("service");
    let mut served = service.events();
    service.register("half", |n: u32, _| async move {
        if n % 2 == 1 {
            return Err(MethodError::new("ODD", "no half of it"));
        }
        Ok(n / 2)
    });
    service.connect().await.unwrap();
    let caller = hub.connected("caller").await;
    let mut asked = caller.events();
    assert_eq!(caller.call::<u32>("service", "half", &8).await.unwrap(), 4);
    assert!(caller.call::<u32>("service", "half", &7).await.is_err());
    assert_eq!(served.recv().await, Some(ClientEvent::Registered));
    assert_eq!(served.recv().await, Some(ClientEvent::Connected));
    for expected in [None, Some("no half of it".to_owned())] {
        match served.recv().await {
            Some(ClientEvent::MethodExecuted { method, error, .. }) => {
                assert_eq!((&*method, &error), ("half", &expected));
            }
            other => panic!("{other:?}"),
        }
        match asked.recv().await {
            Some(ClientEvent::ResponseReceived { error, .. }) => {
                assert_eq!(error.is_some(), expected.is_some());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn dropping_handles_ends_nothing_and_a_second_client_of_the_name_is_refused() {
    let hub = Hub::start().await;
    drop(hub.connected("service").await);
    assert!(hub.gateway.is_service_connected("service"));
    let second = hub.client("service");
    let error = second.connect().await.unwrap_err().to_string();
    assert!(!second.is_connected(), "{error}");
}

#[tokio::test]
async fn a_client_that_gets_only_some_of_its_connections_leaves_none_behind() {
    let limits = noex::gateway::Limits::default().connections(2);
    let hub = Hub::with(|options| options.limits(limits)).await;
    let client = GatewayClient::new(ClientOptions::new("many", &hub.socket).connections(4));
    assert!(client.connect().await.is_err());
    eventually("none is left", || hub.gateway.status().connections == 0).await;
    assert!(!client.is_connected());
}
