//! A gateway's numbers in Prometheus's text format.

use std::fmt::Write;

use noex::gateway::GatewayStatus;

pub(crate) fn text(status: &GatewayStatus) -> String {
    let counts = &status.counts;
    let mut text = String::new();
    for (name, kind, help, value) in [
        (
            "up",
            "gauge",
            "Whether the gateway runs.",
            u64::from(status.running),
        ),
        (
            "connections",
            "gauge",
            "Connections now.",
            status.connections as u64,
        ),
        (
            "services",
            "gauge",
            "Services connected now.",
            status.services.len() as u64,
        ),
        (
            "calls_total",
            "counter",
            "Calls sent on to a service.",
            counts.calls,
        ),
        (
            "calls_refused_total",
            "counter",
            "Calls refused by the gateway.",
            counts.refused,
        ),
        (
            "calls_succeeded_total",
            "counter",
            "Calls that came to a result.",
            counts.successes,
        ),
        (
            "calls_failed_total",
            "counter",
            "Calls that came to an error.",
            counts.errors,
        ),
        (
            "messages_invalid_total",
            "counter",
            "Messages that could not be read.",
            counts.invalid,
        ),
        (
            "responses_unexpected_total",
            "counter",
            "Answers nobody waited for.",
            counts.unexpected,
        ),
    ] {
        // Writing into memory does not fail.
        let _ = writeln!(text, "# HELP noex_gateway_{name} {help}");
        let _ = writeln!(text, "# TYPE noex_gateway_{name} {kind}");
        let _ = writeln!(text, "noex_gateway_{name} {value}");
    }
    text
}
