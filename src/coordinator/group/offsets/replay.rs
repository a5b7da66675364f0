//! What records of offsets do to hard state; the only writer of it (GRP-17).
use super::{Committed, Numbered};
use crate::{
    coordinator::group::{Group, GroupId, Groups},
    types::{Offset, ProducerId},
    wire::coordinator::{CommittedInPlace, GroupRecord, OffsetCommitKey, OffsetCommitValue},
};
use std::collections::{BTreeMap, BTreeSet};

/// What the offsets of all groups of a shard share.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shared {
    pub names: super::names::TopicNames,
    /// In which groups an open transaction has something pending.
    pub open: BTreeMap<ProducerId, BTreeSet<GroupId>>,
}

/// Replays a record about offsets that was appended at `at`; true when it was one.
pub fn replay(groups: &mut Groups, at: Offset, record: &GroupRecord) -> bool {
    match record {
        GroupRecord::OffsetCommit(key, Some(value)) => put(groups, None, key, Committed::of_record(at, value)),
        GroupRecord::OffsetCommit(key, None) | GroupRecord::LegacyOffsetCommit(key, None) => remove(groups, key),
        GroupRecord::LegacyOffsetCommit(key, Some(value)) => {
            let value = OffsetCommitValue {
                offset: value.offset,
                metadata: value.metadata.clone(),
                commit_timestamp: value.commit_timestamp,
                ..Default::default()
            };
            put(groups, None, key, Committed::of_record(at, &value));
        }
        GroupRecord::PendingOffsetCommit(producer, key, value) => {
            put(groups, Some(producer.id), key, Committed::of_record(at, value));
        }
        GroupRecord::EndTransaction(producer, marker) => replay_end(groups, producer.id, marker.commit),
        _ => return false,
    }
    true
}

/// The same for a record that was read out of a transactional batch.
pub fn replay_in_transaction(groups: &mut Groups, at: Offset, producer: ProducerId, record: &GroupRecord) {
    match record {
        GroupRecord::OffsetCommit(key, Some(value)) => {
            put(groups, Some(producer), key, Committed::of_record(at, value));
        }
        // Tombstones count at once, whoever wrote them.
        other => _ = replay(groups, at, other),
    }
}

/// As [`replay`], of a committed offset that nobody made a record of; answers where others of its group and topic go.
pub fn replay_in_place<'a>(groups: &'a mut Groups, at: Offset, read: &CommittedInPlace<'_>) -> &'a mut Numbered {
    let offsets = &mut group_of(&mut groups.by_id, read.group).offsets;
    let topic = offsets.topic_of(read.topic, &mut groups.offsets.names);
    topic.replay_in_place(at, read);
    topic
}

fn put(groups: &mut Groups, pending_of: Option<ProducerId>, key: &OffsetCommitKey, committed: Committed<'_>) {
    let Some(producer) = pending_of else {
        return put_committed(groups, (&key.group, &key.topic, key.partition), committed);
    };
    let topic = groups.offsets.names.intern(&key.topic);
    group_of(&mut groups.by_id, &key.group).offsets.put_pending(topic, key.partition, producer, committed);
    let open = groups.offsets.open.entry(producer).or_default();
    if !open.contains(key.group.as_str()) {
        open.insert(key.group.as_str().into());
    }
}

fn put_committed(groups: &mut Groups, (id, topic, partition): (&str, &str, i32), committed: Committed<'_>) {
    let offsets = &mut group_of(&mut groups.by_id, id).offsets;
    offsets.topic_of(topic, &mut groups.offsets.names).insert(partition, committed);
}

fn group_of<'a>(by_id: &'a mut BTreeMap<GroupId, Group>, id: &str) -> &'a mut Group {
    if !by_id.contains_key(id) {
        by_id.insert(id.into(), Group::default());
    }
    by_id.get_mut(id).expect("it was put there")
}

fn remove(groups: &mut Groups, key: &OffsetCommitKey) {
    let Some(group) = groups.by_id.get_mut(key.group.as_str()) else { return };
    let producers = group.offsets.producers_of(&key.topic, key.partition);
    group.offsets.remove(&key.topic, key.partition);
    for producer in producers {
        if !group.offsets.is_pending_of(producer) {
            close(&mut groups.offsets.open, producer, &key.group);
        }
    }
    groups.offsets.names.release(&key.topic);
}

fn close(open: &mut BTreeMap<ProducerId, BTreeSet<GroupId>>, producer: ProducerId, group: &str) {
    if let Some(groups) = open.get_mut(&producer) {
        groups.remove(group);
        if groups.is_empty() {
            open.remove(&producer);
        }
    }
}

/// A marker makes what the transaction had pending real, or drops it (TXN-22). What was committed since, in the
/// journal behind the pending one, stays.
pub fn replay_end(groups: &mut Groups, producer: ProducerId, commit: bool) {
    for id in groups.offsets.open.remove(&producer).unwrap_or_default() {
        let Some(group) = groups.by_id.get_mut(&id) else { continue };
        for (topic, partition, pending) in group.offsets.take_pending(producer) {
            let committed = pending.told();
            let newer = group.offsets.get(&topic, partition).is_some_and(|present| present.at > committed.at);
            if commit && !newer {
                group.offsets.put(topic, partition, committed);
            } else {
                let name = topic.to_string();
                drop(topic);
                groups.offsets.names.release(&name);
            }
        }
    }
}
