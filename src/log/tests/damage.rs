//! Damage below what was synced: found, told, kept apart; what is whole around it is read.
use super::*;
use crate::{
    log::{
        ReadError, Scrubber, SyncPolicy,
        damage::{OfflineError, repair, verify},
    },
    platform::{MemoryDisk, OpenMode},
};
use std::{collections::BTreeSet, path::PathBuf};

const BATCHES: i64 = 20;

fn config() -> LogConfig {
    LogConfig { sync: SyncPolicy::PageCache, segment_bytes: 900, index_interval_bytes: 200, ..LogConfig::default() }
}

/// Twenty batches of one to three records in some segments, closed in order.
fn stored() -> (MemoryDisk, Vec<BatchHeader>) {
    let disk = MemoryDisk::new();
    let (fixture, log) = opened(&disk);
    for at in 0..BATCHES {
        append(&log, batch(1 + at as usize % 3, &[at as u8; 60])).unwrap();
    }
    assert!(log.segments() > 3);
    let headers = read_all(&log, 1);
    fixture.directory.close().unwrap();
    drop((log, fixture));
    (disk.killed(), headers)
}

fn opened(disk: &MemoryDisk) -> (Fixture, Arc<Log>) {
    started(disk, config())
}

fn files(disk: &MemoryDisk) -> Vec<(PathBuf, u64)> {
    let folder = Path::new("/data/t-0");
    let all = disk.list(folder).unwrap().into_iter().filter(|file| file.name.ends_with(".log"));
    all.map(|file| (folder.join(file.name), file.len)).collect()
}

/// Reads batch by batch, over what cannot be read: base offsets that were read, and offsets that were refused.
pub fn read_around(log: &Log, bytes_max: usize) -> (Vec<BatchHeader>, BTreeSet<i64>) {
    let (mut found, mut refused) = (Vec::new(), BTreeSet::new());
    let mut at = log.bounds().start().get();
    while at < log.bounds().end().get() {
        match log.read(Offset::new(at), ReadLimit::High, bytes_max, true) {
            Ok(read) => {
                let before = at;
                for header in headers_of(&read) {
                    at = header.last().unwrap().next().get();
                    found.push(header);
                }
                assert!(at > before, "nothing is read at {before}, and no damage is told");
            }
            Err(ReadError::Damaged { .. }) => {
                refused.insert(at);
                at += 1;
            }
            Err(other) => panic!("{at}: {other}"),
        }
    }
    (found, refused)
}

/// The checksum stands for the rest. A leader epoch is in none, and a batch alone does not show that it is wrong.
pub fn is_same(one: &BatchHeader, other: &BatchHeader) -> bool {
    (one.base_offset, one.length, one.crc) == (other.base_offset, other.length, other.crc)
}

/// What was read is what was written; the rest was refused, and is no more than `lost` says.
fn check(log: &Log, written: &[BatchHeader], bytes_max: usize, why: &str) -> BTreeSet<i64> {
    let (found, refused) = read_around(log, bytes_max);
    for header in written {
        let offsets = header.base_offset..=header.last().unwrap().get();
        let is_read = found.iter().any(|one| is_same(one, header));
        let is_refused = offsets.clone().all(|offset| refused.contains(&offset));
        assert!(is_read != is_refused, "{why}: {offsets:?} read {is_read}, refused {is_refused}");
    }
    let is_written = |one: &BatchHeader| written.iter().any(|header| is_same(one, header));
    assert!(found.iter().all(is_written), "{why}: something was read that was never written");
    refused
}

#[test]
fn log_14_a_lost_file_and_a_swapped_block_are_found() {
    let (disk, written) = stored();
    for (path, len) in files(&disk).iter().rev().skip(1).rev().skip(1) {
        let lost = disk.killed();
        lost.remove_file(path).unwrap();
        let (_fixture, log) = opened(&lost);
        let refused = check(&log, &written, 1 << 20, "lost before the start");
        assert!(refused.len() >= 4, "{refused:?}");
        // While the broker runs, too.
        let lost = disk.killed();
        let (fixture, log) = opened(&lost);
        lost.remove_file(path).unwrap();
        assert_eq!(check(&log, &written, 1 << 20, "lost while open"), refused);
        assert_eq!(fixture.directory.damages(), 1);
        // A block of another file stands where its own stood.
        let swapped = disk.killed();
        let (other, _) = &files(&disk)[0];
        let mut block = vec![0; 128];
        swapped.open(other, OpenMode::Read).unwrap().read_at(&mut block, 0).unwrap();
        swapped.open(path, OpenMode::Write).unwrap().write_all_at(&block, len / 3).unwrap();
        let (_fixture, log) = opened(&swapped);
        let refused = check(&log, &written, 1 << 20, "swapped");
        assert!(!refused.is_empty());
    }
}

#[test]
fn log_15_the_scrubber_finds_damage_that_nobody_reads() {
    let (disk, written) = stored();
    let (fixture, log) = opened(&disk);
    let scrubber = Scrubber::new(vec![fixture.directory.clone()], fixture.clock.clone(), 0);
    assert!(scrubber.pass());
    let all: u64 = files(&disk).iter().map(|(_, len)| len).sum();
    assert_eq!((scrubber.totals().bytes, scrubber.totals().damages), (all, 0));
    let (path, _) = &files(&disk)[1];
    disk.flip_bit(path, 100, 3).unwrap();
    assert!(scrubber.pass());
    assert_eq!(scrubber.totals().damages, 1);
    // Told once; what is whole is read.
    assert!(scrubber.pass());
    assert_eq!(scrubber.totals().damages, 1);
    let refused = check(&log, &written, 1 << 20, "scrubbed");
    assert!((1..=3).contains(&refused.len()), "{refused:?}");
    // Appends go on.
    append(&log, batch(1, b"behind")).unwrap();
    // Mended, it is read again.
    disk.flip_bit(path, 100, 3).unwrap();
    assert!(scrubber.pass());
    assert_eq!(read_around(&log, 1 << 20).1.len(), 0);
}

#[test]
fn log_15_a_healthy_log_has_no_damage_whatever_happened_to_it() {
    let disk = MemoryDisk::new();
    let (fixture, log) = opened(&disk);
    let scrubber = Scrubber::new(vec![fixture.directory.clone()], fixture.clock.clone(), 0);
    for round in 0..6 {
        for at in 0..10 {
            let epoch = LeaderEpoch::new(round);
            log.append(batch(1 + at % 3, &[at as u8; 60]), epoch, AppendOrigin::Client).unwrap();
        }
        match round {
            1 => log.truncate_to(Offset::new(log.bounds().end().get() - 7)).unwrap(),
            2 => _ = log.advance_start(Some(Offset::new(13))).unwrap().wait().unwrap(),
            3 => _ = log.delete_old_segments().unwrap(),
            4 => fixture.directory.checkpoint().unwrap(),
            _ => {}
        }
        assert!(scrubber.pass());
        assert_eq!(scrubber.totals().damages, 0, "round {round}");
    }
    let (fixture, log) = opened(&disk.killed());
    let scrubber = Scrubber::new(vec![fixture.directory.clone()], fixture.clock.clone(), 0);
    assert!(scrubber.pass());
    assert_eq!(scrubber.totals().damages, 0);
    assert!(read_all(&log, 1).len() > 10);
}

#[test]
fn log_14_offline_damage_is_found_and_what_is_whole_is_written_anew() {
    let (disk, written) = stored();
    for (at, (path, len)) in files(&disk).into_iter().enumerate() {
        for byte in [8, len / 2, len - 1] {
            let damaged = disk.killed();
            damaged.flip_bit(&path, byte, 1).unwrap();
            let bytes = damaged.read(&path).unwrap();
            let why = format!("{} byte {byte}", path.display());
            let reports = verify(&damaged, Path::new("/data")).unwrap();
            let bad: Vec<_> = reports.iter().filter(|report| !report.damages.is_empty()).collect();
            assert_eq!((bad.len(), &bad[0].path, reports.len()), (1, &path, files(&disk).len()), "{why}");
            let repaired = repair(&damaged, &path).unwrap().unwrap();
            assert_eq!(damaged.read(&repaired.kept).unwrap(), bytes, "{why}");
            assert!(repair(&damaged, &path).unwrap().is_none(), "{why}");
            assert!(
                verify(&damaged, Path::new("/data/t-0")).unwrap().iter().all(|one| one.damages.is_empty()),
                "{why}"
            );
            let (_fixture, log) = opened(&damaged);
            let (found, refused) = read_around(&log, 1 << 20);
            assert!(refused.is_empty(), "{why}: {refused:?}");
            let missing = written.iter().filter(|header| !found.contains(header)).count();
            assert_eq!((missing, found.len()), (1, written.len() - 1), "{why}");
            let next = append(&log, batch(1, b"on")).unwrap().base;
            let is_end = at + 1 == files(&disk).len() && byte == len - 1;
            assert_eq!(next.get() == written.last().unwrap().base_offset, is_end, "{why}");
        }
    }
}

#[test]
fn log_14_a_running_broker_and_a_torn_tail_are_left_alone() {
    let disk = MemoryDisk::new();
    let (fixture, log) = opened(&disk);
    (0..4).for_each(|_| _ = append(&log, batch(1, &[1; 60])).unwrap());
    fixture.directory.checkpoint().unwrap();
    (0..2).for_each(|_| _ = append(&log, batch(1, &[2; 60])).unwrap());
    let (path, len) = files(&disk)[0].clone();
    assert!(matches!(repair(&disk, &path), Err(OfflineError::InUse { .. })));
    let torn = disk.killed();
    torn.open(&path, OpenMode::Write).unwrap().set_len(len - 5).unwrap();
    let report = verify(&torn, &path).unwrap().remove(0);
    assert!(report.damages.is_empty() && report.torn.is_some(), "{report:?}");
    assert!(matches!(repair(&torn, &path), Err(OfflineError::Torn { .. })));
    assert!(matches!(verify(&torn, Path::new("/data/wal")), Err(OfflineError::NoSegments { .. })));
    drop((log, fixture));
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
        let path = files(&disk).remove(0).0;
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
