//! Appending: offsets, refusals, rolls, durability.
use super::*;
use crate::{
    log::{ProducerError, SyncPolicy},
    platform::MemoryDisk,
};

#[test]
fn log_1_batches_get_dense_offsets_and_the_leaders_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig::default());
    let places: Vec<(i64, i64)> = [3, 1, 5]
        .map(|records| log.append(batch(records, b"v"), LeaderEpoch::new(4), AppendOrigin::Client).unwrap())
        .map(|appended| (appended.base.get(), appended.last.get()))
        .to_vec();
    assert_eq!(places, [(0, 2), (3, 3), (4, 8)]);
    assert_eq!(log.bounds().end(), Offset::new(9));
    let headers = read_all(&log, 1 << 20);
    assert_eq!(headers.iter().map(|header| header.base_offset).collect::<Vec<_>>(), [0, 3, 4]);
    assert!(headers.iter().all(|header| header.partition_leader_epoch == 4));
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch::new(4)));
    let stale = log.append(batch(1, b"v"), LeaderEpoch::new(3), AppendOrigin::Client);
    assert!(matches!(stale, Err(AppendError::StaleEpoch { .. })));
}

#[test]
fn log_2_a_refused_batch_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 1_000, ..LogConfig::default() });
    append(&log, produced(7, 0, 0, 2)).unwrap();
    let before = (log.bounds(), log.size_bytes(), log.producers());
    let gap = append(&log, produced(7, 0, 5, 1));
    assert!(matches!(gap, Err(AppendError::Producer(ProducerError::OutOfOrder { .. }))));
    let big = append(&log, batch(1, &[0; 2_000]));
    assert!(matches!(big, Err(AppendError::BatchTooLargeForSegment { .. })));
    wait_synced(&log, before.0.end());
    assert_eq!((log.bounds().end(), log.size_bytes(), log.producers()), (before.0.end(), before.1, before.2));
    assert_eq!(append(&log, produced(7, 0, 2, 1)).unwrap().base, Offset::new(2));
}

#[test]
fn log_7_the_synced_mark_rises_with_the_write_ahead_logs_commit_and_raises_the_high_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig::default());
    let appended = append_synced(&log, batch(4, b"v"));
    assert_eq!(log.synced_mark().get(), appended.last.next());
    wait_for(log.high_mark(), appended.last.next()).unwrap();
    assert_eq!(log.bounds().high(), Offset::new(4));
    assert_eq!(log.bounds().stable(), Offset::new(4));
}

#[test]
fn log_7_the_page_cache_policy_waits_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { sync: SyncPolicy::PageCache, ..LogConfig::default() });
    append(&log, batch(2, b"v")).unwrap();
    assert_eq!(log.bounds().high(), Offset::new(2));
    assert_eq!(fixture.directory.wal().figures().entries, 0);
}

#[test]
fn idem_2_a_duplicate_is_answered_with_the_first_offset() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig::default());
    append(&log, batch(10, b"v")).unwrap();
    let first = append(&log, produced(7, 0, 0, 3)).unwrap();
    let again = append(&log, produced(7, 0, 0, 3)).unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!((again.base, again.last), (first.base, first.last));
    assert_eq!(log.bounds().end(), Offset::new(13));
}

#[test]
fn log_22_segments_roll_by_size_time_and_index() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 1_000, segment_ms: 10_000, ..LogConfig::default() });
    for _ in 0..6 {
        append(&log, batch(1, &[7; 300])).unwrap();
    }
    assert_eq!(log.segments(), 3);
    append(&log, batch_at(NOW_MS + 10_000, 1, b"v")).unwrap();
    assert_eq!(log.segments(), 3);
    append(&log, batch_at(NOW_MS + 10_001, 1, b"v")).unwrap();
    assert_eq!(log.segments(), 4);
    log.update_config(Arc::new(LogConfig { index_interval_bytes: 0, segment_index_bytes: 48, ..LogConfig::default() }));
    for at in 0..20 {
        append(&log, batch_at(NOW_MS + 10_002 + at, 1, b"v")).unwrap();
    }
    assert!(log.segments() > 7, "{}", log.segments());
    assert_eq!(read_all(&log, 1).len(), 28);
}

#[test]
fn ops_3_a_full_disk_refuses_before_touching_anything_and_heals() {
    let disk = MemoryDisk::new();
    disk.limit_capacity(Some(8 << 20));
    let settings = LogDirSettings { disk_headroom_bytes: 1 << 20, ..settings() };
    let fixture = Fixture::open_with(Arc::new(disk.clone()), Path::new("/data"), settings);
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(LogConfig::default());
    let refused = (0..800).find_map(|_| append(&log, batch(1, &[1; 10_000])).err());
    assert!(matches!(refused, Some(AppendError::DiskFull { .. })), "{refused:?}");
    let (end, size) = (log.bounds().end(), log.size_bytes());
    assert!(matches!(append(&log, batch(1, &[1; 10_000])), Err(AppendError::DiskFull { .. })));
    assert_eq!((log.bounds().end(), log.size_bytes()), (end, size));
    wait_synced(&log, end);
    assert_eq!(read_all(&log, 1 << 20).len() as i64, end.get());
    disk.limit_capacity(None);
    fixture.directory.look_at_space();
    assert_eq!(append_synced(&log, batch(1, b"v")).base, end);
    assert!(fixture.directory.failure().is_none());
}

#[test]
fn a_closed_directory_takes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(LogConfig::default());
    append(&log, batch(1, b"v")).unwrap();
    fixture.directory.close().unwrap();
    assert!(matches!(append(&log, batch(1, b"v")), Err(AppendError::Stopping)));
    assert_eq!(log.high_mark().closed(), Some(Closed::Stopping));
}

#[test]
fn log_6_a_followers_batch_may_be_larger_than_a_segment_is_now() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 1_000, ..LogConfig::default() });
    let large = log.append(batch(1, &[0; 2_000]), LeaderEpoch::ZERO, AppendOrigin::Replication).unwrap();
    assert_eq!(large.base, Offset::ZERO);
    assert_eq!(append(&log, batch(1, b"v")).unwrap().base, Offset::new(1));
    assert_eq!((log.segments(), read_all(&log, 1).len()), (2, 2));
}
