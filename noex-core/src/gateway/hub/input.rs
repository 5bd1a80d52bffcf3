//! What a connection sends, message by message.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::Connection;
use super::{Hub, answer};
use crate::gateway::clock;
use crate::gateway::error::ErrorCode;
use crate::gateway::event::{GatewayEvent, ServiceRegistered};
use crate::gateway::message::{Message, Register, decode};

/// Whether a connection may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Read,
    Close,
}

/// The id of an answer to what has none that could be read.
const NO_ID: &str = "-";

impl Hub {
    /// Handles one frame. What cannot be read is answered, and ends the connection: its sender
    /// does not speak the protocol, and would wait for an answer that has no id.
    pub(super) fn take(&self, connection: &Arc<Connection>, frame: &[u8]) -> Next {
        let message = match decode(frame, &self.limits) {
            Ok(message) => message,
            Err(error) => {
                self.counts.invalid.fetch_add(1, Ordering::Relaxed);
                let words = error.to_string();
                answer::refuse(connection, NO_ID, &ErrorCode::InvalidMessage, &words);
                self.trouble(connection, &words);
                return Next::Close;
            }
        };
        if let Message::Register(register) = &message {
            return self.register(connection, register);
        }
        if connection.service.get().is_none() {
            let words = "REGISTER comes first";
            answer::refuse(connection, message.id(), &ErrorCode::NotRegistered, words);
            return Next::Close;
        }
        match message {
            Message::Call(call) => self.call(connection, &call),
            Message::Response(response) => self.response(connection, &response),
            Message::Heartbeat { id } => {
                connection
                    .last_heartbeat
                    .store(clock::now_ms(), Ordering::Relaxed);
                answer::heartbeat(connection, &id);
            }
            Message::Cancel { id } => self.cancel(connection, &id),
            Message::Progress { id, data } => self.progress(connection, &id, data),
            Message::Batch { id, calls } => {
                for call in calls {
                    match decode(call.as_bytes(), &self.limits) {
                        Ok(Message::Call(call)) => self.call(connection, &call),
                        _ => {
                            let words = "a batch holds CALL messages only";
                            answer::refuse(connection, &id, &ErrorCode::InvalidMessage, words);
                        }
                    }
                }
            }
            Message::Register(_) => {}
        }
        Next::Read
    }

    fn register(&self, connection: &Arc<Connection>, register: &Register<'_>) -> Next {
        let name = connection
            .service
            .get_or_init(|| register.service.as_ref().into());
        if **name != *register.service {
            let words = "a connection keeps the name that it has registered";
            answer::refuse(connection, &register.id, &ErrorCode::InvalidMessage, words);
            return Next::Read;
        }
        let taken = self
            .directory
            .write()
            .register(connection, register, clock::now_ms());
        match taken {
            Ok(new) => {
                let cancel = register.features.iter().any(|feature| feature == "cancel");
                connection.takes_cancel.store(cancel, Ordering::Relaxed);
                answer::registered(connection, &register.id);
                if new {
                    self.events.tell(|| {
                        GatewayEvent::ServiceRegistered(ServiceRegistered {
                            service: register.service.to_string(),
                            methods: register.methods.iter().map(ToString::to_string).collect(),
                            version: register.version.as_deref().map(Into::into),
                            metadata: register.metadata.map(Into::into),
                        })
                    });
                }
                Next::Read
            }
            Err(code) => {
                let words = format!("{} is connected already", register.service);
                answer::refuse(connection, &register.id, &code, &words);
                Next::Close
            }
        }
    }

    pub(super) fn trouble(&self, connection: &Connection, words: &str) {
        tracing::debug!(service = connection.name(), "gateway: {words}");
        self.events.tell(|| GatewayEvent::Error {
            service: connection.service.get().map(ToString::to_string),
            message: words.to_owned(),
        });
    }
}
