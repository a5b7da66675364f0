//! AddPartitionsToTxn 4 and 5, as brokers ask it: several transactions at once, to add or to verify only (TXN-5, TXN-6).
use kafka_protocol::messages::AddPartitionsToTxnRequest;
use kafka_protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
use protocol_tests::transactions::{Producer, settled};
use protocol_tests::{Code, Connection, Topic, assert_ok, new_topic, on_kafka, topic_name};
use std::collections::BTreeMap;

fn asks(producer: &Producer, verify: bool, partitions: &[(&str, &[i32])]) -> AddPartitionsToTxnTransaction {
    let topic = |(name, of): &(&str, &[i32])| {
        AddPartitionsToTxnTopic::default().with_name(topic_name(*name)).with_partitions(of.to_vec())
    };
    AddPartitionsToTxnTransaction::default()
        .with_transactional_id(producer.id.clone())
        .with_producer_id(producer.pid.into())
        .with_producer_epoch(producer.epoch)
        .with_verify_only(verify)
        .with_topics(partitions.iter().map(topic).collect())
}

/// By transactional id, topic and partition.
type Codes = BTreeMap<(String, String, i32), i16>;

fn ask(version: i16, transactions: Vec<AddPartitionsToTxnTransaction>) -> Codes {
    let request = AddPartitionsToTxnRequest::default().with_transactions(transactions);
    let answer = Connection::open().call(version, &request);
    assert_ok(answer.error_code);
    assert!(answer.results_by_topic_v3_and_below.is_empty());
    let mut codes = Codes::new();
    for one in &answer.results_by_transaction {
        for topic in &one.topic_results {
            for at in &topic.results_by_partition {
                let key = (one.transactional_id.to_string(), topic.name.to_string(), at.partition_index);
                codes.insert(key, at.partition_error_code);
            }
        }
    }
    codes
}

fn codes_of(codes: &Codes, producer: &Producer, topic: &str) -> Vec<i16> {
    let of = codes.iter().filter(|((id, name, _), _)| *id == **producer.id && name == topic);
    of.map(|(_, code)| *code).collect()
}

fn two() -> (Producer, Producer, Topic) {
    let (mut first, second) = (Producer::fresh(), Producer::fresh());
    let topic = new_topic(&mut first.connection, 3);
    (first, second, topic)
}

#[test]
fn txn_5_several_transactions_are_added_to_at_once_each_for_itself() {
    for version in [4, 5] {
        let (mut first, second, topic) = two();
        let name = topic.name.as_str();
        // The epoch of the second is over.
        let third = Producer::again(second.id.clone());
        let codes =
            ask(version, vec![asks(&first, false, &[(name, &[0, 1])]), asks(&second, false, &[(name, &[0, 2])])]);
        assert_eq!(codes_of(&codes, &first, name), [0, 0]);
        assert_eq!(codes_of(&codes, &second, name), [Code::ProducerFenced.code(); 2]);
        let codes = ask(version, vec![asks(&first, true, &[(name, &[0, 1, 2])]), asks(&third, true, &[(name, &[0])])]);
        let missing = Code::TransactionAbortable.code();
        assert_eq!(codes_of(&codes, &first, name), [0, 0, missing], "what was added, and what was not");
        assert_eq!(codes_of(&codes, &third, name), [missing], "of the other nothing was");
        // It is there for the producer itself: it may write and commit.
        let (produced, ended) = if version == 4 { (11, 4) } else { (12, 5) };
        assert_ok(first.produce(produced, &topic, 0, 1));
        assert_ok(first.end(ended, true).error_code);
        assert_eq!(settled(&topic, 2), 0);
    }
}

#[test]
fn txn_6_to_verify_changes_nothing() {
    for version in [4, 5] {
        let (mut first, second, topic) = two();
        let name = topic.name.as_str();
        let missing = Code::TransactionAbortable.code();
        for _ in 0..2 {
            let codes = ask(version, vec![asks(&first, true, &[(name, &[0, 1])])]);
            assert_eq!(codes_of(&codes, &first, name), [missing; 2]);
        }
        assert_eq!(first.end(4, true).error_code, Code::InvalidTxnState.code(), "nothing was begun");
        // What a producer of another id asks in its name is refused, as is an epoch that it never had.
        let mut stranger = asks(&first, true, &[(name, &[0])]);
        stranger.producer_id = second.pid.into();
        let codes = ask(version, vec![stranger]);
        assert_eq!(codes_of(&codes, &first, name), [Code::InvalidProducerIdMapping.code()]);
        let mut later = asks(&first, true, &[(name, &[0])]);
        later.producer_epoch += 1;
        assert_eq!(codes_of(&ask(version, vec![later]), &first, name), [Code::ProducerFenced.code()]);
    }
}

#[test]
fn txn_5_one_transaction_with_a_partition_that_is_not_there_does_not_hold_up_the_others() {
    for version in [4, 5] {
        let (first, second, topic) = two();
        let name = topic.name.as_str();
        let bad = asks(&first, false, &[(name, &[0, 9]), ("no-such-topic", &[0])]);
        let codes = ask(version, vec![bad, asks(&second, false, &[(name, &[0])])]);
        let (unknown, skipped) = (Code::UnknownTopicOrPartition.code(), Code::OperationNotAttempted.code());
        assert_eq!(codes_of(&codes, &first, name), [skipped, unknown]);
        assert_eq!(codes_of(&codes, &first, "no-such-topic"), [unknown]);
        assert_eq!(codes_of(&codes, &second, name), [0]);
        let codes = ask(version, vec![asks(&first, true, &[(name, &[0])])]);
        assert_eq!(codes_of(&codes, &first, name), [Code::TransactionAbortable.code()], "all or nothing");
    }
}

#[test]
fn no_transactions_at_all_are_answered_with_nothing() {
    // Apache Kafka never answers that.
    let versions: &[i16] = if on_kafka() { &[] } else { &[4, 5] };
    for version in versions {
        assert!(ask(*version, Vec::new()).is_empty());
    }
}
