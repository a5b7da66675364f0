//! Many requests on one connection before the first answer: answers in order, effects in order (NET-4, IDEM-14).
use kafka_protocol::messages::{
    ApiVersionsRequest, FetchRequest, ListOffsetsRequest, MetadataRequest, ProduceRequest, list_offsets_request,
};
use protocol_tests::batch::{TRANSACTIONAL, read_batches};
use protocol_tests::connection::encode_request;
use protocol_tests::time::Stopwatch;
use protocol_tests::transactions::Producer;
use protocol_tests::{
    Batch, Connection, LATEST, Topic, append, assert_ok, fetch, fetch_request, from_offset, new_topic, only_partition,
    produce_request,
};

fn latest(topic: &Topic) -> ListOffsetsRequest {
    let partition =
        list_offsets_request::ListOffsetsPartition::default().with_timestamp(LATEST).with_current_leader_epoch(-1);
    let of_topic =
        list_offsets_request::ListOffsetsTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![of_topic])
}

#[test]
fn net_4_fifty_mixed_requests_are_answered_in_order() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let mut sent = Vec::new();
    for round in 0..50 {
        sent.push(match round % 5 {
            0 => connection.send(13, &produce_request(13, &topic, 0, Batch::of(&["x"]).encode())),
            1 => connection.send(12, &MetadataRequest::default().with_topics(Some(Vec::new()))),
            2 => connection.send(18, &fetch_request(18, &topic, vec![from_offset(0, 0)])),
            3 => connection.send(0, &ApiVersionsRequest::default()),
            _ => connection.send(8, &latest(&topic)),
        });
    }
    for (round, correlation) in sent.into_iter().enumerate() {
        let written = round as i64 / 5 + 1;
        match round % 5 {
            0 => {
                let answer = connection.receive::<ProduceRequest>(13, correlation);
                let partition = &answer.responses[0].partition_responses[0];
                assert_ok(partition.error_code);
                assert_eq!(partition.base_offset, written - 1);
            }
            1 => assert_eq!(connection.receive::<MetadataRequest>(12, correlation).brokers.len(), 1),
            2 => {
                let found = only_partition(&connection.receive::<FetchRequest>(18, correlation));
                let batches = read_batches(found.records.as_deref().unwrap_or_default());
                assert_eq!(batches.len() as i64, written, "a read shows the writes before it");
            }
            3 => assert_ok(connection.receive::<ApiVersionsRequest>(0, correlation).error_code),
            _ => {
                let answer = connection.receive::<ListOffsetsRequest>(8, correlation);
                assert_eq!(answer.topics[0].partitions[0].offset, written, "so does the end of the log");
            }
        }
    }
}

#[test]
fn net_4_a_waiting_fetch_holds_back_the_answers_behind_it() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let wait = fetch_request(18, &topic, vec![from_offset(0, 0)]).with_min_bytes(1_000_000).with_max_wait_ms(600);
    let watch = Stopwatch::start();
    let waiting = connection.send(18, &wait);
    let written: Vec<i32> = (0..10)
        .map(|_| connection.send(13, &produce_request(13, &topic, 0, Batch::of(&["behind"]).encode())))
        .collect();
    let first = connection.receive::<FetchRequest>(18, waiting);
    assert!(watch.elapsed_ms() >= 590, "{} ms", watch.elapsed_ms());
    assert_ok(only_partition(&first).error_code);
    for (offset, correlation) in written.into_iter().enumerate() {
        let answer = connection.receive::<ProduceRequest>(13, correlation);
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, offset as i64);
    }
}

#[test]
fn net_4_a_waiting_fetch_does_not_hold_back_other_connections() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let wait = fetch_request(18, &topic, vec![from_offset(0, 0)]).with_min_bytes(1_000_000).with_max_wait_ms(3_000);
    let mut waiting: Vec<(Connection, i32)> = (0..20)
        .map(|_| {
            let mut reader = Connection::open();
            let correlation = reader.send(18, &wait);
            (reader, correlation)
        })
        .collect();
    let watch = Stopwatch::start();
    for _ in 0..20 {
        append(&mut connection, &topic, &Batch::of(&["x"]));
    }
    assert!(watch.elapsed_ms() < 2_500, "{} ms", watch.elapsed_ms());
    for (reader, correlation) in &mut waiting {
        assert_ok(reader.receive::<FetchRequest>(18, *correlation).error_code);
    }
}

#[test]
fn idem_14_fifty_produces_in_one_write_keep_their_order() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let mut bytes = Vec::new();
    for round in 0..50 {
        let request = produce_request(9, &topic, 0, Batch::of(&[&format!("{round}")]).encode());
        let frame = encode_request(9, &request, round, "burst");
        bytes.extend((frame.len() as i32).to_be_bytes());
        bytes.extend(frame);
    }
    connection.send_bytes(&bytes).expect("one write");
    for round in 0..50 {
        let answer = connection.receive::<ProduceRequest>(9, round);
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, i64::from(round));
    }
    let found = read_batches(&fetch(&mut connection, &topic, 0).records.unwrap_or_default());
    for (round, batch) in found.iter().enumerate() {
        assert_eq!(batch.records()[0].value, Some(round.to_string().into_bytes()));
    }
}

#[test]
fn idem_14_what_is_pipelined_behind_the_first_batch_of_a_transaction_keeps_its_order() {
    const BATCHES: i32 = 10;
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    for round in 0..5 {
        let mut bytes = Vec::new();
        let mut put = |frame: Vec<u8>| {
            bytes.extend((frame.len() as i32).to_be_bytes());
            bytes.extend(frame);
        };
        for sequence in 0..BATCHES {
            let batch = Batch::from_producer((producer.pid, producer.epoch), sequence, 1).attributes(TRANSACTIONAL);
            let request =
                produce_request(12, &topic, 0, batch.encode()).with_transactional_id(Some(producer.id.clone()));
            put(encode_request(12, &request, sequence, "burst").to_vec());
        }
        put(encode_request(7, &latest(&topic), BATCHES, "burst").to_vec());
        producer.connection.send_bytes(&bytes).expect("one write");
        let begin = round * (i64::from(BATCHES) + 1);
        for sequence in 0..BATCHES {
            let answer = producer.connection.receive::<ProduceRequest>(12, sequence);
            let answer = &answer.responses[0].partition_responses[0];
            assert_ok(answer.error_code);
            assert_eq!(answer.base_offset, begin + i64::from(sequence));
        }
        let answer = producer.connection.receive::<ListOffsetsRequest>(7, BATCHES);
        assert_eq!(answer.topics[0].partitions[0].offset, begin + i64::from(BATCHES), "behind all of them");
        producer.end_2(true);
    }
}

#[test]
fn pitfall_18_acks_0_between_others_leaves_no_gap_in_the_answers() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let mut sent = Vec::new();
    for round in 0..30 {
        let request = produce_request(9, &topic, 0, Batch::of(&["x"]).encode());
        let acks = [0, 1, -1][round % 3];
        let correlation = connection.send(9, &request.with_acks(acks));
        if acks != 0 {
            sent.push((round as i64, correlation));
        }
    }
    for (offset, correlation) in sent {
        let answer = connection.receive::<ProduceRequest>(9, correlation);
        let partition = &answer.responses[0].partition_responses[0];
        assert_ok(partition.error_code);
        assert_eq!(partition.base_offset, offset, "writes without an answer stand in their place");
    }
}

#[test]
fn two_frames_in_one_packet_and_one_frame_in_two() {
    let mut connection = Connection::open();
    let frame = |correlation| {
        let request = MetadataRequest::default().with_topics(Some(Vec::new()));
        let frame = encode_request(12, &request, correlation, "cut");
        [&(frame.len() as i32).to_be_bytes()[..], &frame].concat()
    };
    let bytes = [frame(1), frame(2), frame(3)].concat();
    let cut = frame(1).len() + 7;
    connection.send_bytes(&bytes[..cut]).expect("one and a bit");
    connection.receive::<MetadataRequest>(12, 1);
    connection.send_bytes(&bytes[cut..]).expect("the rest");
    connection.receive::<MetadataRequest>(12, 2);
    connection.receive::<MetadataRequest>(12, 3);
}

#[test]
fn net_4_who_sends_nothing_more_is_answered_all_that_was_asked() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for round in 0..5 {
        let mut half = Connection::open();
        let words = Batch::of(&["last words"]).encode();
        let written = half.send(13, &produce_request(13, &topic, 0, words).with_acks(-1));
        let wait = fetch_request(18, &topic, vec![from_offset(0, 0)]).with_min_bytes(1_000_000).with_max_wait_ms(300);
        let waiting = half.send(18, &wait);
        let small = [(); 2].map(|()| half.send(0, &ApiVersionsRequest::default()));
        half.finish_sending();
        let answer = half.receive::<ProduceRequest>(13, written);
        assert_eq!(answer.responses[0].partition_responses[0].base_offset, round);
        let found = only_partition(&half.receive::<FetchRequest>(18, waiting));
        assert_eq!(read_batches(found.records.as_deref().unwrap_or_default()).len() as i64, round + 1);
        small
            .into_iter()
            .for_each(|correlation| assert_ok(half.receive::<ApiVersionsRequest>(0, correlation).error_code));
        half.assert_closed();
    }
}

#[test]
fn twenty_clients_write_to_one_partition_without_loss() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let writers: Vec<_> = (0..20)
        .map(|writer| {
            let topic = topic.clone();
            std::thread::spawn(move || {
                let mut connection = Connection::open_as(&format!("writer-{writer}"));
                let offsets: Vec<i64> = (0..25)
                    .map(|round| append(&mut connection, &topic, &Batch::of(&[&format!("{writer}/{round}")])))
                    .collect();
                assert!(offsets.is_sorted(), "a client's own order holds");
                offsets
            })
        })
        .collect();
    let mut offsets: Vec<i64> = writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..500).collect::<Vec<i64>>(), "each offset once");
}
