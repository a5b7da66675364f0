//! What a partition remembers of each idempotent producer: its epoch and last five batches (IDEM-1). A deterministic
//! function of the log's batches (IDEM-11): no clock, no chance.
use crate::{
    record::{BatchHeader, TimestampType},
    types::{Offset, ProducerEpoch, ProducerId, Sequence},
};
use std::collections::{BTreeMap, BTreeSet};

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
}

/// All producers of one partition.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ProducerStates {
    producers: BTreeMap<ProducerId, Producer>,
    /// First offsets of open transactions.
    open: BTreeSet<Offset>,
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

    #[cfg(test)]
    pub fn get(&self, id: ProducerId) -> Option<&Producer> {
        self.producers.get(&id)
    }

    /// From a snapshot; replaces what was known of the producer.
    pub fn insert(&mut self, id: ProducerId, producer: Producer) {
        self.open.extend(producer.transaction_start);
        self.producers.insert(id, producer);
    }

    /// First offset of the oldest open transaction (OFF-2).
    pub fn first_unstable(&self) -> Option<Offset> {
        self.open.first().copied()
    }

    /// May this batch be appended? Changes nothing.
    pub fn check(&self, header: &BatchHeader, origin: AppendOrigin) -> Result<Verdict, ProducerError> {
        if origin == AppendOrigin::Replication || header.is_control() {
            return Ok(Verdict::Append);
        }
        let Some(id) = ProducerId::from_wire(header.producer_id) else { return Ok(Verdict::Append) };
        let Some(producer) = self.producers.get(&id) else { return Ok(Verdict::Append) };
        let epoch = header.producer_epoch;
        if origin == AppendOrigin::Client && epoch == producer.epoch {
            let last = last_sequence(header);
            let same =
                |batch: &&ProducedBatch| batch.last_sequence == last && batch.first_sequence() == header.base_sequence;
            if let Some(batch) = producer.batches().find(same) {
                return Ok(Verdict::Duplicate(*batch));
            }
        }
        if epoch < producer.epoch {
            return Err(ProducerError::InvalidEpoch { id, given: epoch, current: producer.epoch });
        }
        if origin == AppendOrigin::Client {
            check_sequence(id, producer, header)?;
        }
        match producer.transaction_start {
            Some(since) if !header.is_transactional() => Err(ProducerError::InvalidTransactionState { id, since }),
            _ => Ok(Verdict::Append),
        }
    }

    /// The batch was appended at its offset. For live appends, recovery and followers alike.
    pub fn update(&mut self, header: &BatchHeader) {
        let (Some(id), Some(base), Some(last)) =
            (ProducerId::from_wire(header.producer_id), header.base(), header.last())
        else {
            return;
        };
        let producer = self.producers.entry(id).or_insert_with(|| Producer::new(header.producer_epoch));
        if header.is_control() {
            // A transaction marker ends what is open; its epoch may be a new one.
            if let Some(start) = producer.transaction_start.take() {
                self.open.remove(&start);
            }
            producer.set_epoch(header.producer_epoch);
            producer.last_timestamp_ms = header.max_timestamp;
            return;
        }
        producer.set_epoch(header.producer_epoch);
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
            self.open.insert(base);
        }
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
