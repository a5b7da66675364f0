//! The command line of the harness and of the load generator.
use crate::{
    admin::Target,
    commits::Commits,
    e2e::EndToEnd,
    fetch::Fetch,
    long_poll::LongPoll,
    produce::Produce,
    rows::{Row, Scene},
    transactions::Transactions,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Measures Ottla (every acknowledged record synced) and Apache Kafka (page cache only) by turns, on this machine.
#[derive(Parser, Debug)]
#[command(name = "bench", version)]
pub struct Options {
    /// Short runs and one round: shows that everything works, its figures mean nothing
    #[arg(long)]
    pub quick: bool,
    /// Measure only rows whose name begins like this; may be given several times
    #[arg(long, value_name = "ROW")]
    pub only: Vec<String>,
    /// List the rows and end
    #[arg(long)]
    pub list: bool,
    /// Leave Apache Kafka out
    #[arg(long)]
    pub no_kafka: bool,
    /// Leave Ottla out
    #[arg(long, conflicts_with = "no_kafka")]
    pub no_ottla: bool,
    /// Rounds, each with both brokers in turned order; the medians of all count
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Seconds of one measured run
    #[arg(long, default_value_t = 8.0)]
    pub seconds: f64,
    /// Seconds of load before the first measured run of a broker; the JVM compiles meanwhile
    #[arg(long, default_value_t = 10.0)]
    pub warm_seconds: f64,
    /// Gigabytes after which a produce run ends early; keeps dirty pages within bounds
    #[arg(long, default_value_t = 3.0)]
    pub gigabytes: f64,
    /// Partitions of the rows with many
    #[arg(long, default_value_t = 2000)]
    pub partitions: i32,
    /// Steady state: lock all memory but this many GiB first, so that pages are recycled instead of grown
    #[arg(long, value_name = "GIB")]
    pub hold_all_but: Option<f64>,
    /// Ottla's binary
    #[arg(long, default_value = "target/release/ottla")]
    pub ottla: PathBuf,
    /// The script that runs Apache Kafka
    #[arg(long, env = "KAFKA", default_value = "compat/apache-kafka/kafka")]
    pub kafka: PathBuf,
    /// Where Ottla's data goes
    #[arg(long, default_value = "target/bench")]
    pub directory: PathBuf,
    /// Where the figures go as JSON
    #[arg(long, default_value = "target/bench/result.json")]
    pub json: PathBuf,
    /// Where plots go as SVG; also measures what only they need (`--only plot --only growth-partitions`: nothing else)
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    #[command(subcommand)]
    pub task: Option<Task>,
}

#[derive(Subcommand, Debug)]
pub enum Task {
    /// One load against a running broker
    Load(Load),
    /// Count the instructions of hot paths under valgrind and hold them against a file (`make instructions`)
    Count(Count),
}

/// Cargo runs it with the built program and what it gives to every benchmark.
#[derive(Args, Debug)]
pub struct Count {
    /// benches/instructions.rs, built
    pub program: PathBuf,
    #[arg(long, default_value = "benches/instructions.txt")]
    pub file: PathBuf,
    /// Write the file anew
    #[arg(long, env = "OTTLA_WRITE_COUNTS", value_parser = clap::builder::BoolishValueParser::new())]
    pub write: bool,
    #[arg(long, hide = true)]
    pub bench: bool,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
pub enum LoadKind {
    Produce,
    Fetch,
    E2e,
    Commits,
    Transactions,
    ExactlyOnce,
    LongPoll,
    /// An offset of each partition by each of many groups, once
    Offsets,
}

/// One load by hand. `fetch` writes first what it then reads.
#[derive(Args, Debug)]
pub struct Load {
    pub kind: LoadKind,
    #[arg(long, default_value = "127.0.0.1:9092")]
    pub address: SocketAddr,
    /// Created unless it exists
    #[arg(long, default_value = "bench")]
    pub topic: String,
    #[arg(long, default_value_t = 6)]
    pub partitions: i32,
    /// The broker's process, to read its processor time
    #[arg(long)]
    pub pid: Option<u32>,
    #[arg(long, default_value_t = 2)]
    pub connections: usize,
    #[arg(long, default_value_t = 5)]
    pub in_flight: usize,
    /// Records in a batch
    #[arg(long, default_value_t = 160)]
    pub records: usize,
    #[arg(long, default_value_t = 100)]
    pub record_bytes: usize,
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    pub acks: i16,
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    #[arg(long, default_value_t = 3.0)]
    pub gigabytes: f64,
    /// Most bytes of one partition in an answer
    #[arg(long, default_value_t = 1 << 20)]
    pub partition_bytes_max: i32,
    /// Records per second of the end-to-end load, of each partition of the long polling
    #[arg(long, default_value_t = 1000.0)]
    pub rate: f64,
    /// Groups that commit, or producers with transactions
    #[arg(long, default_value_t = 50)]
    pub many: usize,
}

impl Load {
    pub fn target(&self) -> Target {
        Target { address: self.address, topic: self.topic.clone(), partitions: self.partitions.max(1), pid: self.pid }
    }

    pub fn produce(&self) -> Produce {
        Produce {
            connections: self.connections.max(1),
            in_flight: self.in_flight.max(1),
            records: self.records.max(1),
            record_bytes: self.record_bytes,
            acks: self.acks,
            time: self.time(),
            bytes_max: (self.gigabytes * 1e9) as u64,
        }
    }

    pub fn fetch(&self) -> Fetch {
        Fetch { connections: self.connections.max(1), partition_bytes_max: self.partition_bytes_max, time: self.time() }
    }

    pub fn e2e(&self) -> EndToEnd {
        EndToEnd {
            rate_per_second: self.rate.max(1.0),
            record_bytes: self.record_bytes,
            acks: self.acks,
            time: self.time(),
        }
    }

    pub fn commits(&self) -> Commits {
        Commits {
            groups: self.many.max(1),
            connections: self.connections.max(1),
            in_flight: self.in_flight.max(1),
            time: self.time(),
        }
    }

    pub fn transactions(&self) -> Transactions {
        Transactions {
            producers: self.many.max(1),
            at_once: self.in_flight.max(1),
            record_bytes: self.record_bytes,
            rate_per_second: None,
            time: self.time(),
        }
    }

    pub fn long_poll(&self) -> LongPoll {
        LongPoll { rate_per_second: self.rate.max(1.0), record_bytes: self.record_bytes, time: self.time() }
    }

    pub fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.max(0.1))
    }
}

impl Options {
    /// With `--quick` everything is short, whatever else was given.
    pub fn effective(&self) -> Scale {
        let seconds = |full: f64, quick: f64| Duration::from_secs_f64(if self.quick { full.min(quick) } else { full });
        Scale {
            rounds: if self.quick { 1 } else { self.rounds.max(1) },
            run: seconds(self.seconds, 1.5),
            warm: seconds(self.warm_seconds, 1.5),
            settle: seconds(10.0, 2.0),
            idle: seconds(20.0, 2.0),
            loaded: seconds(300.0, 3.0),
            bytes_max: (if self.quick { self.gigabytes.min(0.3) } else { self.gigabytes } * 1e9) as u64,
            partitions: self.partitions.max(1),
        }
    }

    pub fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| row.starts_with(only.as_str()))
    }

    /// What is there for plots alone is measured where these are wanted.
    pub fn draws(&self, row: &Row) -> bool {
        self.plots.is_some() || row.work.scene() != Scene::Plots
    }
}

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub rounds: usize,
    pub run: Duration,
    pub warm: Duration,
    /// Rest before memory and idle time are read.
    pub settle: Duration,
    pub idle: Duration,
    /// Load before memory is read and the broker is stopped.
    pub loaded: Duration,
    pub bytes_max: u64,
    pub partitions: i32,
}
