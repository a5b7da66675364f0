//! Retention, DeleteRecords, truncation, deletion, and the bound on open files.
use super::*;
use crate::{
    log::{ReadError, SyncPolicy},
    types::OffsetAndEpoch,
};
use std::time::Duration;

fn small() -> LogConfig {
    LogConfig {
        sync: SyncPolicy::PageCache,
        segment_bytes: 1_000,
        index_interval_bytes: 100,
        retention_ms: None,
        file_delete_delay_ms: 100,
        ..LogConfig::default()
    }
}

/// Ten segments of two batches of one record.
fn ten_segments(fixture: &Fixture) -> Arc<Log> {
    let log = fixture.log(small());
    for at in 0..20 {
        append(&log, batch_at(NOW_MS + at * 1_000, 1, &[1; 350])).unwrap();
    }
    assert_eq!(log.segments(), 10);
    log
}

#[test]
fn ret_2_old_segments_go_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = ten_segments(&fixture);
    log.update_config(Arc::new(LogConfig { retention_ms: Some(10_000), ..small() }));
    fixture.clock.advance(Duration::from_millis(15_000));
    // Batch 5 is exactly 10,000 ms old: not older.
    assert_eq!(log.delete_old_segments().unwrap(), 2);
    assert_eq!(log.bounds().start(), Offset::new(4));
    assert!(matches!(log.read(Offset::new(3), ReadLimit::High, 9, true), Err(ReadError::OutOfRange { .. })));
    assert_eq!(log.delete_old_segments().unwrap(), 0);
}

#[test]
fn ret_2_old_segments_go_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = ten_segments(&fixture);
    let one = log.size_bytes() / 10;
    log.update_config(Arc::new(LogConfig { retention_bytes: Some(3 * one + 1), ..small() }));
    assert_eq!(log.delete_old_segments().unwrap(), 6);
    assert_eq!(log.bounds().start(), Offset::new(12));
    log.update_config(Arc::new(LogConfig { retention_bytes: Some(0), delete: false, ..small() }));
    assert_eq!(log.delete_old_segments().unwrap(), 0);
}

#[test]
fn ret_2_time_and_size_together_and_times_in_the_future_wait() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = ten_segments(&fixture);
    let one = log.size_bytes() / 10;
    fixture.clock.advance(Duration::from_millis(15_000));
    let both = LogConfig { retention_ms: Some(10_000), retention_bytes: Some(9 * one), ..small() };
    log.update_config(Arc::new(both.clone()));
    // Size would take one, time takes two.
    assert_eq!(log.delete_old_segments().unwrap(), 2);
    log.update_config(Arc::new(LogConfig { retention_bytes: Some(5 * one), ..both }));
    assert_eq!(log.delete_old_segments().unwrap(), 3);
    let log = fixture.directory.open_log(&id(1), Arc::new(small())).unwrap();
    for ahead_ms in [1_000_000, 0, 0, 0] {
        append(&log, batch_at(NOW_MS + ahead_ms, 1, &[1; 700])).unwrap();
    }
    log.advance_high(log.bounds().end());
    log.update_config(Arc::new(LogConfig { retention_ms: Some(10_000), ..small() }));
    assert_eq!(log.delete_old_segments().unwrap(), 0);
    fixture.clock.advance(Duration::from_millis(1_000_000));
    assert!(log.delete_old_segments().unwrap() >= 3);
}

#[test]
fn ret_2_records_without_times_are_as_old_as_their_file() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { retention_ms: Some(60_000), ..small() });
    (0..6).for_each(|_| _ = append(&log, batch_at(-1, 1, &[1; 700])).unwrap());
    let written_ms = crate::platform::SystemClock::new().wall_ms();
    fixture.clock.advance(Duration::from_millis((written_ms - NOW_MS) as u64));
    assert_eq!(log.delete_old_segments().unwrap(), 0);
    fixture.clock.advance(Duration::from_millis(61_000));
    assert_eq!(log.delete_old_segments().unwrap(), 6);
}

#[test]
fn ret_5_deleting_old_segments_keeps_living_producers() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { retention_ms: Some(60_000), segment_bytes: 300, ..small() });
    (0..12).for_each(|sequence| _ = append(&log, produced(7, 3, sequence, 1)).unwrap());
    fixture.clock.advance(Duration::from_millis(60_001));
    assert!(log.delete_old_segments().unwrap() > 2);
    assert_eq!(log.bounds().start(), log.bounds().end());
    let known = log.producers();
    assert_eq!(known[0].last_sequence, Some(11));
    assert!(append(&log, produced(7, 3, 11, 1)).unwrap().duplicate);
    fixture.directory.finish_recovery().unwrap();
    fixture.directory.checkpoint().unwrap();
    drop((log, fixture));
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(small());
    assert_eq!(log.producers(), known);
    assert!(matches!(append(&log, produced(7, 3, 13, 1)), Err(AppendError::Producer(_))));
    assert_eq!(append(&log, produced(7, 3, 12, 1)).unwrap().base, Offset::new(12));
}

#[test]
fn ret_1_nothing_at_or_above_the_high_watermark_goes() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.directory.open_log(&id(0), Arc::new(small())).unwrap();
    for _ in 0..20 {
        append(&log, batch(1, &[1; 350])).unwrap();
    }
    log.advance_high(Offset::new(5));
    log.update_config(Arc::new(LogConfig { retention_bytes: Some(0), ..small() }));
    assert_eq!(log.delete_old_segments().unwrap(), 2);
    assert_eq!(log.bounds().start(), Offset::new(4));
}

#[test]
fn ret_3_the_active_segment_is_rolled_before_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = ten_segments(&fixture);
    log.update_config(Arc::new(LogConfig { retention_ms: Some(1), ..small() }));
    fixture.clock.advance(Duration::from_millis(1_000_000));
    assert_eq!(log.delete_old_segments().unwrap(), 10);
    assert_eq!((log.bounds().start(), log.bounds().end(), log.segments()), (Offset::new(20), Offset::new(20), 1));
    assert_eq!(append(&log, batch_at(NOW_MS + 1_000_000, 1, b"v")).unwrap().base, Offset::new(20));
    assert_eq!(log.delete_old_segments().unwrap(), 0);
}

#[test]
fn ret_4_files_are_renamed_and_unlinked_after_the_delay() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = ten_segments(&fixture);
    let held = log.read(Offset::ZERO, ReadLimit::High, 10, true).unwrap();
    log.advance_start(Some(Offset::new(5))).unwrap().wait().unwrap();
    assert_eq!(log.delete_old_segments().unwrap(), 2);
    let deleted = || {
        std::fs::read_dir(dir.path().join("t-0"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".deleted"))
            .count()
    };
    assert_eq!(deleted(), 6);
    fixture.directory.remove_left(fixture.clock.monotonic());
    assert_eq!(deleted(), 6);
    fixture.clock.advance(Duration::from_millis(100));
    fixture.directory.remove_left(fixture.clock.monotonic());
    assert_eq!(deleted(), 0);
    assert_eq!(headers_of(&held).len(), 1);
}

#[test]
fn off_11_records_are_deleted_up_to_the_high_watermark_only() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = ten_segments(&fixture);
    assert!(matches!(log.advance_start(Some(Offset::new(21))), Err(AppendError::PastHighWatermark { .. })));
    log.advance_start(Some(Offset::new(20))).unwrap().wait().unwrap();
    log.advance_start(Some(Offset::new(3))).unwrap().wait().unwrap();
    assert_eq!(log.bounds().start(), Offset::new(20));
    assert_eq!(log.delete_old_segments().unwrap(), 9);
}

#[test]
fn log_20_truncation_takes_segments_producers_and_epochs_back() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { sync: SyncPolicy::Wal, ..small() });
    for at in 0..20 {
        log.append(produced(7, 0, at, 1), LeaderEpoch::new(at / 10), AppendOrigin::Client).unwrap();
    }
    wait_for(log.high_mark(), Offset::new(20)).unwrap();
    log.truncate_to(Offset::new(8)).unwrap();
    assert_eq!((log.bounds().end(), log.bounds().high()), (Offset::new(8), Offset::new(8)));
    assert_eq!(log.producers()[0].last_sequence, Some(7));
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch::ZERO));
    assert_eq!(
        log.epoch_end(LeaderEpoch::ZERO),
        Some(OffsetAndEpoch { offset: Offset::new(8), epoch: LeaderEpoch::ZERO })
    );
    assert_eq!(append_synced(&log, produced(7, 0, 8, 1)).base, Offset::new(8));
    assert_eq!(read_all(&log, 1).len(), 9);
    drop((log, fixture));
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(small());
    assert_eq!((log.bounds().end(), log.producers()[0].last_sequence), (Offset::new(9), Some(8)));
    log.truncate_to(Offset::ZERO).unwrap();
    assert_eq!(log.bounds().end(), Offset::ZERO);
    assert!(log.producers().is_empty());
}

#[test]
fn a_deleted_log_takes_nothing_and_its_successor_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = ten_segments(&fixture);
    fixture.directory.finish_recovery().unwrap();
    fixture.directory.delete_log(&log).unwrap();
    assert!(matches!(append(&log, batch(1, b"v")), Err(AppendError::Deleted)));
    assert_eq!(fixture.directory.found().unwrap(), []);
    let again = LogId { topic_id: TopicId(uuid::Uuid::from_u128(5)), ..id(0) };
    let log = fixture.directory.open_log(&again, Arc::new(small())).unwrap();
    assert_eq!(log.bounds().end(), Offset::ZERO);
    drop((log, fixture));
    let fixture = Fixture::real(dir.path());
    assert_eq!(fixture.directory.found().unwrap(), std::slice::from_ref(&again));
    assert_eq!(fixture.directory.open_log(&again, Arc::new(small())).unwrap().bounds().end(), Offset::ZERO);
}

/// Descriptors that this process has of files in partitions there.
fn open_segments(directory: &std::path::Path) -> usize {
    let under = directory.join("t-");
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with(&*under.to_string_lossy())).count()
}

#[test]
fn net_6_open_files_are_as_many_as_are_left_and_given_back_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let settings = LogDirSettings { open_files_max: 10, ..settings() };
    let fixture = Fixture::open_with(Arc::new(crate::platform::RealDisk), dir.path(), settings);
    fixture.directory.finish_recovery().unwrap();
    let open = |partition| fixture.directory.open_log(&id(partition), Arc::new(small())).unwrap();
    let logs: Vec<_> = (0..60).map(open).collect();
    let append_to_all = || logs.iter().for_each(|log| _ = append(log, batch(1, b"v")).unwrap());
    fixture.directory.set_open_files_max(100);
    append_to_all();
    assert_eq!(open_segments(dir.path()), 60);
    fixture.directory.set_open_files_max(20);
    assert_eq!((open_segments(dir.path()), fixture.directory.open_files()), (20, 20));
    append_to_all();
    assert!(open_segments(dir.path()) <= 20);
    fixture.directory.checkpoint().unwrap();
    logs.iter().for_each(|log| assert_eq!(read_all(log, 1).len(), 2));
}

#[test]
fn open_files_are_bounded_whatever_the_number_of_logs() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::open_with(
        Arc::new(crate::platform::RealDisk),
        dir.path(),
        LogDirSettings { open_files_max: 10, ..settings() },
    );
    fixture.directory.finish_recovery().unwrap();
    let logs: Vec<_> =
        (0..60).map(|partition| fixture.directory.open_log(&id(partition), Arc::new(small())).unwrap()).collect();
    for _ in 0..3 {
        for log in &logs {
            append(log, batch(1, b"v")).unwrap();
        }
    }
    assert!(fixture.directory.open_files() <= 10);
    let open = open_segments(dir.path());
    assert!(open <= 10, "{open}");
    for log in &logs {
        assert_eq!(read_all(log, 1).len(), 3);
    }
    fixture.directory.checkpoint().unwrap();
}

#[test]
fn idem_9_idle_producers_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { producer_id_expiration_ms: 5_000, ..small() });
    append(&log, produced(7, 0, 0, 1)).unwrap();
    fixture.clock.advance(Duration::from_millis(4_999));
    assert_eq!(log.expire_producers(), 0);
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(log.expire_producers(), 1);
    assert!(log.producers().is_empty());
}
