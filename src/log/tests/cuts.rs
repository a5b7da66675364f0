//! Cuts of a log that are done once: replay must not do them again to what was written since.
use super::*;
use crate::{
    log::SyncPolicy,
    platform::{Fault, MemoryDisk, OperationKind},
};

fn paged() -> LogConfig {
    LogConfig { sync: SyncPolicy::PageCache, segment_bytes: 400, index_interval_bytes: 100, ..LogConfig::default() }
}

fn open(disk: &MemoryDisk) -> (Fixture, Arc<Log>) {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(paged());
    fixture.directory.finish_recovery().unwrap();
    (fixture, log)
}

/// Values of all records, in order; each batch has one.
fn written(log: &Log, values: std::ops::Range<u8>) {
    for value in values {
        let end = append(log, batch(1, &[value; 30])).unwrap().last.next();
        wait_synced(log, end);
    }
}

fn checksums(log: &Log) -> Vec<u32> {
    read_all(log, 1_000).iter().map(|header| header.crc).collect()
}

#[test]
fn log_7_a_cut_is_not_done_again_once_a_checkpoint_covers_what_followed_it() {
    for cut in [0, 5] {
        let disk = MemoryDisk::new();
        let (fixture, log) = open(&disk);
        written(&log, 0..10);
        fixture.directory.checkpoint().unwrap();
        log.truncate_to(Offset::new(cut)).unwrap();
        written(&log, 20..23);
        // From here on the write-ahead log cannot say durably what it has released.
        disk.inject(Fault::once(OperationKind::Write, ".wal").for_ever());
        fixture.directory.checkpoint().unwrap();
        written(&log, 30..40);
        fixture.directory.checkpoint().unwrap();
        let before = checksums(&log);
        assert_eq!(before.len() as i64, cut + 13);
        for left in [disk.crash(), disk.killed()] {
            // Again and again, as long as the entries are there.
            let (first, log) = open(&left);
            assert_eq!(checksums(&log), before, "cut to {cut}");
            drop((log, first));
            let (_fixture, log) = open(&left.killed());
            assert_eq!(checksums(&log), before, "cut to {cut}, the second time");
        }
    }
}

#[test]
fn log_7_what_follows_a_cut_survives_a_kill_before_the_next_checkpoint() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk);
    written(&log, 0..10);
    log.truncate_to(Offset::new(5)).unwrap();
    written(&log, 20..23);
    let before = checksums(&log);
    assert_eq!(before.len(), 8);
    let (_fixture, log) = open(&disk.killed());
    assert_eq!(checksums(&log), before);
    drop(fixture);
}

#[test]
fn log_7_a_cut_that_no_checkpoint_covers_is_done_again() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk);
    written(&log, 0..10);
    fixture.directory.checkpoint().unwrap();
    log.truncate_to(Offset::new(5)).unwrap();
    // The cut reached the write-ahead log, not the file.
    let (_fixture, log) = open(&disk.crash());
    assert_eq!(log.bounds().end(), Offset::new(5));
    drop(fixture);
}

/// The batch that the log's start lies in is cut as a whole, and the start goes back with it: what is written there then is not
/// hidden by the start of before, wherever the checkpoint that covers the cut ends.
#[test]
fn log_7_a_start_that_a_cut_took_back_stays_back() {
    for step in 0..40 {
        let disk = MemoryDisk::new();
        let (fixture, log) = open(&disk);
        (0..4).for_each(|_| _ = append_synced(&log, batch(3, &[1; 30])));
        fixture.directory.checkpoint().unwrap();
        log.advance_start(Some(Offset::new(10))).unwrap().wait().unwrap();
        fixture.directory.checkpoint().unwrap();
        log.truncate_to(Offset::new(10)).unwrap();
        assert_eq!((log.bounds().start(), log.bounds().end()), (Offset::new(9), Offset::new(9)));
        written(&log, 20..23);
        // The write-ahead log cannot say durably what it has released.
        disk.inject(Fault::once(OperationKind::Write, ".wal").for_ever());
        if step > 0 {
            disk.power_off_after(step);
        }
        let _ = fixture.directory.checkpoint();
        let left = disk.killed();
        let (_fixture, log) = open(&left);
        assert_eq!((log.bounds().start(), log.bounds().end()), (Offset::new(9), Offset::new(12)), "step {step}");
        assert_eq!(read_all(&log, 100).len(), 3);
    }
}

#[test]
fn log_27_a_topic_made_anew_inherits_no_cuts() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk);
    written(&log, 0..10);
    log.truncate_to(Offset::new(5)).unwrap();
    disk.inject(Fault::once(OperationKind::Write, ".wal").for_ever());
    fixture.directory.checkpoint().unwrap();
    let noted = || disk.read(Path::new("/data/ottla-cuts-checkpoint")).map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(noted().unwrap().starts_with("0\n1\nt 0 "), "{:?}", noted());
    fixture.directory.delete_log(&log).unwrap();
    let again = LogId { topic_id: TopicId(uuid::Uuid::from_u128(78)), ..id(0) };
    fixture.directory.open_log(&again, Arc::new(paged())).unwrap();
    assert_eq!(noted().unwrap(), "0\n0\n");
}

#[test]
fn log_27_a_topic_made_anew_inherits_nothing_wherever_a_kill_comes() {
    for step in 1..30 {
        let disk = MemoryDisk::new();
        let (fixture, log) = open(&disk);
        (0..4).for_each(|_| _ = append_synced(&log, batch(3, &[1; 30])));
        log.advance_start(Some(Offset::new(10))).unwrap().wait().unwrap();
        fixture.directory.checkpoint().unwrap();
        let again = LogId { topic_id: TopicId(uuid::Uuid::from_u128(78)), ..id(0) };
        disk.power_off_after(step);
        let _ = fixture.directory.delete_log(&log);
        let _ = fixture.directory.open_log(&again, Arc::new(paged()));
        // Killed there, and a second time as soon as the log is there.
        let mut left = disk.killed();
        for _ in 0..2 {
            let opened = Fixture::open(Arc::new(left.clone()), Path::new("/data"));
            let log = opened.directory.open_log(&again, Arc::new(paged())).unwrap();
            assert_eq!((log.bounds().start(), log.bounds().end()), (Offset::ZERO, Offset::ZERO), "step {step}");
            left = left.killed();
        }
    }
}
