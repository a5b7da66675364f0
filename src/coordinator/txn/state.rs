//! The state of transactional ids: what the records of `__transaction_state` say, and what is lost with leadership.
use super::TransactionalId;
use crate::{
    record::TransactionResult,
    types::{Offset, TopicName, TransactionVersion},
    wire::coordinator::{TransactionLogValue, TransactionPartitions, TransactionRecord},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// One partition of a transaction.
pub type Partition = (TopicName, i32);

/// Where a transactional id stands; numbers and names are Kafka's. Its passing states have no place here: what was decided
/// is in the journal before anyone sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    Empty,
    Ongoing,
    /// Decided, the markers are on their way.
    Prepare(TransactionResult),
    /// All markers are written.
    Complete(TransactionResult),
}

impl State {
    pub fn number(self) -> i8 {
        match self {
            State::Empty => 0,
            State::Ongoing => 1,
            State::Prepare(TransactionResult::Commit) => 2,
            State::Prepare(TransactionResult::Abort) => 3,
            State::Complete(TransactionResult::Commit) => 4,
            State::Complete(TransactionResult::Abort) => 5,
        }
    }

    fn from_number(number: i8) -> Option<State> {
        Some(match number {
            0 => State::Empty,
            1 => State::Ongoing,
            2 => State::Prepare(TransactionResult::Commit),
            3 => State::Prepare(TransactionResult::Abort),
            4 => State::Complete(TransactionResult::Commit),
            5 => State::Complete(TransactionResult::Abort),
            _ => return None,
        })
    }

    /// As Kafka's tools show it.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Ongoing => "Ongoing",
            State::Prepare(TransactionResult::Commit) => "PrepareCommit",
            State::Prepare(TransactionResult::Abort) => "PrepareAbort",
            State::Complete(TransactionResult::Commit) => "CompleteCommit",
            State::Complete(TransactionResult::Abort) => "CompleteAbort",
        }
    }
}

/// One transactional id, as its last record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    pub producer_id: i64,
    /// Before the last change; -1 when it is not known.
    pub previous_producer_id: i64,
    /// Takes the place of `producer_id`, whose epochs are used up, with the end of this transaction; -1: none.
    pub next_producer_id: i64,
    pub epoch: i16,
    pub timeout_ms: i32,
    pub state: State,
    pub partitions: BTreeSet<Partition>,
    pub updated_ms: i64,
    /// -1 before the first.
    pub started_ms: i64,
    /// By which its last transaction was run.
    pub version: TransactionVersion,
}

impl Transaction {
    /// The last epoch of a producer id is the broker's own: a client whose epoch is the one before gets a new id.
    pub fn is_exhausted(&self) -> bool {
        self.epoch >= i16::MAX - 1
    }

    /// As it is once all markers are written.
    pub fn completed(&self, result: TransactionResult, now_ms: i64) -> Transaction {
        let rotates = self.version.raises_epoch() && self.next_producer_id >= 0;
        Transaction {
            producer_id: if rotates { self.next_producer_id } else { self.producer_id },
            previous_producer_id: self.producer_id,
            next_producer_id: -1,
            epoch: if rotates { 0 } else { self.epoch },
            state: State::Complete(result),
            partitions: BTreeSet::new(),
            updated_ms: now_ms,
            ..self.clone()
        }
    }

    /// The record that says all this.
    pub fn record(&self, id: &TransactionalId) -> TransactionRecord {
        let mut topics: Vec<TransactionPartitions> = Vec::new();
        for (topic, partition) in &self.partitions {
            match topics.last_mut() {
                Some(last) if last.topic == topic.as_str() => last.partition_ids.push(*partition),
                _ => {
                    topics.push(TransactionPartitions { topic: topic.to_string(), partition_ids: vec![*partition] });
                }
            }
        }
        let value = TransactionLogValue {
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            transaction_timeout_ms: self.timeout_ms,
            transaction_status: self.state.number(),
            transaction_partitions: (self.state != State::Empty).then_some(topics),
            transaction_last_update_timestamp_ms: self.updated_ms,
            transaction_start_timestamp_ms: self.started_ms,
            previous_producer_id: self.previous_producer_id,
            next_producer_id: self.next_producer_id,
            client_transaction_version: i16::from(self.version.wire()),
            next_producer_epoch: -1,
        };
        TransactionRecord { id: id.to_string(), value: Some(value) }
    }

    fn of(id: &str, value: TransactionLogValue) -> Result<Transaction, Unusable> {
        let unusable = |what| Unusable { id: id.to_owned(), what };
        let mut partitions = BTreeSet::new();
        for topic in value.transaction_partitions.unwrap_or_default() {
            let name = TopicName::parse(&topic.topic).map_err(|_| unusable("the name of a topic"))?;
            partitions.extend(topic.partition_ids.into_iter().map(|partition| (name.clone(), partition)));
        }
        if value.producer_id < 0 || value.producer_epoch < 0 {
            return Err(unusable("the producer's id or epoch"));
        }
        Ok(Transaction {
            producer_id: value.producer_id,
            previous_producer_id: value.previous_producer_id,
            next_producer_id: value.next_producer_id,
            epoch: value.producer_epoch,
            timeout_ms: value.transaction_timeout_ms,
            state: State::from_number(value.transaction_status).ok_or(unusable("the state"))?,
            partitions,
            updated_ms: value.transaction_last_update_timestamp_ms,
            started_ms: value.transaction_start_timestamp_ms,
            version: TransactionVersion::from_wire(i8::try_from(value.client_transaction_version).unwrap_or(i8::MAX)),
        })
    }
}

/// A record that no coordinator writes. Loading stops here: to go on would forget what was decided (TXN-15).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} of the transactional id {id} is impossible")]
pub struct Unusable {
    pub id: String,
    pub what: &'static str,
}

/// All transactional ids of one partition of `__transaction_state`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Transactions {
    by_id: BTreeMap<TransactionalId, Transaction>,
    /// Where the last record of those stands whose markers are on their way: they are sent once it is committed (TXN-4).
    prepared_at: BTreeMap<TransactionalId, Offset>,
}

impl Transactions {
    pub fn get(&self, id: &str) -> Option<&Transaction> {
        self.by_id.get(id)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&TransactionalId, &Transaction)> {
        self.by_id.iter()
    }

    /// Those behind `after`; all where it is absent.
    pub fn behind(&self, after: Option<&TransactionalId>) -> impl Iterator<Item = (&TransactionalId, &Transaction)> {
        self.by_id.range::<TransactionalId, _>((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
    }

    pub fn prepared(&self) -> impl Iterator<Item = (&TransactionalId, Offset)> {
        self.prepared_at.iter().map(|(id, at)| (id, *at))
    }

    pub(super) fn apply(&mut self, at: Offset, record: TransactionRecord) -> Result<(), Unusable> {
        let id = TransactionalId::from(record.id);
        let Some(value) = record.value else {
            self.by_id.remove(&id);
            self.prepared_at.remove(&id);
            return Ok(());
        };
        let transaction = Transaction::of(&id, value)?;
        if let State::Prepare(_) = transaction.state {
            self.prepared_at.insert(id.clone(), at);
        } else {
            self.prepared_at.remove(&id);
        }
        self.by_id.insert(id, transaction);
        Ok(())
    }
}

/// What is lost with leadership.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Soft {
    /// The epoch before the present one, where the client that has it may ask again (INIT-5). Kafka writes it nowhere
    /// either.
    pub last_epochs: BTreeMap<TransactionalId, i16>,
    /// Partitions that have the marker, of transactions whose markers are on their way.
    pub marked: BTreeMap<TransactionalId, BTreeSet<Partition>>,
    /// Transactions whose markers were refused for good: another coordinator has them now.
    pub given_up: BTreeSet<TransactionalId>,
}
