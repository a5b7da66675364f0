//! Tests of the rules of transactions: a shard on a journal of records, asked as the runtime asks it.
mod end;
mod init;
mod journal;
mod large;
mod markers;
mod model;

use super::*;
use crate::{
    log::Watermark,
    machine::{Journal, Machine, NotWritten, Pending, Runtime},
    record::BatchBuilder,
    record::TransactionResult::{self, Abort, Commit},
    types::{ErrorCode, Offset, TopicName, TransactionVersion},
    wire::coordinator::TransactionRecord,
};
use std::{collections::BTreeSet, sync::Arc};

pub const NOW_MS: i64 = 1_000_000;

/// Records in memory, encoded and read again as in a log.
pub struct Records {
    pub groups: Vec<(Offset, Vec<TransactionRecord>)>,
    end: Offset,
    committed: Arc<Watermark>,
    /// Of one batch.
    bytes_max: usize,
    /// Why nothing can be written now.
    refuses: Option<NotWritten>,
}

impl Default for Records {
    fn default() -> Records {
        let committed = Watermark::new(Offset::ZERO);
        Records { groups: Vec::new(), end: Offset::ZERO, committed, bytes_max: 1 << 20, refuses: None }
    }
}

impl Journal<TransactionRecord> for Records {
    fn append(&mut self, records: &[TransactionRecord]) -> Result<Offset, NotWritten> {
        if let Some(why) = &self.refuses {
            return Err(why.clone());
        }
        let batch = records.iter().fold(BatchBuilder::new(0), |batch, record| {
            let (key, value) = record.encode(1);
            batch.record(Some(&key), value.as_deref())
        });
        let (bytes, bytes_max) = (batch.size_bytes(), self.bytes_max);
        if bytes > bytes_max {
            return Err(NotWritten::TooLarge { bytes, bytes_max });
        }
        let read = records.iter().map(|record| {
            let (key, value) = record.encode(1);
            TransactionRecord::decode(Some(&key), value.as_deref()).unwrap()
        });
        let base = self.end;
        self.groups.push((base, read.collect()));
        self.end = base.plus(records.len() as i64);
        Ok(base)
    }

    fn end(&self) -> Offset {
        self.end
    }

    fn committed(&self) -> &Arc<Watermark> {
        &self.committed
    }
}

/// One shard at work.
pub struct Shard {
    pub runtime: Runtime<TransactionMachine, Records>,
    pub now_ms: i64,
    pub settings: TransactionSettings,
    next_producer_id: i64,
}

impl Shard {
    pub fn new() -> Shard {
        let runtime = Runtime::new(TransactionMachine, Transactions::default(), Records::default());
        Shard { runtime, now_ms: NOW_MS, settings: TransactionSettings::default(), next_producer_id: 100 }
    }

    pub fn ask(&mut self, request: Request) -> Reply {
        match self.ask_with(request.clone(), None) {
            Reply::NeedsProducerId => {
                self.next_producer_id += 1;
                self.ask_with(request, Some(self.next_producer_id - 1))
            }
            reply => reply,
        }
    }

    fn ask_with(&mut self, request: Request, fresh_producer_id: Option<i64>) -> Reply {
        self.begin(request, fresh_producer_id).before_commit().unwrap().unwrap()
    }

    /// Decided, and not yet told.
    fn begin(&mut self, request: Request, fresh_producer_id: Option<i64>) -> Pending<Reply> {
        let batch_bytes_max = self.runtime.journal().bytes_max;
        let op = Op { now_ms: self.now_ms, fresh_producer_id, settings: self.settings, batch_bytes_max, request };
        self.runtime.run(op)
    }

    /// How many were aborted: one at most.
    pub fn abort_late(&mut self) -> usize {
        match self.ask(Request::AbortLate { after: None }) {
            Reply::Late(late) => late.map_or(0, |late| usize::from(late.is_aborted)),
            other => panic!("{other:?}"),
        }
    }

    pub fn init(&mut self, expected: Option<Producer>) -> Reply {
        self.ask(Request::Init { id: id(), timeout_ms: 60_000, expected })
    }

    /// A new producer that nothing is known of.
    pub fn producer(&mut self) -> Producer {
        let Reply::Producer(producer) = self.init(None) else { panic!("no producer") };
        producer
    }

    pub fn add(&mut self, producer: Producer, partition: i32, version: TransactionVersion) -> Reply {
        self.ask(Request::AddPartitions { id: id(), producer, partitions: parts(&[partition]), version })
    }

    pub fn end(&mut self, producer: Producer, result: TransactionResult, version: TransactionVersion) -> Reply {
        self.ask(Request::End { id: id(), producer, result, version })
    }

    /// All markers of the shard are written.
    pub fn mark_all(&mut self) {
        for due in self.runtime.hard().pending_markers(&Soft::default(), Offset::new(i64::MAX)) {
            self.ask(Request::Marked {
                id: due.id,
                producer: due.producer,
                partitions: due.partitions,
                waiting: vec![],
            });
        }
    }

    pub fn state(&self) -> State {
        self.known().state
    }

    pub fn known(&self) -> &Transaction {
        self.runtime.hard().get("t").unwrap()
    }

    /// What replay makes of all records is what stands in memory (GRP-17 of transactions).
    pub fn check_replay(&self) {
        let mut replayed = Transactions::default();
        for (base, records) in &self.runtime.journal().groups {
            TransactionMachine.replay(&mut replayed, *base, records.clone()).unwrap();
        }
        assert_eq!(&replayed, self.runtime.hard());
    }

    /// Another coordinator loads the shard.
    pub fn reload(&mut self) {
        self.check_replay();
        self.runtime.give_up(NotWritten::NotLeader);
    }
}

pub fn id() -> TransactionalId {
    "t".into()
}

pub fn parts(partitions: &[i32]) -> BTreeSet<Partition> {
    partitions.iter().map(|partition| (TopicName::parse("topic").unwrap(), *partition)).collect()
}

pub fn refused(code: ErrorCode) -> Reply {
    Reply::Refused(code)
}
