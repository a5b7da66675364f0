//! A consumer group's state as records of `__consumer_offsets`.
use super::{
    group::{Group, Partitions},
    member::{Current, Held, Member, Metadata},
    subscription::Pattern,
};
use crate::wire::coordinator::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataValue,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataValue, CurrentPartitions, GroupKey,
    GroupMemberKey, GroupRecord, RegularExpressionKey, RegularExpressionValue, TargetPartitions,
};

/// Writes records of one group.
pub(super) struct Records<'a> {
    group: &'a str,
    pub written: Vec<GroupRecord>,
}

impl<'a> Records<'a> {
    pub fn of(group: &'a str) -> Records<'a> {
        Records { group, written: Vec::new() }
    }

    fn key(&self) -> GroupKey {
        GroupKey { group: self.group.to_owned() }
    }

    fn member_key(&self, member: &str) -> GroupMemberKey {
        GroupMemberKey { group: self.group.to_owned(), member_id: member.to_owned() }
    }

    fn pattern_key(&self, pattern: &str) -> RegularExpressionKey {
        RegularExpressionKey { group: self.group.to_owned(), regular_expression: pattern.to_owned() }
    }

    pub fn epoch(&mut self, epoch: i32, metadata_hash: i64) {
        let value = ConsumerGroupMetadataValue { epoch, metadata_hash };
        self.written.push(GroupRecord::ConsumerGroupMetadata(self.key(), Some(value)));
    }

    pub fn assignment_epoch(&mut self, assignment_epoch: i32, assignment_timestamp: i64) {
        let value = ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch, assignment_timestamp };
        self.written.push(GroupRecord::ConsumerGroupTargetAssignmentMetadata(self.key(), Some(value)));
    }

    pub fn metadata(&mut self, member: &str, metadata: &Metadata) {
        let value = ConsumerGroupMemberMetadataValue {
            instance_id: metadata.instance_id.clone(),
            rack_id: metadata.rack_id.clone(),
            client_id: metadata.client_id.clone(),
            client_host: metadata.client_host.clone(),
            subscribed_topic_names: metadata.topics.iter().cloned().collect(),
            subscribed_topic_regex: metadata.regex.clone(),
            rebalance_timeout_ms: metadata.rebalance_timeout_ms,
            server_assignor: metadata.assignor.clone(),
            classic_member_metadata: metadata.classic.clone(),
        };
        self.written.push(GroupRecord::ConsumerGroupMemberMetadata(self.member_key(member), Some(value)));
    }

    pub fn target(&mut self, member: &str, target: &Partitions) {
        let topics = target.iter().map(|(topic, partitions)| TargetPartitions {
            topic_id: topic.0,
            partitions: partitions.iter().copied().collect(),
        });
        let value = ConsumerGroupTargetAssignmentMemberValue { topic_partitions: topics.collect() };
        self.written.push(GroupRecord::ConsumerGroupTargetAssignmentMember(self.member_key(member), Some(value)));
    }

    pub fn current(&mut self, member: &str, current: &Current) {
        let value = ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: current.epoch,
            previous_member_epoch: current.previous_epoch,
            state: current.state.number(),
            assigned_partitions: held(&current.assigned),
            partitions_pending_revocation: held(&current.revoking),
        };
        self.written.push(GroupRecord::ConsumerGroupCurrentMemberAssignment(self.member_key(member), Some(value)));
    }

    pub fn pattern(&mut self, text: &str, pattern: &Pattern) {
        let value = RegularExpressionValue {
            topics: pattern.topics.iter().cloned().collect(),
            version: pattern.version,
            timestamp: pattern.resolved_at_ms,
        };
        self.written.push(GroupRecord::ConsumerGroupRegularExpression(self.pattern_key(text), Some(value)));
    }

    pub fn pattern_gone(&mut self, text: &str) {
        self.written.push(GroupRecord::ConsumerGroupRegularExpression(self.pattern_key(text), None));
    }

    pub fn partition_metadata_gone(&mut self) {
        self.written.push(GroupRecord::ConsumerGroupPartitionMetadata(self.key(), None));
    }

    pub fn member(&mut self, id: &str, member: &Member, target: &Partitions) {
        self.metadata(id, &member.metadata);
        self.target(id, target);
        self.current(id, &member.current);
    }

    /// In Kafka's order, whose replay insists on it.
    pub fn member_gone(&mut self, id: &str) {
        self.written.push(GroupRecord::ConsumerGroupCurrentMemberAssignment(self.member_key(id), None));
        self.written.push(GroupRecord::ConsumerGroupTargetAssignmentMember(self.member_key(id), None));
        self.written.push(GroupRecord::ConsumerGroupMemberMetadata(self.member_key(id), None));
    }
}

fn held(held: &Held) -> Vec<CurrentPartitions> {
    let topics = held.iter().map(|(topic, partitions)| CurrentPartitions {
        topic_id: topic.0,
        partitions: partitions.keys().copied().collect(),
        assignment_epochs: Some(partitions.values().copied().collect()),
    });
    topics.collect()
}

impl Group {
    /// The end of the group: what DeleteGroups and a change of the protocol write. In Kafka's order, whose replay
    /// insists on it.
    pub fn tombstones(&self, group: &str) -> Vec<GroupRecord> {
        let mut records = Records::of(group);
        let key = |id: &str| GroupMemberKey { group: group.to_owned(), member_id: id.to_owned() };
        let members = || self.members.keys();
        let written = &mut records.written;
        written.extend(members().map(|id| GroupRecord::ConsumerGroupCurrentMemberAssignment(key(id), None)));
        written.extend(self.target.keys().map(|id| GroupRecord::ConsumerGroupTargetAssignmentMember(key(id), None)));
        let group_key = GroupKey { group: group.to_owned() };
        written.push(GroupRecord::ConsumerGroupTargetAssignmentMetadata(group_key.clone(), None));
        written.extend(members().map(|id| GroupRecord::ConsumerGroupMemberMetadata(key(id), None)));
        self.patterns.keys().for_each(|text| records.pattern_gone(text));
        if self.has_partition_metadata {
            records.partition_metadata_gone();
        }
        records.written.push(GroupRecord::ConsumerGroupMetadata(group_key, None));
        records.written
    }
}
