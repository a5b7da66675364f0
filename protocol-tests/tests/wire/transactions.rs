//! Transactions by hand, as clients of `transaction.version` 1 and 2 run them: commit, abort, what a read_committed consumer
//! sees, fencing, offsets, every version of the APIs.
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest, EndTxnResponse,
    FindCoordinatorRequest, GroupId, InitProducerIdRequest, InitProducerIdResponse, ListTransactionsRequest,
    OffsetFetchRequest, TransactionalId, TxnOffsetCommitRequest,
};
use protocol_tests::batch::{TRANSACTIONAL, read_batches};
use protocol_tests::groups::new_group;
use protocol_tests::time::{Stopwatch, eventually};
use protocol_tests::{
    Batch, Code, Connection, Topic, assert_error, assert_ok, fetch_request, fresh_name, from_offset, new_topic,
    on_kafka, only_partition, produce_request, text,
};

/// One transactional producer, as far as it knows itself.
struct Producer {
    connection: Connection,
    id: TransactionalId,
    pid: i64,
    epoch: i16,
}

fn ask_for_id(connection: &mut Connection, id: &TransactionalId, version: i16) -> InitProducerIdResponse {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id.clone()))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    eventually(20_000, "a producer id", || {
        let answer = connection.call(version, &request);
        let passing = [Code::ConcurrentTransactions, Code::NotCoordinator, Code::CoordinatorLoadInProgress];
        (!passing.iter().any(|code| code.code() == answer.error_code)).then_some(answer)
    })
}

fn find(connection: &mut Connection, kind: i8, key: &str) {
    let request = FindCoordinatorRequest::default().with_key_type(kind).with_coordinator_keys(vec![text(key)]);
    eventually(20_000, "a coordinator", || {
        (connection.call(4, &request).coordinators[0].error_code == 0).then_some(())
    });
}

impl Producer {
    fn new() -> Producer {
        Producer::again(TransactionalId(text(fresh_name("transactional"))))
    }

    fn again(id: TransactionalId) -> Producer {
        let mut connection = Connection::open();
        find(&mut connection, 1, &id);
        let answer = ask_for_id(&mut connection, &id, 4);
        assert_ok(answer.error_code);
        Producer { connection, id, pid: answer.producer_id.0, epoch: answer.producer_epoch }
    }

    fn add(&mut self, version: i16, topic: &Topic, partitions: Vec<i32>) -> Vec<i16> {
        let topic = AddPartitionsToTxnTopic::default().with_name(topic.wire_name()).with_partitions(partitions);
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.id.clone())
            .with_v3_and_below_producer_id(self.pid.into())
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![topic]);
        eventually(20_000, "the transaction before to end", || {
            let answer = self.connection.call(version, &request);
            let results = &answer.results_by_topic_v3_and_below[0].results_by_partition;
            let codes: Vec<i16> = results.iter().map(|result| result.partition_error_code).collect();
            (!codes.contains(&Code::ConcurrentTransactions.code())).then_some(codes)
        })
    }

    fn produce(&mut self, version: i16, topic: &Topic, sequence: i32, count: usize) -> i16 {
        let batch = Batch::from_producer((self.pid, self.epoch), sequence, count).attributes(TRANSACTIONAL);
        let request = produce_request(version, topic, 0, batch.encode()).with_transactional_id(Some(self.id.clone()));
        eventually(20_000, "the transaction before to end", || {
            let answer = self.connection.call(version, &request);
            let code = answer.responses[0].partition_responses[0].error_code;
            (code != Code::ConcurrentTransactions.code()).then_some(code)
        })
    }

    fn end(&mut self, version: i16, commit: bool) -> EndTxnResponse {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(self.pid.into())
            .with_producer_epoch(self.epoch)
            .with_committed(commit);
        eventually(20_000, "the end", || {
            let answer = self.connection.call(version, &request);
            (answer.error_code != Code::ConcurrentTransactions.code()).then_some(answer)
        })
    }

    /// Ends as a client of `transaction.version` 2: with the next epoch.
    fn end_2(&mut self, commit: bool) {
        let answer = self.end(5, commit);
        assert_ok(answer.error_code);
        assert_eq!((answer.producer_id.0, answer.producer_epoch), (self.pid, self.epoch + 1));
        self.epoch += 1;
    }
}

fn read(topic: &Topic, committed: bool) -> PartitionData {
    let request = fetch_request(18, topic, vec![from_offset(0, 0)]).with_isolation_level(i8::from(committed));
    only_partition(&Connection::open().call(18, &request))
}

/// Waits until nothing is open; then the number of aborted transactions that a consumer is told of.
fn settled(topic: &Topic, end: i64) -> usize {
    let read = eventually(20_000, "the markers", || {
        let read = read(topic, true);
        (read.last_stable_offset == end && read.high_watermark == end).then_some(read)
    });
    read.aborted_transactions.map_or(0, |aborted| aborted.len())
}

#[test]
fn txn_4_commit_and_abort_with_one_epoch() {
    let mut producer = Producer::new();
    let topic = new_topic(&mut producer.connection, 1);
    for version in 0..=3 {
        assert_eq!(producer.add(version, &topic, vec![0]), [0]);
    }
    assert_ok(producer.produce(11, &topic, 0, 2));
    assert_eq!(read(&topic, true).last_stable_offset, 0, "still open");
    for version in 0..=4 {
        let answer = producer.end(version, true);
        assert_ok(answer.error_code);
        assert_eq!(answer.producer_epoch, -1);
    }
    assert_eq!(settled(&topic, 3), 0);
    assert_eq!(producer.add(3, &topic, vec![0]), [0]);
    assert_ok(producer.produce(11, &topic, 2, 2));
    assert_ok(producer.end(4, false).error_code);
    assert_eq!(settled(&topic, 6), 1);
    assert_error(producer.end(4, true).error_code, Code::InvalidTxnState);
    let batches = read_batches(&read(&topic, true).records.unwrap());
    assert!(batches.iter().all(|batch| batch.producer == (producer.pid, producer.epoch)));
}

#[test]
fn txn_8_partitions_join_by_themselves_and_every_end_raises_the_epoch() {
    let mut producer = Producer::new();
    let topic = new_topic(&mut producer.connection, 1);
    for round in 0..4 {
        assert_ok(producer.produce(if round % 2 == 0 { 12 } else { 13 }, &topic, 0, 2));
        assert_ok(producer.produce(12, &topic, 2, 1));
        producer.end_2(round % 2 == 0);
    }
    assert_eq!(settled(&topic, 16), 2);
    // Aborting nothing raises the epoch too; committing nothing is a mistake.
    producer.end_2(false);
    assert_error(producer.end(5, true).error_code, Code::InvalidTxnState);
    let late = Batch::from_producer((producer.pid, producer.epoch - 2), 9, 1).attributes(TRANSACTIONAL);
    let request = produce_request(12, &topic, 0, late.encode()).with_transactional_id(Some(producer.id.clone()));
    let answer = producer.connection.call(12, &request);
    assert_error(answer.responses[0].partition_responses[0].error_code, Code::InvalidProducerEpoch);
}

#[test]
fn txn_8_the_next_transaction_begins_as_soon_as_the_last_is_complete() {
    let mut producer = Producer::new();
    let topic = new_topic(&mut producer.connection, 1);
    let mut took_ms: Vec<u64> = Vec::new();
    for _ in 0..60 {
        let watch = Stopwatch::start();
        assert_ok(producer.produce(12, &topic, 0, 1));
        producer.end_2(true);
        took_ms.push(watch.elapsed_ms());
    }
    took_ms.sort_unstable();
    // Apache Kafka asks its coordinator again every 20 ms.
    assert!(on_kafka() || took_ms[30] < 15, "{took_ms:?}");
}

#[test]
fn txn_6_a_batch_outside_a_transaction_is_refused() {
    let mut producer = Producer::new();
    let topic = new_topic(&mut producer.connection, 1);
    assert_error(producer.produce(10, &topic, 0, 1), Code::InvalidTxnState);
    assert_error(producer.produce(11, &topic, 0, 1), Code::TransactionAbortable);
    assert_eq!(read(&topic, false).high_watermark, 0);
}

#[test]
fn txn_5_one_partition_that_does_not_exist_keeps_the_others_out() {
    let mut producer = Producer::new();
    let topic = new_topic(&mut producer.connection, 1);
    let codes = producer.add(3, &topic, vec![0, 7]);
    assert_eq!(codes, [Code::OperationNotAttempted.code(), Code::UnknownTopicOrPartition.code()]);
    assert_error(producer.end(4, true).error_code, Code::InvalidTxnState);
}

#[test]
fn init_4_a_second_producer_aborts_and_fences_the_first() {
    for (produced, ended) in [(12, 5), (11, 4)] {
        let mut first = Producer::new();
        let topic = new_topic(&mut first.connection, 1);
        if produced == 11 {
            assert_eq!(first.add(3, &topic, vec![0]), [0]);
        }
        assert_ok(first.produce(produced, &topic, 0, 1));
        let mut second = Producer::again(first.id.clone());
        assert_eq!(second.pid, first.pid);
        assert!(second.epoch > first.epoch);
        assert_eq!(settled(&topic, 2), 1, "what was open is aborted");
        assert_error(first.end(ended, true).error_code, Code::ProducerFenced);
        assert_error(first.produce(produced, &topic, 1, 1), Code::InvalidProducerEpoch);
        assert_eq!(read(&topic, false).high_watermark, 2, "TXN-29");
        if produced == 11 {
            assert_eq!(second.add(3, &topic, vec![0]), [0]);
        }
        assert_ok(second.produce(produced, &topic, 0, 1));
        assert_ok(second.end(ended, true).error_code);
        assert_eq!(settled(&topic, 4), 1);
    }
}

fn offset(connection: &mut Connection, group: &str, topic: &Topic, stable: bool) -> Result<i64, i16> {
    let asked = OffsetFetchRequestTopics::default().with_name(topic.wire_name()).with_partition_indexes(vec![0]);
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(group)))
        .with_member_id(None)
        .with_member_epoch(-1)
        .with_topics(Some(vec![asked]));
    let answer =
        connection.call(9, &OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(stable));
    let told = &answer.groups[0].topics[0].partitions[0];
    if told.error_code == 0 { Ok(told.committed_offset) } else { Err(told.error_code) }
}

fn commit_offset(producer: &mut Producer, version: i16, group: &str, topic: &Topic, offset: i64) -> i16 {
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("")));
    let topic = TxnOffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(producer.id.clone())
        .with_group_id(GroupId(text(group)))
        .with_producer_id(producer.pid.into())
        .with_producer_epoch(producer.epoch)
        .with_topics(vec![topic]);
    eventually(20_000, "the transaction before to end", || {
        let answer = producer.connection.call(version, &request);
        let code = answer.topics[0].partitions[0].error_code;
        let passing = [Code::ConcurrentTransactions, Code::CoordinatorLoadInProgress, Code::CoordinatorNotAvailable];
        (!passing.iter().any(|passing| passing.code() == code)).then_some(code)
    })
}

#[test]
fn txn_22_offsets_count_once_their_transaction_commits() {
    let mut producer = Producer::new();
    let topic = new_topic(&mut producer.connection, 1);
    let group = new_group();
    find(&mut producer.connection, 0, &group);
    for version in 0..=5i16 {
        let old = version < 5;
        let before = i64::from(version) * 10;
        if old {
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(producer.id.clone())
                .with_producer_id(producer.pid.into())
                .with_producer_epoch(producer.epoch)
                .with_group_id(GroupId(text(&group)));
            let code = eventually(20_000, "the transaction before to end", || {
                let code = producer.connection.call(version.min(4), &request).error_code;
                (code != Code::ConcurrentTransactions.code()).then_some(code)
            });
            assert_ok(code);
        }
        assert_ok(commit_offset(&mut producer, version, &group, &topic, before + 10));
        let unstable = offset(&mut producer.connection, &group, &topic, true);
        assert_eq!(unstable, Err(Code::UnstableOffsetCommit.code()), "version {version}");
        if old {
            assert_ok(producer.end(4, true).error_code);
        } else {
            producer.end_2(true);
        }
        let now = eventually(20_000, "the marker", || offset(&mut producer.connection, &group, &topic, true).ok());
        assert_eq!(now, before + 10);
    }
    assert_ok(commit_offset(&mut producer, 5, &group, &topic, 1_000));
    producer.end_2(false);
    let now = eventually(20_000, "the marker", || offset(&mut producer.connection, &group, &topic, true).ok());
    assert_eq!(now, 60, "an aborted transaction commits nothing");
}

#[test]
fn txn_25_transactions_are_listed_and_described() {
    let mut producer = Producer::new();
    let topic = new_topic(&mut producer.connection, 1);
    assert_ok(producer.produce(12, &topic, 0, 1));
    for version in 0..=2 {
        let mut request = ListTransactionsRequest::default().with_producer_id_filters(vec![producer.pid.into()]);
        request.transactional_id_pattern = (version >= 2).then(|| text(format!("{}.*", &**producer.id)));
        let answer = producer.connection.call(version, &request);
        assert_ok(answer.error_code);
        let [one] = &answer.transaction_states[..] else { panic!("{answer:?}") };
        assert_eq!((&one.transactional_id, one.transaction_state.as_str()), (&producer.id, "Ongoing"));
    }
    let none = TransactionalId(text("nobody's"));
    let ids = vec![producer.id.clone(), none];
    let answer = producer.connection.call(0, &DescribeTransactionsRequest::default().with_transactional_ids(ids));
    let [one, none] = &answer.transaction_states[..] else { panic!("{answer:?}") };
    assert_ok(one.error_code);
    assert_eq!(
        (one.producer_id.0, one.producer_epoch, one.transaction_timeout_ms),
        (producer.pid, producer.epoch, 60_000)
    );
    assert_eq!((one.topics.len(), &one.topics[0].partitions[..]), (1, &[0][..]));
    assert_error(none.error_code, Code::TransactionalIdNotFound);
}
