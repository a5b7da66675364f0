//! Where a log starts when notes of it are lost, or its oldest segments went before the first note: what is there is not given up.
use super::*;
use crate::{
    log::{MetaProperties, SyncPolicy},
    platform::MemoryDisk,
};

const PATH: &str = "/data";

fn small(sync: SyncPolicy) -> LogConfig {
    LogConfig {
        sync,
        segment_bytes: 1_000,
        index_interval_bytes: 100,
        file_delete_delay_ms: 0,
        retention_ms: None,
        ..LogConfig::default()
    }
}

fn open(disk: &MemoryDisk, sync: SyncPolicy) -> (Fixture, Arc<Log>) {
    started(disk, small(sync))
}

fn bounds(log: &Log) -> (i64, i64) {
    (log.bounds().start().get(), log.bounds().end().get())
}

fn write_ten(log: &Log) {
    (0..10).for_each(|_| _ = append_synced(log, batch(1, &[1; 350])));
}

#[test]
fn log_7_records_of_the_page_cache_survive_a_kill_after_the_first_segments_went() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(small(SyncPolicy::Wal));
    write_ten(&log);
    // No checkpoint was taken: the write-ahead log has all until here, and nothing of what follows.
    log.update_config(Arc::new(small(SyncPolicy::PageCache)));
    write_ten(&log);
    for start in [7, 12] {
        log.advance_start(Some(Offset::new(start))).unwrap().wait().unwrap();
        assert!(log.delete_old_segments().unwrap() > 0);
        let (_fixture, left) = open(&disk.killed(), SyncPolicy::PageCache);
        assert_eq!((bounds(&left), read_all(&left, 1_000).len()), (bounds(&log), read_all(&log, 1_000).len()));
        assert_eq!(bounds(&left), (start, 20));
    }
}

#[test]
fn log_18_epochs_that_were_lost_once_are_no_start_of_the_log() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk, SyncPolicy::Wal);
    write_ten(&log);
    fixture.directory.close().unwrap();
    drop((fixture, log));
    let epochs = Path::new("/data/t-0/leader-epoch-checkpoint");
    let before = disk.read(epochs).unwrap();
    disk.remove_file(epochs).unwrap();
    let (fixture, log) = open(&disk, SyncPolicy::Wal);
    append_synced(&log, batch(1, b"v"));
    fixture.directory.close().unwrap();
    drop((fixture, log));
    assert_eq!(disk.read(epochs).unwrap(), before, "made again from the first record on");
    for (epochs_say, is_made_here, start) in
        [(&before[..], true, 0), (b"0\n1\n0 9\n", true, 9), (b"0\n1\n0 9\n", false, 0), (b"0\n1\n0 1\n", false, 1)]
    {
        let disk = disk.killed();
        disk.write_atomic(epochs, epochs_say).unwrap();
        if !is_made_here {
            // As Apache Kafka writes it.
            let text = format!("version: 0\ntopic_id: {}\n", id(0).topic_id);
            disk.write_atomic(Path::new("/data/t-0/partition.metadata"), text.as_bytes()).unwrap();
        }
        disk.write_atomic(Path::new("/data/log-start-offset-checkpoint"), b"0\n7\n").unwrap();
        let (_fixture, log) = open(&disk, SyncPolicy::Wal);
        assert_eq!(bounds(&log), (start, 11), "{is_made_here}");
    }
}

#[test]
fn log_18_what_a_first_epoch_says_survives_a_walk_over_a_compacted_log() {
    let disk = MemoryDisk::new();
    let config = LogConfig { compact: true, ..small(SyncPolicy::Wal) };
    let reopened = |disk: &MemoryDisk| started(disk, config.clone());
    let (fixture, log) = reopened(&disk);
    append_synced(&log, batch(1, b"first"));
    fixture.directory.checkpoint().unwrap();
    super::following::follow(&log, &[(5, 0, 1), (6, 0, 1)], 9).unwrap();
    fixture.directory.close().unwrap();
    drop((fixture, log));
    // As compaction leaves it: the first record is gone.
    let file = Path::new("/data/t-0/00000000000000000000.log");
    let bytes = disk.read(file).unwrap();
    let first = BatchHeader::parse(&bytes).unwrap().size();
    disk.write_atomic(file, &bytes[first..]).unwrap();
    disk.remove_file(Path::new("/data/recovery-point-offset-checkpoint")).unwrap();
    let (fixture, log) = reopened(&disk);
    assert_eq!(bounds(&log), (0, 7));
    fixture.directory.close().unwrap();
    drop((fixture, log));
    disk.write_atomic(Path::new("/data/log-start-offset-checkpoint"), b"0\n7\n").unwrap();
    assert_eq!(bounds(&reopened(&disk).1), (0, 7));
}

#[test]
fn log_7_flush_messages_counts_records() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
    let config = LogConfig { flush_messages: 100, sync: SyncPolicy::PageCache, ..LogConfig::default() };
    let log = fixture.log(config);
    append(&log, batch(99, b"v")).unwrap();
    assert_eq!(bounds(&open(&disk.crash(), SyncPolicy::PageCache).1), (0, 0));
    append(&log, batch(1, b"v")).unwrap();
    assert_eq!(bounds(&open(&disk.crash(), SyncPolicy::PageCache).1), (0, 100));
}

#[test]
fn idem_11_a_start_that_moved_during_a_checkpoint_forgets_no_producer_after_a_power_loss() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk, SyncPolicy::Wal);
    (0..3).for_each(|sequence| _ = append_synced(&log, produced(7, 0, sequence, 1)));
    fixture.directory.checkpoint().unwrap();
    // While the next one syncs what was there when it began, which was nothing new.
    (3..5).for_each(|sequence| _ = append_synced(&log, produced(7, 0, sequence, 1)));
    (0..5).for_each(|sequence| _ = append_synced(&log, produced(8, 0, sequence, 1)));
    log.advance_start(Some(Offset::new(5))).unwrap().wait().unwrap();
    let mut checkpoints = fixture.directory.checkpoints.lock();
    checkpoints.take(&log);
    fixture.directory.write_checkpoints(&mut checkpoints).unwrap();
    drop(checkpoints);
    for left in [disk.killed(), disk.crash()] {
        let (fixture, log) = open(&left, SyncPolicy::Wal);
        assert_eq!(bounds(&log), (5, 10));
        for (id, sequence, offset) in [(7, 4, 4), (8, 4, 9), (7, 3, 3), (7, 5, 10)] {
            let appended = append(&log, produced(id, 0, sequence, 1)).map(|appended| appended.base.get());
            assert_eq!(appended.unwrap(), offset, "producer {id}, sequence {sequence}");
        }
        fixture.directory.checkpoint().unwrap();
        drop((fixture, log));
        assert_eq!(bounds(&open(&left.crash(), SyncPolicy::Wal).1), (5, 11), "the start is noted once it is covered");
    }
}

#[test]
fn log_18_deleted_records_stay_deleted_whose_files_still_stand() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk, SyncPolicy::Wal);
    write_ten(&log);
    log.advance_start(Some(Offset::new(7))).unwrap().wait().unwrap();
    assert!(log.segments() > 4, "no segment was deleted");
    fixture.directory.close().unwrap();
    drop((fixture, log));
    disk.write_atomic(Path::new("/data/log-start-offset-checkpoint"), b"0\n7\n").unwrap();
    assert_eq!(bounds(&open(&disk, SyncPolicy::Wal).1), (7, 10));
}

/// In a directory that says whose it is.
pub fn with_meta(disk: &MemoryDisk) {
    let directory_id = Some(TopicId(uuid::Uuid::from_u128(5)));
    let meta = MetaProperties { cluster_id: "c".into(), node_id: 1, directory_id };
    let directory = Fixture::open(Arc::new(disk.clone()), Path::new(PATH)).directory;
    assert!(!directory.starts_lost(), "a new directory has none to lose");
    directory.write_meta_properties(&meta).unwrap();
}

#[test]
fn log_18_deleted_records_stay_deleted_when_the_notes_of_starts_are_gone() {
    let file = |name: &str| Path::new(PATH).join(name);
    for (has_meta, is_alone, kill) in
        [(true, false, true), (true, false, false), (true, true, true), (false, true, true), (false, true, false)]
    {
        let mut disk = MemoryDisk::new();
        if has_meta {
            with_meta(&disk);
        }
        let (fixture, log) = open(&disk, SyncPolicy::Wal);
        write_ten(&log);
        log.advance_start(Some(Offset::new(7))).unwrap().wait().unwrap();
        assert!(log.segments() > 4, "no segment was deleted");
        fixture.directory.checkpoint().unwrap();
        if kill {
            disk = disk.killed();
            let (fixture, _) = open(&disk, SyncPolicy::Wal);
            assert!(!fixture.directory.starts_lost());
            disk = disk.killed();
        } else {
            fixture.directory.close().unwrap();
        }
        drop((fixture, log));
        disk.remove_file(&file("log-start-offset-checkpoint")).unwrap();
        if !is_alone {
            disk.remove_file(&file("recovery-point-offset-checkpoint")).unwrap();
        }
        for later in 0..2 {
            let (fixture, log) = open(&disk, SyncPolicy::Wal);
            assert_eq!(
                (fixture.directory.starts_lost(), bounds(&log)),
                (later == 0, (7, 10)),
                "alone {is_alone}, killed {kill}"
            );
            disk = disk.killed();
        }
    }
}

/// The first checkpoint of a new log is noted before anything is asked of the others.
#[test]
fn log_18_starts_that_were_lost_are_not_noted_before_the_logs_told_theirs() {
    let disk = MemoryDisk::new();
    with_meta(&disk);
    let (fixture, log) = open(&disk, SyncPolicy::Wal);
    write_ten(&log);
    log.advance_start(Some(Offset::new(7))).unwrap().wait().unwrap();
    fixture.directory.close().unwrap();
    drop((fixture, log));
    disk.remove_file(&Path::new(PATH).join("log-start-offset-checkpoint")).unwrap();
    for changes in 1.. {
        let one = disk.killed();
        let fixture = Fixture::open(Arc::new(one.clone()), Path::new(PATH));
        let log = fixture.log(small(SyncPolicy::Wal));
        let other = fixture.directory.open_log(&id(1), Arc::new(LogConfig::default())).unwrap();
        one.power_off_after(changes);
        // Takes the first checkpoint, too.
        let done = fixture.directory.finish_recovery().is_ok();
        drop((fixture, log, other));
        assert_eq!(bounds(&open(&one.killed(), SyncPolicy::Wal).1), (7, 10), "killed after {changes} changes");
        if done {
            break;
        }
    }
}

#[test]
fn log_18_a_directory_that_never_had_notes_of_starts_lost_none() {
    // Killed before its first checkpoint, when nothing but the metadata has a log.
    let disk = MemoryDisk::new();
    with_meta(&disk);
    disk.create_dir_all(Path::new("/data/__cluster_metadata-0")).unwrap();
    assert!(!Fixture::open(Arc::new(disk.clone()), Path::new(PATH)).directory.starts_lost());
    // As Apache Kafka writes it.
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new("/data/t-0")).unwrap();
    for notes in ["0\n1\nt 0 5\n", "0\n0\n"] {
        disk.write_atomic(Path::new("/data/recovery-point-offset-checkpoint"), notes.as_bytes()).unwrap();
        assert!(!Fixture::open(Arc::new(disk.clone()), Path::new(PATH)).directory.starts_lost(), "{notes:?}");
    }
}

#[test]
fn log_18_a_first_life_in_anothers_directory_that_is_killed_early_lost_no_notes_of_starts() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk, SyncPolicy::Wal);
    write_ten(&log);
    let expected = bounds(&log);
    fixture.directory.close().unwrap();
    drop((fixture, log));
    // As Apache Kafka leaves a directory whose starts it has not noted yet, and whose epochs it has begun anew late.
    for name in ["log-start-offset-checkpoint", ".kafka_cleanshutdown"] {
        disk.remove_file(&Path::new(PATH).join(name)).unwrap();
    }
    disk.write_atomic(Path::new("/data/recovery-point-offset-checkpoint"), b"0\n1\nt 0 10\n").unwrap();
    disk.write_atomic(Path::new("/data/t-0/leader-epoch-checkpoint"), b"0\n1\n0 4\n").unwrap();
    with_meta(&disk);
    let (fixture, log) = open(&disk.killed(), SyncPolicy::Wal);
    assert_eq!((fixture.directory.starts_lost(), bounds(&log)), (false, expected));
}
