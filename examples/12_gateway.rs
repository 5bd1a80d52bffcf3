//! Three services at a gateway: an order service calls a user service, which calls a role
//! service. Each could be written in another language.
//!
//! Run with `cargo run --example 12_gateway --features gateway`.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use noex::Supervisor;
use noex::gateway::{
    CallContext, ClientOptions, Gateway, GatewayClient, GatewayOptions, Invocation, MethodError,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
struct User {
    id: u32,
    name: String,
    role: String,
}

fn role_service(socket: &Path) -> GatewayClient {
    let roles = GatewayClient::new(ClientOptions::new("role-service", socket));
    roles.register("getRole", |id: u32, call: Invocation| async move {
        println!("role-service: {}", call.context());
        Ok(if id == 1 { "admin" } else { "guest" })
    });
    roles
}

fn user_service(socket: &Path) -> GatewayClient {
    let users = GatewayClient::new(ClientOptions::new("user-service", socket).version("1.0"));
    let client = users.clone();
    users.register("getUserById", move |id: u32, call: Invocation| {
        let client = client.clone();
        async move {
            println!("user-service: {}", call.context());
            if id == 0 {
                return Err(MethodError::new("USER_NOT_FOUND", "no user has the id 0"));
            }
            // A nested call: it extends the context by itself.
            let role = client.call("role-service", "getRole", &id).await?;
            let name = format!("user {id}");
            Ok(User { id, name, role })
        }
    });
    users
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("noex-12-gateway-{}", std::process::id()));
    let socket = folder.join("gateway.sock");

    let gateway = Gateway::new(GatewayOptions::new(&socket));
    let mut events = gateway.events();
    let (roles, users) = (role_service(&socket), user_service(&socket));
    let orders = GatewayClient::new(ClientOptions::new("order-service", &socket));
    let tree = Supervisor::rest_for_one()
        .child(gateway.child())
        .child(roles.child())
        .child(users.child())
        .child(orders.child())
        .start()
        .await?;
    for client in [&roles, &users, &orders] {
        client.connected().await;
    }
    println!("connected: {}", gateway.connected_services().join(", "));

    let user: User = orders
        .call("user-service", "getUserById", &1)
        .timeout(Duration::from_secs(2))
        .await?;
    println!("order-service got {user:?}");

    match orders.call::<User>("user-service", "getUserById", &0).await {
        Err(error) => println!("order-service got {}: {error}", error.code()),
        Ok(user) => println!("order-service got {user:?}, which was not to be"),
    }
    assert_eq!(CallContext::current(), None); // no handler runs here

    tree.stop().await?;
    let mut count = 0;
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(100), events.recv()).await {
        count += 1;
    }
    println!(
        "the gateway told {count} events, and routed {} calls",
        gateway.status().counts.calls
    );
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
