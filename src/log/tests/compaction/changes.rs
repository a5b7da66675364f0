//! Compaction while a log is cut, shortened, deleted or read, and beside retention.
use super::*;
use crate::log::{LogError, ReadError, lookup::search_time};

/// A log of 40 records of one key, half of them dirty.
fn dirty(fixture: &Fixture, config: LogConfig) -> Arc<Log> {
    let log = fixture.log(config);
    (0..20).for_each(|at| _ = put(&log, "k", Some(&at.to_string())));
    assert!(cleaner(fixture).clean_dirtiest());
    (20..40).for_each(|at| _ = put(&log, "k", Some(&at.to_string())));
    fixture.directory.checkpoint().unwrap();
    log
}

#[test]
fn cmp_11_a_cut_below_what_is_clean_takes_the_checkpoint_back() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = dirty(&fixture, compacted());
    let cleaned = log.cleaned().unwrap();
    assert!(cleaned > Offset::new(5));
    // Between records that are there no more: the log ends where it was cut, also after a crash.
    let to = Offset::new(3);
    assert!(contents(&log)[0].0 > 3);
    log.truncate_to(to).unwrap();
    assert_eq!((log.cleaned(), log.bounds().end()), (Some(to), to));
    fixture.directory.checkpoint().unwrap();
    drop((log, fixture));
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    assert_eq!((log.cleaned(), log.bounds().end()), (Some(to), to));
    (0..10).for_each(|_| _ = put(&log, "k", Some("after the cut")));
    assert!(cleaner(&fixture).clean_dirtiest());
    assert!(log.cleaned().unwrap() > to);
}

#[test]
fn cmp_11_what_changes_while_a_log_is_cleaned_wins() {
    type Change = fn(&Fixture, &Arc<Log>) -> Result<(), LogError>;
    let changes: [(&str, Change); 3] = [
        ("truncation", |_, log| log.truncate_to(Offset::new(12))),
        ("retention", |_, log| {
            log.update_config(Arc::new(LogConfig { delete: true, retention_bytes: Some(0), ..compacted() }));
            log.delete_old_segments().map(|_| ())
        }),
        ("deletion", |fixture, log| fixture.directory.delete_log(log)),
    ];
    for (what, change) in changes {
        let dir = tempfile::tempdir().unwrap();
        let fixture = directory(Arc::new(RealDisk), dir.path());
        let log = fixture.log(compacted());
        (0..40).for_each(|at| _ = put(&log, "k", Some(&at.to_string())));
        fixture.directory.checkpoint().unwrap();
        let before = contents(&log);
        let done = std::cell::Cell::new(0);
        let spend = |_| {
            done.set(done.get() + 1);
            // In the middle of the second pass.
            if done.get() == 20 {
                change(&fixture, &log).unwrap();
            }
            true
        };
        let cleaned = crate::log::compaction::clean_in_test(&log, &spend);
        assert!(done.get() >= 20 && cleaned.is_err(), "{what}: {}", done.get());
        let leftover =
            std::fs::read_dir(log.path()).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        assert_eq!(leftover.filter(|name| name.ends_with(".cleaned") || name.ends_with(".swap")).count(), 0, "{what}");
        match what {
            "truncation" => assert_eq!(contents(&log).last(), before.get(11), "{what}"),
            "retention" => assert_eq!(contents(&log), [], "{what}"),
            _ => assert!(matches!(append(&log, batch(1, b"v")), Err(AppendError::Deleted))),
        }
        assert_eq!(fixture.directory.failure(), None);
    }
}

#[test]
fn cmp_12_compact_and_delete_together_do_both() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let config = LogConfig { delete: true, retention_ms: Some(60_000), ..compacted() };
    let log = dirty(&fixture, config);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert_eq!(log.delete_old_segments().unwrap(), 0);
    assert!(log.bounds().start() == Offset::ZERO && contents(&log).len() < 10);
    fixture.clock.advance(Duration::from_millis(60_001));
    assert!(log.delete_old_segments().unwrap() > 0);
    assert_eq!((log.bounds().start(), contents(&log)), (log.bounds().end(), vec![]));
    // Records below the start are dropped, wherever they stand.
    let log = fixture.directory.open_log(&id(1), Arc::new(LogConfig { retention_ms: None, ..compacted() })).unwrap();
    (0..20).for_each(|at| _ = put(&log, &at.to_string(), Some("v")));
    log.advance_high(log.bounds().end());
    log.advance_start(Some(Offset::new(9))).unwrap().wait().unwrap();
    assert!(log.delete_old_segments().unwrap() > 0);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert_eq!(contents(&log).len(), 11);
}

#[test]
fn cmp_12_an_emptied_segment_does_not_hold_retention_back() {
    let fixture = directory(Arc::new(crate::platform::MemoryDisk::new()), Path::new("/data"));
    let config = LogConfig { delete: true, retention_ms: Some(60_000), ..compacted() };
    let log = fixture.log(config.clone());
    (0..40).for_each(|_| _ = put(&log, "k", Some("v")));
    // Too small for two segments to become one.
    log.update_config(Arc::new(LogConfig { segment_bytes: 1, ..config }));
    assert!(cleaner(&fixture).clean_dirtiest());
    assert!(log.segments.read().iter().filter(|segment| segment.bytes() == 0).count() > 2);
    fixture.clock.advance(Duration::from_millis(60_001));
    log.delete_old_segments().unwrap();
    assert_eq!((log.segments(), log.bounds().start()), (1, log.bounds().end()));
}

#[test]
fn cmp_12_a_time_in_the_future_keeps_nothing_dirty_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(LogConfig { compaction_lag_ms_min: 1_000, ..compacted() });
    let real_ms = crate::platform::SystemClock::new().wall_ms();
    for _ in 0..20 {
        let future = BatchBuilder::new(real_ms + 365 * 86_400_000).record(Some(b"k"), Some(b"v")).build();
        append(&log, future).unwrap();
    }
    fixture.clock.advance(Duration::from_millis((real_ms - NOW_MS) as u64));
    assert!(!cleaner(&fixture).clean_dirtiest());
    fixture.clock.advance(Duration::from_secs(60));
    assert!(cleaner(&fixture).clean_dirtiest());
}

#[test]
fn log_24_readers_of_replaced_segments_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let fixture =
        Fixture::open_with(Arc::new(RealDisk), dir.path(), LogDirSettings { open_files_max: 8, ..settings() });
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(LogConfig { segment_bytes: 1_000, ..compacted() });
    for round in 0..20 {
        (0..50).for_each(|key| _ = put(&log, &key.to_string(), Some(&round.to_string())));
    }
    let held = log.read(Offset::ZERO, ReadLimit::End, 10_000, true).unwrap();
    let bytes = held.slice.as_ref().unwrap().read().unwrap();
    let stopped = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = || {
            let mut reads = 0u64;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) || reads < 100 {
                let at = Offset::new((reads * 37 % 990) as i64);
                match log.read(at, ReadLimit::End, 500, true) {
                    Ok(read) => assert!(headers_of(&read)[0].last().unwrap() >= at),
                    Err(error) => panic!("{error}"),
                }
                let found = log.offset_for_timestamp(NOW_MS, ReadLimit::End).unwrap();
                assert!(found.is_some());
                reads += 1;
            }
        };
        let readers = [scope.spawn(reader), scope.spawn(reader)];
        for round in 0..10 {
            assert!(cleaner(&fixture).clean_dirtiest());
            (0..50).for_each(|key| _ = put(&log, &key.to_string(), Some(&format!("again {round}"))));
        }
        stopped.store(true, std::sync::atomic::Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_eq!(held.slice.unwrap().read().unwrap(), bytes);
    assert!(!matches!(log.read(Offset::ZERO, ReadLimit::End, 10, true), Err(ReadError::OutOfRange { .. })));
}

#[test]
fn log_24_a_lookup_by_time_goes_by_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    (0..40).for_each(|at| _ = put(&log, "k", Some(&at.to_string())));
    // Their files are open: who looked at them before goes on.
    contents(&log);
    let before = log.look(ReadLimit::End);
    assert!(cleaner(&fixture).clean_dirtiest());
    (40..80).for_each(|at| _ = put(&log, "k", Some(&at.to_string())));
    assert!(cleaner(&fixture).clean_dirtiest());
    let below = contents(&log).into_iter().filter(|(offset, ..)| *offset < before.end.get());
    assert_eq!(below.count(), 0, "all that stood below the end of then is compacted away");
    let found = search_time(&log, &before, NOW_MS).map(|found| found.map(|found| found.offset));
    match found {
        Ok(found) => assert_eq!(found, Some(Offset::ZERO)),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "then it is looked once more"),
    }
    let found = log.offset_for_timestamp(NOW_MS, ReadLimit::End).unwrap();
    assert!(found.is_some_and(|found| found.offset >= before.end));
}

#[test]
fn log_24_indexes_that_took_a_segments_names_are_not_read_as_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    // Older records with the later times: the compacted segment's times are others.
    let log = fixture.log(LogConfig { segment_bytes: 8_000, ..compacted() });
    let put_at = |key: &str, after_ms| {
        let builder = BatchBuilder::new(NOW_MS + after_ms).record(Some(key.as_bytes()), Some(&[7; 100]));
        append(&log, builder.build()).unwrap();
    };
    (0..30).for_each(|at| put_at("k", 1_000 + at));
    (0..120).for_each(|at| put_at(&at.to_string(), at));
    put_at("k", 2_000);
    contents(&log);
    let before = log.look(ReadLimit::End).segments;
    let first = &before[0];
    let floor = first.floor_by_time(NOW_MS + 60).unwrap();
    let place = first.locate(Offset::new(35), first.bytes()).unwrap().unwrap().position;
    assert!(cleaner(&fixture).clean_dirtiest());
    assert!(first.is_retired());
    fixture.directory.shared.indexes.forget_all();
    assert_eq!(first.floor_by_time(NOW_MS + 60).unwrap(), floor);
    assert_eq!(first.locate(Offset::new(35), first.bytes()).unwrap().unwrap().position, place);
}

#[test]
fn a_topic_that_is_no_longer_compacted_is_opened_after_a_crash_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = dirty(&fixture, compacted());
    assert!(cleaner(&fixture).clean_dirtiest());
    let kept = contents(&log);
    drop((log, fixture));
    std::fs::remove_file(dir.path().join("recovery-point-offset-checkpoint")).unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(LogConfig { compact: false, delete: true, ..compacted() });
    assert_eq!(contents(&log), kept);
}
