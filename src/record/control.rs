//! Control records: what the broker writes between the records of others, in Kafka's format.
//!
//! ```text
//! key                version i16 = 0 | type i16
//! abort, commit      version i16 = 0 | coordinator epoch i32                        (EndTxnMarker)
//! leader change      version i16 = 0 | leader i32 | voters | granting voters | tags (LeaderChangeMessage)
//!                    voters: count + 1 as unsigned varint | (voter i32 | tags)*; tags: count as unsigned varint
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
use super::{BatchBuilder, BatchHeader, CheckedBatch, RecordView, records};
use crate::{
    types::{ProducerEpoch, ProducerId},
    wire::put_unsigned_varint,
};
use bytes::{Buf, BufMut, TryGetError};

const ABORT: i16 = 0;
const COMMIT: i16 = 1;
const LEADER_CHANGE: i16 = 2;
/// More voters than any quorum has: a claimed count allocates nothing before its bytes are there.
const VOTERS_MAX: u32 = 1_000;
/// A marker's record has a few dozen bytes.
const MARKER_BYTES_MAX: usize = 4 << 10;

/// How a transaction ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TransactionResult {
    Abort,
    Commit,
}

/// The marker that ends a producer's transaction in one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndTransactionMarker {
    pub result: TransactionResult,
    /// Of the transaction coordinator that decided; older coordinators are refused by it.
    pub coordinator_epoch: i32,
}

/// First record of a leader's term in the metadata log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaderChange {
    pub leader: i32,
    pub voters: Vec<i32>,
    pub granting_voters: Vec<i32>,
}

/// The content of one control record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControlRecord {
    EndTransaction(EndTransactionMarker),
    LeaderChange(LeaderChange),
    /// Snapshot header and footer, KRaft version, KRaft voters, and what later versions add: to be passed over.
    Other {
        kind: i16,
    },
}

/// Why a record of a control batch is no control record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ControlError {
    #[error("the control record has no {0}")]
    Missing(&'static str),
    #[error("the control record's {0} ends early")]
    Short(&'static str),
    #[error("the control record's {part} has version {version}")]
    Version { part: &'static str, version: i16 },
    #[error("the leader change names too many voters")]
    Voters,
}

impl EndTransactionMarker {
    /// What stands in one whole batch, when that is a transaction marker. `None` also when compaction has emptied it.
    pub fn of(header: &BatchHeader, batch: &[u8]) -> Option<EndTransactionMarker> {
        if !header.is_control() || header.producer_id < 0 {
            return None;
        }
        let set = records(header, batch, MARKER_BYTES_MAX).ok()?;
        match control(&set.iter().next()?.ok()?).ok()? {
            ControlRecord::EndTransaction(marker) => Some(marker),
            ControlRecord::LeaderChange(_) | ControlRecord::Other { .. } => None,
        }
    }

    /// The marker as a batch of its own, to be appended with the producer's current epoch (KIP-98).
    pub fn batch(&self, producer: ProducerId, epoch: ProducerEpoch, now_ms: i64) -> CheckedBatch {
        let kind = match self.result {
            TransactionResult::Abort => ABORT,
            TransactionResult::Commit => COMMIT,
        };
        let mut value = Vec::with_capacity(6);
        value.put_i16(0);
        value.put_i32(self.coordinator_epoch);
        BatchBuilder::new(now_ms)
            .attributes(BatchHeader::CONTROL | BatchHeader::TRANSACTIONAL)
            .producer(producer.get(), epoch.get(), -1)
            .record(Some(&key(kind)), Some(&value))
            .build()
    }
}

impl LeaderChange {
    /// The record as a batch of its own (KIP-595).
    pub fn batch(&self, now_ms: i64) -> CheckedBatch {
        let mut value = Vec::new();
        value.put_i16(0);
        value.put_i32(self.leader);
        put_voters(&mut value, &self.voters);
        put_voters(&mut value, &self.granting_voters);
        value.put_u8(0);
        BatchBuilder::new(now_ms)
            .attributes(BatchHeader::CONTROL)
            .record(Some(&key(LEADER_CHANGE)), Some(&value))
            .build()
    }
}

fn key(kind: i16) -> [u8; 4] {
    let [high, low] = kind.to_be_bytes();
    [0, 0, high, low]
}

fn put_voters(into: &mut Vec<u8>, voters: &[i32]) {
    put_unsigned_varint(into, voters.len() as u32 + 1);
    for voter in voters {
        into.put_i32(*voter);
        into.put_u8(0);
    }
}

/// Reads one record of a control batch. Newer versions than ours are read as ours, as Kafka does; they only add fields.
pub fn control(record: &RecordView<'_>) -> Result<ControlRecord, ControlError> {
    let mut key = record.key.ok_or(ControlError::Missing("key"))?;
    version(&mut key, "key")?;
    let kind = key.try_get_i16().map_err(|_| ControlError::Short("key"))?;
    let value = || record.value.ok_or(ControlError::Missing("value"));
    match kind {
        ABORT => end_transaction(TransactionResult::Abort, value()?),
        COMMIT => end_transaction(TransactionResult::Commit, value()?),
        LEADER_CHANGE => leader_change(value()?),
        kind => Ok(ControlRecord::Other { kind }),
    }
}

fn version(bytes: &mut &[u8], part: &'static str) -> Result<i16, ControlError> {
    let version = bytes.try_get_i16().map_err(|_| ControlError::Short(part))?;
    if version < 0 {
        return Err(ControlError::Version { part, version });
    }
    Ok(version)
}

fn end_transaction(result: TransactionResult, mut value: &[u8]) -> Result<ControlRecord, ControlError> {
    version(&mut value, "value")?;
    let coordinator_epoch = value.try_get_i32().map_err(|_| ControlError::Short("value"))?;
    Ok(ControlRecord::EndTransaction(EndTransactionMarker { result, coordinator_epoch }))
}

fn leader_change(mut value: &[u8]) -> Result<ControlRecord, ControlError> {
    let short = |_: TryGetError| ControlError::Short("value");
    version(&mut value, "value")?;
    let leader = value.try_get_i32().map_err(short)?;
    let voters = voters(&mut value)?;
    let granting_voters = self::voters(&mut value)?;
    Ok(ControlRecord::LeaderChange(LeaderChange { leader, voters, granting_voters }))
}

fn voters(value: &mut &[u8]) -> Result<Vec<i32>, ControlError> {
    let short = |_: TryGetError| ControlError::Short("value");
    // A null array reads as an empty one.
    let count = unsigned(value)?.saturating_sub(1);
    if count > VOTERS_MAX {
        return Err(ControlError::Voters);
    }
    let mut voters = Vec::new();
    for _ in 0..count {
        voters.push(value.try_get_i32().map_err(short)?);
        for _ in 0..unsigned(value)? {
            unsigned(value)?;
            let bytes = unsigned(value)? as usize;
            *value = value.get(bytes..).ok_or(ControlError::Short("value"))?;
        }
    }
    Ok(voters)
}

fn unsigned(value: &mut &[u8]) -> Result<u32, ControlError> {
    let mut read = 0u32;
    for index in 0..5 {
        let byte = value.try_get_u8().map_err(|_| ControlError::Short("value"))?;
        read |= u32::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            return Ok(read);
        }
    }
    Err(ControlError::Short("value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(batch: &CheckedBatch) -> ControlRecord {
        assert!(batch.header().is_control());
        let set = records(batch.header(), batch.bytes(), 0).unwrap();
        control(&set.iter().next().unwrap().unwrap()).unwrap()
    }

    #[test]
    fn markers_are_written_as_kafka_writes_them_and_read_back() {
        for (result, kind) in [(TransactionResult::Abort, 0), (TransactionResult::Commit, 1)] {
            let marker = EndTransactionMarker { result, coordinator_epoch: 0x0102 };
            let batch = marker.batch(ProducerId::from_wire(7).unwrap(), ProducerEpoch::from_wire(2).unwrap(), 5);
            let header = batch.header();
            assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 2, -1));
            assert!(header.is_transactional());
            let record = [32, 0, 0, 0, 8, 0, 0, 0, kind, 12, 0, 0, 0, 0, 1, 2, 0];
            assert_eq!(batch.bytes()[61..], record);
            assert_eq!(read(&batch), ControlRecord::EndTransaction(marker));
            assert_eq!(EndTransactionMarker::of(header, batch.bytes()), Some(marker));
            let emptied = BatchHeader { record_count: 0, length: 49, ..*header };
            assert_eq!(EndTransactionMarker::of(&emptied, &batch.bytes()[..61]), None);
        }
    }

    #[test]
    fn leader_changes_are_read_back() {
        let change = LeaderChange { leader: 3, voters: vec![1, 2, 3], granting_voters: vec![2, 3] };
        assert_eq!(read(&change.batch(9)), ControlRecord::LeaderChange(change));
    }

    #[test]
    fn foreign_control_records_are_passed_over_or_refused() {
        let record = |key: Option<&[u8]>, value: Option<&[u8]>| {
            let batch = BatchBuilder::new(0).attributes(BatchHeader::CONTROL).record(key, value).build();
            let set = records(batch.header(), batch.bytes(), 0).unwrap();
            control(&set.iter().next().unwrap().unwrap())
        };
        assert_eq!(record(Some(&[0, 0, 0, 6]), None), Ok(ControlRecord::Other { kind: 6 }));
        assert_eq!(record(None, None), Err(ControlError::Missing("key")));
        assert_eq!(record(Some(&[0, 0, 1]), None), Err(ControlError::Short("key")));
        assert_eq!(record(Some(&[0xFF; 4]), None), Err(ControlError::Version { part: "key", version: -1 }));
        assert_eq!(record(Some(&[0; 4]), None), Err(ControlError::Missing("value")));
        assert_eq!(record(Some(&[0; 4]), Some(&[0; 5])), Err(ControlError::Short("value")));
        let many = [0, 0, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        assert_eq!(record(Some(&[0, 0, 0, 2]), Some(&many)), Err(ControlError::Voters));
        let endless = [0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        assert_eq!(record(Some(&[0, 0, 0, 2]), Some(&endless)), Err(ControlError::Short("value")));
    }
}
