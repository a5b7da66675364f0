//! Markers on real partitions: taken, not taken, refused, of topics that are gone, after a crash; and what time ends.
use super::broker::{Broker, NO_SWEEPS, SHORT, WHOLE, load};
use crate::{
    coordinator::{
        Coordinated, CoordinatorError, GroupMachine, TransactionMachine,
        run::TransactionSweeps,
        txn::{Producer, Request, State},
    },
    log::AppendOrigin,
    record::{
        BatchBuilder, EndTransactionMarker,
        TransactionResult::{Abort, Commit},
    },
    types::{Acks, LeaderEpoch, ProducerEpoch, ProducerId, TopicName, TransactionVersion},
    wire::coordinator::{TransactionLogValue, TransactionPartitions, TransactionRecord},
};
use std::time::Duration;

/// Long enough for an attempt and the next.
const A_WHILE: Duration = Duration::from_millis(300);

fn marked(id: &str, producer: Producer, partitions: &[(&str, i32)]) -> Request {
    let named = partitions.iter().map(|(topic, index)| (TopicName::parse(topic).unwrap(), *index));
    Request::Marked { id: id.into(), producer, partitions: named.collect(), waiting: vec![] }
}

#[tokio::test]
async fn txn_11_a_marker_that_is_not_taken_is_sent_again_and_the_others_only_once() {
    let path = tempfile::tempdir().unwrap();
    let (mut broker, running) = Broker::started(path.path(), NO_SWEEPS).await;
    let producer = broker.begin("a", &[(WHOLE, 0), (WHOLE, 1), (SHORT, 0)]).await;
    assert_eq!(broker.offsets(WHOLE, 0), (0, 1));
    broker.commit("a", producer).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(broker.state("a").await, Some(State::Prepare(Commit)));
    assert_eq!(broker.offsets(SHORT, 0), (0, 1), "TXN-13");
    broker.heals_and_commits("a", &[(WHOLE, 0), (WHOLE, 1), (SHORT, 0)]).await;
    running.end().await;
    broker.die();
}

#[tokio::test]
async fn txn_12_a_deleted_topic_lets_its_transaction_end() {
    let path = tempfile::tempdir().unwrap();
    let (mut broker, running) = Broker::started(path.path(), NO_SWEEPS).await;
    let producer = broker.begin("a", &[(WHOLE, 0), (SHORT, 0)]).await;
    let next = broker.commit("a", producer).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(broker.state("a").await, Some(State::Prepare(Commit)));
    broker.remove(SHORT);
    broker.reaches("a", Some(State::Complete(Commit))).await;
    broker.go_on("a", next, &[(WHOLE, 0)]).await;
    running.end().await;
    broker.die();
}

#[tokio::test]
async fn txn_14_what_was_decided_before_a_crash_is_told_once_it_is_loaded() {
    let path = tempfile::tempdir().unwrap();
    let broker = Broker::start(path.path(), 0);
    load(&broker.transactions);
    let producer = broker.begin("a", &[(WHOLE, 0), (WHOLE, 1)]).await;
    broker.commit("a", producer).await;
    assert_eq!(broker.offsets(WHOLE, 1), (0, 1), "nobody writes markers");
    broker.die();

    let mut broker = Broker::start(path.path(), 1);
    let running = broker.run(NO_SWEEPS);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(broker.offsets(WHOLE, 1), (0, 1), "nothing is loaded");
    load(&broker.transactions);
    broker.reaches("a", Some(State::Complete(Commit))).await;
    assert_eq!((broker.offsets(WHOLE, 0), broker.offsets(WHOLE, 1)), ((2, 2), (2, 2)));
    running.end().await;
    broker.die();
}

#[tokio::test]
async fn txn_11_a_partition_that_has_seen_a_later_coordinator_ends_the_sending_until_the_next_term() {
    let path = tempfile::tempdir().unwrap();
    let (mut broker, running) = Broker::started(path.path(), NO_SWEEPS).await;
    let producer = broker.begin("a", &[]).await;
    let (id, epoch) = (ProducerId::from_wire(producer.id).unwrap(), ProducerEpoch::from_wire(producer.epoch).unwrap());
    let later = EndTransactionMarker { result: Abort, coordinator_epoch: 5 };
    broker.partition(WHOLE, 0).append_marker(id, epoch, later, TransactionVersion::V0).unwrap();
    broker.go_on("a", producer, &[(WHOLE, 0)]).await;
    broker.commit("a", producer).await;
    let other = broker.begin("b", &[(WHOLE, 0), (WHOLE, 1)]).await;
    broker.commit("b", other).await;
    broker.reaches("b", Some(State::Complete(Commit))).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(broker.state("a").await, Some(State::Prepare(Commit)), "others are not held up");
    broker.lead(TransactionMachine::TOPIC, 6);
    load(&broker.transactions);
    broker.reaches("a", Some(State::Complete(Commit))).await;
    running.end().await;
    broker.die();
}

#[tokio::test]
async fn txn_16_what_is_told_of_markers_of_an_earlier_term_or_epoch_is_not_heard() {
    let path = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(path.path(), 0);
    load(&broker.transactions);
    let producer = broker.begin("a", &[(WHOLE, 0)]).await;
    let next = broker.commit("a", producer).await;
    let at = broker.transactions.partition_of("a").unwrap();
    broker.lead(TransactionMachine::TOPIC, 1);
    load(&broker.transactions);
    let refused = Request::MarkerRefused { id: "a".into(), producer: next };
    for late in [marked("a", next, &[(WHOLE, 0)]), refused] {
        let told = broker.transactions.submit_in(at, LeaderEpoch::ZERO, late.into()).await;
        assert_eq!(told, Err(CoordinatorError::NotCoordinator));
    }
    assert_eq!(broker.state("a").await, Some(State::Prepare(Commit)));
    let told = marked("a", next, &[(WHOLE, 0)]);
    broker.transactions.submit_in(at, LeaderEpoch::new(1), told.clone().into()).await.unwrap();
    assert_eq!(broker.state("a").await, Some(State::Complete(Commit)));
    // The same once more, while the next transaction waits for its markers.
    broker.go_on("a", next, &[(WHOLE, 0)]).await;
    broker.commit("a", next).await;
    broker.transactions.submit_in(at, LeaderEpoch::new(1), told.into()).await.unwrap();
    assert_eq!(broker.state("a").await, Some(State::Prepare(Commit)));
    broker.die();
}

#[tokio::test]
async fn txn_17_sweeps_abort_what_is_late_and_txn_18_forget_what_nobody_uses() {
    let path = tempfile::tempdir().unwrap();
    let soon = Duration::from_millis(20);
    let sweeps = TransactionSweeps { abort_every: soon, expire_every: soon };
    let (broker, running) = Broker::started(path.path(), sweeps).await;
    broker.begin("late", &[(WHOLE, 0)]).await;
    broker.begin("unused", &[(WHOLE, 1)]).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(broker.state("late").await, Some(State::Ongoing));
    broker.clock.advance(Duration::from_millis(60_001));
    for id in ["late", "unused"] {
        broker.reaches(id, Some(State::Complete(Abort))).await;
    }
    assert_eq!(broker.offsets(WHOLE, 0), (2, 2));
    broker.clock.advance(Duration::from_secs(6 * 86_400));
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(broker.state("unused").await, Some(State::Complete(Abort)));
    broker.clock.advance(Duration::from_secs(86_400));
    broker.reaches("unused", None).await;
    running.end().await;
    broker.die();
}

#[tokio::test]
async fn txn_17_however_much_is_late_the_ends_of_others_do_not_wait_for_it() {
    let path = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(path.path(), 0);
    load(&broker.transactions);
    let late: Vec<String> = (0..400).map(|number| format!("late-{number}")).collect();
    for id in &late {
        broker.begin(id, &[]).await;
    }
    broker.clock.advance(Duration::from_millis(60_001));
    let producer = broker.begin("other", &[(WHOLE, 0)]).await;
    let running = broker.run(NO_SWEEPS);
    // The sweep begins with the task.
    broker.commit("other", producer).await;
    broker.reaches("other", Some(State::Complete(Commit))).await;
    // Partition by partition, in the order of ids.
    let last = late.iter().max_by_key(|id| (broker.transactions.partition_of(id), *id)).unwrap();
    assert_eq!(broker.state(last).await, Some(State::Ongoing), "the sweep was over before");
    for id in &late {
        broker.reaches(id, Some(State::Complete(Abort))).await;
    }
    running.end().await;
    broker.die();
}

/// The record of an open transaction, as large as the journal takes it and in more partitions than its abort has room for.
fn as_large_as_can_be(id: &str, bytes_max: usize) -> (Vec<u8>, Vec<u8>) {
    let partition_ids = (0..(bytes_max as i32 - 200) / 4).collect();
    let value = TransactionLogValue {
        producer_id: 900,
        transaction_timeout_ms: 1,
        transaction_status: State::Ongoing.number(),
        transaction_partitions: Some(vec![TransactionPartitions { topic: WHOLE.into(), partition_ids }]),
        previous_producer_id: -1,
        next_producer_id: -1,
        next_producer_epoch: -1,
        ..TransactionLogValue::default()
    };
    let (key, value) = TransactionRecord { id: id.into(), value: Some(value) }.encode(1);
    (key, value.unwrap())
}

#[tokio::test]
async fn txn_17_the_sweep_goes_on_behind_one_that_it_cannot_abort() {
    let path = tempfile::tempdir().unwrap();
    let broker = Broker::start(path.path(), 0);
    load(&broker.transactions);
    let at = broker.transactions.partition_of("late").unwrap();
    let large = (0..).map(|number| format!("a{number}")).find(|id| broker.transactions.partition_of(id) == Some(at));
    let large = large.unwrap();
    let (key, value) = as_large_as_can_be(&large, 1 << 20);
    let batch = BatchBuilder::new(0).record(Some(&key), Some(&value)).build();
    broker.partition(TransactionMachine::TOPIC, at).append(batch, Acks::Leader, AppendOrigin::Coordinator).unwrap();
    broker.die();

    let mut broker = Broker::start(path.path(), 1);
    load(&broker.transactions);
    broker.begin("late", &[(WHOLE, 0)]).await;
    broker.clock.advance(Duration::from_millis(60_001));
    let running = broker.run(NO_SWEEPS);
    broker.reaches("late", Some(State::Complete(Abort))).await;
    assert_eq!(broker.state(&large).await, Some(State::Ongoing));
    running.end().await;
    broker.die();
}

#[tokio::test]
async fn txn_22_a_marker_for_offsets_waits_until_their_coordinator_has_loaded() {
    let path = tempfile::tempdir().unwrap();
    let (mut broker, running) = Broker::started(path.path(), NO_SWEEPS).await;
    let producer = broker.begin("a", &[(GroupMachine::TOPIC, 0), (WHOLE, 0)]).await;
    // A partition that was written is one to be loaded.
    let marker = EndTransactionMarker { result: Abort, coordinator_epoch: 0 };
    let (id, epoch) = (ProducerId::from_wire(90).unwrap(), ProducerEpoch::from_wire(0).unwrap());
    broker.partition(GroupMachine::TOPIC, 0).append_marker(id, epoch, marker, TransactionVersion::V0).unwrap();
    broker.lead(GroupMachine::TOPIC, 1);
    broker.commit("a", producer).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(broker.state("a").await, Some(State::Prepare(Commit)));
    assert_eq!(broker.offsets(WHOLE, 0), (2, 2), "the others have theirs");
    load(&broker.groups);
    broker.reaches("a", Some(State::Complete(Commit))).await;
    running.end().await;
    broker.die();
}

#[tokio::test]
async fn txn_2_a_coordinator_whose_term_is_over_writes_nothing() {
    let path = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(path.path(), 0);
    load(&broker.transactions);
    let producer = broker.begin("a", &[(WHOLE, 0)]).await;
    let at = broker.transactions.partition_of("a").unwrap();
    let before = broker.offsets(TransactionMachine::TOPIC, at).1;
    let (result, version) = (Commit, TransactionVersion::V2);
    let asked = Request::End { id: "a".into(), producer, result, version };
    // Another term begins before the partition itself knows, and then with another leader.
    let old = broker.partition(TransactionMachine::TOPIC, at);
    old.log().unwrap().begin_epoch(LeaderEpoch::new(3));
    let refused = broker.transactions.submit("a", asked.clone().into()).await;
    assert!(matches!(refused, Err(CoordinatorError::NotWritten(_))), "{refused:?}");
    assert_eq!(broker.offsets(TransactionMachine::TOPIC, at).1, before);
    broker.lead(TransactionMachine::TOPIC, 4);
    let refused = broker.transactions.submit("a", asked.clone().into()).await;
    assert_eq!(refused, Err(CoordinatorError::Loading));
    load(&broker.transactions);
    assert_eq!(broker.state("a").await, Some(State::Ongoing), "TXN-26");
    assert!(broker.transactions.submit("a", asked.into()).await.is_ok());
    broker.die();
}

#[tokio::test]
async fn txn_20_an_id_is_found_where_it_was_loaded_from() {
    let path = tempfile::tempdir().unwrap();
    let broker = Broker::start(path.path(), 0);
    load(&broker.transactions);
    let ids: Vec<String> = (0..20).map(|number| format!("id-{number}")).collect();
    for id in &ids {
        broker.begin(id, &[]).await;
    }
    broker.die();
    let broker = Broker::start(path.path(), 1);
    load(&broker.transactions);
    let mut asked = [0; 2];
    for id in &ids {
        assert_eq!(broker.state(id).await, Some(State::Ongoing), "{id}");
        asked[broker.transactions.partition_of(id).unwrap() as usize] += 1;
    }
    assert!(asked.iter().all(|count| *count > 0), "both partitions have some: {asked:?}");
    broker.die();
}
