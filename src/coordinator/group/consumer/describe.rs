//! A consumer group as ConsumerGroupDescribe shows it.
use super::{
    Around, Soft,
    group::{Group, Partitions, State},
    member::{MemberId, Metadata},
    target,
};
use crate::coordinator::group::Rebalance;
use std::sync::Arc;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedGroup {
    pub state: State,
    pub epoch: i32,
    pub assignment_epoch: i32,
    pub assignor: &'static str,
    pub members: Vec<DescribedMember>,
    /// The last few, oldest first.
    pub rebalances: Vec<Rebalance>,
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

pub(super) fn describe(group: &Group, soft: &Soft, around: &Around<'_>) -> DescribedGroup {
    let members = group.members().map(|(id, member)| DescribedMember {
        id: id.clone(),
        epoch: member.current.epoch,
        metadata: member.metadata.clone(),
        assigned: member.current.all(),
        target: group.target_of(id).cloned().unwrap_or_default(),
    });
    DescribedGroup {
        state: group.state(),
        epoch: group.epoch,
        assignment_epoch: group.assignment_epoch,
        assignor: target::chosen(group, None, None, around).name(),
        members: members.collect(),
        rebalances: soft.history(around.group),
    }
}
