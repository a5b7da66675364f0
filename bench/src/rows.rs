//! The table: what is measured, and what Ottla must reach.

/// What a figure is held against.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// Ottla's figure is at least this many times Apache Kafka's.
    RatioMin(f64),
    /// Ottla's figure is at most this many times Apache Kafka's.
    RatioMax(f64),
    /// Ottla's figure is at most this.
    Max(f64),
    /// Shown only.
    None,
}

/// A figure of a row. `figure` names it as the runs report it.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    pub figure: &'static str,
    pub goal: Goal,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Work {
    /// Batches of so many records of so many bytes.
    Produce {
        records: usize,
        record_bytes: usize,
    },
    /// The same, in turn over the many partitions.
    ProduceMany {
        records: usize,
        record_bytes: usize,
    },
    Fetch {
        partition_bytes_max: i32,
    },
    EndToEnd {
        rate_per_second: f64,
    },
    /// Start, rest, many partitions, kill and start again: measured in one life.
    Life,
}

pub struct Row {
    pub id: &'static str,
    pub title: &'static str,
    pub work: Work,
    pub checks: &'static [Check],
}

pub const MB_PER_SECOND: &str = "MB/s";
pub const CPU_PER_GB: &str = "CPU s/GB";
pub const REQUESTS_PER_SECOND: &str = "requests/s";
pub const CPU_PER_REQUEST: &str = "CPU us/request";
pub const RECORDS_PER_SECOND: &str = "records/s";
pub const P50_MS: &str = "p50 ms";
pub const P99_MS: &str = "p99 ms";
pub const READY_MS: &str = "ready ms";
pub const SERVED_MS: &str = "all served ms";
pub const RESIDENT_MB: &str = "resident MB";
pub const IDLE_CPU_PERCENT: &str = "CPU %";

const fn check(figure: &'static str, goal: Goal) -> Check {
    Check { figure, goal }
}

use Goal::{Max, None as Shown, RatioMax, RatioMin};

pub const ROWS: &[Row] = &[
    Row {
        id: "produce-16k",
        title: "produce 16 KB requests",
        work: Work::Produce { records: 160, record_bytes: 100 },
        checks: &[check(MB_PER_SECOND, RatioMin(1.2)), check(CPU_PER_GB, RatioMax(0.5)), check(P99_MS, Shown)],
    },
    Row {
        id: "produce-1m",
        title: "produce 1 MB requests",
        work: Work::Produce { records: 1000, record_bytes: 1000 },
        checks: &[check(MB_PER_SECOND, RatioMin(1.2)), check(CPU_PER_GB, RatioMax(0.5))],
    },
    Row {
        id: "produce-100b",
        title: "produce 1 x 100 B",
        work: Work::Produce { records: 1, record_bytes: 100 },
        checks: &[check(REQUESTS_PER_SECOND, RatioMin(1.3)), check(CPU_PER_REQUEST, RatioMax(0.5))],
    },
    Row {
        id: "produce-many",
        title: "produce round robin over 2,000 partitions",
        work: Work::ProduceMany { records: 10, record_bytes: 100 },
        checks: &[check(RECORDS_PER_SECOND, RatioMin(20.0))],
    },
    Row {
        id: "fetch-1m",
        title: "fetch 1 MiB",
        work: Work::Fetch { partition_bytes_max: 1 << 20 },
        checks: &[check(CPU_PER_GB, RatioMax(1.2)), check(MB_PER_SECOND, Shown)],
    },
    Row {
        id: "fetch-64k",
        title: "fetch 64 KiB",
        work: Work::Fetch { partition_bytes_max: 64 << 10 },
        checks: &[check(CPU_PER_GB, RatioMax(0.6)), check(MB_PER_SECOND, Shown)],
    },
    Row {
        id: "fetch-16k",
        title: "fetch 16 KiB",
        work: Work::Fetch { partition_bytes_max: 16 << 10 },
        checks: &[check(CPU_PER_GB, RatioMax(0.5)), check(MB_PER_SECOND, Shown)],
    },
    Row {
        id: "e2e-1000",
        title: "end to end at 1,000/s",
        work: Work::EndToEnd { rate_per_second: 1000.0 },
        checks: &[check(P50_MS, Max(0.4)), check(P99_MS, RatioMax(1.0))],
    },
    Row {
        id: "e2e-5000",
        title: "end to end at 5,000/s",
        work: Work::EndToEnd { rate_per_second: 5000.0 },
        checks: &[check(P50_MS, Max(0.4)), check(P99_MS, RatioMax(0.5))],
    },
    Row { id: "ready-empty", title: "ready, empty", work: Work::Life, checks: &[check(READY_MS, Max(50.0))] },
    Row {
        id: "ready-killed",
        title: "ready after kill -9 with 2,000 partitions",
        work: Work::Life,
        checks: &[check(READY_MS, Max(500.0)), check(SERVED_MS, Shown)],
    },
    Row {
        id: "idle-empty",
        title: "idle, empty",
        work: Work::Life,
        checks: &[check(RESIDENT_MB, Max(25.0)), check(IDLE_CPU_PERCENT, Max(0.3))],
    },
    Row {
        id: "idle-many",
        title: "idle with 2,000 partitions",
        work: Work::Life,
        checks: &[check(RESIDENT_MB, Max(80.0)), check(IDLE_CPU_PERCENT, Max(0.3))],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_names_of_their_own_and_something_to_reach() {
        for (index, row) in ROWS.iter().enumerate() {
            assert!(!ROWS[..index].iter().any(|other| other.id == row.id), "{}", row.id);
            assert!(row.checks.iter().any(|check| check.goal != Goal::None), "{}", row.id);
        }
    }
}
