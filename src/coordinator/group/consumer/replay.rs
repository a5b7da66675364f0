//! Records into a consumer group. Nothing here refuses a record: compaction may have taken some away (GRP-19).
use super::{
    group::{Group, Partitions},
    member::{Current, Held, MemberState, Metadata},
    subscription::Pattern,
};
use crate::{
    coordinator::group::{Groups, Members},
    types::TopicId,
    wire::coordinator::{
        ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue, CurrentPartitions, GroupRecord,
        TargetPartitions,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// Applies a record of this protocol to its group; what removes something makes no group.
pub fn replay(groups: &mut Groups, record: &GroupRecord) {
    let Some(id) = record.group().filter(|_| Group::takes(record)) else { return };
    let is_known = groups.by_id.get(id).is_some_and(|group| matches!(group.members, Members::Consumer(_)));
    if !is_known && Group::is_tombstone(record) {
        return;
    }
    let entry = groups.by_id.entry(id.into()).or_default();
    if !is_known {
        entry.members = Members::Consumer(Group::default());
    }
    if let Members::Consumer(group) = &mut entry.members
        && group.apply(record.clone()) == Applied::Removed
    {
        entry.members = Members::None;
        groups.forget_if_gone(id);
    }
}

/// What becomes of the group when `record` was applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Applied {
    Kept,
    /// The group itself is gone.
    Removed,
}

impl Group {
    /// Whether the record is one of a consumer group.
    fn takes(record: &GroupRecord) -> bool {
        use GroupRecord::*;
        matches!(
            record,
            ConsumerGroupMetadata(..)
                | ConsumerGroupPartitionMetadata(..)
                | ConsumerGroupMemberMetadata(..)
                | ConsumerGroupTargetAssignmentMetadata(..)
                | ConsumerGroupTargetAssignmentMember(..)
                | ConsumerGroupCurrentMemberAssignment(..)
                | ConsumerGroupRegularExpression(..)
        )
    }

    /// Whether the record removes something: such a record makes no group.
    fn is_tombstone(record: &GroupRecord) -> bool {
        use GroupRecord::*;
        matches!(
            record,
            ConsumerGroupMetadata(_, None)
                | ConsumerGroupPartitionMetadata(_, None)
                | ConsumerGroupMemberMetadata(_, None)
                | ConsumerGroupTargetAssignmentMetadata(_, None)
                | ConsumerGroupTargetAssignmentMember(_, None)
                | ConsumerGroupCurrentMemberAssignment(_, None)
                | ConsumerGroupRegularExpression(_, None)
        )
    }

    /// The only way in which a consumer group changes (GRP-17).
    pub(super) fn apply(&mut self, record: GroupRecord) -> Applied {
        use GroupRecord::*;
        match record {
            ConsumerGroupMetadata(_, Some(value)) => {
                (self.epoch, self.metadata_hash) = (value.epoch, value.metadata_hash);
            }
            ConsumerGroupMetadata(_, None) => return Applied::Removed,
            ConsumerGroupPartitionMetadata(_, value) => self.has_partition_metadata = value.is_some(),
            ConsumerGroupMemberMetadata(key, Some(value)) => self.put_metadata(key.member_id.into(), value.into()),
            ConsumerGroupMemberMetadata(key, None) => self.remove_member(&key.member_id),
            ConsumerGroupTargetAssignmentMetadata(_, value) => {
                (self.assignment_epoch, self.assigned_at_ms) =
                    value.map_or((-1, 0), |value| (value.assignment_epoch, value.assignment_timestamp));
            }
            ConsumerGroupTargetAssignmentMember(key, Some(value)) => {
                self.target.insert(key.member_id.into(), Arc::new(partitions(value.topic_partitions)));
            }
            ConsumerGroupTargetAssignmentMember(key, None) => {
                self.target.remove(&*key.member_id);
            }
            ConsumerGroupCurrentMemberAssignment(key, Some(value)) => {
                self.put_current(key.member_id.into(), value.into());
            }
            // The tombstone of its metadata follows.
            ConsumerGroupCurrentMemberAssignment(key, None) if self.members.contains_key(&*key.member_id) => {
                let gone = Current { epoch: -1, previous_epoch: -1, ..Current::default() };
                self.put_current(key.member_id.into(), gone);
            }
            ConsumerGroupRegularExpression(key, Some(value)) => {
                let topics = value.topics.into_iter().collect();
                let pattern = Pattern { topics, version: value.version, resolved_at_ms: value.timestamp };
                self.patterns.insert(key.regular_expression, pattern);
            }
            ConsumerGroupRegularExpression(key, None) => {
                self.patterns.remove(&key.regular_expression);
            }
            _ => {}
        }
        Applied::Kept
    }
}

fn partitions(topics: Vec<TargetPartitions>) -> Partitions {
    let mut all = Partitions::new();
    for topic in topics {
        all.entry(TopicId(topic.topic_id)).or_default().extend(topic.partitions);
    }
    all
}

/// A broker before KIP-1251 wrote no epochs: then all count from the member's own.
fn held(topics: Vec<CurrentPartitions>, member_epoch: i32) -> Held {
    let mut held = Held::new();
    for topic in topics {
        let epochs = topic.assignment_epochs.filter(|epochs| epochs.len() == topic.partitions.len());
        let epochs = epochs.unwrap_or_else(|| vec![member_epoch.max(0); topic.partitions.len()]);
        held.entry(TopicId(topic.topic_id)).or_default().extend(topic.partitions.into_iter().zip(epochs));
    }
    held
}

impl From<ConsumerGroupMemberMetadataValue> for Metadata {
    fn from(value: ConsumerGroupMemberMetadataValue) -> Metadata {
        Metadata {
            instance_id: value.instance_id,
            rack_id: value.rack_id,
            client_id: value.client_id,
            client_host: value.client_host,
            topics: value.subscribed_topic_names.into_iter().collect(),
            regex: value.subscribed_topic_regex,
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            assignor: value.server_assignor,
            classic: value.classic_member_metadata,
        }
    }
}

impl From<ConsumerGroupCurrentMemberAssignmentValue> for Current {
    fn from(value: ConsumerGroupCurrentMemberAssignmentValue) -> Current {
        let mut assigned = held(value.assigned_partitions, value.member_epoch);
        let revoking = held(value.partitions_pending_revocation, value.member_epoch);
        assigned.retain(|_, partitions: &mut BTreeMap<i32, i32>| !partitions.is_empty());
        Current {
            epoch: value.member_epoch,
            previous_epoch: value.previous_member_epoch,
            state: MemberState::from_number(value.state),
            assigned,
            revoking,
        }
    }
}
