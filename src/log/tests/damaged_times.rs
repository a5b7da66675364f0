//! Damage where batches are looked for by their times: what cannot be known is not told.
use super::{damage::read_around, *};
use crate::{
    log::{ReadError, SyncPolicy},
    platform::{Fault, MemoryDisk, OperationKind},
};

fn config() -> LogConfig {
    LogConfig { sync: SyncPolicy::PageCache, segment_bytes: 900, index_interval_bytes: 200, ..LogConfig::default() }
}

fn first_file(disk: &MemoryDisk) -> std::path::PathBuf {
    let names = disk.list(Path::new("/data/t-0")).unwrap().into_iter().map(|entry| entry.name);
    Path::new("/data/t-0").join(names.filter(|name| name.ends_with(".log")).min().unwrap())
}

const TIMED: i64 = 10;

/// Eleven batches a second apart, in one segment, or the last of them in another; closed in order.
fn timed(is_sealed: bool) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes: 1 << 20, ..config() };
    let (fixture, log) = started(&disk, config.clone());
    for at in 0..=TIMED {
        if is_sealed && at == TIMED {
            log.update_config(Arc::new(LogConfig { segment_bytes: 400, ..config.clone() }));
        }
        append(&log, batch_at(NOW_MS + at * 1_000, 2, &[at as u8; 40])).unwrap();
    }
    assert_eq!(log.segments(), if is_sealed { 2 } else { 1 });
    fixture.directory.close().unwrap();
    drop((log, fixture));
    disk.killed()
}

/// What is told by time is right, or that it cannot be known.
#[test]
fn log_15_off_7_what_is_damaged_is_not_told_by_time_nor_passed_over() {
    // A value, the first time, the largest made later and earlier, the length, the offset.
    let flips: [(u64, u8); 6] = [(100, 0), (27 + 3, 4), (35 + 3, 4), (35 + 3, 5), (9, 4), (6, 4)];
    let mut judged = 0;
    for ((is_sealed, damaged), (byte, bit)) in
        [(true, 4), (true, 9), (false, 4), (false, 10)].into_iter().flat_map(|one| flips.map(|flip| (one, flip)))
    {
        let disk = timed(is_sealed);
        let path = first_file(&disk);
        let size = batch_at(NOW_MS, 2, &[0; 40]).header().size() as u64;
        disk.flip_bit(&path, damaged as u64 * size + byte, bit).unwrap();
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        // The last segment of a log is walked when it is opened.
        let Ok(log) = fixture.try_log(config()) else { continue };
        fixture.directory.finish_recovery().unwrap();
        judged += 1;
        // Before anybody has read, and afterwards.
        for round in 0..2 {
            for at in (0..=TIMED + 1).rev() {
                let why = format!("{at} of {damaged}, byte {byte} bit {bit}, sealed {is_sealed}, round {round}");
                let right = (at <= TIMED).then_some(at * 2);
                match log.offset_for_timestamp(NOW_MS + at * 1_000, ReadLimit::High) {
                    Ok(found) => {
                        assert_eq!(found.map(|found| found.offset.get()), right, "{why}");
                        assert!(at != damaged, "{why}");
                    }
                    Err(ReadError::Damaged { .. }) => assert!(at >= damaged, "{why}"),
                    Err(other) => panic!("{why}: {other}"),
                }
            }
            match log.offset_of_max_timestamp() {
                Ok(found) => {
                    assert_eq!(found.map(|found| found.offset.get()), Some(TIMED * 2), "byte {byte} bit {bit}");
                    assert!(damaged != TIMED, "byte {byte} bit {bit}");
                }
                Err(ReadError::Damaged { .. }) => {}
                Err(other) => panic!("byte {byte} bit {bit}: {other}"),
            }
            read_around(&log, 1 << 20);
        }
        assert_eq!(fixture.directory.failure(), None);
    }
    assert!(judged >= 18, "{judged}");
}

/// A client asks again and again after KAFKA_STORAGE_ERROR.
#[test]
fn log_15_off_7_who_asks_for_damage_by_time_again_has_the_segment_read_once() {
    for is_sealed in [true, false] {
        let disk = timed(is_sealed);
        let size = batch_at(NOW_MS, 2, &[0; 40]).header().size() as u64;
        disk.flip_bit(&first_file(&disk), 4 * size + 100, 0).unwrap();
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        let log = fixture.try_log(config()).unwrap();
        fixture.directory.finish_recovery().unwrap();
        let ask = |at: i64| log.offset_for_timestamp(NOW_MS + at * 1_000, ReadLimit::High);
        let is_refused = |asked: Result<_, ReadError>| matches!(asked, Err(ReadError::Damaged { .. }));
        assert!(is_refused(ask(4)), "sealed {is_sealed}");
        // A closer look opens the file once more, past the page cache.
        disk.inject(Fault::once(OperationKind::Open, ".log").for_ever());
        assert!(is_refused(ask(4)), "sealed {is_sealed}");
        assert_eq!(fixture.directory.failure(), None);
    }
}
