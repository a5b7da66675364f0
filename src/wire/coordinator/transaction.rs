//! What stands in `__transaction_state`, after Kafka's schemas
//! (`transaction-coordinator/src/main/resources/common/message/*.json`).
use crate::wire::{
    Version,
    structure::{Reader, Unreadable, Value, Writer, structures},
};

structures! {
    /// Whose transactions.
    pub struct TransactionLogKey {
        transactional_id: String,
    } tagged {}

    /// All there is to know of a transactional id. Versions 0 and 1; 1 is flexible.
    pub struct TransactionLogValue {
        producer_id: i64,
        producer_epoch: i16,
        transaction_timeout_ms: i32,
        /// Kafka's numbers of the states.
        transaction_status: i8,
        /// Null while nothing is open.
        transaction_partitions: Option<Vec<TransactionPartitions>>,
        transaction_last_update_timestamp_ms: i64,
        /// -1: no transaction was begun.
        transaction_start_timestamp_ms: i64,
    } tagged {
        0 => previous_producer_id: i64 [1] = -1,
        1 => next_producer_id: i64 [1] = -1,
        2 => client_transaction_version: i16 [1] = 0,
        3 => next_producer_epoch: i16 [1] = -1,
    }

    /// Partitions of one topic.
    pub struct TransactionPartitions {
        topic: String,
        partition_ids: Vec<i32>,
    } tagged {}
}

const VALUE_VERSION_MAX: Version = 1;

/// One record of the topic; a value of `None` is a tombstone: the id is forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransactionRecord {
    pub id: String,
    pub value: Option<TransactionLogValue>,
}

/// Why a record of the topic cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransactionRecordError {
    #[error("the record has no key")]
    NoKey,
    #[error("keys of version {0} are unknown to this version of Ottla")]
    KeyVersion(Version),
    #[error("values of version {0} are unknown to this version of Ottla")]
    ValueVersion(Version),
    #[error("the key: {0}")]
    Key(Unreadable),
    #[error("the value of {id}: {why}")]
    Value { id: String, why: Unreadable },
}

impl TransactionRecord {
    /// Key and value as they stand in the log; version 0 of the value has no fields of KIP-890.
    pub fn encode(&self, version: Version) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut key = Writer::new(0, false);
        0i16.put(&mut key);
        self.id.put(&mut key);
        let value = self.value.as_ref().map(|value| {
            let mut to = Writer::new(version, version >= 1);
            version.put(&mut to);
            value.put(&mut to);
            to.into_bytes()
        });
        (key.into_bytes(), value)
    }

    /// Reads one record to its last byte; never panics.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<TransactionRecord, TransactionRecordError> {
        let mut from = Reader::new(key.ok_or(TransactionRecordError::NoKey)?, 0, false);
        let version = i16::read(&mut from).map_err(TransactionRecordError::Key)?;
        if version != 0 {
            return Err(TransactionRecordError::KeyVersion(version));
        }
        let id = String::read(&mut from).map_err(TransactionRecordError::Key)?;
        from.finish().map_err(TransactionRecordError::Key)?;
        let value = value.map(|value| decode_value(&id, value)).transpose()?;
        Ok(TransactionRecord { id, value })
    }
}

fn decode_value(id: &str, bytes: &[u8]) -> Result<TransactionLogValue, TransactionRecordError> {
    let bad = |why| TransactionRecordError::Value { id: id.to_owned(), why };
    let mut from = Reader::new(bytes, 0, false);
    let version = i16::read(&mut from).map_err(bad)?;
    if !(0..=VALUE_VERSION_MAX).contains(&version) {
        return Err(TransactionRecordError::ValueVersion(version));
    }
    (from.version, from.flexible) = (version, version >= 1);
    let value = TransactionLogValue::read(&mut from).map_err(bad)?;
    from.finish().map_err(bad)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TransactionRecord {
        let partitions = TransactionPartitions { topic: "t".into(), partition_ids: vec![3] };
        let value = TransactionLogValue {
            producer_id: 7,
            producer_epoch: 2,
            transaction_timeout_ms: 60_000,
            transaction_status: 1,
            transaction_partitions: Some(vec![partitions]),
            transaction_last_update_timestamp_ms: 11,
            transaction_start_timestamp_ms: 10,
            previous_producer_id: 6,
            client_transaction_version: 2,
            ..TransactionLogValue::default()
        };
        TransactionRecord { id: "x".into(), value: Some(value) }
    }

    #[test]
    fn records_have_the_bytes_that_kafka_writes() {
        let (key, value) = record().encode(1);
        assert_eq!(key, [0, 0, 0, 1, b'x']);
        let mut expected = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 2, 0, 0, 0xEA, 0x60, 1];
        expected.extend_from_slice(&[2, 2, b't', 2, 0, 0, 0, 3, 0]);
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 10]);
        expected.extend_from_slice(&[2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 6, 2, 2, 0, 2]);
        assert_eq!(value.unwrap(), expected);
        assert_eq!(TransactionRecord::decode(Some(&key), Some(&expected)), Ok(record()));
    }

    #[test]
    fn version_0_lacks_what_kip_890_added_and_tombstones_have_no_value() {
        let (key, value) = record().encode(0);
        let read = TransactionRecord::decode(Some(&key), value.as_deref()).unwrap().value.unwrap();
        assert_eq!((read.producer_id, read.previous_producer_id, read.client_transaction_version), (7, -1, 0));
        let empty = TransactionRecord { value: None, ..record() };
        assert_eq!(empty.encode(1).1, None);
        assert_eq!(TransactionRecord::decode(Some(&key), None), Ok(empty));
    }

    #[test]
    fn foreign_bytes_are_refused_with_a_reason() {
        let (key, value) = record().encode(1);
        let value = value.unwrap();
        assert_eq!(TransactionRecord::decode(None, None), Err(TransactionRecordError::NoKey));
        assert_eq!(TransactionRecord::decode(Some(&[0, 1]), None), Err(TransactionRecordError::KeyVersion(1)));
        assert_eq!(TransactionRecord::decode(Some(&key), Some(&[0, 2])), Err(TransactionRecordError::ValueVersion(2)));
        for cut in 2..value.len() {
            assert!(TransactionRecord::decode(Some(&key), Some(&value[..cut])).is_err(), "cut at {cut}");
        }
    }
}
