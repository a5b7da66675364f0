//! InitProducerId 0 to 5 for idempotent producers (INIT-1).
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, TransactionalId};
use protocol_tests::time::Stopwatch;
use protocol_tests::transactions::{ask_for_id, find};
use protocol_tests::{
    Code, Connection, assert_error, assert_ok, fresh_name, init_producer_id, new_producer, on_kafka, text,
};
use std::collections::BTreeSet;

fn ask(version: i16, request: InitProducerIdRequest) -> InitProducerIdResponse {
    init_producer_id(&mut Connection::open(), version, &request)
}

fn idempotent() -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1)
}

#[test]
fn init_1_every_version_gives_a_new_id_with_epoch_zero() {
    let mut seen = BTreeSet::new();
    for version in 0..=5 {
        for _ in 0..2 {
            let answer = ask(version, idempotent());
            assert_ok(answer.error_code);
            assert!(answer.producer_id.0 >= 0);
            assert_eq!(answer.producer_epoch, 0);
            assert_eq!(answer.throttle_time_ms, 0);
            assert!(seen.insert(answer.producer_id.0), "version {version}: given twice");
        }
    }
}

#[test]
fn idem_13_no_id_is_given_twice_under_concurrency() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(|| {
                let mut connection = Connection::open();
                (0..150).map(|_| new_producer(&mut connection).0).collect::<Vec<i64>>()
            })
        })
        .collect();
    let all: Vec<i64> = threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{} ids, more than one block", all.len());
}

/// More than one block of ids, for transactional ids that share partitions of their coordinator: what is asked for behind
/// an answer that waits must not keep that answer waiting.
#[test]
fn idem_13_ids_that_are_asked_for_one_behind_another_all_come() {
    let mut connection = Connection::open();
    let name = |number| TransactionalId(text(fresh_name(&format!("behind-{number}"))));
    let names: Vec<TransactionalId> = (0..1_400).map(name).collect();
    // Coordinators may still load; then each partition has served before.
    find(&mut connection, 1, &names[0]);
    names.iter().take(300).for_each(|name| _ = ask_for_id(&mut connection, name, 5));
    let mut ids = BTreeSet::new();
    for names in names[300..].chunks(100) {
        let request = |id: &TransactionalId| {
            idempotent().with_transactional_id(Some(id.clone())).with_transaction_timeout_ms(60_000)
        };
        let sent: Vec<i32> = names.iter().map(|name| connection.send(5, &request(name))).collect();
        let answers: Vec<_> =
            sent.into_iter().map(|correlation| connection.receive::<InitProducerIdRequest>(5, correlation)).collect();
        for (name, mut answer) in names.iter().zip(answers) {
            // By chance none of the first ids had this one's partition.
            if answer.error_code == Code::CoordinatorLoadInProgress.code() {
                answer = ask_for_id(&mut connection, name, 5);
            }
            assert_ok(answer.error_code);
            ids.insert(answer.producer_id.0);
        }
    }
    assert_eq!(ids.len(), names.len() - 300);
}

/// Each of them is written down, and what is written one behind another is synced together.
#[test]
fn net_4_ids_asked_for_one_behind_another_are_decided_in_order_and_without_waiting_for_each_other() {
    let mut connection = Connection::open();
    let request =
        |id: &TransactionalId| idempotent().with_transactional_id(Some(id.clone())).with_transaction_timeout_ms(60_000);
    let name = |number| TransactionalId(text(fresh_name(&format!("together-{number}"))));
    let names: Vec<_> = (0..150).map(name).collect();
    find(&mut connection, 1, &names[0]);
    // Coordinators may still load; then the partition of each id has served before.
    names.iter().for_each(|name| _ = ask_for_id(&mut connection, name, 5));
    let (alone, together) = names.split_at(100);
    let watch = Stopwatch::start();
    alone.iter().for_each(|name| assert_ok(connection.call(5, &request(name)).error_code));
    let alone_ms = watch.elapsed_ms();
    let twice: Vec<_> = together.iter().flat_map(|id| [id, id]).collect();
    let watch = Stopwatch::start();
    let sent: Vec<i32> = twice.into_iter().map(|id| connection.send(5, &request(id))).collect();
    for (number, correlation) in sent.into_iter().enumerate() {
        let answer = connection.receive::<InitProducerIdRequest>(5, correlation);
        assert_ok(answer.error_code);
        assert_eq!(answer.producer_epoch, 1 + number as i16 % 2);
    }
    let together_ms = watch.elapsed_ms();
    println!("{alone_ms} ms for a hundred, {together_ms} ms together");
    assert!(on_kafka() || together_ms < 20.max(alone_ms * 2 / 3), "{together_ms} and {alone_ms} ms");
}

#[test]
fn init_1_an_empty_transactional_id_is_invalid() {
    for version in 0..=5 {
        let request =
            idempotent().with_transactional_id(Some(TransactionalId(text("")))).with_transaction_timeout_ms(1_000);
        let answer = ask(version, request);
        assert_error(answer.error_code, Code::InvalidRequest);
        assert_eq!(answer.producer_id.0, -1);
        assert_eq!(answer.producer_epoch, -1);
    }
}

#[test]
fn init_1_id_and_epoch_are_given_both_or_neither() {
    for version in 3..=5 {
        for (id, epoch) in [(-1, 0), (5, -1), (-1, 7)] {
            let answer = ask(version, idempotent().with_producer_id(id.into()).with_producer_epoch(epoch));
            assert_error(answer.error_code, Code::InvalidRequest);
        }
    }
}

#[test]
fn init_1_the_timeout_means_nothing_without_a_transactional_id() {
    for timeout in [0, -1, i32::MIN, i32::MAX] {
        assert_ok(ask(4, idempotent().with_transaction_timeout_ms(timeout)).error_code);
    }
}

#[test]
fn init_1_an_idempotent_producer_that_names_its_id_gets_a_new_one() {
    let mut connection = Connection::open();
    let (id, epoch) = new_producer(&mut connection);
    let answer = ask(4, idempotent().with_producer_id(id.into()).with_producer_epoch(epoch));
    assert_ok(answer.error_code);
    assert!(answer.producer_id.0 != id);
    assert_eq!(answer.producer_epoch, 0);
}
