//! Idempotent producers: sequence numbers, epochs, duplicates (IDEM-1 to IDEM-6, IDEM-14).
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use protocol_tests::batch::read_batches;
use protocol_tests::{
    Batch, Code, Connection, Topic, assert_error, assert_ok, end_offset, fetch, new_producer, new_topic,
    new_topic_with, produce, produce_at, produce_request,
};

const MOST: i32 = i32::MAX;

fn send(
    connection: &mut Connection,
    topic: &Topic,
    producer: (i64, i16),
    base_sequence: i32,
    count: usize,
) -> PartitionProduceResponse {
    produce(connection, topic, Batch::from_producer(producer, base_sequence, count).encode())
}

#[test]
fn idem_3_sequences_count_records_at_every_version() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    let mut sequence = 0;
    for version in 3..=13 {
        let batch = Batch::from_producer(producer, sequence, 3).encode();
        let answer = produce_at(&mut connection, version, &topic, 0, batch);
        assert_ok(answer.error_code);
        assert_eq!(answer.base_offset, i64::from(sequence));
        sequence += 3;
    }
}

#[test]
fn idem_2_pitfall_23_a_duplicate_succeeds_with_its_first_offset() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    for sequence in 0..7 {
        assert_eq!(send(&mut connection, &topic, producer, sequence, 1).base_offset, i64::from(sequence));
        // The last five batches are known by their sequences, in any order and as often as it takes.
        for again in (0.max(sequence - 4)..=sequence).rev() {
            for version in [3, 8, 13] {
                let batch = Batch::from_producer(producer, again, 1).encode();
                let answer = produce_at(&mut connection, version, &topic, 0, batch);
                assert_ok(answer.error_code);
                assert_eq!(answer.base_offset, i64::from(again), "version {version}");
            }
        }
    }
    assert_eq!(end_offset(&mut connection, &topic), 7, "nothing is written twice");
}

#[test]
fn idem_2_a_duplicate_of_many_records() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    let sizes = [3, 1, 10, 2, 5];
    let mut sequence = 0;
    for size in sizes {
        assert_eq!(send(&mut connection, &topic, producer, sequence, size).base_offset, i64::from(sequence));
        sequence += size as i32;
    }
    let mut sequence = 0;
    for size in sizes {
        let answer = send(&mut connection, &topic, producer, sequence, size);
        assert_ok(answer.error_code);
        assert_eq!(answer.base_offset, i64::from(sequence));
        sequence += size as i32;
    }
    assert_eq!(end_offset(&mut connection, &topic), 21);
}

#[test]
fn idem_2_part_of_a_known_batch_is_no_duplicate() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, producer, 0, 4).error_code);
    for (sequence, count) in [(0, 3), (0, 5), (1, 3), (2, 1), (3, 2)] {
        let answer = send(&mut connection, &topic, producer, sequence, count);
        let code = answer.error_code;
        let refusals = [Code::OutOfOrderSequenceNumber.code(), Code::DuplicateSequenceNumber.code()];
        assert!(refusals.contains(&code), "{sequence}+{count}: {code}");
    }
    assert_eq!(end_offset(&mut connection, &topic), 4);
}

#[test]
fn idem_2_a_duplicate_has_its_first_append_time() {
    let mut connection = Connection::open();
    let topic = new_topic_with(&mut connection, 1, &[("message.timestamp.type", "LogAppendTime")]);
    let producer = new_producer(&mut connection);
    let first = send(&mut connection, &topic, producer, 0, 2);
    protocol_tests::time::pause_ms(20);
    let again = send(&mut connection, &topic, producer, 0, 2);
    assert_ok(again.error_code);
    assert_eq!((again.base_offset, again.log_append_time_ms), (first.base_offset, first.log_append_time_ms));
    // Where the producer's own times count, it is told the first batch's largest.
    let topic = new_topic(&mut connection, 1);
    assert_eq!(send(&mut connection, &topic, producer, 0, 2).log_append_time_ms, -1);
    assert!(send(&mut connection, &topic, producer, 0, 2).log_append_time_ms > 0);
}

#[test]
fn idem_3_who_is_refused_by_the_log_is_told_where_it_starts() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, producer, 0, 2).error_code);
    let gap = send(&mut connection, &topic, producer, 7, 1);
    assert_error(gap.error_code, Code::OutOfOrderSequenceNumber);
    assert_eq!((gap.base_offset, gap.log_append_time_ms, gap.log_start_offset), (-1, -1, 0));
}

#[test]
fn idem_3_a_gap_is_out_of_order() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, producer, 0, 2).error_code);
    for sequence in [3, 4, 1000, MOST] {
        let answer = send(&mut connection, &topic, producer, sequence, 1);
        assert_error(answer.error_code, Code::OutOfOrderSequenceNumber);
        assert_eq!(answer.base_offset, -1);
    }
    assert_ok(send(&mut connection, &topic, producer, 2, 1).error_code);
    assert_eq!(end_offset(&mut connection, &topic), 3);
}

#[test]
fn idem_3_older_than_the_window_is_refused() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    for sequence in 0..6 {
        assert_ok(send(&mut connection, &topic, producer, sequence, 1).error_code);
    }
    let code = send(&mut connection, &topic, producer, 0, 1).error_code;
    assert!([Code::OutOfOrderSequenceNumber.code(), Code::DuplicateSequenceNumber.code()].contains(&code), "{code}");
    assert_ok(send(&mut connection, &topic, producer, 1, 1).error_code);
    assert_eq!(end_offset(&mut connection, &topic), 6);
}

#[test]
fn idem_3_sequences_wrap_to_zero_between_batches() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, producer, MOST - 1, 2).error_code);
    assert_error(send(&mut connection, &topic, producer, 1, 1).error_code, Code::OutOfOrderSequenceNumber);
    assert_ok(send(&mut connection, &topic, producer, 0, 1).error_code);
    assert_ok(send(&mut connection, &topic, producer, 1, 1).error_code);
    assert_eq!(send(&mut connection, &topic, producer, MOST - 1, 2).base_offset, 0, "still a known batch");
}

#[test]
fn idem_3_sequences_wrap_to_zero_inside_a_batch() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, producer, MOST, 3).error_code);
    assert_eq!(send(&mut connection, &topic, producer, MOST, 3).base_offset, 0, "a duplicate");
    assert_error(send(&mut connection, &topic, producer, 3, 1).error_code, Code::OutOfOrderSequenceNumber);
    assert_ok(send(&mut connection, &topic, producer, 2, 1).error_code);
    assert_eq!(end_offset(&mut connection, &topic), 4);
}

#[test]
fn idem_4_an_older_epoch_is_refused() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let (id, _) = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, (id, 3), 0, 1).error_code);
    for (epoch, sequence) in [(2, 1), (0, 0), (2, 0)] {
        let answer = send(&mut connection, &topic, (id, epoch), sequence, 1);
        assert_error(answer.error_code, Code::InvalidProducerEpoch);
    }
    assert_ok(send(&mut connection, &topic, (id, 3), 1, 1).error_code);
    assert_eq!(end_offset(&mut connection, &topic), 2);
}

#[test]
fn idem_4_a_newer_epoch_starts_at_zero() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let (id, epoch) = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, (id, epoch), 0, 2).error_code);
    for sequence in [1, 2, 7] {
        let answer = send(&mut connection, &topic, (id, epoch + 1), sequence, 1);
        assert_error(answer.error_code, Code::OutOfOrderSequenceNumber);
    }
    assert_ok(send(&mut connection, &topic, (id, epoch + 1), 0, 1).error_code);
    assert_error(send(&mut connection, &topic, (id, epoch), 2, 1).error_code, Code::InvalidProducerEpoch);
    assert_ok(send(&mut connection, &topic, (id, epoch + 1), 1, 1).error_code);
}

#[test]
fn idem_5_an_unknown_producer_may_start_anywhere() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, producer, 41, 1).error_code);
    assert_error(send(&mut connection, &topic, producer, 0, 1).error_code, Code::OutOfOrderSequenceNumber);
    assert_ok(send(&mut connection, &topic, producer, 42, 1).error_code);
}

#[test]
fn idem_1_state_is_per_partition_and_per_producer() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    let producers = [new_producer(&mut connection), new_producer(&mut connection)];
    for partition in 0..2 {
        for producer in producers {
            for sequence in 0..3 {
                let batch = Batch::from_producer(producer, sequence, 1).encode();
                assert_ok(produce_at(&mut connection, 13, &topic, partition, batch).error_code);
            }
        }
    }
    let batches = read_batches(&fetch(&mut connection, &topic, 0).records.unwrap_or_default());
    assert_eq!(batches.len(), 6);
    assert_eq!(batches[5].producer, producers[1]);
    assert_eq!(batches[5].base_sequence, 2);
}

#[test]
fn a_refused_batch_does_not_move_the_sequence() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    assert_ok(send(&mut connection, &topic, producer, 0, 1).error_code);
    let good = Batch::from_producer(producer, 1, 2);
    for bad in [Batch { crc_claimed: Some(0), ..good.clone() }, Batch { count_claimed: Some(9), ..good.clone() }] {
        assert!(produce(&mut connection, &topic, bad.encode()).error_code != 0);
    }
    let answer = produce(&mut connection, &topic, good.encode());
    assert_ok(answer.error_code);
    assert_eq!(answer.base_offset, 1);
}

#[test]
fn plain_batches_between_do_not_disturb() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    for sequence in 0..4 {
        assert_ok(produce(&mut connection, &topic, Batch::of(&["plain"]).encode()).error_code);
        assert_eq!(send(&mut connection, &topic, producer, sequence, 1).base_offset, i64::from(sequence) * 2 + 1);
    }
    assert_eq!(send(&mut connection, &topic, producer, 0, 1).base_offset, 1);
}

#[test]
fn idem_14_twenty_in_flight_are_written_in_order() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    let sent: Vec<i32> = (0..20)
        .map(|sequence| {
            let batch = Batch::from_producer(producer, sequence, 1).encode();
            connection.send(13, &produce_request(13, &topic, 0, batch))
        })
        .collect();
    for (offset, correlation) in sent.into_iter().enumerate() {
        let answer = connection.receive::<ProduceRequest>(13, correlation);
        let partition = &answer.responses[0].partition_responses[0];
        assert_ok(partition.error_code);
        assert_eq!(partition.base_offset, offset as i64);
    }
}

#[test]
fn idem_3_after_a_gap_the_rest_of_a_pipeline_fails_too() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let producer = new_producer(&mut connection);
    let sent: Vec<i32> = [0, 1, 3, 4, 5]
        .map(|sequence| {
            let batch = Batch::from_producer(producer, sequence, 1).encode();
            connection.send(13, &produce_request(13, &topic, 0, batch))
        })
        .to_vec();
    let codes: Vec<i16> = sent
        .into_iter()
        .map(|correlation| {
            let answer = connection.receive::<ProduceRequest>(13, correlation);
            answer.responses[0].partition_responses[0].error_code
        })
        .collect();
    let gap = Code::OutOfOrderSequenceNumber.code();
    assert_eq!(codes, [0, 0, gap, gap, gap]);
    for sequence in 2..6 {
        assert_eq!(send(&mut connection, &topic, producer, sequence, 1).base_offset, i64::from(sequence));
    }
}
