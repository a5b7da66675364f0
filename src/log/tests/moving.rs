//! A log goes to another directory while it is served: nothing is lost, whatever ends the move.
mod beside;
mod duplicates;
mod killed;

use super::*;
use crate::{
    log::{
        Cleaner, CleanerSettings, Closed, LogError, MoveError, Moving, Progress, ReadError, SyncPolicy,
        settle_duplicates,
    },
    platform::{Fault, FaultEffect, MemoryDisk, OpenMode, Operation, OperationKind, SeededChance, SystemClock},
    types::LogBounds,
};

const PATHS: [&str; 2] = ["/a", "/b"];

fn config() -> LogConfig {
    LogConfig { segment_bytes: 700, index_interval_bytes: 200, sync: SyncPolicy::Wal, ..LogConfig::default() }
}

fn compacted() -> LogConfig {
    LogConfig { compact: true, delete: false, dirty_ratio_min: 0.0, ..config() }
}

/// A broker's two directories, and the log in the one that has it.
struct Life {
    directories: Vec<Arc<LogDir>>,
    held: Vec<usize>,
    log: Arc<Log>,
}

impl Life {
    fn begin(disk: &MemoryDisk) -> Life {
        Life::begin_with(disk, settings(), config())
    }

    fn begin_with(disk: &MemoryDisk, settings: LogDirSettings, config: LogConfig) -> Life {
        let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let open = |path: &&str| {
            let disk = Arc::new(disk.clone()) as Arc<dyn Disk>;
            LogDir::open(disk, clock.clone() as Arc<dyn Clock>, Path::new(path), settings.clone()).unwrap()
        };
        let directories: Vec<Arc<LogDir>> = PATHS.iter().map(open).collect();
        let found = directories.iter().map(|directory| directory.found().unwrap()).collect();
        let found = settle_duplicates(&directories, found).unwrap();
        let held: Vec<usize> = (0..2).filter(|at| found[*at].contains(&id(0))).collect();
        assert!(held.len() < 2, "in one directory at most");
        let log = directories[held.first().copied().unwrap_or(0)].open_log(&id(0), Arc::new(config)).unwrap();
        let weak = Arc::downgrade(&log);
        log.on_synced(Box::new(move |synced| _ = weak.upgrade().map(|log| log.advance_high(synced))));
        log.advance_high(log.synced_mark().get());
        directories.iter().for_each(|directory| directory.finish_recovery().unwrap());
        Life { directories, held, log }
    }

    fn moving(&self, from: usize) -> Result<Moving, MoveError> {
        let [from, to] = [from, 1 - from].map(|at| self.directories[at].clone());
        moving_to(&self.log, from, to)
    }

    fn close(self) {
        self.directories.iter().for_each(|directory| directory.close().unwrap());
    }
}

/// One that does not begin leaves nothing.
fn moving_to(log: &Arc<Log>, from: Arc<LogDir>, to: Arc<LogDir>) -> Result<Moving, MoveError> {
    let progress = Progress::begin(&to, log.id())?;
    let moving = Moving::begin(log.clone(), from, to.clone(), progress.clone());
    moving.inspect_err(|_| progress.abandon(&to))
}

fn abandon(moving: &Moving) {
    moving.progress.abandon(&moving.to);
}

fn fill(log: &Log, batches: std::ops::Range<u8>) {
    batches.for_each(|at| _ = append_synced(log, batch(1 + at as usize % 3, &[at; 60])));
}

/// Twelve batches of which some are in the write-ahead log only, and a moved beginning.
fn written() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let life = Life::begin(&disk);
    fill(&life.log, 0..6);
    life.directories[0].checkpoint().unwrap();
    fill(&life.log, 6..12);
    life.log.advance_start(Some(Offset::new(2))).unwrap().wait().unwrap();
    assert!(life.log.segments() > 2);
    disk.killed()
}

/// Where it stands once all is committed: a mark that tells of the sync goes ahead of the high watermark by a moment.
fn settled(log: &Log) -> LogBounds {
    while log.bounds().high() < log.bounds().end() {
        std::thread::yield_now();
    }
    log.bounds()
}

fn go_on(_: u64) -> bool {
    true
}

#[test]
fn ops_2_a_log_moves_while_it_is_written_and_read() {
    let disk = written();
    let life = Life::begin(&disk);
    let mut moving = life.moving(0).unwrap();
    let progress = moving.progress.clone();
    moving.catch_up(&mut go_on).unwrap();
    assert_eq!(progress.reached(), life.log.bounds().end());
    // The last segment grows, others follow it; old ones go.
    fill(&life.log, 12..20);
    assert!(progress.reached() < life.log.bounds().end());
    life.log.update_config(Arc::new(LogConfig { retention_bytes: Some(1_500), ..config() }));
    assert!(life.log.delete_old_segments().unwrap() > 0);
    let bounds = settled(&life.log);
    let before = (read_all(&life.log, 1), bounds, life.log.producers());
    moving.finish().unwrap();
    drop(moving);
    assert_eq!((read_all(&life.log, 1), life.log.bounds(), life.log.producers()), before);
    assert_eq!(life.log.path(), Path::new("/b/t-0"));
    assert!(!disk.exists(Path::new("/a/t-0")) && life.directories[0].logs().is_empty());
    assert_eq!(progress.bytes(), life.log.size_bytes());
    // It is one of the other directory's in all respects.
    fill(&life.log, 20..24);
    life.directories[1].checkpoint().unwrap();
    let bounds = settled(&life.log);
    let kept = read_all(&life.log, 1);
    life.close();
    let life = Life::begin(&disk);
    assert_eq!((life.held.as_slice(), read_all(&life.log, 1), life.log.bounds()), (&[1][..], kept, bounds));
    assert_eq!(life.directories[1].damages(), 0);
    // And back, twice.
    for from in [1, 0] {
        let mut moving = life.moving(from).unwrap();
        moving.catch_up(&mut go_on).unwrap();
        moving.finish().unwrap();
        append_synced(&life.log, batch(1, b"more"));
    }
    let end = life.log.bounds().end();
    drop(life);
    assert_eq!(Life::begin(&disk.killed()).log.bounds().end(), end);
}

#[test]
fn ops_2_a_move_that_is_called_off_or_has_no_room_changes_nothing() {
    let disk = written();
    let life = Life::begin(&disk);
    let before = read_all(&life.log, 1);
    let mut moving = life.moving(0).unwrap();
    assert!(matches!(moving.catch_up(&mut |_| false), Err(MoveError::CalledOff)));
    abandon(&moving);
    let left = disk.killed();
    for on in [OperationKind::Write, OperationKind::Sync, OperationKind::SyncDir, OperationKind::Rename] {
        let disk = left.killed();
        let life = Life::begin(&disk);
        // The first rename is that of a file in the copy.
        disk.inject(Fault::once(on, "-future").after(u64::from(on == OperationKind::Rename)));
        let moved = life.moving(0).and_then(|mut moving| {
            let moved = moving.catch_up(&mut go_on).and_then(|()| moving.finish());
            abandon(&moving);
            moved
        });
        disk.clear_faults();
        assert!(matches!(moved, Err(MoveError::Io { .. })), "{on:?}: {moved:?}");
        assert!(read_all(&life.log, 1).starts_with(&before), "{on:?}");
        // The device of the other directory has failed, and nothing is tried there again (LOG-9).
        assert!(life.directories[1].failure().is_some() && life.directories[0].failure().is_none(), "{on:?}");
        assert!(matches!(life.moving(0), Err(MoveError::Directory(_))), "{on:?}");
        // Where nobody knows whether the name was given, neither copy is written any more.
        let appended = append(&life.log, batch(1, b"goes on"));
        assert_eq!(appended.is_ok(), on != OperationKind::Rename, "{on:?}: {appended:?}");
        assert!(read_all(&Life::begin(&disk.killed()).log, 1).starts_with(&before), "{on:?}");
    }
}

#[test]
fn ops_2_a_copy_on_its_way_is_no_remains_of_an_earlier_life() {
    let life = Life::begin(&written());
    let before = read_all(&life.log, 1);
    let mut moving = life.moving(0).unwrap();
    // Somebody looks for what deleted topics have left.
    life.directories.iter().for_each(|directory| {
        directory.found().unwrap();
        directory.remove_left(std::time::Duration::MAX);
    });
    moving.catch_up(&mut go_on).unwrap();
    moving.finish().unwrap();
    assert_eq!((life.log.path(), read_all(&life.log, 1)), (Path::new("/b/t-0").into(), before));
    assert!(life.directories[1].unfinished().is_empty());
}

#[test]
fn log_17_a_crash_at_any_step_of_a_move_leaves_the_log_in_one_place() {
    let (mut steps, mut places) = (0, [0; 2]);
    for step in 0.. {
        let disk = written();
        let life = Life::begin(&disk);
        let before = read_all(&life.log, 1);
        let bounds = life.log.bounds();
        disk.power_off_after(step);
        let moved = life.moving(0).and_then(|mut moving| {
            moving.catch_up(&mut go_on)?;
            moving.finish()
        });
        steps = step;
        for seed in 0..4 {
            let left = match seed {
                0 => disk.killed(),
                1 => disk.crash(),
                _ => disk.crash_in_any_order(&SeededChance::new(step * 10 + seed)),
            };
            let after = Life::begin(&left);
            assert_eq!(
                (read_all(&after.log, 1), after.log.bounds().end()),
                (before.clone(), bounds.end()),
                "{step} {seed}"
            );
            assert_eq!(after.log.bounds().start(), bounds.start(), "{step} {seed}");
            let place = after.held[0];
            places[place] += 1;
            assert!(moved.is_err() || place == 1, "{step} {seed}");
            // It is written there, and found there.
            fill(&after.log, 50..53);
            let end = after.log.bounds().end();
            drop(after);
            let again = Life::begin(&left.killed());
            assert_eq!((again.held.as_slice(), again.log.bounds().end()), (&[place][..], end), "{step} {seed}");
        }
        if moved.is_ok() {
            break;
        }
    }
    assert!(steps > 20 && places.iter().all(|count| *count > 0), "{steps} steps, {places:?}");
}

#[test]
fn readers_and_writers_do_not_notice_a_move() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
    let open = |name: &str| {
        LogDir::open(Arc::new(RealDisk), clock.clone() as Arc<dyn Clock>, &dir.path().join(name), settings()).unwrap()
    };
    let directories = [open("a"), open("b")];
    let config = LogConfig { segment_bytes: 20_000, ..config() };
    let log = directories[0].open_log(&id(0), Arc::new(config)).unwrap();
    let weak = Arc::downgrade(&log);
    log.on_synced(Box::new(move |synced| _ = weak.upgrade().map(|log| log.advance_high(synced))));
    directories.iter().for_each(|directory| directory.finish_recovery().unwrap());
    fill(&log, 0..20);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let is_over = || stop.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut count = 0;
            while !is_over() {
                append_synced(&log, batch(1, b"while it moves"));
                count += 1;
            }
            count
        });
        let reader = scope.spawn(|| {
            let (mut at, mut passes) = (Offset::ZERO, 0);
            while !is_over() {
                match log.read(at, ReadLimit::High, 300, true) {
                    Ok(read) => at = headers_of(&read).last().map_or(Offset::ZERO, |last| last.last().unwrap().next()),
                    Err(ReadError::OutOfRange { .. }) => at = Offset::ZERO,
                    Err(other) => panic!("{at}: {other}"),
                }
                passes += 1;
            }
            passes
        });
        for round in 0..4 {
            let [from, to] = [round % 2, 1 - round % 2].map(|at| directories[at].clone());
            let mut moving = moving_to(&log, from, to).unwrap();
            moving.catch_up(&mut go_on).unwrap();
            moving.finish().unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(writer.join().unwrap() > 0 && reader.join().unwrap() > 0);
    });
    let headers = read_all(&log, 1 << 20);
    let end = log.bounds().end();
    assert!(headers.windows(2).all(|pair| pair[0].last().unwrap().next().get() == pair[1].base_offset));
    assert_eq!(headers.last().unwrap().last().unwrap().next(), end);
    assert_eq!(directories.iter().map(|directory| directory.damages()).sum::<u64>(), 0);
    assert_eq!(wait_for(log.high_mark(), end).map_err(|closed: Closed| closed), Ok(end));
    let deleted = directories[0].delete_log(&log);
    assert!(deleted.is_ok() || matches!(deleted, Err(LogError::Io { .. })));
}

#[test]
fn cmp_11_a_move_in_the_middle_of_compaction_puts_it_off() {
    for step in 1.. {
        let disk = MemoryDisk::new();
        let life = Life::begin_with(&disk, settings(), compacted());
        for at in 0..30u8 {
            let builder = BatchBuilder::new(NOW_MS).record(Some(&[at % 2]), Some(&[at; 60]));
            append_synced(&life.log, builder.build());
        }
        settled(&life.log);
        life.directories[0].checkpoint().unwrap();
        let (done, before) = (std::cell::Cell::new(0), read_all(&life.log, 1).len());
        let spend = |_| {
            done.set(done.get() + 1);
            if done.get() == step {
                let mut moving = life.moving(0).unwrap();
                moving.catch_up(&mut go_on).and_then(|()| moving.finish()).unwrap();
            }
            true
        };
        let cleaned = crate::log::compaction::clean_in_test(&life.log, &spend);
        if done.get() < step {
            assert!(step > 20, "{step}");
            break;
        }
        assert!(cleaned.as_ref().map_or_else(|error| !error.is_of_log(), |()| true), "{step}: {cleaned:?}");
        let names = disk.list(Path::new("/b/t-0")).unwrap().into_iter().map(|entry| entry.name);
        let passing = |name: &String| name.ends_with(".cleaned") || name.ends_with(".swap");
        assert_eq!(names.filter(passing).collect::<Vec<_>>(), [""; 0], "{step}");
        // The next run does what is left.
        crate::log::compaction::clean_in_test(&life.log, &go_on).unwrap();
        let kept = read_all(&life.log, 1);
        assert!(kept.len() < before && kept.last().unwrap().base_offset == 29, "{step}: {}", kept.len());
        assert!(life.directories.iter().all(|directory| directory.failure().is_none()), "{step}");
        drop(life);
        assert_eq!(read_all(&Life::begin_with(&disk.killed(), settings(), compacted()).log, 1), kept, "{step}");
    }
}

/// What is done once, while the first segment is copied.
fn meanwhile<'a>(mut what: impl FnMut() + 'a) -> impl FnMut(u64) -> bool + 'a {
    let mut is_done = false;
    move |_| {
        if !std::mem::replace(&mut is_done, true) {
            what();
        }
        true
    }
}

#[test]
fn ret_1_old_segments_go_while_the_log_moves() {
    let life = Life::begin(&written());
    // More segments than files may be open.
    life.log.all_segments().iter().for_each(|segment| segment.close_file());
    let mut moving = life.moving(0).unwrap();
    let progress = moving.progress.clone();
    let mut retention = meanwhile(|| {
        life.log.update_config(Arc::new(LogConfig { retention_bytes: Some(800), ..config() }));
        assert!(life.log.delete_old_segments().unwrap() > 1);
    });
    moving.catch_up(&mut retention).unwrap();
    moving.finish().unwrap();
    let bounds = settled(&life.log);
    assert!(bounds.start() > Offset::new(2));
    assert_eq!((life.log.path(), progress.bytes()), (Path::new("/b/t-0").into(), life.log.size_bytes()));
    assert_eq!(read_all(&life.log, 1).last().unwrap().last().unwrap().next(), bounds.end());
    assert!(life.directories.iter().all(|directory| directory.failure().is_none()));
}

/// Thirty records of two keys, to be compacted.
fn with_two_keys() -> Life {
    let life = Life::begin_with(&MemoryDisk::new(), settings(), compacted());
    for at in 0..30u8 {
        append_synced(&life.log, BatchBuilder::new(NOW_MS).record(Some(&[at % 2]), Some(&[at; 60])).build());
    }
    settled(&life.log);
    life
}

#[test]
fn cmp_11_what_is_told_of_a_copy_does_not_count_what_was_never_copied() {
    let life = with_two_keys();
    life.directories[0].checkpoint().unwrap();
    // More segments than files may be open.
    let old = life.log.all_segments();
    let close = || old.iter().for_each(|segment| segment.close_file());
    close();
    let mut moving = life.moving(0).unwrap();
    let progress = moving.progress.clone();
    let size = life.log.size_bytes();
    let mut compaction = meanwhile(|| {
        crate::log::compaction::clean_in_test(&life.log, &go_on).unwrap();
        close();
    });
    let mut told = Vec::new();
    let mut spend = |bytes| {
        told.push(progress.bytes());
        compaction(bytes)
    };
    moving.catch_up(&mut spend).unwrap();
    moving.catch_up(&mut spend).unwrap();
    moving.finish().unwrap();
    assert!(told.iter().all(|bytes| *bytes <= size), "{size}: {told:?}");
    assert_eq!(progress.bytes(), life.log.size_bytes());
}

/// The write-ahead logs make and retire files beside.
fn used_at_rest(disk: &MemoryDisk) -> u64 {
    let mut used = [0, 1, 2];
    while used != [used[0]; 3] {
        let pause = std::time::Duration::from_millis(10);
        parking_lot::Condvar::new().wait_for(&mut parking_lot::Mutex::new(()).lock(), pause);
        used = [used[1], used[2], disk.used_bytes()];
    }
    used[0]
}

#[test]
fn ops_3_a_copy_leaves_what_is_kept_back() {
    const KEPT_BACK_BYTES: u64 = 100_000;
    let limits = LogDirSettings { disk_headroom_bytes: KEPT_BACK_BYTES, ..settings() };
    let headroom = KEPT_BACK_BYTES + limits.wal.file_bytes;
    // Too little for all of it; and enough, but for somebody who writes meanwhile, when nobody asks the disk.
    for is_enough in [false, true] {
        let disk = written();
        let life = Life::begin_with(&disk, limits.clone(), config());
        let (before, size, to) = (read_all(&life.log, 1), life.log.size_bytes(), &life.directories[1]);
        let room = if is_enough { size + 500 } else { size / 2 };
        disk.limit_capacity(Some(used_at_rest(&disk) + headroom + room));
        life.directories.iter().for_each(|directory| directory.look_at_space());
        let mut other = meanwhile(|| {
            let bytes = usize::try_from(size / 2).unwrap();
            assert!(to.take_room(size / 2));
            disk.open(Path::new("/b/other"), OpenMode::Create).unwrap().write_all_at(&vec![0; bytes], 0).unwrap();
        });
        let begun = life.moving(0);
        assert_eq!(begun.is_ok(), is_enough, "{:?}", begun.err());
        let copied = begun.and_then(|mut moving| {
            let copied = moving.catch_up(&mut other);
            assert!(disk.free_bytes(Path::new("/b")).unwrap() >= headroom);
            abandon(&moving);
            copied
        });
        assert!(matches!(copied, Err(MoveError::Full { .. })), "{copied:?}");
        assert_eq!(to.free_bytes(), disk.free_bytes(Path::new("/b")).unwrap());
        assert!(disk.list(Path::new("/b")).unwrap().iter().all(|entry| !entry.name.ends_with("-future")));
        assert_eq!(read_all(&life.log, 1), before);
        // A disk that is found full fails nothing.
        disk.limit_capacity(None);
        life.directories.iter().for_each(|directory| directory.look_at_space());
        let full = FaultEffect::Error(std::io::ErrorKind::StorageFull);
        disk.inject(Fault::once(OperationKind::Write, "-future").after(2).with(full));
        let mut moving = life.moving(0).unwrap();
        let moved = moving.catch_up(&mut go_on).and_then(|()| moving.finish());
        assert!(matches!(moved, Err(MoveError::Full { .. })), "{moved:?}");
        abandon(&moving);
        append_synced(&life.log, batch(1, b"goes on"));
        assert!(life.directories.iter().all(|directory| directory.failure().is_none()));
    }
}

#[test]
fn log_15_a_log_whose_first_file_is_lost_can_move() {
    let disk = MemoryDisk::new();
    let life = Life::begin(&disk);
    fill(&life.log, 0..12);
    let whole_from = life.log.all_segments()[1].base();
    life.close();
    disk.remove_file(Path::new("/a/t-0/00000000000000000000.log")).unwrap();
    let life = Life::begin(&disk);
    let as_it_was = |life: &Life| {
        let lost = life.log.read(Offset::ZERO, ReadLimit::End, 1_000, true).unwrap_err();
        assert!(matches!(lost, ReadError::Damaged { .. }), "{lost}");
        let read = life.log.read(whole_from, ReadLimit::End, 1, true).unwrap();
        assert_eq!(headers_of(&read)[0].base(), Some(whole_from));
        (life.log.bounds(), life.log.size_bytes())
    };
    let before = as_it_was(&life);
    let files = disk.list(Path::new("/a/t-0")).unwrap().into_iter().filter(|file| file.name.ends_with(".log"));
    assert_eq!(before.1, files.map(|file| file.len).sum::<u64>());
    let mut moving = life.moving(0).unwrap();
    moving.catch_up(&mut go_on).and_then(|()| moving.finish()).unwrap();
    assert_eq!((life.log.path(), as_it_was(&life)), (Path::new("/b/t-0").into(), before));
    drop(life);
    let life = Life::begin(&disk.killed());
    assert_eq!((life.held.as_slice(), as_it_was(&life)), (&[1][..], before));
}

#[test]
fn cmp_11_how_far_a_log_is_clean_is_noted_where_it_has_moved_meanwhile() {
    let life = with_two_keys();
    // Slow enough for the move to come while it looks for keys.
    let limits = CleanerSettings { bytes_per_second: life.log.size_bytes() as f64, ..CleanerSettings::default() };
    let cleaner = Cleaner::new(life.directories.clone(), Arc::new(SystemClock::new()), limits);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| cleaner.clean_dirtiest());
        std::thread::sleep(std::time::Duration::from_millis(200));
        let mut moving = life.moving(0).unwrap();
        moving.catch_up(&mut go_on).and_then(|()| moving.finish()).unwrap();
        assert!(run.join().unwrap());
    });
    let noted = life.directories[1].checkpoints.lock().cleaned.get(&id(0).topic_partition());
    assert_eq!((cleaner.totals().runs, noted.is_some(), noted), (1, true, life.log.cleaned()));
}
