//! What a partition remembers of each idempotent producer: its epoch and last five batches (IDEM-1). A deterministic
//! function of the log's batches (IDEM-11): no clock, no chance.
use crate::{
    log::aborted::AbortedEntry,
    platform::seeded::{self, Bug},
    record::{BatchHeader, EndTransactionMarker, TimestampType, TransactionResult},
    types::{Offset, ProducerEpoch, ProducerId, Sequence, TransactionVersion},
};
use std::collections::BTreeMap;

/// Batches remembered per producer: what a client may have in flight.
pub const BATCHES_KEPT: usize = 5;

/// Who appends, and so how much is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendOrigin {
    /// A producer's request: epoch and sequence are checked.
    Client,
    /// The broker's own coordinators: only the epoch is (they have no sequences).
    Coordinator,
    /// Copied from a leader, or replayed: taken as it is (IDEM-8).
    Replication,
}

/// One remembered batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducedBatch {
    pub last_sequence: i32,
    pub last_offset: Offset,
    /// Records less one: also the distance of its sequences.
    pub delta: i32,
    pub timestamp_ms: i64,
}

impl ProducedBatch {
    pub fn base_offset(&self) -> Offset {
        Offset::new((self.last_offset.get() - i64::from(self.delta)).max(0))
    }

    pub fn first_sequence(&self) -> i32 {
        let first = i64::from(self.last_sequence) - i64::from(self.delta);
        (if first < 0 { first + i64::from(i32::MAX) + 1 } else { first }) as i32
    }
}

/// One producer of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Producer {
    pub epoch: i16,
    /// -1 until a transaction marker was seen.
    pub coordinator_epoch: i32,
    pub last_timestamp_ms: i64,
    /// First offset of its open transaction.
    pub transaction_start: Option<Offset>,
    batches: [Option<ProducedBatch>; BATCHES_KEPT],
}

impl Producer {
    pub fn new(epoch: i16) -> Producer {
        Producer {
            epoch,
            coordinator_epoch: -1,
            last_timestamp_ms: -1,
            transaction_start: None,
            batches: [None; BATCHES_KEPT],
        }
    }

    /// Oldest first.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &ProducedBatch> {
        self.batches.iter().flatten()
    }

    pub fn last_sequence(&self) -> Option<i32> {
        self.batches().next_back().map(|batch| batch.last_sequence)
    }

    pub fn push(&mut self, batch: ProducedBatch) {
        match self.batches.iter_mut().find(|slot| slot.is_none()) {
            Some(free) => *free = Some(batch),
            None => {
                self.batches.rotate_left(1);
                self.batches[BATCHES_KEPT - 1] = Some(batch);
            }
        }
        self.last_timestamp_ms = batch.timestamp_ms;
    }

    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batches = [None; BATCHES_KEPT];
        }
    }
}

/// A batch that may be appended, or one that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Append,
    /// The same batch stands in the log already (IDEM-2).
    Duplicate(ProducedBatch),
}

/// Why a producer's batch is refused; nothing was written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProducerError {
    /// INVALID_PRODUCER_EPOCH (IDEM-4).
    #[error("producer {id} has epoch {given}, which is older than the {current} last seen")]
    InvalidEpoch { id: ProducerId, given: i16, current: i16 },
    /// OUT_OF_ORDER_SEQUENCE_NUMBER (IDEM-3, IDEM-4).
    #[error("producer {id} sent sequence {given}, {} was due", .expected)]
    OutOfOrder { id: ProducerId, given: i32, expected: i32 },
    /// INVALID_TXN_STATE (IDEM-7).
    #[error("producer {id} has a transaction open since offset {since} and sent a batch outside of it")]
    InvalidTransactionState { id: ProducerId, since: Offset },
    /// INVALID_TXN_STATE (TXN-7).
    #[error("the batch of producer {id} belongs to no transaction that its coordinator is known to have open")]
    NotVerified { id: ProducerId },
    /// TRANSACTION_COORDINATOR_FENCED (TXN-10).
    #[error("a coordinator of epoch {given} would end a transaction of producer {id}; epoch {current} was seen")]
    CoordinatorFenced { id: ProducerId, given: i32, current: i32 },
}

/// A transaction that a marker ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completed {
    pub result: TransactionResult,
    /// What a committed reader must know of it if it was aborted: producer, first and last offset.
    pub entry: AbortedEntry,
}

impl Completed {
    /// What the transaction index must tell of it.
    pub fn aborted(&self) -> Option<AbortedEntry> {
        (self.result == TransactionResult::Abort).then_some(self.entry)
    }
}

/// All producers of one partition.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ProducerStates {
    producers: BTreeMap<ProducerId, Producer>,
    /// Open transactions by their first offsets.
    open: BTreeMap<Offset, ProducerId>,
}

impl ProducerStates {
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    pub fn len(&self) -> usize {
        self.producers.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (ProducerId, &Producer)> {
        self.producers.iter().map(|(id, producer)| (*id, producer))
    }

    pub fn get(&self, id: ProducerId) -> Option<&Producer> {
        self.producers.get(&id)
    }

    /// From a snapshot; replaces what was known of the producer.
    pub fn insert(&mut self, id: ProducerId, producer: Producer) {
        self.open.extend(producer.transaction_start.map(|start| (start, id)));
        self.producers.insert(id, producer);
    }

    /// First offset of the oldest open transaction (OFF-2).
    pub fn first_undecided(&self) -> Option<Offset> {
        self.oldest_open().map(|(first, _)| first)
    }

    /// The same, with whose it is.
    /// Those with a transaction open.
    pub fn open_ids(&self) -> impl Iterator<Item = ProducerId> {
        self.open.values().copied()
    }

    pub fn oldest_open(&self) -> Option<(Offset, ProducerId)> {
        self.open.first_key_value().map(|(first, id)| (*first, *id))
    }

    pub fn knows(&self, id: ProducerId) -> bool {
        self.producers.contains_key(&id)
    }

    /// Has the producer a transaction open in this epoch?
    pub fn has_open(&self, id: ProducerId, epoch: i16) -> bool {
        self.producers.get(&id).is_some_and(|producer| producer.epoch == epoch && producer.transaction_start.is_some())
    }

    /// IDEM-4: nothing of an older epoch than the last seen.
    pub fn check_epoch(&self, id: ProducerId, epoch: i16) -> Result<(), ProducerError> {
        match self.producers.get(&id) {
            Some(producer) if epoch < producer.epoch && !seeded::strikes(Bug::AdmitsZombies) => {
                Err(ProducerError::InvalidEpoch { id, given: epoch, current: producer.epoch })
            }
            _ => Ok(()),
        }
    }

    /// The same batch of the same producer, when it is one of its last (IDEM-2).
    pub fn duplicate(&self, header: &BatchHeader) -> Option<ProducedBatch> {
        let producer = self.producers.get(&ProducerId::from_wire(header.producer_id)?)?;
        let (first, last) = (header.base_sequence, last_sequence(header));
        let mut batches =
            producer.batches().filter(|_| header.producer_epoch == producer.epoch && !header.is_control());
        batches.find(|batch| batch.last_sequence == last && batch.first_sequence() == first).copied()
    }

    /// May this batch be appended? Changes nothing.
    pub fn check(&self, header: &BatchHeader, origin: AppendOrigin) -> Result<(), ProducerError> {
        if origin == AppendOrigin::Replication || header.is_control() {
            return Ok(());
        }
        let Some(id) = ProducerId::from_wire(header.producer_id) else { return Ok(()) };
        let Some(producer) = self.producers.get(&id) else { return Ok(()) };
        let epoch = header.producer_epoch;
        self.check_epoch(id, epoch)?;
        if origin == AppendOrigin::Client {
            check_sequence(id, producer, header)?;
        }
        Ok(())
    }

    /// What is outside of a transaction is not written while its producer has one open (IDEM-7). Asked last: whose sequence is
    /// wrong is told that.
    pub fn check_outside(&self, header: &BatchHeader) -> Result<(), ProducerError> {
        let Some(id) = ProducerId::from_wire(header.producer_id) else { return Ok(()) };
        match self.producers.get(&id).and_then(|producer| producer.transaction_start) {
            Some(since) if !header.is_transactional() => Err(ProducerError::InvalidTransactionState { id, since }),
            _ => Ok(()),
        }
    }

    /// May this marker end what its producer has open here? Under TV2 it carries the epoch after that of the records, so
    /// the same epoch is the repetition of a marker that stands here already, or comes too late (TXN-10, KIP-1228).
    pub fn check_marker(
        &self,
        header: &BatchHeader,
        marker: &EndTransactionMarker,
        version: TransactionVersion,
    ) -> Result<(), ProducerError> {
        let Some(id) = ProducerId::from_wire(header.producer_id) else { return Ok(()) };
        let Some(producer) = self.producers.get(&id) else { return Ok(()) };
        let (given, current) = (header.producer_epoch, producer.epoch);
        self.check_epoch(id, given)?;
        // The highest epoch has none after it: a transaction that was begun with it must end somehow (KAFKA-20090).
        let ends_too_late = given == current && producer.transaction_start.is_some() && given != i16::MAX;
        if version.raises_epoch() && ends_too_late {
            return Err(ProducerError::InvalidEpoch { id, given, current });
        }
        let (given, current) = (marker.coordinator_epoch, producer.coordinator_epoch);
        if given < current {
            return Err(ProducerError::CoordinatorFenced { id, given, current });
        }
        Ok(())
    }

    /// The batch was appended at its offset. For live appends, recovery and followers alike. Answers the transaction that
    /// a marker has ended; `marker` is what stands in a control batch, nothing when it was compacted away.
    pub fn update(&mut self, header: &BatchHeader, marker: Option<EndTransactionMarker>) -> Option<Completed> {
        let (id, base, last) = (ProducerId::from_wire(header.producer_id)?, header.base()?, header.last()?);
        if header.is_control() {
            let Some(marker) = marker else {
                if header.record_count == 0 {
                    self.note_epoch(id, header);
                }
                return None;
            };
            return self.end_transaction(id, header, marker, last);
        }
        let producer = self.producers.entry(id).or_insert_with(|| Producer::new(header.producer_epoch));
        producer.set_epoch(header.producer_epoch);
        // Whoever gives its batches no sequences lives all the same.
        producer.last_timestamp_ms = header.max_timestamp;
        if header.base_sequence >= 0 {
            producer.push(ProducedBatch {
                last_sequence: last_sequence(header),
                last_offset: last,
                delta: header.last_offset_delta,
                timestamp_ms: header.max_timestamp,
            });
        }
        if header.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(base);
            self.open.insert(base, id);
        }
        None
    }

    /// Compaction keeps a marker's batch without its record for the epoch in it alone (CMP-7).
    fn note_epoch(&mut self, id: ProducerId, header: &BatchHeader) {
        let producer = self.producers.entry(id).or_insert_with(|| Producer::new(header.producer_epoch));
        producer.set_epoch(header.producer_epoch);
        producer.last_timestamp_ms = producer.last_timestamp_ms.max(header.max_timestamp);
    }

    /// A marker ends what is open; its epoch may be a new one. Where nothing is open it only tells the epochs (TXN-27).
    fn end_transaction(
        &mut self,
        id: ProducerId,
        header: &BatchHeader,
        marker: EndTransactionMarker,
        last: Offset,
    ) -> Option<Completed> {
        let producer = self.producers.entry(id).or_insert_with(|| Producer::new(header.producer_epoch));
        producer.set_epoch(header.producer_epoch);
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_timestamp_ms = header.max_timestamp;
        let first = producer.transaction_start.take()?;
        self.open.remove(&first);
        let stable = self.first_undecided().unwrap_or(last.next());
        Some(Completed { result: marker.result, entry: AbortedEntry { producer: id, first, last, stable } })
    }

    /// Forgets producers that have been idle for longer than `idle_ms_max`, never one with an open transaction
    /// (IDEM-9), and the idlest beyond `producers_max` (IDEM-12). Answers how many went.
    pub fn expire(&mut self, now_ms: i64, idle_ms_max: i64, producers_max: usize) -> usize {
        let before = self.producers.len();
        self.producers.retain(|_, producer| {
            producer.transaction_start.is_some() || now_ms.saturating_sub(producer.last_timestamp_ms) < idle_ms_max
        });
        if self.producers.len() > producers_max {
            let mut idle: Vec<(i64, ProducerId)> = self
                .iter()
                .filter(|(_, producer)| producer.transaction_start.is_none())
                .map(|(id, producer)| (producer.last_timestamp_ms, id))
                .collect();
            idle.sort_unstable();
            for (_, id) in idle.into_iter().take(self.producers.len() - producers_max) {
                self.producers.remove(&id);
            }
        }
        before - self.producers.len()
    }
}

/// Sequence of a batch's last record (wraps, IDEM-3).
fn last_sequence(header: &BatchHeader) -> i32 {
    match Sequence::from_wire(header.base_sequence) {
        Some(base) => base.plus(header.last_offset_delta.max(0)).get(),
        None => -1,
    }
}

fn check_sequence(id: ProducerId, producer: &Producer, header: &BatchHeader) -> Result<(), ProducerError> {
    let given = header.base_sequence;
    let expected = if header.producer_epoch != producer.epoch {
        // A new epoch begins at 0.
        0
    } else {
        match producer.last_sequence().and_then(Sequence::from_wire) {
            Some(last) => last.next().get(),
            // Only a marker is known of this epoch.
            None => 0,
        }
    };
    if given == expected { Ok(()) } else { Err(ProducerError::OutOfOrder { id, given, expected }) }
}

/// One producer as DescribeProducers shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerView {
    pub id: ProducerId,
    pub epoch: Option<ProducerEpoch>,
    pub last_sequence: Option<i32>,
    pub last_timestamp_ms: i64,
    pub coordinator_epoch: i32,
    pub transaction_start: Option<Offset>,
}

impl ProducerView {
    pub fn of(id: ProducerId, producer: &Producer) -> ProducerView {
        ProducerView {
            id,
            epoch: ProducerEpoch::from_wire(producer.epoch),
            last_sequence: producer.last_sequence(),
            last_timestamp_ms: producer.last_timestamp_ms,
            coordinator_epoch: producer.coordinator_epoch,
            transaction_start: producer.transaction_start,
        }
    }
}

/// When the broker stamped a batch, for the answer to its producer.
pub fn append_time_ms(header: &BatchHeader) -> Option<i64> {
    (header.timestamp_type() == TimestampType::LogAppendTime).then_some(header.max_timestamp)
}

#[cfg(test)]
mod tests;
