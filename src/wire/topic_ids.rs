//! OffsetCommit 10 and OffsetFetch 10 name topics by id. The `kafka-protocol` crate writes their answers and does not
//! read the requests yet: they are read here into the crate's own types.
use super::{
    Malformed, StrBytes, Version,
    codec::Body,
    structure::{Reader, Value, structures},
};
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, GroupId, OffsetCommitRequest, OffsetFetchRequest,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
};
use uuid::Uuid;

/// The first version of both that names topics by id.
pub const OFFSETS_BY_TOPIC_ID: Version = 10;

/// An OffsetCommit request of any version.
pub struct OffsetCommit(pub OffsetCommitRequest);

/// An OffsetFetch request of any version.
pub struct OffsetFetch(pub OffsetFetchRequest);

structures! {
    /// OffsetCommit 10.
    pub struct CommitBody {
        group_id: String,
        generation: i32,
        member_id: String,
        instance_id: Option<String>,
        topics: Vec<CommitBodyTopic>,
    } tagged {}

    /// One topic of it.
    pub struct CommitBodyTopic {
        topic_id: Uuid,
        partitions: Vec<CommitBodyPartition>,
    } tagged {}

    /// One partition of it.
    pub struct CommitBodyPartition {
        partition: i32,
        offset: i64,
        leader_epoch: i32,
        metadata: Option<String>,
    } tagged {}

    /// OffsetFetch 10.
    pub struct FetchBody {
        groups: Vec<FetchBodyGroup>,
        require_stable: bool,
    } tagged {}

    /// One group of it.
    pub struct FetchBodyGroup {
        group_id: String,
        member_id: Option<String>,
        member_epoch: i32,
        topics: Option<Vec<FetchBodyTopic>>,
    } tagged {}

    /// One topic of it.
    pub struct FetchBodyTopic {
        topic_id: Uuid,
        partitions: Vec<i32>,
    } tagged {}
}

impl Body for OffsetCommit {
    fn decode_body(key: ApiKey, version: Version, body: &mut Bytes) -> Result<OffsetCommit, Malformed> {
        if version < OFFSETS_BY_TOPIC_ID {
            return OffsetCommitRequest::decode_body(key, version, body).map(OffsetCommit);
        }
        let body: CommitBody = read(version, body)?;
        let partition = |partition: CommitBodyPartition| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(partition.partition)
                .with_committed_offset(partition.offset)
                .with_committed_leader_epoch(partition.leader_epoch)
                .with_committed_metadata(partition.metadata.map(StrBytes::from_string))
        };
        let topic = |topic: CommitBodyTopic| {
            OffsetCommitRequestTopic::default()
                .with_topic_id(topic.topic_id)
                .with_partitions(topic.partitions.into_iter().map(partition).collect())
        };
        Ok(OffsetCommit(
            OffsetCommitRequest::default()
                .with_group_id(GroupId(StrBytes::from_string(body.group_id)))
                .with_generation_id_or_member_epoch(body.generation)
                .with_member_id(StrBytes::from_string(body.member_id))
                .with_group_instance_id(body.instance_id.map(StrBytes::from_string))
                .with_topics(body.topics.into_iter().map(topic).collect()),
        ))
    }
}

impl Body for OffsetFetch {
    fn decode_body(key: ApiKey, version: Version, body: &mut Bytes) -> Result<OffsetFetch, Malformed> {
        if version < OFFSETS_BY_TOPIC_ID {
            return OffsetFetchRequest::decode_body(key, version, body).map(OffsetFetch);
        }
        let body: FetchBody = read(version, body)?;
        let topic = |topic: FetchBodyTopic| {
            OffsetFetchRequestTopics::default().with_topic_id(topic.topic_id).with_partition_indexes(topic.partitions)
        };
        let group = |group: FetchBodyGroup| {
            OffsetFetchRequestGroup::default()
                .with_group_id(GroupId(StrBytes::from_string(group.group_id)))
                .with_member_id(group.member_id.map(StrBytes::from_string))
                .with_member_epoch(group.member_epoch)
                .with_topics(group.topics.map(|topics| topics.into_iter().map(topic).collect()))
        };
        let groups = body.groups.into_iter().map(group).collect();
        let request = OffsetFetchRequest::default().with_groups(groups).with_require_stable(body.require_stable);
        Ok(OffsetFetch(request))
    }
}

fn read<T: Value>(version: Version, body: &mut Bytes) -> Result<T, Malformed> {
    let mut from = Reader::new(body, version, true);
    let read = T::read(&mut from).and_then(|read| from.finish().map(|()| read));
    read.map_err(|why| Malformed::Content(why.to_string()))
}
