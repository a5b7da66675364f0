//! Who may commit which offsets (GRP-15, CG-6, TXN-21).
use super::{Around, Named, standing};
use crate::{
    coordinator::group::{Groups, Soft},
    image::Image,
    types::ErrorCode,
    wire::{
        StrBytes, Version,
        coordinator::{GroupRecord, OffsetCommitKey, OffsetCommitValue, Producer},
    },
};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub struct Commit {
    pub group: StrBytes,
    pub committer: Committer,
    pub durability: Durability,
    pub topics: Vec<CommitTopic>,
    /// Of the request: some refusals have a name since a version only.
    pub version: Version,
}

/// Who commits; consumers without a group have neither an id nor a generation.
#[derive(Clone, Debug)]
pub struct Committer {
    pub member_id: StrBytes,
    pub instance_id: Option<StrBytes>,
    /// Or the member's epoch; negative: none.
    pub generation: i32,
}

/// When and for how long the commit counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// At once, as long as the broker's settings say.
    Kept,
    /// At once, for so many milliseconds (OffsetCommit 2 to 4).
    KeptFor(i64),
    /// Once the producer's transaction commits.
    InTransaction(Producer),
}

#[derive(Clone, Debug)]
pub struct CommitTopic {
    pub topic: Named,
    pub partitions: Vec<CommitPartition>,
}

#[derive(Clone, Debug)]
pub struct CommitPartition {
    pub partition: i32,
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: Option<StrBytes>,
}

/// The records, and a code for each partition in the order of the request. What concerns the group is said of every
/// partition that exists; what does not exist is told whatever the group says.
pub fn commit(
    groups: &Groups,
    soft: &mut Soft,
    around: Around<'_>,
    request: Commit,
) -> (Vec<GroupRecord>, Vec<ErrorCode>) {
    let mut codes = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        codes.extend(existing(around.image, &topic.topic, topic.partitions.iter().map(|asked| asked.partition)));
    }
    if !codes.contains(&ErrorCode::None) {
        return (vec![], codes);
    }
    match records(groups, soft, around, &request, &mut codes) {
        Ok(records) => (records, codes),
        Err(refused) => {
            let accepted = |code: &&mut ErrorCode| matches!(code, ErrorCode::None | ErrorCode::OffsetMetadataTooLarge);
            codes.iter_mut().filter(accepted).for_each(|code| *code = refused);
            (vec![], codes)
        }
    }
}

/// What is told of partitions of one topic whatever becomes of the commit: whether each of them exists.
pub fn existing(
    image: &Image,
    topic: &Named,
    partitions: impl Iterator<Item = i32>,
) -> impl Iterator<Item = ErrorCode> {
    let found = topic.find(image);
    partitions.map(move |partition| match found {
        Ok(topic) if topic.partitions.get(&partition).is_some() => ErrorCode::None,
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(code) => code,
    })
}

fn records(
    groups: &Groups,
    soft: &mut Soft,
    around: Around<'_>,
    request: &Commit,
    codes: &mut [ErrorCode],
) -> Result<Vec<GroupRecord>, ErrorCode> {
    let fence = standing::validate_commit(groups, soft, request)?;
    standing::heard(groups, soft, around.at, request);
    let mut records = Vec::with_capacity(codes.len());
    let mut codes = codes.iter_mut();
    for asked in &request.topics {
        let found = asked.topic.find(around.image).ok();
        for partition in &asked.partitions {
            let code = codes.next().expect("there is a code for each partition");
            let Some(topic) = found.filter(|_| *code == ErrorCode::None) else { continue };
            if too_large(partition.metadata.as_deref(), around.settings.offset_metadata_bytes_max) {
                *code = ErrorCode::OffsetMetadataTooLarge;
                continue;
            }
            fence.check(topic.id, partition.partition).map_err(|code| standing::told(request, code))?;
            records.push(record(request, around.at.wall_ms, topic.name.as_str(), topic.id.0, partition));
        }
    }
    // A failed write would cost other groups of the shard their joins under way.
    if !around.has_room(&records) {
        return Err(ErrorCode::UnknownServerError);
    }
    Ok(records)
}

/// Kafka counts what Java calls characters.
fn too_large(metadata: Option<&str>, max: usize) -> bool {
    metadata.is_some_and(|text| text.len() > max && text.encode_utf16().count() > max)
}

fn record(request: &Commit, now_ms: i64, topic: &str, topic_id: Uuid, of: &CommitPartition) -> GroupRecord {
    let key = OffsetCommitKey { group: request.group.to_string(), topic: topic.into(), partition: of.partition };
    let value = OffsetCommitValue {
        offset: of.offset,
        leader_epoch: of.leader_epoch.max(-1),
        metadata: of.metadata.as_deref().unwrap_or_default().into(),
        commit_timestamp: now_ms,
        expire_timestamp: -1,
        topic_id,
    };
    // The one version of the record with a retention has neither epoch nor id: none is kept, so that memory holds what
    // the journal does.
    let value = match request.durability {
        Durability::KeptFor(ms) => {
            let expire_timestamp = now_ms.saturating_add(ms).max(0);
            OffsetCommitValue { expire_timestamp, leader_epoch: -1, topic_id: Uuid::nil(), ..value }
        }
        Durability::Kept | Durability::InTransaction(_) => value,
    };
    match request.durability {
        Durability::InTransaction(producer) => GroupRecord::PendingOffsetCommit(producer, key, value),
        Durability::Kept | Durability::KeptFor(_) => GroupRecord::OffsetCommit(key, Some(value)),
    }
}
