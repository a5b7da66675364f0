//! Retention of many logs in one round: what it asks of the disk, and what a failure or a crash within it leaves.
use super::{transactions::transactional, *};
use crate::{
    log::{ProducerView, SyncPolicy, delete_old_segments, names},
    platform::{Fault, OpenMode, OperationKind, SeededChance},
    record::{EndTransactionMarker, TransactionResult},
    types::{ProducerEpoch, ProducerId},
};
use std::path::PathBuf;

const PATH: &str = "/data";
const LOGS: i32 = 3;
const RECORDS: i64 = 20;

/// Segments of a few batches; what retention takes is gone at once.
pub fn config() -> LogConfig {
    LogConfig {
        sync: SyncPolicy::Wal,
        segment_bytes: 300,
        index_interval_bytes: 100,
        retention_ms: None,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

/// A log in a new directory.
fn begun(disk: &MemoryDisk) -> (Fixture, Arc<Log>) {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.directory.open_log(&id(0), Arc::new(config())).unwrap();
    (fixture, log)
}

/// Logs of the same records of a producer, so that each segment begins with a snapshot; all synced and noted.
fn written(disk: &MemoryDisk) -> (Fixture, Vec<Arc<Log>>) {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
    fixture.directory.finish_recovery().unwrap();
    let open = |partition| fixture.directory.open_log(&id(partition), Arc::new(config())).unwrap();
    let logs: Vec<_> = (0..LOGS).map(open).collect();
    for log in &logs {
        (0..RECORDS).for_each(|at| _ = append_synced(log, produced(7, 0, at as i32, 1)));
        log.advance_high(Offset::new(RECORDS));
    }
    fixture.directory.checkpoint().unwrap();
    for log in &logs {
        log.update_config(Arc::new(LogConfig { retention_bytes: Some(600), ..config() }));
    }
    (fixture, logs)
}

fn delete_of(logs: &[Arc<Log>]) -> Vec<Result<usize, String>> {
    let logs: Vec<&Log> = logs.iter().map(|log| log.as_ref()).collect();
    delete_old_segments(&logs, &mut || ()).into_iter().map(|one| one.map_err(|error| error.to_string())).collect()
}

/// What was done to files of logs since so many operations.
fn done_to_logs(disk: &MemoryDisk, before: usize) -> Vec<(OperationKind, PathBuf)> {
    let of_log = |path: &Path| path.starts_with(PATH) && !path.starts_with("/data/wal");
    let operations = disk.operations();
    operations[before..].iter().filter(|one| of_log(&one.path)).map(|one| (one.kind, one.path.clone())).collect()
}

#[test]
fn ret_4_the_names_of_all_logs_of_a_round_are_given_up_before_the_first_is_synced() {
    let disk = MemoryDisk::new();
    let (_fixture, logs) = written(&disk);
    let before = disk.operations().len();
    let deleted = delete_of(&logs);
    assert!(deleted.iter().all(|one| one.as_ref().is_ok_and(|segments| *segments > 1)), "{deleted:?}");
    let done = done_to_logs(&disk, before);
    let mut kinds: Vec<OperationKind> = done.iter().map(|(kind, _)| *kind).collect();
    kinds.dedup();
    assert_eq!(kinds, [OperationKind::Rename, OperationKind::SyncDir, OperationKind::Rename], "{done:?}");
    let synced = done.iter().filter(|(kind, _)| *kind == OperationKind::SyncDir).count();
    assert_eq!(synced, LOGS as usize);
    let names = done.iter().rev().take_while(|(kind, _)| *kind == OperationKind::Rename);
    assert!(names.clone().count() >= LOGS as usize);
    assert!(names.into_iter().all(|(_, path)| path.extension().is_some_and(|end| end == "snapshot")), "{done:?}");
    assert!(delete_of(&logs).iter().all(|one| *one == Ok(0)));
}

#[test]
fn ret_5_producers_at_the_new_beginning_are_durable_also_where_a_checkpoint_is_about_to_sync_them() {
    let disk = MemoryDisk::new();
    let (fixture, log) = begun(&disk);
    (0..RECORDS).for_each(|at| _ = append_synced(&log, produced(7, 0, at as i32, 1)));
    log.advance_high(Offset::new(RECORDS));
    fixture.directory.begin_checkpoint_in_test(&log);
    log.update_config(Arc::new(LogConfig { retention_bytes: Some(600), ..config() }));
    secures_the_snapshot_first(&disk, &log);
}

/// Kept by a start, and not noted as synced: as little is known of them as of those that were just written.
#[test]
fn ret_5_producers_at_the_new_beginning_are_durable_also_where_a_start_found_them() {
    let disk = MemoryDisk::new();
    let (fixture, log) = begun(&disk);
    (0..RECORDS).for_each(|at| _ = append_synced(&log, produced(7, 0, at as i32, 1)));
    log.advance_high(Offset::new(RECORDS));
    log.advance_start(Some(Offset::new(RECORDS - 2))).unwrap().wait().unwrap();
    let left = disk.killed();
    drop((log, fixture));
    let fixture = Fixture::open(Arc::new(left.clone()), Path::new(PATH));
    let log = fixture.directory.open_log(&id(0), Arc::new(config())).unwrap();
    log.advance_high(Offset::new(RECORDS));
    secures_the_snapshot_first(&left, &log);
}

/// Retention syncs the producers at the new beginning before the first name goes.
fn secures_the_snapshot_first(disk: &MemoryDisk, log: &Log) {
    let before = disk.operations().len();
    assert!(log.delete_old_segments().unwrap() > 1);
    let name = names::of_offset(log.all_segments()[0].base(), names::SNAPSHOT);
    let done = done_to_logs(disk, before);
    let synced = done.iter().position(|(kind, path)| *kind == OperationKind::Sync && path.ends_with(&name));
    let renamed = done.iter().position(|(kind, _)| *kind == OperationKind::Rename);
    assert!(synced.is_some() && synced < renamed, "{name}: {done:?}");
}

#[test]
fn ret_5_a_power_loss_within_retention_leaves_the_producers_of_the_new_beginning() {
    within_retention(false);
}

/// Records are deleted while the names that retention gives up are not synced yet.
#[test]
fn ret_5_a_power_loss_within_retention_leaves_the_producers_also_where_the_start_has_moved_on() {
    within_retention(true);
}

fn within_retention(has_moved_on: bool) {
    let disk = MemoryDisk::new();
    let (fixture, log) = begun(&disk);
    let append = |batch| _ = log.append(batch, LeaderEpoch::ZERO, AppendOrigin::Replication).unwrap();
    append(transactional(1, 0, 0));
    (0..10).for_each(|at| append(produced(7, 0, at, 1)));
    let marker = EndTransactionMarker { result: TransactionResult::Abort, coordinator_epoch: 0 };
    let (producer, epoch) = (ProducerId::from_wire(1).unwrap(), ProducerEpoch::from_wire(1).unwrap());
    append(marker.batch(producer, epoch, NOW_MS));
    (10..30).for_each(|at| append(produced(7, 0, at, 1)));
    let end = log.bounds().end();
    wait_synced(&log, end);
    log.advance_high(end);
    log.advance_start(Some(Offset::new(end.get() - 2))).unwrap().wait().unwrap();
    // Retention is about to leave the log with the segment that holds this.
    let secured = log.bounds().start();
    if has_moved_on {
        (30..40).for_each(|at| append(produced(7, 0, at, 1)));
        let end = log.bounds().end();
        wait_synced(&log, end);
        log.advance_high(end);
        log.advance_start(Some(Offset::new(end.get() - 2))).unwrap().wait().unwrap();
    }
    let (producers, start) = (log.producers(), log.bounds().start());
    // The names of the first segments have gone, and of the snapshots that nobody has synced the content is lost.
    let left = disk.killed();
    let folder = Path::new("/data/t-0");
    let of = |suffix| {
        let files = left.list(folder).unwrap().into_iter();
        files.filter_map(|file| names::offset_of(&file.name, suffix)).collect::<Vec<_>>()
    };
    let (bases, snapshots) = (of(names::LOG), of(names::SNAPSHOT));
    let at = bases.iter().rposition(|base| *base <= secured).unwrap();
    assert_eq!(bases.get(at + 1).is_some_and(|next| *next <= start), has_moved_on);
    assert!(at > 2 && bases[at - 1].get() > 12 && snapshots[0].get() < 11 && snapshots.contains(&bases[at]));
    for base in &bases[..at - 1] {
        for suffix in [names::LOG, names::INDEX, names::TIME_INDEX, names::TXN_INDEX] {
            let _ = left.remove_file(&folder.join(names::of_offset(*base, suffix)));
        }
    }
    for lost in snapshots.iter().filter(|snapshot| **snapshot > snapshots[0] && **snapshot != bases[at]) {
        let path = folder.join(names::of_offset(*lost, names::SNAPSHOT));
        left.open(&path, OpenMode::Write).unwrap().set_len(0).unwrap();
    }
    drop((log, fixture));
    let fixture = Fixture::open(Arc::new(left), Path::new(PATH));
    let log = fixture.directory.open_log(&id(0), Arc::new(config())).unwrap();
    fixture.directory.finish_recovery().unwrap();
    assert_eq!(log.bounds().start(), start);
    let of = |producers: &[ProducerView]| {
        producers.iter().map(|one| (one.id, one.epoch, one.transaction_start)).collect::<Vec<_>>()
    };
    assert_eq!(of(&log.producers()), of(&producers));
}

#[test]
fn ret_4_no_file_of_a_log_goes_before_its_start_is_durable() {
    let disk = MemoryDisk::new();
    let (fixture, logs) = written(&disk);
    let before = disk.operations().len();
    disk.inject(Fault::once(OperationKind::Write, "/data/wal").for_ever());
    let deleted = delete_of(&logs);
    assert!(deleted.iter().all(|one| one.is_err()), "{deleted:?}");
    assert!(done_to_logs(&disk, before).iter().all(|(kind, _)| *kind != OperationKind::Rename));
    drop((logs, fixture));
    disk.clear_faults();
    check(&disk.crash(), "after a failed commit");
}

/// All logs are whole from where they start, and go on.
fn check(disk: &MemoryDisk, why: &str) {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
    for partition in 0..LOGS {
        let log = fixture.directory.open_log(&id(partition), Arc::new(config())).unwrap();
        log.advance_high(log.bounds().end());
        let (start, end) = (log.bounds().start().get(), log.bounds().end().get());
        assert_eq!(end, RECORDS, "{why}");
        let found: Vec<i64> = read_all(&log, 1_000).iter().map(|header| header.base_offset).collect();
        assert_eq!(found, (start..RECORDS).collect::<Vec<_>>(), "{why}");
        assert_eq!(log.producers()[0].last_sequence, Some(RECORDS as i32 - 1), "{why}");
        assert!(append(&log, produced(7, 0, RECORDS as i32, 1)).is_ok_and(|appended| !appended.duplicate), "{why}");
    }
    fixture.directory.finish_recovery().unwrap();
    assert_eq!(fixture.directory.failure(), None, "{why}");
}

#[test]
fn ret_4_a_crash_at_every_step_of_a_round_leaves_every_log_whole_from_its_start() {
    let mut crashes = 0;
    for step in 1.. {
        let disk = MemoryDisk::new();
        let (fixture, logs) = written(&disk);
        disk.power_off_after(step);
        delete_of(&logs);
        fixture.directory.remove_left(std::time::Duration::MAX);
        let finished = disk.list(Path::new(PATH)).is_ok();
        drop((logs, fixture));
        let chance = SeededChance::new(step);
        check(&disk.crash(), &format!("step {step}"));
        for _ in 0..3 {
            check(&disk.crash_with(&chance), &format!("step {step}, with parts"));
            check(&disk.crash_in_any_order(&chance), &format!("step {step}, with parts in any order"));
        }
        crashes += 7;
        if finished {
            break;
        }
    }
    assert!(crashes > 200, "{crashes}");
}

/// Retention is what makes room on a full disk; a kill before the next checkpoint must not have what it took be missed.
#[test]
fn ret_4_what_goes_while_the_write_ahead_log_has_no_room_is_not_told_as_damage() {
    let disk = MemoryDisk::new();
    let (fixture, logs) = written(&disk);
    disk.limit_capacity(Some(disk.used_bytes() + (64 << 10)));
    let is_full = (0..10_000).any(|_| {
        let moved = logs[0].advance_start(Some(Offset::new(1)));
        moved.and_then(crate::log::StartMove::wait).is_err()
    });
    assert!(is_full);
    let deleted = delete_of(&logs);
    assert!(deleted.iter().all(|one| one.as_ref().is_ok_and(|segments| *segments > 1)), "{deleted:?}");
    let starts: Vec<Offset> = logs.iter().map(|log| log.all_segments()[0].base()).collect();
    drop((logs, fixture));
    let chance = SeededChance::new(7);
    for (at, left) in [disk.killed(), disk.crash(), disk.crash_in_any_order(&chance)].into_iter().enumerate() {
        left.limit_capacity(None);
        let fixture = Fixture::open(Arc::new(left.clone()), Path::new(PATH));
        for (partition, start) in starts.iter().enumerate() {
            let log = fixture.directory.open_log(&id(partition as i32), Arc::new(config())).unwrap();
            assert_eq!(log.bounds().start(), *start, "image {at}");
        }
        assert_eq!(fixture.directory.damages(), 0, "image {at}");
        drop(fixture);
        check(&left, "after a full disk");
    }
}

/// Of a log that no checkpoint has come to, a start writes again what the write-ahead log has: all of it.
#[test]
fn ret_4_what_no_checkpoint_has_noted_does_not_go_while_the_write_ahead_log_has_no_room() {
    let disk = MemoryDisk::new();
    let (fixture, log) = begun(&disk);
    (0..RECORDS).for_each(|at| _ = append_synced(&log, produced(7, 0, at as i32, 1)));
    log.advance_high(log.bounds().end());
    log.update_config(Arc::new(LogConfig { retention_bytes: Some(1), ..config() }));
    disk.limit_capacity(Some(disk.used_bytes() + (64 << 10)));
    let is_full = (0..10_000).any(|_| {
        let moved = log.advance_start(Some(Offset::new(1)));
        moved.and_then(crate::log::StartMove::wait).is_err()
    });
    assert!(is_full);
    assert_eq!(log.delete_old_segments().unwrap(), 0);
    // Nor is one that could not be written a checkpoint.
    let full = crate::platform::FaultEffect::Error(std::io::ErrorKind::StorageFull);
    // The first write says that it has begun.
    disk.inject(Fault::once(OperationKind::Write, "recovery-point").after(1).with(full));
    assert!(fixture.directory.checkpoint().is_err() && fixture.directory.failure().is_none());
    assert_eq!(log.delete_old_segments().unwrap(), 0);
    // After a kill nothing is set aside and written a second time.
    let left = disk.killed();
    left.limit_capacity(None);
    let again = Fixture::open(Arc::new(left.clone()), Path::new(PATH));
    assert_eq!(again.try_log(config()).unwrap().bounds().end(), Offset::new(RECORDS));
    assert!(left.list(Path::new("/data/t-0")).unwrap().iter().all(|file| !file.name.contains(names::LEFT)));
    fixture.directory.checkpoint().unwrap();
    assert!(log.delete_old_segments().unwrap() > 1);
}

#[test]
fn a_rest_comes_after_every_segment() {
    let disk = MemoryDisk::new();
    let (_fixture, logs) = written(&disk);
    let mut rests = 0;
    let logs: Vec<&Log> = logs.iter().map(|log| log.as_ref()).collect();
    let deleted = delete_old_segments(&logs, &mut || rests += 1);
    assert_eq!(rests, deleted.into_iter().map(Result::unwrap).sum::<usize>());
}

/// After a restart nobody has asked how old its segments are: what tells it is read before the log is held.
#[test]
fn ret_1_the_times_of_segments_that_go_are_read_while_appends_go_on() {
    let disk = MemoryDisk::new();
    let (fixture, logs) = written(&disk);
    fixture.directory.close().unwrap();
    drop((fixture, logs));
    let (fixture, log) = started(&disk, LogConfig { retention_ms: Some(1_000), ..config() });
    fixture.clock.advance(std::time::Duration::from_secs(2));
    log.advance_high(log.bounds().end());
    let reads = || disk.asked(OperationKind::Open) + disk.asked(OperationKind::Read);
    let (before, held) = (reads(), log.writer.lock());
    std::thread::scope(|scope| {
        let gone = scope.spawn(|| log.delete_old_segments().unwrap());
        let seen = (0..5_000).any(|_| {
            parking_lot::Condvar::new()
                .wait_for(&mut parking_lot::Mutex::new(()).lock(), std::time::Duration::from_millis(1));
            reads() >= before + 10
        });
        drop(held);
        assert!(gone.join().unwrap() > 4 && seen);
    });
}
