//! Transactions on a broker where nobody used any, and where the journal of their coordinator is damaged.
#![expect(clippy::disallowed_methods, reason = "scenarios stand outside the broker and its platform layer")]
use kafka_protocol::messages::{
    DescribeTransactionsRequest, InitProducerIdRequest, ListTransactionsRequest, TransactionalId,
    WriteTxnMarkersRequest,
    write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
};
use protocol_tests::{
    Code, Connection, Topic, assert_error, assert_ok,
    child::{Child, free_port},
    new_topic, text,
    time::eventually,
    topic_name,
    transactional::Identity,
    transactions::{ask_for_id, find},
};
use std::path::Path;

const SETTINGS: [&str; 2] = ["transaction.state.log.num.partitions=1", "transaction.state.log.replication.factor=1"];

fn list(connection: &mut Connection) -> (i16, usize) {
    let request = ListTransactionsRequest::default().with_duration_filter(-1).with_transactional_id_pattern(None);
    let answer = connection.call(2, &request);
    (answer.error_code, answer.transaction_states.len())
}

fn init(connection: &mut Connection, id: &TransactionalId, timeout_ms: i32) -> i16 {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id.clone()))
        .with_transaction_timeout_ms(timeout_ms)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    connection.call(4, &request).error_code
}

fn flip_a_bit(directory: &Path) {
    let journal = directory.join("data/__transaction_state-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&journal).expect("the journal");
    let at = bytes.len() - 3;
    bytes[at] ^= 1;
    std::fs::write(&journal, bytes).expect("the journal");
}

/// What each request to the coordinator of a transactional id is told, at every version.
#[track_caller]
fn all_are_told(connection: &mut Connection, topic: &Topic, code: Code) {
    let identity = Identity { producer: (1, 0), ..Identity::new("id") };
    for version in 0..=5 {
        assert_error(connection.call(version, &identity.end(true)).error_code, code);
        if version < 3 {
            let init = InitProducerIdRequest::default().with_transactional_id(Some(identity.id.clone()));
            assert_error(connection.call(version, &init.with_transaction_timeout_ms(1_000)).error_code, code);
        } else {
            assert_error(connection.call(version, &identity.init()).error_code, code);
        }
    }
    for version in 0..=3 {
        let answer = connection.call(version, &identity.add(topic, 0));
        assert_error(answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code, code);
    }
    for version in 0..=4 {
        assert_error(connection.call(version, &identity.add_group("group")).error_code, code);
    }
    let asked = DescribeTransactionsRequest::default().with_transactional_ids(vec![identity.id.clone()]);
    assert_error(connection.call(0, &asked).transaction_states[0].error_code, code);
    // Who leads a partition cannot ask: a code that every client takes for one that passes.
    for version in [11, 12] {
        let request = identity.produce(version, (topic, 0), 0, &["x".into()]);
        let told = connection.call(version, &request).responses.remove(0).partition_responses.remove(0);
        assert_error(told.error_code, Code::NotEnoughReplicas);
    }
    for version in 3..=5 {
        let told = connection.call(version, &identity.commit_offset("group", topic, 0, 1));
        assert_error(told.topics[0].partitions[0].error_code, Code::CoordinatorNotAvailable);
    }
}

/// A broker that has found that its journal is damaged.
fn started_on_damage(directory: &Path) -> (Child, Connection) {
    flip_a_bit(directory);
    let broker = Child::start(free_port(), directory, &SETTINGS);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    eventually(20_000, "the damage is found", || {
        (list(&mut connection).0 != Code::CoordinatorLoadInProgress.code()).then_some(())
    });
    (broker, connection)
}

#[test]
fn txn_3_without_a_coordinator_or_with_a_damaged_one_every_request_is_told_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut broker = Child::start(free_port(), directory.path(), &SETTINGS);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    let topic = new_topic(&mut connection, 1);
    let identity = Identity { producer: (1, 0), ..Identity::new("id") };
    let told = connection.call(5, &identity.commit_offset("group", &topic, 0, 1));
    assert_error(told.topics[0].partitions[0].error_code, Code::CoordinatorNotAvailable);
    find(&mut connection, 0, "group");
    all_are_told(&mut connection, &topic, Code::NotCoordinator);
    find(&mut connection, 1, "id");
    assert_ok(ask_for_id(&mut connection, &identity.id, 4).error_code);
    // Its journal is not for others to write to.
    let journal = topic_name("__transaction_state");
    let journal = WritableTxnMarkerTopic::default().with_name(journal).with_partition_indexes(vec![0]);
    let marker = WritableTxnMarker::default().with_producer_id(1.into()).with_topics(vec![journal]);
    let answer = connection.call(1, &WriteTxnMarkersRequest::default().with_markers(vec![marker]));
    assert_error(answer.markers[0].topics[0].partitions[0].error_code, Code::TopicAuthorizationFailed);
    broker.stop();
    let (_broker, mut connection) = started_on_damage(directory.path());
    all_are_told(&mut connection, &topic, Code::CoordinatorNotAvailable);
}

#[test]
fn init_2_the_timeout_is_judged_where_nobody_coordinates_transactions_yet() {
    let directory = tempfile::tempdir().expect("a directory");
    let broker = Child::start(free_port(), directory.path(), &SETTINGS);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    let id = TransactionalId(text("id"));
    assert_error(init(&mut connection, &id, 1_000), Code::NotCoordinator);
    for timeout_ms in [0, -1, 900_001] {
        assert_error(init(&mut connection, &id, timeout_ms), Code::InvalidTransactionTimeout);
    }
    let none = TransactionalId(text(""));
    assert_error(init(&mut connection, &none, 0), Code::InvalidRequest);
}

#[test]
fn txn_15_where_a_journal_is_damaged_no_half_of_a_list_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut broker = Child::start(free_port(), directory.path(), &SETTINGS);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    let id = TransactionalId(text("id"));
    find(&mut connection, 1, &id);
    assert_ok(ask_for_id(&mut connection, &id, 4).error_code);
    assert_eq!(list(&mut connection), (0, 1));
    broker.stop();
    let (_broker, mut connection) = started_on_damage(directory.path());
    assert_error(list(&mut connection).0, Code::CoordinatorNotAvailable);
}
