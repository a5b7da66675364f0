//! What the hot paths ask of the disk: counted, so that nobody adds a call unseen.
use super::*;
use crate::{
    log::{SyncPolicy, index, names, reindex, time_index},
    platform::{Fault, MemoryDisk, OperationKind},
};

#[test]
fn an_append_is_one_write_to_the_segment() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig::default());
    // The first one, too: an open log has its file.
    let before = disk.operations().len();
    for _ in 0..300 {
        append(&log, batch(3, &[1; 100])).unwrap();
    }
    let operations = disk.operations();
    let of_log = operations[before..].iter().filter(|one| !one.path.starts_with("/data/wal"));
    let kinds: Vec<_> = of_log.map(|one| one.kind).collect();
    assert_eq!(kinds, vec![OperationKind::Write; 300]);
}

#[test]
fn a_reader_at_the_tail_asks_the_disk_nothing() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig::default());
    for _ in 0..100 {
        append(&log, batch(3, &[1; 100])).unwrap();
    }
    log.advance_high(Offset::new(300));
    disk.inject(Fault::once(OperationKind::Read, "").for_ever());
    for from in 0..300 {
        for bytes_max in [1, 3_000, 1 << 20] {
            let read = log.read(Offset::new(from), ReadLimit::High, bytes_max, true).unwrap();
            assert!(read.slice.is_some_and(|slice| slice.len > 0));
        }
    }
    disk.clear_faults();
    assert_eq!(read_all(&log, 3_000).len(), 100);
}

#[test]
fn log_23_a_large_first_batch_is_found_without_an_index_file() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig::default());
    append(&log, batch(100, &[1; 1_000])).unwrap();
    disk.inject(Fault::once(OperationKind::Open, ".index").for_ever());
    disk.inject(Fault::once(OperationKind::Read, ".index").for_ever());
    let read = log.read(Offset::new(50), ReadLimit::End, 1 << 20, true).unwrap();
    assert!(read.slice.is_some_and(|slice| slice.len > 100_000));
    let found = log.offset_for_timestamp(NOW_MS - 1, ReadLimit::End).unwrap();
    assert_eq!(found.map(|found| found.offset), Some(Offset::ZERO));
}

#[test]
fn log_23_an_index_that_grows_is_loaded_again() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig { index_interval_bytes: 100, ..LogConfig::default() });
    let read_one = |offset| log.read(Offset::new(offset), ReadLimit::End, 1, true).map(|read| read.slice.is_some());
    for _ in 0..2_000 {
        append(&log, batch(1, &[1; 100])).unwrap();
    }
    assert!(read_one(100).unwrap());
    for _ in 0..4_000 {
        append(&log, batch(1, &[1; 100])).unwrap();
    }
    // An index that ends at record 1,536 would leave half a megabyte to look through.
    disk.inject(Fault::once(OperationKind::Read, ".log").after(10).for_ever());
    assert!(read_one(4_000).unwrap());
}

/// Five hundred logs with one batch each; answers how long opening them again takes.
fn reopening(orderly: bool) -> std::time::Duration {
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(LogConfig::default());
    let open = |fixture: &Fixture| -> Vec<Arc<Log>> {
        (0..500).map(|partition| fixture.directory.open_log(&id(partition), config.clone()).unwrap()).collect()
    };
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    for log in open(&fixture) {
        append(&log, produced(7, 0, 0, 2)).unwrap();
    }
    if orderly {
        fixture.directory.close().unwrap();
    } else {
        fixture.directory.checkpoint().unwrap();
    }
    drop(fixture);
    let clock = crate::platform::SystemClock::new();
    let fixture = Fixture::real(dir.path());
    assert_eq!(fixture.directory.found().unwrap().len(), 500);
    let logs = open(&fixture);
    fixture.directory.finish_recovery().unwrap();
    assert!(logs.iter().all(|log| log.bounds().end() == Offset::new(2)));
    clock.monotonic()
}

// About 80 ms unoptimised on an idle machine; the bounds leave room for a very busy one and catch work that grows with
// the square of the number of logs.

#[test]
fn five_hundred_clean_logs_open_quickly() {
    let took = reopening(true);
    assert!(took.as_millis() < 15_000, "{took:?}");
    println!("clean: {took:?}");
}

#[test]
fn five_hundred_killed_logs_open_quickly() {
    let took = reopening(false);
    assert!(took.as_millis() < 15_000, "{took:?}");
    println!("killed: {took:?}");
}

/// What a checkpoint asks of the disk when one of `logs` logs was written since the last.
fn checkpoint_after_one(logs: i32) -> Vec<OperationKind> {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    fixture.directory.finish_recovery().unwrap();
    let config = Arc::new(LogConfig::default());
    let opened: Vec<Arc<Log>> =
        (0..logs).map(|partition| fixture.directory.open_log(&id(partition), config.clone()).unwrap()).collect();
    for log in &opened {
        log.advance_high(append_synced(log, batch(1, b"v")).last.next());
    }
    fixture.directory.checkpoint().unwrap();
    // Write-ahead files are made ready by a thread of their own, whenever it comes to it.
    let of_logs = || disk.operations().iter().filter(|one| !one.path.starts_with("/data/wal")).count();
    let before = of_logs();
    fixture.directory.checkpoint().unwrap();
    assert_eq!(of_logs(), before, "nothing was written, nothing is done");
    append_synced(&opened[0], batch(1, b"v"));
    let before = disk.operations().len();
    fixture.directory.checkpoint().unwrap();
    let operations = disk.operations();
    let of_logs = operations[before..].iter().filter(|one| !one.path.starts_with("/data/wal"));
    of_logs.map(|one| one.kind).collect()
}

#[test]
fn a_checkpoint_costs_what_was_written_not_what_there_is() {
    let few = checkpoint_after_one(2);
    assert!(!few.is_empty());
    assert_eq!(few, checkpoint_after_one(60));
}

#[test]
fn a_new_log_costs_its_checkpoint_no_file() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(LogConfig::default());
    log.begin_epoch(LeaderEpoch::ZERO);
    let before = disk.operations().len();
    fixture.directory.checkpoint().unwrap();
    let operations = disk.operations();
    let files = || operations[before..].iter().filter(|one| one.path.starts_with("/data/t-0"));
    assert!(
        files().all(|one| matches!(one.kind, OperationKind::Sync | OperationKind::SyncDir)),
        "{:?}",
        files().collect::<Vec<_>>()
    );
    append(&log, batch(1, b"v")).unwrap();
    fixture.directory.checkpoint().unwrap();
    assert!(disk.exists(Path::new("/data/t-0/leader-epoch-checkpoint")));
}

/// How many syncs the second's look at logs with `flush.ms` costs, after one append.
fn timed_syncs(flush_ms: Option<u64>) -> usize {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig { sync: SyncPolicy::PageCache, ..LogConfig::default() });
    log.update_config(Arc::new(LogConfig { sync: SyncPolicy::PageCache, flush_ms, ..LogConfig::default() }));
    append(&log, batch(1, b"v")).unwrap();
    let before = disk.operations().len();
    fixture.directory.flush_due();
    let operations = disk.operations();
    operations[before..]
        .iter()
        .filter(|one| one.kind == OperationKind::Sync && one.path.starts_with("/data/t-0"))
        .count()
}

#[test]
fn only_logs_with_a_flush_time_are_flushed_by_time() {
    assert!(timed_syncs(Some(1_000)) > 0);
    assert_eq!(timed_syncs(None), 0);
}

#[test]
fn log_13_a_killed_log_that_has_nothing_behind_its_recovery_point_is_not_recovered() {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, LogConfig::default());
    for sequence in 0..20 {
        append_synced(&log, produced(7, 0, 2 * sequence, 2));
    }
    fixture.directory.checkpoint().unwrap();
    let due = log.bounds().end();
    drop((fixture, log));
    let disk = disk.killed();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    // Not the last batch either, which is before the recovery point.
    disk.inject(Fault::once(OperationKind::Read, ".log").after(3).for_ever());
    let before = disk.operations().len();
    let log = fixture.log(LogConfig::default());
    assert_eq!(log.bounds().end(), due);
    disk.clear_faults();
    fixture.directory.finish_recovery().unwrap();
    fixture.directory.checkpoint().unwrap();
    let operations = disk.operations();
    let changes = operations[before..].iter().filter(|one| one.path.starts_with("/data/t-0"));
    let changes: Vec<_> = changes.filter(|one| one.kind != OperationKind::Open).collect();
    assert!(changes.is_empty(), "{changes:?}");
    // Its producers are known as before.
    let duplicate = append(&log, produced(7, 0, 38, 2)).unwrap();
    assert_eq!(duplicate.last.next(), due);
}

#[test]
fn a_start_reads_the_write_ahead_log_once() {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, LogConfig::default());
    for _ in 0..20 {
        append_synced(&log, batch(3, &[1; 100]));
    }
    drop((log, fixture));
    let disk = disk.killed();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    // The segments have it all: what is in the write-ahead log is known to be safe without a second look.
    disk.inject(Fault::once(OperationKind::Read, ".wal").for_ever());
    let log = fixture.log(LogConfig::default());
    assert_eq!(log.synced_mark().get(), Offset::new(60));
    fixture.directory.finish_recovery().unwrap();
}

#[test]
fn a_start_lets_nobody_wait_for_a_checkpoint_of_what_a_burst_has_left() {
    let bytes = |start_wal_bytes_max| LogDirSettings { start_wal_bytes_max, background: true, ..settings() };
    for (most, waits) in [(1 << 20, false), (1 << 10, true)] {
        let disk = MemoryDisk::new();
        let (fixture, log) = started(&disk, LogConfig::default());
        (0..20).for_each(|_| _ = append_synced(&log, batch(3, &[1; 100])));
        drop((log, fixture));
        let disk = disk.killed();
        let fixture = Fixture::open_with(Arc::new(disk.clone()), Path::new("/data"), bytes(most));
        fixture.log(LogConfig::default());
        // The background's waits as well; whoever starts does not.
        let _other = fixture.directory.checkpointing.lock();
        let (directory, (done, seen)) = (fixture.directory.clone(), std::sync::mpsc::channel());
        let starting = std::thread::spawn(move || {
            directory.finish_recovery().unwrap();
            done.send(()).unwrap();
        });
        let patience = std::time::Duration::from_millis(if waits { 200 } else { 20_000 });
        assert_eq!(seen.recv_timeout(patience).is_err(), waits);
        drop(_other);
        starting.join().unwrap();
    }
}

#[test]
fn log_13_sealed_segments_have_all_of_their_indexes_in_files_after_a_kill() {
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes: 1_000, index_interval_bytes: 0, ..LogConfig::default() };
    let (_before, log) = started(&disk, config.clone());
    for number in 0..40 {
        append_synced(&log, batch_at(NOW_MS + number, 1, &[1; 100]));
    }
    let killed = disk.killed();
    let fixture = Fixture::open(Arc::new(killed.clone()), Path::new("/data"));
    let log = fixture.log(config);
    let segments = log.segments.read().clone();
    assert!(segments.len() > 3, "{}", segments.len());
    for segment in &segments[..segments.len() - 1] {
        let made = reindex::scan(segment, 0).unwrap();
        let read = |suffix| killed.read(&segment.path(suffix)).unwrap();
        assert_eq!(index::parse(&read(names::INDEX), segment.bytes()), Some(made.offsets), "{}", segment.base());
        // Without the last entry the segment would be taken for older than it is.
        assert_eq!(time_index::parse(&read(names::TIME_INDEX)), Some(made.times), "{}", segment.base());
    }
}
