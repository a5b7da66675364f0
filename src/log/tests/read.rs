//! Reading: limits, whole batches, sizes, times.
use super::*;
use crate::{
    log::{ReadError, SyncPolicy},
    platform::MemoryDisk,
};

fn filled(fixture: &Fixture, batches: usize, config: LogConfig) -> Arc<Log> {
    let log = fixture.log(LogConfig { sync: SyncPolicy::PageCache, ..config });
    for at in 0..batches {
        append(&log, batch_at(NOW_MS + at as i64 * 10, 1 + at % 3, &vec![at as u8; 50 + at % 400])).unwrap();
    }
    log
}

#[test]
fn log_26_fet_5_every_offset_is_found_in_its_batch_whatever_the_segments() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log =
        filled(&fixture, 400, LogConfig { segment_bytes: 30_000, index_interval_bytes: 500, ..LogConfig::default() });
    assert!(log.segments() > 3);
    for from in 0..log.bounds().end().get() {
        let read = log.read(Offset::new(from), ReadLimit::High, 1, true).unwrap();
        let headers = headers_of(&read);
        assert_eq!(headers.len(), 1);
        assert!(headers[0].base_offset <= from && headers[0].last().unwrap().get() >= from);
    }
    let dense = read_all(&log, 3_000);
    assert_eq!(dense.len(), 400);
    assert!(dense.windows(2).all(|pair| pair[0].last().unwrap().next().get() == pair[1].base_offset));
}

#[test]
fn fet_1_whole_batches_within_the_size_or_one() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = filled(&fixture, 300, LogConfig { index_interval_bytes: 700, ..LogConfig::default() });
    let all = read_all(&log, 1 << 20);
    for from in [0, 1, 150, 299] {
        for bytes_max in [0, 1, 200, 1_000, 5_000, 20_000, 1 << 20] {
            let base = all[from].base().unwrap();
            let mut expected = 0;
            let mut bytes = 0;
            for header in &all[from..] {
                if bytes + header.size() > bytes_max {
                    break;
                }
                bytes += header.size();
                expected += 1;
            }
            let none = headers_of(&log.read(base, ReadLimit::High, bytes_max, false).unwrap());
            assert_eq!(none.len(), expected, "from {from} with {bytes_max}");
            let one = headers_of(&log.read(base, ReadLimit::High, bytes_max, true).unwrap());
            assert_eq!(one.len(), expected.max(1), "from {from} with {bytes_max}");
        }
    }
}

#[test]
fn log_8_readers_stop_at_their_limit() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.directory.open_log(&id(0), Arc::new(LogConfig::default())).unwrap();
    for _ in 0..300 {
        append(&log, batch(2, &[1; 100])).unwrap();
    }
    for high in [0, 2, 100, 400, 590, 600] {
        log.advance_high(Offset::new(high));
        for from in [0, 90, 598] {
            if from > high {
                continue;
            }
            let headers = headers_of(&log.read(Offset::new(from), ReadLimit::High, 1 << 20, true).unwrap());
            assert_eq!(headers.last().map_or(high, |last| last.last().unwrap().next().get()), high, "{from} to {high}");
        }
    }
    assert_eq!(headers_of(&log.read(Offset::ZERO, ReadLimit::End, 1 << 20, true).unwrap()).len(), 300);
}

#[test]
fn off_10_outside_is_an_error_and_behind_the_high_watermark_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.directory.open_log(&id(0), Arc::new(LogConfig::default())).unwrap();
    append(&log, batch(5, b"v")).unwrap();
    log.advance_high(Offset::new(5));
    log.advance_start(Some(Offset::new(2))).unwrap().wait().unwrap();
    for from in [0, 1, 6, 100] {
        assert!(matches!(log.read(Offset::new(from), ReadLimit::High, 100, true), Err(ReadError::OutOfRange { .. })));
    }
    append(&log, batch(5, b"v")).unwrap();
    for from in [5, 7, 10] {
        assert!(log.read(Offset::new(from), ReadLimit::High, 100, true).unwrap().slice.is_none());
    }
    assert_eq!(headers_of(&log.read(Offset::new(3), ReadLimit::High, 100, true).unwrap())[0].base_offset, 0);
}

#[test]
fn off_7_the_first_record_at_or_after_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log =
        filled(&fixture, 300, LogConfig { segment_bytes: 20_000, index_interval_bytes: 500, ..LogConfig::default() });
    let all = read_all(&log, 1 << 20);
    for (at, header) in all.iter().enumerate() {
        for before_ms in [0, 9] {
            let time = NOW_MS + at as i64 * 10 - before_ms;
            let found = log.offset_for_timestamp(time, ReadLimit::End).unwrap().unwrap();
            assert_eq!((found.offset.get(), found.timestamp_ms), (header.base_offset, header.max_timestamp));
        }
    }
    assert_eq!(log.offset_for_timestamp(NOW_MS + 2_991, ReadLimit::End).unwrap(), None);
    let first = log.offset_for_timestamp(0, ReadLimit::End).unwrap().unwrap();
    assert_eq!((first.offset, first.epoch), (Offset::ZERO, Some(LeaderEpoch::ZERO)));
}

#[test]
fn off_7_only_what_the_asker_may_see_is_found_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    // Nothing but this test says what is committed.
    let log = fixture.directory.open_log(&id(0), Arc::new(LogConfig::default())).unwrap();
    (0..3).for_each(|at| _ = append(&log, batch_at(NOW_MS + at, 1, b"v")).unwrap());
    log.advance_high(Offset::new(1));
    let found =
        |after_ms, limit| log.offset_for_timestamp(NOW_MS + after_ms, limit).unwrap().map(|found| found.offset.get());
    assert_eq!((found(0, ReadLimit::High), found(1, ReadLimit::High)), (Some(0), None));
    assert_eq!((found(1, ReadLimit::End), found(3, ReadLimit::End)), (Some(1), None));
}

#[test]
fn off_6_the_record_with_the_largest_timestamp() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(LogConfig { sync: SyncPolicy::PageCache, segment_bytes: 400, ..LogConfig::default() });
    assert_eq!(log.offset_of_max_timestamp().unwrap(), None);
    for time in [10, 500, 20, 499, 30] {
        append(&log, batch_at(NOW_MS + time, 2, &[3; 100])).unwrap();
    }
    let found = log.offset_of_max_timestamp().unwrap().unwrap();
    assert_eq!((found.offset.get(), found.timestamp_ms), (2, NOW_MS + 500));
}

#[test]
fn off_6_where_no_record_has_a_time_the_first_one_has_the_largest() {
    const NO_TIME: i64 = -1;
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes: 400, ..LogConfig::default() };
    let found =
        |log: &Log| log.offset_of_max_timestamp().unwrap().map(|found| (found.offset.get(), found.timestamp_ms));
    let (fixture, log) = started(&disk, config.clone());
    (0..5).for_each(|_| _ = append_synced(&log, batch_at(NO_TIME, 2, &[3; 100])));
    assert_eq!((log.segments() > 1, found(&log)), (true, Some((0, NO_TIME))));
    fixture.directory.close().unwrap();
    drop((log, fixture));
    let (_fixture, log) = started(&disk, config);
    assert_eq!(found(&log), Some((0, NO_TIME)));
    append_synced(&log, batch_at(5, 2, &[3; 100]));
    assert_eq!(found(&log), Some((10, 5)));
}

#[test]
fn fet_16_a_slice_outlives_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = filled(&fixture, 3, LogConfig { file_delete_delay_ms: 0, ..LogConfig::default() });
    let read = log.read(Offset::ZERO, ReadLimit::High, 1 << 20, true).unwrap();
    fixture.directory.delete_log(&log).unwrap();
    fixture.directory.remove_left(fixture.clock.monotonic());
    assert!(
        !std::fs::read_dir(dir.path()).unwrap().any(|entry| entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("t-0"))
    );
    assert_eq!(headers_of(&read).len(), 3);
}

#[test]
fn log_25_a_largest_timestamp_and_its_offset_belong_together_while_batches_come() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let config = LogConfig { sync: SyncPolicy::PageCache, segment_bytes: 20_000, ..LogConfig::default() };
    let log = fixture.log(config);
    let time_of = |offset: Offset| NOW_MS + offset.get() * 10;
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut looks, mut last) = (0, log.bounds());
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                if let Some(found) = log.offset_of_max_timestamp().unwrap() {
                    assert_eq!(found.timestamp_ms, time_of(found.offset));
                }
                let now = log.bounds();
                assert!(now.start() <= now.stable() && now.stable() <= now.high() && now.high() <= now.end());
                assert!(last.high() <= now.high() && last.end() <= now.end());
                (looks, last) = (looks + 1, now);
            }
            looks
        });
        for _ in 0..2_000 {
            append(&log, batch_at(time_of(log.bounds().end()), 1, &[1; 50])).unwrap();
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}
