//! What a measurement gives, and the median of several.

use std::time::Duration;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The time of one operation.
    MedianNs,
    P50Ns,
    P99Ns,
    P999Ns,
    Bytes,
    /// The most memory that the process had. Told, but not part of the JSON.
    PeakBytes,
}

impl Metric {
    pub const ALL: [Metric; 6] = [
        Metric::MedianNs,
        Metric::P50Ns,
        Metric::P99Ns,
        Metric::P999Ns,
        Metric::Bytes,
        Metric::PeakBytes,
    ];

    pub fn id(self) -> &'static str {
        match self {
            Metric::MedianNs => "median_ns",
            Metric::P50Ns => "p50_ns",
            Metric::P99Ns => "p99_ns",
            Metric::P999Ns => "p999_ns",
            Metric::Bytes => "bytes",
            Metric::PeakBytes => "peak_bytes",
        }
    }

    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.id() == id)
    }
}

/// The values of one measurement.
#[derive(Clone, Debug, Default)]
pub struct Sample(pub Vec<(Metric, f64)>);

impl Sample {
    pub fn of(metric: Metric, value: f64) -> Self {
        Sample(vec![(metric, value)])
    }

    pub fn per_operation(elapsed: Duration, operations: u64) -> Self {
        Sample::of(
            Metric::MedianNs,
            elapsed.as_nanos() as f64 / operations as f64,
        )
    }

    /// The percentiles of single latencies, in nanoseconds.
    pub fn percentiles(mut latencies: Vec<u64>) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| {
            let rank = (latencies.len() as f64 * share).ceil() as usize;
            latencies[rank.clamp(1, latencies.len()) - 1] as f64
        };
        Sample(vec![
            (Metric::P50Ns, at(0.50)),
            (Metric::P99Ns, at(0.99)),
            (Metric::P999Ns, at(0.999)),
        ])
    }

    /// As lines of `metric value`, which is how a process of its own reports.
    pub fn to_lines(&self) -> String {
        self.0
            .iter()
            .map(|(metric, value)| format!("{} {value}\n", metric.id()))
            .collect()
    }

    /// The reverse; `None` when there is anything else.
    pub fn from_lines(lines: &str) -> Option<Self> {
        let value = |line: &str| {
            let (metric, value) = line.split_once(' ')?;
            Some((Metric::from_id(metric)?, value.trim().parse().ok()?))
        };
        let values: Vec<_> = lines.lines().map(value).collect::<Option<_>>()?;
        (!values.is_empty()).then_some(Sample(values))
    }
}

/// The values of one metric over all rounds.
#[derive(Clone, Debug)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub rounds: usize,
}

impl Spread {
    /// `None` of no values.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            (values[middle - 1] + values[middle]) / 2.0
        };
        Some(Spread {
            median,
            least,
            most,
            rounds: values.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).expect("values");
        assert_eq!(spread(&[3.0, 1.0, 2.0]).median, 2.0);
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(spread(&[4.0, 1.0]).least, 1.0);
        assert_eq!(spread(&[4.0, 1.0]).most, 4.0);
        assert!(Spread::of(Vec::new()).is_none());
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let Sample(values) = Sample::percentiles((1..=1000).rev().collect());
        let values: Vec<f64> = values.into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [500.0, 990.0, 999.0]);
        let Sample(one) = Sample::percentiles(vec![7]);
        assert!(one.iter().all(|(_, value)| *value == 7.0));
    }

    #[test]
    fn a_sample_survives_its_lines() {
        let sample = Sample(vec![(Metric::MedianNs, 1.5), (Metric::PeakBytes, 2e9)]);
        let read = Sample::from_lines(&sample.to_lines()).expect("its own lines");
        assert_eq!(read.0, sample.0);
        assert!(Sample::from_lines("").is_none());
        assert!(Sample::from_lines("median_ns fast\n").is_none());
    }
}
