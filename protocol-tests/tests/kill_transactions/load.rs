//! What all clients of the load share: the topics, the ledger, how far each has come; who feeds, reads and watches.
use crate::ledger::{Entry, Ledger};
use kafka_checker::history::Partition;
use kafka_checker::{Action, FinalRead, Isolation, Outcome, Value};
use kafka_protocol::messages::{FetchRequest, InitProducerIdRequest, ProduceRequest};
use protocol_tests::batch::{Batch, Record, read_batches};
use protocol_tests::line::{GivenUp, Line, Temper};
use protocol_tests::random::Random;
use protocol_tests::time::{Stopwatch, pause_ms};
use protocol_tests::transactional::stable_offset;
use protocol_tests::visible::visible_records;
use protocol_tests::{Topic, code_name, fetch_request, from_offset, produce_request};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};

pub const INPUTS: i32 = 4;
pub const OUTPUTS: i32 = 3;
/// The checker's names of the partitions of the output.
pub const FIRST_OUTPUT: u32 = 100;
/// Numbers of input partition N begin at N times this.
const NUMBERS: u64 = 1_000_000_000;
/// The feeder keeps no more before a copier.
const AHEAD_MAX: i64 = 120;
const FETCH: i16 = 12;
/// Nobody waits longer for the last transactions to end.
const REST_MS_MAX: u64 = 20_000;

pub struct Load {
    pub address: SocketAddr,
    pub ledger: Ledger,
    pub input: Topic,
    pub output: Topic,
    pub group: String,
    pub seed: u64,
    /// No more is fed.
    pub fed: AtomicBool,
    /// Readers go home.
    pub over: AtomicBool,
    /// For each input: where it ends, and to where it is copied.
    pub ends: [AtomicI64; INPUTS as usize],
    pub copied: [AtomicI64; INPUTS as usize],
    pub transactions: AtomicU64,
}

/// A partition by its topic, and as the checker names it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub topic: &'a Topic,
    pub partition: i32,
    pub name: Partition,
}

/// What one fetch brought: records, where to go on, and the end of what this reader may see.
pub struct Fetched {
    pub records: Vec<(i64, Value)>,
    pub next: i64,
    pub end: i64,
    pub settled: bool,
}

impl Load {
    pub fn line(&self, process: u32, temper: Temper) -> Line {
        Line::new(self.address, Random::new(self.seed ^ u64::from(process) << 32), temper)
    }

    pub fn input(&self, partition: i32) -> Place<'_> {
        Place { topic: &self.input, partition, name: partition as u32 }
    }

    pub fn output(&self, partition: i32) -> Place<'_> {
        Place { topic: &self.output, partition, name: FIRST_OUTPUT + partition as u32 }
    }

    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        (0..INPUTS).map(|partition| self.input(partition)).chain((0..OUTPUTS).map(|partition| self.output(partition)))
    }

    /// Feeds every input with records 1, 2, 3, ... until told to stop.
    pub fn feed(&self) {
        let mut random = Random::new(self.seed);
        let mut line = self.line(0, Temper { unheard: 50, ..Temper::default() });
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let answer = line.ask(4, &request, |answer| answer.error_code).expect("patience");
        let producer = (answer.producer_id.0, answer.producer_epoch);
        let mut sent = [0u64; INPUTS as usize];
        while !self.fed.load(SeqCst) {
            let partition = random.below(INPUTS as usize);
            if self.ends[partition].load(SeqCst) - self.copied[partition].load(SeqCst) > AHEAD_MAX {
                pause_ms(1);
                continue;
            }
            let count = 1 + random.below(8) as u64;
            let numbers: Vec<u64> = (sent[partition]..sent[partition] + count).collect();
            let values: Vec<Value> =
                numbers.iter().map(|number| Value::first(partition as u64 * NUMBERS + number + 1)).collect();
            let records = values.iter().map(|value| Record::of(value.to_string())).collect();
            let batch = Batch { producer, base_sequence: sent[partition] as i32, ..Batch::records(records) };
            let request = produce_request(9, &self.input, partition as i32, batch.encode());
            let mut entry = self.ledger.begin(0, false);
            let first = self.produce(&mut line, &mut entry, 9, &request, self.input(partition as i32), &values);
            let first = first.expect("patience");
            entry.end(Outcome::Done);
            sent[partition] += count;
            if let Some(first) = first {
                self.ends[partition].store(first + count as i64, SeqCst);
            }
        }
    }

    /// Sends one batch and writes down what came of it; returns the offset that was acknowledged, if any was.
    pub fn produce(
        &self,
        line: &mut Line,
        entry: &mut Entry,
        version: i16,
        request: &ProduceRequest,
        place: Place,
        values: &[Value],
    ) -> Result<Option<i64>, GivenUp> {
        let from = entry.now();
        let answer = line.ask(version, request, |answer| answer.responses[0].partition_responses[0].error_code);
        let answer = answer.map(|answer| {
            let told = &answer.responses[0].partition_responses[0];
            if told.error_code != 0 {
                let (code, text) = (code_name(told.error_code), &told.error_message);
                entry.unexpected(format!("Produce to partition {}: {code} {text:?}", place.name));
            }
            (told.error_code == 0).then_some(told.base_offset)
        });
        let first = *answer.as_ref().unwrap_or(&None);
        for (index, &value) in values.iter().enumerate() {
            let offset = first.map(|first| first + index as i64);
            entry.step(from, Action::Send { partition: place.name, value, offset });
        }
        answer
    }

    /// One fetch; what must not be is written into the entry.
    pub fn fetch(
        &self,
        line: &mut Line,
        entry: &mut Entry,
        place: Place,
        isolation: Isolation,
        from: i64,
    ) -> Result<Fetched, GivenUp> {
        let request = fetch_request(FETCH, place.topic, vec![from_offset(place.partition, from)]);
        let request: FetchRequest = request.with_isolation_level(i8::from(isolation == Isolation::Committed));
        let begun = entry.now();
        let answer = line.ask(FETCH, &request, |answer| match answer.error_code {
            0 => answer.responses[0].partitions[0].error_code,
            code => code,
        })?;
        let told = &answer.responses[0].partitions[0];
        if told.error_code != 0 {
            entry.unexpected(format!("Fetch of partition {} at {from}: {}", place.name, code_name(told.error_code)));
            return Ok(Fetched { records: Vec::new(), next: from, end: from, settled: false });
        }
        let batches = read_batches(told.records.as_deref().unwrap_or_default());
        let aborted = told.aborted_transactions.as_deref().unwrap_or_default();
        let records = visible_records(&batches, aborted, from).into_iter().map(|record| {
            let value = record.value.and_then(|value| Value::parse(std::str::from_utf8(&value).ok()?));
            (record.offset, value.expect("a value of this test"))
        });
        let records: Vec<(i64, Value)> = records.collect();
        let end = if isolation == Isolation::Committed { told.last_stable_offset } else { told.high_watermark };
        let next = batches.last().map_or(from, |batch| batch.last_offset() + 1);
        let polled = Action::Poll {
            partition: place.name,
            isolation,
            from: Some(from),
            records: records.clone(),
            end: Some(end),
        };
        entry.step(begun, polled);
        Ok(Fetched { records, next, end, settled: told.last_stable_offset == told.high_watermark })
    }

    /// Reads every partition as it grows.
    pub fn read(&self, process: u32, isolation: Isolation) {
        let mut line = self.line(process, Temper::default());
        let mut positions = vec![0; (INPUTS + OUTPUTS) as usize];
        while !self.over.load(SeqCst) {
            for (place, position) in self.places().zip(&mut positions) {
                let mut entry = self.ledger.begin(process, false);
                let fetched = self.fetch(&mut line, &mut entry, place, isolation, *position).expect("patience");
                *position = fetched.next;
                entry.end(Outcome::Done);
            }
            pause_ms(3);
        }
    }

    /// Asks for the committed offsets again and again.
    pub fn watch(&self, process: u32) {
        let mut line = self.line(process, Temper::default());
        while !self.over.load(SeqCst) {
            self.look(&mut line, process);
            pause_ms(4);
        }
    }

    pub fn look(&self, line: &mut Line, process: u32) {
        for partition in 0..INPUTS {
            let mut entry = self.ledger.begin(process, false);
            self.committed(line, &mut entry, partition).expect("patience");
            entry.end(Outcome::Done);
        }
    }

    /// The committed offset of an input, and 0 before the first.
    pub fn committed(&self, line: &mut Line, entry: &mut Entry, partition: i32) -> Result<i64, GivenUp> {
        let from = entry.now();
        let request = stable_offset(&self.group, &self.input, partition);
        let answer = line.ask(9, &request, |answer| match answer.groups[0].error_code {
            0 => answer.groups[0].topics[0].partitions[0].error_code,
            code => code,
        })?;
        let group = &answer.groups[0];
        let code = if group.error_code != 0 { group.error_code } else { group.topics[0].partitions[0].error_code };
        if code != 0 {
            entry.unexpected(format!("OffsetFetch: {}", code_name(code)));
            return Ok(0);
        }
        let offset = group.topics[0].partitions[0].committed_offset;
        let told = Action::Committed { group: 0, partition: partition as u32, offset: (offset >= 0).then_some(offset) };
        entry.step(from, told);
        Ok(offset.max(0))
    }

    /// A partition from its begin to its end, once no transaction is open in it.
    pub fn last_read(&self, line: &mut Line, place: Place, isolation: Isolation) -> FinalRead {
        let (mut records, mut position) = (Vec::new(), 0);
        let mut entry = self.ledger.begin(900 + isolation as u32, false);
        let seek = entry.now();
        entry.step(seek, Action::Seek { partition: place.name });
        let watch = Stopwatch::start();
        loop {
            let fetched = self.fetch(line, &mut entry, place, isolation, position).expect("patience");
            let still = fetched.next == position;
            records.extend(fetched.records);
            position = fetched.next;
            let rests = still && position >= fetched.end && fetched.settled;
            if !rests && watch.elapsed_ms() > REST_MS_MAX {
                entry.unexpected(format!("partition {} does not come to rest at {position}", place.name));
            } else if !rests {
                pause_ms(if still { 10 } else { 0 });
                continue;
            }
            entry.end(Outcome::Done);
            return FinalRead { partition: place.name, isolation, records };
        }
    }
}
