//! AlterPartitionReassignments 0 to 1 and ListPartitionReassignments (KIP-455, KIP-860), as far as one broker goes.
use kafka_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use kafka_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerId,
    ListPartitionReassignmentsRequest,
};
use protocol_tests::{
    Code, Connection, assert_error, assert_ok, fresh_name, metadata, new_topic, node_id, on_kafka, topic_name,
};

fn alter(
    version: i16,
    name: &str,
    partition: i32,
    replicas: Option<&[BrokerId]>,
) -> AlterPartitionReassignmentsResponse {
    alter_within(15_000, version, name, partition, replicas)
}

fn alter_within(
    timeout_ms: i32,
    version: i16,
    name: &str,
    partition: i32,
    replicas: Option<&[BrokerId]>,
) -> AlterPartitionReassignmentsResponse {
    let wanted = ReassignablePartition::default()
        .with_partition_index(partition)
        .with_replicas(replicas.map(<[BrokerId]>::to_vec));
    let topic = ReassignableTopic::default().with_name(topic_name(name)).with_partitions(vec![wanted]);
    let request = AlterPartitionReassignmentsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout_ms);
    Connection::open().call(version, &request)
}

#[track_caller]
fn assert_refused(answer: &AlterPartitionReassignmentsResponse, code: Code) {
    assert_ok(answer.error_code);
    assert_error(answer.responses[0].partitions[0].error_code, code);
    assert!(answer.responses[0].partitions[0].error_message.is_some());
}

#[test]
fn replicas_that_stay_where_they_are() {
    let mut connection = Connection::open();
    let (topic, node) = (new_topic(&mut connection, 2), node_id(&mut connection));
    for version in 0..=1 {
        let answer = alter(version, &topic.name, 1, Some(&[node]));
        assert_ok(answer.error_code);
        assert_eq!(answer.error_message, None);
        assert!(answer.allow_replication_factor_change);
        assert_eq!(answer.responses[0].name.as_str(), topic.name);
        let told = &answer.responses[0].partitions[0];
        assert_eq!((told.partition_index, told.error_code, &told.error_message), (1, 0, &None));
    }
    let seen = metadata(&mut connection, 12, Some(&[&topic.name]));
    assert!(seen.topics[0].partitions.iter().all(|one| one.replica_nodes == [node] && one.leader_id == node));
}

#[test]
fn replicas_that_cannot_be() {
    let mut connection = Connection::open();
    let (topic, node) = (new_topic(&mut connection, 1), node_id(&mut connection));
    for version in 0..=1 {
        for replicas in [&[][..], &[node, node], &[BrokerId(node.0 + 900)], &[BrokerId(-1)]] {
            assert_refused(&alter(version, &topic.name, 0, Some(replicas)), Code::InvalidReplicaAssignment);
        }
        for number in [1, -1] {
            assert_refused(&alter(version, &topic.name, number, Some(&[node])), Code::UnknownTopicOrPartition);
        }
        let absent = alter(version, &fresh_name("absent"), 0, Some(&[node]));
        assert_refused(&absent, Code::UnknownTopicOrPartition);
    }
}

#[test]
fn without_time_nothing_is_moved() {
    let mut connection = Connection::open();
    let (topic, node) = (new_topic(&mut connection, 1), node_id(&mut connection));
    for timeout_ms in [0, -1, i32::MIN] {
        for version in 0..=1 {
            for partition in [0, 7] {
                let answer = alter_within(timeout_ms, version, &topic.name, partition, Some(&[node]));
                assert_error(answer.error_code, Code::RequestTimedOut);
                assert_eq!(answer.responses[0].name.as_str(), topic.name);
                let told = &answer.responses[0].partitions[0];
                assert_eq!(told.partition_index, partition);
                assert_error(told.error_code, Code::RequestTimedOut);
            }
            let nothing = AlterPartitionReassignmentsRequest::default().with_timeout_ms(timeout_ms);
            assert_ok(Connection::open().call(version, &nothing).error_code);
        }
    }
}

#[test]
fn nothing_is_under_way() {
    let topic = new_topic(&mut Connection::open(), 1);
    for version in 0..=1 {
        let answer = alter(version, &topic.name, 0, None);
        assert_ok(answer.error_code);
        assert_error(answer.responses[0].partitions[0].error_code, Code::NoReassignmentInProgress);
    }
    let asked = ListPartitionReassignmentsTopics::default().with_partition_indexes(vec![0, 7]);
    let asked = vec![asked.clone().with_name(topic_name(&topic.name)), asked.with_name(topic_name("absent"))];
    for topics in [None, Some(vec![]), Some(asked)] {
        let answer = Connection::open().call(0, &ListPartitionReassignmentsRequest::default().with_topics(topics));
        assert_ok(answer.error_code);
        assert_eq!(answer.error_message, None);
        assert!(answer.topics.is_empty());
    }
}

#[test]
fn whether_there_may_be_more_replicas_is_repeated() {
    let request = AlterPartitionReassignmentsRequest::default().with_allow_replication_factor_change(false);
    let answer = Connection::open().call(1, &request);
    assert_ok(answer.error_code);
    assert_eq!(answer.allow_replication_factor_change, on_kafka());
    assert!(answer.responses.is_empty());
}
