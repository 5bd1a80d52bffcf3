//! How results are shown: as tables, or as JSON, one object per line.

use serde::Serialize;

use crate::peers::PeerId;
use crate::plan::Plan;
use crate::results::{Measured, Results, Row};
use crate::sample::Metric;
use crate::workload::{Flavour, Workload};

#[derive(Serialize)]
struct Line {
    workload: &'static str,
    flavour: &'static str,
    peer: &'static str,
    metric: &'static str,
    value: f64,
    rounds: usize,
}

/// One object per line.
pub fn json(measured: &Measured) {
    let rows = measured.rows.iter();
    for row in rows.filter(|row| row.metric != Metric::PeakBytes) {
        let line = Line {
            workload: measured.job.workload.id(),
            flavour: measured.job.flavour.id(),
            peer: row.peer.id(),
            metric: row.metric.id(),
            value: (row.spread.median * 10.0).round() / 10.0,
            rounds: row.spread.rounds,
        };
        println!("{}", serde_json::to_string(&line).expect("plain values"));
    }
}

/// A table; how much memory was used at most goes to stderr.
pub fn table(measured: &Measured) {
    let job = measured.job;
    let rounds = measured.rows.iter().map(|row| row.spread.rounds).max();
    let Some(rounds) = rounds else {
        return;
    };
    println!(
        "{} ({}), {}, {rounds} rounds",
        job.workload,
        job.flavour,
        job.workload.unit()
    );
    println!(
        "  {:<14} {:<7} {:>12} {:>12} {:>12} {:>8} {:>8}",
        "peer", "", "median", "least", "most", "/tokio", "/noex"
    );
    for row in &measured.rows {
        if row.metric == Metric::PeakBytes {
            let peak = megabytes(row.spread.median);
            eprintln!("  {:<14} had {peak} at most", row.peer);
            continue;
        }
        println!(
            "  {:<14} {:<7} {:>12} {:>12} {:>12} {:>8} {:>8}",
            row.peer,
            name(row.metric),
            figure(row.spread.median),
            figure(row.spread.least),
            figure(row.spread.most),
            ratio(measured, row, PeerId::Tokio),
            ratio(measured, row, PeerId::Noex),
        );
    }
    println!();
}

/// All medians on two workers as one table, with noex's ratio to tokio by hand.
pub fn markdown(results: &Results, plan: &Plan) {
    let metric = |workload| match workload {
        Workload::IdleBytes => Metric::Bytes,
        Workload::CallLoad => Metric::P999Ns,
        _ => Metric::MedianNs,
    };
    let heads: String = plan.peers.iter().map(|peer| format!(" {peer} |")).collect();
    println!("| workload | noex/tokio |{heads}");
    println!("| --- | ---: |{}", " ---: |".repeat(plan.peers.len()));
    for &workload in &plan.workloads {
        let of = |peer| results.median(workload, Flavour::Multi, peer, metric(workload));
        let ratio = match (of(PeerId::Noex), of(PeerId::Tokio)) {
            (Some(own), Some(tokio)) => format!("{:.2}", own / tokio),
            _ => String::new(),
        };
        let cell = |peer: &PeerId| format!(" {} |", of(*peer).map_or(String::new(), figure));
        let cells: String = plan.peers.iter().map(cell).collect();
        let p999 = if workload == Workload::CallLoad {
            ", p99.9"
        } else {
            ""
        };
        println!(
            "| `{workload}`: {}{p999} | {ratio} |{cells}",
            workload.unit()
        );
    }
    println!();
    crate::bars::table(results);
}

fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::MedianNs | Metric::Bytes | Metric::PeakBytes => "",
        Metric::P50Ns => "p50",
        Metric::P99Ns => "p99",
        Metric::P999Ns => "p99.9",
    }
}

fn ratio(measured: &Measured, row: &Row, to: PeerId) -> String {
    match measured.median(to, row.metric) {
        Some(median) if median > 0.0 => format!("{:.2}", row.spread.median / median),
        _ => "-".to_owned(),
    }
}

fn figure(value: f64) -> String {
    if value < 1000.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

pub fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB", bytes / 1e6)
}
