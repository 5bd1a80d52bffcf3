//! What noex must reach, beside what it has: medians of the same run, on two workers.

use crate::peers::PeerId;
use crate::results::Results;
use crate::sample::Metric;
use crate::workload::{Flavour, Workload};

struct Bar {
    workload: Workload,
    metric: Metric,
    than: Than,
    at_most: f64,
}

/// What noex's figure is divided by.
enum Than {
    Peer(PeerId),
    /// noex itself, at another workload.
    Own(Workload),
    /// Nothing: the figure itself is barred.
    Nothing,
}

const fn bar(workload: Workload, than: Than, at_most: f64) -> Bar {
    Bar {
        workload,
        metric: Metric::MedianNs,
        than,
        at_most,
    }
}

const BARS: [Bar; 19] = [
    bar(Workload::Call, Than::Peer(PeerId::Tokio), 0.45),
    bar(Workload::Call, Than::Peer(PeerId::Ractor), 0.2),
    bar(Workload::Call, Than::Peer(PeerId::Kameo), 0.2),
    bar(Workload::Cast1, Than::Peer(PeerId::Tokio), 1.0),
    bar(Workload::Cast4, Than::Peer(PeerId::Tokio), 1.0),
    bar(Workload::Call64x64, Than::Peer(PeerId::Tokio), 0.7),
    bar(Workload::Call64x1, Than::Peer(PeerId::Tokio), 1.1),
    bar(Workload::Start, Than::Peer(PeerId::Tokio), 0.4),
    bar(Workload::Start, Than::Peer(PeerId::Ractor), 0.04),
    Bar {
        metric: Metric::Bytes,
        ..bar(Workload::IdleBytes, Than::Nothing, 800.0)
    },
    bar(Workload::CallName, Than::Own(Workload::Call), 1.3),
    bar(Workload::Skynet, Than::Peer(PeerId::Tokio), 0.5),
    bar(Workload::Skynet, Than::Peer(PeerId::Erlang), 0.15),
    Bar {
        metric: Metric::PeakBytes,
        ..bar(Workload::Skynet, Than::Nothing, 1.5e9)
    },
    bar(Workload::PingPong, Than::Peer(PeerId::Tokio), 1.25),
    bar(Workload::CallPending, Than::Peer(PeerId::Tokio), 1.2),
    bar(Workload::CallBusy, Than::Peer(PeerId::Tokio), 1.2),
    bar(Workload::CallChain8, Than::Peer(PeerId::Tokio), 0.6),
    Bar {
        metric: Metric::P999Ns,
        ..bar(Workload::CallLoad, Than::Peer(PeerId::Tokio), 1.25)
    },
];

/// Whether a bar needs this figure.
pub fn look_at(peer: PeerId, workload: Workload) -> bool {
    BARS.iter().any(|bar| match bar.than {
        Than::Own(other) if other == workload => peer == PeerId::Noex,
        _ if bar.workload != workload => false,
        Than::Peer(other) => peer == PeerId::Noex || peer == other,
        Than::Own(_) | Than::Nothing => peer == PeerId::Noex,
    })
}

/// Those of which both sides were measured.
pub fn table(results: &Results) {
    let median = |workload, peer, metric| results.median(workload, Flavour::Multi, peer, metric);
    let mut lines = Vec::new();
    for bar in &BARS {
        let Some(own) = median(bar.workload, PeerId::Noex, bar.metric) else {
            continue;
        };
        let (than, base) = match bar.than {
            Than::Nothing => ("bytes".to_owned(), Some(1.0)),
            Than::Peer(peer) => (format!("of {peer}"), median(bar.workload, peer, bar.metric)),
            Than::Own(workload) => (
                format!("of its {workload}"),
                median(workload, PeerId::Noex, bar.metric),
            ),
        };
        if let Some(base) = base {
            lines.push(line(bar, &than, own / base));
        }
    }
    if !lines.is_empty() {
        println!("What noex must reach (multi)");
        println!(
            "  {:<14} {:<18} {:>12} {:>12}",
            "workload", "", "at most", "is"
        );
        println!("{}", lines.join("\n"));
    }
}

fn line(bar: &Bar, than: &str, is: f64) -> String {
    let verdict = if is <= bar.at_most { "yes" } else { "NO" };
    let figure = |value: f64| match bar.than {
        Than::Nothing => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    };
    format!(
        "  {:<14} {:<18} {:>12} {:>12}  {verdict}",
        bar.workload,
        than,
        figure(bar.at_most),
        figure(is)
    )
}
