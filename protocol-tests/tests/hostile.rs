//! A broker goes on serving whatever it is sent: 1,200 hostile frames, strangers, the slow and those who leave.
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, GroupId, InitProducerIdRequest, OffsetCommitRequest, TopicName,
};
use protocol_tests::batch::zstd_bomb;
use protocol_tests::broker::resident_bytes;
use protocol_tests::connection::encode_request;
use protocol_tests::hostile::{HARMS, Harm, good_requests, spoil};
use protocol_tests::random::Random;
use protocol_tests::time::{Stopwatch, pause_ms};
use protocol_tests::wire::{put_unsigned_varint, request_start};
use protocol_tests::{
    Batch, Codec, Connection, Failure, append, assert_ok, end_offset, metadata, new_topic, on_kafka, produce,
    produce_request, text,
};

const FRAMES_PER_HARM: usize = 120;

/// The whole run can be made again from this number.
const SEED: u64 = 0x0771a;

#[track_caller]
fn still_serves() {
    let answer = metadata(&mut Connection::open(), 12, Some(&[]));
    assert_eq!(answer.brokers.len(), 1);
}

/// Sends bytes on a connection of their own and waits until the broker has done with it.
fn send_alone(bytes: &[u8], what: &str) {
    let mut connection = Connection::open();
    // It may close before all is sent; that is an answer too.
    let _ = connection.send_bytes(bytes);
    connection.finish_sending();
    let ended = connection.read_to_end_within(10_000).is_some();
    // Apache Kafka never answers a Produce request whose records are null, which a spoilt length may make them.
    let forgiven = on_kafka() && bytes.get(4..6) == Some(&[0, 0]);
    assert!(ended || forgiven, "the connection is still open ten seconds after {what}: {bytes:02x?}");
}

fn hostile_frames(harm: Harm) {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["a record that must survive"]));
    let good = good_requests(&topic);
    let mut random = Random::new(SEED ^ harm as u64);
    for round in 0..FRAMES_PER_HARM {
        let chosen = random.below(good.len());
        let frame = spoil(&mut random, harm, &good[chosen]);
        send_alone(&frame, &format!("frame {round} of {harm:?}"));
        if round % 20 == 19 {
            still_serves();
        }
    }
    let found = protocol_tests::fetch(&mut connection, &topic, 0);
    assert_ok(found.error_code);
    let batches = protocol_tests::batch::read_whole_batches(found.records.as_deref().unwrap_or_default());
    assert_eq!(batches[0].count, 1, "what was there is there, and every batch is whole");
}

#[test]
fn net_2_a_thousand_frames_and_more() {
    assert!(HARMS.len() * FRAMES_PER_HARM >= 1_000);
}

#[test]
fn net_2_names_longer_than_any_string_may_be_end_their_connection_alone() {
    for longest in [32_767, 32_768, 40_000] {
        let name = text("x".repeat(longest));
        let group = GroupId(name.clone());
        let heartbeat = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group.clone())
            .with_member_id(text("m"))
            .with_rebalance_timeout_ms(30_000)
            .with_subscribed_topic_names(Some(vec![]))
            .with_topic_partitions(Some(vec![]));
        let commit = OffsetCommitRequest::default().with_group_id(group.clone()).with_retention_time_ms(-1);
        let partition = OffsetCommitRequestPartition::default().with_committed_metadata(None);
        let topic = OffsetCommitRequestTopic::default().with_name(TopicName(name.clone()));
        let commit = commit.with_topics(vec![topic.with_partitions(vec![partition])]);
        let begin = InitProducerIdRequest::default().with_transactional_id(Some(name.into()));
        let frames = [
            encode_request(1, &heartbeat, 1, "hostile"),
            encode_request(8, &commit, 1, "hostile"),
            encode_request(4, &begin.with_transaction_timeout_ms(1_000), 1, "hostile"),
            encode_request(2, &DeleteGroupsRequest::default().with_groups_names(vec![group]), 1, "hostile"),
        ];
        for frame in frames {
            let mut connection = Connection::open();
            connection.send_frame(&frame);
            if longest > 32_767 {
                connection.assert_closed();
            } else {
                assert!(connection.read_frame().is_ok(), "it is long and in order");
            }
            still_serves();
        }
    }
}

#[test]
fn net_2_frames_cut_short_leave_the_broker_serving() {
    hostile_frames(Harm::Cut);
}

#[test]
fn net_1_frames_with_less_than_they_claim_leave_the_broker_serving() {
    hostile_frames(Harm::Short);
}

#[test]
fn net_1_frames_of_absurd_length_leave_the_broker_serving() {
    hostile_frames(Harm::Length);
}

#[test]
fn net_2_frames_with_flipped_bits_leave_the_broker_serving() {
    hostile_frames(Harm::Flip);
}

#[test]
fn net_2_frames_with_enormous_numbers_leave_the_broker_serving() {
    hostile_frames(Harm::Bomb);
}

#[test]
fn net_2_frames_with_more_behind_leave_the_broker_serving() {
    hostile_frames(Harm::Tail);
}

#[test]
fn net_2_frames_of_noise_leave_the_broker_serving() {
    hostile_frames(Harm::Noise);
}

#[test]
fn net_2_frames_of_noise_behind_a_good_header_leave_the_broker_serving() {
    hostile_frames(Harm::NoisyBody);
}

#[test]
fn net_3_frames_of_unknown_keys_and_versions_leave_the_broker_serving() {
    hostile_frames(Harm::Stranger);
}

#[test]
fn net_2_frames_with_tags_without_end_leave_the_broker_serving() {
    hostile_frames(Harm::Tags);
}

#[test]
fn net_3_unknown_keys_close_the_connection() {
    for key in [-1, 5_000, i16::MAX, i16::MIN, 93] {
        let mut connection = Connection::open();
        let mut frame = request_start(key, 0, 1, "stranger", false);
        frame.extend([0; 8]);
        connection.send_frame(&frame);
        connection.assert_closed();
    }
    still_serves();
}

#[test]
fn net_3_unknown_versions_close_the_connection() {
    // Key, a version too high, and whether such a header is flexible.
    for (key, version) in
        [(0, 14), (1, 19), (1, 3), (2, 12), (2, 0), (3, 14), (3, -1), (19, 8), (19, 1), (22, 99), (60, 3)]
    {
        let mut connection = Connection::open();
        let mut frame = request_start(key, version, 1, "future", true);
        frame.extend([0; 40]);
        connection.send_frame(&frame);
        assert_eq!(connection.read_frame(), Err(Failure::Closed), "key {key} version {version}");
    }
    still_serves();
}

#[test]
fn net_1_impossible_lengths_close_the_connection() {
    for length in [-1, i32::MIN, i32::MAX, (100 << 20) + 1] {
        let mut connection = Connection::open();
        connection.send_bytes(&length.to_be_bytes()).expect("four bytes");
        connection.assert_closed();
    }
    still_serves();
}

#[test]
fn a_frame_too_small_for_a_header_closes_the_connection() {
    for length in 0..8 {
        let mut connection = Connection::open();
        connection.send_frame(&vec![0; length]);
        connection.assert_closed();
    }
    still_serves();
}

#[test]
fn net_1_a_claimed_length_is_not_allocated() {
    if on_kafka() {
        return; // It allocates what is claimed, and ends with its heap.
    }
    still_serves();
    let before = resident_bytes();
    let claims: Vec<Connection> = (0..40)
        .map(|_| {
            let mut connection = Connection::open();
            connection.send_bytes(&(99_i32 << 20).to_be_bytes()).expect("a length");
            connection.send_bytes(&[0, 3, 0, 0]).expect("a beginning");
            connection
        })
        .collect();
    pause_ms(200);
    still_serves();
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        assert!(after < before + (64 << 20), "{} bytes more for 40 claims of 99 MiB", after - before);
    }
    drop(claims);
    still_serves();
}

#[test]
fn net_2_a_claimed_array_is_not_allocated() {
    still_serves();
    let before = resident_bytes();
    for _ in 0..40 {
        let mut plain = request_start(3, 1, 1, "bomb", false);
        plain.extend(i32::MAX.to_be_bytes());
        let mut compact = request_start(3, 12, 1, "bomb", true);
        put_unsigned_varint(&mut compact, i32::MAX as u32);
        for frame in [plain, compact] {
            let mut connection = Connection::open();
            connection.send_frame(&frame);
            connection.assert_closed();
        }
    }
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        assert!(after < before + (64 << 20), "{} bytes more", after - before);
    }
    still_serves();
}

/// Compact lengths can tell of longer strings than the older ones, which what a coordinator writes down is bound to.
#[test]
fn net_2_a_string_of_more_than_32_kib_closes_the_connection() {
    // Where the string comes first: transactional ids, groups.
    for (key, version) in [(22, 2), (22, 5), (24, 3), (25, 3), (26, 5), (28, 5), (9, 7), (11, 9), (68, 1)] {
        for length in [i16::MAX as usize + 1, 100_000] {
            let mut frame = request_start(key, version, 1, "long", true);
            put_unsigned_varint(&mut frame, length as u32 + 1);
            frame.resize(frame.len() + length, b'x');
            frame.extend([0; 64]);
            let mut connection = Connection::open();
            connection.send_frame(&frame);
            connection.assert_closed();
        }
    }
    still_serves();
}

#[test]
fn http_is_told_or_closed() {
    for request in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        "HEAD / HTTP/1.0\r\n\r\n",
        "PUT /x HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
    ] {
        let mut connection = Connection::open();
        connection.send_bytes(request.as_bytes()).expect("a request");
        let answer = connection.read_to_end_within(10_000).expect("the connection is closed");
        let known = answer.is_empty() || answer.starts_with(b"HTTP/1.");
        assert!(known, "{:?}", String::from_utf8_lossy(&answer));
    }
    still_serves();
}

#[test]
fn tls_is_closed() {
    let mut hello = vec![0x16, 0x03, 0x01, 0x00, 0xc8, 0x01, 0x00, 0x00, 0xc4, 0x03, 0x03];
    hello.extend(Random::new(SEED).bytes(194));
    let mut connection = Connection::open();
    connection.send_bytes(&hello).expect("a greeting");
    assert!(connection.read_to_end_within(10_000).is_some(), "the connection is closed");
    still_serves();
}

#[test]
fn one_byte_at_a_time_is_understood() {
    let mut maker = Connection::open();
    let topic = new_topic(&mut maker, 1);
    let request = produce_request(9, &topic, 0, Batch::of(&["slow"]).encode());
    let frame = encode_request(9, &request, 4, "slow");
    let mut connection = Connection::open();
    for byte in [&(frame.len() as i32).to_be_bytes()[..], &frame].concat() {
        connection.send_bytes(&[byte]).expect("a byte");
        pause_ms(1);
    }
    let answer = connection.read_frame().expect("an answer");
    assert_eq!(answer[..4], 4_i32.to_be_bytes());
    assert_eq!(end_offset(&mut maker, &topic), 1);
}

#[test]
fn leaving_at_each_byte_of_a_produce_request_writes_nothing() {
    let mut maker = Connection::open();
    let topic = new_topic(&mut maker, 1);
    let request = produce_request(13, &topic, 0, Batch::of(&["never"]).encode());
    let frame = encode_request(13, &request, 1, "leaver");
    let bytes = [&(frame.len() as i32).to_be_bytes()[..], &frame].concat();
    for length in 0..bytes.len() {
        let mut connection = Connection::open();
        connection.send_bytes(&bytes[..length]).expect("a part");
    }
    still_serves();
    assert_eq!(append(&mut maker, &topic, &Batch::of(&["first"])), 0);
}

#[test]
fn leaving_before_the_answer_harms_nobody() {
    let mut maker = Connection::open();
    let topic = new_topic(&mut maker, 1);
    for version in [3, 9, 13] {
        for _ in 0..20 {
            let batch = Batch::of(&["gone"]).encode();
            Connection::open().send(version, &produce_request(version, &topic, 0, batch));
        }
    }
    assert_ok(produce(&mut maker, &topic, Batch::of(&["here"]).encode()).error_code);
}

#[test]
fn many_idle_connections_do_not_stop_another() {
    let idle: Vec<Connection> = (0..300).map(|_| Connection::open()).collect();
    let watch = Stopwatch::start();
    still_serves();
    assert!(watch.elapsed_ms() < 5_000);
    drop(idle);
    still_serves();
}

#[test]
fn a_reader_that_does_not_read_stops_only_itself() {
    let mut maker = Connection::open();
    let topic = new_topic(&mut maker, 1);
    for _ in 0..8 {
        append(&mut maker, &topic, &Batch::of(&[&"x".repeat(900_000)]));
    }
    let mut deaf = Connection::open();
    for _ in 0..20 {
        let wanted = vec![protocol_tests::from_offset(0, 0).with_partition_max_bytes(8 << 20)];
        deaf.send(12, &protocol_tests::fetch_request(12, &topic, wanted));
    }
    for _ in 0..20 {
        still_serves();
        append(&mut maker, &topic, &Batch::of(&["others go on"]));
    }
}

/// Zeros beyond counting in a small batch; the broker must neither fill its memory nor stop for others.
#[test]
fn val_12_a_decompression_bomb_is_refused_in_bounded_memory() {
    if on_kafka() {
        return;
    }
    let mut maker = Connection::open();
    let topic = new_topic(&mut maker, 1);
    still_serves();
    let before = resident_bytes();
    let watch = Stopwatch::start();
    let bomb = Batch { packed: Some(zstd_bomb(100_000)), ..Batch::of(&["x"]).codec(Codec::Zstd) };
    let answer = produce(&mut maker, &topic, bomb.encode());
    assert!(answer.error_code != 0, "13 GB of zeros are no record");
    assert!(watch.elapsed_ms() < 15_000, "{} ms", watch.elapsed_ms());
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        assert!(after < before + (256 << 20), "{} bytes more", after - before);
    }
    assert_eq!(end_offset(&mut maker, &topic), 0);
}
