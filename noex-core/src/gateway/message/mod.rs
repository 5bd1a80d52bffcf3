//! Messages: what a frame's bytes mean.
//!
//! A message is read without copying, and what it carries (`params`, `data`, `error`) stays the
//! bytes that came: they go out as they are.

mod decode;
mod encode;
mod error;

pub(crate) use decode::decode;
pub(crate) use encode::{Field, append};
pub use error::MessageError;

use std::borrow::Cow;

use serde::Deserialize;

/// A message that has been read and checked.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    Register(Register<'a>),
    Call(Call<'a>),
    Response(Response<'a>),
    Heartbeat {
        id: Cow<'a, str>,
    },
    Cancel {
        id: Cow<'a, str>,
    },
    Progress {
        id: Cow<'a, str>,
        data: &'a str,
    },
    Batch {
        id: Cow<'a, str>,
        calls: Vec<&'a str>,
    },
}

impl Message<'_> {
    pub(crate) fn id(&self) -> &str {
        match self {
            Message::Register(Register { id, .. })
            | Message::Call(Call { id, .. })
            | Message::Response(Response { id, .. })
            | Message::Heartbeat { id }
            | Message::Cancel { id }
            | Message::Progress { id, .. }
            | Message::Batch { id, .. } => id,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Register<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) service: Cow<'a, str>,
    pub(crate) methods: Vec<Cow<'a, str>>,
    pub(crate) version: Option<Cow<'a, str>>,
    /// JSON.
    pub(crate) metadata: Option<&'a str>,
    pub(crate) shared: bool,
    pub(crate) instance: Option<Cow<'a, str>>,
    pub(crate) features: Vec<Cow<'a, str>>,
}

#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) from: Option<Cow<'a, str>>,
    pub(crate) to: Cow<'a, str>,
    pub(crate) method: Cow<'a, str>,
    /// JSON.
    pub(crate) params: Option<&'a str>,
    pub(crate) context: Option<WireContext<'a>>,
    pub(crate) progress: bool,
}

#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) outcome: Outcome<'a>,
}

/// What a call came to, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    Success(Option<&'a str>),
    Error(&'a str),
}

/// A call's context as a caller sends it: every part may be missing.
#[derive(Debug, Deserialize)]
pub(crate) struct WireContext<'a> {
    #[serde(borrow)]
    pub(crate) root: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) chain: Vec<Cow<'a, str>>,
    pub(crate) deadline: Option<u64>,
}
