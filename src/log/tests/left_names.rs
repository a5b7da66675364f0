//! Names that retention gave up, and of which a power loss brought some back: what stands from the log's start on is whole, and opened.
use super::{old_segments::config, *};
use crate::{
    log::{ProducerView, SyncPolicy, names},
    platform::OpenMode,
    types::{ProducerEpoch, ProducerId},
};
use std::path::PathBuf;

const FOLDER: &str = "/data/t-0";

fn append_plain(log: &Log, batches: usize) {
    (0..batches).for_each(|_| _ = append_synced(log, batch(1, &[7; 60])));
    log.advance_high(log.bounds().end());
}

fn of(disk: &MemoryDisk, suffix: &str) -> Vec<Offset> {
    let files = disk.list(Path::new(FOLDER)).unwrap().into_iter();
    files.filter_map(|file| names::offset_of(&file.name, suffix)).collect()
}

fn path(base: Offset, suffix: &str) -> PathBuf {
    Path::new(FOLDER).join(names::of_offset(base, suffix))
}

fn remove_segment(disk: &MemoryDisk, base: Offset) {
    disk.remove_file(&path(base, names::LOG)).unwrap();
    for suffix in names::INDEXES {
        let _ = disk.remove_file(&path(base, suffix));
    }
}

fn empty(disk: &MemoryDisk, file: &Path) {
    disk.open(file, OpenMode::Write).unwrap().set_len(0).unwrap();
}

/// The log is opened, from `start` to `end`, and all of it is read.
fn is_whole(disk: &MemoryDisk, start: Offset, end: Offset, why: &str) -> (Fixture, Arc<Log>) {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.try_log(config()).unwrap_or_else(|error| panic!("{why}: {error}"));
    fixture.directory.finish_recovery().unwrap();
    assert_eq!((log.bounds().start(), log.bounds().end()), (start, end), "{why}");
    let found: Vec<i64> = read_all(&log, 1).iter().map(|header| header.base_offset).collect();
    assert_eq!(found, (start.get()..end.get()).collect::<Vec<_>>(), "{why}");
    assert_eq!(fixture.directory.damages(), 0, "{why}");
    (fixture, log)
}

/// A log without producers, of which retention was to take the first segments: the epochs are lost or not, and one file's name in
/// the middle has gone alone.
#[test]
fn log_18_a_start_with_lost_epochs_begins_where_the_logs_start_is() {
    for (at, epochs_lost) in [(1, false), (2, false), (1, true), (2, true)] {
        for behind in [0, 8] {
            let disk = MemoryDisk::new();
            let (fixture, log) = started(&disk, config());
            append_plain(&log, 9 + usize::from(behind == 0) * 8);
            fixture.directory.checkpoint().unwrap();
            let noted = log.bounds().end();
            append_plain(&log, behind);
            // Into a segment behind the recovery point, or far below it.
            let start = Offset::new(if behind == 0 { 9 } else { 13 });
            log.advance_start(Some(start)).unwrap().wait().unwrap();
            append_plain(&log, behind / 4);
            let (end, left) = (log.bounds().end(), disk.killed());
            assert_eq!(start > noted, behind > 0);
            let bases = of(&left, names::LOG);
            // Of those below the start; with the second, where the start is behind it, the one that holds the recovery point.
            let holds_start = bases.iter().rposition(|base| *base <= start).unwrap();
            let below = &bases[..holds_start];
            let gone = if at == 1 { below[1] } else { *below.iter().rfind(|base| **base < noted).unwrap() };
            assert!(below.len() > 3, "{bases:?}");
            remove_segment(&left, gone);
            if epochs_lost {
                empty(&left, &Path::new(FOLDER).join(names::EPOCH_CHECKPOINT));
            }
            drop((log, fixture));
            let why = format!("{behind} behind, without {gone} of {bases:?}, epochs lost: {epochs_lost}");
            drop(is_whole(&left, start, end, &why));
            is_whole(&left.killed(), start, end, &format!("{why}, again"));
        }
    }
}

/// What producers and their transactions are known by.
fn known(log: &Log) -> Vec<(ProducerId, Option<ProducerEpoch>, Option<i32>, Option<Offset>)> {
    let one = |one: &ProducerView| (one.id, one.epoch, one.last_sequence, one.transaction_start);
    log.producers().iter().map(one).collect()
}

#[test]
fn ret_5_a_start_that_is_refused_takes_no_snapshot_away() {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, config());
    for at in 0..16 {
        append_synced(&log, produced(7, 0, at, 1));
    }
    fixture.directory.checkpoint().unwrap();
    let producers = known(&log);
    drop((log, fixture));
    let left = disk.killed();
    let (bases, snapshots) = (of(&left, names::LOG), of(&left, names::SNAPSHOT));
    let content = |disk: &MemoryDisk| {
        let read = |at: &Offset| disk.read(&path(*at, names::SNAPSHOT)).unwrap();
        of(disk, names::SNAPSHOT).iter().map(read).collect::<Vec<_>>()
    };
    let before = content(&left);
    assert!(bases.len() > 4 && snapshots.len() > 4);
    empty(&left, &Path::new(FOLDER).join(names::EPOCH_CHECKPOINT));
    // Damage below what was synced: two segments are looked at before it is met.
    let epochs = left.read(&path(bases[2], names::LOG)).unwrap();
    left.flip_bit(&path(bases[2], names::LOG), 80, 1).unwrap();
    let fixture = Fixture::open(Arc::new(left.clone()), Path::new("/data"));
    assert!(fixture.try_log(config()).is_err());
    drop(fixture);
    assert_eq!(of(&left, names::SNAPSHOT), snapshots);
    assert_eq!(content(&left), before);
    left.open(&path(bases[2], names::LOG), OpenMode::Write).unwrap().write_all_at(&epochs, 0).unwrap();
    let (_fixture, log) = started(&left, config());
    assert_eq!(known(&log), producers);
}

/// DeleteRecords went to the recovery point within a segment, and a power loss left of the batch behind it a header without its first
/// sector, which says offset 0; the start that was to tidy up had put away the snapshots when it was killed. What is synced is there.
#[test]
fn log_13_a_torn_header_behind_the_recovery_point_does_not_hide_what_is_synced() {
    let disk = MemoryDisk::new();
    let wide = LogConfig { segment_bytes: 1 << 20, ..config() };
    let (fixture, log) = started(&disk, wide.clone());
    (0..4).for_each(|at| _ = append_synced(&log, produced(7, 0, at, 1)));
    fixture.directory.checkpoint().unwrap();
    let recovery_point = log.bounds().end();
    let synced = disk.read(&path(Offset::ZERO, names::LOG)).unwrap();
    log.advance_high(recovery_point);
    log.advance_start(Some(recovery_point)).unwrap().wait().unwrap();
    append_synced(&log, produced(8, 0, 0, 1));
    let (end, producers) = (log.bounds().end(), known(&log));
    drop((log, fixture));
    let left = disk.killed();
    let segment = left.open(&path(Offset::ZERO, names::LOG), OpenMode::Write).unwrap();
    let first = BatchHeader::parse(&synced).unwrap();
    segment.write_all_at(&synced[..first.size()], synced.len() as u64).unwrap();
    empty(&left, &Path::new(FOLDER).join(names::EPOCH_CHECKPOINT));
    for at in of(&left, names::SNAPSHOT) {
        left.remove_file(&path(at, names::SNAPSHOT)).unwrap();
    }
    let fixture = Fixture::open(Arc::new(left.clone()), Path::new("/data"));
    let log = fixture.log(wide);
    fixture.directory.finish_recovery().unwrap();
    assert_eq!((log.bounds().start(), log.bounds().end()), (recovery_point, end));
    assert_eq!(known(&log), producers);
}

/// A topic that was written to the page cache for a while has records there that the write-ahead log never had; its start has moved
/// behind them, and a power loss took all names that it gave up, and those that were not durable yet.
#[test]
fn log_13_what_the_write_ahead_log_has_behind_a_hole_is_all_that_is_asked_for() {
    for before in [0, 5] {
        for start in [22, 24, 27] {
            let disk = MemoryDisk::new();
            let (fixture, log) = started(&disk, config());
            (0..5).for_each(|at| _ = append_synced(&log, produced(7, 0, at, 1)));
            fixture.directory.checkpoint().unwrap();
            (0..before).for_each(|at| _ = append_synced(&log, produced(8, 0, at, 1)));
            log.update_config(Arc::new(LogConfig { sync: SyncPolicy::PageCache, ..config() }));
            (0..15 - before).for_each(|at| _ = append(&log, produced(9, 0, at, 1)).unwrap());
            log.update_config(Arc::new(config()));
            (0..10).for_each(|at| _ = append_synced(&log, produced(10, 0, at, 1)));
            let (end, producers) = (log.bounds().end(), known(&log));
            assert_eq!(end, Offset::new(30));
            log.advance_high(end);
            log.advance_start(Some(Offset::new(start))).unwrap().wait().unwrap();
            log.delete_old_segments().unwrap();
            drop((log, fixture));
            let left = disk.killed();
            for base in of(&left, names::LOG) {
                // Up to the hole's end all names are durable.
                assert!(base > Offset::new(20), "{base}");
                remove_segment(&left, base);
            }
            let why = format!("{before} before the hole, from {start}");
            let (_fixture, log) = is_whole(&left, Offset::new(start), end, &why);
            assert_eq!(known(&log), producers, "{why}");
        }
    }
}

/// Retention, or DeleteRecords, leaves the log with a segment that was begun behind the last checkpoint. Of the names any may have got
/// through: what stands there is in the write-ahead log.
#[test]
fn log_13_any_names_may_be_left_of_a_log_whose_start_moved_to_its_recovery_point() {
    let mut seen = 0;
    for noted in 4..12 {
        let disk = MemoryDisk::new();
        let (fixture, log) = started(&disk, config());
        (0..noted).for_each(|at| _ = append_synced(&log, produced(7, 0, at, 1)));
        fixture.directory.checkpoint().unwrap();
        let recovery_point = log.bounds().end();
        (noted..20).for_each(|at| _ = append_synced(&log, produced(7, 0, at, 1)));
        let (end, producers) = (log.bounds().end(), known(&log));
        log.advance_high(end);
        log.advance_start(Some(recovery_point)).unwrap().wait().unwrap();
        drop((log, fixture));
        let left = disk.killed();
        let bases = of(&left, names::LOG);
        let Ok(begins) = bases.binary_search(&recovery_point) else { continue };
        let last = bases.len() - 1;
        assert!(begins > 1 && begins + 2 < last, "{bases:?}");
        seen += 1;
        let below_alone = |at: usize| at == 0;
        let behind_alone = |at: usize| at > begins;
        let one_behind = |at: usize| at == begins + 1;
        let none = |_: usize| false;
        let both = |at: usize| at == 0 || at > begins;
        let kept: [&dyn Fn(usize) -> bool; 5] = [&below_alone, &behind_alone, &one_behind, &none, &both];
        for (which, kept) in kept.into_iter().enumerate() {
            let one = left.killed();
            bases.iter().enumerate().filter(|(at, _)| !kept(*at)).for_each(|(_, base)| remove_segment(&one, *base));
            let why = format!("{recovery_point} noted, {bases:?}, kept as in {which}");
            let (_fixture, log) = is_whole(&one, recovery_point, end, &why);
            assert_eq!(known(&log), producers, "{why}");
            is_whole(&one.killed(), recovery_point, end, &format!("{why}, again"));
        }
    }
    assert!(seen > 1);
}
