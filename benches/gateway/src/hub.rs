//! A hub (noex's, or one in Node) with a service and a caller in Rust or Node.

use std::path::Path;

use noex::gateway::{ClientOptions, Gateway, GatewayClient, GatewayOptions};

use crate::load;
use crate::payload::Order;

pub async fn hub(socket: &Path) {
    Gateway::new(GatewayOptions::new(socket))
        .start()
        .await
        .expect("the gateway starts");
    std::future::pending().await
}

pub async fn service(socket: &Path) {
    let client = GatewayClient::new(ClientOptions::new("service", socket));
    client.register("echo", |order: Order, _| async move { Ok(order) });
    client.connect().await.expect("connects");
    std::future::pending().await
}

pub async fn caller(socket: &Path) {
    let client = GatewayClient::new(ClientOptions::new("caller", socket));
    client.connect().await.expect("connects");
    let order = Order::one_kilobyte();
    load::run(|| async {
        let answer: Order = client
            .call("service", "echo", &order)
            .await
            .expect("an answer");
        assert_eq!(answer.lines.len(), order.lines.len());
    })
    .await;
}
