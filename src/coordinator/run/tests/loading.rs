//! Journals as others left them: compacted, transactional, of a later version, damaged.
use super::rig::*;
use crate::{
    coordinator::{
        CoordinatorError,
        run::{Coordinated, partition_of},
    },
    log::AppendOrigin,
    record::{BatchBuilder, BatchHeader, EndTransactionMarker, TransactionResult},
    replica::Partition,
    types::{Acks, ProducerEpoch, ProducerId},
};
use std::sync::Arc;

fn write(partition: &Arc<Partition>, batch: crate::record::CheckedBatch) {
    // As copied from a leader: nobody asked a transaction coordinator here.
    partition.append(batch, Acks::All, AppendOrigin::Replication).unwrap();
}

fn open(producer: i64, key: &str, value: &str) -> crate::record::CheckedBatch {
    let batch = BatchBuilder::new(0).attributes(BatchHeader::TRANSACTIONAL).producer(producer, 0, -1);
    batch.record(Some(key.as_bytes()), Some(value.as_bytes())).build()
}

fn end(producer: i64, result: TransactionResult) -> crate::record::CheckedBatch {
    let marker = EndTransactionMarker { result, coordinator_epoch: 0 };
    marker.batch(ProducerId::from_wire(producer).unwrap(), ProducerEpoch::from_wire(0).unwrap(), 0)
}

/// A key of each partition.
fn key_in(index: i32) -> String {
    (0..).map(|n| format!("k{n}")).find(|key| partition_of(key, COUNT) == index).unwrap()
}

#[tokio::test]
async fn grp_19_loading_takes_tombstones_transactions_and_unknown_types() {
    let path = tempfile::tempdir().unwrap();
    let rig = Rig::start(path.path(), COUNT);
    let partition = rig.partition(0);
    let plain = BatchBuilder::new(0);
    write(&partition, plain.record(Some(b"a"), Some(b"1")).record(Some(b"later-x"), Some(b"?")).build());
    write(&partition, BatchBuilder::new(0).record(Some(b"never-there"), None).record(Some(b"b"), Some(b"2")).build());
    for producer in 5..=7 {
        write(&partition, open(producer, &format!("t{producer}"), "in"));
    }
    write(&partition, end(5, TransactionResult::Commit));
    write(&partition, end(6, TransactionResult::Abort));
    write(&partition, BatchBuilder::new(0).record(Some(b"b"), None).build());
    drop(partition);
    rig.end(true);

    let rig = Rig::start(path.path(), COUNT);
    let key = key_in(0);
    assert_eq!(rig.tally.submit(&key, put("a", "9")).await, Err(CoordinatorError::Loading));
    rig.load_all();
    let rows = [("a", "1"), ("t5", "in")].map(|(key, value)| (key.to_string(), value.to_string()));
    assert_eq!(rig.rows(), rows.into());
    let open = rig.tally.table.load().shards[&0].hard(|hard| hard.open.keys().map(|id| id.get()).collect::<Vec<_>>());
    assert_eq!(open, Some(vec![7]));
    assert_eq!(rig.tally.submit(&key, put("a", "9")).await, Ok(Told::Done));
    rig.end(true);
}

#[tokio::test]
async fn txn_15_a_damaged_partition_is_not_served_in_part_and_the_others_are() {
    let path = tempfile::tempdir().unwrap();
    let rig = Rig::start(path.path(), COUNT);
    rig.load_all();
    for index in 0..COUNT {
        let key = key_in(index);
        rig.tally.submit(&key, put(&key, "first")).await.unwrap();
        rig.tally.submit(&key, put("forbidden-later", "1")).await.unwrap();
    }
    // A record that does not follow, a record without a key, a value that is no text, and a flipped bit.
    write(&rig.partition(0), BatchBuilder::new(0).record(Some(b"x"), Some(b"forbidden")).build());
    write(&rig.partition(1), BatchBuilder::new(0).record(None, Some(b"x")).build());
    write(&rig.partition(2), BatchBuilder::new(0).record(Some(b"x"), Some(&[0xFF])).build());
    rig.end(true);
    let file = path.path().join(format!("{}-3/00000000000000000000.log", Tally::TOPIC));
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.iter().position(|byte| *byte == b'k').unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();

    let rig = Rig::start(path.path(), COUNT);
    rig.load_all();
    for index in 0..4 {
        let answer = rig.tally.submit(&key_in(index), Ask::Wait(key_in(index), 1)).await;
        assert_eq!(answer, Err(CoordinatorError::Unavailable), "partition {index}");
    }
    let answer = rig.tally.submit(&key_in(4), Ask::Wait(key_in(4), 1)).await;
    assert_eq!(answer, Ok(Told::Value("first".into())));
    let all = rig.tally.submit_all(|| Ask::Loaded).await;
    assert_eq!(all.iter().filter(|answer| answer.is_ok()).count(), 1);
    rig.end(false);
}

#[tokio::test]
async fn a_large_journal_is_loaded_over_many_segments() {
    let path = tempfile::tempdir().unwrap();
    let rig = Rig::start(path.path(), COUNT);
    rig.load_all();
    let long = "v".repeat(15_000);
    for round in 0..400 {
        let pending = rig.tally.submit("a", put(&format!("key-{}", round % 7), &format!("{round}-{long}")));
        if round % 100 == 99 {
            pending.await.unwrap();
        }
    }
    let before = rig.rows();
    let partition = rig.partition(partition_of("a", COUNT));
    assert!(partition.log().unwrap().segments() > 4);
    drop(partition);
    rig.end(true);
    let rig = Rig::start(path.path(), COUNT);
    rig.load_all();
    assert_eq!(rig.rows(), before);
    rig.end(true);
}
