//! noex beside its peers: the same workloads, in turn, over several rounds. README.md says how to read it.

mod args;
mod bars;
mod census;
mod drivers;
mod memory;
mod own_process;
mod peer;
mod peers;
mod plan;
mod report;
mod results;
mod sample;
mod workload;

use std::process::ExitCode;

use args::{Args, Style};

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let done = match given.split_first() {
        Some((first, rest)) if first == own_process::FLAG => own_process::answer(rest),
        _ => run(given),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

fn run(given: Vec<String>) -> Result<(), String> {
    let (mut plan, style) = match args::parse(given)? {
        Args::Run { plan, style } => (plan, style),
        Args::Help => {
            println!("{}", args::USAGE);
            return Ok(());
        }
    };
    let _tidy = Tidy;
    plan.peers.retain(|peer| match peer.missing() {
        None => true,
        Some(why) => {
            eprintln!("{peer} is left out: {why}");
            false
        }
    });
    match style {
        Style::Json => {
            plan.carry_out(report::json);
        }
        Style::Markdown => report::markdown(&plan.carry_out(report::table), &plan),
        Style::Tables => bars::table(&plan.carry_out(report::table)),
    }
    Ok(())
}

/// Cleans up when the run ends, also by a failed proof.
struct Tidy;

impl Drop for Tidy {
    fn drop(&mut self) {
        peers::clean_up();
    }
}
