//! Every record of a metadata log that Apache Kafka 4.3.1 wrote is read and written back to the same bytes.
use super::*;
use uuid::Uuid;

/// A single node of Apache Kafka 4.3.1: format, start, topics created, extended, configured, deleted, shutdown.
const KAFKA_LOG: &[u8] = include_bytes!("testdata/cluster_metadata.log");

/// The values of all records that are not control records, read by hand from the batches.
fn values(mut log: &[u8]) -> Vec<&[u8]> {
    let varint = |bytes: &mut &[u8]| {
        let (mut raw, mut shift) = (0u64, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            raw |= u64::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return (raw >> 1) as i64 ^ -((raw & 1) as i64);
            }
        }
    };
    let mut values = Vec::new();
    while log.len() > 61 {
        let size = 12 + i32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
        let (batch, rest) = log.split_at(size);
        log = rest;
        if batch[22] & 0x20 != 0 {
            continue;
        }
        let mut records = &batch[61..];
        while !records.is_empty() {
            let length = varint(&mut records) as usize;
            let (mut record, rest) = records.split_at(length);
            records = rest;
            record = &record[1..];
            for _ in 0..2 {
                varint(&mut record);
            }
            assert_eq!(varint(&mut record), -1, "metadata records have no key");
            let length = varint(&mut record) as usize;
            values.push(&record[..length]);
        }
    }
    values
}

#[test]
fn bytes_of_apache_kafka_are_read_and_written_alike() {
    let values = values(KAFKA_LOG);
    let mut seen = std::collections::BTreeMap::new();
    for value in &values {
        let (record, version) = MetadataRecord::decode_versioned(value).unwrap();
        assert_eq!(&record.encode_at(version), value, "{record:?}");
        *seen.entry(record.name()).or_insert(0) += 1;
    }
    assert_eq!(values.len(), 102);
    for name in [
        "RegisterBrokerRecord",
        "RegisterControllerRecord",
        "TopicRecord",
        "PartitionRecord",
        "PartitionChangeRecord",
        "ConfigRecord",
        "RemoveTopicRecord",
        "FeatureLevelRecord",
        "BrokerRegistrationChangeRecord",
        "BeginTransactionRecord",
        "EndTransactionRecord",
        "NoOpRecord",
    ] {
        assert!(seen.contains_key(name), "{name} is not in the golden log: {seen:?}");
    }
}

#[test]
fn a_partition_record_has_the_bytes_of_version_2() {
    let topic_id = Uuid::from_u128(7);
    let record = MetadataRecord::from(PartitionRecord {
        partition_id: 1,
        topic_id,
        replicas: vec![1],
        isr: vec![1],
        leader: 1,
        directories: vec![Uuid::from_u128(9)],
        eligible_leader_replicas: Some(vec![2]),
        ..PartitionRecord::default()
    });
    let mut expected = vec![1, 3, 2, 0, 0, 0, 1];
    expected.extend_from_slice(topic_id.as_bytes());
    expected.extend_from_slice(&[2, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1]);
    expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 2]);
    expected.extend_from_slice(Uuid::from_u128(9).as_bytes());
    expected.extend_from_slice(&[1, 1, 5, 2, 0, 0, 0, 2]);
    assert_eq!(record.encode(), expected);
    assert_eq!(MetadataRecord::decode(&expected), Ok(record));
}

#[test]
fn foreign_records_are_refused_by_name() {
    assert_eq!(MetadataRecord::decode(&[2, 20, 0, 0]), Err(MetadataRecordError::FrameVersion(2)));
    assert_eq!(MetadataRecord::decode(&[1, 99, 0, 0]), Err(MetadataRecordError::UnknownType(99)));
    assert_eq!(
        MetadataRecord::decode(&[1, 2, 1, 0]),
        Err(MetadataRecordError::UnknownVersion { name: "TopicRecord", version: 1 })
    );
    assert_eq!(
        MetadataRecord::decode(&[1, 20, 0, 0, 0]),
        Err(MetadataRecordError::Content { name: "NoOpRecord", why: Unreadable::LeftOver(1) })
    );
}

#[test]
fn net_2_every_cut_and_every_flipped_byte_is_survived() {
    for value in values(KAFKA_LOG) {
        for cut in 0..value.len() {
            assert!(MetadataRecord::decode(&value[..cut]).is_err());
        }
        let mut bytes = value.to_vec();
        for at in 0..bytes.len() {
            for flip in [0xFF, 0x80, 0x01] {
                bytes[at] ^= flip;
                let _ = MetadataRecord::decode(&bytes);
                bytes[at] ^= flip;
            }
        }
    }
}
