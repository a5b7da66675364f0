//! ElectLeaders 0 to 2 (KIP-460).
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse};
use protocol_tests::{Code, Connection, assert_error, assert_ok, fresh_name, new_topic, topic_name};

fn elect(version: i16, kind: i8, topics: &[(&str, &[i32])]) -> ElectLeadersResponse {
    elect_within(15_000, version, kind, topics)
}

fn elect_within(timeout_ms: i32, version: i16, kind: i8, topics: &[(&str, &[i32])]) -> ElectLeadersResponse {
    let topics = topics.iter().map(|(name, partitions)| {
        TopicPartitions::default().with_topic(topic_name(*name)).with_partitions(partitions.to_vec())
    });
    let request = ElectLeadersRequest::default().with_topic_partitions(Some(topics.collect()));
    Connection::open().call(version, &request.with_timeout_ms(timeout_ms).with_election_type(kind))
}

/// The codes of the only topic.
fn codes(answer: &ElectLeadersResponse) -> Vec<i16> {
    assert_eq!(answer.replica_election_results.len(), 1);
    answer.replica_election_results[0].partition_result.iter().map(|one| one.error_code).collect()
}

#[test]
fn a_partition_that_is_led_as_it_should_be_needs_no_election() {
    let topic = new_topic(&mut Connection::open(), 2);
    for version in 0..=2 {
        for kind in if version == 0 { 0..=0 } else { 0..=1 } {
            let answer = elect(version, kind, &[(&topic.name, &[1, 0])]);
            assert_ok(answer.error_code);
            let told = &answer.replica_election_results[0];
            assert_eq!(told.topic.as_str(), topic.name);
            assert_eq!(told.partition_result.iter().map(|one| one.partition_id).collect::<Vec<_>>(), [1, 0]);
            for partition in &told.partition_result {
                assert_error(partition.error_code, Code::ElectionNotNeeded);
                assert!(partition.error_message.is_some());
            }
        }
    }
}

#[test]
fn topics_and_partitions_that_do_not_exist() {
    let topic = new_topic(&mut Connection::open(), 1);
    for version in 0..=2 {
        let unknown = elect(version, 0, &[(&fresh_name("absent"), &[0])]);
        assert_ok(unknown.error_code);
        assert_error(codes(&unknown)[0], Code::UnknownTopicOrPartition);
        for number in [1, -1, i32::MAX] {
            assert_error(codes(&elect(version, 0, &[(&topic.name, &[number])]))[0], Code::UnknownTopicOrPartition);
        }
    }
}

#[test]
fn without_time_nobody_is_elected() {
    let topic = new_topic(&mut Connection::open(), 2);
    for timeout_ms in [0, -1, i32::MIN] {
        for version in 0..=2 {
            let answer = elect_within(timeout_ms, version, 0, &[(&topic.name, &[0, 7])]);
            if version >= 1 {
                assert_error(answer.error_code, Code::RequestTimedOut);
            }
            assert_eq!(codes(&answer), [Code::RequestTimedOut.code(); 2], "version {version}, {timeout_ms} ms");
            assert!(elect_within(timeout_ms, version, 0, &[]).replica_election_results.is_empty());
        }
        let all = ElectLeadersRequest::default().with_topic_partitions(None).with_timeout_ms(timeout_ms);
        let answer = Connection::open().call(2, &all);
        assert_error(answer.error_code, Code::RequestTimedOut);
        assert!(answer.replica_election_results.is_empty());
    }
}

#[test]
fn nothing_asked_nothing_told() {
    for version in 0..=2 {
        let answer = elect(version, 0, &[]);
        assert_ok(answer.error_code);
        assert!(answer.replica_election_results.is_empty());
    }
}

#[test]
fn for_all_partitions_those_that_need_none_are_not_told() {
    let topic = new_topic(&mut Connection::open(), 3);
    for version in 0..=2 {
        let request = ElectLeadersRequest::default().with_topic_partitions(None).with_timeout_ms(15_000);
        let answer = Connection::open().call(version, &request);
        assert_ok(answer.error_code);
        let told = answer.replica_election_results.iter().filter(|one| one.topic.as_str() == topic.name);
        assert!(told.flat_map(|one| &one.partition_result).next().is_none());
    }
}

#[test]
fn an_unknown_kind_of_election() {
    let topic = new_topic(&mut Connection::open(), 1);
    for version in 1..=2 {
        for kind in [2, -1, i8::MAX] {
            let answer = elect(version, kind, &[(&topic.name, &[0])]);
            assert_error(answer.error_code, Code::InvalidRequest);
            assert_error(codes(&answer)[0], Code::InvalidRequest);
        }
    }
}
