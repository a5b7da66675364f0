//! DeleteRecords 0 to 2: the log start moves, and what it answers where it may not (OFF-11).
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_records_response::DeleteRecordsPartitionResult;
use protocol_tests::groups::new_group;
use protocol_tests::{
    Batch, Code, Connection, Topic, append, assert_error, assert_ok, fetch, list_offsets, new_topic, new_topic_with,
    on_kafka, topic_name,
};

fn delete(version: i16, topic: &str, partition: i32, offset: i64) -> DeleteRecordsPartitionResult {
    let asked = DeleteRecordsPartition::default().with_partition_index(partition).with_offset(offset);
    let asked = DeleteRecordsTopic::default().with_name(topic_name(topic)).with_partitions(vec![asked]);
    let request = DeleteRecordsRequest::default().with_topics(vec![asked]).with_timeout_ms(15_000);
    let mut answer = Connection::open().call(version, &request);
    assert_eq!((answer.throttle_time_ms, answer.topics.len()), (0, 1));
    assert_eq!(answer.topics[0].name, topic_name(topic));
    assert_eq!(answer.topics[0].partitions.len(), 1);
    let result = answer.topics.remove(0).partitions.remove(0);
    assert_eq!(result.partition_index, partition);
    result
}

fn earliest(connection: &mut Connection, topic: &Topic) -> i64 {
    list_offsets(connection, 5, &topic.name, &[0], -2)[0].offset
}

#[test]
fn off_11_every_version_moves_the_log_start() {
    let mut connection = Connection::open();
    for version in 0..=2 {
        let topic = new_topic(&mut connection, 1);
        for _ in 0..4 {
            append(&mut connection, &topic, &Batch::of(&["a", "b"]));
        }
        let result = delete(version, &topic.name, 0, 3);
        assert_ok(result.error_code);
        assert_eq!(result.low_watermark, 3);
        assert_eq!(earliest(&mut connection, &topic), 3);
        assert_error(fetch(&mut connection, &topic, 2).error_code, Code::OffsetOutOfRange);
        let read = fetch(&mut connection, &topic, 3);
        assert_ok(read.error_code);
        assert_eq!(read.log_start_offset, 3);
        // It never moves back, and -1 is the high watermark.
        assert_eq!(delete(version, &topic.name, 0, 1).low_watermark, 3);
        assert_eq!(delete(version, &topic.name, 0, -1).low_watermark, 8);
        assert_eq!(earliest(&mut connection, &topic), 8);
        assert_eq!(append(&mut connection, &topic, &Batch::of(&["c"])), 8);
    }
}

#[test]
fn off_7_by_time_the_records_that_were_deleted_do_not_hide_those_of_later_segments() {
    let mut connection = Connection::open();
    let settings = [("segment.bytes", "1048576"), ("retention.ms", "-1")];
    let topic = new_topic_with(&mut connection, 1, &settings);
    let large = "x".repeat(900_000);
    // Two of the large ones do not fit one segment: the last begins another.
    for (time, value) in [(1_000, "first"), (500, large.as_str()), (900, large.as_str())] {
        append(&mut connection, &topic, &Batch::of(&[value]).timestamp(time));
    }
    let by_time = |connection: &mut Connection, time| {
        let found = list_offsets(connection, 5, &topic.name, &[0], time).remove(0);
        assert_ok(found.error_code);
        (found.offset, found.timestamp)
    };
    assert_eq!(by_time(&mut connection, 800), (0, 1_000));
    assert_ok(delete(2, &topic.name, 0, 1).error_code);
    assert_eq!(by_time(&mut connection, 500), (1, 500));
    // The first segment still knows of the time 1,000.
    assert_eq!(by_time(&mut connection, 800), if on_kafka() { (-1, -1) } else { (2, 900) });
}

#[test]
fn off_11_what_cannot_be_deleted() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["a"]));
    // From now on there are the coordinators' offsets.
    new_group();
    for (name, partition, offset, code) in [
        (topic.name.as_str(), 0, 2, Code::OffsetOutOfRange),
        (topic.name.as_str(), 0, -2, Code::OffsetOutOfRange),
        (topic.name.as_str(), 0, i64::MAX, Code::OffsetOutOfRange),
        (topic.name.as_str(), 1, 0, Code::UnknownTopicOrPartition),
        ("missing", 0, 0, Code::UnknownTopicOrPartition),
        ("__consumer_offsets", 0, 0, Code::InvalidTopicException),
        ("__consumer_offsets", 1_000, 0, Code::UnknownTopicOrPartition),
    ] {
        let result = delete(2, name, partition, offset);
        assert_error(result.error_code, code);
        assert_eq!(result.low_watermark, -1, "{name} {partition} {offset}");
    }
    assert_eq!(earliest(&mut connection, &topic), 0);
}

#[test]
fn off_11_a_topic_that_is_only_compacted_deletes_nothing() {
    let mut connection = Connection::open();
    for (policy, code) in [("compact", Some(Code::PolicyViolation)), ("compact,delete", None)] {
        let topic = new_topic_with(&mut connection, 1, &[("cleanup.policy", policy)]);
        let result = delete(2, &topic.name, 0, 0);
        match code {
            Some(code) => assert_error(result.error_code, code),
            None => assert_ok(result.error_code),
        }
    }
}
