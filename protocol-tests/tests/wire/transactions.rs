//! Transactions by hand, as clients of `transaction.version` 1 and 2 run them: commit, abort, what a read_committed consumer
//! sees, fencing, offsets, every version of the APIs.
use kafka_protocol::messages::{DescribeTransactionsRequest, FetchRequest, ListTransactionsRequest, TransactionalId};
use protocol_tests::batch::{TRANSACTIONAL, read_batches};
use protocol_tests::groups::new_group;
use protocol_tests::time::{Stopwatch, eventually};
use protocol_tests::transactions::{Producer, commit_offset, find, offset, read, settled};
use protocol_tests::{
    Batch, Code, Connection, assert_error, assert_ok, fetch_request, from_offset, new_topic, on_kafka, only_partition,
    produce_request, text,
};

#[test]
fn txn_4_commit_and_abort_with_one_epoch() {
    let mut producer = Producer::fresh();
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
    let mut producer = Producer::fresh();
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
    let mut producer = Producer::fresh();
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
    assert!(on_kafka() || took_ms[15] < 15, "{took_ms:?}");
}

#[test]
fn txn_6_a_batch_outside_a_transaction_is_refused() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    assert_error(producer.produce(10, &topic, 0, 1), Code::InvalidTxnState);
    assert_error(producer.produce(11, &topic, 0, 1), Code::TransactionAbortable);
    assert_eq!(read(&topic, false).high_watermark, 0);
}

#[test]
fn txn_5_one_partition_that_does_not_exist_keeps_the_others_out() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    let codes = producer.add(3, &topic, vec![0, 7]);
    assert_eq!(codes, [Code::OperationNotAttempted.code(), Code::UnknownTopicOrPartition.code()]);
    assert_error(producer.end(4, true).error_code, Code::InvalidTxnState);
}

#[test]
fn init_4_a_second_producer_aborts_and_fences_the_first() {
    for (produced, ended) in [(12, 5), (11, 4)] {
        let mut first = Producer::fresh();
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

#[test]
fn txn_22_offsets_count_once_their_transaction_commits() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    let group = new_group();
    find(&mut producer.connection, 0, &group);
    for version in 0..=5i16 {
        let old = version < 5;
        let before = i64::from(version) * 10;
        if old {
            assert_ok(producer.add_offsets(version.min(4), &group));
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
    let mut producer = Producer::fresh();
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

#[test]
fn off_5_a_committed_read_that_waits_gets_records_and_aborted_list_of_one_moment() {
    for commit in [true, false] {
        let mut producer = Producer::fresh();
        let topic = new_topic(&mut producer.connection, 1);
        assert_ok(producer.produce(12, &topic, 0, 3));
        let request = fetch_request(18, &topic, vec![from_offset(0, 0)])
            .with_isolation_level(1)
            .with_max_wait_ms(15_000)
            .with_min_bytes(1);
        let mut waiting = Connection::open();
        let asked = waiting.send(18, &request);
        waiting.assert_silent(300);
        producer.end_2(commit);
        let told = only_partition(&waiting.receive::<FetchRequest>(18, asked));
        assert_ok(told.error_code);
        assert_eq!(told.last_stable_offset, 4, "commit {commit}");
        let batches = read_batches(&told.records.unwrap());
        assert_eq!(batches.iter().map(|batch| batch.base_offset).collect::<Vec<_>>(), [0, 3]);
        let aborted = told.aborted_transactions.unwrap_or_default();
        let aborted: Vec<_> = aborted.iter().map(|one| (one.producer_id.0, one.first_offset)).collect();
        assert_eq!(aborted, if commit { vec![] } else { vec![(producer.pid, 0)] });
    }
}
