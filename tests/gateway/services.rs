//! Names: taken, shared, and over several connections.

use std::collections::BTreeMap;

use noex::gateway::{Balance, ClientOptions, ErrorCode, GatewayClient};
use noex::{Context, Exit, GenServer, Name, ReplyTo, Supervisor};
use serde_json::json;

use crate::support::{Hub, call, eventually};

#[tokio::test]
async fn a_name_that_is_taken_is_refused_and_its_owner_stays() {
    let hub = Hub::start().await;
    let mut first = hub.registered("service", &["m"]).await;
    let mut second = hub.raw().await;
    second
        .send(&json!({"type": "REGISTER", "id": "r9", "serviceName": "service", "methods": ["m"]}))
        .await;
    let refused = second.end().await.unwrap();
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!("r9"), &json!("DUPLICATE_SERVICE"))
    );
    let mut caller = hub.registered("caller", &[]).await;
    caller.send(&call("1", "service", "m")).await;
    assert_eq!(first.receive().await.unwrap()["id"], "1");
}

#[tokio::test]
async fn a_name_is_shared_only_if_both_say_so() {
    let hub = Hub::start().await;
    let _alone = hub.registered("service", &[]).await;
    let mut sharing = hub.raw().await;
    sharing
        .send(&json!({"type": "REGISTER", "id": "r", "serviceName": "service", "shared": true}))
        .await;
    assert_eq!(
        sharing.end().await.unwrap()["error"]["code"],
        "DUPLICATE_SERVICE"
    );
}

async fn spread(balance: Balance) -> BTreeMap<String, usize> {
    let hub = Hub::with(|options| options.balance(balance)).await;
    let mut instances = Vec::new();
    for name in ["one", "two", "three"] {
        let options = ClientOptions::new("service", &hub.socket).shared();
        let client = GatewayClient::new(options);
        client.register("who", move |_: (), _| async move { Ok(name) });
        client.connect().await.unwrap();
        instances.push(client);
    }
    let caller = hub.connected("caller").await;
    let mut seen = BTreeMap::new();
    for _ in 0..30 {
        let who: String = caller.call("service", "who", &()).await.unwrap();
        *seen.entry(who).or_default() += 1;
    }
    seen
}

#[tokio::test]
async fn calls_take_turns_over_the_instances_of_a_service() {
    let even = BTreeMap::from(["one", "two", "three"].map(|name| (name.to_owned(), 10)));
    assert_eq!(spread(Balance::RoundRobin).await, even);
    assert_eq!(spread(Balance::LeastPending).await, even);
}

#[tokio::test]
async fn the_instance_that_owes_the_fewest_answers_gets_the_call() {
    let hub = Hub::with(|options| options.balance(Balance::LeastPending)).await;
    let mut instances = Vec::new();
    for _ in 0..2 {
        let mut raw = hub.raw().await;
        raw.send(&json!({"type": "REGISTER", "id": "r", "serviceName": "s", "methods": ["m"], "shared": true})).await;
        raw.receive().await.unwrap();
        instances.push(raw);
    }
    let mut caller = hub.registered("caller", &[]).await;
    caller.send(&call("1", "s", "m")).await;
    let first = tokio::select! {
        biased;
        Some(_) = async { instances[0].stream.readable().await.ok() } => 0,
        else => 1,
    };
    let first = if instances[first].is_quiet().await {
        1 - first
    } else {
        first
    };
    // The busy one owes an answer, so the other gets the next one, and then it is even.
    caller.send(&call("2", "s", "m")).await;
    let other = instances[1 - first].receive().await.unwrap();
    assert!(other["id"] == "2" || other["id"] == "1");
}

#[tokio::test]
async fn a_client_with_several_connections_is_one_service() {
    let hub = Hub::start().await;
    let service = GatewayClient::new(ClientOptions::new("service", &hub.socket).connections(3));
    service.register("m", |n: u32, _| async move { Ok(n + 1) });
    service.connect().await.unwrap();
    let caller = GatewayClient::new(ClientOptions::new("caller", &hub.socket).connections(2));
    caller.connect().await.unwrap();
    assert_eq!(caller.status().connections, 2);
    assert_eq!(hub.gateway.service("service").unwrap().instances.len(), 3);
    for n in 0..20 {
        assert_eq!(caller.call::<u32>("service", "m", &n).await.unwrap(), n + 1);
    }
    service.disconnect().await.unwrap();
    eventually("all are gone", || {
        !hub.gateway.is_service_connected("service")
    })
    .await;
}

struct Counter(i64);

enum CounterCall {
    Add(i64, ReplyTo<i64>),
    Crash((), ReplyTo<i64>),
}

impl GenServer for Counter {
    type Args = i64;
    type Call = CounterCall;
    type Cast = ();
    type Info = ();

    async fn init(start: i64, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Counter(start))
    }

    async fn handle_call(
        &mut self,
        call: CounterCall,
        _cx: &mut Context<Self>,
    ) -> Result<(), Exit> {
        match call {
            CounterCall::Add(n, reply) => {
                self.0 += n;
                reply.send(self.0);
                Ok(())
            }
            CounterCall::Crash((), _reply) => Err(Exit::error("on purpose")),
        }
    }

    async fn handle_cast(&mut self, (): (), _cx: &mut Context<Self>) -> Result<(), Exit> {
        Ok(())
    }
}

#[tokio::test]
async fn a_servers_calls_are_methods_and_outlive_its_restarts() {
    let hub = Hub::start().await;
    let tree = Supervisor::one_for_one()
        .child(Counter::child(5).name("gateway-counter"))
        .start()
        .await
        .unwrap();
    let name = Name::<Counter>::new("gateway-counter");
    let service = hub.client("counters");
    service.offer("add", name.clone(), CounterCall::Add);
    service.offer("crash", name.clone(), CounterCall::Crash);
    service.connect().await.unwrap();
    let caller = hub.connected("caller").await;
    assert_eq!(caller.call::<i64>("counters", "add", &2).await.unwrap(), 7);
    let error = caller
        .call::<i64>("counters", "crash", &())
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Internal, "{error}");
    name.wait().await.unwrap();
    assert_eq!(caller.call::<i64>("counters", "add", &1).await.unwrap(), 6);
    tree.stop().await.unwrap();
    let error = caller.call::<i64>("counters", "add", &1).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ServiceNotFound, "{error}");
}
