//! Deleting offsets, groups, and the offsets of topics that are gone (GRP-22).
use super::{
    Around, Named, Standing,
    standing::{self, Subscribed},
    tombstone,
};
use crate::{
    coordinator::group::{Groups, Room, Soft, classic},
    types::ErrorCode,
    wire::{StrBytes, coordinator::GroupRecord},
};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub struct Delete {
    pub group: StrBytes,
    pub topics: Vec<DeleteTopic>,
}

#[derive(Clone, Debug)]
pub struct DeleteTopic {
    pub topic: StrBytes,
    pub partitions: Vec<i32>,
}

/// Of one write by the broker itself.
pub const TOMBSTONES_MAX: usize = 1_000;

/// Tombstones, and a code for each partition in the order of the request.
pub fn offsets(
    groups: &Groups,
    soft: &Soft,
    around: Around<'_>,
    request: &Delete,
) -> Result<(Vec<GroupRecord>, Vec<ErrorCode>), ErrorCode> {
    let standing = Standing::of(groups, soft, &request.group).ok_or(ErrorCode::GroupIdNotFound)?;
    let subscriptions = standing.subscribed();
    if matches!(subscriptions, Subscribed::Unknown) {
        return Err(ErrorCode::NonEmptyGroup);
    }
    let group = groups.by_id.get(&*request.group);
    let (mut records, mut codes) = (Vec::new(), Vec::new());
    for asked in &request.topics {
        let found = Named::Name(asked.topic.clone()).find(around.image);
        let subscribed = subscriptions.to(&asked.topic);
        for partition in &asked.partitions {
            let exists = found.as_ref().is_ok_and(|topic| topic.partitions.get(partition).is_some());
            codes.push(match (exists, subscribed) {
                (false, _) => ErrorCode::UnknownTopicOrPartition,
                (true, true) => ErrorCode::GroupSubscribedToTopic,
                (true, false) => ErrorCode::None,
            });
            let has = group.is_some_and(|group| group.offsets.has(&asked.topic, *partition));
            if exists && !subscribed && has {
                records.push(tombstone(&request.group, &asked.topic, *partition));
            }
        }
    }
    // Requests are cut up before they come here: only names beyond all measure come to this.
    if !around.has_room(&records) {
        return Err(ErrorCode::UnknownServerError);
    }
    Ok((records, codes))
}

/// What of this is left goes in a later write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    Nothing,
    Some,
}

/// As many of the records as fit one write, of which the first always goes.
fn fill(room: &mut Room, all: impl Iterator<Item = GroupRecord>) -> (Vec<GroupRecord>, Rest) {
    let mut records = Vec::new();
    for record in all {
        if !room.take(&record) && !records.is_empty() {
            return (records, Rest::Some);
        }
        records.push(record);
    }
    (records, Rest::Nothing)
}

/// Everything of a group without members, with what transactions have pending in it: offsets first, so that the group is
/// there until the last write.
pub fn group(
    groups: &Groups,
    soft: &mut Soft,
    around: Around<'_>,
    id: &str,
) -> Result<(Vec<GroupRecord>, Rest), ErrorCode> {
    let standing = Standing::of(groups, soft, id).ok_or(ErrorCode::GroupIdNotFound)?;
    if standing.has_members() && !classic::fell_silent(groups, soft, id, around.at) {
        return Err(ErrorCode::NonEmptyGroup);
    }
    let partitions = groups.by_id.get(id).into_iter().flat_map(|group| group.offsets.partitions());
    let offsets = partitions.map(|(topic, partition)| tombstone(id, topic, partition));
    let (records, rest) = fill(&mut around.room(), offsets.chain(standing.tombstones(id)));
    if rest == Rest::Nothing {
        standing::forget(soft, id);
    }
    Ok((records, rest))
}

/// Offsets of deleted topics; those committed to another topic of the same name stay. At most [`TOMBSTONES_MAX`].
pub fn of_topics(groups: &Groups, around: Around<'_>, topics: &[(String, Uuid)]) -> (Vec<GroupRecord>, Rest) {
    let all = groups.by_id.iter().flat_map(|(id, group)| {
        topics.iter().flat_map(move |(name, topic_id)| {
            let gone = move |committed_to: Uuid| committed_to.is_nil() || committed_to == *topic_id;
            let committed = group.offsets.of_topic(name).filter(move |(_, one)| gone(one.topic_id));
            let committed = committed.map(|(partition, _)| partition);
            let pending = group.offsets.pending_of_topic(name).filter(move |(partition, pending)| {
                // A tombstone takes all of a partition: once is enough.
                let already = group.offsets.get(name, *partition).is_some_and(|one| gone(one.topic_id));
                !already && pending.values().any(|one| gone(one.told().topic_id))
            });
            let pending = pending.map(|(partition, _)| partition);
            committed.chain(pending).map(move |partition| tombstone(id, name, partition))
        })
    });
    let (records, rest) = fill(&mut around.room(), all.take(TOMBSTONES_MAX));
    let rest = if records.len() == TOMBSTONES_MAX { Rest::Some } else { rest };
    (records, rest)
}
