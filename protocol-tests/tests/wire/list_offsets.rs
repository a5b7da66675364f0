//! ListOffsets 1 to 11: by time, the special timestamps, errors (OFF-6, OFF-7, OFF-9).
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};
use protocol_tests::time::now_ms;
use protocol_tests::{
    Batch, Code, Codec, Connection, EARLIEST, EARLIEST_LOCAL, EARLIEST_PENDING_UPLOAD, LATEST, LATEST_TIERED,
    MAX_TIMESTAMP, Record, Topic, append, assert_error, assert_ok, fresh_name, new_topic, produce_at, topic_name,
};

const EPOCH_NOT_GIVEN: i32 = -1;

fn request(name: &str, partitions: Vec<ListOffsetsPartition>) -> ListOffsetsRequest {
    let topic = ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(partitions);
    ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic])
}

fn wanted(partition: i32, timestamp: i64) -> ListOffsetsPartition {
    ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_timestamp(timestamp)
        .with_current_leader_epoch(EPOCH_NOT_GIVEN)
}

/// The answer for partition 0 at a version; 11 has the form of 10.
fn ask(version: i16, topic: &Topic, timestamp: i64) -> ListOffsetsPartitionResponse {
    let request = request(&topic.name, vec![wanted(0, timestamp)]);
    let mut connection = Connection::open();
    let answer = connection.call_numbered(version, version.min(10), &request);
    assert_eq!(answer.throttle_time_ms, 0);
    assert_eq!(answer.topics.len(), 1);
    assert_eq!(answer.topics[0].name.as_str(), topic.name);
    assert_eq!(answer.topics[0].partitions.len(), 1);
    answer.topics[0].partitions[0].clone()
}

/// A topic whose record at offset n has the timestamp `start` + 10 n, in batches of three.
fn stamped(start: i64) -> (Connection, Topic) {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for batch in 0..4 {
        let mut made = Batch::of(&["a", "b", "c"]).timestamp(start + batch * 30);
        made.records[1].timestamp_delta = 10;
        made.records[2].timestamp_delta = 20;
        append(&mut connection, &topic, &made.codec(Codec::ALL[batch as usize]));
    }
    (connection, topic)
}

#[test]
fn off_6_earliest_and_latest_at_every_version() {
    let (_, topic) = stamped(now_ms());
    for version in 1..=11 {
        let first = ask(version, &topic, EARLIEST);
        assert_ok(first.error_code);
        assert_eq!((first.offset, first.timestamp, first.partition_index), (0, -1, 0), "version {version}");
        let last = ask(version, &topic, LATEST);
        assert_ok(last.error_code);
        assert_eq!((last.offset, last.timestamp), (12, -1), "version {version}");
        assert_eq!(last.leader_epoch, if version >= 4 { 0 } else { -1 });
    }
}

#[test]
fn off_6_an_empty_partition() {
    let topic = new_topic(&mut Connection::open(), 1);
    for version in 1..=11 {
        for timestamp in [EARLIEST, LATEST] {
            let found = ask(version, &topic, timestamp);
            assert_ok(found.error_code);
            assert_eq!((found.offset, found.timestamp), (0, -1));
        }
        let found = ask(version, &topic, 0);
        assert_ok(found.error_code);
        assert_eq!((found.offset, found.timestamp), (-1, -1), "no record is late enough");
    }
}

#[test]
fn off_6_the_record_with_the_greatest_timestamp() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let start = now_ms();
    assert_eq!(ask(7, &topic, MAX_TIMESTAMP).offset, -1, "none in an empty partition");
    append(&mut connection, &topic, &Batch::of(&["a", "b"]).timestamp(start));
    let mut middle = Batch::of(&["c", "d", "e"]).timestamp(start);
    middle.records[1].timestamp_delta = 500;
    append(&mut connection, &topic, &middle);
    append(&mut connection, &topic, &Batch::of(&["f"]).timestamp(start + 400));
    for version in 7..=11 {
        let found = ask(version, &topic, MAX_TIMESTAMP);
        assert_ok(found.error_code);
        assert_eq!((found.offset, found.timestamp), (3, start + 500), "version {version}");
    }
}

#[test]
fn off_6_the_first_record_where_none_has_a_timestamp() {
    const NO_TIMESTAMP: i64 = -1;
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for batch in [&["a", "b"][..], &["c"]] {
        append(&mut connection, &topic, &Batch::of(batch).timestamp(NO_TIMESTAMP));
        for version in 7..=11 {
            let found = ask(version, &topic, MAX_TIMESTAMP);
            assert_ok(found.error_code);
            assert_eq!((found.offset, found.timestamp), (0, NO_TIMESTAMP), "version {version}");
        }
    }
    append(&mut connection, &topic, &Batch::of(&["d", "e"]).timestamp(5));
    let found = ask(7, &topic, MAX_TIMESTAMP);
    assert_eq!((found.offset, found.timestamp), (3, 5));
}

#[test]
fn off_6_local_and_tiered_without_tiers() {
    let (_, topic) = stamped(now_ms());
    for version in 8..=11 {
        assert_eq!(ask(version, &topic, EARLIEST_LOCAL).offset, 0);
    }
    for version in 9..=11 {
        let found = ask(version, &topic, LATEST_TIERED);
        assert_ok(found.error_code);
        assert_eq!((found.offset, found.timestamp), (-1, -1), "version {version}");
    }
    let found = ask(11, &topic, EARLIEST_PENDING_UPLOAD);
    assert_ok(found.error_code);
    assert_eq!((found.offset, found.timestamp), (-1, -1));
}

#[test]
fn off_6_special_timestamps_newer_than_the_version() {
    let (_, topic) = stamped(now_ms());
    for (timestamp, first) in
        [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)]
    {
        for version in 1..first {
            let found = ask(version, &topic, timestamp);
            assert_error(found.error_code, Code::UnsupportedVersion);
            assert_eq!((found.offset, found.timestamp), (-1, -1), "{timestamp} in version {version}");
        }
    }
    for timestamp in [-7, -100, i64::MIN] {
        assert_error(ask(11, &topic, timestamp).error_code, Code::UnsupportedVersion);
    }
}

#[test]
fn off_7_by_time_finds_the_first_record_not_before() {
    let start = now_ms() - 10_000;
    let (_, topic) = stamped(start);
    for version in [1, 4, 6, 11] {
        for (after, offset) in [(-5, 0), (0, 0), (1, 1), (10, 1), (11, 2), (29, 3), (30, 3), (75, 8), (110, 11)] {
            let found = ask(version, &topic, start + after);
            assert_ok(found.error_code);
            assert_eq!((found.offset, found.timestamp), (offset, start + offset * 10), "{after} ms after");
            assert_eq!(found.leader_epoch, if version >= 4 { 0 } else { -1 });
        }
        let beyond = ask(version, &topic, start + 111);
        assert_ok(beyond.error_code);
        assert_eq!((beyond.offset, beyond.timestamp), (-1, -1));
        assert_eq!(ask(version, &topic, i64::MAX).offset, -1);
        assert_eq!(ask(version, &topic, 0).offset, 0);
    }
}

#[test]
fn off_7_by_time_when_times_go_back() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let start = now_ms() - 100_000;
    for late in [50, 10, 70, 20, 60] {
        append(&mut connection, &topic, &Batch::of(&["x"]).timestamp(start + late));
    }
    for (after, offset) in [(0, 0), (50, 0), (51, 2), (60, 2), (70, 2)] {
        assert_eq!(ask(10, &topic, start + after).offset, offset, "{after} ms after");
    }
    assert_eq!(ask(10, &topic, start + 71).offset, -1);
}

#[test]
fn off_6_isolation_changes_nothing_without_transactions() {
    let (mut connection, topic) = stamped(now_ms());
    for version in 2..=10 {
        let request = request(&topic.name, vec![wanted(0, LATEST)]).with_isolation_level(1);
        let answer = connection.call(version, &request);
        assert_eq!(answer.topics[0].partitions[0].offset, 12);
    }
}

#[test]
fn unknown_topics_and_partitions() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    let missing = fresh_name("missing");
    for version in 1..=10 {
        let mut asked = request(&topic.name, vec![wanted(1, LATEST), wanted(2, LATEST), wanted(-1, EARLIEST)]);
        asked.topics.extend(request(&missing, vec![wanted(0, LATEST)]).topics);
        let answer = connection.call(version, &asked);
        assert_eq!(answer.topics.len(), 2);
        for of_topic in &answer.topics {
            for partition in &of_topic.partitions {
                if of_topic.name.as_str() == topic.name && partition.partition_index == 1 {
                    assert_ok(partition.error_code);
                } else {
                    assert_error(partition.error_code, Code::UnknownTopicOrPartition);
                    assert_eq!((partition.offset, partition.timestamp), (-1, -1));
                }
            }
        }
    }
}

#[test]
fn off_9_leader_epochs_are_checked_from_version_4() {
    let (mut connection, topic) = stamped(now_ms());
    for version in 4..=10 {
        for (epoch, code) in [(0, 0), (1, Code::UnknownLeaderEpoch.code()), (i32::MAX, Code::UnknownLeaderEpoch.code())]
        {
            for timestamp in [EARLIEST, LATEST, 0] {
                let asked = request(&topic.name, vec![wanted(0, timestamp).with_current_leader_epoch(epoch)]);
                let answer = connection.call(version, &asked);
                assert_eq!(answer.topics[0].partitions[0].error_code, code, "epoch {epoch}");
            }
        }
    }
}

#[test]
fn off_9_a_partition_asked_twice_is_invalid() {
    let (mut connection, topic) = stamped(now_ms());
    for version in [1, 6, 10] {
        let asked = request(&topic.name, vec![wanted(0, LATEST), wanted(0, EARLIEST)]);
        let answer = connection.call(version, &asked);
        for partition in &answer.topics[0].partitions {
            assert_error(partition.error_code, Code::InvalidRequest);
        }
    }
}

#[test]
fn several_partitions_each_with_its_own_timestamp() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    for partition in 0..3 {
        let records = (0..=partition).map(|_| Record::of("x")).collect();
        assert_ok(produce_at(&mut connection, 13, &topic, partition, Batch::records(records).encode()).error_code);
    }
    let asked = request(&topic.name, vec![wanted(0, LATEST), wanted(1, EARLIEST), wanted(2, LATEST)]);
    let answer = connection.call(10, &asked);
    let mut found: Vec<(i32, i64)> =
        answer.topics[0].partitions.iter().map(|partition| (partition.partition_index, partition.offset)).collect();
    found.sort_unstable();
    assert_eq!(found, [(0, 1), (1, 0), (2, 3)]);
}

#[test]
fn no_topics_is_an_empty_answer() {
    for version in 1..=10 {
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1));
        assert!(Connection::open().call(version, &request).topics.is_empty());
    }
}

#[test]
fn an_unknown_isolation_level_is_told_to_every_partition() {
    let (mut connection, topic) = stamped(now_ms());
    for version in 2..=10 {
        for level in [2, 9, -1] {
            let request = request(&topic.name, vec![wanted(0, LATEST), wanted(7, LATEST)]).with_isolation_level(level);
            let answer = connection.call(version, &request);
            let codes: Vec<i16> = answer.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
            assert_eq!(codes, [-1, -1], "version {version}");
        }
    }
}

#[test]
fn off_6_a_timestamp_that_means_nothing_is_told_before_a_missing_topic() {
    let mut connection = Connection::open();
    for (version, timestamp, code) in [
        (10, -7, Code::UnsupportedVersion),
        (7, EARLIEST_LOCAL, Code::UnsupportedVersion),
        (8, EARLIEST_LOCAL, Code::UnknownTopicOrPartition),
    ] {
        let answer = connection.call(version, &request(&fresh_name("missing"), vec![wanted(0, timestamp)]));
        assert_error(answer.topics[0].partitions[0].error_code, code);
    }
}
