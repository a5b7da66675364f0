//! Logs that cannot be opened at a start, or are opened late, and directories that are deleted without being opened.
use super::*;
use crate::{
    log::LogError,
    platform::{Fault, MemoryDisk, OpenMode, OperationKind},
};

fn open(disk: &MemoryDisk) -> Fixture {
    Fixture::open(Arc::new(disk.clone()), Path::new("/data"))
}

fn open_log(fixture: &Fixture, partition: i32) -> Result<Arc<Log>, LogError> {
    fixture.directory.open_log(&id(partition), Arc::new(LogConfig::default()))
}

/// Partition 0 and 1 with two acknowledged records each; what was acknowledged stands in the write-ahead log only.
fn two_logs() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let fixture = open(&disk);
    fixture.directory.finish_recovery().unwrap();
    for partition in [0, 1] {
        append_synced(&open_log(&fixture, partition).unwrap(), produced(7, 0, 0, 2));
    }
    disk.killed()
}

/// A start at which partition 0 cannot be opened, and what follows tries to get rid of its entries.
fn started_without_one(disk: &MemoryDisk) -> Fixture {
    disk.inject(Fault { times: u64::MAX, ..Fault::once(OperationKind::List, "t-0") });
    let fixture = open(disk);
    assert!(matches!(open_log(&fixture, 0), Err(LogError::Io { .. })));
    open_log(&fixture, 1).unwrap();
    fixture.directory.finish_recovery().unwrap();
    checkpoint_durably(&fixture, 2);
    fixture
}

/// A checkpoint, and another group behind it, which says durably what it has released.
fn checkpoint_durably(fixture: &Fixture, at: i32) {
    let other = open_log(fixture, 1).unwrap();
    append_synced(&other, produced(7, 0, at, 1));
    fixture.directory.checkpoint().unwrap();
    append_synced(&other, produced(7, 0, at + 1, 1));
}

#[test]
fn log_7_records_of_a_log_that_cannot_be_opened_stay_in_the_write_ahead_log() {
    let disk = two_logs();
    let fixture = started_without_one(&disk);
    fixture.directory.close().unwrap();
    let fixture = open(&disk.crash());
    assert!(!fixture.directory.was_clean(), "an orderly stop that leaves entries behind is not clean");
    assert!(fixture.directory.pending().contains(&id(0).key()));
    let log = open_log(&fixture, 0).unwrap();
    assert_eq!((log.synced_mark().get(), read_all(&log, 1_000).len()), (Offset::new(2), 1));
    assert_eq!(open_log(&fixture, 1).unwrap().bounds().end(), Offset::new(4));
}

#[test]
fn log_7_a_log_that_can_be_opened_again_frees_the_write_ahead_log() {
    let disk = two_logs();
    let fixture = started_without_one(&disk);
    disk.clear_faults();
    assert_eq!(open_log(&fixture, 0).unwrap().synced_mark().get(), Offset::new(2));
    checkpoint_durably(&fixture, 4);
    let fixture = open(&disk.crash());
    assert_eq!(fixture.directory.pending(), [id(1).key()]);
    assert_eq!(open_log(&fixture, 0).unwrap().bounds().end(), Offset::new(2));
}

#[test]
fn log_7_a_log_that_is_deleted_unopened_frees_the_write_ahead_log() {
    let disk = two_logs();
    let fixture = started_without_one(&disk);
    fixture.directory.delete_closed(&id(0), 0).unwrap();
    checkpoint_durably(&fixture, 4);
    assert_eq!(open(&disk.crash()).directory.pending(), [id(1).key()]);
}

#[test]
fn log_27_only_the_topics_own_directory_is_deleted_and_an_open_log_is_closed_first() {
    let disk = two_logs();
    let fixture = open(&disk);
    let log = open_log(&fixture, 0).unwrap();
    fixture.directory.finish_recovery().unwrap();
    let other = LogId { topic_id: TopicId(uuid::Uuid::from_u128(78)), ..id(0) };
    fixture.directory.delete_closed(&other, 0).unwrap();
    assert!(disk.exists(Path::new("/data/t-0")) && append(&log, produced(7, 0, 2, 1)).is_ok());
    fixture.directory.delete_closed(&id(0), 0).unwrap();
    assert!(matches!(append(&log, produced(7, 0, 3, 1)), Err(AppendError::Deleted)));
    assert!(!disk.exists(Path::new("/data/t-0")));
}

#[test]
fn log_27_a_directory_that_is_being_made_is_not_taken_for_a_nameless_one() {
    let disk = MemoryDisk::new();
    let fixture = open(&disk);
    fixture.directory.finish_recovery().unwrap();
    let directory = &fixture.directory;
    std::thread::scope(|scope| {
        // As the thread that makes it: the directory is there, its topic id is not.
        let naming = directory.naming.lock();
        disk.create_dir_all(Path::new("/data/t-5")).unwrap();
        let found = scope.spawn(|| directory.found().unwrap());
        let made = scope.spawn(|| open_log(&fixture, 6).map(|_| ()));
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!found.is_finished() && !made.is_finished(), "names are looked at and given one after the other");
        assert!(disk.exists(Path::new("/data/t-5")));
        let metadata = disk.open(Path::new("/data/t-5/partition.metadata"), OpenMode::Create).unwrap();
        metadata.write_all_at(format!("version: 0\ntopic_id: {}", id(5).topic_id).as_bytes(), 0).unwrap();
        drop(naming);
        assert!(found.join().unwrap().contains(&id(5)));
        made.join().unwrap().unwrap();
    });
}

#[test]
fn a_log_that_is_where_it_should_be_is_opened_while_another_gets_its_name() {
    let disk = two_logs();
    let fixture = open(&disk);
    let directory = &fixture.directory;
    std::thread::scope(|scope| {
        let naming = directory.naming.lock();
        let (tell, told) = std::sync::mpsc::channel();
        let fixture = &fixture;
        scope.spawn(move || tell.send(open_log(fixture, 0).is_ok()));
        // A start opens a hundred thousand, and each waits for the disk.
        let opened = told.recv_timeout(std::time::Duration::from_secs(10));
        drop(naming);
        assert_eq!(opened, Ok(true), "one directory is looked at after the other");
    });
}

/// Killed with two records of partition 0 checkpointed and out of the write-ahead log, and two more in its segment only.
fn with_tail_behind_a_checkpoint() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let fixture = open(&disk);
    fixture.directory.finish_recovery().unwrap();
    let log = open_log(&fixture, 0).unwrap();
    append_synced(&log, produced(7, 0, 0, 2));
    checkpoint_durably(&fixture, 0);
    disk.inject(Fault::once(OperationKind::Write, ".wal"));
    append(&log, produced(7, 0, 2, 2)).unwrap();
    assert_eq!(wait_for(log.synced_mark(), Offset::new(4)), Err(Closed::StorageFailed));
    disk.killed()
}

#[test]
fn log_8_the_tail_of_a_log_that_is_opened_late_is_shown_and_safe() {
    let disk = with_tail_behind_a_checkpoint();
    let fixture = open(&disk);
    assert_eq!(fixture.directory.pending(), [id(1).key()]);
    open_log(&fixture, 1).unwrap();
    fixture.directory.finish_recovery().unwrap();
    let log = open_log(&fixture, 0).unwrap();
    assert!(append(&log, produced(7, 0, 2, 2)).unwrap().duplicate);
    assert_eq!(log.synced_mark().get(), Offset::new(4));
    assert_eq!(open_log(&open(&disk.crash()), 0).unwrap().bounds().end(), Offset::new(4));
}

#[test]
fn log_12_a_clean_stop_says_nothing_of_logs_that_it_did_not_open() {
    let disk = with_tail_behind_a_checkpoint();
    let fixture = open(&disk);
    open_log(&fixture, 1).unwrap();
    fixture.directory.finish_recovery().unwrap();
    fixture.directory.close().unwrap();
    // What the crash has left there is no whole batch, which only its checksum tells.
    let path = Path::new("/data/t-0/00000000000000000000.log");
    let len = disk.open(path, OpenMode::Read).unwrap().len().unwrap();
    disk.flip_bit(path, len - 1, 0).unwrap();
    let fixture = open(&disk.killed());
    assert!(fixture.directory.was_clean());
    let log = open_log(&fixture, 0).unwrap();
    assert_eq!((log.bounds().end(), log.producers()[0].last_sequence), (Offset::new(2), Some(1)));
}

#[test]
fn log_12_idem_10_a_clean_stop_without_its_producer_snapshot_is_looked_at() {
    let disk = MemoryDisk::new();
    let fixture = open(&disk);
    fixture.directory.finish_recovery().unwrap();
    let indexed = LogConfig { index_interval_bytes: 1, ..LogConfig::default() };
    let log = fixture.directory.open_log(&id(0), Arc::new(indexed.clone())).unwrap();
    append_synced(&log, produced(7, 0, 0, 1));
    fixture.directory.checkpoint().unwrap();
    for at in 1..4 {
        append_synced(&log, produced(7, 0, at, 1));
    }
    let known = log.producers();
    fixture.directory.close().unwrap();
    disk.remove_file(Path::new("/data/t-0/00000000000000000004.snapshot")).unwrap();
    let fixture = open(&disk.killed());
    assert!(fixture.directory.was_clean());
    // Not only the newest batch, which the index leads to.
    let again = fixture.directory.open_log(&id(0), Arc::new(indexed)).unwrap();
    assert_eq!(again.producers(), known);
}
