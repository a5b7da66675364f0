//! Compaction and transactions.
use super::*;
use crate::record::{EndTransactionMarker, TransactionResult};

fn producer(id: i64) -> ProducerId {
    ProducerId::from_wire(id).unwrap()
}

pub fn write(log: &Log, id: i64, sequence: i32, key: &str, value: &str) -> Offset {
    let batch = pairs(&[(Some(key), Some(value))]).producer(id, 0, sequence).attributes(BatchHeader::TRANSACTIONAL);
    // As a follower: nobody asked a coordinator here.
    log.append(batch.build(), LeaderEpoch::ZERO, AppendOrigin::Replication).unwrap().base
}

pub fn end(log: &Log, id: i64, result: TransactionResult) -> Offset {
    let marker = EndTransactionMarker { result, coordinator_epoch: 0 };
    let batch = marker.batch(producer(id), ProducerEpoch::from_wire(0).unwrap(), NOW_MS);
    log.append(batch, LeaderEpoch::ZERO, AppendOrigin::Coordinator).unwrap().base
}

fn markers(log: &Log) -> Vec<i64> {
    let control = read_all(log, 1).into_iter().filter(|header| header.is_control() && header.record_count > 0);
    control.map(|header| header.base_offset).collect()
}

fn stands(log: &Log) -> Vec<String> {
    let control = markers(log);
    contents(log)
        .into_iter()
        .filter(|(offset, key, _)| key.as_deref() != Some("filler") && !control.contains(offset))
        .map(|(offset, key, value)| format!("{offset} {}={}", key.unwrap(), value.unwrap()))
        .collect()
}

#[test]
fn cmp_4_aborted_records_go_and_shadow_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    put(&log, "a", Some("stays"));
    write(&log, 1, 0, "a", "aborted");
    write(&log, 2, 0, "b", "committed");
    end(&log, 1, TransactionResult::Abort);
    write(&log, 1, 1, "c", "committed");
    end(&log, 2, TransactionResult::Commit);
    end(&log, 1, TransactionResult::Commit);
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert_eq!(stands(&log), ["0 a=stays", "2 b=committed", "4 c=committed"]);
    assert_eq!(markers(&log), [3, 5, 6]);
}

#[test]
fn cmp_1_an_open_transaction_holds_compaction_back() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    (0..6).for_each(|_| _ = put(&log, "k", Some("v")));
    write(&log, 1, 0, "k", "undecided");
    (0..12).for_each(|_| _ = put(&log, "k", Some("v")));
    assert!(cleaner(&fixture).clean_dirtiest());
    let below = log.cleaned().unwrap();
    assert!(below <= Offset::new(6) && below > Offset::ZERO);
    assert!(stands(&log).contains(&"6 k=undecided".to_string()));
    // Decided, it is compacted like everything else.
    end(&log, 1, TransactionResult::Abort);
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert!(!stands(&log).contains(&"6 k=undecided".to_string()));
}

#[test]
fn cmp_4_a_marker_far_behind_the_cleaned_part_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    put(&log, "a", Some("stays"));
    write(&log, 1, 0, "a", "aborted");
    (0..8).for_each(|_| _ = put(&log, "k", Some("v")));
    write(&log, 2, 0, "k", "undecided");
    (0..8).for_each(|_| _ = put(&log, "k", Some("v")));
    end(&log, 1, TransactionResult::Abort);
    // The second transaction holds the stable offset back: the first one's marker lies above it.
    assert_eq!(log.bounds().stable(), Offset::new(10));
    assert!(cleaner(&fixture).clean_dirtiest());
    assert_eq!(stands(&log)[0], "0 a=stays");
    assert!(!stands(&log).contains(&"1 a=aborted".to_string()));
}

#[test]
fn cmp_6_markers_outlive_their_records_by_the_retention_of_deletes() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(LogConfig { producer_id_expiration_ms: 1, ..compacted() });
    write(&log, 1, 0, "a", "aborted");
    end(&log, 1, TransactionResult::Abort);
    write(&log, 1, 1, "b", "committed");
    end(&log, 1, TransactionResult::Commit);
    seal(&log);
    fixture.clock.advance(Duration::from_secs(1));
    log.expire_producers();
    let again = |log: &Log| {
        seal(log);
        assert!(cleaner(&fixture).clean_dirtiest());
        markers(log)
    };
    // The records of the aborted one have just gone: its marker gets its time with the next run.
    assert_eq!(again(&log), [1, 3]);
    assert!(!read_all(&log, 1)[0].has_delete_horizon());
    assert_eq!(again(&log), [1, 3]);
    let header = read_all(&log, 1).remove(0);
    assert!(header.is_control() && header.has_delete_horizon());
    assert_eq!(again(&log), [1, 3]);
    assert_eq!(read_all(&log, 1)[0], header);
    fixture.clock.advance(DAY);
    assert_eq!(again(&log), [3]);
    // The committed one's stays for as long as its record does.
    fixture.clock.advance(DAY * 3);
    assert_eq!(again(&log), [3]);
    put(&log, "b", Some("newer"));
    assert_eq!(again(&log), [3]);
    assert_eq!(again(&log), [3]);
    fixture.clock.advance(DAY);
    assert_eq!(again(&log), Vec::<i64>::new());
}

#[test]
fn cmp_7_the_marker_of_a_living_producers_epoch_stays_if_empty() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let config = LogConfig { producer_id_expiration_ms: i64::MAX, ..compacted() };
    let log = fixture.log(config.clone());
    write(&log, 1, 0, "a", "aborted");
    // The coordinator fences: the marker has the next epoch, of which no record is known.
    let marker = EndTransactionMarker { result: TransactionResult::Abort, coordinator_epoch: 0 };
    let batch = marker.batch(producer(1), ProducerEpoch::from_wire(1).unwrap(), NOW_MS);
    log.append(batch, LeaderEpoch::ZERO, AppendOrigin::Coordinator).unwrap();
    for _ in 0..3 {
        seal(&log);
        assert!(cleaner(&fixture).clean_dirtiest());
        fixture.clock.advance(DAY);
    }
    let first = read_all(&log, 1).remove(0);
    assert_eq!((first.base_offset, first.is_control(), first.record_count, first.producer_epoch), (1, true, 0, 1));
    assert_eq!(log.bounds().stable(), log.bounds().high());
    // Recovery takes the empty marker for what it is: an epoch, and no open transaction.
    drop((log, fixture));
    std::fs::remove_file(dir.path().join("recovery-point-offset-checkpoint")).unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(config);
    let known = &log.producers()[0];
    assert_eq!((known.epoch, known.transaction_start), (ProducerEpoch::from_wire(1), None));
}

#[test]
fn cmp_6_readers_learn_of_aborted_transactions_while_their_records_may_be_held() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    write(&log, 1, 0, "a", "aborted");
    write(&log, 2, 0, "b", "undecided");
    end(&log, 1, TransactionResult::Abort);
    (0..12).for_each(|_| _ = put(&log, "k", Some("v")));
    end(&log, 2, TransactionResult::Abort);
    seal(&log);
    let all = || log.aborted_between(Offset::ZERO, log.bounds().end()).unwrap();
    let before = all();
    assert_eq!(before.len(), 2);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert_eq!(all(), before);
    assert!(dir.path().join("t-0/00000000000000000000.txnindex").exists());
    // The next run finds nothing of their records any more.
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert_eq!(all(), []);
    assert_eq!(std::fs::metadata(dir.path().join("t-0/00000000000000000000.txnindex")).unwrap().len(), 0);
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert!(!dir.path().join("t-0/00000000000000000000.txnindex").exists());
    assert_eq!(markers(&log).len(), 2);
}
