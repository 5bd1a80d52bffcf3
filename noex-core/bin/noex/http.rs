//! What a gateway tells over HTTP.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use noex::gateway::Gateway;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::metrics;

pub(crate) async fn serve(listener: TcpListener, gateway: Gateway) {
    let routes = Router::new()
        .route("/health", get(health))
        .route("/services", get(services))
        .route("/metrics", get(numbers))
        .with_state(gateway);
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!("http: {error}");
    }
}

async fn health(State(gateway): State<Gateway>) -> impl IntoResponse {
    let status = gateway.status();
    let code = if status.running {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({
        "healthy": status.running,
        "connectedServices": status.services.len(),
        "services": status.services,
    });
    (code, Json(body))
}

async fn services(State(gateway): State<Gateway>) -> Json<Value> {
    let names = gateway.connected_services();
    let services: Vec<_> = names
        .iter()
        .filter_map(|name| gateway.service(name))
        .map(|service| {
            let instances: Vec<_> = service
                .instances
                .iter()
                .map(|instance| {
                    json!({
                        "version": instance.version,
                        "connectedAt": milliseconds(instance.connected_at),
                        "lastHeartbeat": milliseconds(instance.last_heartbeat),
                    })
                })
                .collect();
            json!({"name": service.name, "methods": service.methods, "instances": instances})
        })
        .collect();
    Json(json!({ "services": services }))
}

async fn numbers(State(gateway): State<Gateway>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, metrics::text(&gateway.status()))
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
