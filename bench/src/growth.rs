//! What a request costs while partitions, connections or segments become many: it should stay the same.
use crate::{
    admin,
    broker::{Broker, Kind},
    fault::Fault,
    fetch::{self, Fetch},
    options::Options,
    paced::{self, Paced},
    produce,
    rows::{self, CONNECTIONS, Row, Scene, Work},
    segments::Segments,
    sweep::Curve,
    turn::{PARTITIONS, RECORD_BYTES, Turn, refuse_errors, rest, target, targets},
};
use std::time::Duration;

/// Apache Kafka is measured over so many at most: on two processors it takes minutes to serve 10,000.
const KAFKA_PARTITIONS_MAX: i32 = 1000;
/// Partitions, with the figure of each.
const MANY_PARTITIONS: &[(i32, &str)] = &[
    (1, rows::CPU_AT_1),
    (10, rows::CPU_AT_10),
    (100, rows::CPU_AT_100),
    (1000, rows::CPU_AT_1000),
    (10_000, rows::CPU_AT_10_000),
];
const MANY_CONNECTIONS: &[(usize, &str)] = &[(1, rows::CPU_AT_1), (100, rows::CPU_AT_100), (5000, rows::CPU_AT_5000)];
/// Every broker can keep up with it, over one connection and over 5,000.
const PACED_PER_SECOND: f64 = 2000.0;
/// Of the log in many segments, until all of them are there.
const SEGMENT_BYTES: u64 = 1 << 20;
const SEGMENT_BYTES_MAX: &str = "2147483647";
const SEGMENTS: u64 = 1000;
const SEGMENTS_QUICK: u64 = 50;
/// Longer than any fill takes.
const FILL_MAX: Duration = Duration::from_secs(600);

/// What a log of one age gave.
struct Aged {
    produce_cpu_micros: f64,
    requests_per_second: f64,
    fetch_cpu_seconds: f64,
    mb_per_second: f64,
}

impl Turn<'_> {
    pub fn growth(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let rows: Vec<&&Row> = wanted.iter().filter(|row| row.work.scene() == Scene::Growth).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let mut broker = Broker::new(self.kind, options)?;
        broker.start()?;
        self.warm_up(&broker)?;
        for row in rows {
            let done = match row.work {
                Work::ManyPartitions => self.many_partitions(row, &broker),
                Work::ManyConnections => self.many_connections(row, &broker),
                Work::ManySegments => self.many_segments(row, &broker, options.quick),
                _ => Ok(()),
            };
            self.note(row.id, done);
            rest();
        }
        Ok(())
    }

    /// The load of `produce-100b`, in turn over all partitions; each was written to before.
    fn many_partitions(&mut self, row: &Row, broker: &Broker) -> Result<(), Fault> {
        let mut costs = Vec::new();
        for (partitions, figure) in MANY_PARTITIONS {
            if self.kind == Kind::Kafka && *partitions > KAFKA_PARTITIONS_MAX {
                return Ok(());
            }
            self.steady()?;
            let topics = targets(broker, &format!("over-{partitions}"), *partitions);
            topics.iter().try_for_each(admin::create_topic)?;
            let mut load = self.produce(1, RECORD_BYTES, CONNECTIONS, FILL_MAX);
            load.bytes_max = *partitions as u64 * crate::batch::encode(1, RECORD_BYTES, 1).len() as u64;
            produce::run_over(&topics, &load)?;
            produce::run_over(&topics, &self.produce(1, RECORD_BYTES, CONNECTIONS, self.scale.run / 8))?;
            rest();
            let done = produce::run_over(&topics, &self.produce(1, RECORD_BYTES, CONNECTIONS, self.scale.run))?;
            eprintln!("  {:<14} {partitions}: {done}", row.id);
            refuse_errors(row, done.errors)?;
            costs.push(done.cpu_micros_per_request());
            self.figures.add_point(Curve::Throughput, self.kind, *partitions as u64, done.requests_per_second());
            self.add(row, figure, done.cpu_micros_per_request());
            topics.iter().try_for_each(admin::delete_topic)?;
            rest();
        }
        self.add(row, rows::CPU_SPREAD, spread(&costs));
        Ok(())
    }

    /// The same requests at the same rate, to the same six partitions, over ever more connections.
    fn many_connections(&mut self, row: &Row, broker: &Broker) -> Result<(), Fault> {
        let target = target(broker, row.id, PARTITIONS);
        let mut costs = Vec::new();
        self.with_topic(&target, |turn| {
            for (connections, figure) in MANY_CONNECTIONS {
                let load = Paced {
                    connections: *connections,
                    rate_per_second: PACED_PER_SECOND,
                    record_bytes: RECORD_BYTES,
                    time: turn.scale.run,
                };
                let answered = paced::run(&target, &load)?;
                let cost = answered.cpu_micros_per_request();
                let (done, p99) = (&answered.done, answered.done.latency.quantile_ms(0.99));
                eprintln!(
                    "  {:<14} {connections}: {} requests, {cost:.1} CPU-us each, p99 {p99:.3} ms",
                    row.id, done.requests
                );
                refuse_errors(row, done.errors)?;
                costs.push(cost);
                turn.add(row, figure, cost);
                rest();
            }
            Ok(())
        })?;
        self.add(row, rows::CPU_SPREAD, spread(&costs));
        Ok(())
    }

    /// The same bytes in one segment and in many: small requests behind them, then fetches of all.
    fn many_segments(&mut self, row: &Row, broker: &Broker, quick: bool) -> Result<(), Fault> {
        let segments = if quick { SEGMENTS_QUICK } else { SEGMENTS };
        let one = self.aged(row, broker, segments, false)?;
        let many = self.aged(row, broker, segments, true)?;
        for (figure, value) in [
            (rows::CPU_AT_1, one.produce_cpu_micros),
            (rows::CPU_AT_1000, many.produce_cpu_micros),
            (rows::AGED_PRODUCE_CPU, many.produce_cpu_micros / one.produce_cpu_micros),
            (rows::AGED_PRODUCE_TIME, one.requests_per_second / many.requests_per_second),
            (rows::AGED_FETCH_CPU, many.fetch_cpu_seconds / one.fetch_cpu_seconds),
            (rows::AGED_FETCH_TIME, one.mb_per_second / many.mb_per_second),
        ] {
            self.add(row, figure, value);
        }
        Ok(())
    }

    fn aged(&mut self, row: &Row, broker: &Broker, segments: u64, many: bool) -> Result<Aged, Fault> {
        self.steady()?;
        let target = target(broker, if many { "old" } else { "new" }, 1);
        let small = SEGMENT_BYTES.to_string();
        let size = if many { small.as_str() } else { SEGMENT_BYTES_MAX };
        admin::create_topic_with(&target, &[("segment.bytes", size)])?;
        let mut fill = self.produce(160, RECORD_BYTES, CONNECTIONS, FILL_MAX);
        fill.bytes_max = segments * SEGMENT_BYTES;
        refuse_errors(row, produce::run(&target, &fill)?.errors)?;
        let found = Segments::of(&broker.log_directory()?, &target, 0).count()? as u64;
        if many && found < segments || !many && found != 1 {
            return Err(Fault::Usage(format!("the log has {found} segments")));
        }
        // No segment ends while the clock runs: only the age of the log differs.
        admin::alter_topic(&target, &[("segment.bytes", SEGMENT_BYTES_MAX)])?;
        rest();
        let warm = self.scale.run / 8;
        produce::run(&target, &self.produce(1, RECORD_BYTES, CONNECTIONS, warm))?;
        let produced = produce::run(&target, &self.produce(1, RECORD_BYTES, CONNECTIONS, self.scale.run))?;
        refuse_errors(row, produced.errors)?;
        rest();
        let mut load = Fetch { connections: CONNECTIONS, partition_bytes_max: 64 << 10, time: warm };
        fetch::run(&target, &load)?;
        load.time = self.scale.run;
        let fetched = fetch::run(&target, &load)?;
        eprintln!("  {:<14} {found} segments: {produced}; {fetched}", row.id);
        admin::delete_topic(&target)?;
        rest();
        Ok(Aged {
            produce_cpu_micros: produced.cpu_micros_per_request(),
            requests_per_second: produced.requests_per_second(),
            fetch_cpu_seconds: fetched.cpu_seconds_per_gb(),
            mb_per_second: fetched.mb_per_second(),
        })
    }
}

/// The dearest by the cheapest.
fn spread(costs: &[f64]) -> f64 {
    let most = costs.iter().copied().fold(f64::NAN, f64::max);
    most / costs.iter().copied().fold(f64::NAN, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_the_extremes() {
        assert_eq!(spread(&[20.0, 30.0, 10.0, 15.0]), 3.0);
        assert_eq!(spread(&[20.0]), 1.0);
        assert!(spread(&[]).is_nan());
    }
}
