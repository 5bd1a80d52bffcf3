//! Which measurements are made, and in which order.
//!
//! One workload in one flavour at a time. In each round every peer is measured once; the next round begins
//! with another peer and goes the other way round, so that none always comes after the same other.

use crate::bars;
use crate::own_process;
use crate::peers::PeerId;
use crate::results::{Measured, Results};
use crate::sample::Sample;
use crate::workload::{Flavour, Job, Workload};

pub struct Plan {
    pub workloads: Vec<Workload>,
    pub flavours: Vec<Flavour>,
    pub peers: Vec<PeerId>,
    /// If not given, nine for what is barred and three for the rest.
    pub rounds: Option<usize>,
}

impl Plan {
    /// Measures everything, and tells of each workload in each flavour when it is done.
    pub fn carry_out(&self, mut tell: impl FnMut(&Measured)) -> Results {
        let mut results = Results::default();
        for &workload in &self.workloads {
            for &flavour in &self.flavours {
                let measured = self.measure(Job { workload, flavour });
                tell(&measured);
                results.add(measured);
            }
        }
        results
    }

    fn measure(&self, job: Job) -> Measured {
        let rounds = self.rounds.unwrap_or(ROUNDS);
        let mut peers = self.peers.clone();
        let mut samples: Vec<(PeerId, Sample)> = Vec::new();
        for round in 0..rounds {
            // A peer without anything to measure is not asked again.
            peers.retain(|&peer| {
                if self.rounds.is_none() && !is_due(peer, job, round) {
                    return true;
                }
                let sample = measure(peer, job);
                let has_one = sample.is_some();
                samples.extend(sample.map(|sample| (peer, sample)));
                has_one
            });
            peers.reverse();
            if round % 2 == 1 && !peers.is_empty() {
                peers.rotate_left(1);
            }
        }
        Measured::new(job, &self.peers, &samples)
    }
}

const ROUNDS: usize = 9;
/// What no bar looks at is measured in one round of so many.
const SELDOM: usize = 3;

fn is_due(peer: PeerId, job: Job, round: usize) -> bool {
    round.is_multiple_of(SELDOM)
        || (job.flavour == Flavour::Multi && bars::look_at(peer, job.workload))
}

fn measure(peer: PeerId, job: Job) -> Option<Sample> {
    if job.workload.wants_own_process() && !peer.is_foreign() {
        own_process::measure(peer, job)
    } else {
        peer.measure(job)
    }
}
