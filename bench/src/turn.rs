//! One broker's turn in one round: warmed up, then every row under load, one after the other.
use crate::{
    admin::{self, Target},
    broker::{Broker, Kind},
    commits::{self, Commits},
    e2e::{self, EndToEnd},
    exactly_once,
    fault::Fault,
    fetch::{self, Fetch},
    long_poll::{self, LongPoll},
    memory::Held,
    options::{Options, Scale},
    produce::{self, Produce, Produced},
    report::Figures,
    rows::{self, CONNECTIONS, Row, Scene, Work},
    transactions::{self, Transactions},
};
use std::{
    thread,
    time::{Duration, Instant},
};

const IN_FLIGHT: usize = 5;
pub const PARTITIONS: i32 = 6;
pub const RECORD_BYTES: usize = 100;
/// Records of a batch that just fits into the smallest fetch.
const FETCH_RECORDS: usize = 140;
/// What fetch rows read, over and over.
const FETCH_BYTES: u64 = 600_000_000;
/// A request makes at most 10,000 records of metadata, as in Apache Kafka: more partitions are spread over topics of this size.
const TOPIC_PARTITIONS: i32 = 5000;
/// Of offset commits, so that a broker that handles one request of a connection after the other has several at a time.
const COMMIT_CONNECTIONS: usize = 10;
/// Producers with a transaction under way; the others rest meanwhile.
const TRANSACTIONS_AT_ONCE: usize = 50;
/// Longer than the brokers keep deleted files, which is a second, and until the next look for such files in Ottla. What is deleted
/// later has its discards written to the disk in the next row: half a second for some GB, in which every synced write takes 5 ms.
const DELETED_WAIT: Duration = Duration::from_millis(2600);

/// One broker's turn in one round.
pub struct Turn<'a> {
    pub kind: Kind,
    pub scale: &'a Scale,
    pub held: Option<&'a Held>,
    pub figures: &'a mut Figures,
}

impl Turn<'_> {
    pub fn add(&mut self, row: &Row, figure: &'static str, value: f64) {
        self.figures.add(row.id, figure, self.kind, value);
    }

    /// A row that fails costs its own figures, not those of the others.
    pub fn note(&mut self, what: &str, done: Result<(), Fault>) {
        if let Err(fault) = done {
            eprintln!("  {what}: {fault}");
            self.figures.add_fault(format!("{}, {what}: {fault}", self.kind.name()));
        }
    }

    /// The rows that need a warm broker under load.
    pub fn loads(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let loads: Vec<&&Row> = wanted.iter().filter(|row| row.work.scene() == Scene::Loads).collect();
        if loads.is_empty() {
            return Ok(());
        }
        let mut broker = Broker::new(self.kind, options)?;
        broker.start()?;
        self.warm_up(&broker)?;
        let began = Instant::now();
        for row in loads {
            let partitions = match row.work {
                Work::After => {
                    let done = self.after(row, &mut broker, began);
                    self.note(row.id, done);
                    break;
                }
                Work::ProduceMany { .. } => self.scale.partitions,
                Work::LongPoll { partitions, .. } => partitions,
                Work::EndToEnd { .. } | Work::EndToEndFlushed { .. } | Work::EndToEndBeside { .. } => 1,
                _ => PARTITIONS,
            };
            let target = target(&broker, row.id, partitions);
            let done = self.with_topic(&target, |turn| turn.load(row, &target));
            self.note(row.id, done);
            rest();
        }
        Ok(())
    }

    /// A load on a topic of its own.
    pub fn with_topic(
        &mut self,
        target: &Target,
        load: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.steady()?;
        admin::create_topic(target)?;
        load(self)?;
        admin::delete_topic(target)
    }

    /// The state of memory in which brokers live, if that was asked for.
    pub fn steady(&self) -> Result<(), Fault> {
        self.held.map_or(Ok(()), Held::refill)
    }

    /// Produce and fetch for the time that a just-in-time compiler needs.
    pub fn warm_up(&self, broker: &Broker) -> Result<(), Fault> {
        let target = target(broker, "warm-up", PARTITIONS);
        admin::create_topic(&target)?;
        let half = self.scale.warm / 2;
        produce::run(&target, &self.produce(160, RECORD_BYTES, CONNECTIONS, half))?;
        fetch::run(&target, &Fetch { connections: CONNECTIONS, partition_bytes_max: 64 << 10, time: half })?;
        admin::delete_topic(&target)?;
        rest();
        Ok(())
    }

    pub fn produce(&self, records: usize, record_bytes: usize, connections: usize, time: Duration) -> Produce {
        let bytes_max = self.scale.bytes_max;
        Produce { connections, in_flight: IN_FLIGHT, records, record_bytes, acks: -1, time, bytes_max }
    }

    fn load(&mut self, row: &Row, target: &Target) -> Result<(), Fault> {
        let warm = self.scale.run / 8;
        match row.work {
            Work::Produce { records, record_bytes, connections } => {
                self.load_produce(row, target, records, record_bytes, connections)
            }
            Work::ProduceMany { records, record_bytes } => {
                self.load_produce(row, target, records, record_bytes, CONNECTIONS)
            }
            Work::Fetch { partition_bytes_max } => {
                let mut fill = self.produce(FETCH_RECORDS, RECORD_BYTES, CONNECTIONS, self.scale.run * 4);
                fill.bytes_max = fill.bytes_max.min(FETCH_BYTES);
                produce::run(target, &fill)?;
                rest();
                let mut load = Fetch { connections: CONNECTIONS, partition_bytes_max, time: warm };
                fetch::run(target, &load)?;
                load.time = self.scale.run;
                let done = fetch::run(target, &load)?;
                eprintln!("  {:<14} {done}", row.id);
                self.add(row, rows::CPU_PER_GB, done.cpu_seconds_per_gb());
                self.add(row, rows::MB_PER_SECOND, done.mb_per_second());
                Ok(())
            }
            Work::EndToEnd { rate_per_second } => self.load_end_to_end(row, target, rate_per_second),
            Work::EndToEndFlushed { rate_per_second } => self.load_flushed(row, target, rate_per_second),
            Work::EndToEndBeside { rate_per_second, mb_per_second } => {
                self.load_beside_others(row, target, rate_per_second, mb_per_second)
            }
            Work::Commits { groups } => self.load_commits(row, target, groups),
            Work::Transactions { producers } => self.load_transactions(row, target, producers, None),
            Work::TransactionsAtRest { producers, rate_per_second } => {
                self.load_transactions(row, target, producers, Some(rate_per_second))
            }
            Work::ExactlyOnce => {
                exactly_once::run(target, warm * 2)?;
                rest();
                let done = exactly_once::run(target, self.scale.run * 2)?;
                eprintln!("  {:<14} {done}", row.id);
                self.add(row, rows::LOSS_PERCENT, done.loss_percent());
                self.add(row, rows::PAUSE_MS, done.pause.quantile_ms(0.5));
                self.add(row, rows::PLAIN_MB_PER_SECOND, done.plain_mb_per_second);
                self.add(row, rows::MB_PER_SECOND, done.transactional_mb_per_second);
                Ok(())
            }
            Work::LongPoll { rate_per_second, .. } => {
                let mut load = LongPoll { rate_per_second, record_bytes: RECORD_BYTES, time: warm };
                long_poll::run(target, &load)?;
                load.time = self.scale.run;
                let done = long_poll::run(target, &load)?;
                eprintln!("  {:<14} {done}", row.id);
                self.add(row, rows::CPU_PER_RECORD, done.cpu_micros_per_record());
                self.add(row, rows::IDLE_CPU_PERCENT, done.cpu_percent());
                self.add(row, rows::RECORDS_PER_SECOND, done.per_second());
                Ok(())
            }
            // Of other scenes, or measured when all loads are over.
            _ => Ok(()),
        }
    }

    pub fn load_end_to_end(&mut self, row: &Row, target: &Target, rate_per_second: f64) -> Result<(), Fault> {
        let mut load = EndToEnd { rate_per_second, record_bytes: RECORD_BYTES, acks: -1, time: self.scale.run / 8 };
        e2e::run(target, &load)?;
        load.time = self.scale.run;
        let done = e2e::run(target, &load)?;
        eprintln!("  {:<14} {done}", row.id);
        refuse_errors(row, done.errors + done.sent - done.end_to_end.total().min(done.sent))?;
        self.add(row, rows::P50_MS, done.end_to_end.quantile_ms(0.5));
        self.add(row, rows::P99_MS, done.end_to_end.quantile_ms(0.99));
        self.add(row, rows::P999_MS, done.end_to_end.quantile_ms(0.999));
        Ok(())
    }

    fn load_produce(
        &mut self,
        row: &Row,
        target: &Target,
        records: usize,
        record_bytes: usize,
        connections: usize,
    ) -> Result<(), Fault> {
        produce::run(target, &self.produce(records, record_bytes, connections, self.scale.run / 8))?;
        rest();
        let done = produce::run(target, &self.produce(records, record_bytes, connections, self.scale.run))?;
        self.add_produced(row, &done)
    }

    fn load_commits(&mut self, row: &Row, target: &Target, groups: usize) -> Result<(), Fault> {
        let connections = COMMIT_CONNECTIONS;
        let mut load = Commits { groups, connections, in_flight: IN_FLIGHT, time: self.scale.run / 8 };
        commits::run(target, &load)?;
        load.time = self.scale.run;
        let done = commits::run(target, &load)?;
        eprintln!("  {:<14} {done}", row.id);
        refuse_errors(row, done.done.errors)?;
        self.add(row, rows::COMMITS_PER_CPU_SECOND, done.per_cpu_second());
        self.add(row, rows::COMMITS_PER_SECOND, done.per_second());
        self.add(row, rows::P99_MS, done.done.latency.quantile_ms(0.99));
        Ok(())
    }

    /// At `rate` together, or as many as there can be.
    fn load_transactions(
        &mut self,
        row: &Row,
        target: &Target,
        producers: usize,
        rate: Option<f64>,
    ) -> Result<(), Fault> {
        let mut load = Transactions {
            producers,
            at_once: if rate.is_some() { producers } else { TRANSACTIONS_AT_ONCE },
            record_bytes: RECORD_BYTES,
            rate_per_second: rate.map(|rate| rate / producers as f64),
            time: self.scale.run / 8,
        };
        transactions::run(target, &load)?;
        load.time = self.scale.run;
        let done = transactions::run(target, &load)?;
        eprintln!("  {:<14} {done}", row.id);
        self.add(row, rows::TRANSACTIONS_PER_CPU_SECOND, done.per_cpu_second());
        self.add(row, rows::TRANSACTIONS_PER_SECOND, done.per_second());
        self.add(row, rows::P50_MS, done.latency.quantile_ms(0.5));
        self.add(row, rows::P99_MS, done.latency.quantile_ms(0.99));
        Ok(())
    }

    pub fn add_produced(&mut self, row: &Row, done: &Produced) -> Result<(), Fault> {
        eprintln!("  {:<14} {done}", row.id);
        refuse_errors(row, done.errors)?;
        self.add(row, rows::MB_PER_SECOND, done.mb_per_second());
        self.add(row, rows::CPU_PER_GB, done.cpu_seconds_per_gb());
        self.add(row, rows::REQUESTS_PER_SECOND, done.requests_per_second());
        self.add(row, rows::CPU_PER_REQUEST, done.cpu_micros_per_request());
        self.add(row, rows::RECORDS_PER_SECOND, done.records_per_second());
        self.add(row, rows::P99_MS, done.latency.quantile_ms(0.99));
        Ok(())
    }
}

pub fn target(broker: &Broker, topic: &str, partitions: i32) -> Target {
    Target { address: broker.address(), topic: format!("bench-{topic}"), partitions, pid: broker.pid() }
}

/// So many partitions in topics that a broker makes in one request each.
pub fn targets(broker: &Broker, topic: &str, partitions: i32) -> Vec<Target> {
    let firsts = (0..partitions).step_by(TOPIC_PARTITIONS as usize);
    let sizes = firsts.map(|first| TOPIC_PARTITIONS.min(partitions - first));
    sizes.enumerate().map(|(at, size)| target(broker, &format!("{topic}-{at}"), size)).collect()
}

/// A figure with refused requests in it says nothing.
pub fn refuse_errors(row: &Row, errors: u64) -> Result<(), Fault> {
    if errors == 0 { Ok(()) } else { Err(Fault::Usage(format!("row {}: {errors} requests failed", row.id))) }
}

/// Nothing of the last run is left to be written or deleted.
pub fn rest() {
    thread::sleep(DELETED_WAIT);
    rustix::fs::sync();
}
