//! Every request to a group's coordinator, at every version, where there is none and where its journal is damaged.
#![expect(clippy::disallowed_methods, reason = "scenarios stand outside the broker and its platform layer")]
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, CreateTopicsRequest, DeleteGroupsRequest,
    JoinGroupResponse, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    WriteTxnMarkersRequest,
    create_topics_request::CreatableTopic,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics},
    write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
};
use protocol_tests::{
    Code, Connection, assert_error, assert_ok,
    child::{Child, free_port},
    groups::*,
    text,
    time::eventually,
    topic_name,
};
use std::path::Path;

const GROUP: &str = "group";
const TOPIC: &str = "topic";
const SETTINGS: [&str; 3] =
    ["offsets.topic.num.partitions=1", "offsets.topic.replication.factor=1", "group.initial.rebalance.delay.ms=0"];

fn create_topic(connection: &mut Connection) {
    let topic =
        CreatableTopic::default().with_name(topic_name(TOPIC)).with_num_partitions(1).with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000);
    assert_ok(connection.call(5, &request).topics[0].error_code);
}

/// Partitions that do not exist are told so, whatever becomes of the others.
fn commit(connection: &mut Connection, version: i16) -> i16 {
    let at = |index| {
        let partition = OffsetCommitRequestPartition::default().with_partition_index(index);
        partition.with_committed_offset(1).with_committed_metadata(None)
    };
    let topic =
        |name, partitions| OffsetCommitRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions);
    let topics = vec![topic(TOPIC, vec![at(0), at(1)]), topic("nowhere", vec![at(0)])];
    let request = OffsetCommitRequest::default().with_group_id(group_id(GROUP)).with_topics(topics);
    let answer = connection.call(version, &request.with_generation_id_or_member_epoch(-1));
    let codes: Vec<_> = answer.topics.iter().flat_map(|topic| &topic.partitions).map(|told| told.error_code).collect();
    assert_eq!(codes[1..], [Code::UnknownTopicOrPartition.code(); 2], "version {version}");
    codes[0]
}

/// Version 1 has no place for an error but the partitions.
fn fetch(connection: &mut Connection, version: i16) -> i16 {
    if version >= 8 {
        let topic = OffsetFetchRequestTopics::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0]);
        let group = OffsetFetchRequestGroup::default().with_group_id(group_id(GROUP)).with_topics(Some(vec![topic]));
        let group = group.with_member_id(None).with_member_epoch(-1);
        return connection.call(version, &OffsetFetchRequest::default().with_groups(vec![group])).groups[0].error_code;
    }
    let topic = OffsetFetchRequestTopic::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default().with_group_id(group_id(GROUP)).with_topics(Some(vec![topic]));
    let answer = connection.call(version, &request);
    if version == 1 { answer.topics[0].partitions[0].error_code } else { answer.error_code }
}

fn delete_offset(connection: &mut Connection) -> i16 {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
    let topic = OffsetDeleteRequestTopic::default().with_name(topic_name(TOPIC)).with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default().with_group_id(group_id(GROUP)).with_topics(vec![topic]);
    connection.call(0, &request).error_code
}

fn consumer_heartbeat(connection: &mut Connection, version: i16) -> i16 {
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(GROUP))
        .with_member_id(text("member"))
        .with_instance_id(None)
        .with_rack_id(None)
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![topic_name(TOPIC)]))
        .with_subscribed_topic_regex(None)
        .with_server_assignor(None)
        .with_topic_partitions(Some(vec![]));
    connection.call(version, &request).error_code
}

/// What each request is told.
fn told(connection: &mut Connection) -> Vec<(&'static str, i16, i16)> {
    let joined = JoinGroupResponse::default()
        .with_member_id(text("member"))
        .with_generation_id(1)
        .with_protocol_name(Some(text("range")));
    let mut told = Vec::new();
    let mut each = |name, versions: std::ops::RangeInclusive<i16>, ask: &mut dyn FnMut(i16) -> i16| {
        told.extend(versions.map(|version| (name, version, ask(version))));
    };
    each("JoinGroup", 0..=9, &mut |version| connection.call(version, &joining(GROUP, "", &["range"])).error_code);
    each("SyncGroup", 0..=5, &mut |version| sync(connection, version, GROUP, &joined, &[]).error_code);
    each("Heartbeat", 0..=4, &mut |version| heartbeat(connection, version, GROUP, 1, "member"));
    each("LeaveGroup", 0..=5, &mut |version| {
        leave(connection, version, GROUP, vec![identity("member", None)]).error_code
    });
    each("DescribeGroups", 0..=6, &mut |version| describe(connection, version, GROUP).error_code);
    each("OffsetCommit", 2..=9, &mut |version| commit(connection, version));
    each("OffsetFetch", 1..=9, &mut |version| fetch(connection, version));
    each("OffsetDelete", 0..=0, &mut |_| delete_offset(connection));
    each("DeleteGroups", 0..=2, &mut |version| {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(GROUP)]);
        connection.call(version, &request).results[0].error_code
    });
    each("ConsumerGroupHeartbeat", 0..=1, &mut |version| consumer_heartbeat(connection, version));
    each("ConsumerGroupDescribe", 0..=1, &mut |version| {
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(GROUP)]);
        connection.call(version, &request).groups[0].error_code
    });
    told
}

/// OffsetFetch has a code of its own: consumers before 3.9 give up after others than NOT_COORDINATOR.
#[track_caller]
fn all_are_told(connection: &mut Connection, code: Code) {
    for (name, version, told) in told(connection) {
        let wanted = if name == "OffsetFetch" { Code::NotCoordinator } else { code };
        assert_eq!(told, wanted.code(), "{name} {version}");
    }
}

fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).expect("the journal");
    let at = bytes.len() - 3;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("the journal");
}

#[test]
fn grp_19_without_a_coordinator_or_with_a_damaged_one_every_request_is_told_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut broker = Child::start(free_port(), directory.path(), &SETTINGS);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    create_topic(&mut connection);
    all_are_told(&mut connection, Code::NotCoordinator);
    eventually(20_000, "the coordinator serves", || {
        let request = kafka_protocol::messages::FindCoordinatorRequest::default().with_key(text(GROUP));
        (connection.call(3, &request).error_code == 0 && commit(&mut connection, 8) == 0).then_some(())
    });
    broker.stop();
    flip_a_bit(&directory.path().join("data/__consumer_offsets-0/00000000000000000000.log"));
    let broker = Child::start(free_port(), directory.path(), &SETTINGS);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    eventually(20_000, "the damage is found", || {
        (commit(&mut connection, 8) != Code::CoordinatorLoadInProgress.code()).then_some(())
    });
    all_are_told(&mut connection, Code::CoordinatorNotAvailable);
    // Half of a list is none, and who sends markers looks for a leader.
    let listed = connection.call(5, &ListGroupsRequest::default());
    assert_error(listed.error_code, Code::CoordinatorNotAvailable);
    let journal = WritableTxnMarkerTopic::default().with_name(topic_name("__consumer_offsets"));
    let marker = WritableTxnMarker::default().with_producer_id(1.into());
    let marker = marker.with_topics(vec![journal.with_partition_indexes(vec![0])]);
    let answer = connection.call(1, &WriteTxnMarkersRequest::default().with_markers(vec![marker]));
    assert_error(answer.markers[0].topics[0].partitions[0].error_code, Code::NotLeaderOrFollower);
}
