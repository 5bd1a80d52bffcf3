//! What has been measured.

use crate::peers::PeerId;
use crate::sample::{Metric, Sample, Spread};
use crate::workload::{Flavour, Job, Workload};

/// One value of one peer, over all rounds.
#[derive(Debug)]
pub struct Row {
    pub peer: PeerId,
    pub metric: Metric,
    pub spread: Spread,
}

/// One workload in one flavour.
#[derive(Debug)]
pub struct Measured {
    pub job: Job,
    pub rows: Vec<Row>,
}

impl Measured {
    pub fn new(job: Job, peers: &[PeerId], samples: &[(PeerId, Sample)]) -> Self {
        let mut rows = Vec::new();
        for metric in Metric::ALL {
            for &peer in peers {
                let of_peer = samples.iter().filter(|(whose, _)| *whose == peer);
                let values = of_peer.flat_map(|(_, Sample(values))| values);
                let values = values.filter(|(what, _)| *what == metric);
                let spread = Spread::of(values.map(|(_, value)| *value).collect());
                rows.extend(spread.map(|spread| Row {
                    peer,
                    metric,
                    spread,
                }));
            }
        }
        Measured { job, rows }
    }

    pub fn median(&self, peer: PeerId, metric: Metric) -> Option<f64> {
        let row = self
            .rows
            .iter()
            .find(|row| row.peer == peer && row.metric == metric)?;
        Some(row.spread.median)
    }
}

#[derive(Debug, Default)]
pub struct Results(Vec<Measured>);

impl Results {
    pub fn add(&mut self, measured: Measured) {
        self.0.push(measured);
    }

    pub fn median(
        &self,
        workload: Workload,
        flavour: Flavour,
        peer: PeerId,
        metric: Metric,
    ) -> Option<f64> {
        self.0
            .iter()
            .find(|measured| measured.job.workload == workload && measured.job.flavour == flavour)?
            .median(peer, metric)
    }
}
