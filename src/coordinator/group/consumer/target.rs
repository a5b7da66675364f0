//! The target assignment of a group, computed anew when the group's epoch has moved past it.
use super::{
    Around,
    assignor::{Assignor, Candidate, Situation},
    group::{Group, Partitions},
    member::{Member, MemberId, Metadata},
    records::Records,
    subscription::Subscriptions,
};
use crate::types::TopicId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A member as it will be when the records of this heartbeat are replayed.
pub(super) struct Arriving<'a> {
    pub id: &'a MemberId,
    pub member: &'a Member,
    /// The member that it takes the place of: itself, or the static member whose instance id it has.
    pub replaces: Option<&'a MemberId>,
}

/// Whether a target may be computed at `wall_ms`: at once for a new or empty group, then at intervals, so that many
/// who come together are assigned together (CG-9, KIP-1263).
pub(super) fn is_due(group: &Group, around: &Around<'_>) -> bool {
    until_due_ms(group, around) == 0
}

/// How long until that.
pub(super) fn until_due_ms(group: &Group, around: &Around<'_>) -> u64 {
    let interval = i64::from(around.limits.assignment_interval_ms);
    if group.assigned_at_ms == 0 || interval == 0 {
        return 0;
    }
    let left = group.assigned_at_ms.saturating_add(interval).saturating_sub(around.at.wall_ms);
    u64::try_from(left).unwrap_or(0)
}

/// Writes the target for `epoch`; what the arriving member shall have.
pub(super) fn compute(
    group: &Group,
    arriving: &Arriving<'_>,
    subscriptions: &Subscriptions<'_>,
    epoch: i32,
    around: &Around<'_>,
    records: &mut Records<'_>,
) -> Arc<Partitions> {
    let replaced = |id: &MemberId| id == arriving.id || Some(id) == arriving.replaces;
    let mut members: BTreeMap<&MemberId, (&Metadata, Option<&Arc<Partitions>>)> = group
        .members
        .iter()
        .filter(|(id, _)| !replaced(id))
        .map(|(id, member)| (id, (&member.metadata, group.target.get(id))))
        .collect();
    let had = arriving.replaces.and_then(|id| group.target.get(id));
    members.insert(arriving.id, (&arriving.member.metadata, had));

    let mut known = Known::default();
    let candidates = members.iter().map(|(id, (metadata, before))| Candidate {
        id,
        instance_id: metadata.instance_id.as_deref(),
        topics: known.topics(metadata, subscriptions, around),
        before: before.map(|before| &**before),
    });
    let candidates: Vec<Candidate<'_>> = candidates.collect();
    let situation = Situation { members: candidates, topics: known.counts(around) };
    let assigned = assignor(group, arriving, around).assign(&situation);

    let mut arrives_at = Arc::default();
    for ((id, (_, before)), partitions) in members.into_iter().zip(assigned) {
        // A static member under a new id has the target of its old one written already.
        if before.is_none_or(|before| **before != partitions) {
            records.target(id, &partitions);
        }
        if id == arriving.id {
            arrives_at = Arc::new(partitions);
        }
    }
    records.assignment_epoch(epoch, around.at.wall_ms);
    arrives_at
}

/// The assignor that most members ask for; of equals the first by name. Without a wish the first of the settings.
pub(super) fn assignor(group: &Group, arriving: &Arriving<'_>, around: &Around<'_>) -> Assignor {
    let before = arriving.replaces.and_then(|id| group.member(id));
    let before = before.and_then(|member| member.metadata.assignor.as_deref());
    chosen(group, before, arriving.member.metadata.assignor.as_deref(), around)
}

pub(super) fn chosen(group: &Group, before: Option<&str>, after: Option<&str>, around: &Around<'_>) -> Assignor {
    let mut votes: BTreeMap<&str, i64> = BTreeMap::new();
    for (name, count) in &group.index.assignors {
        votes.insert(name, i64::from(*count));
    }
    before.into_iter().for_each(|name| *votes.entry(name).or_default() -= 1);
    after.into_iter().for_each(|name| *votes.entry(name).or_default() += 1);
    let most =
        votes.iter().filter(|(_, count)| **count > 0).max_by(|one, other| one.1.cmp(other.1).then(other.0.cmp(one.0)));
    // A name that the settings no longer have counts as no wish.
    let wished = most.and_then(|(name, _)| Assignor::from_name(name));
    let allowed = &around.settings.consumer.assignors;
    wished.filter(|assignor| allowed.contains(assignor)).or(allowed.first().copied()).unwrap_or(Assignor::Uniform)
}

/// Topics by subscription: most members of a group have the same.
#[derive(Default)]
struct Known<'a> {
    sets: BTreeMap<(Option<&'a str>, &'a BTreeSet<String>), Arc<BTreeSet<TopicId>>>,
}

impl<'a> Known<'a> {
    fn topics(
        &mut self,
        metadata: &'a Metadata,
        subscriptions: &Subscriptions<'_>,
        around: &Around<'_>,
    ) -> Arc<BTreeSet<TopicId>> {
        let set = self.sets.entry((metadata.pattern(), &metadata.topics));
        set.or_insert_with(|| Arc::new(subscriptions.topic_ids(metadata, around.image))).clone()
    }

    fn counts(&self, around: &Around<'_>) -> BTreeMap<TopicId, i32> {
        let topics = self.sets.values().flat_map(|set| set.iter());
        let counted = topics.filter_map(|topic| Some((*topic, around.image.topics.by_id(*topic)?.partitions.len())));
        counted.map(|(topic, count)| (topic, i32::try_from(count).unwrap_or(i32::MAX))).collect()
    }
}
