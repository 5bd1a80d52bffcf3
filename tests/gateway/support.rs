use std::path::PathBuf;
use std::time::Duration;

use noex::gateway::{ClientOptions, Gateway, GatewayClient, GatewayOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Long enough for a loaded machine; nothing that passes takes that long.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A gateway in a directory of its own.
pub(crate) struct Hub {
    pub(crate) gateway: Gateway,
    pub(crate) socket: PathBuf,
    _folder: TempDir,
}

impl Hub {
    pub(crate) async fn start() -> Hub {
        Hub::with(|options| options).await
    }

    pub(crate) async fn with(change: impl FnOnce(GatewayOptions) -> GatewayOptions) -> Hub {
        let hub = Hub::unstarted(change);
        hub.gateway.start().await.expect("the gateway starts");
        hub
    }

    pub(crate) fn unstarted(change: impl FnOnce(GatewayOptions) -> GatewayOptions) -> Hub {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let socket = folder.path().join("gateway.sock");
        Hub {
            gateway: Gateway::new(change(GatewayOptions::new(&socket))),
            socket,
            _folder: folder,
        }
    }

    pub(crate) fn client(&self, service: &str) -> GatewayClient {
        GatewayClient::new(ClientOptions::new(service, &self.socket))
    }

    pub(crate) async fn connected(&self, service: &str) -> GatewayClient {
        let client = self.client(service);
        client.connect().await.expect("the client connects");
        client
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw {
            stream: UnixStream::connect(&self.socket)
                .await
                .expect("the socket is there"),
        }
    }

    /// A connection that has registered.
    pub(crate) async fn registered(&self, service: &str, methods: &[&str]) -> Raw {
        let mut raw = self.raw().await;
        raw.send(
            &json!({"type": "REGISTER", "id": "r1", "serviceName": service, "methods": methods}),
        )
        .await;
        let answer = raw.receive().await.expect("an answer");
        assert_eq!(answer["status"], "success", "{answer}");
        raw
    }
}

/// A client by bare bytes.
pub(crate) struct Raw {
    pub(crate) stream: UnixStream,
}

impl Raw {
    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        let length = u32::try_from(text.len()).expect("short").to_be_bytes();
        self.bytes(&[&length[..], text.as_bytes()].concat()).await;
    }

    /// Writes as far as the other end takes it.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next message; `None` when the connection has ended.
    pub(crate) async fn receive(&mut self) -> Option<Value> {
        timeout(SOON, self.read())
            .await
            .expect("something comes in time")
    }

    async fn read(&mut self) -> Option<Value> {
        let length = self.stream.read_u32().await.ok()?;
        let mut body = vec![0; length as usize];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(serde_json::from_slice(&body).expect("JSON"))
    }

    /// Whether nothing comes for a moment.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        timeout(Duration::from_millis(200), self.read())
            .await
            .is_err()
    }

    /// Reads until the connection ends; the last message, if there was one.
    pub(crate) async fn end(&mut self) -> Option<Value> {
        let mut last = None;
        while let Some(message) = self.receive().await {
            last = Some(message);
        }
        last
    }
}

pub(crate) fn call(id: &str, to: &str, method: &str) -> Value {
    json!({"type": "CALL", "id": id, "to": to, "method": method, "params": {}})
}

/// Waits until `holds` does.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let holds_soon = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(SOON, holds_soon).await.is_ok(), "never: {what}");
}
