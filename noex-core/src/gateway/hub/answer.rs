//! What the hub itself says to a connection.

use std::borrow::Cow;

use super::connection::Connection;
use crate::gateway::clock;
use crate::gateway::error::ErrorCode;
use crate::gateway::message::{Field, Outcome, append};
use crate::gateway::outbox::Unqueued;

/// Answers a call, or something else that has an id. A connection that does not read its answers
/// is cut off when more than its share is queued for it.
pub(super) fn respond(to: &Connection, id: &str, from: Option<&str>, outcome: Outcome<'_>) {
    let (status, data, error) = match outcome {
        Outcome::Success(data) => ("success", Field::raw(data), Field::Absent),
        Outcome::Error(error) => ("error", Field::Absent, Field::Raw(error)),
    };
    send(
        to,
        &[
            ("type", Field::Text("RESPONSE")),
            ("id", Field::Text(id)),
            ("timestamp", Field::Number(clock::now_ms())),
            ("from", Field::text(from)),
            ("to", Field::text(to.service.get().map(|name| &**name))),
            ("status", Field::Text(status)),
            ("data", data),
            ("error", error),
        ],
    );
}

pub(super) fn refuse(to: &Connection, id: &str, code: &ErrorCode, message: &str) {
    send(
        to,
        &[
            ("type", Field::Text("RESPONSE")),
            ("id", Field::Text(id)),
            ("timestamp", Field::Number(clock::now_ms())),
            ("to", Field::text(to.service.get().map(|name| &**name))),
            ("status", Field::Text("error")),
            (
                "error",
                Field::Map(&[
                    ("code", Field::Text(code.as_str())),
                    ("message", Field::Text(message)),
                ]),
            ),
        ],
    );
}

/// What the hub offers beyond the first protocol, told at REGISTER.
const FEATURES: &[Cow<'static, str>] = &[
    Cow::Borrowed("cancel"),
    Cow::Borrowed("progress"),
    Cow::Borrowed("batch"),
];

pub(super) fn registered(to: &Connection, id: &str) {
    send(
        to,
        &[
            ("type", Field::Text("RESPONSE")),
            ("id", Field::Text(id)),
            ("timestamp", Field::Number(clock::now_ms())),
            ("to", Field::text(to.service.get().map(|name| &**name))),
            ("status", Field::Text("success")),
            (
                "data",
                Field::Map(&[
                    ("registered", Field::Flag(true)),
                    ("features", Field::Texts(FEATURES)),
                ]),
            ),
        ],
    );
}

pub(super) fn heartbeat(to: &Connection, id: &str) {
    send(
        to,
        &[
            ("type", Field::Text("HEARTBEAT")),
            ("id", Field::Text(id)),
            ("timestamp", Field::Number(clock::now_ms())),
        ],
    );
}

/// Tells a service that nobody waits for its answer any more, if it knows the word.
pub(super) fn cancel(to: &Connection, id: &str) {
    if to.takes_cancel() {
        send(
            to,
            &[
                ("type", Field::Text("CANCEL")),
                ("id", Field::Text(id)),
                ("timestamp", Field::Number(clock::now_ms())),
            ],
        );
    }
}

pub(super) fn progress(to: &Connection, id: &str, data: &str) {
    send(
        to,
        &[
            ("type", Field::Text("PROGRESS")),
            ("id", Field::Text(id)),
            ("timestamp", Field::Number(clock::now_ms())),
            ("data", Field::Raw(data)),
        ],
    );
}

fn send(to: &Connection, headers: &[(&'static str, Field<'_>)]) {
    if to.outbox.push(|out| append(out, headers)) == Err(Unqueued::Full) {
        to.cut.cancel();
    }
}
