//! Apache Kafka's own measuring tools, with the Java clients, against both brokers.
use crate::{
    admin::{self, Target},
    broker::Broker,
    fault::{During, Fault},
    options::Options,
    rows::{self, Row, Scene, Work},
    turn::{PARTITIONS, RECORD_BYTES, Turn, rest, target},
};
use std::process::{Command, Stdio};

/// About eight seconds of what a Java producer sends.
const RECORDS: u64 = 5_000_000;
const RECORDS_QUICK: u64 = 200_000;
/// The share of records at the start that the tool leaves out of its figures, while its own JVM compiles.
const WARM_PART: u64 = 5;

/// What a tool says of itself.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Sent {
    per_second: f64,
    p99_ms: f64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Consumed {
    records: u64,
    per_second: f64,
    /// Without the time until the group was joined.
    fetched_per_second: f64,
}

impl Turn<'_> {
    pub fn java(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let row = |work: Work| wanted.iter().copied().find(|row| row.work == work);
        if !wanted.iter().any(|row| row.work.scene() == Scene::Java) {
            return Ok(());
        }
        let records = if options.quick { RECORDS_QUICK } else { RECORDS };
        let mut broker = Broker::new(self.kind, options)?;
        broker.start()?;
        self.warm_up(&broker)?;
        self.steady()?;
        let target = target(&broker, "java", PARTITIONS);
        admin::create_topic(&target)?;
        let producer = row(Work::JavaProducer);
        let done = self.java_producer(options, producer, &target, records);
        self.note("java-producer", done);
        let Some(consumer) = row(Work::JavaConsumer) else { return Ok(()) };
        rest();
        let done = self.java_consumer(options, consumer, &target, records);
        self.note(consumer.id, done);
        Ok(())
    }

    /// Also what the consumer is to read, wanted or not.
    fn java_producer(
        &mut self,
        options: &Options,
        row: Option<&Row>,
        target: &Target,
        records: u64,
    ) -> Result<(), Fault> {
        let (all, warm) = (records.to_string(), (records / WARM_PART).to_string());
        let size = RECORD_BYTES.to_string();
        let arguments =
            ["--num-records", &all, "--warmup-records", &warm, "--record-size", &size, "--throughput", "-1"];
        let cpu_before = target.cpu_seconds();
        let text = tool(options, "producer-perf-test", target, &arguments)?;
        let cpu_micros = (target.cpu_seconds() - cpu_before) * 1e6 / records as f64;
        let sent = sent(&text).ok_or_else(|| unclear("producer-perf-test", &text))?;
        let Some(row) = row else { return Ok(()) };
        eprintln!(
            "  {:<14} {:.0} records/s, p99 {} ms, {cpu_micros:.2} CPU-us/record",
            row.id, sent.per_second, sent.p99_ms
        );
        self.add(row, rows::RECORDS_PER_SECOND, sent.per_second);
        self.add(row, rows::P99_MS, sent.p99_ms);
        self.add(row, rows::CPU_PER_RECORD, cpu_micros);
        Ok(())
    }

    fn java_consumer(&mut self, options: &Options, row: &Row, target: &Target, records: u64) -> Result<(), Fault> {
        let cpu_before = target.cpu_seconds();
        let text = tool(options, "consumer-perf-test", target, &["--num-records", &records.to_string()])?;
        let cpu_micros = (target.cpu_seconds() - cpu_before) * 1e6 / records as f64;
        let consumed = consumed(&text).ok_or_else(|| unclear("consumer-perf-test", &text))?;
        if consumed.records < records {
            return Err(Fault::Usage(format!("{} of {records} records were consumed", consumed.records)));
        }
        let Consumed { per_second, fetched_per_second, .. } = consumed;
        eprintln!(
            "  {:<14} {per_second:.0} records/s, {fetched_per_second:.0} once joined, {cpu_micros:.2} CPU-us/record",
            row.id
        );
        self.add(row, rows::RECORDS_PER_SECOND, per_second);
        self.add(row, rows::FETCHED_RECORDS_PER_SECOND, fetched_per_second);
        self.add(row, rows::CPU_PER_RECORD, cpu_micros);
        Ok(())
    }
}

/// Runs a tool on the topic to its end and gives what it printed.
fn tool(options: &Options, name: &str, target: &Target, arguments: &[&str]) -> Result<String, Fault> {
    let output = Command::new(&options.kafka)
        .args(["tool", name, "--bootstrap-server", &target.address.to_string(), "--topic", &target.topic])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .during(format!("running {}", options.kafka.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(unclear(name, &(text + &String::from_utf8_lossy(&output.stderr))))
    }
}

fn unclear(tool: &str, text: &str) -> Fault {
    let lines: Vec<&str> = text.lines().collect();
    Fault::Usage(format!("{tool} said: {}", lines[lines.len().saturating_sub(3)..].join(" | ")))
}

/// The last line is of the steady state: `N records sent, X records/sec (...), ..., N ms 99th, N ms 99.9th.`
fn sent(text: &str) -> Option<Sent> {
    let line = text.lines().rfind(|line| line.contains("99th"))?;
    let before = |unit: &str| line.split(", ").find_map(|part| part.split_once(unit)?.0.trim().parse::<f64>().ok());
    Some(Sent { per_second: before(" records/sec")?, p99_ms: before(" ms 99th")? })
}

/// The last line has the values of the columns that the first names.
fn consumed(text: &str) -> Option<Consumed> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("start.time"));
    let names: Vec<&str> = lines.next()?.split(", ").collect();
    let values: Vec<&str> = lines.next()?.split(", ").collect();
    let value = |name: &str| values.get(names.iter().position(|other| *other == name)?)?.parse::<f64>().ok();
    Some(Consumed {
        records: value("data.consumed.in.nMsg")? as u64,
        per_second: value("nMsg.sec")?,
        fetched_per_second: value("fetch.nMsg.sec")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_producers_last_line_counts() {
        let text = "Warmup first 20000 records. Steady state results will print after the complete test summary.\n\
            100000 records sent, 41067.76 records/sec (3.92 MB/sec), 926.65 ms avg latency, 1444.00 ms max latency, 941 ms 50th, 1429 ms 95th, 1440 ms 99th, 1443 ms 99.9th.\n\
            80000 steady state records sent, 43956.5 records/sec (4.19 MB/sec), 1069.70 ms avg latency, 1444.00 ms max latency, 1114 ms 50th, 1432 ms 95th, 1441 ms 99th, 1444 ms 99.9th.\n";
        assert_eq!(sent(text), Some(Sent { per_second: 43956.5, p99_ms: 1441.0 }));
        assert_eq!(sent("org.apache.kafka.common.KafkaException: no\n"), None);
    }

    #[test]
    fn the_consumers_columns_are_found_by_name() {
        let head = "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n";
        let line = "2026-11-23 06:22:50:874, 2026-11-23 06:22:52:255, 9.5367, 6.9057, 100000, 72411.5, 898, 483, 19.7448, 207039.25\n";
        let told = Consumed { records: 100_000, per_second: 72411.5, fetched_per_second: 207_039.25 };
        assert_eq!(consumed(&format!("WARN one thing\n{head}{line}")), Some(told));
        assert_eq!(consumed(head), None);
        assert_eq!(consumed(line), None);
    }
}
