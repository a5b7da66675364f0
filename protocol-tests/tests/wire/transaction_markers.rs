//! WriteTxnMarkers 1 and 2 and DescribeProducers 0: markers, their epochs, and what they leave in a partition (TXN-9,
//! TXN-10, TXN-25, TXN-27).
use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::PartitionResponse;
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::{DescribeProducersRequest, WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use kafka_protocol::protocol::{Decodable, Encodable};
use protocol_tests::batch::read_batches;
use protocol_tests::groups::new_group;
use protocol_tests::time::now_ms;
use protocol_tests::transactions::{Producer, commit_offset, find, read, settled};
use protocol_tests::{
    Batch, Code, Connection, Topic, assert_error, assert_ok, end_offset, fetch, new_producer, new_topic, on_kafka,
    produce, topic_name,
};

/// Epochs of a marker: the producer's and the coordinator's.
#[derive(Clone, Copy)]
struct Epochs(i16, i32);

fn marker(name: &str, partitions: Vec<i32>, producer_id: i64, epochs: Epochs) -> WritableTxnMarker {
    let topic = WritableTxnMarkerTopic::default().with_name(topic_name(name)).with_partition_indexes(partitions);
    WritableTxnMarker::default()
        .with_producer_id(producer_id.into())
        .with_producer_epoch(epochs.0)
        .with_transaction_result(false)
        .with_coordinator_epoch(epochs.1)
        .with_topics(vec![topic])
}

fn codes(answer: &WriteTxnMarkersResponse) -> Vec<(i32, i16)> {
    let partitions = answer.markers.iter().flat_map(|marker| marker.topics.iter().flat_map(|topic| &topic.partitions));
    let mut codes: Vec<_> = partitions.map(|partition| (partition.partition_index, partition.error_code)).collect();
    codes.sort_unstable();
    codes
}

fn write(connection: &mut Connection, topic: &Topic, producer_id: i64, epochs: Epochs) -> i16 {
    let marker = marker(&topic.name, vec![0], producer_id, epochs);
    let answer = connection.call(1, &WriteTxnMarkersRequest::default().with_markers(vec![marker]));
    assert_eq!(answer.markers.len(), 1);
    assert_eq!(answer.markers[0].producer_id.0, producer_id);
    let [(0, code)] = codes(&answer)[..] else { panic!("{answer:?}") };
    code
}

/// Version 2, by hand: the typed layer knows version 1 only. Its marker has one byte more before its tags.
fn write_2(connection: &mut Connection, topic: &Topic, producer_id: i64, epochs: Epochs, protocol: u8) -> i16 {
    let marker = marker(&topic.name, vec![0], producer_id, epochs);
    let mut body = BytesMut::new();
    WriteTxnMarkersRequest::default().with_markers(vec![marker]).encode(&mut body, 1).unwrap();
    body.truncate(body.len() - 2);
    body.put_slice(&[protocol, 0, 0]);
    let mut frame = BytesMut::new();
    frame.put_i16(27);
    frame.put_i16(2);
    frame.put_i32(77);
    frame.put_i16(-1);
    frame.put_u8(0);
    frame.put_slice(&body);
    connection.send_frame(&frame);
    let mut answer = connection.read_frame().unwrap();
    assert_eq!((answer.get_i32(), answer.get_u8()), (77, 0));
    let answer = WriteTxnMarkersResponse::decode(&mut answer, 1).unwrap();
    let [(0, code)] = codes(&answer)[..] else { panic!("{answer:?}") };
    code
}

fn describe(connection: &mut Connection, topic: &str, partition: i32) -> PartitionResponse {
    let asked = TopicRequest::default().with_name(topic_name(topic)).with_partition_indexes(vec![partition]);
    let answer = connection.call(0, &DescribeProducersRequest::default().with_topics(vec![asked]));
    assert_eq!(answer.throttle_time_ms, 0);
    assert_eq!((answer.topics.len(), &**answer.topics[0].name), (1, topic));
    let [partition] = &answer.topics[0].partitions[..] else { panic!("{answer:?}") };
    partition.clone()
}

#[test]
fn txn_9_a_marker_without_partitions_is_left_out_of_the_answer() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let ids = [0; 4].map(|_| new_producer(&mut connection).0);
    let no_topics = marker(&topic.name, vec![], ids[0], Epochs(0, 0)).with_topics(vec![]);
    let no_partitions = marker(&topic.name, vec![], ids[1], Epochs(0, 0));
    let answer = connection.call(1, &WriteTxnMarkersRequest::default().with_markers(vec![no_topics.clone()]));
    assert_eq!(answer.markers, []);
    let real = [ids[2], ids[3]].map(|id| marker(&topic.name, vec![0], id, Epochs(0, 0)));
    let markers = [vec![no_topics, no_partitions], real.to_vec()].concat();
    let answer = connection.call(1, &WriteTxnMarkersRequest::default().with_markers(markers));
    let mut told: Vec<_> = answer.markers.iter().map(|marker| marker.producer_id.0).collect();
    told.sort_unstable();
    assert_eq!(told, ids[2..]);
    assert_eq!(codes(&answer), [(0, 0); 2]);
}

#[test]
fn txn_27_a_marker_where_nothing_is_open_takes_an_offset_and_is_read_as_a_control_batch() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let (id, _) = new_producer(&mut connection);
    assert_ok(write(&mut connection, &topic, id, Epochs(0, 4)));
    assert_ok(write_2(&mut connection, &topic, id, Epochs(1, 4), 2));
    assert_eq!(end_offset(&mut connection, &topic), 2);
    let batches = read_batches(&fetch(&mut connection, &topic, 0).records.unwrap());
    assert_eq!(batches.len(), 2);
    for (batch, epoch) in batches.iter().zip([0, 1]) {
        assert_eq!(batch.attributes & 0x30, 0x30, "control and transactional");
        assert_eq!((batch.producer, batch.base_sequence), ((id, epoch), -1));
        let [record] = &batch.records()[..] else { panic!("{batch:?}") };
        assert_eq!(record.key.as_deref(), Some(&[0, 0, 0, 0][..]), "abort");
        assert_eq!(record.value.as_deref(), Some(&[0, 0, 0, 0, 0, 4][..]), "of coordinator epoch 4");
    }
}

#[test]
fn txn_9_a_marker_of_a_later_epoch_fences_the_producer_before_it() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let (id, epoch) = new_producer(&mut connection);
    assert_ok(produce(&mut connection, &topic, Batch::from_producer((id, epoch), 0, 1).encode()).error_code);
    assert_ok(write(&mut connection, &topic, id, Epochs(epoch + 1, 0)));
    let fenced = produce(&mut connection, &topic, Batch::from_producer((id, epoch), 1, 1).encode());
    assert_error(fenced.error_code, Code::InvalidProducerEpoch);
    let next = produce(&mut connection, &topic, Batch::from_producer((id, epoch + 1), 0, 1).encode());
    assert_ok(next.error_code);
    assert_eq!(next.base_offset, 2);
}

#[test]
fn txn_10_markers_of_older_epochs_and_coordinators_are_refused() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let (id, _) = new_producer(&mut connection);
    assert_ok(write(&mut connection, &topic, id, Epochs(5, 7)));
    assert_error(write(&mut connection, &topic, id, Epochs(4, 7)), Code::InvalidProducerEpoch);
    assert_error(write(&mut connection, &topic, id, Epochs(5, 6)), Code::TransactionCoordinatorFenced);
    assert_error(write_2(&mut connection, &topic, id, Epochs(4, 7), 2), Code::InvalidProducerEpoch);
    // KAFKA-19999: nothing is open, so the same marker again is a repetition, whatever the protocol.
    for protocol in [0, 1, 2] {
        assert_ok(write_2(&mut connection, &topic, id, Epochs(5, 7), protocol));
    }
    assert_eq!(end_offset(&mut connection, &topic), 4);
}

#[test]
fn txn_10_a_marker_has_a_producer_and_an_epoch() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let (id, _) = new_producer(&mut connection);
    let is_none = |own| if on_kafka() { Code::UnknownServerError } else { own };
    assert_error(write(&mut connection, &topic, -1, Epochs(0, 0)), is_none(Code::InvalidRequest));
    assert_error(write_2(&mut connection, &topic, -1, Epochs(0, 0), 2), is_none(Code::InvalidRequest));
    assert_error(write(&mut connection, &topic, id, Epochs(-1, 0)), is_none(Code::InvalidProducerEpoch));
    assert_error(write_2(&mut connection, &topic, id, Epochs(-1, 0), 2), is_none(Code::InvalidProducerEpoch));
    if !on_kafka() {
        for producer_id in [-2, i64::MIN] {
            assert_error(write(&mut connection, &topic, producer_id, Epochs(0, 0)), Code::InvalidRequest);
        }
    }
    for epoch in [-2, i16::MIN] {
        assert_error(write(&mut connection, &topic, id, Epochs(epoch, 0)), Code::InvalidProducerEpoch);
    }
    assert_eq!(end_offset(&mut connection, &topic), 0);
}

#[test]
fn txn_10_a_marker_that_comes_late_does_not_end_the_next_transaction() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    assert_ok(producer.produce(12, &topic, 0, 1));
    producer.end_2(true);
    assert_eq!(settled(&topic, 2), 0);
    assert_ok(producer.produce(12, &topic, 0, 1));
    // The marker of the first transaction once more, as its coordinator wrote it: the epoch is that of the second's
    // records (KIP-1228). And one that is older still.
    let (pid, epoch) = (producer.pid, producer.epoch);
    for late in [epoch, epoch - 1] {
        let refused = write_2(&mut producer.connection, &topic, pid, Epochs(late, 0), 2);
        assert_error(refused, Code::InvalidProducerEpoch);
    }
    let open = read(&topic, true);
    assert_eq!((open.last_stable_offset, open.high_watermark), (2, 3), "still open, and nothing was written");
    producer.end_2(true);
    assert_eq!(settled(&topic, 4), 0);
}

#[test]
fn txn_11_each_partition_of_a_marker_has_its_own_answer() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    let (id, _) = new_producer(&mut connection);
    // In this order: Apache Kafka never answers when the last marker has no partition that it knows.
    let markers =
        vec![marker("no-such-topic", vec![5], id, Epochs(0, 0)), marker(&topic.name, vec![0, 1, 2], id, Epochs(0, 0))];
    let answer = connection.call(1, &WriteTxnMarkersRequest::default().with_markers(markers));
    assert_eq!(answer.markers.len(), 1, "one answer for one producer");
    let unknown = Code::UnknownTopicOrPartition.code();
    assert_eq!(codes(&answer), [(0, 0), (1, 0), (2, unknown), (5, unknown)]);
    let none = connection.call(1, &WriteTxnMarkersRequest::default());
    assert!(none.markers.is_empty());
}

#[test]
fn txn_25_producers_are_described() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let empty = describe(&mut connection, &topic.name, 0);
    assert_ok(empty.error_code);
    assert!(empty.active_producers.is_empty());
    let (id, epoch) = new_producer(&mut connection);
    assert_ok(produce(&mut connection, &topic, Batch::from_producer((id, epoch), 0, 3).encode()).error_code);
    let writing = describe(&mut connection, &topic.name, 0);
    let [producer] = &writing.active_producers[..] else { panic!("{writing:?}") };
    assert_eq!((producer.producer_id.0, producer.producer_epoch), (id, i32::from(epoch)));
    assert_eq!((producer.last_sequence, producer.coordinator_epoch), (2, -1));
    assert_eq!(producer.current_txn_start_offset, -1);
    assert!(producer.last_timestamp > 0);
    assert_ok(write(&mut connection, &topic, id, Epochs(epoch + 1, 6)));
    let marked = describe(&mut connection, &topic.name, 0);
    let [producer] = &marked.active_producers[..] else { panic!("{marked:?}") };
    assert_eq!((producer.producer_epoch, producer.last_sequence, producer.coordinator_epoch), (1, -1, 6));
}

#[test]
fn producers_of_partitions_that_are_not_here_cannot_be_described() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    assert_error(describe(&mut connection, &topic.name, 1).error_code, Code::UnknownTopicOrPartition);
    assert_error(describe(&mut connection, "no-such-topic", 0).error_code, Code::UnknownTopicOrPartition);
    assert_error(describe(&mut connection, "not a name", 0).error_code, Code::InvalidTopicException);
}

/// Offsets of a transaction have no sequence of their own: their producer lives all the same, from when they were written.
#[test]
fn txn_25_producers_of_committed_offsets_are_told_with_the_time_of_their_last_write() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    let group = new_group();
    find(&mut producer.connection, 0, &group);
    let before_ms = now_ms();
    for offset in [7, 8] {
        assert_ok(commit_offset(&mut producer, 5, &group, &topic, offset));
    }
    let name = "__consumer_offsets";
    let known: Vec<_> = (0..50)
        .flat_map(|partition| describe(&mut producer.connection, name, partition).active_producers)
        .filter(|known| known.producer_id.0 == producer.pid)
        .collect();
    let [known] = &known[..] else { panic!("{known:?}") };
    assert!((before_ms..=now_ms()).contains(&known.last_timestamp), "{known:?} {before_ms}");
    assert_eq!((known.producer_epoch, known.last_sequence), (i32::from(producer.epoch), 0));
    assert!(known.current_txn_start_offset >= 0);
    producer.end_2(false);
}
