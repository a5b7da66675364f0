//! What a group has committed (GRP-23).
use super::{Committed, Named, Standing};
use crate::{
    coordinator::group::{Group, Groups, Soft},
    image::Image,
    types::ErrorCode,
    wire::StrBytes,
};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub struct Fetch {
    pub group: StrBytes,
    /// Told by members of the consumer protocol.
    pub member_id: Option<StrBytes>,
    pub member_epoch: i32,
    /// `None`: all topics that the group has offsets of.
    pub topics: Option<Vec<FetchTopic>>,
    /// Do not tell what an open transaction may change (KIP-447).
    pub require_stable: bool,
}

#[derive(Clone, Debug)]
pub struct FetchTopic {
    pub topic: Named,
    pub partitions: Vec<i32>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchedTopic {
    pub name: StrBytes,
    /// Nil when no topic of this name exists.
    pub id: Uuid,
    pub partitions: Vec<FetchedPartition>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchedPartition {
    pub partition: i32,
    /// -1: none was committed.
    pub offset: i64,
    /// -1: not told.
    pub leader_epoch: i32,
    pub metadata: StrBytes,
    pub error: ErrorCode,
}

impl FetchedPartition {
    /// Nothing committed, or nothing to be told.
    pub fn nothing(partition: i32, error: ErrorCode) -> FetchedPartition {
        FetchedPartition { partition, offset: -1, leader_epoch: -1, metadata: StrBytes::default(), error }
    }

    fn told(partition: i32, committed: Committed<'_>) -> FetchedPartition {
        FetchedPartition {
            partition,
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: StrBytes::from_string(committed.metadata.to_string()),
            error: ErrorCode::None,
        }
    }
}

/// A group that does not exist has nothing committed, which is no error.
pub fn fetch(groups: &Groups, soft: &Soft, image: &Image, request: &Fetch) -> Result<Vec<FetchedTopic>, ErrorCode> {
    if let Some(standing) = Standing::of(groups, soft, &request.group) {
        standing.validate_fetch(request.member_id.as_deref(), request.member_epoch)?;
    }
    let group = groups.by_id.get(&*request.group);
    Ok(match &request.topics {
        Some(topics) => {
            let topics = topics.iter().map(|asked| one(group, image, asked, request.require_stable));
            let mut topics: Vec<FetchedTopic> = topics.collect();
            // As Apache Kafka orders its answer: ids that nobody knows come last.
            topics.sort_by_key(|topic| topic.name.is_empty());
            topics
        }
        None => group.map_or_else(Vec::new, |group| all(group, image, request.require_stable)),
    })
}

/// A topic that was deleted and made anew does not inherit (GRP-22).
fn is_of(committed: Committed<'_>, id: Uuid) -> bool {
    committed.topic_id.is_nil() || id.is_nil() || committed.topic_id == id
}

fn one(group: Option<&Group>, image: &Image, asked: &FetchTopic, require_stable: bool) -> FetchedTopic {
    // Offsets of a topic that is gone are still told to who asks by name.
    let (name, id, error) = match (asked.topic.find(image), &asked.topic) {
        (Ok(topic), _) => (StrBytes::from_string(topic.name.as_str().to_owned()), topic.id.0, ErrorCode::None),
        (Err(_), Named::Name(name)) => (name.clone(), Uuid::nil(), ErrorCode::None),
        (Err(code), Named::Id(id)) => (StrBytes::default(), *id, code),
    };
    let answer = |partition: i32| {
        if error.is_error() {
            return FetchedPartition::nothing(partition, error);
        }
        match group {
            Some(group) if require_stable && group.offsets.is_pending(&name, partition) => {
                FetchedPartition::nothing(partition, ErrorCode::UnstableOffsetCommit)
            }
            _ => match group.and_then(|group| group.offsets.get(&name, partition)) {
                Some(committed) if is_of(committed, id) => FetchedPartition::told(partition, committed),
                _ => FetchedPartition::nothing(partition, ErrorCode::None),
            },
        }
    };
    let partitions = asked.partitions.iter().map(|partition| answer(*partition)).collect();
    FetchedTopic { name, id, partitions }
}

fn all(group: &Group, image: &Image, require_stable: bool) -> Vec<FetchedTopic> {
    let topics = group.offsets.topics().map(|(name, offsets)| {
        let id = image.topics.named(name).map_or(Uuid::nil(), |topic| topic.id.0);
        let offsets = offsets.iter().filter(|(_, committed)| is_of(*committed, id));
        let partitions =
            offsets.map(|(partition, committed)| match require_stable && group.offsets.is_pending(name, partition) {
                true => FetchedPartition::nothing(partition, ErrorCode::UnstableOffsetCommit),
                false => FetchedPartition::told(partition, committed),
            });
        FetchedTopic { name: StrBytes::from_string(name.to_string()), id, partitions: partitions.collect() }
    });
    topics.filter(|topic| !topic.partitions.is_empty()).collect()
}
