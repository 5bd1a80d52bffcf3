use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use crate::gateway::frame;

/// The value of a header that is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'a> {
    /// The header is left out.
    Absent,
    Text(&'a str),
    Number(u64),
    Flag(bool),
    Texts(&'a [Cow<'a, str>]),
    Map(&'a [(&'static str, Field<'a>)]),
    /// JSON that is there already.
    Raw(&'a str),
}

impl<'a> Field<'a> {
    pub(crate) fn raw(json: Option<&'a str>) -> Self {
        json.map_or(Field::Absent, Field::Raw)
    }

    pub(crate) fn text(text: Option<&'a str>) -> Self {
        text.map_or(Field::Absent, Field::Text)
    }
}

/// Appends one message as a frame.
pub(crate) fn append(out: &mut BytesMut, headers: &[(&'static str, Field<'_>)]) {
    frame::append(out, |out| map(out, headers));
}

fn map(out: &mut BytesMut, fields: &[(&'static str, Field<'_>)]) {
    out.put_u8(b'{');
    let mut first = true;
    for (key, value) in fields {
        if matches!(value, Field::Absent) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.put_u8(b',');
        }
        // Keys are ours and have nothing to escape.
        out.put_u8(b'"');
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        field(out, value);
    }
    out.put_u8(b'}');
}

fn field(out: &mut BytesMut, value: &Field<'_>) {
    match value {
        Field::Absent => out.extend_from_slice(b"null"),
        Field::Text(value) => text(out, value),
        Field::Number(number) => {
            // Writing into memory does not fail.
            let _ = serde_json::to_writer(out.writer(), number);
        }
        Field::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Field::Texts(texts) => {
            out.put_u8(b'[');
            for (place, value) in texts.iter().enumerate() {
                if place > 0 {
                    out.put_u8(b',');
                }
                text(out, value);
            }
            out.put_u8(b']');
        }
        Field::Map(fields) => map(out, fields),
        Field::Raw(json) => out.extend_from_slice(json.as_bytes()),
    }
}

fn text(out: &mut BytesMut, text: &str) {
    let _ = serde_json::to_writer(out.writer(), text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_leaves_no_comma_and_text_is_escaped() {
        let mut out = BytesMut::new();
        append(
            &mut out,
            &[
                ("a", Field::Absent),
                ("b", Field::Text("x\"\n")),
                (
                    "c",
                    Field::Map(&[("d", Field::Raw("[1]")), ("e", Field::Flag(true))]),
                ),
                ("f", Field::Texts(&["g".into(), "h".into()])),
                ("i", Field::Number(7)),
            ],
        );
        assert_eq!(
            std::str::from_utf8(&out[4..]).expect("JSON is UTF-8"),
            r#"{"b":"x\"\n","c":{"d":[1],"e":true},"f":["g","h"],"i":7}"#
        );
        assert_eq!(&out[..4], &u32::to_be_bytes((out.len() - 4) as u32));
    }
}
