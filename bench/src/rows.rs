//! The table: what is measured, and what Ottla must reach.
use crate::members::Protocol;

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
        connections: usize,
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
    /// The same while no processor halts.
    EndToEndAwake {
        rate_per_second: f64,
    },
    /// One partition in each, of so many groups.
    Commits {
        groups: usize,
    },
    /// Of one record, one after the other, over so many transactional ids.
    Transactions {
        producers: usize,
    },
    /// Of one record, at a rate that nobody has to wait for.
    TransactionsAtRest {
        producers: usize,
        rate_per_second: f64,
    },
    /// The same producer with and without transactions.
    ExactlyOnce,
    /// A consumer for each of so many partitions, which get so many records a second.
    LongPoll {
        partitions: i32,
        rate_per_second: f64,
    },
    /// What remains when all loads are over: memory, and the time to stop.
    After,
    /// Start, rest, many partitions, kill and start again: measured in one life.
    Life,
    /// So many members come into one group.
    Members {
        protocol: Protocol,
        members: usize,
    },
    /// So many groups of one member, which go on with their heartbeats.
    Groups {
        groups: usize,
    },
    /// Kill and start again with so many groups, each with offsets of so many partitions, committed so often.
    Offsets {
        groups: usize,
        partitions: i32,
        times: usize,
    },
    /// So many partitions made, left alone and written to in turn, so many bytes together (0: for as long as a run takes); killed and
    /// started again.
    Scale {
        partitions: i32,
        bytes: u64,
    },
    /// Compaction of so many bytes of records with so many keys, alone and beside a load.
    Cleaner {
        keys: u64,
        bytes: u64,
    },
    /// So many expired segments in each of so many partitions go while others write.
    Retention {
        partitions: i32,
        segments: usize,
    },
}

/// What rows share a broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scene {
    Loads,
    Awake,
    Life,
    Groups,
    Offsets,
    Scale,
    Upkeep,
}

impl Work {
    pub fn scene(self) -> Scene {
        match self {
            Work::EndToEndAwake { .. } => Scene::Awake,
            Work::Life => Scene::Life,
            Work::Members { .. } | Work::Groups { .. } => Scene::Groups,
            Work::Offsets { .. } => Scene::Offsets,
            Work::Scale { .. } => Scene::Scale,
            Work::Cleaner { .. } | Work::Retention { .. } => Scene::Upkeep,
            _ => Scene::Loads,
        }
    }
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
pub const CPU_PER_RECORD: &str = "CPU us/record";
pub const RECORDS_PER_SECOND: &str = "records/s";
pub const P50_MS: &str = "p50 ms";
pub const P99_MS: &str = "p99 ms";
pub const READY_MS: &str = "ready ms";
pub const SERVED_MS: &str = "all served ms";
pub const RESIDENT_MB: &str = "resident MB";
pub const IDLE_CPU_PERCENT: &str = "CPU %";
pub const COMMITS_PER_SECOND: &str = "commits/s";
pub const COMMITS_PER_CPU_SECOND: &str = "commits/CPU s";
pub const TRANSACTIONS_PER_SECOND: &str = "transactions/s";
pub const TRANSACTIONS_PER_CPU_SECOND: &str = "transactions/CPU s";
pub const PLAIN_MB_PER_SECOND: &str = "MB/s without";
pub const LOSS_PERCENT: &str = "loss %";
/// From the last answer of one transaction to the first of the next.
pub const PAUSE_MS: &str = "pause p50 ms";
pub const STOP_MS: &str = "stop ms";
pub const AGREED_MS: &str = "agreed ms";
pub const CREATED_SECONDS: &str = "made s";
pub const FEW_RECORDS_PER_SECOND: &str = "records/s over 6";
pub const WRITTEN_RESIDENT_MB: &str = "resident MB, written";
pub const VIEWLESS_MS: &str = "all served ms, no view";
pub const MB_PER_CPU_SECOND: &str = "MB/CPU s";
pub const SECONDS: &str = "s";
pub const SEGMENTS: &str = "segments";
/// Of a load beside the work of a row.
pub const P99_WITHOUT_MS: &str = "p99 ms without";
pub const P99_RATIO: &str = "p99 by that without";

/// Of most loads.
pub const CONNECTIONS: usize = 2;

const fn check(figure: &'static str, goal: Goal) -> Check {
    Check { figure, goal }
}

use Goal::{Max, None as Shown, RatioMax, RatioMin};

pub const ROWS: &[Row] = &[
    Row {
        id: "produce-16k",
        title: "produce 16 KB requests",
        work: Work::Produce { records: 160, record_bytes: 100, connections: CONNECTIONS },
        checks: &[check(MB_PER_SECOND, RatioMin(1.2)), check(CPU_PER_GB, RatioMax(0.5)), check(P99_MS, Shown)],
    },
    Row {
        id: "produce-1m",
        title: "produce 1 MB requests",
        work: Work::Produce { records: 1000, record_bytes: 1000, connections: CONNECTIONS },
        checks: &[check(MB_PER_SECOND, RatioMin(1.2)), check(CPU_PER_GB, RatioMax(0.5))],
    },
    Row {
        id: "produce-100b",
        title: "produce 1 x 100 B",
        work: Work::Produce { records: 1, record_bytes: 100, connections: CONNECTIONS },
        checks: &[check(REQUESTS_PER_SECOND, RatioMin(1.3)), check(CPU_PER_REQUEST, RatioMax(0.5))],
    },
    Row {
        id: "produce-100b-32",
        title: "produce 1 x 100 B over 32 connections",
        work: Work::Produce { records: 1, record_bytes: 100, connections: 32 },
        checks: &[check(REQUESTS_PER_SECOND, RatioMin(3.5)), check(CPU_PER_REQUEST, RatioMax(0.18))],
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
    Row {
        id: "awake-1000",
        title: "end to end at 1,000/s, processors kept awake",
        work: Work::EndToEndAwake { rate_per_second: 1000.0 },
        checks: &[check(P50_MS, Max(0.4)), check(P99_MS, RatioMax(1.0))],
    },
    Row {
        id: "awake-5000",
        title: "end to end at 5,000/s, processors kept awake",
        work: Work::EndToEndAwake { rate_per_second: 5000.0 },
        checks: &[check(P50_MS, Max(0.4)), check(P99_MS, RatioMax(0.5))],
    },
    Row {
        id: "long-poll",
        title: "1,000 consumers wait on 1,000 partitions, 10 records/s each",
        work: Work::LongPoll { partitions: 1000, rate_per_second: 10.0 },
        checks: &[
            check(CPU_PER_RECORD, RatioMax(0.2)),
            check(IDLE_CPU_PERCENT, Shown),
            check(RECORDS_PER_SECOND, Shown),
        ],
    },
    Row {
        id: "commits",
        title: "offset commits of 50 groups",
        work: Work::Commits { groups: 50 },
        checks: &[check(COMMITS_PER_CPU_SECOND, RatioMin(3.0)), check(COMMITS_PER_SECOND, Shown), check(P99_MS, Shown)],
    },
    Row {
        id: "transactions",
        title: "transactions of one record over 1,000 ids",
        work: Work::Transactions { producers: 1000 },
        checks: &[check(TRANSACTIONS_PER_CPU_SECOND, RatioMin(3.0)), check(TRANSACTIONS_PER_SECOND, Shown)],
    },
    Row {
        id: "transaction-time",
        title: "transactions of one record, 100/s of 20 producers",
        work: Work::TransactionsAtRest { producers: 20, rate_per_second: 100.0 },
        checks: &[check(P99_MS, RatioMax(0.5)), check(P50_MS, Shown)],
    },
    Row {
        id: "exactly-once",
        title: "one producer, transactions of 100 ms against none",
        work: Work::ExactlyOnce,
        checks: &[
            check(LOSS_PERCENT, Max(3.0)),
            check(PAUSE_MS, Shown),
            check(PLAIN_MB_PER_SECOND, Shown),
            check(MB_PER_SECOND, Shown),
        ],
    },
    Row {
        id: "after-load",
        title: "after all loads",
        work: Work::After,
        checks: &[check(RESIDENT_MB, RatioMax(0.125)), check(STOP_MS, RatioMax(0.25))],
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
    Row {
        id: "members-classic",
        title: "1,000 classic members join one group",
        work: Work::Members { protocol: Protocol::Classic, members: 1000 },
        checks: &[check(AGREED_MS, Max(3000.0))],
    },
    Row {
        id: "members-consumer",
        title: "1,000 members of the consumer protocol join one group",
        work: Work::Members { protocol: Protocol::Consumer, members: 1000 },
        checks: &[check(AGREED_MS, Max(5000.0))],
    },
    Row {
        id: "groups-idle",
        title: "10,000 groups of one member at rest",
        work: Work::Groups { groups: 10_000 },
        checks: &[check(IDLE_CPU_PERCENT, Max(10.0)), check(RESIDENT_MB, Shown)],
    },
    Row {
        id: "offsets-killed",
        title: "after kill -9 with 1,000,000 committed offsets",
        // A view takes part in a start where journals are long and most of their records are old ones: 80,000 in each.
        work: Work::Offsets { groups: 1000, partitions: 1000, times: 4 },
        checks: &[
            check(SERVED_MS, Max(300.0)),
            check(READY_MS, Shown),
            check(VIEWLESS_MS, Shown),
            check(RESIDENT_MB, Shown),
        ],
    },
    Row {
        id: "killed-10gb",
        title: "after kill -9 with 10,000 partitions and 10 GB",
        work: Work::Scale { partitions: 10_000, bytes: 10_000_000_000 },
        checks: &[check(SERVED_MS, Max(1000.0)), check(READY_MS, Shown)],
    },
    Row {
        id: "partitions-100k",
        title: "100,000 partitions",
        work: Work::Scale { partitions: 100_000, bytes: 0 },
        checks: &[
            check(CREATED_SECONDS, Max(30.0)),
            check(RESIDENT_MB, Max(600.0)),
            check(IDLE_CPU_PERCENT, Shown),
            check(RECORDS_PER_SECOND, Shown),
            check(FEW_RECORDS_PER_SECOND, Shown),
            check(WRITTEN_RESIDENT_MB, Shown),
            check(SERVED_MS, Max(5000.0)),
        ],
    },
    Row {
        id: "cleaner",
        title: "compaction of 2 GB, records of 1 KB, 100,000 keys",
        work: Work::Cleaner { keys: 100_000, bytes: 2_000_000_000 },
        checks: &[
            check(MB_PER_CPU_SECOND, RatioMin(3.0)),
            check(SECONDS, Shown),
            check(P99_RATIO, Max(1.5)),
            check(P99_MS, Shown),
            check(P99_WITHOUT_MS, Shown),
        ],
    },
    Row {
        id: "retention-10k",
        title: "10,000 expired segments go",
        work: Work::Retention { partitions: 100, segments: 100 },
        checks: &[
            check(P99_RATIO, Max(2.0)),
            check(P99_MS, Shown),
            check(P99_WITHOUT_MS, Shown),
            check(SEGMENTS, Shown),
            check(SECONDS, Shown),
        ],
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
