//! What is asked of a transactional id while its last transaction ends: every API tells the client to come again (TXN-4).
use kafka_protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest,
};
use kafka_protocol::protocol::Request;
use protocol_tests::groups::{group_id, new_group};
use protocol_tests::transactions::{Producer, find};
use protocol_tests::{Code, Connection, Topic, assert_error, assert_ok, new_topic};
use std::ops::RangeInclusive;

/// Each gets a marker before the transaction has ended.
const PARTITIONS: i32 = 50;
/// Transactions whose markers may all be quicker than the next question.
const ROUNDS: usize = 20;

/// Ends transactions of many partitions and asks right behind each end, until an answer came before the markers.
#[track_caller]
fn meets_the_end<R: Request>(
    versions: RangeInclusive<i16>,
    request: impl Fn(&Producer, &Topic, i16) -> R,
    code: impl Fn(R::Response) -> i16,
) {
    let topic = new_topic(&mut Connection::open(), PARTITIONS);
    for version in versions {
        let met = (0..ROUNDS).any(|_| {
            let mut producer = Producer::fresh();
            let added = producer.add(3, &topic, (0..PARTITIONS).collect());
            assert!(added.iter().all(|code| *code == 0), "{added:?}");
            let (end, request) = (producer.end_request(true), request(&producer, &topic, version));
            let ending = producer.connection.send(4, &end);
            let asked = producer.connection.send(version, &request);
            assert_ok(producer.connection.receive::<EndTxnRequest>(4, ending).error_code);
            let code = code(producer.connection.receive::<R>(version, asked));
            if code != Code::ConcurrentTransactions.code() {
                return false;
            }
            // It goes by: asked again and again, the transaction has ended once.
            assert_ok(producer.end(4, true).error_code);
            true
        });
        assert!(met, "version {version}: {ROUNDS} transactions had ended before they were asked about");
    }
}

#[test]
fn txn_4_partitions_are_added_once_the_last_transaction_has_ended() {
    let topics =
        |topic: &Topic| vec![AddPartitionsToTxnTopic::default().with_name(topic.wire_name()).with_partitions(vec![0])];
    let of_a_client = |producer: &Producer, topic: &Topic, _| {
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(producer.id.clone())
            .with_v3_and_below_producer_id(producer.pid.into())
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(topics(topic))
    };
    meets_the_end(0..=3, of_a_client, |answer| {
        answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    });
    let of_a_broker = |producer: &Producer, topic: &Topic, _| {
        let one = AddPartitionsToTxnTransaction::default()
            .with_transactional_id(producer.id.clone())
            .with_producer_id(producer.pid.into())
            .with_producer_epoch(producer.epoch)
            .with_topics(topics(topic));
        AddPartitionsToTxnRequest::default().with_transactions(vec![one])
    };
    meets_the_end(4..=5, of_a_broker, |answer| {
        assert_ok(answer.error_code);
        answer.results_by_transaction[0].topic_results[0].results_by_partition[0].partition_error_code
    });
}

#[test]
fn txn_4_groups_are_added_once_the_last_transaction_has_ended() {
    let group = new_group();
    find(&mut Connection::open(), 0, &group);
    let request = |producer: &Producer, _: &Topic, _| {
        AddOffsetsToTxnRequest::default()
            .with_transactional_id(producer.id.clone())
            .with_producer_id(producer.pid.into())
            .with_producer_epoch(producer.epoch)
            .with_group_id(group_id(&group))
    };
    meets_the_end(0..=4, request, |answer| answer.error_code);
}

#[test]
fn txn_4_an_end_behind_an_end_waits_for_it() {
    meets_the_end(0..=5, |producer, _, _| producer.end_request(true), |answer| answer.error_code);
}

#[test]
fn txn_4_a_new_epoch_is_given_once_the_last_transaction_has_ended() {
    let request = |producer: &Producer, _: &Topic, version: i16| {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(producer.id.clone()))
            .with_transaction_timeout_ms(60_000);
        if version < 3 { request } else { request.with_producer_id((-1).into()).with_producer_epoch(-1) }
    };
    meets_the_end(0..=5, request, |answer| {
        if answer.error_code != 0 {
            assert_error(answer.error_code, Code::ConcurrentTransactions);
        }
        answer.error_code
    });
}
