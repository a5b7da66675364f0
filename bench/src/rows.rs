//! The table: what is measured, and what Ottla must reach.
use crate::members::Protocol;

mod figures;
mod work;
pub use figures::*;
pub use work::{Scene, Work};

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
    /// What was asked later and is harder to reach; most have none.
    pub stricter: Goal,
}

impl Check {
    /// The first goal and, where there is one, the stricter.
    pub fn goals(&self) -> impl Iterator<Item = Goal> {
        [self.goal, self.stricter].into_iter().filter(|goal| *goal != Goal::None)
    }
}

pub struct Row {
    pub id: &'static str,
    pub title: &'static str,
    pub work: Work,
    pub checks: &'static [Check],
}

/// Of most loads.
pub const CONNECTIONS: usize = 2;

const fn check(figure: &'static str, goal: Goal) -> Check {
    both(figure, goal, Shown)
}

const fn both(figure: &'static str, goal: Goal, stricter: Goal) -> Check {
    Check { figure, goal, stricter }
}

use Goal::{Max, None as Shown, RatioMax, RatioMin};

const BESIDE_OTHERS: &[Check] =
    &[check(P99_MS, RatioMax(0.5)), check(P50_MS, Shown), check(P999_MS, Shown), check(OTHERS_MB_PER_SECOND, Shown)];

pub const ROWS: &[Row] = &[
    Row {
        id: "produce-16k",
        title: "produce 16 KB requests",
        work: Work::Produce { records: 160, record_bytes: 100, connections: CONNECTIONS },
        checks: &[
            both(MB_PER_SECOND, RatioMin(1.2), RatioMin(1.6)),
            both(CPU_PER_GB, RatioMax(0.5), RatioMax(0.3)),
            check(P99_MS, Shown),
        ],
    },
    Row {
        id: "produce-1m",
        title: "produce 1 MB requests",
        work: Work::Produce { records: 1000, record_bytes: 1000, connections: CONNECTIONS },
        checks: &[both(MB_PER_SECOND, RatioMin(1.2), RatioMin(1.5)), both(CPU_PER_GB, RatioMax(0.5), RatioMax(0.33))],
    },
    Row {
        id: "produce-100b",
        title: "produce 1 x 100 B",
        work: Work::Produce { records: 1, record_bytes: 100, connections: CONNECTIONS },
        checks: &[
            both(REQUESTS_PER_SECOND, RatioMin(1.3), RatioMin(1.8)),
            both(CPU_PER_REQUEST, RatioMax(0.5), RatioMax(0.25)),
        ],
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
        checks: &[both(RECORDS_PER_SECOND, RatioMin(20.0), RatioMin(40.0))],
    },
    Row {
        id: "fetch-1m",
        title: "fetch 1 MiB",
        work: Work::Fetch { partition_bytes_max: 1 << 20 },
        checks: &[both(CPU_PER_GB, RatioMax(1.2), RatioMax(1.0)), check(MB_PER_SECOND, Shown)],
    },
    Row {
        id: "fetch-64k",
        title: "fetch 64 KiB",
        work: Work::Fetch { partition_bytes_max: 64 << 10 },
        checks: &[both(CPU_PER_GB, RatioMax(0.6), RatioMax(0.4)), check(MB_PER_SECOND, Shown)],
    },
    Row {
        id: "fetch-16k",
        title: "fetch 16 KiB",
        work: Work::Fetch { partition_bytes_max: 16 << 10 },
        checks: &[both(CPU_PER_GB, RatioMax(0.5), RatioMax(0.35)), check(MB_PER_SECOND, Shown)],
    },
    Row {
        id: "e2e-1000",
        title: "end to end at 1,000/s",
        work: Work::EndToEnd { rate_per_second: 1000.0 },
        checks: &[check(P50_MS, Max(0.4)), both(P99_MS, RatioMax(1.0), RatioMax(0.5)), check(P999_MS, RatioMax(0.33))],
    },
    Row {
        id: "e2e-5000",
        title: "end to end at 5,000/s",
        work: Work::EndToEnd { rate_per_second: 5000.0 },
        checks: &[check(P50_MS, Max(0.4)), both(P99_MS, RatioMax(0.5), RatioMax(0.2)), check(P999_MS, Shown)],
    },
    Row {
        id: "flushed-1000",
        title: "end to end at 1,000/s, Apache Kafka with flush.messages=1",
        work: Work::EndToEndFlushed { rate_per_second: 1000.0 },
        checks: &[check(P50_MS, RatioMax(0.6)), check(P99_MS, Shown), check(P999_MS, Shown)],
    },
    Row {
        id: "others-1000",
        title: "end to end at 1,000/s while others write 100 MB/s",
        work: Work::EndToEndBeside { rate_per_second: 1000.0, mb_per_second: 100.0 },
        checks: BESIDE_OTHERS,
    },
    Row {
        id: "others-5000",
        title: "end to end at 5,000/s while others write 100 MB/s",
        work: Work::EndToEndBeside { rate_per_second: 5000.0, mb_per_second: 100.0 },
        checks: BESIDE_OTHERS,
    },
    Row {
        id: "awake-1000",
        title: "end to end at 1,000/s, processors kept awake for both",
        work: Work::EndToEndAlike { rate_per_second: 1000.0, awake: true },
        checks: &[check(P50_MS, Max(0.4)), check(P99_MS, RatioMax(1.0))],
    },
    Row {
        id: "awake-5000",
        title: "end to end at 5,000/s, processors kept awake for both",
        work: Work::EndToEndAlike { rate_per_second: 5000.0, awake: true },
        checks: &[check(P50_MS, Max(0.4)), check(P99_MS, RatioMax(0.5))],
    },
    Row {
        id: "alone-1000",
        title: "end to end at 1,000/s, processors left alone",
        work: Work::EndToEndAlike { rate_per_second: 1000.0, awake: false },
        checks: &[check(P50_MS, RatioMax(1.0)), check(P99_MS, RatioMax(1.0))],
    },
    Row {
        id: "alone-5000",
        title: "end to end at 5,000/s, processors left alone",
        work: Work::EndToEndAlike { rate_per_second: 5000.0, awake: false },
        checks: &[check(P50_MS, RatioMax(1.0)), check(P99_MS, RatioMax(0.5))],
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
        title: "after all loads, five minutes at least",
        work: Work::After,
        checks: &[check(RESIDENT_MB, RatioMax(0.125)), check(STOP_MS, RatioMax(0.25))],
    },
    Row {
        id: "java-producer",
        title: "kafka-producer-perf-test, records of 100 B",
        work: Work::JavaProducer,
        checks: &[check(RECORDS_PER_SECOND, RatioMin(1.2)), check(CPU_PER_RECORD, Shown), check(P99_MS, Shown)],
    },
    Row {
        id: "java-consumer",
        title: "kafka-consumer-perf-test, records of 100 B",
        work: Work::JavaConsumer,
        checks: &[
            check(RECORDS_PER_SECOND, RatioMin(1.0)),
            check(FETCHED_RECORDS_PER_SECOND, RatioMin(1.0)),
            check(CPU_PER_RECORD, Shown),
        ],
    },
    Row {
        id: "ready-empty",
        title: "ready, empty",
        work: Work::Life,
        checks: &[both(READY_MS, Max(50.0), RatioMax(0.025))],
    },
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
        checks: &[both(RESIDENT_MB, Max(25.0), RatioMax(0.066)), check(IDLE_CPU_PERCENT, Max(0.3))],
    },
    Row {
        id: "idle-many",
        title: "idle with 2,000 partitions",
        work: Work::Life,
        checks: &[both(RESIDENT_MB, Max(80.0), RatioMax(0.1)), check(IDLE_CPU_PERCENT, Max(0.3))],
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
        id: "growth-partitions",
        title: "produce 1 x 100 B over 1 to 10,000 partitions",
        work: Work::ManyPartitions,
        checks: &[
            check(CPU_SPREAD, Max(1.5)),
            check(CPU_AT_1, Shown),
            check(CPU_AT_10, Shown),
            check(CPU_AT_100, Shown),
            check(CPU_AT_1000, Shown),
            check(CPU_AT_10_000, Shown),
        ],
    },
    Row {
        id: "growth-connections",
        title: "2,000 produce requests/s over 1 to 5,000 connections",
        work: Work::ManyConnections,
        checks: &[
            check(CPU_SPREAD, Max(1.5)),
            check(CPU_AT_1, Shown),
            check(CPU_AT_100, Shown),
            check(CPU_AT_5000, Shown),
        ],
    },
    Row {
        id: "growth-segments",
        title: "a log of 1,000 segments against one of the same bytes",
        work: Work::ManySegments,
        // Nothing should become worse; two such runs differ by so much.
        checks: &[
            check(AGED_PRODUCE_CPU, Max(1.1)),
            check(AGED_PRODUCE_TIME, Max(1.1)),
            check(AGED_FETCH_CPU, Max(1.1)),
            check(AGED_FETCH_TIME, Max(1.1)),
            check(CPU_AT_1, Shown),
            check(CPU_AT_1000, Shown),
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
    Row { id: "plot-rate", title: "latency against rate (with --plots)", work: Work::SweepRate, checks: &[] },
    Row {
        id: "plot-size",
        title: "CPU of a request against its size (with --plots)",
        work: Work::SweepSize,
        checks: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_names_of_their_own_and_something_to_reach() {
        for (index, row) in ROWS.iter().enumerate() {
            assert!(!ROWS[..index].iter().any(|other| other.id == row.id), "{}", row.id);
            let reaches = row.checks.iter().any(|check| check.goal != Goal::None);
            assert!(reaches || row.work.scene() == Scene::Plots, "{}", row.id);
        }
    }

    #[test]
    fn the_second_goal_of_a_figure_is_the_harder_one() {
        for check in ROWS.iter().flat_map(|row| row.checks) {
            match (check.goal, check.stricter) {
                (_, Goal::None) | (Goal::Max(_), Goal::RatioMax(_)) => {}
                (Goal::RatioMin(first), Goal::RatioMin(then)) => assert!(then > first, "{check:?}"),
                (Goal::RatioMax(first), Goal::RatioMax(then)) => assert!(then < first, "{check:?}"),
                _ => panic!("{check:?}"),
            }
        }
    }
}
