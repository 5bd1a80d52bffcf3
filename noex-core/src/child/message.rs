use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A message as it goes over the channel: `{id, type, payload, timestamp}`.
#[derive(Clone, Debug)]
pub struct ChildMessage {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) payload: Box<RawValue>,
    pub(super) timestamp: u64,
}

impl ChildMessage {
    /// What an answer carries as its own id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The `type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The payload as JSON.
    pub fn raw(&self) -> &RawValue {
        &self.payload
    }

    /// The payload, read as a `T`.
    ///
    /// # Errors
    ///
    /// It is not a `T`.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.payload.get())
    }

    /// When it was sent by the sender's clock, in milliseconds since 1970.
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }
}

/// A line as it is read.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(default)]
    timestamp: f64,
    /// Node's own messages have it.
    #[serde(borrow, default)]
    cmd: Option<Cow<'a, str>>,
}

/// What a line turned out to be.
#[derive(Debug)]
pub(super) enum Parsed {
    Message(ChildMessage),
    /// Node offers a handle, and waits until it is told that nobody takes it.
    Handle,
    Garbage(String),
}

pub(super) fn parse(line: &[u8]) -> Parsed {
    let line: Line<'_> = match serde_json::from_slice(line) {
        Ok(line) => line,
        Err(error) => return Parsed::Garbage(error.to_string()),
    };
    if line.cmd.as_deref() == Some("NODE_HANDLE") {
        return Parsed::Handle;
    }
    let Some(kind) = line.kind else {
        return Parsed::Garbage("it has no type".into());
    };
    Parsed::Message(ChildMessage {
        id: line.id.into_owned(),
        kind: kind.into_owned(),
        payload: line.payload.unwrap_or(RawValue::NULL).to_owned(),
        timestamp: line.timestamp as u64,
    })
}

#[derive(Serialize)]
struct Outgoing<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    payload: &'a RawValue,
    timestamp: u64,
}

/// The line of a message, its end included.
pub(super) fn encode(id: &str, kind: &str, payload: &RawValue) -> Vec<u8> {
    let mut line = Vec::with_capacity(payload.get().len() + kind.len() + id.len() + 64);
    let message = Outgoing {
        id,
        kind,
        payload,
        timestamp: now(),
    };
    // Strings and raw JSON: there is nothing in it that can fail.
    let _ = serde_json::to_writer(&mut line, &message);
    // In JSON a bare line feed is only ever white space, but here it would end the message, and
    // half a message ends a Node child.
    for byte in &mut line {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
    line.push(b'\n');
    line
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_written_can_be_read() {
        let payload = RawValue::from_string("{\"a\":\n[1, \"x\\ny\"]}".into()).expect("it is JSON");
        let line = encode("7", "task", &payload);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let Parsed::Message(read) = parse(&line) else {
            panic!("{line:?}");
        };
        assert_eq!((read.id(), read.kind()), ("7", "task"));
        let value: serde_json::Value = read.payload().expect("it is JSON");
        assert_eq!(value, serde_json::json!({"a": [1, "x\ny"]}));
    }

    #[test]
    fn what_is_no_message_is_garbage() {
        let deep = "[".repeat(1_000_000);
        for line in ["", "x", "{}", "[]", "{\"type\":1}", "\u{0}", &deep] {
            assert!(matches!(parse(line.as_bytes()), Parsed::Garbage(_)));
        }
    }

    #[test]
    fn a_handle_of_node_is_known() {
        let line = br#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{}}"#;
        assert!(matches!(parse(line), Parsed::Handle));
    }
}
