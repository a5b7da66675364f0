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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{decode, shape_of};

    /// As Kafka's own classes write them.
    const COMMIT: &[u8] = &[
        4, 103, 114, 112, 0, 0, 0, 5, 4, 109, 101, 109, 4, 105, 110, 115, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
        0, 2, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0, 4, 5, 109, 101, 116, 97, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0,
        0, 0, 1, 255, 255, 255, 255, 0, 0, 0, 0,
    ];
    const FETCH: &[u8] = &[
        3, 4, 103, 114, 112, 4, 109, 101, 109, 0, 0, 0, 6, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0,
        0, 3, 0, 0, 0, 9, 0, 0, 4, 97, 108, 108, 0, 255, 255, 255, 255, 0, 0, 1, 0,
    ];
    const ID: Uuid = Uuid::from_u64_pair(1, 2);

    #[test]
    fn version_10_of_both_is_read_as_kafka_writes_it() {
        let OffsetCommit(commit) = decode(ApiKey::OffsetCommit, 10, &mut Bytes::from_static(COMMIT)).unwrap();
        assert_eq!((commit.group_id.as_str(), commit.generation_id_or_member_epoch), ("grp", 5));
        assert_eq!((&*commit.member_id, commit.group_instance_id.as_deref()), ("mem", Some("ins")));
        assert_eq!((commit.topics[0].topic_id, commit.retention_time_ms), (ID, -1));
        let [first, second] = &commit.topics[0].partitions[..] else { panic!("{commit:?}") };
        let told =
            |of: &OffsetCommitRequestPartition| (of.partition_index, of.committed_offset, of.committed_leader_epoch);
        assert_eq!((told(first), first.committed_metadata.as_deref()), ((7, 300, 4), Some("meta")));
        assert_eq!((told(second), second.committed_metadata.as_deref()), ((8, 1, -1), None));
        let OffsetFetch(fetch) = decode(ApiKey::OffsetFetch, 10, &mut Bytes::from_static(FETCH)).unwrap();
        let [one, all] = &fetch.groups[..] else { panic!("{fetch:?}") };
        assert_eq!((one.group_id.as_str(), one.member_id.as_deref(), one.member_epoch), ("grp", Some("mem"), 6));
        let topic = &one.topics.as_ref().unwrap()[0];
        assert_eq!((topic.topic_id, &topic.partition_indexes[..]), (ID, &[3, 9][..]));
        assert_eq!((all.member_id.as_ref(), all.member_epoch, all.topics.as_ref()), (None, -1, None));
        assert!(fetch.require_stable);
    }

    #[test]
    fn net_2_no_other_bytes_have_the_shape() {
        for (key, bytes) in [(ApiKey::OffsetCommit, COMMIT), (ApiKey::OffsetFetch, FETCH)] {
            let shape = shape_of(key as i16).unwrap();
            assert!(shape.fits(bytes, 10) && shape.flexible(10), "{key:?}");
            for cut in 0..bytes.len() {
                assert!(!shape.fits(&bytes[..cut], 10), "{key:?} cut at {cut}");
            }
            assert!(!shape.fits(&[bytes, &[0]].concat(), 10), "{key:?} with a byte too many");
        }
    }
}
