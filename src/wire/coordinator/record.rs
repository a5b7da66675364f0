//! One record of `__consumer_offsets`, key and value together.
use super::*;
use crate::wire::{
    Version,
    structure::{Reader, Unreadable, Value, Writer},
};

/// Why a record of the topic cannot be read. Replay goes on without records of unknown types, as Kafka does.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GroupRecordError {
    #[error("record type {0} is unknown to this version of Ottla")]
    UnknownType(i16),
    #[error("{name} has no version {version} in this version of Ottla")]
    UnknownVersion { name: &'static str, version: Version },
    #[error("the key of {name}: {why}")]
    Key { name: &'static str, why: Unreadable },
    #[error("the value of {name}: {why}")]
    Value { name: &'static str, why: Unreadable },
    #[error("the record has no key")]
    NoKey,
}

/// Which versions are flexible, read and written: `max` and below are read.
struct Versions {
    flexible_from: Version,
    max: Version,
}

macro_rules! group_records {
    ($($number:literal $name:ident($key:ident, $value:ident) flexible $flexible:literal max $max:literal write $write:expr;)*) => {
        /// One change of a group or an offset; a value of `None` is a tombstone: what the key names is gone.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum GroupRecord { $($name($key, Option<$value>),)* }

        impl GroupRecord {
            /// Kafka's name of the record type.
            pub fn name(&self) -> &'static str {
                match self { $(GroupRecord::$name(..) => stringify!($name),)* }
            }

            /// The group that the record is about.
            pub fn group(&self) -> &str {
                match self { $(GroupRecord::$name(key, _) => &key.group,)* }
            }

            /// Key and value as they stand in the log; no value is a tombstone.
            pub fn encode(&self) -> (Vec<u8>, Option<Vec<u8>>) {
                match self {
                    $(GroupRecord::$name(key, value) => {
                        let mut to = Writer::new(0, false);
                        let number: i16 = $number;
                        number.put(&mut to);
                        key.put(&mut to);
                        let value = value.as_ref().map(|value| {
                            let write: fn(&$value) -> Version = $write;
                            let version = write(value);
                            let mut to = Writer::new(version, version >= $flexible);
                            version.put(&mut to);
                            value.put(&mut to);
                            to.into_bytes()
                        });
                        (to.into_bytes(), value)
                    })*
                }
            }

            fn decode_type(number: i16, key: &mut Reader<'_>, value: Option<&[u8]>) -> Result<GroupRecord, GroupRecordError> {
                match number {
                    $($number => {
                        let name = stringify!($name);
                        let versions = Versions { flexible_from: $flexible, max: $max };
                        Ok(GroupRecord::$name(read_key(name, key)?, value.map(|value| read_value(name, value, versions)).transpose()?))
                    })*
                    _ => Err(GroupRecordError::UnknownType(number)),
                }
            }
        }
    };
}

// Versions written: what every reader of the topic knows, Burrow among them. An offset with a retention of its own
// needs version 1.
group_records! {
    0 LegacyOffsetCommit(OffsetCommitKey, LegacyOffsetCommitValue) flexible 1 max 0 write |_| 0;
    1 OffsetCommit(OffsetCommitKey, OffsetCommitValue) flexible 4 max 4 write offset_version;
    2 GroupMetadata(GroupKey, GroupMetadataValue) flexible 4 max 4 write |_| 3;
    3 ConsumerGroupMetadata(GroupKey, ConsumerGroupMetadataValue) flexible 0 max 0 write |_| 0;
    4 ConsumerGroupPartitionMetadata(GroupKey, ConsumerGroupPartitionMetadataValue) flexible 0 max 0 write |_| 0;
    5 ConsumerGroupMemberMetadata(GroupMemberKey, ConsumerGroupMemberMetadataValue) flexible 0 max 0 write |_| 0;
    6 ConsumerGroupTargetAssignmentMetadata(GroupKey, ConsumerGroupTargetAssignmentMetadataValue) flexible 0 max 0 write |_| 0;
    7 ConsumerGroupTargetAssignmentMember(GroupMemberKey, ConsumerGroupTargetAssignmentMemberValue) flexible 0 max 0 write |_| 0;
    8 ConsumerGroupCurrentMemberAssignment(GroupMemberKey, ConsumerGroupCurrentMemberAssignmentValue) flexible 0 max 0 write |_| 0;
    16 ConsumerGroupRegularExpression(RegularExpressionKey, RegularExpressionValue) flexible 0 max 0 write |_| 0;
}

fn offset_version(value: &OffsetCommitValue) -> Version {
    match (value.expire_timestamp, value.topic_id.is_nil()) {
        (-1, true) => 3,
        (-1, false) => 4,
        _ => 1,
    }
}

impl GroupRecord {
    /// Reads one record to its last byte; never panics, never allocates more than a small multiple of its size.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<GroupRecord, GroupRecordError> {
        let mut from = Reader::new(key.ok_or(GroupRecordError::NoKey)?, 0, false);
        let number = i16::read(&mut from).map_err(|why| GroupRecordError::Key { name: "a record", why })?;
        Self::decode_type(number, &mut from, value)
    }
}

fn read_key<T: Value>(name: &'static str, from: &mut Reader<'_>) -> Result<T, GroupRecordError> {
    let why = |why| GroupRecordError::Key { name, why };
    let key = T::read(from).map_err(why)?;
    from.finish().map_err(why)?;
    Ok(key)
}

fn read_value<T: Value>(name: &'static str, bytes: &[u8], versions: Versions) -> Result<T, GroupRecordError> {
    let why = |why| GroupRecordError::Value { name, why };
    let mut from = Reader::new(bytes, 0, false);
    let version = i16::read(&mut from).map_err(why)?;
    if !(0..=versions.max).contains(&version) {
        return Err(GroupRecordError::UnknownVersion { name, version });
    }
    (from.version, from.flexible) = (version, version >= versions.flexible_from);
    let value = T::read(&mut from).map_err(why)?;
    from.finish().map_err(why)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::structure::Blob;
    use bytes::Bytes;

    fn there_and_back(record: GroupRecord) -> (Vec<u8>, Option<Vec<u8>>) {
        let (key, value) = record.encode();
        assert_eq!(GroupRecord::decode(Some(&key), value.as_deref()), Ok(record));
        (key, value)
    }

    #[test]
    fn a_committed_offset_has_the_bytes_that_kafka_writes() {
        let key = OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 7 };
        let value = OffsetCommitValue { offset: 5, metadata: "m".into(), commit_timestamp: 9, ..Default::default() };
        let (key, value) = there_and_back(GroupRecord::OffsetCommit(key, Some(value)));
        assert_eq!(key, [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 7]);
        let wanted = [0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 255, 255, 255, 255, 0, 1, b'm', 0, 0, 0, 0, 0, 0, 0, 9];
        assert_eq!(value.unwrap(), wanted);
    }

    #[test]
    fn every_version_written_is_read_and_tombstones_too() {
        let key = || OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 7 };
        let expires = OffsetCommitValue { expire_timestamp: 3, ..Default::default() };
        there_and_back(GroupRecord::OffsetCommit(key(), Some(expires)));
        let id = OffsetCommitValue { topic_id: uuid::Uuid::from_u128(3), leader_epoch: 4, ..Default::default() };
        there_and_back(GroupRecord::OffsetCommit(key(), Some(id)));
        there_and_back(GroupRecord::OffsetCommit(key(), None));
        let member =
            GroupMember { member_id: "a".into(), assignment: Blob(Bytes::from_static(b"x")), ..Default::default() };
        let group =
            GroupMetadataValue { protocol_type: "consumer".into(), members: vec![member], ..Default::default() };
        there_and_back(GroupRecord::GroupMetadata(GroupKey { group: "g".into() }, Some(group)));
        let classic =
            ClassicMemberMetadata { session_timeout_ms: 5, supported_protocols: vec![ClassicProtocol::default()] };
        let member = ConsumerGroupMemberMetadataValue { classic_member_metadata: Some(classic), ..Default::default() };
        let key = GroupMemberKey { group: "g".into(), member_id: "m".into() };
        there_and_back(GroupRecord::ConsumerGroupMemberMetadata(key.clone(), Some(member)));
        let owned = CurrentPartitions { partitions: vec![1], assignment_epochs: Some(vec![2]), ..Default::default() };
        let current =
            ConsumerGroupCurrentMemberAssignmentValue { assigned_partitions: vec![owned], ..Default::default() };
        there_and_back(GroupRecord::ConsumerGroupCurrentMemberAssignment(key, Some(current)));
    }

    #[test]
    fn foreign_bytes_are_refused_with_a_reason() {
        assert_eq!(GroupRecord::decode(None, None), Err(GroupRecordError::NoKey));
        assert_eq!(GroupRecord::decode(Some(&[0, 99]), None), Err(GroupRecordError::UnknownType(99)));
        let key = [0, 2, 0, 1, b'g'];
        assert!(matches!(GroupRecord::decode(Some(&key), Some(&[0, 9])), Err(GroupRecordError::UnknownVersion { .. })));
        assert!(matches!(
            GroupRecord::decode(Some(&key), Some(&[0, 3, 127, 255])),
            Err(GroupRecordError::Value { .. })
        ));
        assert!(matches!(GroupRecord::decode(Some(&key[..4]), None), Err(GroupRecordError::Key { .. })));
    }
}
