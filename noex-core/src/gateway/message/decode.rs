use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Call, Message, MessageError, Outcome, Register, Response, WireContext};
use crate::gateway::frame::nests_within;
use crate::gateway::limits::Limits;

/// Text that is borrowed from the bytes unless there is an escape in it. (serde borrows a `Cow` as a
/// field of its own only, not one in an `Option`.)
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Every header that any message has. A header that comes twice is an error (serde's derive sees
/// to it), since two readers could each believe another one; an unknown one is skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Headers<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    // Never used, so of whatever type; here so that it cannot come twice.
    #[serde(rename = "timestamp")]
    _timestamp: Option<IgnoredAny>,
    #[serde(rename = "depth")]
    _depth: Option<IgnoredAny>,
    #[serde(borrow)]
    from: Option<Text<'a>>,
    #[serde(borrow)]
    to: Option<Text<'a>>,
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<WireContext<'a>>,
    progress: Option<bool>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    service_name: Option<Text<'a>>,
    #[serde(borrow)]
    methods: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    shared: Option<bool>,
    #[serde(borrow)]
    instance: Option<Text<'a>>,
    #[serde(borrow)]
    features: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    calls: Option<Vec<&'a RawValue>>,
}

/// Reads one message. Never panics and never recurses deeper than `limits` allow, whatever the
/// bytes are.
pub(crate) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Message<'a>, MessageError> {
    // Skipped and raw values are not counted by serde_json, so the scan has to come first.
    if !nests_within(bytes, limits.nesting) {
        return Err(MessageError::TooDeep {
            limit: limits.nesting,
        });
    }
    let mut headers: Headers<'a> = serde_json::from_slice(bytes)?;
    let id = name(headers.id.take(), "id", limits)?;
    Ok(match headers.kind.0.as_ref() {
        "CALL" => Message::Call(Call {
            id,
            from: headers.from.map(|text| text.0),
            to: name(headers.to, "to", limits)?,
            method: name(headers.method, "method", limits)?,
            params: headers.params.map(RawValue::get),
            context: headers.context,
            progress: headers.progress.unwrap_or_default(),
        }),
        "RESPONSE" => Message::Response(Response {
            id,
            outcome: match headers.status.as_ref().map(|text| text.0.as_ref()) {
                Some("success") => Outcome::Success(headers.data.map(RawValue::get)),
                Some("error") => Outcome::Error(
                    headers
                        .error
                        .map(RawValue::get)
                        .ok_or(MessageError::Missing("error"))?,
                ),
                _ => return Err(MessageError::Missing("status")),
            },
        }),
        "REGISTER" => Message::Register(register(headers, id, limits)?),
        "HEARTBEAT" => Message::Heartbeat { id },
        "CANCEL" => Message::Cancel { id },
        "PROGRESS" => Message::Progress {
            id,
            data: headers.data.map_or("null", RawValue::get),
        },
        "BATCH" => {
            let calls = headers.calls.ok_or(MessageError::Missing("calls"))?;
            if calls.len() > limits.pending {
                return Err(MessageError::TooMany {
                    limit: limits.pending,
                });
            }
            Message::Batch {
                id,
                calls: calls.into_iter().map(RawValue::get).collect(),
            }
        }
        _ => return Err(MessageError::UnknownType),
    })
}

fn register<'a>(
    headers: Headers<'a>,
    id: Cow<'a, str>,
    limits: &Limits,
) -> Result<Register<'a>, MessageError> {
    let methods = headers.methods.unwrap_or_default();
    if methods.len() > limits.methods {
        return Err(MessageError::TooMany {
            limit: limits.methods,
        });
    }
    if !methods.iter().all(|method| is_name(method, limits)) {
        return Err(MessageError::BadName("a method"));
    }
    if headers
        .version
        .as_ref()
        .is_some_and(|text| !is_name(&text.0, limits))
    {
        return Err(MessageError::BadName("version"));
    }
    Ok(Register {
        id,
        service: name(headers.service_name, "serviceName", limits)?,
        methods,
        version: headers.version.map(|text| text.0),
        metadata: headers.metadata.map(RawValue::get),
        shared: headers.shared.unwrap_or_default(),
        instance: headers
            .instance
            .map(|token| name(Some(token), "instance", limits))
            .transpose()?,
        features: headers.features.unwrap_or_default(),
    })
}

fn is_name(text: &str, limits: &Limits) -> bool {
    !text.is_empty() && text.len() <= limits.name && !text.chars().any(char::is_control)
}

fn name<'a>(
    text: Option<Text<'a>>,
    what: &'static str,
    limits: &Limits,
) -> Result<Cow<'a, str>, MessageError> {
    let Text(text) = text.ok_or(MessageError::Missing(what))?;
    if is_name(&text, limits) {
        Ok(text)
    } else {
        Err(MessageError::BadName(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, MessageError> {
        decode(text.as_bytes(), &Limits::default()).map(|message| format!("{message:?}"))
    }

    const CALL: &str = r#"{"type":"CALL","id":"c1","timestamp":1.5,"from":"a","to":"b","method":"m",
        "params":{"x":[1,{"y":"\"}"}]},"context":{"root":"r","chain":["a","b"],"depth":2,"deadline":7},"new":{}}"#;

    #[test]
    fn what_a_call_carries_stays_the_bytes_that_came() {
        let limits = Limits::default();
        let Ok(Message::Call(call)) = decode(CALL.as_bytes(), &limits) else {
            panic!("not a call");
        };
        assert_eq!(call.params, Some(r#"{"x":[1,{"y":"\"}"}]}"#));
        assert_eq!(call.context.and_then(|context| context.deadline), Some(7));
    }

    #[test]
    fn headers_that_come_twice_are_refused() {
        for twice in [
            r#"{"type":"CALL","id":"c1","to":"b","to":"c","method":"m"}"#,
            r#"{"type":"CALL","type":"REGISTER","id":"c1","to":"b","method":"m"}"#,
            r#"{"type":"HEARTBEAT","id":"1","timestamp":1,"timestamp":2}"#,
        ] {
            assert!(
                matches!(read(twice), Err(MessageError::Malformed(_))),
                "{twice}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, what) in [
            (r#"{"type":"CALL","id":"1","method":"m"}"#, "to"),
            (r#"{"type":"CALL","id":"1","to":"m"}"#, "method"),
            (r#"{"type":"REGISTER","id":"1"}"#, "serviceName"),
            (r#"{"type":"RESPONSE","id":"1"}"#, "status"),
            (r#"{"type":"RESPONSE","id":"1","status":"error"}"#, "error"),
        ] {
            assert!(
                matches!(read(text), Err(MessageError::Missing(missing)) if missing == what),
                "{text}"
            );
        }
    }

    #[test]
    fn depth_is_refused_in_parts_that_are_never_read() {
        let deep = format!(
            r#"{{"type":"HEARTBEAT","id":"1","unknown":{}1{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(matches!(
            read(&deep),
            Err(MessageError::TooDeep { limit: 32 })
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes, &Limits::default());
        }

        #[test]
        fn no_mutation_of_a_message_makes_the_decoder_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = CALL.as_bytes().to_vec();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let _ = decode(&bytes, &Limits::default());
        }
    }
}
