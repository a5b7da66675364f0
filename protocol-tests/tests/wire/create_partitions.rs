//! CreatePartitions 0 to 3: more partitions, never fewer.
use kafka_protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{BrokerId, CreatePartitionsRequest};
use protocol_tests::time::eventually;
use protocol_tests::transactional::find_coordinator;
use protocol_tests::{
    Batch, Code, Connection, assert_error, assert_ok, await_topic, fresh_name, metadata, new_topic, node_id, on_kafka,
    produce_at, topic_name,
};

fn wanted(name: &str, count: i32) -> CreatePartitionsTopic {
    CreatePartitionsTopic::default().with_name(topic_name(name)).with_count(count).with_assignments(None)
}

fn assigned(name: &str, count: i32, assignments: &[&[BrokerId]]) -> CreatePartitionsTopic {
    let one = |brokers: &&[BrokerId]| CreatePartitionsAssignment::default().with_broker_ids(brokers.to_vec());
    wanted(name, count).with_assignments(Some(assignments.iter().map(one).collect()))
}

fn grow_all(version: i16, topics: Vec<CreatePartitionsTopic>, validate_only: bool) -> Vec<CreatePartitionsTopicResult> {
    let request = CreatePartitionsRequest::default().with_topics(topics).with_timeout_ms(15_000);
    let answer = Connection::open().call(version, &request.with_validate_only(validate_only));
    assert_eq!(answer.throttle_time_ms, 0);
    answer.results
}

fn grow(version: i16, topic: CreatePartitionsTopic) -> CreatePartitionsTopicResult {
    let mut results = grow_all(version, vec![topic], false);
    assert_eq!(results.len(), 1);
    results.remove(0)
}

fn count(name: &str) -> usize {
    metadata(&mut Connection::open(), 12, Some(&[name])).topics[0].partitions.len()
}

#[test]
fn every_version_adds_partitions() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 0..=3 {
        let total = 2 + i32::from(version);
        let result = grow(version, wanted(&topic.name, total));
        assert_ok(result.error_code);
        assert_eq!(result.name.as_str(), topic.name);
        assert_eq!(result.error_message, None);
        await_topic(&mut connection, &topic, total);
        let answer = produce_at(&mut connection, 13, &topic, total - 1, Batch::of(&["new"]).encode());
        assert_ok(answer.error_code);
        assert_eq!(answer.base_offset, 0);
    }
}

#[test]
fn the_same_count_or_fewer_is_invalid() {
    let topic = new_topic(&mut Connection::open(), 3);
    for version in 0..=3 {
        for total in [3, 2, 1, 0, -1, i32::MIN] {
            let result = grow(version, wanted(&topic.name, total));
            assert_error(result.error_code, Code::InvalidPartitions);
            assert!(result.error_message.is_some());
        }
    }
    assert_eq!(count(&topic.name), 3);
}

#[test]
fn an_unknown_topic() {
    for version in 0..=3 {
        let result = grow(version, wanted(&fresh_name("missing"), 2));
        assert_error(result.error_code, Code::UnknownTopicOrPartition);
    }
}

#[test]
fn validate_only_changes_nothing() {
    let topic = new_topic(&mut Connection::open(), 1);
    for version in 0..=3 {
        let results = grow_all(version, vec![wanted(&topic.name, 5)], true);
        assert_ok(results[0].error_code);
        let results = grow_all(version, vec![wanted(&topic.name, 1)], true);
        assert_error(results[0].error_code, Code::InvalidPartitions);
    }
    assert_eq!(count(&topic.name), 1);
}

#[test]
fn manual_assignments() {
    let mut connection = Connection::open();
    let node = node_id(&mut connection);
    let topic = new_topic(&mut connection, 1);
    let other = BrokerId(node.0 + 1_000);
    for wrong in [
        assigned(&topic.name, 3, &[&[node]]),
        assigned(&topic.name, 2, &[&[node], &[node]]),
        assigned(&topic.name, 2, &[&[other]]),
        assigned(&topic.name, 2, &[&[node, node]]),
        assigned(&topic.name, 2, &[&[]]),
    ] {
        assert_error(grow(3, wrong).error_code, Code::InvalidReplicaAssignment);
    }
    assert_ok(grow(3, assigned(&topic.name, 3, &[&[node], &[node]])).error_code);
    await_topic(&mut connection, &topic, 3);
}

#[test]
fn errors_are_per_topic_and_names_come_once() {
    let mut connection = Connection::open();
    let topics = [new_topic(&mut connection, 1), new_topic(&mut connection, 1)];
    let results = grow_all(
        3,
        vec![
            wanted(&topics[0].name, 2),
            wanted(&topics[1].name, 2),
            wanted(&topics[1].name, 3),
            wanted(&fresh_name("missing"), 2),
        ],
        false,
    );
    assert_eq!(results.len(), 3);
    for result in results {
        if result.name == topics[0].wire_name() {
            assert_ok(result.error_code);
        } else if result.name == topics[1].wire_name() {
            assert_error(result.error_code, Code::InvalidRequest);
        } else {
            assert_error(result.error_code, Code::UnknownTopicOrPartition);
        }
    }
    assert_eq!(count(&topics[1].name), 1);
}

#[test]
fn without_time_none_are_added() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 0..=3 {
        for timeout_ms in [0, -1] {
            let request = CreatePartitionsRequest::default().with_topics(vec![wanted(&topic.name, 2)]);
            let answer = connection.call(version, &request.with_timeout_ms(timeout_ms));
            assert_error(answer.results[0].error_code, Code::RequestTimedOut);
        }
    }
    assert_eq!(count(&topic.name), 1);
}

#[test]
fn txn_19_the_coordinators_topics_take_no_more_partitions() {
    if on_kafka() {
        return; // It adds them, and its next start looks for every id and group in another partition.
    }
    let mut connection = Connection::open();
    for (name, kind) in [("__consumer_offsets", 0), ("__transaction_state", 1)] {
        let mut code = || connection.call(4, &find_coordinator(kind, "some-id")).coordinators[0].error_code;
        eventually(20_000, "a coordinator", || (code() == 0).then_some(()));
        let before = count(name);
        for version in 0..=3 {
            for (total, validate_only) in [(60, false), (60, true), (before as i32, false), (1, false)] {
                let refused = grow_all(version, vec![wanted(name, total)], validate_only).remove(0);
                assert_error(refused.error_code, Code::InvalidRequest);
                assert!(refused.error_message.is_some_and(|text| text.contains("num.partitions")), "{name}");
            }
        }
        assert_eq!(count(name), before, "{name}");
    }
}
