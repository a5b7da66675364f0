//! Large batches past the page cache: the same log as through it, for readers, after cuts, crashes, failures.
use super::*;
use crate::{
    log::DirectWrites,
    platform::{Fault, FaultEffect, MemoryDisk, OperationKind},
};
use std::io;

fn direct(reader_kept_ms: u64) -> LogDirSettings {
    LogDirSettings { direct: DirectWrites { bytes_min: 3_000, reader_kept_ms }, ..settings() }
}

fn open(disk: &MemoryDisk, settings: LogDirSettings) -> Fixture {
    Fixture::open_with(Arc::new(disk.clone()), Path::new("/data"), settings)
}

/// Positions and lengths of writes to segments that are whole blocks.
fn block_writes(disk: &MemoryDisk) -> usize {
    let operations = disk.operations();
    let writes = operations.iter().filter(|one| one.kind == OperationKind::Write && one.path.ends_with(LOG));
    writes.filter(|one| one.position.is_multiple_of(4_096) && one.len > 0 && one.len.is_multiple_of(4_096)).count()
}

const LOG: &str = "t-0/00000000000000000000.log";

#[test]
fn log_1_large_batches_go_past_the_page_cache_and_read_the_same() {
    for sizes in [[9_000, 9_000, 9_000, 9_000], [9_000, 10, 20_000, 2_900], [4_096, 8_192, 4_035, 12_288]] {
        let disk = MemoryDisk::new();
        let fixture = open(&disk, direct(0));
        let log = fixture.log(LogConfig::default());
        let batches: Vec<_> = sizes.iter().map(|size| batch(1, &vec![*size as u8; *size])).collect();
        let crcs: Vec<u32> = batches.iter().map(|batch| batch.header().crc).collect();
        batches.into_iter().for_each(|batch| _ = append_synced(&log, batch));
        assert!(block_writes(&disk) >= 2, "{sizes:?}");
        let read = |log: &Log| read_all(log, 1 << 20).iter().map(|header| header.crc).collect::<Vec<_>>();
        assert_eq!(read(&log), crcs);
        for left in [disk.crash(), disk.killed()] {
            assert_eq!(read(&open(&left, settings()).log(LogConfig::default())), crcs, "{sizes:?}");
        }
    }
}

#[test]
fn a_log_that_is_read_stays_in_the_page_cache() {
    let disk = MemoryDisk::new();
    let fixture = open(&disk, direct(5_000));
    let log = fixture.log(LogConfig::default());
    let value = vec![7; 9_000];
    let appended = || {
        let before = block_writes(&disk);
        append_synced(&log, batch(1, &value));
        block_writes(&disk) > before
    };
    assert!(appended());
    let _ = log.read(Offset::ZERO, ReadLimit::High, 1, true).unwrap();
    assert!(!appended());
    fixture.clock.advance(std::time::Duration::from_millis(4_990));
    assert!(!appended());
    fixture.clock.advance(std::time::Duration::from_millis(20));
    assert!(appended());
}

#[test]
fn a_filesystem_that_refuses_direct_writes_is_asked_once() {
    let disk = MemoryDisk::new();
    disk.refuse_direct(true);
    let fixture = open(&disk, direct(0));
    let log = fixture.log(LogConfig::default());
    append_synced(&log, batch(1, &[1; 9_000]));
    disk.refuse_direct(false);
    append_synced(&log, batch(1, &[1; 9_000]));
    assert_eq!(block_writes(&disk), 0);
    assert_eq!(read_all(&log, 1 << 20).len(), 2);
}

#[test]
fn log_3_a_direct_write_that_fails_leaves_nothing_behind() {
    for after in 0..3 {
        for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
            let disk = MemoryDisk::new();
            let fixture = open(&disk, direct(0));
            let log = fixture.log(LogConfig::default());
            append_synced(&log, batch(1, &[1; 5_000]));
            let fault = Fault::once(OperationKind::Write, LOG).with(FaultEffect::Error(kind));
            disk.inject(Fault { after, ..fault });
            let refused = append(&log, batch(1, &[2; 9_000]));
            assert!(matches!(refused, Err(AppendError::Write { .. } | AppendError::DiskFull { .. })), "{after}");
            disk.clear_faults();
            assert_eq!(log.bounds().end(), Offset::new(1));
            fixture.directory.look_at_space();
            append_synced(&log, batch(1, &[3; 9_000]));
            let left = open(&disk.crash(), settings());
            assert_eq!(read_all(&left.log(LogConfig::default()), 1 << 20).len(), 2, "{after} {kind:?}");
        }
    }
}

#[test]
fn large_batches_on_a_real_disk_follow_small_ones_and_cuts() {
    let directory = tempfile::tempdir().unwrap();
    let expected = {
        let fixture = Fixture::open_with(Arc::new(RealDisk), directory.path(), direct(0));
        let log = fixture.log(LogConfig { segment_bytes: 300_000, ..LogConfig::default() });
        for i in 0..60usize {
            append_synced(&log, batch(1, &vec![i as u8; i * 3_571 % 50_000]));
            if i % 11 == 10 {
                log.truncate_to(Offset::new(log.bounds().end().get() - 2)).unwrap();
            }
        }
        let crcs: Vec<u32> = read_all(&log, 1 << 20).iter().map(|header| header.crc).collect();
        assert!(log.segments() > 3);
        fixture.directory.close().unwrap();
        crcs
    };
    let log = Fixture::real(directory.path()).log(LogConfig::default());
    assert_eq!(read_all(&log, 1 << 20).iter().map(|header| header.crc).collect::<Vec<_>>(), expected);
}

#[test]
fn a_filesystem_that_takes_no_direct_write_of_such_a_size_is_not_asked_again() {
    let disk = MemoryDisk::new();
    let fixture = open(&disk, direct(0));
    let log = fixture.log(LogConfig::default());
    append_synced(&log, batch(1, &[1; 500]));
    // The first write is that of the bytes in the block of the batch before.
    let refusal = FaultEffect::Error(io::ErrorKind::InvalidInput);
    disk.inject(Fault::once(OperationKind::Write, LOG).after(1).with(refusal));
    append_synced(&log, batch(1, &[2; 9_000]));
    disk.clear_faults();
    let before = disk.operations().len();
    append_synced(&log, batch(1, &[3; 9_000]));
    let writes = disk.operations().split_off(before).into_iter().filter(|one| one.path.ends_with(LOG)).count();
    assert_eq!(writes, 1, "through the page cache a batch is one write");
    assert_eq!(read_all(&open(&disk.crash(), settings()).log(LogConfig::default()), 1 << 20).len(), 3);
}
