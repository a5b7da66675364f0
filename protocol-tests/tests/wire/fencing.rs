//! A static member that was replaced: every API that it may still speak tells it so (GRP-14).
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{HeartbeatRequest, JoinGroupResponse, OffsetCommitRequest};
use protocol_tests::groups::*;
use protocol_tests::transactions::{Producer, commit_request, find};
use protocol_tests::{Code, Connection, Topic, assert_error, assert_ok, new_topic, text};

const INSTANCE: &str = "i";

/// A stable group whose one member has come back with another id: what the old one was told, and the new one.
#[track_caller]
fn replaced(connection: &mut Connection, group: &str, topic: &Topic) -> (JoinGroupResponse, JoinGroupResponse) {
    let request = joining(group, "", &[&topic.name]).with_group_instance_id(Some(text(INSTANCE)));
    let old = join(connection, JOIN, request.clone());
    assert_ok(old.error_code);
    let syncing = syncing(SYNC, group, &old, &[(&old.member_id, "mine")]);
    assert_ok(connection.call(SYNC, &syncing.with_group_instance_id(Some(text(INSTANCE)))).error_code);
    let new = connection.call(JOIN, &request);
    assert_ok(new.error_code);
    assert_ne!(new.member_id, old.member_id);
    (old, new)
}

#[test]
fn grp_14_a_replaced_static_member_is_fenced_by_the_apis_of_its_group() {
    let mut connection = Connection::open();
    let (group, topic) = (new_group(), new_topic(&mut connection, 1));
    let (old, new) = replaced(&mut connection, &group, &topic);
    let beat = |member: &JoinGroupResponse| {
        HeartbeatRequest::default()
            .with_group_id(group_id(&group))
            .with_generation_id(new.generation_id)
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(Some(text(INSTANCE)))
    };
    for version in 3..=HEARTBEAT {
        assert_error(connection.call(version, &beat(&old)).error_code, Code::FencedInstanceId);
        assert_ok(connection.call(version, &beat(&new)).error_code);
    }
    for version in 3..=SYNC {
        let request = |member| syncing(version, &group, member, &[]).with_group_instance_id(Some(text(INSTANCE)));
        let answer = connection.call(version, &request(&old));
        assert_error(answer.error_code, Code::FencedInstanceId);
        assert!(answer.assignment.is_empty());
        let answer = connection.call(version, &request(&new));
        assert_ok(answer.error_code);
        assert_eq!(answer.assignment, "mine");
    }
    for version in 7..=9 {
        let mut commit = |member: &JoinGroupResponse| {
            let at = OffsetCommitRequestPartition::default().with_committed_offset(5).with_committed_metadata(None);
            let at = OffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![at]);
            let request = OffsetCommitRequest::default()
                .with_group_id(group_id(&group))
                .with_member_id(member.member_id.clone())
                .with_generation_id_or_member_epoch(new.generation_id)
                .with_group_instance_id(Some(text(INSTANCE)))
                .with_topics(vec![at]);
            connection.call(version, &request).topics[0].partitions[0].error_code
        };
        assert_error(commit(&old), Code::FencedInstanceId);
        assert_ok(commit(&new));
    }
    for version in 3..=LEAVE {
        let answer = leave(&mut connection, version, &group, vec![identity(&old.member_id, Some(INSTANCE))]);
        assert_ok(answer.error_code);
        assert_error(answer.members[0].error_code, Code::FencedInstanceId);
    }
    assert_ok(connection.call(HEARTBEAT, &beat(&new)).error_code);
}

#[test]
fn txn_21_a_replaced_static_member_commits_no_offsets_in_a_transaction() {
    let mut producer = Producer::fresh();
    let (group, topic) = (new_group(), new_topic(&mut producer.connection, 1));
    find(&mut producer.connection, 0, &group);
    let (old, new) = replaced(&mut Connection::open(), &group, &topic);
    assert_ok(producer.add_offsets(3, &group));
    for version in 3..=5 {
        let mut commit = |member: &JoinGroupResponse| {
            let request = commit_request(&producer, &group, &topic, 7)
                .with_member_id(member.member_id.clone())
                .with_generation_id(new.generation_id)
                .with_group_instance_id(Some(text(INSTANCE)));
            producer.connection.call(version, &request).topics[0].partitions[0].error_code
        };
        assert_error(commit(&old), Code::FencedInstanceId);
        assert_ok(commit(&new));
    }
    assert_ok(producer.end(4, false).error_code);
}
