//! One shard of transactions as a machine: every request is decided here, every record replayed here.
use super::{
    Filter, Partition, PendingMarkers, Soft, Transaction, TransactionSettings, TransactionalId, Transactions, Unusable,
    room::Room,
};
use crate::{
    machine::{Machine, Outcome, Turn},
    record::TransactionResult,
    types::{ErrorCode, Offset, TransactionVersion},
    wire::coordinator::TransactionRecord,
};
use std::collections::{BTreeMap, BTreeSet};

/// One thing asked of a shard. What is random or known elsewhere comes with it, so that deciding is pure.
#[derive(Clone, Debug)]
pub struct Op {
    /// Wall time: timeouts are judged by what is written down.
    pub now_ms: i64,
    /// A producer id that nobody has, should one be needed: see [`Reply::NeedsProducerId`].
    pub fresh_producer_id: Option<i64>,
    pub settings: TransactionSettings,
    /// What the journal takes at once.
    pub batch_bytes_max: usize,
    pub request: Request,
}

/// A producer as it names itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

/// Partitions that a producer adds to its transaction by writing to them (TXN-8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Join {
    pub producer: Producer,
    pub partitions: BTreeSet<Partition>,
}

#[derive(Clone, Debug)]
pub enum Request {
    Init {
        id: TransactionalId,
        timeout_ms: i32,
        /// Who it was before, when it goes on after an error (KIP-360).
        expected: Option<Producer>,
    },
    AddPartitions {
        id: TransactionalId,
        producer: Producer,
        partitions: BTreeSet<Partition>,
        version: TransactionVersion,
    },
    /// Are these partitions in the open transaction? Changes nothing (TXN-6).
    Verify {
        id: TransactionalId,
        producer: Producer,
        partitions: BTreeSet<Partition>,
    },
    End {
        id: TransactionalId,
        producer: Producer,
        result: TransactionResult,
        version: TransactionVersion,
    },
    /// These partitions have the marker, or are gone for ever.
    Marked {
        id: TransactionalId,
        /// Of the marker: what is told of an earlier transaction says nothing of this one.
        producer: Producer,
        partitions: BTreeSet<Partition>,
        /// Who waits for this end to go on: the next transaction begins in the same commit.
        waiting: Vec<Join>,
    },
    /// A partition refused the marker for good.
    MarkerRefused {
        id: TransactionalId,
        producer: Producer,
    },
    /// Aborts one transaction that has been open for too long, if any: the first behind this id, so that one that cannot be
    /// aborted keeps no other open (TXN-17).
    AbortLate {
        after: Option<TransactionalId>,
    },
    /// Forgets the transactional ids that nobody has used for long (TXN-18).
    Expire,
    /// The markers still to be written: of one transactional id, or of all. Told once the decisions are committed.
    Markers(Option<TransactionalId>),
    List(Filter),
    Describe(TransactionalId),
    /// Asks nothing.
    Nothing,
}

/// A transaction that was open for too long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Late {
    pub id: TransactionalId,
    /// Not where the journal would not take its abort.
    pub is_aborted: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Done,
    /// Refused, or to be asked again; nothing changed that the caller asked for.
    Refused(ErrorCode),
    /// Ask again with a fresh producer id; nothing changed.
    NeedsProducerId,
    /// Who the producer is from now on.
    Producer(Producer),
    Verified(BTreeMap<Partition, ErrorCode>),
    Markers(Vec<PendingMarkers>),
    Listed(Vec<(TransactionalId, Transaction)>),
    /// What was found to be late.
    Late(Option<Late>),
    /// How many ids were forgotten.
    Forgotten(usize),
}

/// The rules have no state of their own.
#[derive(Clone, Copy)]
pub struct TransactionMachine;

impl Machine for TransactionMachine {
    type Hard = Transactions;
    type Soft = Soft;
    type Record = TransactionRecord;
    type Op = Op;
    type Reply = Reply;
    type Fault = Unusable;

    fn decide(&self, hard: &Transactions, soft: &mut Soft, op: Op, turn: Turn) -> Outcome<TransactionRecord, Reply> {
        let room = Room::of(op.batch_bytes_max);
        let mut decision = Decision { hard, soft, op: &op, room, records: Vec::new() };
        let reply = decision.reply().unwrap_or_else(|refusal| refusal);
        let records = decision.records;
        Outcome::answer(turn, records, reply)
    }

    fn replay(&self, hard: &mut Transactions, base: Offset, records: Vec<TransactionRecord>) -> Result<(), Unusable> {
        for (at, record) in (0..).zip(records) {
            hard.apply(base.plus(at), record)?;
        }
        Ok(())
    }
}

/// One operation being decided; its records are the only way to change anything.
pub(super) struct Decision<'a> {
    pub hard: &'a Transactions,
    pub soft: &'a mut Soft,
    pub op: &'a Op,
    pub room: Room,
    pub records: Vec<TransactionRecord>,
}

impl Decision<'_> {
    fn reply(&mut self) -> Result<Reply, Reply> {
        match &self.op.request {
            Request::Init { id, timeout_ms, expected } => self.init(id, *timeout_ms, *expected),
            Request::AddPartitions { id, producer, partitions, version } => {
                self.add_partitions(id, *producer, partitions, *version)
            }
            Request::Verify { id, producer, partitions } => self.verify(id, *producer, partitions),
            Request::End { id, producer, result, version } => self.end(id, *producer, *result, *version),
            Request::Marked { id, producer, partitions, waiting } => self.marked(id, *producer, partitions, waiting),
            Request::MarkerRefused { id, producer } => Ok(self.marker_refused(id, *producer)),
            Request::AbortLate { after } => self.abort_late(after.as_ref()),
            Request::Expire => Ok(self.expire()),
            Request::Markers(of) => Ok(Reply::Markers(self.markers(of.as_ref()))),
            Request::List(filter) => {
                let listed = self.hard.list(filter, self.op.now_ms);
                Ok(Reply::Listed(listed.map(|(id, one)| (id.clone(), one.clone())).collect()))
            }
            Request::Describe(id) => {
                let described = self.described(id).map(|one| (id.clone(), one));
                Ok(Reply::Listed(described.into_iter().collect()))
            }
            Request::Nothing => Ok(Reply::Done),
        }
    }

    pub fn known(&self, id: &TransactionalId) -> Result<Transaction, Reply> {
        if id.is_empty() {
            return Err(Reply::Refused(ErrorCode::InvalidRequest));
        }
        self.hard.get(id).cloned().ok_or(Reply::Refused(ErrorCode::InvalidProducerIdMapping))
    }

    /// Refused where the journal would not take it. To be called before soft state is changed: what is refused has changed
    /// nothing, and others lose nothing by it.
    pub fn write(&mut self, id: &TransactionalId, transaction: &Transaction) -> Result<(), Reply> {
        if !self.room.take(id, transaction) {
            return Err(Reply::Refused(ErrorCode::UnknownServerError));
        }
        self.records.push(transaction.record(id));
        Ok(())
    }

    /// The fresh id that came with the operation, or the word that one is needed.
    pub fn fresh_producer_id(&self) -> Result<i64, Reply> {
        self.op.fresh_producer_id.ok_or(Reply::NeedsProducerId)
    }
}
