//! Codes that only groups with members give: what must not be deleted under them, and commits of who is not, or no longer, in the group.
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};
use protocol_tests::groups::{JOIN, SYNC, group_id, identity, join, joining, leave, new_group, subscription, sync};
use protocol_tests::{Code, Connection, Topic, assert_error, assert_ok, new_topic, text};

/// A stable classic group of one that is subscribed to the topic: its member and generation.
fn classic(connection: &mut Connection, group: &str, topic: &Topic) -> (String, i32) {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    let protocol = protocol.with_metadata(subscription(&topic.name));
    let joined = join(connection, JOIN, joining(group, "", &[]).with_protocols(vec![protocol]));
    assert_ok(joined.error_code);
    assert_ok(sync(connection, SYNC, group, &joined, &[(joined.member_id.as_str(), "all")]).error_code);
    (joined.member_id.to_string(), joined.generation_id)
}

/// A group of one over the consumer protocol: its member and epoch.
fn consumer(connection: &mut Connection, group: &str, topic: &Topic) -> (String, i32) {
    let member = "BBBBBBBBBBBBBBBBBBBBBB";
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text(member))
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![topic.wire_name()]))
        .with_topic_partitions(Some(vec![]));
    let answer = connection.call(1, &request);
    assert_ok(answer.error_code);
    (member.to_string(), answer.member_epoch)
}

fn commit(connection: &mut Connection, version: i16, group: &str, topic: &Topic, member: &str, epoch: i32) -> i16 {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(1);
    let asked = OffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text(member))
        .with_generation_id_or_member_epoch(epoch)
        .with_group_instance_id(None)
        .with_topics(vec![asked]);
    connection.call(version, &request).topics[0].partitions[0].error_code
}

fn fetch(connection: &mut Connection, group: &str, topic: &Topic, member: &str, epoch: i32) -> i16 {
    let asked = OffsetFetchRequestTopics::default().with_name(topic.wire_name()).with_partition_indexes(vec![0]);
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_member_id(Some(text(member)))
        .with_member_epoch(epoch)
        .with_topics(Some(vec![asked]));
    connection.call(9, &OffsetFetchRequest::default().with_groups(vec![asked])).groups[0].error_code
}

fn delete_offset(connection: &mut Connection, group: &str, topic: &Topic) -> i16 {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(0);
    let asked = OffsetDeleteRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default().with_group_id(group_id(group)).with_topics(vec![asked]);
    let answer = connection.call(0, &request);
    assert_ok(answer.error_code);
    answer.topics[0].partitions[0].error_code
}

#[track_caller]
fn nothing_is_deleted(connection: &mut Connection, group: &str, topic: &Topic) {
    for version in 0..=2 {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(group)]);
        assert_error(connection.call(version, &request).results[0].error_code, Code::NonEmptyGroup);
    }
    assert_error(delete_offset(connection, group, topic), Code::GroupSubscribedToTopic);
    let other = new_topic(connection, 1);
    assert_ok(delete_offset(connection, group, &other));
}

#[test]
fn grp_22_what_members_of_a_classic_group_use_is_not_deleted() {
    let mut connection = Connection::open();
    let (topic, group) = (new_topic(&mut connection, 1), new_group());
    let (member, generation) = classic(&mut connection, &group, &topic);
    assert_ok(commit(&mut connection, 9, &group, &topic, &member, generation));
    nothing_is_deleted(&mut connection, &group, &topic);
    leave(&mut connection, 5, &group, vec![identity(&member, None)]);
    assert_ok(delete_offset(&mut connection, &group, &topic));
}

#[test]
fn grp_22_what_members_of_a_consumer_group_use_is_not_deleted() {
    let mut connection = Connection::open();
    let (topic, group) = (new_topic(&mut connection, 1), new_group());
    let (member, epoch) = consumer(&mut connection, &group, &topic);
    assert_ok(commit(&mut connection, 9, &group, &topic, &member, epoch));
    nothing_is_deleted(&mut connection, &group, &topic);
}

#[test]
fn grp_15_commits_to_a_classic_group_are_of_its_members_and_generation() {
    let mut connection = Connection::open();
    let (topic, group) = (new_topic(&mut connection, 1), new_group());
    let (member, generation) = classic(&mut connection, &group, &topic);
    for version in 2..=9 {
        let mut code = |member: &str, generation| commit(&mut connection, version, &group, &topic, member, generation);
        assert_error(code("stranger", generation), Code::UnknownMemberId);
        assert_error(code("", -1), Code::UnknownMemberId);
        assert_error(code(&member, generation + 1), Code::IllegalGeneration);
        assert_ok(code(&member, generation));
    }
}

#[test]
fn cg_6_commits_and_questions_of_a_consumer_group_are_of_its_members_and_epochs() {
    let mut connection = Connection::open();
    let (topic, group) = (new_topic(&mut connection, 1), new_group());
    let (member, epoch) = consumer(&mut connection, &group, &topic);
    let mut code = |member: &str, epoch| commit(&mut connection, 9, &group, &topic, member, epoch);
    assert_error(code("stranger", epoch), Code::UnknownMemberId);
    assert_error(code(&member, epoch + 1), Code::StaleMemberEpoch);
    assert_error(code(&member, 0), Code::StaleMemberEpoch);
    assert_ok(code(&member, epoch));
    // Before version 9 it cannot be told of its epochs.
    assert_error(commit(&mut connection, 8, &group, &topic, &member, epoch), Code::UnsupportedVersion);
    assert_error(fetch(&mut connection, &group, &topic, "stranger", epoch), Code::UnknownMemberId);
    assert_error(fetch(&mut connection, &group, &topic, &member, epoch + 1), Code::StaleMemberEpoch);
    assert_ok(fetch(&mut connection, &group, &topic, &member, epoch));
}
