//! Latencies in buckets of 1.6 % width, in constant memory.
use std::time::Duration;

/// Buckets per power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();

#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Histogram {
        Histogram { counts: vec![0; (64 - STEP_BITS as usize + 1) * STEPS as usize], total: 0 }
    }

    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// The latency in milliseconds that this share of all stayed below; NaN when nothing was recorded.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return middle(index) / 1e6;
            }
        }
        f64::NAN
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let shift = 63 - nanos.leading_zeros() - STEP_BITS;
    (u64::from(shift + 1) * STEPS + ((nanos >> shift) - STEPS)) as usize
}

/// The middle of a bucket in nanoseconds.
fn middle(index: usize) -> f64 {
    let (row, step) = (index as u64 / STEPS, index as u64 % STEPS);
    if row == 0 {
        return step as f64;
    }
    let width = (1u64 << (row - 1)) as f64;
    (STEPS + step) as f64 * width + width / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bucket() {
        let mut histogram = Histogram::new();
        for micros in 1..=10_000u64 {
            histogram.record(Duration::from_micros(micros));
        }
        for (share, expected) in [(0.5, 5.0), (0.99, 9.9), (1.0, 10.0), (0.0, 0.001)] {
            let found = histogram.quantile_ms(share);
            assert!((found - expected).abs() <= expected * 0.016, "{share}: {found}");
        }
        assert!(Histogram::new().quantile_ms(0.5).is_nan());
    }

    #[test]
    fn every_latency_has_its_bucket() {
        let mut histogram = Histogram::new();
        for latency in [Duration::ZERO, Duration::from_nanos(63), Duration::from_nanos(64), Duration::MAX] {
            histogram.record(latency);
        }
        let mut other = Histogram::new();
        other.merge(&histogram);
        assert_eq!(other.total(), 4);
        for nanos in [0, 1, 63, 64, 65, 127, 128, 1_000_003, u64::MAX] {
            assert!((middle(bucket(nanos)) - nanos as f64).abs() <= nanos as f64 * 0.016, "{nanos}");
        }
    }
}
