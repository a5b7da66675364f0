//! What a start makes of what the last run left: torn tails, damage, missing and foreign files.
use super::*;
use crate::{
    log::{LogError, SyncPolicy},
    platform::{Fault, FaultEffect, MemoryDisk, OperationKind},
};
use std::{collections::BTreeMap, fs, io, path::PathBuf};

fn paged() -> LogConfig {
    // Of a size that is not small for its segments.
    LogConfig { sync: SyncPolicy::PageCache, segment_bytes: 16_000, index_interval_bytes: 300, ..LogConfig::default() }
}

fn file(dir: &Path, name: &str) -> PathBuf {
    dir.join("t-0").join(name)
}

const FIRST: &str = "00000000000000000000";

/// A closed log of `batches` batches of two records; answers the size of its only segment.
fn closed(dir: &Path, batches: usize) -> u64 {
    let fixture = Fixture::real(dir);
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(paged());
    for at in 0..batches {
        append(&log, produced(7, 0, at as i32 * 2, 2)).unwrap();
    }
    fixture.directory.close().unwrap();
    log.size_bytes()
}

fn reopened(dir: &Path) -> (Fixture, Result<Arc<Log>, LogError>) {
    let fixture = Fixture::real(dir);
    let log = fixture.try_log(paged());
    (fixture, log)
}

#[test]
fn log_12_the_marker_is_written_by_an_orderly_stop_and_gone_once_open() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 3);
    let marker = dir.path().join(".kafka_cleanshutdown");
    assert_eq!(fs::read_to_string(&marker).unwrap(), "{\"version\":0,\"brokerEpoch\":-1}");
    let (fixture, log) = reopened(dir.path());
    assert!(fixture.directory.was_clean() && !marker.exists());
    assert_eq!(log.unwrap().bounds().end(), Offset::new(6));
    // Not recovered to the end: no marker.
    fixture.directory.close().unwrap();
    assert!(!marker.exists());
}

#[test]
fn log_13_a_torn_tail_is_cut_and_the_indexes_are_made_again() {
    for torn in [1, 30, 61, 90] {
        let dir = tempfile::tempdir().unwrap();
        let size = closed(dir.path(), 20);
        // As a crash of a page-cache log leaves it: nothing is known to be synced.
        fs::remove_file(dir.path().join(".kafka_cleanshutdown")).unwrap();
        fs::write(dir.path().join("recovery-point-offset-checkpoint"), "0\n0\n").unwrap();
        fs::remove_file(file(dir.path(), &format!("{FIRST}.index"))).unwrap();
        let log_file = fs::OpenOptions::new().write(true).open(file(dir.path(), &format!("{FIRST}.log"))).unwrap();
        log_file.set_len(size - torn).unwrap();
        let (fixture, log) = reopened(dir.path());
        let log = log.unwrap();
        assert_eq!(log.bounds().end(), Offset::new(38));
        assert_eq!(log.size_bytes(), size / 20 * 19);
        assert_eq!(log.producers()[0].last_sequence, Some(37));
        assert_eq!(append(&log, produced(7, 0, 38, 2)).unwrap().base, Offset::new(38));
        fixture.directory.finish_recovery().unwrap();
        fixture.directory.close().unwrap();
        assert!(fs::metadata(file(dir.path(), &format!("{FIRST}.index"))).unwrap().len() > 0);
    }
}

#[test]
fn log_14_damage_below_the_recovery_point_is_reported_and_not_cut() {
    let dir = tempfile::tempdir().unwrap();
    let size = closed(dir.path(), 20);
    fs::remove_file(dir.path().join(".kafka_cleanshutdown")).unwrap();
    let path = file(dir.path(), &format!("{FIRST}.log"));
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    // Where nothing stands behind it nothing is checked: whoever reads it is told.
    let (fixture, log) = reopened(dir.path());
    let read = log.unwrap().read(Offset::new(38), ReadLimit::End, 1 << 20, true);
    assert!(matches!(read, Err(crate::log::ReadError::Damaged { .. })), "{read:?}");
    drop(fixture);
    bytes.push(0);
    fs::write(&path, &bytes).unwrap();
    let (_fixture, log) = reopened(dir.path());
    match log {
        Err(LogError::Damaged { path, position, what }) => {
            assert!(path.ends_with(format!("t-0/{FIRST}.log")));
            assert_eq!(position, size / 20 * 19);
            assert!(what.contains("checksum"), "{what}");
        }
        other => panic!("{:?}", other.map(|log| log.bounds())),
    }
    assert_eq!(fs::metadata(path).unwrap().len(), size + 1);
}

#[test]
fn log_16_a_batch_with_another_offset_is_no_continuation() {
    let dir = tempfile::tempdir().unwrap();
    let size = closed(dir.path(), 20);
    fs::remove_file(dir.path().join(".kafka_cleanshutdown")).unwrap();
    fs::remove_file(dir.path().join("recovery-point-offset-checkpoint")).unwrap();
    let path = file(dir.path(), &format!("{FIRST}.log"));
    let mut bytes = fs::read(&path).unwrap();
    // The base offset is not covered by the checksum.
    bytes[(size / 20 * 10 + 6) as usize] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (_fixture, log) = reopened(dir.path());
    assert_eq!(log.unwrap().bounds().end(), Offset::new(20));
}

#[test]
fn log_17_leftovers_of_deletion_and_cleaning_are_tidied() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 4);
    let log_file = file(dir.path(), &format!("{FIRST}.log"));
    let orphan = file(dir.path(), "00000000000000000100.index");
    let (deleted, cleaned) = (file(dir.path(), &format!("{FIRST}.log.deleted")), file(dir.path(), "x.cleaned"));
    for leftover in [&orphan, &deleted, &cleaned] {
        fs::write(leftover, b"old").unwrap();
    }
    // A finished cleaning whose rename was interrupted takes the old segment's place.
    fs::rename(&log_file, file(dir.path(), &format!("{FIRST}.log.swap"))).unwrap();
    let (_fixture, log) = reopened(dir.path());
    let log = log.unwrap();
    assert_eq!(log.bounds().end(), Offset::new(8));
    assert!(log_file.exists());
    assert!([&orphan, &deleted, &cleaned].iter().all(|leftover| !leftover.exists()));
}

#[test]
fn log_18_without_checkpoints_everything_is_checked_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 20);
    for name in ["recovery-point-offset-checkpoint", "replication-offset-checkpoint"] {
        fs::write(dir.path().join(name), [0; 40]).unwrap();
    }
    let (_fixture, log) = reopened(dir.path());
    assert_eq!(log.unwrap().bounds().end(), Offset::new(40));
}

#[test]
fn log_18_the_log_start_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig::default());
    append_synced(&log, batch(10, b"v"));
    log.advance_high(Offset::new(10));
    log.advance_start(Some(Offset::new(7))).unwrap().wait().unwrap();
    drop((log, fixture));
    let (_fixture, log) = reopened(dir.path());
    assert_eq!(log.unwrap().bounds().start(), Offset::new(7));
}

#[test]
fn log_19_a_log_that_ends_below_its_start_begins_there_anew() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 5);
    fs::write(dir.path().join("log-start-offset-checkpoint"), "0\n1\nt 0 50\n").unwrap();
    let (_fixture, log) = reopened(dir.path());
    let log = log.unwrap();
    assert_eq!((log.bounds().start(), log.bounds().end()), (Offset::new(50), Offset::new(50)));
    assert_eq!(append(&log, batch(1, b"v")).unwrap().base, Offset::new(50));
    assert_eq!(read_all(&log, 100)[0].base_offset, 50);
}

#[test]
fn log_20_epochs_survive_and_are_made_again_when_their_file_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(paged());
    for epoch in [1, 1, 4] {
        log.append(batch(2, b"v"), LeaderEpoch::new(epoch), AppendOrigin::Client).unwrap();
    }
    fixture.directory.close().unwrap();
    let path = file(dir.path(), "leader-epoch-checkpoint");
    assert_eq!(fs::read_to_string(&path).unwrap().trim_end(), "0\n2\n1 0\n4 4");
    fs::write(&path, b"").unwrap();
    drop((log, fixture));
    let (_fixture, log) = reopened(dir.path());
    let log = log.unwrap();
    assert_eq!(log.epoch_end(LeaderEpoch::new(2)).unwrap().offset, Offset::new(4));
    assert_eq!(log.epoch_at(Offset::new(3)), Some(LeaderEpoch::new(1)));
}

#[test]
fn log_21_the_high_watermark_is_a_hint_within_the_log() {
    for (noted, expected) in [(1_000, 40), (13, 13), (0, 0)] {
        let dir = tempfile::tempdir().unwrap();
        closed(dir.path(), 20);
        fs::write(dir.path().join("replication-offset-checkpoint"), format!("0\n1\nt 0 {noted}\n")).unwrap();
        let fixture = Fixture::real(dir.path());
        let log = fixture.directory.open_log(&id(0), Arc::new(paged())).unwrap();
        assert_eq!(log.bounds().high(), Offset::new(expected));
    }
}

#[test]
fn log_23_damaged_indexes_never_change_what_is_read() {
    for damage in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Fixture::real(dir.path());
        fixture.directory.finish_recovery().unwrap();
        let config = LogConfig { segment_bytes: 6_000, ..paged() };
        let log = fixture.log(config.clone());
        for at in 0..60 {
            append(&log, batch_at(NOW_MS + at, 2, &[7; 100])).unwrap();
        }
        fixture.directory.close().unwrap();
        drop((log, fixture));
        for entry in fs::read_dir(dir.path().join("t-0")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "index" || kind == "timeindex") {
                match damage {
                    0 => fs::remove_file(&path).unwrap(),
                    1 => fs::write(&path, vec![0xFF; 37]).unwrap(),
                    2 => fs::write(&path, vec![0; 240]).unwrap(),
                    _ => fs::write(&path, [0, 0, 0, 5, 0, 0, 0, 77, 0, 0, 0, 9, 0, 0, 0, 99]).unwrap(),
                }
            }
        }
        let fixture = Fixture::real(dir.path());
        let log = fixture.log(config);
        assert_eq!(log.bounds().end(), Offset::new(120));
        for from in 0..120 {
            let headers = headers_of(&log.read(Offset::new(from), ReadLimit::End, 1_000, true).unwrap());
            assert!(headers[0].base_offset <= from && from <= headers[0].last().unwrap().get());
        }
        assert_eq!(read_all(&log, 2_000).len(), 60);
    }
}

#[test]
fn log_23_missing_indexes_of_sealed_segments_are_on_disk_again_once_the_log_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let config = LogConfig { segment_bytes: 30_000, ..paged() };
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(config.clone());
    for at in 0..60 {
        append(&log, batch_at(NOW_MS + at, 2, &[7; 1_000])).unwrap();
    }
    fixture.directory.close().unwrap();
    drop((log, fixture));
    let files = || {
        let all = fs::read_dir(dir.path().join("t-0")).unwrap().map(|entry| entry.unwrap().path());
        let indexes = all.filter(|path| path.extension().is_some_and(|kind| kind == "index" || kind == "timeindex"));
        indexes.map(|path| (path.clone(), fs::read(path).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let before = files();
    assert!(before.len() >= 10 && before.values().all(|bytes| !bytes.is_empty()), "{}", before.len());
    let last = before.keys().next_back().unwrap().file_stem().unwrap().to_owned();
    let sealed: Vec<_> = before.keys().filter(|path| path.file_stem() != Some(&last)).collect();
    sealed.iter().for_each(|path| fs::remove_file(path).unwrap());
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(config);
    let after = files();
    for path in sealed {
        assert_eq!(after.get(path), before.get(path), "{}", path.display());
    }
    assert_eq!(read_all(&log, 2_000).len(), 60);
}

#[test]
fn log_12_a_small_log_gets_no_index_files_until_it_has_grown() {
    let dir = tempfile::tempdir().unwrap();
    let config = LogConfig { sync: SyncPolicy::PageCache, index_interval_bytes: 300, ..LogConfig::default() };
    let has_index = || file(dir.path(), &format!("{FIRST}.index")).exists();
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(config.clone());
    for at in 0..30 {
        append(&log, batch_at(NOW_MS + at, 2, &[7; 100])).unwrap();
    }
    fixture.directory.checkpoint().unwrap();
    assert!(!has_index());
    fixture.directory.close().unwrap();
    drop((log, fixture));
    assert!(!has_index());
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(config.clone());
    assert_eq!((log.bounds().end(), read_all(&log, 300).len()), (Offset::new(60), 30));
    let found = log.offset_for_timestamp(NOW_MS + 3, ReadLimit::End).unwrap();
    assert_eq!(found.map(|found| found.offset), Some(Offset::new(6)));
    for at in 30..400 {
        append(&log, batch_at(NOW_MS + at, 2, &[7; 100])).unwrap();
    }
    assert!(log.size_bytes() > 64 << 10);
    fixture.directory.checkpoint().unwrap();
    // Also the entries of what stood there when the log was opened.
    let bytes = fs::read(file(dir.path(), &format!("{FIRST}.index"))).unwrap();
    let entries = crate::log::index::parse(&bytes, log.size_bytes()).unwrap();
    assert!(entries[0].relative < 8 && entries.len() > 100, "{entries:?}");
    assert!(entries.windows(2).all(|pair| pair[1].position - pair[0].position < 900));
}

#[test]
fn log_27_a_directory_of_another_topic_id_is_never_adopted() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 5);
    let fixture = Fixture::real(dir.path());
    assert_eq!(fixture.directory.found().unwrap(), [id(0)]);
    let other = LogId { topic_id: TopicId(uuid::Uuid::from_u128(78)), ..id(0) };
    let log = fixture.directory.open_log(&other, Arc::new(paged())).unwrap();
    assert_eq!(log.bounds().end(), Offset::ZERO);
    let names: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.ends_with("-stray")), "{names:?}");
    append(&log, batch(1, b"v")).unwrap();
    drop((log, fixture));
    // The old topic's recovery point says nothing about the new one, also not after a kill.
    let fixture = Fixture::real(dir.path());
    assert_eq!(fixture.directory.open_log(&other, Arc::new(paged())).unwrap().bounds().end(), Offset::new(1));
}

#[test]
fn idem_10_the_window_of_five_survives_kill_and_stop() {
    for orderly in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Fixture::real(dir.path());
        fixture.directory.finish_recovery().unwrap();
        let log = fixture.log(LogConfig::default());
        let batches: Vec<_> = (0..8).map(|at| produced(7, 1, at * 2, 2)).collect();
        for batch in &batches {
            append_synced(&log, batch.clone());
        }
        fixture.directory.checkpoint().unwrap();
        let before = log.producers();
        if orderly {
            fixture.directory.close().unwrap();
        }
        drop((log, fixture));
        let fixture = Fixture::real(dir.path());
        let log = fixture.log(LogConfig::default());
        assert_eq!(log.producers(), before);
        for (at, batch) in batches.iter().enumerate().skip(3) {
            let again = append(&log, batch.clone()).unwrap();
            assert!(again.duplicate && again.base == Offset::new(at as i64 * 2), "{at}");
        }
    }
}

#[test]
fn log_3_a_failed_write_is_taken_back() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig::default());
    append(&log, batch(2, b"before")).unwrap();
    let size = log.size_bytes();
    let short = FaultEffect::ShortWrite { bytes: 20, error: io::ErrorKind::StorageFull };
    disk.inject(Fault::once(OperationKind::Write, ".log").with(short));
    assert!(matches!(append(&log, batch(2, b"lost")), Err(AppendError::DiskFull { .. })));
    assert_eq!(log.size_bytes(), size);
    assert_eq!(log.bounds().end(), Offset::new(2));
    fixture.directory.look_at_space();
    assert_eq!(append(&log, batch(2, b"after")).unwrap().base, Offset::new(2));
    assert_eq!(read_all(&log, 1).len(), 2);
    disk.inject(Fault::once(OperationKind::Write, ".log"));
    disk.inject(Fault::once(OperationKind::SetLen, ".log"));
    assert!(matches!(append(&log, batch(2, b"lost")), Err(AppendError::StorageFailed(_))));
    assert!(fixture.directory.failure().is_some());
}

#[test]
fn log_9_a_failed_sync_ends_the_directory_for_good() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(LogConfig::default());
    append_synced(&log, batch(2, b"v"));
    disk.inject(Fault::once(OperationKind::Sync, ".log"));
    assert!(fixture.directory.checkpoint().is_err());
    assert!(matches!(append(&log, batch(1, b"v")), Err(AppendError::StorageFailed(_))));
    assert_eq!(log.high_mark().closed(), Some(Closed::StorageFailed));
    assert!(fixture.directory.checkpoint().is_err());
    assert!(log.read(Offset::ZERO, ReadLimit::End, 100, true).unwrap().slice.is_some());
}

#[test]
fn log_10_what_a_checkpoint_covers_survives_the_strictest_crash() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    fixture.directory.finish_recovery().unwrap();
    let config = LogConfig { segment_bytes: 1_000, ..paged() };
    let log = fixture.log(config.clone());
    for at in 0..40 {
        append(&log, produced(7, 0, at, 1)).unwrap();
    }
    let segments = log.segments();
    fixture.directory.checkpoint().unwrap();
    let fixture = Fixture::open(Arc::new(disk.crash()), Path::new("/data"));
    assert_eq!(fixture.directory.found().unwrap(), [id(0)]);
    let log = fixture.log(config);
    assert_eq!((log.bounds().end(), log.segments()), (Offset::new(40), segments));
    assert_eq!(log.producers()[0].last_sequence, Some(39));
}

#[test]
fn log_11_a_crash_within_a_checkpoint_leaves_the_old_or_the_new_one() {
    for changes in 0..40 {
        let disk = MemoryDisk::new();
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        fixture.directory.finish_recovery().unwrap();
        let log = fixture.log(LogConfig::default());
        append_synced(&log, batch(3, b"v"));
        fixture.directory.checkpoint().unwrap();
        append_synced(&log, batch(3, b"v"));
        disk.power_off_after(changes);
        let _ = fixture.directory.checkpoint();
        let crashed = disk.crash();
        let text = crashed.read(Path::new("/data/recovery-point-offset-checkpoint")).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(["0\n1\nt 0 3", "0\n1\nt 0 6"].contains(&text.trim_end()), "{changes}: {text:?}");
        let fixture = Fixture::open(Arc::new(crashed), Path::new("/data"));
        assert_eq!(fixture.log(LogConfig::default()).bounds().end(), Offset::new(6));
    }
}

#[test]
fn log_24_a_segment_that_retention_took_is_no_failure_of_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let config = LogConfig { segment_bytes: 500, file_delete_delay_ms: 0, ..paged() };
    let log = fixture.log(config.clone());
    for _ in 0..10 {
        append(&log, batch(1, &[1; 300])).unwrap();
    }
    log.update_config(Arc::new(LogConfig { retention_bytes: Some(0), ..config }));
    assert_eq!(log.delete_old_segments().unwrap(), 10);
    fixture.directory.remove_left(fixture.clock.monotonic());
    fixture.directory.checkpoint().unwrap();
    assert!(fixture.directory.failure().is_none());
}

#[test]
fn idem_11_a_replayed_log_knows_what_the_live_one_knew() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let config = LogConfig { segment_bytes: 2_000, index_interval_bytes: 200, ..LogConfig::default() };
    let log = fixture.log(config.clone());
    for at in 0..90 {
        append_synced(&log, produced(at % 4, (at / 40) as i16, (at % 40 / 4) as i32, 1));
        if at == 50 {
            fixture.directory.checkpoint().unwrap();
        }
    }
    let live = log.producers();
    drop((log, fixture));
    let fixture = Fixture::real(dir.path());
    assert_eq!(fixture.log(config).producers(), live);
}

#[test]
fn log_21_a_high_watermark_that_rises_without_an_append_is_noted() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.directory.open_log(&id(0), Arc::new(LogConfig::default())).unwrap();
    append(&log, batch(5, b"v")).unwrap();
    let noted = || {
        fixture.directory.checkpoint().unwrap();
        fs::read_to_string(dir.path().join("replication-offset-checkpoint")).unwrap().trim_end().to_owned()
    };
    assert_eq!(noted(), "0\n1\nt 0 0");
    log.advance_high(Offset::new(3));
    assert_eq!(noted(), "0\n1\nt 0 3");
    log.advance_high(Offset::new(5));
    assert_eq!(noted(), "0\n1\nt 0 5");
}

#[test]
fn log_18_checkpoints_that_are_missing_or_damaged_are_written_by_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let files = ["recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint"];
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    for damage in [None, Some("0\n7\n")] {
        if let Some(text) = damage {
            files.iter().for_each(|name| fs::write(dir.path().join(name), text).unwrap());
        }
        let fixture = Fixture::real(dir.path());
        fixture.directory.finish_recovery().unwrap();
        fixture.directory.close().unwrap();
        assert!(files.iter().all(|name| read(name) == "0\n0\n"), "{damage:?}");
    }
}
