//! Produce 3 to 13: round trips, acks, topic ids, errors that stay with their partition.
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{CreateTopicsRequest, ProduceRequest};
use protocol_tests::batch::read_batches;
use protocol_tests::time::eventually;
use protocol_tests::{
    Batch, Code, Codec, Connection, Failure, Record, Topic, append, assert_error, assert_ok, await_topic, end_offset,
    fetch, fresh_name, metadata, new_topic, new_topic_with, on_kafka, produce, produce_at, produce_request,
    produce_request_of, text, topic_name,
};
use uuid::Uuid;

fn data(partition: i32, values: &[&str]) -> PartitionProduceData {
    PartitionProduceData::default().with_index(partition).with_records(Some(Batch::of(values).encode()))
}

fn nowhere() -> Topic {
    Topic { name: fresh_name("nowhere"), id: Uuid::from_u128(0xdead_beef_dead_beef_dead_beef_dead_beef) }
}

#[test]
fn every_version_writes_and_answers_with_the_base_offset() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let mut written = 0;
    for version in 3..=13 {
        let answer = produce_at(&mut connection, version, &topic, 0, Batch::of(&["a", "b", "c"]).encode());
        assert_ok(answer.error_code);
        assert_eq!(answer.index, 0);
        assert_eq!(answer.base_offset, written, "version {version}");
        assert_eq!(answer.log_append_time_ms, -1);
        assert_eq!(answer.log_start_offset, if version >= 5 { 0 } else { -1 });
        assert!(answer.record_errors.is_empty());
        assert_eq!(answer.error_message, None);
        written += 3;
    }
    assert_eq!(end_offset(&mut connection, &topic), written);
}

#[test]
fn every_version_names_the_topic_it_was_asked_for() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 3..=13 {
        let request = produce_request(version, &topic, 0, Batch::of(&["x"]).encode());
        let answer = connection.call(version, &request);
        assert_eq!(answer.throttle_time_ms, 0);
        assert!(answer.node_endpoints.is_empty());
        let of_topic = &answer.responses[0];
        if version >= 13 {
            assert_eq!((of_topic.topic_id, of_topic.name.as_str()), (topic.id, ""));
        } else {
            assert_eq!((of_topic.topic_id, of_topic.name.as_str()), (Uuid::nil(), topic.name.as_str()));
        }
    }
}

#[test]
fn every_codec_is_written_as_it_came() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let long = "0123456789".repeat(9_000);
    for codec in Codec::ALL {
        for value in ["short", &long] {
            let batch = Batch::of(&[value, "second", ""]).codec(codec);
            let base = append(&mut connection, &topic, &batch);
            let found = read_batches(&fetch(&mut connection, &topic, base).records.unwrap_or_default());
            assert_eq!(found.len(), 1, "{codec:?}");
            assert_eq!(found[0].attributes, codec.bits());
            assert_eq!(found[0].base_offset, base);
            assert_eq!(found[0].payload(), &batch.encode()[61..], "{codec:?}");
        }
    }
}

#[test]
fn val_10_only_base_offset_and_leader_epoch_change() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["before"]));
    let records = vec![
        Record { headers: vec![(b"h".to_vec(), Some(b"v".to_vec())), (b"".to_vec(), None)], ..Record::keyed("k", "v") },
        Record { value: None, timestamp_delta: 5, ..Record::keyed("", "") },
        Record { timestamp_delta: -5, ..Record::of([0, 255, 254]) },
    ];
    let batch = Batch::records(records);
    let sent = batch.encode();
    let base = append(&mut connection, &topic, &batch);
    let found = read_batches(&fetch(&mut connection, &topic, base).records.unwrap_or_default());
    assert_eq!(base, 1);
    assert_eq!(found[0].bytes[..8], 1_i64.to_be_bytes());
    assert_eq!(found[0].bytes[8..12], sent[8..12]);
    assert!(found[0].leader_epoch >= 0, "the leader's epoch stands in the batch");
    assert_eq!(found[0].bytes[16..], sent[16..]);
    assert_eq!(found[0].records().len(), 3);
}

#[test]
fn acks_1_is_answered() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [3, 7, 8, 9, 13] {
        let request = produce_request(version, &topic, 0, Batch::of(&["x"]).encode()).with_acks(1);
        assert_ok(connection.call(version, &request).responses[0].partition_responses[0].error_code);
    }
    eventually(5_000, "five records are visible", || (end_offset(&mut connection, &topic) == 5).then_some(()));
}

#[test]
fn pitfall_18_acks_0_gets_no_answer_and_is_written() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 3..=13 {
        let request = produce_request(version, &topic, 0, Batch::of(&["x"]).encode()).with_acks(0);
        connection.send(version, &request);
    }
    connection.assert_silent(300);
    eventually(5_000, "eleven records are visible", || (end_offset(&mut connection, &topic) == 11).then_some(()));
    assert_ok(produce(&mut connection, &topic, Batch::of(&["y"]).encode()).error_code);
}

#[test]
fn val_13_other_acks_are_invalid_for_every_partition() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    for version in [3, 9, 13] {
        for acks in [-2, 2, 3, i16::MAX, i16::MIN] {
            let request = produce_request_of(version, &topic, vec![data(0, &["a"]), data(1, &["b"])]).with_acks(acks);
            let answer = connection.call(version, &request);
            let partitions = &answer.responses[0].partition_responses;
            assert_eq!(partitions.len(), 2, "acks {acks}");
            for partition in partitions {
                assert_error(partition.error_code, Code::InvalidRequiredAcks);
                assert_eq!(partition.base_offset, -1);
            }
        }
    }
    assert_eq!(end_offset(&mut connection, &topic), 0, "nothing was written");
}

#[test]
fn val_13_acks_0_with_an_error_closes_the_connection() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let bad = Batch { crc_claimed: Some(1), ..Batch::of(&["x"]) };
    for (request, version) in [
        (produce_request(12, &nowhere(), 0, Batch::of(&["x"]).encode()), 12),
        (produce_request(13, &nowhere(), 0, Batch::of(&["x"]).encode()), 13),
        (produce_request(13, &topic, 7, Batch::of(&["x"]).encode()), 13),
        (produce_request(13, &topic, 0, bad.encode()), 13),
    ] {
        let mut connection = Connection::open();
        connection.send(version, &request.with_acks(0));
        connection.assert_closed();
    }
}

#[test]
fn unknown_topics_and_partitions_by_name() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    for version in 3..=12 {
        let answer = produce_at(&mut connection, version, &nowhere(), 0, Batch::of(&["x"]).encode());
        assert_error(answer.error_code, Code::UnknownTopicOrPartition);
        assert_eq!((answer.base_offset, answer.log_append_time_ms, answer.log_start_offset), (-1, -1, -1));
        for partition in [2, -1, i32::MAX, i32::MIN] {
            let answer = produce_at(&mut connection, version, &topic, partition, Batch::of(&["x"]).encode());
            assert_error(answer.error_code, Code::UnknownTopicOrPartition);
            assert_eq!(answer.index, partition);
        }
    }
}

#[test]
fn producing_never_creates_a_topic() {
    let mut connection = Connection::open();
    let topic = nowhere();
    produce_at(&mut connection, 12, &topic, 0, Batch::of(&["x"]).encode());
    let answer = metadata(&mut connection, 13, Some(&[&topic.name]));
    assert_error(answer.topics[0].error_code, Code::UnknownTopicOrPartition);
}

#[test]
fn val_15_unknown_topic_ids() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for id in [nowhere().id, Uuid::nil()] {
        let unknown = Topic { id, ..topic.clone() };
        let answer = connection.call(13, &produce_request(13, &unknown, 0, Batch::of(&["x"]).encode()));
        assert_eq!(answer.responses[0].topic_id, id);
        assert_error(answer.responses[0].partition_responses[0].error_code, Code::UnknownTopicId);
    }
    let answer = produce_at(&mut connection, 13, &topic, 1, Batch::of(&["x"]).encode());
    assert_error(answer.error_code, Code::UnknownTopicOrPartition);
    assert_eq!(end_offset(&mut connection, &topic), 0);
}

#[test]
fn val_15_errors_stay_with_their_partition() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    let broken = Batch { crc_claimed: Some(7), ..Batch::of(&["x"]) }.encode();
    let request = produce_request_of(
        9,
        &topic,
        vec![
            data(0, &["a"]),
            PartitionProduceData::default().with_index(1).with_records(Some(broken)),
            data(2, &["c", "d"]),
            data(3, &["e"]),
        ],
    );
    let answer = connection.call(9, &request);
    let mut codes: Vec<(i32, i16, i64)> = answer.responses[0]
        .partition_responses
        .iter()
        .map(|partition| (partition.index, partition.error_code, partition.base_offset))
        .collect();
    codes.sort_unstable();
    let unknown = Code::UnknownTopicOrPartition.code();
    assert_eq!(codes, [(0, 0, 0), (1, Code::CorruptMessage.code(), -1), (2, 0, 0), (3, unknown, -1)]);
}

#[test]
fn val_15_errors_stay_with_their_topic() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [12, 13] {
        let mut request = produce_request(version, &nowhere(), 0, Batch::of(&["x"]).encode());
        request.topic_data.extend(produce_request(version, &topic, 0, Batch::of(&["y"]).encode()).topic_data);
        let answer = connection.call(version, &request);
        assert_eq!(answer.responses.len(), 2);
        for of_topic in &answer.responses {
            let ours = of_topic.name.as_str() == topic.name || of_topic.topic_id == topic.id;
            assert_eq!(of_topic.partition_responses[0].error_code == 0, ours, "version {version}");
        }
    }
    assert_eq!(end_offset(&mut connection, &topic), 2);
}

#[test]
fn val_15_a_partition_given_twice_is_not_written_twice() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let request = produce_request_of(13, &topic, vec![data(0, &["first"]), data(0, &["second"])]);
    let _ = Connection::open().try_call(13, &request);
    assert!(end_offset(&mut connection, &topic) <= 1, "at most one of the two is written");
}

#[test]
fn several_topics_and_partitions_in_one_request() {
    let mut connection = Connection::open();
    let topics = [new_topic(&mut connection, 4), new_topic(&mut connection, 4)];
    for version in [3, 8, 12, 13] {
        let of_topics = topics.iter().map(|topic| {
            let partitions = (0..4).map(|partition| data(partition, &["a", "b"])).collect();
            produce_request_of(version, topic, partitions).topic_data.remove(0)
        });
        let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000);
        let answer = connection.call(version, &request.with_topic_data(of_topics.collect()));
        let partitions: Vec<_> = answer.responses.iter().flat_map(|topic| &topic.partition_responses).collect();
        assert_eq!(partitions.len(), 8);
        partitions.iter().for_each(|partition| assert_ok(partition.error_code));
    }
}

#[test]
fn a_request_without_topics_or_partitions_is_answered() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [3, 9, 13] {
        let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(1_000);
        assert!(connection.call(version, &request).responses.is_empty());
        let bare = TopicProduceData::default();
        let bare = if version >= 13 { bare.with_topic_id(topic.id) } else { bare.with_name(topic.wire_name()) };
        let answer = connection.call(version, &request.with_topic_data(vec![bare]));
        assert!(answer.responses.iter().all(|of_topic| of_topic.partition_responses.is_empty()));
    }
}

#[test]
fn pitfall_05_versions_below_3_are_advertised_but_refused() {
    for version in 0..=2 {
        let mut frame = protocol_tests::wire::request_start(0, version, 9, "old", false);
        frame.extend([0, 1, 0, 0, 3, 0xe8, 0, 0, 0, 0]); // acks 1, a second, no topics
        let mut connection = Connection::open();
        connection.send_frame(&frame);
        let answer = connection.read_frame();
        assert_eq!(answer, Err(Failure::Closed), "version {version}");
    }
    assert!(!metadata(&mut Connection::open(), 13, Some(&[])).brokers.is_empty());
}

#[test]
fn val_14_internal_topics_refuse_clients() {
    let mut connection = Connection::open();
    for name in ["__consumer_offsets", "__transaction_state"] {
        // As many as coordinators expect: other scenarios look for one on the same broker.
        let wanted =
            CreatableTopic::default().with_name(topic_name(name)).with_num_partitions(50).with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000);
        let made = connection.call(7, &request);
        let code = made.topics[0].error_code;
        assert!(code == 0 || code == Code::TopicAlreadyExists.code(), "{name}: {code}");
        // Known by name before its id is asked for: metadata may be behind for a moment.
        let mut topic = Topic { name: name.to_string(), id: Default::default() };
        await_topic(&mut connection, &topic, 1);
        let found = metadata(&mut connection, 13, Some(&[name]));
        assert!(found.topics[0].is_internal, "{name}");
        topic.id = found.topics[0].topic_id;
        for version in [9, 13] {
            let answer = produce_at(&mut connection, version, &topic, 0, Batch::of(&["x"]).encode());
            assert_error(answer.error_code, Code::InvalidTopicException);
        }
    }
}

#[test]
fn val_3_a_batch_over_max_message_bytes_is_too_large() {
    let mut connection = Connection::open();
    let topic = new_topic_with(&mut connection, 1, &[("max.message.bytes", "1000")]);
    let of_size = |bytes: usize| {
        let empty = Batch::of(&[&"x".repeat(200)]).encode().len();
        Batch::of(&[&"x".repeat(200 + bytes - empty)]).encode()
    };
    assert_eq!(of_size(1000).len(), 1000);
    for version in [3, 13] {
        let answer = produce_at(&mut connection, version, &topic, 0, of_size(1001));
        assert_error(answer.error_code, Code::MessageTooLarge);
        assert_ok(produce_at(&mut connection, version, &topic, 0, of_size(1000)).error_code);
        let mut shifted = of_size(1001).to_vec();
        shifted[7] = 5;
        let answer = produce_at(&mut connection, version, &topic, 0, shifted.into());
        assert_error(answer.error_code, Code::InvalidRecord);
    }
    assert_eq!(end_offset(&mut connection, &topic), 2);
}

#[test]
fn val_3_a_batch_over_segment_bytes_is_a_record_list_too_large() {
    let mut connection = Connection::open();
    let settings = [("segment.bytes", "1048576"), ("max.message.bytes", "3000000")];
    let topic = new_topic_with(&mut connection, 1, &settings);
    let answer = produce(&mut connection, &topic, Batch::of(&[&"x".repeat(1_100_000)]).encode());
    assert_error(answer.error_code, Code::RecordListTooLarge);
    assert_ok(produce(&mut connection, &topic, Batch::of(&[&"x".repeat(1_000_000)]).encode()).error_code);
    assert_eq!(end_offset(&mut connection, &topic), 1);
}

#[test]
fn log_2_a_refused_batch_leaves_no_hole() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for base in 0..5 {
        assert_eq!(append(&mut connection, &topic, &Batch::of(&["good"])), base);
        let bad = Batch { count_claimed: Some(2), ..Batch::of(&["bad"]) };
        assert!(produce(&mut connection, &topic, bad.encode()).error_code != 0);
    }
    let found = read_batches(&fetch(&mut connection, &topic, 0).records.unwrap_or_default());
    assert_eq!(found.iter().map(|batch| batch.base_offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn no_more_replicas_are_demanded_than_there_are() {
    let mut connection = Connection::open();
    let topic = new_topic_with(&mut connection, 1, &[("min.insync.replicas", "2")]);
    for version in [3, 9, 13] {
        for acks in [-1, 1] {
            let request = produce_request(version, &topic, 0, Batch::of(&["x"]).encode()).with_acks(acks);
            let answer = connection.call(version, &request);
            assert_ok(answer.responses[0].partition_responses[0].error_code);
        }
    }
    eventually(5_000, "all six records", || (end_offset(&mut connection, &topic) == 6).then_some(()));
}

#[test]
fn val_1_no_records_at_all() {
    if on_kafka() {
        return; // It fails inside and never answers.
    }
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [3, 9, 13] {
        let nothing = PartitionProduceData::default().with_index(0).with_records(None);
        let request = produce_request_of(version, &topic, vec![nothing]);
        // Null is not allowed by the protocol: the answer may be an error or the end of the connection.
        match Connection::open().try_call(version, &request) {
            Ok(answer) => assert!(answer.responses[0].partition_responses[0].error_code != 0, "version {version}"),
            Err(failure) => assert_eq!(failure, Failure::Closed, "version {version}"),
        }
    }
    assert_eq!(append(&mut connection, &topic, &Batch::of(&["first"])), 0);
}

#[test]
fn a_timeout_of_nothing_is_enough_for_one_replica() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for timeout_ms in [0, -1, i32::MIN, 1, 30_000, i32::MAX] {
        let request = produce_request(13, &topic, 0, Batch::of(&["x"]).encode()).with_timeout_ms(timeout_ms);
        assert_ok(connection.call(13, &request).responses[0].partition_responses[0].error_code);
    }
}

#[test]
fn records_of_every_shape_come_back() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let headers = (0..100).map(|index| (format!("name-{index}").into_bytes(), Some(vec![index; 20]))).collect();
    let records = vec![
        Record { key: None, value: None, ..Record::default() },
        Record { key: Some(Vec::new()), value: Some(Vec::new()), ..Record::default() },
        Record { headers, ..Record::keyed(vec![0xff; 300], vec![0; 70_000]) },
        Record { timestamp_delta: -1_000_000, ..Record::keyed("ключ", "値") },
    ];
    let base = append(&mut connection, &topic, &Batch::records(records.clone()));
    let found = read_batches(&fetch(&mut connection, &topic, base).records.unwrap_or_default())[0].records();
    for (sent, came) in records.iter().zip(&found) {
        assert_eq!((&sent.key, &sent.value), (&came.key, &came.value));
    }
    assert_eq!(found.len(), 4);
}

#[test]
fn a_batch_of_ten_thousand_records() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for codec in [Codec::None, Codec::Lz4] {
        let records = (0..10_000).map(|index| Record::of(format!("{index}"))).collect();
        append(&mut connection, &topic, &Batch::records(records).codec(codec));
    }
    assert_eq!(end_offset(&mut connection, &topic), 20_000);
    let found = read_batches(&fetch(&mut connection, &topic, 15_000).records.unwrap_or_default());
    assert_eq!((found[0].base_offset, found[0].last_offset()), (10_000, 19_999));
}

#[test]
fn val_5_a_batch_of_a_transaction_without_an_id_refuses_the_whole_request() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    let transactional = Batch::from_producer((4_000, 0), 0, 1).attributes(1 << 4).encode();
    for version in 3..=13 {
        let second = PartitionProduceData::default().with_index(1).with_records(Some(transactional.clone()));
        let request = produce_request_of(version, &topic, vec![data(0, &["plain"]), second]);
        let answer = connection.call(version, &request);
        for partition in &answer.responses[0].partition_responses {
            assert_error(partition.error_code, Code::TransactionalIdAuthorizationFailed);
        }
    }
    assert_eq!(end_offset(&mut connection, &topic), 0, "nothing is written");
}

#[test]
fn val_5_transactions_of_two_producers_in_one_request_are_refused() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    for version in 3..=13 {
        for producers in [[(4_000, 0), (4_001, 0)], [(4_000, 0), (4_000, 1)]] {
            let partitions = producers.iter().enumerate().map(|(index, producer)| {
                let batch = Batch::from_producer(*producer, 0, 1).attributes(1 << 4).encode();
                PartitionProduceData::default().with_index(index as i32).with_records(Some(batch))
            });
            let request = produce_request_of(version, &topic, partitions.collect());
            let answer = connection.call(version, &request.with_transactional_id(Some(text(fresh_name("id")).into())));
            for partition in &answer.responses[0].partition_responses {
                assert_error(partition.error_code, Code::InvalidProducerIdMapping);
            }
        }
    }
    assert_eq!(end_offset(&mut connection, &topic), 0, "nothing is written");
}
