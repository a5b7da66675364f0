//! Fetch 4 to 18 without sessions: what comes back, how much of it, and which errors (FET-1 to FET-7, OFF-10, KIP-74).
use kafka_protocol::messages::fetch_response::{FetchResponse, PartitionData};
use kafka_protocol::messages::{BrokerId, FetchRequest};
use protocol_tests::batch::{read_batches, read_whole_batches};
use protocol_tests::{
    Batch, Code, Codec, Connection, Topic, append, assert_error, assert_ok, fetch, fetch_request, fresh_name,
    from_offset, new_topic, new_topic_with, only_partition, produce_at,
};
use uuid::Uuid;

const ALL: std::ops::RangeInclusive<i16> = 4..=18;

/// A topic of one partition with so many batches of three records.
fn filled(batches: usize) -> (Connection, Topic) {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for batch in 0..batches {
        append(
            &mut connection,
            &topic,
            &Batch::of(&[&format!("{batch}a"), &format!("{batch}b"), &format!("{batch}c")]),
        );
    }
    (connection, topic)
}

fn ask(connection: &mut Connection, version: i16, topic: &Topic, offset: i64) -> PartitionData {
    only_partition(&connection.call(version, &fetch_request(version, topic, vec![from_offset(0, offset)])))
}

fn bytes(partition: &PartitionData) -> &[u8] {
    partition.records.as_deref().unwrap_or_default()
}

fn base_offsets(partition: &PartitionData) -> Vec<i64> {
    read_batches(bytes(partition)).iter().map(|batch| batch.base_offset).collect()
}

#[test]
fn every_version_returns_the_batches_and_the_bounds() {
    let (mut connection, topic) = filled(3);
    let mut first: Option<Vec<u8>> = None;
    for version in ALL {
        let answer = connection.call(version, &fetch_request(version, &topic, vec![from_offset(0, 0)]));
        assert_eq!((answer.throttle_time_ms, answer.session_id), (0, 0));
        assert!(answer.node_endpoints.is_empty());
        let partition = only_partition(&answer);
        assert_ok(partition.error_code);
        assert_eq!(partition.partition_index, 0);
        assert_eq!((partition.high_watermark, partition.last_stable_offset), (9, 9), "version {version}");
        assert_eq!(partition.log_start_offset, if version >= 5 { 0 } else { -1 });
        assert_eq!(partition.preferred_read_replica.0, -1);
        assert_eq!(base_offsets(&partition), [0, 3, 6]);
        let same = first.get_or_insert_with(|| bytes(&partition).to_vec());
        assert_eq!(same, bytes(&partition), "version {version}: the same bytes");
        let of_topic = &answer.responses[0];
        if version >= 13 {
            assert_eq!((of_topic.topic_id, of_topic.topic.as_str()), (topic.id, ""));
        } else {
            assert_eq!((of_topic.topic_id, of_topic.topic.as_str()), (Uuid::nil(), topic.name.as_str()));
        }
    }
}

#[test]
fn off_4_no_list_of_aborted_transactions_unless_read_committed() {
    let (mut connection, topic) = filled(1);
    for version in ALL {
        for isolation in [0, 1] {
            let request = fetch_request(version, &topic, vec![from_offset(0, 0)]).with_isolation_level(isolation);
            let partition = only_partition(&connection.call(version, &request));
            assert_eq!(partition.high_watermark, 3);
            assert_eq!(base_offsets(&partition), [0]);
            match partition.aborted_transactions {
                None => assert_eq!(isolation, 0, "version {version}"),
                Some(list) => {
                    assert_eq!(isolation, 1, "version {version}");
                    assert!(list.is_empty());
                }
            }
        }
    }
}

#[test]
fn pitfall_19_fet_5_data_begins_with_the_batch_that_holds_the_offset() {
    let (mut connection, topic) = filled(3);
    for version in [4, 10, 12, 13, 18] {
        for offset in 0..9 {
            let found = base_offsets(&ask(&mut connection, version, &topic, offset));
            assert_eq!(found[0], offset / 3 * 3, "from {offset}");
            assert_eq!(*found.last().expect("a batch"), 6);
        }
    }
}

#[test]
fn off_10_the_end_of_the_log_is_a_good_offset() {
    let (mut connection, topic) = filled(1);
    for version in ALL {
        let partition = ask(&mut connection, version, &topic, 3);
        assert_ok(partition.error_code);
        assert!(bytes(&partition).is_empty());
        assert_eq!(partition.high_watermark, 3);
    }
    let empty = new_topic(&mut connection, 1);
    let partition = ask(&mut connection, 18, &empty, 0);
    assert_ok(partition.error_code);
    assert!(bytes(&partition).is_empty());
}

#[test]
fn off_10_offsets_outside_the_log_are_out_of_range() {
    let (mut connection, topic) = filled(1);
    for version in ALL {
        for offset in [4, 100, i64::MAX, -1, -2, i64::MIN] {
            let partition = ask(&mut connection, version, &topic, offset);
            assert_error(partition.error_code, Code::OffsetOutOfRange);
            assert!(bytes(&partition).is_empty());
        }
    }
}

#[test]
fn unknown_topics_and_partitions_by_name() {
    let (mut connection, topic) = filled(1);
    let missing = Topic { name: fresh_name("missing"), id: Uuid::nil() };
    for version in 4..=12 {
        let partition = ask(&mut connection, version, &missing, 0);
        assert_error(partition.error_code, Code::UnknownTopicOrPartition);
        for index in [1, -1, i32::MAX] {
            let request = fetch_request(version, &topic, vec![from_offset(index, 0)]);
            let partition = only_partition(&connection.call(version, &request));
            assert_error(partition.error_code, Code::UnknownTopicOrPartition);
            assert_eq!(partition.partition_index, index);
            assert!(bytes(&partition).is_empty());
        }
    }
}

#[test]
fn fet_15_unknown_topic_ids() {
    let (mut connection, topic) = filled(1);
    for version in 13..=18 {
        for id in [Uuid::from_u128(0xfeed << 64), Uuid::nil()] {
            let unknown = Topic { name: String::new(), id };
            let answer = connection.call(version, &fetch_request(version, &unknown, vec![from_offset(0, 0)]));
            assert_eq!(answer.responses[0].topic_id, id);
            assert_error(only_partition(&answer).error_code, Code::UnknownTopicId);
        }
        let answer = connection.call(version, &fetch_request(version, &topic, vec![from_offset(5, 0)]));
        assert_error(only_partition(&answer).error_code, Code::UnknownTopicOrPartition);
    }
}

#[test]
fn fet_6_the_current_leader_epoch_is_checked_from_version_9() {
    let (mut connection, topic) = filled(1);
    for version in 9..=18 {
        for (epoch, code) in
            [(-1, 0), (0, 0), (1, Code::UnknownLeaderEpoch.code()), (9, Code::UnknownLeaderEpoch.code())]
        {
            let wanted = from_offset(0, 0).with_current_leader_epoch(epoch);
            let partition = only_partition(&connection.call(version, &fetch_request(version, &topic, vec![wanted])));
            assert_eq!(partition.error_code, code, "epoch {epoch} in version {version}");
            assert_eq!(bytes(&partition).is_empty(), code != 0);
        }
    }
}

#[test]
fn fet_7_a_diverging_epoch_is_told_without_records() {
    let (mut connection, topic) = filled(2);
    for version in 12..=18 {
        let with_epoch = |connection: &mut Connection, offset, epoch| {
            let wanted = from_offset(0, offset).with_last_fetched_epoch(epoch);
            only_partition(&connection.call(version, &fetch_request(version, &topic, vec![wanted])))
        };
        let diverged = with_epoch(&mut connection, 10, 0);
        assert_ok(diverged.error_code);
        assert_eq!((diverged.diverging_epoch.epoch, diverged.diverging_epoch.end_offset), (0, 6));
        assert!(bytes(&diverged).is_empty());
        let agrees = with_epoch(&mut connection, 3, 0);
        assert_ok(agrees.error_code);
        assert_eq!((agrees.diverging_epoch.epoch, agrees.diverging_epoch.end_offset), (-1, -1));
        assert_eq!(base_offsets(&agrees), [3]);
        let unknown = with_epoch(&mut connection, 3, 4);
        assert_error(unknown.error_code, Code::OffsetOutOfRange);
    }
}

fn limited(connection: &mut Connection, topic: &Topic, offset: i64, all: i32, each: i32) -> PartitionData {
    let wanted = from_offset(0, offset).with_partition_max_bytes(each);
    only_partition(&connection.call(18, &fetch_request(18, topic, vec![wanted]).with_max_bytes(all)))
}

#[test]
fn pitfall_20_fet_1_the_first_batch_comes_whatever_the_limits() {
    let (mut connection, topic) = filled(3);
    for (all, each) in [(1, 1 << 20), (1 << 20, 1), (1, 1), (0, 1 << 20), (1 << 20, 0)] {
        for offset in [0, 4] {
            let partition = limited(&mut connection, &topic, offset, all, each);
            let found = read_whole_batches(bytes(&partition));
            assert_eq!(found.len(), 1, "limits {all} and {each}");
            assert_eq!(found[0].base_offset, offset / 3 * 3);
        }
    }
}

#[test]
fn fet_1_whole_batches_up_to_the_limit() {
    let (mut connection, topic) = filled(6);
    let one = read_batches(bytes(&ask(&mut connection, 18, &topic, 0)))[0].bytes.len() as i32;
    for (limit, count) in [(one, 1), (2 * one - 1, 1), (2 * one, 2), (3 * one + 5, 3), (6 * one, 6), (60 * one, 6)] {
        for (all, each) in [(limit, 1 << 20), (1 << 20, limit)] {
            let partition = limited(&mut connection, &topic, 0, all, each);
            assert_eq!(read_whole_batches(bytes(&partition)).len(), count, "limit {limit}");
        }
    }
}

#[test]
fn fet_1_the_limit_of_the_answer_is_shared_by_partitions() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    for partition in 0..3 {
        let batch = Batch::of(&[&"x".repeat(1_000)]).encode();
        assert_ok(produce_at(&mut connection, 13, &topic, partition, batch).error_code);
    }
    for order in [[0, 1, 2], [2, 0, 1]] {
        let wanted = order.map(|partition| from_offset(partition, 0)).to_vec();
        let request = fetch_request(18, &topic, wanted).with_max_bytes(1_100);
        let answer = connection.call(18, &request);
        let with_data: Vec<i32> = answer.responses[0]
            .partitions
            .iter()
            .filter(|partition| !read_whole_batches(bytes(partition)).is_empty())
            .map(|partition| partition.partition_index)
            .collect();
        assert_eq!(with_data, [order[0]], "the order of the request is honoured");
        assert_eq!(answer.responses[0].partitions.len(), 3, "each partition is answered");
    }
}

#[test]
fn several_topics_and_partitions_in_one_request() {
    let mut connection = Connection::open();
    let topics = [new_topic(&mut connection, 2), new_topic(&mut connection, 2)];
    for topic in &topics {
        for partition in 0..2 {
            let value = format!("{}/{partition}", topic.name);
            assert_ok(produce_at(&mut connection, 13, topic, partition, Batch::of(&[&value]).encode()).error_code);
        }
    }
    for version in ALL {
        let mut request = fetch_request(version, &topics[0], vec![from_offset(0, 0), from_offset(1, 0)]);
        let second = fetch_request(version, &topics[1], vec![from_offset(1, 0), from_offset(0, 0)]);
        request.topics.extend(second.topics);
        let answer: FetchResponse = connection.call(version, &request);
        assert_eq!(answer.responses.len(), 2);
        for of_topic in &answer.responses {
            let topic =
                topics.iter().find(|topic| topic.name == of_topic.topic.as_str() || topic.id == of_topic.topic_id);
            let topic = topic.expect("a topic that was asked for");
            assert_eq!(of_topic.partitions.len(), 2);
            for partition in &of_topic.partitions {
                let value = format!("{}/{}", topic.name, partition.partition_index).into_bytes();
                assert_eq!(read_batches(bytes(partition))[0].records()[0].value, Some(value));
            }
        }
    }
}

#[test]
fn errors_stay_with_their_partition() {
    let (mut connection, topic) = filled(1);
    for version in [4, 12, 13, 18] {
        let wanted = vec![from_offset(0, 99), from_offset(1, 0)];
        let mut request = fetch_request(version, &topic, wanted);
        let (_, other) = filled(1);
        request.topics.extend(fetch_request(version, &other, vec![from_offset(0, 0)]).topics);
        let answer = connection.call(version, &request);
        assert_ok(answer.error_code);
        let codes: Vec<i16> = answer
            .responses
            .iter()
            .flat_map(|of_topic| &of_topic.partitions)
            .map(|partition| partition.error_code)
            .collect();
        assert_eq!(codes.len(), 3);
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1);
        assert!(codes.contains(&Code::OffsetOutOfRange.code()));
        assert!(codes.contains(&Code::UnknownTopicOrPartition.code()));
    }
}

#[test]
fn nothing_asked_is_nothing_answered() {
    for version in ALL {
        let request = FetchRequest::default().with_min_bytes(1).with_session_epoch(-1).with_max_bytes(1 << 20);
        let answer = Connection::open().call(version, &request);
        assert_ok(answer.error_code);
        assert!(answer.responses.is_empty(), "version {version}");
    }
}

#[test]
fn a_megabyte_record_and_a_thousand_small_batches() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let large = "z".repeat(1_000_000);
    append(&mut connection, &topic, &Batch::of(&["small"]));
    append(&mut connection, &topic, &Batch::of(&[&large]));
    for _ in 0..400 {
        append(&mut connection, &topic, &Batch::of(&[&"y".repeat(500)]));
    }
    append(&mut connection, &topic, &Batch::of(&[&large]).codec(Codec::Lz4));
    for version in [4, 12, 18] {
        let mut offset = 0;
        let mut rounds = 0;
        while offset < 403 {
            let partition = ask(&mut connection, version, &topic, offset);
            for batch in read_whole_batches(bytes(&partition)) {
                assert_eq!(batch.base_offset, offset);
                offset = batch.last_offset() + 1;
            }
            rounds += 1;
            assert!(rounds < 20, "at {offset} of version {version}");
        }
    }
}

#[test]
fn val_11_zstd_is_given_to_readers_of_every_version() {
    let mut connection = Connection::open();
    for codec in ["zstd", "producer"] {
        let topic = new_topic_with(&mut connection, 1, &[("compression.type", codec)]);
        append(&mut connection, &topic, &Batch::of(&["x"]).codec(Codec::Zstd));
        // Apache Kafka refused versions below 10 until 3.9 and no longer asks; kafka-python 2.0.2 reads zstd with them.
        for version in ALL {
            let partition = ask(&mut connection, version, &topic, 0);
            assert_ok(partition.error_code);
            assert_eq!(base_offsets(&partition), [0], "version {version}");
        }
    }
}

#[test]
fn fet_14_one_who_says_to_be_a_follower_but_is_none_is_refused() {
    let (mut connection, topic) = filled(1);
    for (version, epoch, code) in [
        (4, -1, Code::NotLeaderOrFollower),
        (12, -1, Code::NotLeaderOrFollower),
        (12, 0, Code::UnknownLeaderEpoch),
        (14, 0, Code::UnknownLeaderEpoch),
        (14, 5, Code::UnknownLeaderEpoch),
    ] {
        let wanted = from_offset(0, 0).with_current_leader_epoch(epoch);
        let request = fetch_request(version, &topic, vec![wanted]).with_replica_id(BrokerId(7_777));
        let partition = only_partition(&connection.call(version, &request));
        assert_error(partition.error_code, code);
        assert!(bytes(&partition).is_empty());
    }
}

#[test]
fn written_is_read_at_once_on_another_connection() {
    let (mut connection, topic) = filled(0);
    let mut reader = Connection::open();
    for round in 0..100 {
        let base = append(&mut connection, &topic, &Batch::of(&["x"]));
        assert_eq!(base, round);
        assert_eq!(base_offsets(&fetch(&mut reader, &topic, base)), [base], "acks=all means visible");
    }
}

#[test]
fn an_unknown_isolation_level_is_told_to_every_partition_or_at_the_top() {
    let (mut connection, topic) = filled(1);
    for version in ALL {
        for level in [2, 5, -1] {
            let request = fetch_request(version, &topic, vec![from_offset(0, 0)]).with_isolation_level(level);
            let answer = connection.call(version, &request);
            let codes: Vec<i16> = answer.responses.iter().map(|topic| topic.partitions[0].error_code).collect();
            assert_eq!(answer.error_code, if version >= 7 { -1 } else { 0 }, "version {version}");
            assert_eq!(codes, if version < 13 { vec![-1] } else { vec![] }, "version {version}");
        }
    }
}
