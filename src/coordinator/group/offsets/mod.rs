//! Committed offsets of groups: committing, fetching, deleting, expiring them, and what transactions have pending.
mod commit;
mod delete;
mod expiry;
mod fetch;
mod kept;
mod names;
mod numbered;
mod replay;
mod standing;
mod state;

pub use commit::{Commit, CommitPartition, CommitTopic, Committer, Durability, existing};
pub use delete::{Delete, DeleteTopic, TOMBSTONES_MAX};
pub use expiry::Sweep;
pub use fetch::{Fetch, FetchTopic, FetchedPartition, FetchedTopic};
pub use kept::Committed;
pub use numbered::Numbered;
pub use replay::{Shared, replay, replay_end, replay_in_place, replay_in_transaction};
pub use standing::{Expires, Standing, Subscribed};
pub use state::Offsets;

use super::{GroupSettings, Groups, Moment, Room, Soft};
use crate::{
    image::{Image, Topic},
    types::{ErrorCode, TopicId},
    wire::{
        StrBytes,
        coordinator::{GroupRecord, Marker, OffsetCommitKey, Producer},
    },
};
use delete::Rest;
use std::sync::Arc;
use uuid::Uuid;

/// What is asked about offsets.
#[derive(Clone, Debug)]
pub enum Request {
    Commit(Commit),
    Fetch(Fetch),
    Delete(Delete),
    /// The group with everything it has. Asked again while the reply is [`Reply::More`].
    DeleteGroup(StrBytes),
    /// Topics by name and id. Asked again while the reply is [`Reply::More`]; the image no longer has them by then, so
    /// that nobody commits to them meanwhile.
    TopicsDeleted(Vec<(String, Uuid)>),
    /// A marker: what the transaction had pending in this shard becomes real or is dropped.
    EndTransaction(Producer, Marker),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// One code for each partition, in the order of the request.
    Committed(Vec<ErrorCode>),
    Fetched(Result<Vec<FetchedTopic>, ErrorCode>),
    /// As for a commit; or why the whole request failed.
    Deleted(Result<Vec<ErrorCode>, ErrorCode>),
    GroupDeleted(ErrorCode),
    Done,
    /// A part is done, so that no single write grows beyond measure.
    More,
}

/// How requests name a topic, by version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    Name(StrBytes),
    Id(Uuid),
}

impl Named {
    pub fn find<'a>(&self, image: &'a Image) -> Result<&'a Arc<Topic>, ErrorCode> {
        match self {
            Named::Name(name) => image.topics.named(name).ok_or(ErrorCode::UnknownTopicOrPartition),
            Named::Id(id) => image.topics.by_id(TopicId(*id)).ok_or(ErrorCode::UnknownTopicId),
        }
    }
}

/// What decisions look at beside the state.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub at: Moment,
    pub image: &'a Image,
    pub settings: &'a GroupSettings,
}

impl Around<'_> {
    fn room(&self) -> Room {
        Room::of(self.image, self.settings)
    }

    fn has_room(&self, records: &[GroupRecord]) -> bool {
        Room::has_all(self.image, self.settings, records)
    }
}

pub fn decide(groups: &Groups, soft: &mut Soft, around: Around<'_>, request: Request) -> (Vec<GroupRecord>, Reply) {
    match request {
        Request::Commit(request) => {
            let (records, codes) = commit::commit(groups, soft, around, request);
            (records, Reply::Committed(codes))
        }
        Request::Fetch(request) => (vec![], Reply::Fetched(fetch::fetch(groups, soft, around.image, &request))),
        Request::Delete(request) => match delete::offsets(groups, soft, around, &request) {
            Ok((records, codes)) => (records, Reply::Deleted(Ok(codes))),
            Err(code) => (vec![], Reply::Deleted(Err(code))),
        },
        Request::DeleteGroup(id) => match delete::group(groups, soft, around, &id) {
            Ok((records, Rest::Nothing)) => (records, Reply::GroupDeleted(ErrorCode::None)),
            Ok((records, Rest::Some)) => (records, Reply::More),
            Err(code) => (vec![], Reply::GroupDeleted(code)),
        },
        Request::TopicsDeleted(topics) => {
            let (records, rest) = delete::of_topics(groups, around, &topics);
            (records, if rest == Rest::Some { Reply::More } else { Reply::Done })
        }
        Request::EndTransaction(producer, marker) => (vec![GroupRecord::EndTransaction(producer, marker)], Reply::Done),
    }
}

/// What a scheduled look at expired offsets decides; see [`Sweep`].
pub fn sweep(groups: &Groups, soft: &mut Soft, around: Around<'_>) -> Vec<GroupRecord> {
    expiry::sweep(groups, soft, around)
}

fn tombstone(group: &str, topic: &str, partition: i32) -> GroupRecord {
    GroupRecord::OffsetCommit(OffsetCommitKey { group: group.into(), topic: topic.into(), partition }, None)
}

#[cfg(test)]
mod tests;
