//! One failed write or sync stops everything for good (LOG-9).
use super::*;
use crate::platform::{Fault, FaultEffect, OperationKind};
use std::io;

fn fails_for_ever(fault: Fault) {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    for i in 0..3 {
        append(&wal, &log, i, b"good").unwrap();
        assert!(seen.reaches(i + 1));
    }
    disk.inject(fault);
    append(&wal, &log, 3, b"bad").unwrap();
    assert!(!seen.reaches(4));
    let failure = seen.state.lock().failure.clone().unwrap();
    assert!(failure.contains("00000000000000000001.wal"), "{failure}");
    let after = disk.changes();
    // The fault is over; a later success must not cover the earlier failure.
    disk.clear_faults();
    for _ in 0..3 {
        assert!(matches!(append(&wal, &log, 4, b"late"), Err(WalError::Failed { .. })));
    }
    wal.release(WalSequence::new(3));
    assert!(matches!(wal.failure(), Some(WalError::Failed { .. })));
    assert!(matches!(wal.close(), Err(WalError::Failed { .. })));
    assert!(matches!(wal.close(), Err(WalError::Failed { .. })));
    assert_eq!(disk.changes(), after, "nothing is written or synced after a failure");
    let recovered = recover(&disk.crash()).unwrap();
    assert_eq!(recovered.entries().len(), 3);
}

#[test]
fn log_9_a_failed_write_is_final() {
    fails_for_ever(Fault::once(OperationKind::Write, ".wal"));
}

#[test]
fn log_9_a_short_write_is_final() {
    let effect = FaultEffect::ShortWrite { bytes: 512, error: io::ErrorKind::Other };
    fails_for_ever(Fault::once(OperationKind::Write, ".wal").with(effect));
}

#[test]
fn log_9_a_failed_sync_is_final() {
    // A sync is told from its write by the disk in memory only; a real disk does both in one call.
    fails_for_ever(Fault::once(OperationKind::Sync, ""));
}

#[test]
fn log_9_a_file_that_cannot_be_made_stops_the_log_when_it_is_needed() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    disk.inject(Fault::once(OperationKind::SyncDir, "wal").for_ever());
    let mut offset = 0;
    while append(&wal, &log, offset, &[0; 9000]).is_ok() && seen.reaches(offset + 1) {
        offset += 1;
        assert!(offset < 1000, "the log went on without durable names");
    }
    let durable = seen.state.lock().committed;
    assert!(durable > 0);
    assert!(recover(&disk.crash()).unwrap().entries().len() as i64 >= durable);
}

#[test]
fn an_unreadable_disk_is_an_error_and_not_an_empty_log() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    wal.append(&head(0, 0, 1), &[b"x"], None).unwrap();
    wal.close().unwrap();
    for kind in [OperationKind::List, OperationKind::Open, OperationKind::Read] {
        disk.inject(Fault::once(kind, "wal"));
        assert!(matches!(open(&disk), Err(WalError::Io { .. })), "{kind:?}");
    }
    assert_eq!(open(&disk).unwrap().1.entries().len(), 1);
}
