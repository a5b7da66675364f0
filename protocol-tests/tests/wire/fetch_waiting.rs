//! Fetch that waits: min_bytes, max_wait, what wakes it and what ends it (FET-3, FET-4).
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_response::PartitionData;
use protocol_tests::batch::read_batches;
use protocol_tests::time::{Stopwatch, pause_ms};
use protocol_tests::{
    Batch, Code, Connection, FETCH_BY_NAME, Topic, append, assert_error, assert_ok, fetch_request, from_offset,
    new_topic, new_topic_with, only_partition,
};
use std::thread;

fn waiting(version: i16, topic: &Topic, offset: i64, min_bytes: i32, wait_ms: i32) -> FetchRequest {
    let request = fetch_request(version, topic, vec![from_offset(0, offset)]);
    request.with_min_bytes(min_bytes).with_max_wait_ms(wait_ms)
}

fn timed(connection: &mut Connection, version: i16, request: &FetchRequest) -> (PartitionData, u64) {
    let watch = Stopwatch::start();
    let answer = connection.call(version, request);
    (only_partition(&answer), watch.elapsed_ms())
}

fn count(partition: &PartitionData) -> usize {
    read_batches(partition.records.as_deref().unwrap_or_default()).len()
}

#[test]
fn fet_3_nothing_new_waits_for_max_wait() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [4, 11, 18] {
        let (partition, elapsed_ms) = timed(&mut connection, version, &waiting(version, &topic, 0, 1, 300));
        assert_ok(partition.error_code);
        assert_eq!(count(&partition), 0);
        assert!((295..3_000).contains(&elapsed_ms), "{elapsed_ms} ms");
    }
}

#[test]
fn fet_3_no_wait_is_answered_at_once() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for wait_ms in [0, -1, i32::MIN] {
        let (partition, elapsed_ms) = timed(&mut connection, 18, &waiting(18, &topic, 0, 1_000, wait_ms));
        assert_ok(partition.error_code);
        assert!(elapsed_ms < 2_000, "{elapsed_ms} ms");
    }
}

#[test]
fn fet_3_min_bytes_zero_is_answered_at_once() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for min_bytes in [0, -1] {
        let (_, elapsed_ms) = timed(&mut connection, 18, &waiting(18, &topic, 0, min_bytes, 10_000));
        assert!(elapsed_ms < 5_000, "{elapsed_ms} ms");
    }
}

#[test]
fn fet_3_data_that_is_there_is_answered_at_once() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["x"]));
    for version in [4, 12, 18] {
        let (partition, elapsed_ms) = timed(&mut connection, version, &waiting(version, &topic, 0, 1, 10_000));
        assert_eq!(count(&partition), 1);
        assert!(elapsed_ms < 5_000, "{elapsed_ms} ms");
    }
}

#[test]
fn fet_3_an_append_wakes_the_waiting() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for (round, version) in [4, 12, 18].into_iter().enumerate() {
        let request = waiting(version, &topic, round as i64, 1, 15_000);
        let reader = thread::spawn(move || timed(&mut Connection::open(), version, &request));
        pause_ms(150);
        append(&mut connection, &topic, &Batch::of(&["wake"]));
        let (partition, elapsed_ms) = reader.join().expect("the reader");
        assert_eq!(count(&partition), 1);
        assert_eq!(partition.high_watermark, round as i64 + 1);
        assert!((100..10_000).contains(&elapsed_ms), "{elapsed_ms} ms");
    }
}

#[test]
fn fet_3_one_append_wakes_all_who_wait() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let request = waiting(18, &topic, 0, 1, 15_000);
            thread::spawn(move || timed(&mut Connection::open(), 18, &request))
        })
        .collect();
    pause_ms(150);
    append(&mut connection, &topic, &Batch::of(&["wake"]));
    for reader in readers {
        let (partition, elapsed_ms) = reader.join().expect("a reader");
        assert_eq!(count(&partition), 1);
        assert!(elapsed_ms < 10_000, "{elapsed_ms} ms");
    }
}

#[test]
fn fet_3_too_few_bytes_go_on_waiting_and_are_given_in_the_end() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["x"]));
    let (partition, elapsed_ms) = timed(&mut connection, 18, &waiting(18, &topic, 0, 100_000, 400));
    assert_eq!(count(&partition), 1, "what there is comes when the time is over");
    assert!((395..5_000).contains(&elapsed_ms), "{elapsed_ms} ms");
}

#[test]
fn fet_3_enough_bytes_end_the_wait() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let request = waiting(18, &topic, 0, 3_000, 15_000);
    let reader = thread::spawn(move || timed(&mut Connection::open(), 18, &request));
    for _ in 0..4 {
        pause_ms(60);
        append(&mut connection, &topic, &Batch::of(&[&"x".repeat(1_000)]));
    }
    let (partition, elapsed_ms) = reader.join().expect("the reader");
    assert!(count(&partition) >= 3, "{} batches", count(&partition));
    assert!(elapsed_ms < 10_000, "{elapsed_ms} ms");
}

#[test]
fn fet_3_bytes_of_all_partitions_count() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    append(&mut connection, &topic, &Batch::of(&[&"x".repeat(1_000)]));
    let batch = Batch::of(&[&"x".repeat(1_000)]).encode();
    assert_ok(protocol_tests::produce_at(&mut connection, 13, &topic, 1, batch).error_code);
    let wanted = vec![from_offset(0, 0), from_offset(1, 0)];
    let request = fetch_request(18, &topic, wanted).with_min_bytes(1_500).with_max_wait_ms(15_000);
    let watch = Stopwatch::start();
    let answer = connection.call(18, &request);
    assert!(watch.elapsed_ms() < 10_000);
    assert!(answer.responses[0].partitions.iter().all(|partition| count(partition) == 1));
}

#[test]
fn pitfall_21_an_error_in_any_partition_ends_the_wait() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [4, 12, 13, 18] {
        for wrong in [from_offset(0, 1_000), from_offset(9, 0)] {
            let request = fetch_request(version, &topic, vec![wrong]);
            let request = request.with_min_bytes(1_000).with_max_wait_ms(15_000);
            let (partition, elapsed_ms) = timed(&mut connection, version, &request);
            assert!(partition.error_code != 0);
            assert!(elapsed_ms < 10_000, "{elapsed_ms} ms");
        }
    }
}

#[test]
fn fet_3_the_deletion_of_the_topic_ends_the_wait() {
    use kafka_protocol::messages::DeleteTopicsRequest;
    let mut connection = Connection::open();
    for version in [4, 12, 13, 18] {
        let topic = new_topic(&mut connection, 1);
        // So long that its end cannot be what answers.
        let request = waiting(version, &topic, 0, 1, 60_000);
        let reader = thread::spawn(move || timed(&mut Connection::open(), version, &request));
        pause_ms(150);
        let delete = DeleteTopicsRequest::default().with_topic_names(vec![topic.wire_name()]).with_timeout_ms(10_000);
        assert_ok(connection.call(5, &delete).responses[0].error_code);
        let (partition, elapsed_ms) = reader.join().expect("the reader");
        assert!((100..10_000).contains(&elapsed_ms), "version {version}: {elapsed_ms} ms");
        // Its id was known when the fetch began.
        let gone = [Code::UnknownTopicOrPartition.code(), Code::NotLeaderOrFollower.code()];
        assert!(gone.contains(&partition.error_code), "version {version}: {}", partition.error_code);
        let unknown = if version > FETCH_BY_NAME { Code::UnknownTopicId } else { Code::UnknownTopicOrPartition };
        let after = timed(&mut connection, version, &waiting(version, &topic, 0, 1, 1_000)).0;
        assert_error(after.error_code, unknown);
    }
}

#[test]
fn net_8_a_reader_that_leaves_while_it_waits_harms_nobody() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for _ in 0..20 {
        let mut reader = Connection::open();
        reader.send(18, &waiting(18, &topic, 0, 1, 60_000));
    }
    append(&mut connection, &topic, &Batch::of(&["x"]));
    let (partition, _) = timed(&mut connection, 18, &waiting(18, &topic, 0, 1, 10_000));
    assert_eq!(count(&partition), 1);
}

#[test]
fn fet_3_more_than_may_be_answered_is_not_waited_for() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for _ in 0..10 {
        append(&mut connection, &topic, &Batch::of(&[&"x".repeat(400)]));
    }
    for version in [4, 12, 18] {
        // All of the answer, and one partition, may have fewer bytes than are asked for; whole batches are fewer still.
        for (bytes_max, partition_bytes_max, bytes_min) in
            [(500, 1 << 20, 1 << 20), (1_000, 1 << 20, 1_000), (1 << 20, 1_000, 1_000), (100, 100, 5_000)]
        {
            let wanted = from_offset(0, 0).with_partition_max_bytes(partition_bytes_max);
            let request = fetch_request(version, &topic, vec![wanted]).with_max_bytes(bytes_max);
            let request = request.with_min_bytes(bytes_min).with_max_wait_ms(15_000);
            let (partition, elapsed_ms) = timed(&mut connection, version, &request);
            assert!(partition.records.is_some_and(|records| !records.is_empty()));
            assert!(elapsed_ms < 10_000, "at most {bytes_max}, at least {bytes_min}: {elapsed_ms} ms");
        }
    }
}

#[test]
fn fet_3_the_rest_of_an_old_segment_is_given_at_once() {
    let mut connection = Connection::open();
    let topic = new_topic_with(&mut connection, 1, &[("segment.bytes", "1048576")]);
    for _ in 0..2 {
        append(&mut connection, &topic, &Batch::of(&[&"x".repeat(700_000)]));
    }
    for (offset, waits) in [(0, false), (1, true)] {
        let (partition, elapsed_ms) = timed(&mut connection, 18, &waiting(18, &topic, offset, 900_000, 1_500));
        assert_eq!(count(&partition), 1);
        assert_eq!(elapsed_ms >= 1_490, waits, "from offset {offset}: {elapsed_ms} ms");
    }
}

#[test]
fn fet_4_what_changed_while_a_fetch_waited_is_in_its_answer() {
    use kafka_protocol::messages::DeleteRecordsRequest;
    use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for _ in 0..2 {
        append(&mut connection, &topic, &Batch::of(&["x"]));
    }
    let request = waiting(18, &topic, 0, 100_000, 1_500);
    let reader = thread::spawn(move || timed(&mut Connection::open(), 18, &request));
    pause_ms(300);
    let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(1);
    let of_topic = DeleteRecordsTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let delete = DeleteRecordsRequest::default().with_topics(vec![of_topic]).with_timeout_ms(10_000);
    assert_ok(connection.call(2, &delete).topics[0].partitions[0].error_code);
    let (partition, _) = reader.join().expect("the reader");
    assert_error(partition.error_code, Code::OffsetOutOfRange);
    assert_eq!(count(&partition), 0, "what was read before the wait is no answer after it");
}
