//! Committed offsets: OffsetCommit 2 to 10, OffsetFetch 1 to 10, OffsetDelete 0, DeleteGroups 0 to 2 (GRP-15, GRP-22,
//! GRP-23).
use bytes::BufMut;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteGroupsRequest, DeleteTopicsRequest, FindCoordinatorRequest, GroupId, ListGroupsRequest,
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetFetchRequest, OffsetFetchResponse,
};
use protocol_tests::groups::{DESCRIBE, JOIN, describe, joining};
use protocol_tests::time::eventually;
use protocol_tests::wire::{put_compact_string, put_unsigned_varint, request_start};
use protocol_tests::{Code, Connection, Topic, assert_error, assert_ok, fresh_name, new_topic, text, topic_name};
use uuid::Uuid;

const OFFSET_COMMIT: i16 = 8;
const OFFSET_FETCH: i16 = 9;

/// A connection to the coordinator of a fresh group, ready to serve it, and a topic of three partitions.
fn prepared() -> (Connection, String, Topic) {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    let group = fresh_name("group");
    serves(&mut connection, &group);
    (connection, group, topic)
}

fn serves(connection: &mut Connection, group: &str) {
    eventually(20_000, "the coordinator serves", || {
        let request = FindCoordinatorRequest::default().with_key(text(group));
        let found = connection.call(3, &request);
        let told = one(fetch(connection, 5, group, None));
        (found.error_code == 0 && told.0 == 0).then_some(())
    });
}

fn id(group: &str) -> GroupId {
    GroupId(text(group))
}

fn at(partition: i32, offset: i64, epoch: i32, metadata: Option<&str>) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(epoch)
        .with_committed_metadata(metadata.map(text))
}

fn commit_request(group: &str, topic: &str, partitions: Vec<OffsetCommitRequestPartition>) -> OffsetCommitRequest {
    let topic = OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(partitions);
    OffsetCommitRequest::default()
        .with_group_id(id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_retention_time_ms(-1)
        .with_topics(vec![topic])
}

fn codes(answer: &OffsetCommitResponse) -> Vec<i16> {
    answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect()
}

/// The group's error, and partition, offset, epoch, metadata and error of each partition, in order.
type Told = (i16, Vec<(i32, i64, i32, String, i16)>);

fn one(answer: OffsetFetchResponse) -> Told {
    if let [group] = &answer.groups[..] {
        let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
        let mut told: Vec<_> = partitions
            .map(|told| {
                let metadata = told.metadata.as_ref().expect("metadata is never null").to_string();
                (told.partition_index, told.committed_offset, told.committed_leader_epoch, metadata, told.error_code)
            })
            .collect();
        told.sort();
        return (group.error_code, told);
    }
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let mut told: Vec<_> = partitions
        .map(|told| {
            let metadata = told.metadata.as_ref().expect("metadata is never null").to_string();
            (told.partition_index, told.committed_offset, told.committed_leader_epoch, metadata, told.error_code)
        })
        .collect();
    told.sort();
    (answer.error_code, told)
}

/// Some partitions of a topic, or everything.
fn fetch(connection: &mut Connection, version: i16, group: &str, of: Option<(&str, Vec<i32>)>) -> OffsetFetchResponse {
    if version >= 8 {
        let topics = of.map(|(topic, partitions)| {
            let topic = OffsetFetchRequestTopics::default().with_name(topic_name(topic));
            vec![topic.with_partition_indexes(partitions)]
        });
        let group = OffsetFetchRequestGroup::default().with_group_id(id(group)).with_topics(topics);
        // The typed layer knows no other way to say "nobody in particular".
        let group = group.with_member_id(None).with_member_epoch(-1);
        return connection.call(version, &OffsetFetchRequest::default().with_groups(vec![group]));
    }
    let topics = of.map(|(topic, partitions)| {
        let topic = OffsetFetchRequestTopic::default().with_name(topic_name(topic));
        vec![topic.with_partition_indexes(partitions)]
    });
    connection.call(version, &OffsetFetchRequest::default().with_group_id(id(group)).with_topics(topics))
}

#[test]
fn grp_23_what_was_committed_is_told_at_every_version() {
    let (mut connection, group, topic) = prepared();
    for version in 2..=9 {
        let epoch = if version >= 6 { 0 } else { -1 };
        let offset = i64::from(version) * 10;
        let partitions = vec![at(0, offset, epoch, Some("words")), at(2, offset + 1, epoch, None)];
        let answer = connection.call(version, &commit_request(&group, &topic.name, partitions));
        assert_eq!(codes(&answer), [0, 0], "version {version}");
        assert_eq!((answer.throttle_time_ms, answer.topics[0].name.as_str()), (0, topic.name.as_str()));
        for fetching in 1..=9 {
            let epoch = if fetching >= 5 { epoch } else { -1 };
            let (error, told) = one(fetch(&mut connection, fetching, &group, Some((&topic.name, vec![0, 1, 2]))));
            assert_ok(error);
            let wanted = [
                (0, offset, epoch, "words".to_string(), 0),
                (1, -1, -1, String::new(), 0),
                (2, offset + 1, epoch, String::new(), 0),
            ];
            assert_eq!(told, wanted, "committed at {version}, fetched at {fetching}");
        }
        for fetching in 2..=9 {
            let (error, told) = one(fetch(&mut connection, fetching, &group, None));
            assert_ok(error);
            let places: Vec<_> = told.iter().map(|told| (told.0, told.1)).collect();
            assert_eq!(places, [(0, offset), (2, offset + 1)], "everything, at {fetching}");
        }
    }
}

/// OffsetCommit 10 as bytes: the typed layer does not write it.
fn commit_by_id(connection: &mut Connection, group: &str, topic: Uuid, offset: i64) -> OffsetCommitResponse {
    let mut frame = request_start(OFFSET_COMMIT, 10, 1_000, "protocol-tests", true);
    put_compact_string(&mut frame, group);
    frame.put_i32(-1);
    put_compact_string(&mut frame, "");
    frame.put_u8(0);
    put_unsigned_varint(&mut frame, 2);
    frame.put_slice(topic.as_bytes());
    put_unsigned_varint(&mut frame, 2);
    frame.put_i32(0);
    frame.put_i64(offset);
    frame.put_i32(0);
    put_compact_string(&mut frame, "by id");
    frame.put_slice(&[0, 0, 0]);
    connection.send_frame(&frame);
    connection.receive::<OffsetCommitRequest>(10, 1_000)
}

/// OffsetFetch 10: partition 0 of a topic, or everything.
fn fetch_by_id(connection: &mut Connection, group: &str, topic: Option<Uuid>) -> OffsetFetchResponse {
    let mut frame = request_start(OFFSET_FETCH, 10, 1_001, "protocol-tests", true);
    put_unsigned_varint(&mut frame, 2);
    put_compact_string(&mut frame, group);
    frame.put_u8(0);
    frame.put_i32(-1);
    match topic {
        Some(topic) => {
            put_unsigned_varint(&mut frame, 2);
            frame.put_slice(topic.as_bytes());
            put_unsigned_varint(&mut frame, 2);
            frame.put_i32(0);
            frame.put_u8(0);
        }
        None => frame.put_u8(0),
    }
    frame.put_slice(&[0, 0, 0]);
    connection.send_frame(&frame);
    connection.receive::<OffsetFetchRequest>(10, 1_001)
}

#[test]
fn grp_23_version_10_names_topics_by_id() {
    let (mut connection, group, topic) = prepared();
    let answer = commit_by_id(&mut connection, &group, topic.id, 77);
    assert_eq!(codes(&answer), [0]);
    assert_eq!((answer.topics[0].topic_id, answer.topics[0].name.as_str()), (topic.id, ""));
    for asked in [Some(topic.id), None] {
        let answer = fetch_by_id(&mut connection, &group, asked);
        assert_eq!(answer.groups[0].topics[0].topic_id, topic.id);
        assert_eq!(one(answer), (0, vec![(0, 77, 0, "by id".to_string(), 0)]));
    }
    let unknown = Uuid::from_u128(0xDEAD_BEEF);
    let answer = commit_by_id(&mut connection, &group, unknown, 78);
    assert_error(codes(&answer)[0], Code::UnknownTopicId);
    assert_eq!(answer.topics[0].topic_id, unknown);
    let (error, told) = one(fetch_by_id(&mut connection, &group, Some(unknown)));
    assert_ok(error);
    assert_eq!((told[0].1, told[0].4), (-1, Code::UnknownTopicId.code()));
}

#[test]
fn grp_15_who_is_no_member_has_no_generation() {
    let (mut connection, group, topic) = prepared();
    for version in 2..=9 {
        let request = commit_request(&group, &topic.name, vec![at(0, 1, -1, None), at(1, 1, -1, None)]);
        let request = request.with_generation_id_or_member_epoch(3).with_member_id(text("nobody"));
        let wanted = if version >= 9 { Code::GroupIdNotFound } else { Code::IllegalGeneration };
        assert_eq!(codes(&connection.call(version, &request)), [wanted.code(); 2], "version {version}");
    }
    let simple = commit_request(&group, &topic.name, vec![at(0, 1, -1, None)]);
    assert_eq!(codes(&connection.call(8, &simple)), [0]);
    for version in 2..=9 {
        let request = simple.clone().with_generation_id_or_member_epoch(3).with_member_id(text("nobody"));
        assert_error(codes(&connection.call(version, &request))[0], Code::UnknownMemberId);
    }
}

#[test]
fn grp_15_each_partition_has_its_own_error() {
    let (mut connection, group, topic) = prepared();
    let long = "x".repeat(4_097);
    let partitions =
        vec![at(0, 5, -1, Some(&long)), at(1, 6, -1, Some(&long[1..])), at(9, 7, -1, None), at(-1, 7, -1, None)];
    let mut request = commit_request(&group, &topic.name, partitions);
    let missing = fresh_name("missing");
    request.topics.push(commit_request(&group, &missing, vec![at(0, 1, -1, None)]).topics.remove(0));
    for version in 2..=9 {
        let answer = connection.call(version, &request);
        let mut told: Vec<(String, i32, i16)> = answer
            .topics
            .iter()
            .flat_map(|of| of.partitions.iter().map(|one| (of.name.to_string(), one.partition_index, one.error_code)))
            .collect();
        told.sort();
        let unknown = Code::UnknownTopicOrPartition.code();
        let mut wanted = vec![
            (topic.name.clone(), -1, unknown),
            (topic.name.clone(), 0, Code::OffsetMetadataTooLarge.code()),
            (topic.name.clone(), 1, 0),
            (topic.name.clone(), 9, unknown),
            (missing.clone(), 0, unknown),
        ];
        wanted.sort();
        assert_eq!(told, wanted, "version {version}");
    }
}

#[test]
fn grp_1_offsets_may_belong_to_the_group_without_a_name() {
    let (mut connection, _, topic) = prepared();
    serves(&mut connection, "");
    let answer = connection.call(8, &commit_request("", &topic.name, vec![at(0, 4, -1, None)]));
    assert_eq!(codes(&answer), [0]);
    let (_, told) = one(fetch(&mut connection, 7, "", Some((&topic.name, vec![0]))));
    assert_eq!(told[0].1, 4);
}

#[test]
fn grp_15_an_empty_commit_is_legal() {
    let (mut connection, group, topic) = prepared();
    for version in 2..=9 {
        let empty = OffsetCommitRequest::default().with_group_id(id(&group)).with_generation_id_or_member_epoch(-1);
        assert!(connection.call(version, &empty.with_retention_time_ms(-1)).topics.is_empty());
    }
    let nothing = one(fetch(&mut connection, 7, &group, Some((&topic.name, vec![]))));
    assert_eq!(nothing, (0, vec![]));
}

#[test]
fn grp_23_several_groups_are_asked_at_once() {
    let (mut connection, group, topic) = prepared();
    connection.call(8, &commit_request(&group, &topic.name, vec![at(0, 5, -1, None)]));
    let unknown = fresh_name("unknown");
    let wanted = |group: &str| {
        let topic = OffsetFetchRequestTopics::default().with_name(topic_name(&topic.name));
        let group = OffsetFetchRequestGroup::default().with_group_id(id(group)).with_member_id(None);
        group.with_member_epoch(-1).with_topics(Some(vec![topic.with_partition_indexes(vec![0])]))
    };
    for version in 8..=9 {
        let request = OffsetFetchRequest::default().with_groups(vec![wanted(&group), wanted(&unknown)]);
        let answer = connection.call(version, &request.with_require_stable(true));
        let told: Vec<_> = answer
            .groups
            .iter()
            .map(|told| (told.group_id.to_string(), told.error_code, told.topics[0].partitions[0].committed_offset))
            .collect();
        assert_eq!(told, [(group.clone(), 0, 5), (unknown.clone(), 0, -1)], "version {version}");
    }
}

fn delete(connection: &mut Connection, group: &str, topic: &str, partitions: &[i32]) -> (i16, Vec<i16>) {
    let partition = |index: &i32| OffsetDeleteRequestPartition::default().with_partition_index(*index);
    let topic = OffsetDeleteRequestTopic::default().with_name(topic_name(topic));
    let topic = topic.with_partitions(partitions.iter().map(partition).collect());
    let request = OffsetDeleteRequest::default().with_group_id(id(group)).with_topics(vec![topic]);
    let answer = connection.call(0, &request);
    let mut told: Vec<(i32, i16)> = answer
        .topics
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(|told| (told.partition_index, told.error_code))
        .collect();
    told.sort();
    (answer.error_code, told.into_iter().map(|(_, code)| code).collect())
}

#[test]
fn grp_22_offsets_are_deleted_one_by_one() {
    let (mut connection, group, topic) = prepared();
    assert_eq!(delete(&mut connection, &group, &topic.name, &[0]), (Code::GroupIdNotFound.code(), vec![]));
    assert_eq!(delete(&mut connection, "", &topic.name, &[0]), (Code::InvalidGroupId.code(), vec![]));
    let partitions = vec![at(0, 5, -1, None), at(1, 6, -1, None)];
    connection.call(8, &commit_request(&group, &topic.name, partitions));
    let unknown = Code::UnknownTopicOrPartition.code();
    assert_eq!(delete(&mut connection, &group, &topic.name, &[0, 9]), (0, vec![0, unknown]));
    let (_, told) = one(fetch(&mut connection, 5, &group, None));
    assert_eq!(told.iter().map(|told| (told.0, told.1)).collect::<Vec<_>>(), [(1, 6)]);
}

#[test]
fn grp_21_a_group_whose_last_offset_was_deleted_is_empty_until_somebody_looks() {
    let (mut connection, group, topic) = prepared();
    let is_listed = |connection: &mut Connection| {
        let request = ListGroupsRequest::default().with_states_filter(vec![text("Empty")]);
        connection.call(4, &request).groups.iter().any(|listed| listed.group_id == id(&group))
    };
    connection.call(8, &commit_request(&group, &topic.name, vec![at(0, 5, -1, None)]));
    assert_eq!(delete(&mut connection, &group, &topic.name, &[0]), (0, vec![0]));
    assert!(is_listed(&mut connection));
    for version in [5, DESCRIBE] {
        let described = describe(&mut connection, version, &group);
        assert_eq!((described.error_code, described.group_state.as_str()), (0, "Empty"), "version {version}");
        assert_eq!((described.protocol_type.as_str(), described.members.len()), ("", 0));
    }
    assert_eq!(delete(&mut connection, &group, &topic.name, &[0]), (0, vec![0]), "again");
    let request = DeleteGroupsRequest::default().with_groups_names(vec![id(&group)]);
    assert_ok(connection.call(2, &request).results[0].error_code);
    assert!(!is_listed(&mut connection));
    assert_error(describe(&mut connection, DESCRIBE, &group).error_code, Code::GroupIdNotFound);
    assert_error(connection.call(2, &request).results[0].error_code, Code::GroupIdNotFound);
}

#[test]
fn grp_22_groups_are_deleted_with_their_offsets() {
    for version in 0..=2 {
        let (mut connection, group, topic) = prepared();
        connection.call(8, &commit_request(&group, &topic.name, vec![at(0, 5, -1, None)]));
        let unknown = fresh_name("unknown");
        let request = DeleteGroupsRequest::default();
        let request = request.with_groups_names(vec![id(&group), id(&unknown), id(&group)]);
        let answer = connection.call(version, &request);
        let mut told: Vec<_> =
            answer.results.iter().map(|result| (result.group_id.to_string(), result.error_code)).collect();
        told.sort();
        assert_eq!(told, [(group.clone(), 0), (unknown, Code::GroupIdNotFound.code())], "version {version}");
        assert_eq!(one(fetch(&mut connection, 5, &group, None)), (0, vec![]));
    }
}

#[test]
fn grp_22_an_id_that_nobody_came_back_with_is_no_member() {
    let (mut connection, group, topic) = prepared();
    connection.call(8, &commit_request(&group, &topic.name, vec![at(0, 5, -1, None), at(1, 6, -1, None)]));
    let told = Connection::open().call(JOIN, &joining(&group, "", &["range"]));
    assert_error(told.error_code, Code::MemberIdRequired);
    assert_eq!(delete(&mut connection, &group, &topic.name, &[0]), (0, vec![0]));
    let request = DeleteGroupsRequest::default().with_groups_names(vec![id(&group)]);
    assert_ok(connection.call(2, &request).results[0].error_code);
    assert_eq!(one(fetch(&mut connection, 5, &group, None)), (0, vec![]));
}

#[test]
fn grp_22_a_topic_made_anew_does_not_inherit_offsets() {
    let (mut connection, group, topic) = prepared();
    let other = new_topic(&mut connection, 1);
    connection.call(8, &commit_request(&group, &topic.name, vec![at(0, 5, -1, None), at(1, 6, -1, None)]));
    connection.call(8, &commit_request(&group, &other.name, vec![at(0, 7, -1, None)]));
    let state = DeleteTopicState::default().with_name(Some(topic_name(&*topic.name)));
    let request = DeleteTopicsRequest::default().with_topics(vec![state]).with_timeout_ms(10_000);
    assert_ok(connection.call(6, &request).responses[0].error_code);
    // The broker forgets in its own time: no member is there that could object.
    eventually(20_000, "offsets of the deleted topic go", || {
        let (_, told) = one(fetch(&mut connection, 5, &group, None));
        (told.iter().map(|told| (told.0, told.1)).collect::<Vec<_>>() == [(0, 7)]).then_some(())
    });
    let wanted =
        CreatableTopic::default().with_name(topic_name(&*topic.name)).with_num_partitions(3).with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000);
    eventually(20_000, "the name is free again", || {
        (connection.call(7, &request).topics[0].error_code == 0).then_some(())
    });
    let (_, told) = one(fetch(&mut connection, 5, &group, Some((&topic.name, vec![0, 1]))));
    assert_eq!(told.iter().map(|told| told.1).collect::<Vec<_>>(), [-1, -1]);
}
