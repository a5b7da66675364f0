//! Damage below what was synced: found, told, kept apart; what is whole around it is read.
use super::*;
use crate::{
    log::{
        LogError, ReadError, Scrubber, SyncPolicy,
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
    for (path, len) in files(&disk) {
        for byte in [8, len / 2, len - 1] {
            let damaged = disk.killed();
            damaged.flip_bit(&path, byte, 1).unwrap();
            let bytes = damaged.read(&path).unwrap();
            let why = format!("{} byte {byte}", path.display());
            let reports = verify(&damaged, Path::new("/data")).unwrap();
            let bad: Vec<_> = reports.iter().filter(|report| !report.damages.is_empty()).collect();
            assert_eq!((bad.len(), &bad[0].path, reports.len()), (1, &path, files(&disk).len()), "{why}");
            let repaired = repair(&damaged, &path).unwrap().unwrap();
            assert_eq!(damaged.read(&repaired.kept.unwrap()).unwrap(), bytes, "{why}");
            assert!(repair(&damaged, &path).unwrap().is_none(), "{why}");
            assert!(
                verify(&damaged, Path::new("/data/t-0")).unwrap().iter().all(|one| one.damages.is_empty()),
                "{why}"
            );
            let (_fixture, log) = opened(&damaged);
            let (found, refused) = read_around(&log, 1 << 20);
            assert!(refused.is_empty(), "{why}: {refused:?}");
            let lost: Vec<_> = written.iter().filter(|header| !found.contains(header)).collect();
            let put: Vec<_> = found.iter().filter(|header| !written.contains(header)).collect();
            // The length is in no checksum, and what stands behind it tells what it was.
            let count = usize::from(byte != 8);
            assert_eq!((lost.len(), put.len(), repaired.restored.len()), (count, count, 1 - count), "{why}");
            // OFF-12: the offsets of what is lost are taken, also at the log's end.
            for (put, lost) in put.iter().zip(&lost) {
                assert_eq!((put.base(), put.last(), put.record_count), (lost.base(), lost.last(), 0), "{why}");
            }
            let next = append(&log, batch(1, b"on")).unwrap().base;
            assert_eq!(Some(next), written.last().unwrap().last().map(Offset::next), "{why}");
        }
    }
}

#[test]
fn log_14_a_repair_excuses_no_later_loss_and_calls_nothing_compacted() {
    let (disk, _) = stored();
    let files = files(&disk);
    let (repaired, _) = &files[files.len() - 2];
    disk.flip_bit(repaired, 100, 3).unwrap();
    repair(&disk, repaired).unwrap().unwrap();
    // CMP-5: what compaction has not seen is not clean.
    let cleaned = disk.read(Path::new("/data/cleaner-offset-checkpoint")).unwrap();
    assert_eq!(crate::log::checkpoint::read_offsets(&cleaned).unwrap(), Default::default());
    let (lost, _) = &files[1];
    disk.remove_file(lost).unwrap();
    let reports = verify(&disk, Path::new("/data")).unwrap();
    assert_eq!(reports.iter().map(|report| report.damages.len()).sum::<usize>(), 1, "{reports:?}");
    let (_fixture, log) = opened(&disk);
    assert!(read_around(&log, 1 << 20).1.len() >= 4);
}

#[test]
fn off_4_a_repair_writes_the_marker_of_a_rolled_back_transaction_again() {
    use super::transactions::{append_in, end};
    use crate::record::{EndTransactionMarker, TransactionResult};
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, LogConfig { segment_bytes: 1 << 20, ..config() });
    append_in(&log, 7, 3, 0).unwrap();
    end(&log, 7, 4, TransactionResult::Abort);
    let committed = append_in(&log, 7, 4, 0).unwrap();
    end(&log, 7, 5, TransactionResult::Commit);
    let marker = read_all(&log, 1)[1];
    fixture.directory.close().unwrap();
    drop((log, fixture));
    let disk = disk.killed();
    let (path, _) = files(&disk)[0].clone();
    let first = BatchHeader::parse(&disk.read(&path).unwrap()).unwrap();
    disk.flip_bit(&path, (first.size() + marker.size()) as u64 - 1, 1).unwrap();
    repair(&disk, &path).unwrap().unwrap();
    let (_fixture, log) = opened(&disk);
    let (found, _) = read_around(&log, 1 << 20);
    let put = found.iter().find(|header| header.base() == marker.base()).unwrap();
    assert!(put.is_control() && put.is_transactional(), "{put:?}");
    // Epoch and time of the producer's batch before it: what was its own is lost.
    assert_eq!((put.producer_id, put.producer_epoch, put.record_count), (7, 3, 1));
    assert_eq!((put.max_timestamp, put.partition_leader_epoch), (first.max_timestamp, 0));
    assert!(found.iter().any(|header| header.base() == Some(committed.base)));
    assert!(verify(&disk, &path).unwrap()[0].damages.is_empty());
    let bytes = disk.read(&path).unwrap();
    let read = EndTransactionMarker::of(put, &bytes[first.size()..first.size() + put.size()]).unwrap();
    assert_eq!(read.result, TransactionResult::Abort);
}

#[test]
fn off_4_what_was_rolled_back_stays_so_where_its_first_batch_is_lost() {
    use super::transactions::{append_in, end};
    use crate::record::TransactionResult;
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, LogConfig { segment_bytes: 1 << 20, ..config() });
    append_in(&log, 7, 3, 0).unwrap();
    append_in(&log, 7, 3, 1).unwrap();
    end(&log, 7, 4, TransactionResult::Abort);
    fixture.directory.close().unwrap();
    drop((log, fixture));
    let disk = disk.killed();
    let (path, _) = files(&disk)[0].clone();
    disk.flip_bit(&path, 70, 1).unwrap();
    repair(&disk, &path).unwrap().unwrap();
    let (_fixture, log) = opened(&disk);
    let read = log.read(Offset::ZERO, ReadLimit::Stable, 1 << 20, true).unwrap();
    let told: Vec<_> = read.aborted.iter().map(|aborted| (aborted.producer.get(), aborted.first.get())).collect();
    assert_eq!((told, headers_of(&read).len()), (vec![(7, 0)], 3));
}

#[test]
fn log_14_first_and_last_files_that_are_gone_are_missed_offline_too() {
    let (disk, written) = stored();
    let all: Vec<PathBuf> = files(&disk).into_iter().map(|(path, _)| path).collect();
    let (last, many) = (all.len() - 1, all.len());
    for lost in [0..1, 0..2, 1..3, last - 1..many, last..many, 0..many] {
        let damaged = disk.killed();
        all[lost.clone()].iter().for_each(|path| damaged.remove_file(path).unwrap());
        for what in ["/data", "/data/t-0"] {
            let reports = verify(&damaged, Path::new(what)).unwrap();
            let bad: Vec<_> = reports.iter().filter(|report| !report.damages.is_empty()).collect();
            assert_eq!(bad.len(), 1, "{lost:?} {what}: {reports:?}");
        }
        // By the name of any file that is gone.
        assert!(repair(&damaged, &all[lost.start]).unwrap().is_some(), "{lost:?}");
        assert!(verify(&damaged, Path::new("/data")).unwrap().iter().all(|one| one.damages.is_empty()), "{lost:?}");
        let (fixture, log) = opened(&damaged);
        let (found, refused) = read_around(&log, 1 << 20);
        assert!(refused.is_empty() && fixture.directory.damages() == 0, "{lost:?}: {refused:?}");
        assert_eq!(found.iter().filter(|one| one.record_count == 0).count(), 1, "{lost:?}");
        assert!(found.iter().all(|one| one.record_count == 0 || written.contains(one)), "{lost:?}");
        assert_eq!(log.bounds().start(), Offset::ZERO, "{lost:?}");
        let next = append(&log, batch(1, b"on")).unwrap().base;
        assert_eq!(Some(next), written.last().unwrap().last().map(Offset::next), "{lost:?}");
    }
    let emptied = disk.killed();
    emptied.open(&all[last], OpenMode::Write).unwrap().set_len(0).unwrap();
    assert_eq!(verify(&emptied, &all[last]).unwrap()[0].damages.len(), 1);
}

#[test]
fn log_16_a_flipped_leader_epoch_is_found_wherever_it_is_and_mended() {
    let (disk, written) = stored();
    const EPOCH_AT: u64 = 12;
    for (path, _) in files(&disk) {
        let (damaged, bytes) = (disk.killed(), disk.read(&path).unwrap());
        let last = crate::record::walk(&bytes).flatten().map(|batch| batch.position as u64).last().unwrap();
        damaged.flip_bit(&path, last + EPOCH_AT + 3, 4).unwrap();
        let why = path.display();
        // A start that has to look at it refuses the log: here at the last segment.
        let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let directory =
            LogDir::open(Arc::new(damaged.killed()), clock.clone(), Path::new("/data"), settings()).unwrap();
        let fixture = Fixture { clock, directory };
        match fixture.try_log(config()) {
            Ok(log) => assert!(!check(&log, &written, 1 << 20, "a flipped epoch").is_empty(), "{why}"),
            Err(error) => {
                assert!(matches!(error, LogError::Damaged { position, .. } if position == last), "{why}: {error}")
            }
        }
        drop(fixture);
        let reports = verify(&damaged, Path::new("/data")).unwrap();
        assert_eq!(reports.iter().map(|one| one.damages.len()).sum::<usize>(), 1, "{why}: {reports:?}");
        // What was there is noted, and the checksum is right of the rest: no record is lost.
        assert_eq!(repair(&damaged, &path).unwrap().unwrap().restored.len(), 1, "{why}");
        assert_eq!(damaged.read(&path).unwrap(), bytes, "{why}");
        let (_fixture, log) = opened(&damaged);
        assert_eq!(read_around(&log, 1 << 20), (written.clone(), BTreeSet::new()), "{why}");
    }
    // A batch of elsewhere gets no other offsets.
    let (disk, paths) = alone(&[(0, &[0, 2]), (4, &[4])]);
    disk.flip_bit(&paths[0], 7, 0).unwrap();
    assert!(repair(&disk, &paths[0]).unwrap().unwrap().restored.is_empty());
}

#[test]
fn log_14_a_batch_within_a_damaged_record_is_no_batch_of_the_log() {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, LogConfig { segment_bytes: 1 << 20, ..config() });
    let inner = batch(2, b"never appended here").place(Offset::new(1), LeaderEpoch::ZERO).slices().concat();
    append(&log, batch(1, b"before")).unwrap();
    append(&log, BatchBuilder::new(NOW_MS).record(None, Some(&inner)).record(None, Some(b"w")).build()).unwrap();
    (0..2).for_each(|_| _ = append(&log, batch(1, b"behind")).unwrap());
    let written = read_all(&log, 1);
    fixture.directory.close().unwrap();
    drop((log, fixture));
    let disk = disk.killed();
    let (path, _) = files(&disk)[0].clone();
    // Length and magic: nothing tells where the next one begins.
    let at = written[0].size() as u64;
    disk.flip_bit(&path, at + 8, 6).unwrap();
    disk.flip_bit(&path, at + 16, 0).unwrap();
    let report = verify(&disk, &path).unwrap().remove(0);
    let bytes = at..at + written[1].size() as u64;
    let found: Vec<_> = report.damages.iter().map(|damage| (damage.bytes.clone(), damage.offsets.clone())).collect();
    assert_eq!((found, report.batches), (vec![(bytes, Offset::new(1)..Offset::new(3))], 3));
}

#[test]
fn log_14_a_whole_batch_between_two_damaged_ones_is_read_and_kept() {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, LogConfig { segment_bytes: 1 << 20, ..config() });
    (0..6).for_each(|at| _ = append(&log, batch(1, &[at; 60])).unwrap());
    let written = read_all(&log, 1);
    fixture.directory.close().unwrap();
    drop((log, fixture));
    let disk = disk.killed();
    let (path, size) = (files(&disk)[0].0.clone(), written[0].size() as u64);
    // Of the first nothing tells its length.
    let damage = |disk: &MemoryDisk| {
        disk.flip_bit(&path, size + 11, 4).unwrap();
        disk.flip_bit(&path, 3 * size + 90, 1).unwrap();
    };
    let running = disk.killed();
    let (_fixture, log) = opened(&running);
    damage(&running);
    assert_eq!(check(&log, &written, 1 << 20, "between"), [1, 3].into());
    damage(&disk);
    let repaired = repair(&disk, &path).unwrap().unwrap();
    let lost: Vec<_> = repaired.report.damages.iter().map(|damage| damage.offsets.start.get()).collect();
    assert_eq!((lost, repaired.report.batches, repaired.restored.len()), (vec![1, 3], 4, 1));
}

/// A partition's directory of its own: names of segments, and batches with two records each.
pub fn alone(segments: &[(i64, &[i64])]) -> (MemoryDisk, Vec<PathBuf>) {
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new("/copy/t-0")).unwrap();
    let written = segments.iter().map(|(name, bases)| {
        let place = |base: &i64| batch(2, b"v").place(Offset::new(*base), LeaderEpoch::ZERO).slices().concat();
        let path = PathBuf::from(format!("/copy/t-0/{name:020}.log"));
        disk.write_atomic(&path, &bases.iter().flat_map(place).collect::<Vec<u8>>()).unwrap();
        path
    });
    let paths = written.collect();
    (disk, paths)
}

#[test]
fn log_14_offsets_that_no_segment_has_room_for_get_files_of_their_own() {
    let (far, farther) = (5_000_000_000, 5_000_000_000_000_000);
    let (disk, paths) = alone(&[(0, &[0]), (far, &[far])]);
    let before = verify(&disk, Path::new("/copy/t-0")).unwrap();
    assert_eq!(before[0].damages[0].offsets, Offset::new(2)..Offset::new(far));
    repair(&disk, &paths[0]).unwrap().unwrap();
    let after = verify(&disk, Path::new("/copy/t-0")).unwrap();
    assert!(after.len() == 4 && after.iter().all(|one| one.damages.is_empty()), "{after:?}");
    let (disk, paths) = alone(&[(0, &[0]), (farther, &[farther])]);
    assert!(matches!(repair(&disk, &paths[0]), Err(OfflineError::TooMany { .. })));
    assert_eq!(disk.list(Path::new("/copy/t-0")).unwrap().len(), 2);
}

#[test]
fn off_12_a_repair_of_a_copy_keeps_the_offsets_that_its_damaged_end_speaks_of() {
    let (disk, paths) = alone(&[(0, &[0, 2])]);
    let len = disk.read(&paths[0]).unwrap().len() as u64;
    disk.flip_bit(&paths[0], len - 1, 1).unwrap();
    let repaired = repair(&disk, &paths[0]).unwrap().unwrap();
    assert_eq!(repaired.report.damages[0].offsets, Offset::new(2)..Offset::new(4));
}

#[test]
fn log_14_a_copy_of_a_compacted_partition_is_whole_without_its_notes() {
    for first in [&[0, 2, 8, 10][..], &[9, 11]] {
        let (disk, paths) = alone(&[(0, first), (20, &[20])]);
        let reports = verify(&disk, Path::new("/copy/t-0")).unwrap();
        assert!(reports.iter().all(|one| one.damages.is_empty()), "{reports:?}");
        assert!(repair(&disk, &paths[0]).unwrap().is_none());
    }
    // Notes know of no compaction: then records are missing, but the batch behind them is right.
    let (disk, paths) = alone(&[(0, &[0, 8, 10]), (20, &[20])]);
    let notes = [("recovery-point-offset-checkpoint", 22), ("log-start-offset-checkpoint", 0)];
    for (name, offset) in notes {
        let text = format!("0\n1\nt 0 {offset}\n");
        disk.write_atomic(&Path::new("/copy").join(name), text.as_bytes()).unwrap();
    }
    assert_eq!(repair(&disk, &paths[0]).unwrap().unwrap().restored.len(), 1);
    let report = verify(&disk, &paths[0]).unwrap().remove(0);
    assert_eq!((report.damages.len(), report.records), (0, 6), "{report:?}");
    // Where the others have all their records, one that is missing is; and one offset that no other confirms is wrong.
    let (disk, paths) = alone(&[(0, &[0, 2]), (8, &[8])]);
    assert_eq!(verify(&disk, &paths[0]).unwrap()[0].damages[0].offsets, Offset::new(4)..Offset::new(8));
    let (disk, paths) = alone(&[(0, &[0, 6, 4, 6]), (8, &[8])]);
    assert_eq!(verify(&disk, &paths[0]).unwrap()[0].damages[0].offsets, Offset::new(2)..Offset::new(4));
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
