//! Transactions in one log: the stable offset, aborted lists, guards, and files that Kafka's tools read.
use super::*;
use crate::{
    log::{AbortedEntry, AppendTerms, ProducerError, Question, SyncPolicy},
    record::{EndTransactionMarker, TransactionResult},
    types::{ProducerEpoch, ProducerId, TransactionVersion},
};

pub fn producer(id: i64) -> ProducerId {
    ProducerId::from_wire(id).unwrap()
}

pub fn epoch(epoch: i16) -> ProducerEpoch {
    ProducerEpoch::from_wire(epoch).unwrap()
}

pub fn transactional(id: i64, epoch: i16, sequence: i32) -> CheckedBatch {
    let builder = BatchBuilder::new(NOW_MS).attributes(BatchHeader::TRANSACTIONAL).producer(id, epoch, sequence);
    builder.record(None, Some(b"in a transaction")).build()
}

/// Asks as a leader does, and appends with what it got.
pub fn append_in(log: &Log, id: i64, at: i16, sequence: i32) -> Result<Appended, AppendError> {
    let question = Question { producer: producer(id), epoch: epoch(at), sequence, version: TransactionVersion::V2 };
    let guard = log.start_verification(question)?;
    let terms = AppendTerms { guard, ..AppendOrigin::Client.into() };
    log.append(transactional(id, at, sequence), LeaderEpoch::ZERO, terms)
}

fn end_as(
    log: &Log,
    id: i64,
    at: i16,
    marker: EndTransactionMarker,
    version: TransactionVersion,
) -> Result<Appended, AppendError> {
    let terms = AppendTerms { version, ..AppendOrigin::Coordinator.into() };
    log.append(marker.batch(producer(id), epoch(at), NOW_MS), LeaderEpoch::ZERO, terms)
}

pub fn end(log: &Log, id: i64, at: i16, result: TransactionResult) -> Appended {
    end_as(log, id, at, EndTransactionMarker { result, coordinator_epoch: 0 }, TransactionVersion::V2).unwrap()
}

/// A log whose high watermark moves only by hand.
fn held(fixture: &Fixture, config: LogConfig) -> Arc<Log> {
    fixture.directory.open_log(&id(0), Arc::new(config)).unwrap()
}

pub fn paged() -> LogConfig {
    LogConfig { sync: SyncPolicy::PageCache, ..LogConfig::default() }
}

fn stable(log: &Log) -> i64 {
    log.bounds().stable().get()
}

fn told(read: &Read) -> Vec<(i64, i64)> {
    read.aborted.iter().map(|aborted| (aborted.producer.get(), aborted.first.get())).collect()
}

fn committed(log: &Log, from: i64, bytes_max: usize) -> Read {
    log.read(Offset::new(from), ReadLimit::Stable, bytes_max, true).unwrap()
}

#[test]
fn off_2_an_open_transaction_holds_committed_readers_back() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(paged());
    append(&log, batch(2, b"before")).unwrap();
    append_in(&log, 7, 0, 0).unwrap();
    append(&log, batch(3, b"behind")).unwrap();
    assert_eq!((stable(&log), log.bounds().high()), (2, Offset::new(6)));
    assert_eq!(headers_of(&committed(&log, 0, 1 << 20)).len(), 1);
    assert!(committed(&log, 2, 1 << 20).slice.is_none());
    assert_eq!(log.stable_mark().get(), Offset::new(2));
    end(&log, 7, 1, TransactionResult::Commit);
    assert_eq!(stable(&log), 7);
    assert_eq!(wait_for(log.stable_mark(), Offset::new(7)).unwrap(), Offset::new(7));
    let read = committed(&log, 0, 1 << 20);
    assert_eq!((headers_of(&read).len(), told(&read)), (4, vec![]));
}

#[test]
fn idem_5_whoever_is_verified_is_told_of_the_sequence_before_the_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(paged());
    append_in(&log, 7, 0, 0).unwrap();
    let outside = || {
        let plain = BatchBuilder::new(NOW_MS).producer(7, 0, 1).record(None, Some(b"outside")).build();
        log.append(plain, LeaderEpoch::ZERO, AppendOrigin::Client)
    };
    let refused = outside().unwrap_err();
    assert!(matches!(refused, AppendError::Producer(ProducerError::InvalidTransactionState { .. })), "{refused}");
    let next = Question { producer: producer(7), epoch: epoch(1), sequence: 0, version: TransactionVersion::V1 };
    log.start_verification(next).unwrap();
    let refused = outside().unwrap_err();
    assert!(matches!(refused, AppendError::Producer(ProducerError::OutOfOrder { .. })), "{refused}");
}

#[test]
fn txn_28_a_transaction_is_stable_once_its_marker_is_below_the_high_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = held(&fixture, paged());
    append(&log, batch(1, b"v")).unwrap();
    append_in(&log, 7, 0, 0).unwrap();
    end(&log, 7, 1, TransactionResult::Abort);
    append(&log, batch(1, b"v")).unwrap();
    for (high, expected) in [(1, 1), (2, 1), (3, 3), (4, 4)] {
        log.advance_high(Offset::new(high));
        assert_eq!(stable(&log), expected, "high watermark {high}");
    }
}

#[test]
fn off_3_abort_markers_with_data_are_listed_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(paged());
    append_in(&log, 1, 0, 0).unwrap();
    append_in(&log, 2, 0, 0).unwrap();
    end(&log, 1, 1, TransactionResult::Commit);
    end(&log, 3, 1, TransactionResult::Abort);
    end(&log, 2, 1, TransactionResult::Abort);
    end(&log, 2, 1, TransactionResult::Abort);
    let all = log.aborted_between(Offset::ZERO, Offset::new(i64::MAX)).unwrap();
    let at = Offset::new;
    assert_eq!(all, [AbortedEntry { producer: producer(2), first: at(1), last: at(4), stable: at(5) }]);
}

#[test]
fn off_4_a_committed_read_lists_the_aborted_transactions_of_its_bytes_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 200, ..paged() });
    let one = transactional(1, 0, 0).bytes().len();
    // 0..3: a transaction each of 1, 2 and 3, ended far behind, in another order; 4 begins last.
    for id in 1..=3 {
        append_in(&log, id, 0, 0).unwrap();
    }
    for _ in 0..4 {
        append(&log, batch(1, b"v")).unwrap();
    }
    append_in(&log, 4, 0, 0).unwrap();
    end(&log, 3, 1, TransactionResult::Abort);
    end(&log, 2, 1, TransactionResult::Commit);
    end(&log, 1, 1, TransactionResult::Abort);
    end(&log, 4, 1, TransactionResult::Abort);
    assert!(log.segments() > 3);
    assert_eq!(stable(&log), 12);
    assert_eq!(told(&committed(&log, 0, one)), [(1, 0)]);
    assert_eq!(told(&committed(&log, 2, one)), [(3, 2), (1, 0)]);
    assert_eq!(told(&committed(&log, 3, one)), [(3, 2), (1, 0)]);
    assert_eq!(told(&committed(&log, 9, 1 << 20)), [(1, 0), (4, 7)]);
    assert_eq!(told(&committed(&log, 11, 1 << 20)), [(4, 7)]);
    let uncommitted = log.read(Offset::ZERO, ReadLimit::High, 1 << 20, true).unwrap();
    assert_eq!(told(&uncommitted), []);
}

#[test]
fn txn_7_a_batch_of_a_transaction_that_nobody_vouches_for_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(paged());
    let refused = |origin: AppendOrigin| {
        let outcome = log.append(transactional(7, 0, 0), LeaderEpoch::ZERO, origin);
        matches!(outcome, Err(AppendError::Producer(ProducerError::NotVerified { .. })))
    };
    assert!(refused(AppendOrigin::Client) && refused(AppendOrigin::Coordinator));
    assert_eq!(log.bounds().end(), Offset::ZERO);
    append_in(&log, 7, 0, 0).unwrap();
    // Open now: the next batch needs no guard, a repetition of the first neither.
    assert!(append(&log, transactional(7, 0, 0)).unwrap().duplicate);
    append(&log, transactional(7, 0, 1)).unwrap();
    log.update_config(Arc::new(LogConfig { verify_transactions: false, ..paged() }));
    append(&log, transactional(8, 0, 0)).unwrap();
}

#[test]
fn txn_10_markers_are_fenced_by_epoch_and_coordinator() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(paged());
    append_in(&log, 7, 3, 0).unwrap();
    let marker = |coordinator_epoch| EndTransactionMarker { result: TransactionResult::Commit, coordinator_epoch };
    let late = end_as(&log, 7, 3, marker(5), TransactionVersion::V2);
    assert!(matches!(late, Err(AppendError::Producer(ProducerError::InvalidEpoch { .. }))));
    end_as(&log, 7, 3, marker(5), TransactionVersion::V1).unwrap();
    let zombie = end_as(&log, 7, 4, marker(4), TransactionVersion::V2);
    assert!(matches!(zombie, Err(AppendError::Producer(ProducerError::CoordinatorFenced { .. }))));
    assert_eq!(log.bounds().end(), Offset::new(2));
    end_as(&log, 7, 4, marker(5), TransactionVersion::V2).unwrap();
    // TXN-9: what the producer of the old epoch still sends comes too late.
    let fenced = append_in(&log, 7, 3, 1);
    assert!(matches!(fenced, Err(AppendError::Producer(ProducerError::InvalidEpoch { .. }))));
}

#[test]
fn off_4_a_committed_reader_at_the_tail_asks_the_disk_nothing() {
    use crate::platform::{Fault, MemoryDisk, OperationKind};
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig::default());
    for _ in 0..50 {
        append(&log, batch(3, &[1; 100])).unwrap();
    }
    log.advance_high(Offset::new(150));
    for kind in [OperationKind::Read, OperationKind::Open] {
        disk.inject(Fault::once(kind, "t-0").for_ever());
    }
    for from in 0..150 {
        assert!(committed(&log, from, 3_000).slice.is_some());
    }
}

#[test]
fn txn_24_what_was_aborted_survives_stops_kills_and_retention() {
    let dir = tempfile::tempdir().unwrap();
    let config = || LogConfig { segment_bytes: 400, file_delete_delay_ms: 0, ..paged() };
    let mut expected = Vec::new();
    {
        let fixture = Fixture::real(dir.path());
        fixture.directory.finish_recovery().unwrap();
        let log = fixture.log(config());
        for at in 0..30 {
            append_in(&log, at % 3, (at / 3) as i16, 0).unwrap();
            let result = if at % 2 == 0 { TransactionResult::Abort } else { TransactionResult::Commit };
            end(&log, at % 3, (at / 3) as i16 + 1, result);
        }
        append_in(&log, 9, 0, 0).unwrap();
        expected.extend(log.aborted_between(Offset::ZERO, Offset::new(i64::MAX)).unwrap());
        fixture.directory.close().unwrap();
    }
    assert_eq!(expected.len(), 15);
    let all = |log: &Log| log.aborted_between(Offset::ZERO, Offset::new(i64::MAX)).unwrap();
    {
        let fixture = Fixture::real(dir.path());
        let log = fixture.log(config());
        assert!(fixture.directory.was_clean());
        assert_eq!((all(&log), stable(&log)), (expected.clone(), 60));
        // Left as a kill leaves it, with nothing known to be synced.
    }
    std::fs::write(dir.path().join("recovery-point-offset-checkpoint"), "0\n0\n").unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(config());
    assert!(!fixture.directory.was_clean());
    assert_eq!((all(&log), stable(&log)), (expected.clone(), 60));
    let files = || {
        let listed = std::fs::read_dir(dir.path().join("t-0")).unwrap();
        listed.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".txnindex")).count()
    };
    let before = files();
    log.advance_start(Some(Offset::new(30))).unwrap().wait().unwrap();
    assert!(log.delete_old_segments().unwrap() > 2);
    fixture.directory.remove_left(std::time::Duration::from_secs(1 << 30));
    assert!(files() < before);
    let kept = expected.iter().filter(|entry| entry.last >= log.bounds().start()).count();
    assert_eq!(log.aborted_between(Offset::new(30), Offset::new(i64::MAX)).unwrap().len(), kept);
}

#[test]
fn log_14_a_transaction_index_that_ends_within_an_entry_is_made_again() {
    for is_sealed in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let config = || LogConfig { segment_bytes: if is_sealed { 200 } else { 100_000 }, ..paged() };
        {
            let fixture = Fixture::real(dir.path());
            fixture.directory.finish_recovery().unwrap();
            let log = fixture.log(config());
            for at in 0..6 {
                append_in(&log, 1, at, 0).unwrap();
                end(&log, 1, at + 1, TransactionResult::Abort);
            }
            fixture.directory.close().unwrap();
        }
        let file =
            std::fs::File::options().write(true).open(dir.path().join("t-0/00000000000000000000.txnindex")).unwrap();
        file.set_len(file.metadata().unwrap().len() - 10).unwrap();
        let fixture = Fixture::real(dir.path());
        let all = fixture.log(config()).aborted_between(Offset::ZERO, Offset::new(i64::MAX)).unwrap();
        assert_eq!(all.len(), 6, "sealed: {is_sealed}");
    }
}

#[test]
fn log_14_a_damaged_transaction_index_is_made_again_or_reported() {
    let dir = tempfile::tempdir().unwrap();
    {
        let fixture = Fixture::real(dir.path());
        fixture.directory.finish_recovery().unwrap();
        let log = fixture.log(LogConfig { segment_bytes: 200, ..paged() });
        for at in 0..6 {
            append_in(&log, 1, at, 0).unwrap();
            end(&log, 1, at + 1, TransactionResult::Abort);
        }
        fixture.directory.close().unwrap();
    }
    let file = dir.path().join("t-0/00000000000000000000.txnindex");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[10] = 0xFF;
    std::fs::write(&file, bytes).unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 200, ..paged() });
    assert_eq!(told(&committed(&log, 0, 1)), [(1, 0)]);
    drop((log, fixture));
    // Without the producers at its beginning nobody can say what began before.
    let second = std::fs::read_dir(dir.path().join("t-0")).unwrap().map(|file| file.unwrap().path());
    let mut indexes: Vec<_> = second.filter(|path| path.extension().is_some_and(|is| is == "txnindex")).collect();
    indexes.sort();
    let mut bytes = std::fs::read(&indexes[1]).unwrap();
    bytes[10] = 0xFF;
    std::fs::write(&indexes[1], bytes).unwrap();
    std::fs::remove_file(indexes[1].with_extension("snapshot")).unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 200, ..paged() });
    let base = indexes[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let read = log.read(Offset::new(base), ReadLimit::Stable, 1 << 20, true);
    assert!(matches!(read, Err(crate::log::ReadError::Damaged { .. })), "{read:?}");
}
