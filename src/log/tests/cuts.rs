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
    started(disk, paged())
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

/// A checkpoint covers entries that are not durable yet. A crash takes their numbers back and gives them to others, also to cuts
/// that nobody has done.
#[test]
fn log_7_a_cut_with_a_number_that_was_another_entrys_is_done_again() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk);
    let other = fixture.directory.open_log(&id(1), Arc::new(LogConfig::default())).unwrap();
    written(&log, 0..10);
    append_synced(&other, batch(1, b"v"));
    fixture.directory.checkpoint().unwrap();
    log.truncate_to(Offset::new(8)).unwrap();
    disk.ignore_syncs(true);
    (0..20).for_each(|_| _ = append_synced(&other, batch(1, b"v")));
    disk.ignore_syncs(false);
    disk.inject(Fault::once(OperationKind::Write, ".wal").for_ever());
    fixture.directory.checkpoint().unwrap();
    let next = fixture.directory.wal().next_sequence();
    let left = disk.crash();
    let (fixture, log) = open(&left);
    assert!(fixture.directory.wal().next_sequence() < next, "the entries behind the cut are lost");
    assert_eq!(log.bounds().end(), Offset::new(8));
    log.truncate_to(Offset::new(5)).unwrap();
    let (_fixture, log) = open(&left.crash());
    assert_eq!(log.bounds().end(), Offset::new(5));
}

/// Names come to the disk without the bytes: the segment that was begun at the cut is there, and the one before it is not cut yet.
/// What was cut neither comes back nor counts for its producer.
#[test]
fn log_7_what_was_cut_does_not_stand_before_a_segment_that_begins_there() {
    let mut cut_seen = 0;
    for step in 1..12 {
        let disk = MemoryDisk::new();
        let (fixture, log) = open(&disk);
        (0..3).for_each(|at| wait_synced(&log, append(&log, produced(7, 0, at, 1)).unwrap().last.next()));
        fixture.directory.checkpoint().unwrap();
        let kept = checksums(&log)[..2].to_vec();
        log.truncate_to(Offset::new(2)).unwrap();
        let large = BatchBuilder::new(NOW_MS).producer(7, 0, 2).record(None, Some(&[1; 250])).build();
        disk.power_off_after(step);
        let _ = append(&log, large);
        let left = disk.killed();
        left.sync_dir(Path::new("/data/t-0")).unwrap();
        let left = left.crash();
        let (_fixture, log) = open(&left);
        let end = log.bounds().end().get();
        assert!((2..=3).contains(&end), "step {step}: {end}");
        let found = checksums(&log);
        assert_eq!((&found[..2], found.len() as i64), (&kept[..], end), "step {step}");
        assert_eq!(log.producers()[0].last_sequence, Some(end as i32 - 1), "step {step}");
        cut_seen += usize::from(end == 2);
    }
    assert!(cut_seen > 0, "the power went before the batch was durable");
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
