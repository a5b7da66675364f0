//! A committed offset read where it lies: a start reads a million of them, and most are of the group before.
use crate::wire::structure::{Reader, Value};
use uuid::Uuid;

/// Number of the record type.
const OFFSET_COMMIT: i16 = 1;
const VERSION_MAX: i16 = 4;
const FLEXIBLE_FROM: i16 = 4;
const TOPIC_ID_TAG: u32 = 0;

/// What an [`OffsetCommit`](super::GroupRecord::OffsetCommit) with a value says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommittedInPlace<'a> {
    pub group: &'a str,
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: &'a str,
    pub commit_timestamp: i64,
    pub expire_timestamp: i64,
    pub topic_id: Uuid,
}

impl<'a> CommittedInPlace<'a> {
    /// `None` for anything else and for what is damaged: [`GroupRecord::decode`](super::GroupRecord::decode) tells.
    pub fn read(key: &'a [u8], value: &'a [u8]) -> Option<CommittedInPlace<'a>> {
        let mut from = Reader::new(key, 0, false);
        if i16::read(&mut from).ok()? != OFFSET_COMMIT {
            return None;
        }
        let (group, topic) = (from.string().ok()??, from.string().ok()??);
        let partition = i32::read(&mut from).ok()?;
        from.finish().ok()?;
        CommittedInPlace::of_value(group, topic, partition, value)
    }

    /// Another of the same group and topic, of which the last four bytes of the key tell the partition.
    pub fn next(&self, key: &[u8], value: &'a [u8]) -> Option<CommittedInPlace<'a>> {
        let partition = i32::from_be_bytes(*key.last_chunk()?);
        CommittedInPlace::of_value(self.group, self.topic, partition, value)
    }

    fn of_value(group: &'a str, topic: &'a str, partition: i32, value: &'a [u8]) -> Option<CommittedInPlace<'a>> {
        let mut from = Reader::new(value, 0, false);
        let version = i16::read(&mut from).ok()?;
        if !(0..=VERSION_MAX).contains(&version) {
            return None;
        }
        (from.version, from.flexible) = (version, version >= FLEXIBLE_FROM);
        let offset = i64::read(&mut from).ok()?;
        let leader_epoch = if version >= 3 { i32::read(&mut from).ok()? } else { -1 };
        let metadata = from.string().ok()??;
        let commit_timestamp = i64::read(&mut from).ok()?;
        let expire_timestamp = if version == 1 { i64::read(&mut from).ok()? } else { -1 };
        let mut topic_id = Uuid::nil();
        if from.flexible {
            let tags = from.tagged_fields(|tag, inside| {
                if tag == TOPIC_ID_TAG {
                    topic_id = Uuid::read(inside)?;
                }
                Ok(tag == TOPIC_ID_TAG)
            });
            tags.ok()?;
        }
        from.finish().ok()?;
        Some(CommittedInPlace {
            group,
            topic,
            partition,
            offset,
            leader_epoch,
            metadata,
            commit_timestamp,
            expire_timestamp,
            topic_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        platform::{Chance, SeededChance},
        wire::coordinator::{GroupRecord, OffsetCommitKey, OffsetCommitValue},
    };

    fn records() -> Vec<(Vec<u8>, Vec<u8>)> {
        let key = || OffsetCommitKey { group: "group-ü".into(), topic: "topic".into(), partition: 7 };
        let plain = OffsetCommitValue {
            offset: 5,
            leader_epoch: 2,
            metadata: "m".into(),
            commit_timestamp: 9,
            ..Default::default()
        };
        let values = [
            plain.clone(),
            OffsetCommitValue { topic_id: Uuid::from_u128(3), ..plain.clone() },
            OffsetCommitValue { expire_timestamp: 77, leader_epoch: -1, ..plain },
        ];
        let encode = |value| GroupRecord::OffsetCommit(key(), Some(value)).encode();
        values.into_iter().map(encode).map(|(key, value)| (key, value.unwrap())).collect()
    }

    /// As the ordinary way has it.
    fn decoded(key: &[u8], value: &[u8]) -> Option<(OffsetCommitKey, OffsetCommitValue)> {
        match GroupRecord::decode(Some(key), Some(value)) {
            Ok(GroupRecord::OffsetCommit(key, value)) => Some((key, value?)),
            _ => None,
        }
    }

    fn owned(read: CommittedInPlace<'_>) -> (OffsetCommitKey, OffsetCommitValue) {
        let key = OffsetCommitKey { group: read.group.into(), topic: read.topic.into(), partition: read.partition };
        let value = OffsetCommitValue {
            offset: read.offset,
            leader_epoch: read.leader_epoch,
            metadata: read.metadata.into(),
            commit_timestamp: read.commit_timestamp,
            expire_timestamp: read.expire_timestamp,
            topic_id: read.topic_id,
        };
        (key, value)
    }

    #[test]
    fn grp_19_it_says_what_the_ordinary_way_says_of_every_version_and_of_damage() {
        let chance = SeededChance::new(1);
        for (key, value) in records() {
            assert!(decoded(&key, &value).is_some());
            for _ in 0..5_000 {
                let (mut key, mut value) = (key.clone(), value.clone());
                for bytes in [&mut key, &mut value] {
                    let at = chance.u64() as usize % bytes.len();
                    match chance.u64() % 8 {
                        0 => bytes.truncate(at),
                        1 => bytes[at] = chance.u64() as u8,
                        2 => bytes.push(0),
                        // Another version.
                        3 => bytes[1] = (chance.u64() % 7) as u8,
                        _ => {}
                    }
                }
                assert_eq!(CommittedInPlace::read(&key, &value).map(owned), decoded(&key, &value));
            }
        }
        let tombstone = GroupRecord::OffsetCommit(OffsetCommitKey::default(), None).encode();
        assert_eq!(CommittedInPlace::read(&tombstone.0, &[]), None);
    }
}
