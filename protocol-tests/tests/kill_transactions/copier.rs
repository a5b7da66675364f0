//! Consume, transform, produce: one transactional producer that copies one input, aborts at random, gives up at random, and
//! goes on from the committed offset.
use crate::ledger::Entry;
use crate::load::{Fetched, Load, OUTPUTS};
use kafka_checker::{Action, Isolation, Outcome, Value};
use kafka_protocol::messages::{AddPartitionsToTxnResponse, TxnOffsetCommitResponse};
use protocol_tests::line::{GivenUp, Line, Temper};
use protocol_tests::random::Random;
use protocol_tests::time::{Stopwatch, pause_ms};
use protocol_tests::transactional::{Identity, Protocol, find_coordinator};
use protocol_tests::{Code, code_name};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;

const RUN_MS_MAX: u64 = 1_800_000;
/// Records that were acknowledged and have not come by then are lost; the checker will tell which.
const IDLE_MS_MAX: u64 = 30_000;
/// No transaction copies more.
const RECORDS_MAX: usize = 40;
/// One transaction in so many is aborted.
const ABORTS: usize = 5;
/// One in so many is left alone before its commit is asked for, as by a client that dies.
const DEATHS: usize = 25;

/// A late EndTxn of the first protocol may end the transaction after the one that it was meant for (KAFKA-17754): there no
/// answer is missed while the broker lives.
fn temper(protocol: Protocol) -> Temper {
    Temper { given_up: 2, unheard: if protocol == Protocol::Two { 60 } else { 0 } }
}

/// The copier has to begin anew: given up, refused, or dead.
struct Interrupted;

impl From<GivenUp> for Interrupted {
    fn from(_: GivenUp) -> Interrupted {
        Interrupted
    }
}

pub struct Copier<'a> {
    load: &'a Load,
    process: u32,
    input: i32,
    protocol: Protocol,
    line: Line,
    identity: Identity,
    random: Random,
    sequences: [i32; OUTPUTS as usize],
    position: i64,
    attempt: u32,
    /// Since something was last there to be copied.
    idle: Stopwatch,
}

impl<'a> Copier<'a> {
    pub fn new(load: &'a Load, input: i32) -> Copier<'a> {
        let process = 10 + input as u32;
        let protocol = if input % 2 == 0 { Protocol::Two } else { Protocol::One };
        Copier {
            load,
            process,
            input,
            protocol,
            line: load.line(process, temper(protocol)),
            identity: Identity::new(format!("{}-copier-{input}", load.group)),
            random: Random::new(load.seed ^ u64::from(process)),
            sequences: [0; OUTPUTS as usize],
            position: 0,
            attempt: 0,
            idle: Stopwatch::start(),
        }
    }

    /// Copies until the input has ended and all of it is copied, or nothing more of it comes.
    pub fn run(mut self) {
        let watch = Stopwatch::start();
        while !self.is_done() {
            assert!(watch.elapsed_ms() < RUN_MS_MAX, "no end in sight");
            if self.recover().is_ok() {
                while !self.is_done() && self.transaction().is_ok() {}
            }
        }
    }

    fn is_done(&self) -> bool {
        let end = self.load.ends[self.input as usize].load(SeqCst);
        self.load.fed.load(SeqCst) && (self.position >= end || self.idle.elapsed_ms() > IDLE_MS_MAX)
    }

    /// A new epoch, which ends whatever was open, and the place to go on from.
    fn recover(&mut self) -> Result<(), Interrupted> {
        let before = self.identity.clone();
        let request = find_coordinator(1, &self.identity.id);
        self.line.ask(4, &request, |answer| answer.coordinators[0].error_code)?;
        let mut entry = self.load.ledger.begin(self.process, false);
        let outcome = self.begin_epoch(&mut entry);
        entry.end(if outcome.is_ok() { Outcome::Done } else { Outcome::Unknown });
        outcome?;
        if before.producer.0 >= 0 && self.random.below(2) == 0 {
            self.zombie(before)?;
        }
        Ok(())
    }

    fn begin_epoch(&mut self, entry: &mut Entry) -> Result<(), Interrupted> {
        let request = self.identity.init();
        // A second epoch, taken later, would fence the one that was heard of.
        let answer = self.line.ask_once(self.protocol.init(), &request, |answer| answer.error_code)?;
        demand(entry, "InitProducerId", answer.error_code)?;
        self.identity.producer = (answer.producer_id.0, answer.producer_epoch);
        self.sequences = [0; OUTPUTS as usize];
        self.position = self.load.committed(&mut self.line, entry, self.input)?;
        self.load.copied[self.input as usize].store(self.position, SeqCst);
        let now = entry.now();
        entry.step(now, Action::Seek { partition: self.load.input(self.input).name });
        Ok(())
    }

    /// What the epoch before sends must be refused.
    fn zombie(&mut self, before: Identity) -> Result<(), Interrupted> {
        let place = self.load.output(self.random.below(OUTPUTS as usize) as i32);
        self.attempt += 1;
        let value = Value { number: 0, attempt: self.process << 24 | self.attempt };
        let version = self.protocol.produce();
        let request = before.produce(version, (place.topic, place.partition), 0, &[value.to_string()]);
        let mut entry = self.load.ledger.begin(self.process, true);
        let from = entry.now();
        let answer = self.line.ask(version, &request, |answer| answer.responses[0].partition_responses[0].error_code);
        entry.step(from, Action::Send { partition: place.name, value, offset: None });
        let code = answer.as_ref().map(|answer| answer.responses[0].partition_responses[0].error_code);
        if code.is_ok_and(|code| code != Code::InvalidProducerEpoch.code()) {
            let code = code_name(code.unwrap_or_default());
            entry.unexpected(format!("Produce of an old epoch to partition {}: {code}", place.name));
        }
        entry.end(Outcome::Undone);
        answer?;
        Ok(())
    }

    /// One transaction, or a pause when there is nothing to copy.
    fn transaction(&mut self) -> Result<(), Interrupted> {
        let mut entry = self.load.ledger.begin(self.process, true);
        let place = self.load.input(self.input);
        let fetched = self.load.fetch(&mut self.line, &mut entry, place, Isolation::Committed, self.position);
        let fetched = match fetched {
            Ok(fetched) if !fetched.records.is_empty() => fetched,
            Ok(_) => {
                if entry.has_unexpected() {
                    entry.end(Outcome::Undone);
                }
                pause_ms(2);
                return Ok(());
            }
            Err(given_up) => return Err(given_up.into()),
        };
        self.idle = Stopwatch::start();
        let outcome = self.copy(&mut entry, fetched);
        let known = match &outcome {
            Ok(outcome) => *outcome,
            Err(Interrupted) if entry.is_decided() => Outcome::Unknown,
            Err(Interrupted) => Outcome::Undone,
        };
        entry.end(known);
        if known == Outcome::Done {
            self.load.copied[self.input as usize].store(self.position, SeqCst);
            self.load.transactions.fetch_add(1, SeqCst);
        }
        outcome.map(|_| ())
    }

    fn copy(&mut self, entry: &mut Entry, mut fetched: Fetched) -> Result<Outcome, Interrupted> {
        let count = 1 + self.random.below(RECORDS_MAX);
        if fetched.records.len() > count {
            fetched.next = fetched.records[count].0;
            fetched.records.truncate(count);
            // The consumer has been given no more than it copies.
            entry.keep_polled(count);
        }
        self.attempt += 1;
        let mut parts: BTreeMap<i32, Vec<Value>> = BTreeMap::new();
        for (_, value) in &fetched.records {
            let partition = (value.number % OUTPUTS as u64) as i32;
            let attempt = self.attempt;
            parts.entry(partition).or_default().push(Value { attempt, ..*value });
        }
        let stop_after = (self.random.below(ABORTS) == 0).then(|| 1 + self.random.below(parts.len()));
        for (sent, (partition, values)) in parts.into_iter().enumerate() {
            self.send(entry, partition, &values)?;
            if stop_after == Some(sent + 1) {
                self.end(entry, false)?;
                return Ok(Outcome::Undone);
            }
        }
        self.commit_offset(entry, fetched.next)?;
        if self.random.below(DEATHS) == 0 {
            self.line.hang_up();
            return Err(Interrupted);
        }
        entry.decide();
        self.end(entry, true)?;
        self.position = fetched.next;
        Ok(Outcome::Done)
    }

    fn send(&mut self, entry: &mut Entry, partition: i32, values: &[Value]) -> Result<(), Interrupted> {
        let place = self.load.output(partition);
        if self.protocol == Protocol::One {
            let request = self.identity.add(place.topic, partition);
            let code = |answer: &AddPartitionsToTxnResponse| {
                answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
            };
            let answer = self.line.ask(3, &request, code)?;
            demand(entry, "AddPartitionsToTxn", code(&answer))?;
        }
        // By name, and for newer clients by id too.
        let version = self.protocol.produce() + i16::from(self.protocol == Protocol::Two && self.random.below(2) == 0);
        let texts: Vec<String> = values.iter().map(Value::to_string).collect();
        let sequence = &mut self.sequences[partition as usize];
        let request = self.identity.produce(version, (place.topic, partition), *sequence, &texts);
        *sequence += values.len() as i32;
        let offset = self.load.produce(&mut self.line, entry, version, &request, place, values)?;
        offset.map(|_| ()).ok_or(Interrupted)
    }

    fn commit_offset(&mut self, entry: &mut Entry, offset: i64) -> Result<(), Interrupted> {
        if self.protocol == Protocol::One {
            let request = self.identity.add_group(&self.load.group);
            let answer = self.line.ask(3, &request, |answer| answer.error_code)?;
            demand(entry, "AddOffsetsToTxn", answer.error_code)?;
        }
        let request = self.identity.commit_offset(&self.load.group, &self.load.input, self.input, offset);
        let code = |answer: &TxnOffsetCommitResponse| answer.topics[0].partitions[0].error_code;
        let from = entry.now();
        let answer = self.line.ask(self.protocol.commit(), &request, code);
        entry.step(from, Action::Commit { group: 0, partition: self.load.input(self.input).name, offset });
        demand(entry, "TxnOffsetCommit", code(&answer?))
    }

    fn end(&mut self, entry: &mut Entry, commit: bool) -> Result<(), Interrupted> {
        let request = self.identity.end(commit);
        let answer = self.line.ask(self.protocol.end(), &request, |answer| answer.error_code)?;
        demand(entry, if commit { "EndTxn, commit" } else { "EndTxn, abort" }, answer.error_code)?;
        if self.protocol == Protocol::Two {
            self.identity.producer = (answer.producer_id.0, answer.producer_epoch);
            self.sequences = [0; OUTPUTS as usize];
        }
        Ok(())
    }
}

/// Any error that is left here is one that this client gave no reason for.
fn demand(entry: &mut Entry, request: &str, code: i16) -> Result<(), Interrupted> {
    if code == 0 {
        return Ok(());
    }
    entry.unexpected(format!("{request}: {}", code_name(code)));
    Err(Interrupted)
}
