//! Transactions on a broker where nobody used any, and where the journal of their coordinator is damaged.
#![expect(clippy::disallowed_methods, reason = "scenarios stand outside the broker and its platform layer")]
use kafka_protocol::messages::{InitProducerIdRequest, ListTransactionsRequest, TransactionalId};
use protocol_tests::{
    Code, Connection, assert_error, assert_ok,
    child::{Child, free_port},
    text,
    time::eventually,
    transactions::{ask_for_id, find},
};

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
    let journal = directory.path().join("data/__transaction_state-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&journal).expect("the journal");
    let at = bytes.len() - 3;
    bytes[at] ^= 1;
    std::fs::write(&journal, bytes).expect("the journal");
    let broker = Child::start(free_port(), directory.path(), &SETTINGS);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    eventually(20_000, "the damage is found", || {
        (list(&mut connection).0 != Code::CoordinatorLoadInProgress.code()).then_some(())
    });
    assert_error(list(&mut connection).0, Code::CoordinatorNotAvailable);
}
