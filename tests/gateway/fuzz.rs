//! Mutated messages against a gateway that runs: frames, decoder, routing. Stable Rust has no
//! coverage-guided fuzzing, so what is mutated are messages that reach deep already.
//!
//! It runs for a second, or as many as `NOEX_FUZZ_SECONDS` says; a failure names its seed, which
//! `NOEX_FUZZ_SEED` runs again.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::support::{Hub, eventually};

const MESSAGES: &[&str] = &[
    r#"{"type":"REGISTER","id":"r","serviceName":"fuzz","methods":["m","n"],"version":"1","metadata":{"a":[1]},"shared":true,"instance":"i","features":["cancel"]}"#,
    r#"{"type":"CALL","id":"c1","from":"x","to":"fuzz","method":"m","params":{"a":[1,{"b":"\"}"}]},"progress":true,"context":{"root":"r","chain":["a","fuzz"],"depth":2,"deadline":99999999999999}}"#,
    r#"{"type":"CALL","id":"c2","to":"good-service","method":"echo","params":"\ud83d\ude00"}"#,
    r#"{"type":"RESPONSE","id":"c1","status":"success","data":{"x":1e400}}"#,
    r#"{"type":"RESPONSE","id":"c2","status":"error","error":{"code":"X","message":"y"}}"#,
    r#"{"type":"HEARTBEAT","id":"h","timestamp":1}"#,
    r#"{"type":"CANCEL","id":"c1"}"#,
    r#"{"type":"PROGRESS","id":"c1","data":[[[]]]}"#,
    r#"{"type":"BATCH","id":"b","calls":[{"type":"CALL","id":"c3","to":"good-service","method":"echo"},{"type":"CALL","id":"c4","to":"fuzz","method":"n"}]}"#,
];

const PIECES: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "\"id\":\"c1\",",
    "\"to\":\"fuzz\",",
    "-1",
    "1e999",
    "\\u0000",
    "\\ud800",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

struct Dice(fastrand::Rng);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0.usize(..limit.max(1))
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// A frame that is mostly what it should be.
    fn frame(&mut self) -> Vec<u8> {
        let mut body = self.pick(MESSAGES).as_bytes().to_vec();
        for _ in 0..self.below(4) {
            let place = self.below(body.len());
            match self.below(5) {
                0 => body[place] = self.below(256) as u8,
                1 => {
                    body.remove(place);
                }
                2 => body.truncate(place.max(1)),
                3 => {
                    let piece = self.pick(PIECES).bytes();
                    body.splice(place..place, piece);
                }
                _ => {
                    let other = self.pick(MESSAGES).as_bytes();
                    let from = self.below(other.len());
                    body.splice(place.., other[from..].iter().copied());
                }
            }
            if body.is_empty() {
                body.push(b'{');
            }
        }
        let mut length = body.len() as u32;
        if self.below(20) == 0 {
            length = length.wrapping_add(self.below(64) as u32).wrapping_sub(32);
        }
        [&length.to_be_bytes()[..], &body].concat()
    }
}

async fn attack(hub: &Hub, dice: &mut Dice) {
    let Ok(mut stream) = UnixStream::connect(&hub.socket).await else {
        return;
    };
    let mut bytes = Vec::new();
    if dice.below(3) > 0 {
        let register = MESSAGES[0].as_bytes();
        bytes.extend_from_slice(&(register.len() as u32).to_be_bytes());
        bytes.extend_from_slice(register);
    }
    for _ in 0..dice.below(20) {
        bytes.extend_from_slice(&dice.frame());
    }
    let _ = stream.write_all(&bytes).await;
    let mut answers = [0; 4096];
    let _ = tokio::time::timeout(Duration::from_millis(2), stream.read(&mut answers)).await;
}

#[tokio::test]
async fn no_sequence_of_mutated_messages_stops_the_gateway_or_leaves_anything() {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seconds = variable("NOEX_FUZZ_SECONDS").unwrap_or(1);
    let seed = variable("NOEX_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("NOEX_FUZZ_SEED={seed}");
    let mut dice = Dice(fastrand::Rng::with_seed(seed));

    let hub = Hub::start().await;
    let service = hub.client("good-service");
    service.register("echo", |value: Value, _| async move { Ok(value) });
    service.connect().await.unwrap();
    let caller = hub.connected("good-caller").await;
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut attacks = 0u64;
    while Instant::now() < until {
        for _ in 0..20 {
            attack(&hub, &mut dice).await;
            attacks += 1;
        }
        let sent = Value::from(attacks);
        let answer: Value = caller.call("good-service", "echo", &sent).await.unwrap();
        assert_eq!(answer, sent);
    }
    println!(
        "{attacks} connections, {} messages that could not be read",
        hub.gateway.status().counts.invalid
    );
    eventually("only the good ones are left", || {
        hub.gateway.connected_services() == ["good-caller", "good-service"]
    })
    .await;
    assert_eq!(caller.status().pending_calls, 0);
}
