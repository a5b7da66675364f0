//! Incremental fetch sessions (KIP-227): FET-9, FET-10.
use kafka_protocol::messages::fetch_request::{FetchPartition, ForgottenTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use protocol_tests::batch::read_batches;
use protocol_tests::{
    Batch, Code, Connection, FETCH_BY_NAME, Topic, append, assert_error, assert_ok, fetch_request, fresh_name,
    from_offset, new_topic, new_topic_named, new_topic_with, on_kafka, produce_at,
};
use uuid::Uuid;

/// Versions 7 to 18 know sessions; these are where the form changes.
const VERSIONS: [i16; 6] = [7, 9, 11, 12, 13, 18];

fn in_session(version: i16, topic: &Topic, session: (i32, i32), partitions: Vec<FetchPartition>) -> FetchRequest {
    let mut request = fetch_request(version, topic, partitions);
    request.session_id = session.0;
    request.session_epoch = session.1;
    if request.topics[0].partitions.is_empty() {
        request.topics.clear();
    }
    request
}

fn opened(connection: &mut Connection, version: i16, topic: &Topic, partitions: &[i32]) -> FetchResponse {
    let wanted = partitions.iter().map(|&partition| from_offset(partition, 0)).collect();
    let answer = connection.call(version, &in_session(version, topic, (0, 0), wanted));
    assert_ok(answer.error_code);
    assert!(answer.session_id != 0, "version {version}: a session is given");
    answer
}

fn partitions(answer: &FetchResponse) -> Vec<i32> {
    let all = answer.responses.iter().flat_map(|of_topic| &of_topic.partitions);
    let mut indexes: Vec<i32> = all.map(|partition| partition.partition_index).collect();
    indexes.sort_unstable();
    indexes
}

fn records(answer: &FetchResponse, partition: i32) -> Vec<i64> {
    let all = answer.responses.iter().flat_map(|of_topic| &of_topic.partitions);
    let bytes = all.filter(|found| found.partition_index == partition).filter_map(|found| found.records.as_deref());
    bytes.flat_map(read_batches).map(|batch| batch.base_offset).collect()
}

fn append_to(connection: &mut Connection, topic: &Topic, partition: i32) {
    assert_ok(produce_at(connection, 13, topic, partition, Batch::of(&["x"]).encode()).error_code);
}

#[test]
fn fet_9_a_full_fetch_opens_a_session_and_names_every_partition() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    for version in 7..=18 {
        let answer = opened(&mut connection, version, &topic, &[0, 1, 2]);
        assert_eq!(partitions(&answer), [0, 1, 2], "version {version}");
    }
}

#[test]
fn fet_9_versions_below_7_have_no_sessions() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 4..=6 {
        let mut request = fetch_request(version, &topic, vec![from_offset(0, 0)]);
        request.session_epoch = -1;
        assert_eq!(connection.call(version, &request).session_id, 0);
    }
}

#[test]
fn fet_9_epoch_minus_one_without_an_id_opens_none() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in VERSIONS {
        let answer = connection.call(version, &in_session(version, &topic, (0, -1), vec![from_offset(0, 0)]));
        assert_ok(answer.error_code);
        assert_eq!(answer.session_id, 0);
        assert_eq!(partitions(&answer), [0]);
    }
}

#[test]
fn fet_9_sessions_have_different_ids() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let mut ids: Vec<i32> = (0..20).map(|_| opened(&mut connection, 18, &topic, &[0]).session_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[test]
fn fet_10_nothing_changed_is_an_empty_answer() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    for version in VERSIONS {
        let id = opened(&mut connection, version, &topic, &[0, 1]).session_id;
        for epoch in 1..4 {
            let answer = connection.call(version, &in_session(version, &topic, (id, epoch), Vec::new()));
            assert_ok(answer.error_code);
            assert_eq!(answer.session_id, id);
            assert!(answer.responses.is_empty(), "version {version}, epoch {epoch}");
        }
    }
}

#[test]
fn fet_10_only_partitions_with_news_are_in_the_answer() {
    let mut connection = Connection::open();
    for version in VERSIONS {
        let topic = new_topic(&mut connection, 3);
        let id = opened(&mut connection, version, &topic, &[0, 1, 2]).session_id;
        append_to(&mut connection, &topic, 1);
        let answer = connection.call(version, &in_session(version, &topic, (id, 1), Vec::new()));
        assert_eq!(partitions(&answer), [1], "version {version}");
        assert_eq!(records(&answer, 1), [0]);
        assert_eq!(answer.responses[0].partitions[0].high_watermark, 1);
        // The session keeps the fetch offset until the client moves it: the same records come again.
        let answer = connection.call(version, &in_session(version, &topic, (id, 2), Vec::new()));
        assert_eq!(records(&answer, 1), [0]);
        let moved = in_session(version, &topic, (id, 3), vec![from_offset(1, 1)]);
        assert!(connection.call(version, &moved).responses.is_empty());
        append_to(&mut connection, &topic, 1);
        append_to(&mut connection, &topic, 2);
        let answer = connection.call(version, &in_session(version, &topic, (id, 4), Vec::new()));
        assert_eq!(partitions(&answer), [1, 2]);
        assert_eq!((records(&answer, 1), records(&answer, 2)), (vec![1], vec![0]));
    }
}

#[test]
fn fet_10_a_changed_high_watermark_is_news() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["a"]));
    let wanted = from_offset(0, 1);
    let answer = connection.call(18, &in_session(18, &topic, (0, 0), vec![wanted]));
    let id = answer.session_id;
    assert!(connection.call(18, &in_session(18, &topic, (id, 1), Vec::new())).responses.is_empty());
    append(&mut connection, &topic, &Batch::of(&["b"]));
    // Offset 2 is the new end, so no record comes with the news.
    let answer = connection.call(18, &in_session(18, &topic, (id, 2), vec![from_offset(0, 2)]));
    assert_eq!(partitions(&answer), [0]);
    assert_eq!(answer.responses[0].partitions[0].high_watermark, 2);
    assert!(records(&answer, 0).is_empty());
}

#[test]
fn fet_9_partitions_are_added_and_forgotten() {
    let mut connection = Connection::open();
    for version in VERSIONS {
        let topic = new_topic(&mut connection, 3);
        let id = opened(&mut connection, version, &topic, &[0]).session_id;
        let answer = connection.call(version, &in_session(version, &topic, (id, 1), vec![from_offset(2, 0)]));
        assert_eq!(partitions(&answer), [2], "what is new to the session is answered");
        for partition in 0..3 {
            append_to(&mut connection, &topic, partition);
        }
        let forgotten = ForgottenTopic::default().with_partitions(vec![0]);
        let forgotten = if version > FETCH_BY_NAME {
            forgotten.with_topic_id(topic.id)
        } else {
            forgotten.with_topic(topic.wire_name())
        };
        let request = in_session(version, &topic, (id, 2), Vec::new()).with_forgotten_topics_data(vec![forgotten]);
        assert_eq!(partitions(&connection.call(version, &request)), [2], "version {version}");
    }
}

#[test]
fn fet_9_an_unknown_session_is_not_found() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in VERSIONS {
        for id in [1, 1_999_999_999, i32::MAX, -1, i32::MIN] {
            if (id < 0 || id == i32::MAX) && on_kafka() {
                continue; // It answers with an error it did not mean.
            }
            let answer = connection.call(version, &in_session(version, &topic, (id, 1), vec![from_offset(0, 0)]));
            assert_error(answer.error_code, Code::FetchSessionIdNotFound);
            assert!(answer.responses.is_empty());
            assert_eq!(answer.session_id, 0);
        }
    }
}

#[test]
fn fet_9_a_wrong_epoch_is_invalid_and_keeps_the_session() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in VERSIONS {
        let id = opened(&mut connection, version, &topic, &[0]).session_id;
        for epoch in [2, 5, i32::MAX] {
            let answer = connection.call(version, &in_session(version, &topic, (id, epoch), Vec::new()));
            assert_error(answer.error_code, Code::InvalidFetchSessionEpoch);
            assert!(answer.responses.is_empty());
        }
        assert_ok(connection.call(version, &in_session(version, &topic, (id, 1), Vec::new())).error_code);
        let again = connection.call(version, &in_session(version, &topic, (id, 1), Vec::new()));
        assert_error(again.error_code, Code::InvalidFetchSessionEpoch);
    }
}

#[test]
fn fet_9_closing_a_session() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in VERSIONS {
        let id = opened(&mut connection, version, &topic, &[0]).session_id;
        let answer = connection.call(version, &in_session(version, &topic, (id, -1), Vec::new()));
        assert_ok(answer.error_code);
        assert_eq!(answer.session_id, 0);
        let after = connection.call(version, &in_session(version, &topic, (id, 1), Vec::new()));
        assert_error(after.error_code, Code::FetchSessionIdNotFound);
    }
}

#[test]
fn fet_9_epoch_zero_with_an_id_replaces_the_session() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    for version in VERSIONS {
        let id = opened(&mut connection, version, &topic, &[0]).session_id;
        let answer = connection.call(version, &in_session(version, &topic, (id, 0), vec![from_offset(1, 0)]));
        assert_ok(answer.error_code);
        assert!(answer.session_id != 0 && answer.session_id != id);
        assert_eq!(partitions(&answer), [1]);
        let after = connection.call(version, &in_session(version, &topic, (id, 1), Vec::new()));
        assert_error(after.error_code, Code::FetchSessionIdNotFound);
    }
}

#[test]
fn fet_9_a_session_outlives_its_connection() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let id = opened(&mut connection, 18, &topic, &[0]).session_id;
    drop(connection);
    let answer = Connection::open().call(18, &in_session(18, &topic, (id, 1), Vec::new()));
    assert_ok(answer.error_code);
    assert_eq!(answer.session_id, id);
}

#[test]
fn fet_9_names_and_ids_do_not_mix_in_a_session() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for (first, then) in [(12, 13), (13, 12)] {
        let id = opened(&mut connection, first, &topic, &[0]).session_id;
        let answer = connection.call(then, &in_session(then, &topic, (id, 1), Vec::new()));
        assert_error(answer.error_code, Code::FetchSessionTopicIdError);
        assert!(answer.responses.is_empty());
    }
}

#[test]
fn fet_10_errors_are_told_each_time() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in VERSIONS {
        let answer = connection.call(version, &in_session(version, &topic, (0, 0), vec![from_offset(4, 0)]));
        assert_ok(answer.error_code);
        assert_error(answer.responses[0].partitions[0].error_code, Code::UnknownTopicOrPartition);
        let id = answer.session_id;
        for epoch in 1..3 {
            let answer = connection.call(version, &in_session(version, &topic, (id, epoch), Vec::new()));
            assert_eq!(partitions(&answer), [4], "version {version}");
            assert_error(answer.responses[0].partitions[0].error_code, Code::UnknownTopicOrPartition);
        }
    }
}

#[test]
fn fet_10_of_a_topic_that_was_there_a_session_is_told_that_it_is_gone() {
    use kafka_protocol::messages::DeleteTopicsRequest;
    let mut connection = Connection::open();
    for version in [7, 12, 13, 18] {
        let (kept, gone) = (new_topic(&mut connection, 1), new_topic(&mut connection, 2));
        let id = opened(&mut connection, version, &kept, &[0]).session_id;
        // One partition of it comes in one round, the other in the next, and is named once more.
        for (epoch, named) in (1..).zip([&[0][..], &[1], &[0]]) {
            let wanted = named.iter().map(|&partition| from_offset(partition, 0)).collect();
            assert_ok(connection.call(version, &in_session(version, &gone, (id, epoch), wanted)).error_code);
        }
        let delete = DeleteTopicsRequest::default().with_topic_names(vec![gone.wire_name()]).with_timeout_ms(10_000);
        assert_ok(connection.call(5, &delete).responses[0].error_code);
        let watch = protocol_tests::time::Stopwatch::start();
        for epoch in 4.. {
            let answer = connection.call(version, &in_session(version, &gone, (id, epoch), Vec::new()));
            assert_ok(answer.error_code);
            let told = answer.responses.iter().flat_map(|topic| &topic.partitions);
            let codes: Vec<i16> = told.map(|partition| partition.error_code).collect();
            if codes == [Code::UnknownTopicOrPartition.code(); 2] {
                break;
            }
            assert!(!codes.contains(&Code::UnknownTopicId.code()), "version {version}: {codes:?}");
            assert!(watch.elapsed_ms() < 10_000, "version {version}: {codes:?}");
            protocol_tests::time::pause_ms(20);
        }
    }
}

#[test]
fn fet_15_of_a_topic_whose_name_was_taken_anew_a_session_is_told_that_the_id_is_another() {
    use kafka_protocol::messages::DeleteTopicsRequest;
    let mut connection = Connection::open();
    for version in 13..=18 {
        let old = new_topic(&mut connection, 3);
        let id = opened(&mut connection, version, &old, &[0, 1, 2]).session_id;
        let delete = DeleteTopicsRequest::default().with_topic_names(vec![old.wire_name()]).with_timeout_ms(10_000);
        assert_ok(connection.call(5, &delete).responses[0].error_code);
        let new = new_topic_named(&mut connection, &old.name, 2);
        append_to(&mut connection, &new, 0);
        let (unknown, other) = (Code::UnknownTopicOrPartition.code(), Code::InconsistentTopicId.code());
        let watch = protocol_tests::time::Stopwatch::start();
        for epoch in 1.. {
            let answer = connection.call(version, &in_session(version, &old, (id, epoch), Vec::new()));
            assert_ok(answer.error_code);
            assert!(answer.responses.iter().all(|topic| topic.topic_id == old.id));
            let told = answer.responses.iter().flat_map(|topic| &topic.partitions);
            let mut codes: Vec<_> = told
                .map(|of| (of.partition_index, of.error_code, of.aborted_transactions.as_ref().map(Vec::len)))
                .collect();
            codes.sort_unstable();
            // The new one has no partition 2. Of what is not there no transaction was rolled back; of another's log none is told.
            if codes == [(0, other, None), (1, other, None), (2, unknown, Some(0))] {
                break;
            }
            assert!(watch.elapsed_ms() < 10_000, "version {version}: {codes:?}");
            protocol_tests::time::pause_ms(20);
        }
        // Who begins anew never knew what the old one was called.
        let answer = connection.call(version, &in_session(version, &old, (0, -1), vec![from_offset(0, 0)]));
        assert_error(answer.responses[0].partitions[0].error_code, Code::UnknownTopicId);
    }
}

#[test]
fn fet_10_an_unknown_topic_id_is_told_each_time() {
    let mut connection = Connection::open();
    let unknown = Topic { name: fresh_name("unknown"), id: Uuid::from_u128(0xabcdef << 32) };
    let answer = connection.call(18, &in_session(18, &unknown, (0, 0), vec![from_offset(0, 0)]));
    assert_ok(answer.error_code);
    assert_error(answer.responses[0].partitions[0].error_code, Code::UnknownTopicId);
    let id = answer.session_id;
    for epoch in 1..3 {
        let answer = connection.call(18, &in_session(18, &unknown, (id, epoch), Vec::new()));
        assert_eq!(answer.responses.len(), 1);
        assert_eq!(answer.responses[0].topic_id, unknown.id);
        assert_error(answer.responses[0].partitions[0].error_code, Code::UnknownTopicId);
    }
}

#[test]
fn fet_3_an_incremental_fetch_waits_too() {
    let mut connection = Connection::open();
    let topic = new_topic_with(&mut connection, 1, &[]);
    let id = opened(&mut connection, 18, &topic, &[0]).session_id;
    let request = in_session(18, &topic, (id, 1), Vec::new()).with_min_bytes(1).with_max_wait_ms(15_000);
    let reader = std::thread::spawn(move || Connection::open().call(18, &request));
    protocol_tests::time::pause_ms(100);
    append(&mut connection, &topic, &Batch::of(&["wake"]));
    assert_eq!(records(&reader.join().expect("the reader"), 0), [0]);
}

#[test]
fn fet_11_partitions_take_turns_when_an_answer_has_no_room_for_all() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    (0..3).for_each(|partition| append_to(&mut connection, &topic, partition));
    for version in VERSIONS {
        // Room for one batch; the reader does not even say that it goes on.
        let wanted = (0..3).map(|partition| from_offset(partition, 0)).collect();
        let full = connection.call(version, &in_session(version, &topic, (0, 0), wanted).with_max_bytes(1));
        let mut served = Vec::new();
        for epoch in 1..=4 {
            let request = in_session(version, &topic, (full.session_id, epoch), Vec::new()).with_max_bytes(1);
            let answer = connection.call(version, &request);
            assert_ok(answer.error_code);
            served.extend((0..3).filter(|partition| !records(&answer, *partition).is_empty()));
        }
        assert_eq!(served.len(), 4, "version {version}: one at a time");
        assert!((0..3).all(|partition| served[..3].contains(&partition)), "version {version}: {served:?}");
    }
}
