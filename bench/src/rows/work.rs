//! What rows do, and which of them share a broker.
use crate::members::Protocol;

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
    /// The same while Apache Kafka, too, syncs each record before it is acknowledged.
    EndToEndFlushed {
        rate_per_second: f64,
    },
    /// The same while others write so much to another topic.
    EndToEndBeside {
        rate_per_second: f64,
        mb_per_second: f64,
    },
    /// The same with both brokers alike in how idle processors are kept: awake, or as the system has it.
    EndToEndAlike {
        rate_per_second: f64,
        awake: bool,
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
    /// Apache Kafka's own `kafka-producer-perf-test`.
    JavaProducer,
    /// Its `kafka-consumer-perf-test`, on what the former wrote.
    JavaConsumer,
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
    /// Small requests to ever more partitions.
    ManyPartitions,
    /// At a steady rate over ever more connections.
    ManyConnections,
    /// Behind, and from, the same bytes in one segment and in many.
    ManySegments,
    /// End to end at ever higher rates, for a plot.
    SweepRate,
    /// Ever larger produce requests, for a plot.
    SweepSize,
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
    Alike,
    Java,
    Life,
    Groups,
    Offsets,
    Scale,
    Growth,
    Upkeep,
    /// Measured only where plots are wanted.
    Plots,
}

impl Work {
    pub fn scene(self) -> Scene {
        match self {
            Work::EndToEndAlike { .. } => Scene::Alike,
            Work::JavaProducer | Work::JavaConsumer => Scene::Java,
            Work::Life => Scene::Life,
            Work::Members { .. } | Work::Groups { .. } => Scene::Groups,
            Work::Offsets { .. } => Scene::Offsets,
            Work::Scale { .. } => Scene::Scale,
            Work::ManyPartitions | Work::ManyConnections | Work::ManySegments => Scene::Growth,
            Work::SweepRate | Work::SweepSize => Scene::Plots,
            Work::Cleaner { .. } | Work::Retention { .. } => Scene::Upkeep,
            _ => Scene::Loads,
        }
    }
}
