//! The view of transactions: what a start takes out of it is what the whole journal would have told.
use super::broker::{Broker, NO_SWEEPS, SHORT, WHOLE, load};
use crate::{
    coordinator::{
        Coordinated, TransactionMachine,
        run::{load, load::Volume, viewing::follow},
        txn::{State, Transactions},
    },
    log::{AppendOrigin, Log},
    platform::{Chance, RealDisk, SeededChance},
    record::{
        BatchBuilder, BatchHeader, EndTransactionMarker,
        TransactionResult::{Abort, Commit},
    },
    replica::Partition,
    store::{Rows, View},
    types::{Acks, ProducerEpoch, ProducerId},
    wire::coordinator::{TransactionLogValue, TransactionPartitions, TransactionRecord},
};
use std::{sync::Arc, time::Duration};

/// Records of one batch of the long journals here.
const BATCH_RECORDS: u64 = 1_000;

fn loaded(log: &Arc<Log>, view: Option<&View>) -> (Transactions, Volume) {
    load::load(&TransactionMachine, log, view, &mut Rows::default(), &|| true).unwrap()
}

fn write(partition: &Arc<Partition>, batch: crate::record::CheckedBatch) {
    // As copied from a leader: no coordinator is asked.
    partition.append(batch, Acks::All, AppendOrigin::Replication).unwrap();
}

/// As many records as make a start ask the view, all of ids that are forgotten.
fn lengthen(partition: &Arc<Partition>) {
    for _ in 0..=TransactionMachine::QUICK_RECORDS / BATCH_RECORDS {
        let gone = |batch: BatchBuilder, number| {
            let (key, _) = TransactionRecord { id: format!("gone-{number}"), value: None }.encode(1);
            batch.record(Some(&key), None)
        };
        write(partition, (0..BATCH_RECORDS).fold(BatchBuilder::new(0), gone).build());
    }
}

fn any_record(draw: &dyn Fn(u64) -> u64) -> TransactionRecord {
    let id = format!("id-{}", draw(40));
    if draw(8) == 0 {
        return TransactionRecord { id, value: None };
    }
    let topic = || TransactionPartitions {
        topic: ["t", "u", "v"][draw(3) as usize].into(),
        partition_ids: (0..draw(4)).map(|_| draw(10) as i32).collect(),
    };
    let value = TransactionLogValue {
        producer_id: draw(1_000) as i64,
        producer_epoch: draw(1 << 15) as i16,
        transaction_timeout_ms: draw(60_000) as i32,
        transaction_status: draw(6) as i8,
        transaction_partitions: (draw(3) > 0).then(|| (0..draw(3)).map(|_| topic()).collect()),
        transaction_last_update_timestamp_ms: draw(1 << 40) as i64,
        transaction_start_timestamp_ms: draw(1 << 40) as i64 - 1,
        previous_producer_id: draw(1_000) as i64 - 1,
        next_producer_id: draw(1_000) as i64 - 1,
        client_transaction_version: draw(3) as i16,
        next_producer_epoch: -1,
    };
    TransactionRecord { id, value: Some(value) }
}

/// Mostly plain ones, as the coordinator writes them; also batches inside transactions and markers, which nobody writes here.
fn any_batch(draw: &dyn Fn(u64) -> u64) -> crate::record::CheckedBatch {
    let producer = 5 + draw(3) as i64;
    if draw(8) == 0 {
        let marker = EndTransactionMarker { result: if draw(2) == 0 { Commit } else { Abort }, coordinator_epoch: 0 };
        return marker.batch(ProducerId::from_wire(producer).unwrap(), ProducerEpoch::from_wire(0).unwrap(), 0);
    }
    let mut batch = BatchBuilder::new(0);
    if draw(8) == 0 {
        batch = batch.attributes(BatchHeader::TRANSACTIONAL).producer(producer, 0, -1);
    }
    for _ in 0..=draw(30) {
        let (key, value) = any_record(draw).encode(draw(2) as i16);
        batch = batch.record(Some(&key), value.as_deref());
    }
    batch.build()
}

fn await_committed(log: &Arc<Log>) {
    while log.bounds().high() < log.bounds().end() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn txn_15_by_seed_a_load_with_the_view_comes_to_what_the_journal_tells() {
    for seed in 0..6 {
        let path = tempfile::tempdir().unwrap();
        let chance = SeededChance::new(seed);
        let draw = |below: u64| chance.u64() % below;
        let broker = Broker::start(path.path(), 0);
        let partition = broker.partition(TransactionMachine::TOPIC, 0);
        let log = partition.log().unwrap();
        let view = View::new(Arc::new(RealDisk), path.path().join("view"));
        lengthen(&partition);
        let mut tails = 0;
        for step in 0..12 {
            (0..draw(40)).for_each(|_| write(&partition, any_batch(&draw)));
            await_committed(log);
            if step == 0 || draw(2) == 0 {
                let end = log.bounds().end();
                assert_eq!(follow::<TransactionMachine>(&view, log, end, &|| true).unwrap(), end, "seed {seed}");
            }
            let (from_view, volume) = loaded(log, Some(&view));
            assert!(volume.rows <= 40 && volume.records < BATCH_RECORDS * 40, "seed {seed}, step {step}: {volume:?}");
            tails += volume.records;
            let (from_journal, volume) = loaded(log, None);
            assert!(volume.rows == 0 && volume.records > TransactionMachine::QUICK_RECORDS, "seed {seed}, step {step}");
            assert_eq!(from_view, from_journal, "seed {seed}, step {step}");
        }
        assert!(tails > 0, "seed {seed}");
        broker.die();
    }
}

#[tokio::test]
async fn txn_11_markers_of_a_transaction_that_only_the_view_knows_are_sent_after_a_death() {
    let path = tempfile::tempdir().unwrap();
    let broker = Broker::start_viewed(path.path(), 0);
    let at = broker.transactions.partition_of("a").unwrap();
    lengthen(&broker.partition(TransactionMachine::TOPIC, at));
    load(&broker.transactions);
    let producer = broker.begin("a", &[(WHOLE, 0), (WHOLE, 1), (SHORT, 0)]).await;
    broker.commit("a", producer).await;
    assert_eq!(broker.state("a").await, Some(State::Prepare(Commit)));
    broker.transactions.follow_all(&broker.transactions.table.load_full());
    broker.die();

    let mut broker = Broker::start_viewed(path.path(), 1);
    let (viewed, volume) = {
        let partition = broker.partition(TransactionMachine::TOPIC, at);
        loaded(partition.log().unwrap(), broker.view.as_deref())
    };
    assert_eq!((volume.rows, volume.records), (1, 0), "the journal is not read");
    assert_eq!(viewed.prepared().count(), 1);
    load(&broker.transactions);
    load(&broker.groups);
    assert_eq!(broker.state("a").await, Some(State::Prepare(Commit)));
    let running = broker.run(NO_SWEEPS);
    broker.heals_and_commits("a", &[(WHOLE, 0), (WHOLE, 1), (SHORT, 0)]).await;
    running.end().await;
    broker.die();
}

#[tokio::test]
async fn a_short_journal_has_no_view() {
    let path = tempfile::tempdir().unwrap();
    let broker = Broker::start_viewed(path.path(), 0);
    load(&broker.transactions);
    broker.begin("a", &[(WHOLE, 0)]).await;
    broker.transactions.follow_all(&broker.transactions.table.load_full());
    broker.transactions.forget_deleted();
    assert!(!broker.view.as_ref().unwrap().is_there(), "it would take longer to open than the journal to read");
    assert!(!path.path().join("ottla-state").exists());
    broker.die();
}
