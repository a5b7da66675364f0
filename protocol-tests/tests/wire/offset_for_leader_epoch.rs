//! OffsetForLeaderEpoch 2 to 4: where an epoch ends (FET-8, KIP-279, KIP-320).
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::offset_for_leader_epoch_response::EpochEndOffset;
use kafka_protocol::messages::{BrokerId, OffsetForLeaderEpochRequest};
use protocol_tests::{
    Batch, Code, Connection, Topic, append, assert_error, assert_ok, fresh_name, new_topic, topic_name,
};

fn ask(version: i16, topic: &str, partition: i32, current: i32, epoch: i32) -> EpochEndOffset {
    let wanted = OffsetForLeaderPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(current)
        .with_leader_epoch(epoch);
    let of_topic = OffsetForLeaderTopic::default().with_topic(topic_name(topic)).with_partitions(vec![wanted]);
    // Consumers say -1; in version 2 there is no such field.
    let replica = BrokerId(if version >= 3 { -1 } else { -2 });
    let request = OffsetForLeaderEpochRequest::default().with_replica_id(replica).with_topics(vec![of_topic]);
    let answer = Connection::open().call(version, &request);
    assert_eq!(answer.topics.len(), 1);
    assert_eq!(answer.topics[0].topic.as_str(), topic);
    assert_eq!(answer.topics[0].partitions.len(), 1);
    answer.topics[0].partitions[0].clone()
}

fn with_records(count: usize) -> Topic {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for _ in 0..count {
        append(&mut connection, &topic, &Batch::of(&["x"]));
    }
    topic
}

#[test]
fn fet_8_the_latest_epoch_ends_at_the_end() {
    let topic = with_records(4);
    for version in 2..=4 {
        for current in [-1, 0] {
            let found = ask(version, &topic.name, 0, current, 0);
            assert_ok(found.error_code);
            assert_eq!((found.partition, found.leader_epoch, found.end_offset), (0, 0, 4), "version {version}");
        }
    }
}

#[test]
fn fet_8_a_later_epoch_is_undefined() {
    let topic = with_records(4);
    for version in 2..=4 {
        for epoch in [1, 7, i32::MAX] {
            let found = ask(version, &topic.name, 0, -1, epoch);
            assert_ok(found.error_code);
            assert_eq!((found.leader_epoch, found.end_offset), (-1, -1));
        }
    }
}

#[test]
fn fet_8_no_epoch_is_undefined() {
    let topic = with_records(2);
    for version in 2..=4 {
        let found = ask(version, &topic.name, 0, -1, -1);
        assert_ok(found.error_code);
        assert_eq!((found.leader_epoch, found.end_offset), (-1, -1));
    }
}

#[test]
fn fet_8_an_empty_partition() {
    let topic = with_records(0);
    for version in 2..=4 {
        let found = ask(version, &topic.name, 0, -1, 0);
        assert_ok(found.error_code);
        assert_eq!((found.leader_epoch, found.end_offset), (0, 0));
    }
}

#[test]
fn fet_6_the_current_epoch_is_checked() {
    let topic = with_records(1);
    for version in 2..=4 {
        for current in [1, 100] {
            let found = ask(version, &topic.name, 0, current, 0);
            assert_error(found.error_code, Code::UnknownLeaderEpoch);
            assert_eq!((found.leader_epoch, found.end_offset), (-1, -1));
        }
    }
}

#[test]
fn unknown_topics_and_partitions() {
    let topic = with_records(1);
    for version in 2..=4 {
        for (name, partition) in [(fresh_name("missing"), 0), (topic.name.clone(), 1), (topic.name.clone(), -1)] {
            let found = ask(version, &name, partition, -1, 0);
            assert_error(found.error_code, Code::UnknownTopicOrPartition);
            assert_eq!((found.leader_epoch, found.end_offset), (-1, -1));
        }
    }
}
