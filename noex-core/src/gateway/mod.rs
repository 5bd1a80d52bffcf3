//! The gateway: a hub on a Unix socket for services in any language.
//!
//! A [`Gateway`] listens, knows which services are connected, and takes calls from one to the
//! other. A [`GatewayClient`] is a service written in Rust; what a service in another language
//! has to do is in the guide "The gateway", which has the whole protocol on one page.
//!
//! # What is promised
//!
//! - A call ends in a result, an error that names its cause, or `TIMEOUT` at its deadline.
//! - `TIMEOUT`, `SERVICE_DISCONNECTED` and [`GatewayError::Disconnected`] leave open whether the
//!   method ran. The other codes of the gateway itself say that it did not. Nothing is sent a second
//!   time unless the caller [asked for that](PendingCalls::Resend).
//! - Who called, and through whom, is written by the gateway: a service cannot pretend to be
//!   another, nor answer what it was not asked.
//! - A client that floods, stalls or breaks the protocol costs at most what [`Limits`] allow.
//!
//! # When (not) to use
//!
//! For services of one machine and one user that are written in several languages. Actors
//! within one program call each other without it.

mod client;
mod clock;
mod context;
mod error;
mod event;
mod frame;
mod hub;
mod id;
mod limits;
mod message;
mod outbox;
mod server;

pub use client::{
    CacheRule, ClientOptions, ClientServer, ClientStatus, GatewayCall, GatewayClient, Invocation,
    PendingCalls,
};
pub use context::CallContext;
pub use error::{ErrorCode, GatewayError, MethodError};
pub use event::{
    CallRouted, ClientEvent, EventStream, GatewayEvent, ResponseRouted, ServiceRegistered,
};
pub use frame::{FrameCodec, FrameError, nests_within};
pub use limits::Limits;
pub use message::MessageError;
pub use server::{
    Balance, Gateway, GatewayCounts, GatewayOptions, GatewayServer, GatewayStatus, InstanceInfo,
    Peers, ServiceInfo,
};
