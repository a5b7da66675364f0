//! A consumer group as ConsumerGroupDescribe shows it.
use super::{
    Around,
    group::{Group, Partitions, State, without_epochs},
    member::{MemberId, Metadata},
    target,
};
use std::sync::Arc;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedGroup {
    pub state: State,
    pub epoch: i32,
    pub assignment_epoch: i32,
    pub assignor: &'static str,
    pub members: Vec<DescribedMember>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedMember {
    pub id: MemberId,
    pub epoch: i32,
    pub metadata: Metadata,
    /// What it has, with what it has yet to give back.
    pub assigned: Partitions,
    pub target: Arc<Partitions>,
}

pub(super) fn describe(group: &Group, around: &Around<'_>) -> DescribedGroup {
    let members = group.members().map(|(id, member)| {
        let mut assigned = without_epochs(&member.current.assigned);
        for (topic, partitions) in without_epochs(&member.current.revoking) {
            assigned.entry(topic).or_default().extend(partitions);
        }
        DescribedMember {
            id: id.clone(),
            epoch: member.current.epoch,
            metadata: member.metadata.clone(),
            assigned,
            target: group.target_of(id).cloned().unwrap_or_default(),
        }
    });
    DescribedGroup {
        state: group.state(),
        epoch: group.epoch,
        assignment_epoch: group.assignment_epoch,
        assignor: target::chosen(group, None, None, around).name(),
        members: members.collect(),
    }
}
