//! A measurement in a process of its own: this program, run again with `--measure`.

use std::process::{Command, Stdio};

use crate::peers::PeerId;
use crate::sample::Sample;
use crate::workload::{Flavour, Job, Workload, is_smoke, only_smoke};

/// The hidden first argument; a peer, a workload, a flavour and a size follow.
pub const FLAG: &str = "--measure";

/// `None` when the peer has nothing to be measured by this workload.
pub fn measure(peer: PeerId, job: Job) -> Option<Sample> {
    let program = std::env::current_exe().expect("the path of this program");
    let size = if is_smoke() { "smoke" } else { "full" };
    let output = Command::new(program)
        .args([FLAG, peer.id(), job.workload.id(), job.flavour.id(), size])
        .stderr(Stdio::inherit())
        .output()
        .expect("this program can be run again");
    assert!(
        output.status.success(),
        "{peer} failed at {} ({})",
        job.workload,
        job.flavour
    );
    Sample::from_lines(&String::from_utf8_lossy(&output.stdout))
}

/// What that process does.
pub fn answer(args: &[String]) -> Result<(), String> {
    let wrong = || format!("{FLAG} is for this program's own use");
    let [peer, workload, flavour, size] = args else {
        return Err(wrong());
    };
    if size == "smoke" {
        only_smoke();
    }
    let peer = PeerId::from_id(peer).ok_or_else(wrong)?;
    let job = Job {
        workload: Workload::from_id(workload).ok_or_else(wrong)?,
        flavour: Flavour::from_id(flavour).ok_or_else(wrong)?,
    };
    if let Some(sample) = peer.measure(job) {
        print!("{}", sample.to_lines());
    }
    Ok(())
}
