//! The harness: rounds in turned order, each broker alone on the machine, warmed up, every row in turn.
use crate::{
    admin::{self, Target},
    broker::{Broker, Kind},
    e2e::{self, EndToEnd},
    fault::{During, Fault},
    fetch::{self, Fetch},
    memory,
    options::{Options, Scale},
    process,
    produce::{self, Produce, Produced},
    report::Figures,
    rows::{self, ROWS, Row, Work},
};
use std::{fs, thread, time::Duration};

const CONNECTIONS: usize = 2;
const IN_FLIGHT: usize = 5;
const PARTITIONS: i32 = 6;
const RECORD_BYTES: usize = 100;
/// Records of a batch that just fits into the smallest fetch.
const FETCH_RECORDS: usize = 140;
/// What fetch rows read, over and over.
const FETCH_BYTES: u64 = 600_000_000;
/// How often each partition is written to before the kill.
const KILL_PASSES: u64 = 2;
/// Longer than the brokers keep deleted files.
const DELETED_WAIT: Duration = Duration::from_millis(1500);

pub fn run(options: &Options) -> Result<(), Fault> {
    let scale = options.effective();
    let wanted: Vec<&Row> = ROWS.iter().filter(|row| options.wants(row.id)).collect();
    if wanted.is_empty() {
        return Err(Fault::Usage("no row begins like that; `bench --list` names them".into()));
    }
    fs::create_dir_all(&options.directory).during("making the data directory")?;
    let held = options.hold_all_but.map(|gib| memory::hold_all_but(gib, &options.directory)).transpose()?;
    if let Some(held) = &held {
        eprintln!("holding {} MB of memory", held.bytes() / 1_000_000);
    }
    let mut figures = Figures::new();
    for round in 0..scale.rounds {
        let mut kinds = vec![Kind::Kafka, Kind::Ottla];
        kinds.retain(|kind| !(options.no_kafka && *kind == Kind::Kafka || options.no_ottla && *kind == Kind::Ottla));
        if round % 2 == 1 {
            kinds.reverse();
        }
        for kind in kinds {
            eprintln!("round {} of {}: {}", round + 1, scale.rounds, kind.name());
            let mut turn = Turn { kind, scale: &scale, figures: &mut figures };
            let loaded = turn.loads(options, &wanted);
            turn.note("under load", loaded);
            let lived = turn.life(options, &wanted);
            turn.note("start, rest and kill", lived);
        }
    }
    print!("{}", figures.table(&wanted));
    let json = serde_json::to_vec_pretty(&figures.json(&wanted)).expect("plain figures");
    fs::write(&options.json, json).during(format!("writing {}", options.json.display()))?;
    eprintln!("figures of every round: {}", options.json.display());
    match figures.faults() {
        [] => Ok(()),
        faults => Err(Fault::Usage(format!("some figures are missing:\n  {}", faults.join("\n  ")))),
    }
}

/// One broker's turn in one round.
struct Turn<'a> {
    kind: Kind,
    scale: &'a Scale,
    figures: &'a mut Figures,
}

impl Turn<'_> {
    fn add(&mut self, row: &Row, figure: &'static str, value: f64) {
        self.figures.add(row.id, figure, self.kind, value);
    }

    /// A row that fails costs its own figures, not those of the others.
    fn note(&mut self, what: &str, done: Result<(), Fault>) {
        if let Err(fault) = done {
            eprintln!("  {what}: {fault}");
            self.figures.add_fault(format!("{}, {what}: {fault}", self.kind.name()));
        }
    }

    /// The rows that need a warm broker under load.
    fn loads(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let loads: Vec<&&Row> = wanted.iter().filter(|row| row.work != Work::Life).collect();
        if loads.is_empty() {
            return Ok(());
        }
        let mut broker = Broker::new(self.kind, options)?;
        broker.start()?;
        self.warm_up(&broker)?;
        for row in loads {
            let partitions = match row.work {
                Work::ProduceMany { .. } => self.scale.partitions,
                Work::EndToEnd { .. } => 1,
                _ => PARTITIONS,
            };
            let target = target(&broker, row.id, partitions);
            let done = admin::create_topic(&target)
                .and_then(|()| self.load(row, &target))
                .and_then(|()| admin::delete_topic(&target));
            self.note(row.id, done);
            rest();
        }
        Ok(())
    }

    /// Produce and fetch for the time that a just-in-time compiler needs.
    fn warm_up(&self, broker: &Broker) -> Result<(), Fault> {
        let target = target(broker, "warm-up", PARTITIONS);
        admin::create_topic(&target)?;
        let half = self.scale.warm / 2;
        produce::run(&target, &self.produce(160, RECORD_BYTES, half))?;
        fetch::run(&target, &Fetch { connections: CONNECTIONS, partition_bytes_max: 64 << 10, time: half })?;
        admin::delete_topic(&target)?;
        rest();
        Ok(())
    }

    fn produce(&self, records: usize, record_bytes: usize, time: Duration) -> Produce {
        let bytes_max = self.scale.bytes_max;
        Produce { connections: CONNECTIONS, in_flight: IN_FLIGHT, records, record_bytes, acks: -1, time, bytes_max }
    }

    fn load(&mut self, row: &Row, target: &Target) -> Result<(), Fault> {
        let warm = self.scale.run / 8;
        match row.work {
            Work::Produce { records, record_bytes } | Work::ProduceMany { records, record_bytes } => {
                produce::run(target, &self.produce(records, record_bytes, warm))?;
                rest();
                let done = produce::run(target, &self.produce(records, record_bytes, self.scale.run))?;
                self.add_produced(row, &done)
            }
            Work::Fetch { partition_bytes_max } => {
                let mut fill = self.produce(FETCH_RECORDS, RECORD_BYTES, self.scale.run * 4);
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
            Work::EndToEnd { rate_per_second } => {
                let mut load = EndToEnd { rate_per_second, record_bytes: RECORD_BYTES, acks: -1, time: warm };
                e2e::run(target, &load)?;
                load.time = self.scale.run;
                let done = e2e::run(target, &load)?;
                eprintln!("  {:<14} {done}", row.id);
                refuse_errors(row, done.errors + done.sent - done.end_to_end.total().min(done.sent))?;
                self.add(row, rows::P50_MS, done.end_to_end.quantile_ms(0.5));
                self.add(row, rows::P99_MS, done.end_to_end.quantile_ms(0.99));
                Ok(())
            }
            Work::Life => Ok(()),
        }
    }

    fn add_produced(&mut self, row: &Row, done: &Produced) -> Result<(), Fault> {
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

    /// Start, rest, many partitions, rest, kill, start.
    fn life(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let row = |id: &str| wanted.iter().copied().find(|row| row.id == id);
        if !wanted.iter().any(|row| row.work == Work::Life) {
            return Ok(());
        }
        let mut broker = Broker::new(self.kind, options)?;
        let ready = broker.start()?;
        if let Some(row) = row("ready-empty") {
            self.add_ready(row, ready);
        }
        if let Some(row) = row("idle-empty") {
            self.add_idle(row, &broker);
        }
        if row("idle-many").is_none() && row("ready-killed").is_none() {
            return Ok(());
        }
        let many = target(&broker, "many", self.scale.partitions);
        admin::create_topic(&many)?;
        if let Some(row) = row("idle-many") {
            self.add_idle(row, &broker);
        }
        if let Some(row) = row("ready-killed") {
            let mut load = self.produce(10, RECORD_BYTES, Duration::from_secs(120));
            let batch_bytes = crate::batch::encode(10, RECORD_BYTES, 1).len() as u64;
            load.bytes_max = KILL_PASSES * self.scale.partitions as u64 * batch_bytes;
            refuse_errors(row, produce::run(&many, &load)?.errors)?;
            broker.kill()?;
            let started = std::time::Instant::now();
            let ready = broker.start()?;
            admin::await_served(&many)?;
            self.add_ready(row, ready);
            self.add(row, rows::SERVED_MS, started.elapsed().as_secs_f64() * 1e3);
        }
        Ok(())
    }

    fn add_ready(&mut self, row: &Row, ready: Duration) {
        eprintln!("  {:<14} ready in {:.1} ms", row.id, ready.as_secs_f64() * 1e3);
        self.add(row, rows::READY_MS, ready.as_secs_f64() * 1e3);
    }

    fn add_idle(&mut self, row: &Row, broker: &Broker) {
        thread::sleep(self.scale.settle);
        let Some(pid) = broker.pid() else { return };
        let cpu = process::idle_cpu_percent(pid, self.scale.idle);
        let resident = process::resident_mb(pid);
        eprintln!("  {:<14} {resident:.1} MB resident, {cpu:.2} % CPU", row.id);
        self.add(row, rows::RESIDENT_MB, resident);
        self.add(row, rows::IDLE_CPU_PERCENT, cpu);
    }
}

fn target(broker: &Broker, topic: &str, partitions: i32) -> Target {
    Target { address: broker.address(), topic: format!("bench-{topic}"), partitions, pid: broker.pid() }
}

/// A figure with refused requests in it says nothing.
fn refuse_errors(row: &Row, errors: u64) -> Result<(), Fault> {
    if errors == 0 { Ok(()) } else { Err(Fault::Usage(format!("row {}: {errors} requests failed", row.id))) }
}

/// Nothing of the last run is left to be written or deleted.
fn rest() {
    thread::sleep(DELETED_WAIT);
    rustix::fs::sync();
}
