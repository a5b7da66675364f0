//! LOG-5: the gaps of a follower's log, its cuts and its checkpoints, when the power goes at any moment between them.
use super::{
    following::{follow, standing},
    starts::with_meta,
    *,
};
use crate::platform::{MemoryDisk, SeededChance};

const PATH: &str = "/data";

fn config(compact: bool) -> LogConfig {
    LogConfig {
        compact,
        segment_bytes: 300,
        index_interval_bytes: 100,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

fn open(disk: &MemoryDisk, compact: bool) -> (Fixture, Arc<Log>) {
    started(disk, config(compact))
}

fn follow_synced(log: &Log, batches: &[(i64, i32, usize)]) {
    let end = follow(log, batches, 9).unwrap().end;
    wait_synced(log, end);
}

/// What may be left of a disk: all, only what was synced, and parts of the rest.
fn images(disk: &MemoryDisk, seed: u64) -> Vec<MemoryDisk> {
    let chance = SeededChance::new(seed);
    let mut images = vec![disk.killed(), disk.crash()];
    images.extend((0..3).flat_map(|_| [disk.crash_with(&chance), disk.crash_in_any_order(&chance)]));
    images
}

/// A start that the power ends after so many changes of the disk. False: it came to its own end.
fn start_until(disk: &MemoryDisk, compact: bool, changes: u64) -> bool {
    disk.power_off_after(changes);
    let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
    if let Ok(directory) = LogDir::open(Arc::new(disk.clone()), clock, Path::new(PATH), settings()) {
        let _ = directory.open_log(&id(0), Arc::new(config(compact))).map(|_| directory.finish_recovery());
    }
    disk.list(Path::new("/")).is_err()
}

#[test]
fn log_5_the_power_may_go_while_a_cut_in_a_gap_is_noted() {
    for compact in [true, false] {
        for changes in 1.. {
            let disk = MemoryDisk::new();
            let (fixture, log) = open(&disk, compact);
            follow_synced(&log, &[(0, 0, 5), (400, 0, 1), (401, 0, 2), (900, 0, 1)]);
            log.truncate_to(Offset::new(150)).unwrap();
            follow_synced(&log, &[(150, 1, 1), (300, 1, 1), (301, 1, 1)]);
            disk.power_off_after(changes);
            let noted = fixture.directory.checkpoint().is_ok();
            let due = [(0, 0, 4), (150, 1, 150), (300, 1, 300), (301, 1, 301)];
            for image in images(&disk, changes) {
                assert_eq!(standing(&open(&image, compact).1), due, "compact {compact}, after {changes} changes");
            }
            if noted {
                assert!(changes > 8, "the checkpoint took no changes of the disk");
                break;
            }
        }
    }
}

#[test]
fn log_5_a_start_after_a_cut_to_a_gap_leaves_the_name_where_the_log_goes_on() {
    let before = MemoryDisk::new();
    let (fixture, log) = open(&before, false);
    follow_synced(&log, &[(684, 0, 1), (1_000, 0, 1)]);
    fixture.directory.close().unwrap();
    for first in 1.. {
        let disk = before.killed();
        let (_fixture, log) = open(&disk, false);
        log.truncate_to(Offset::new(64)).unwrap();
        follow_synced(&log, &[(64, 1, 3)]);
        disk.power_off_after(first);
        let cut = log.truncate_to(Offset::new(40)).is_ok();
        for second in 1.. {
            let once = disk.killed();
            let cut_short = start_until(&once, false, second);
            let chance = SeededChance::new(first * 1_000 + second);
            for _ in 0..3 {
                let left = standing(&open(&once.crash_in_any_order(&chance), false).1);
                let is_right = left.is_empty() || (!cut && left == [(64, 1, 66)]);
                assert!(is_right, "cut short after {first}, then after {second}: {left:?}");
            }
            if !cut_short {
                break;
            }
        }
        if cut {
            break;
        }
    }
}

#[test]
fn log_5_a_cut_is_done_again_where_the_logs_start_was_moved_behind_it() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk, false);
    follow_synced(&log, &[(0, 0, 5), (5, 0, 3), (400, 0, 1), (900, 0, 1)]);
    fixture.directory.checkpoint().unwrap();
    log.truncate_to(Offset::new(150)).unwrap();
    follow_synced(&log, &[(150, 1, 3), (153, 1, 3), (500, 1, 3)]);
    log.advance_high(log.bounds().end());
    log.advance_start(Some(Offset::new(150))).unwrap().wait().unwrap();
    assert!(log.delete_old_segments().unwrap() > 0);
    let due = [(150, 1, 152), (153, 1, 155), (500, 1, 502)];
    assert_eq!(standing(&log), due);
    // Two starts, each cut short: the first takes all files away, the second begins to write them again.
    let mut emptied = 0;
    for first in 1.. {
        let once = disk.killed();
        if !start_until(&once, false, first) {
            break;
        }
        let left = once.killed();
        let files = left.list(Path::new("/data/t-0")).unwrap();
        if files.iter().any(|file| file.name.ends_with(".log")) {
            assert_eq!(standing(&open(&left, false).1), due, "cut short after {first}");
            continue;
        }
        emptied += 1;
        for second in 1.. {
            let twice = left.killed();
            let cut_short = start_until(&twice, false, second);
            for left in [twice.killed(), twice.crash()] {
                assert_eq!(standing(&open(&left, false).1), due, "cut short after {first}, then after {second}");
            }
            if !cut_short {
                break;
            }
        }
    }
    assert!(emptied > 0, "no start took all files away");
}

#[test]
fn log_5_what_comes_in_the_place_of_a_cut_is_not_taken_for_compacted() {
    let disk = MemoryDisk::new();
    let (fixture, log) = open(&disk, false);
    follow_synced(&log, &[(0, 0, 5), (400, 0, 1)]);
    fixture.directory.checkpoint().unwrap();
    assert_eq!(log.cleaned(), Some(Offset::new(400)));
    log.truncate_to(Offset::new(5)).unwrap();
    // Killed before a checkpoint: the next start finds the file cut already.
    let (fixture, log) = open(&disk.killed(), false);
    assert_eq!((log.bounds().end(), log.cleaned()), (Offset::new(5), Some(Offset::new(5))));
    fixture.directory.close().unwrap();
}

/// Kills the broker, or stops it in order.
fn end(disk: &mut MemoryDisk, opened: (Fixture, Arc<Log>), kill: bool) {
    if kill {
        *disk = disk.killed();
    } else {
        opened.0.directory.close().unwrap();
    }
}

/// The log as it is after a start, and after one more record, which a kill follows.
fn check_whole(disk: &MemoryDisk, path: &str, compact: bool, due: &[(i64, i32, i64)], what: &str) {
    let opened = |disk: &MemoryDisk| {
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(path));
        fixture.directory.found().unwrap();
        let log = fixture.log(config(compact));
        fixture.directory.finish_recovery().unwrap();
        (fixture, log)
    };
    let first = opened(disk);
    assert_eq!(standing(&first.1), due, "{what}");
    let next = first.1.bounds().end().get();
    follow_synced(&first.1, &[(next, 9, 1)]);
    let due = [due, &[(next, 9, next)]].concat();
    for left in [disk.killed(), disk.crash()] {
        assert_eq!(standing(&opened(&left).1), due, "{what}, one more record, killed");
    }
}

/// Compacted once; `compact`: still.
fn compacted(disk: &MemoryDisk, compact: bool) -> Vec<(i64, i32, i64)> {
    let (fixture, log) = open(disk, compact);
    follow_synced(&log, &[(3, 0, 3), (400, 0, 1), (401, 0, 2), (900, 0, 1)]);
    fixture.directory.close().unwrap();
    standing(&log)
}

#[test]
fn log_18_a_compacted_log_that_was_moved_by_hand_is_whole() {
    for compact in [true, false] {
        let disk = MemoryDisk::new();
        let due = compacted(&disk, compact);
        let elsewhere = || Fixture::open(Arc::new(disk.clone()), Path::new("/other"));
        elsewhere().directory.close().unwrap();
        // Where no notes speak of it; and back, with more records than its old notes know of.
        disk.rename(Path::new("/data/t-0"), Path::new("/other/t-0")).unwrap();
        check_whole(&disk.killed(), "/other", compact, &due, &format!("compact {compact}, moved"));
        let fixture = elsewhere();
        let log = fixture.log(config(compact));
        fixture.directory.finish_recovery().unwrap();
        follow_synced(&log, &[(1_500, 0, 1), (2_000, 0, 1)]);
        let due = standing(&log);
        fixture.directory.close().unwrap();
        drop((fixture, log));
        let left = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        left.directory.found().unwrap();
        left.directory.close().unwrap();
        drop(left);
        disk.rename(Path::new("/other/t-0"), Path::new("/data/t-0")).unwrap();
        check_whole(&disk, "/data", compact, &due, &format!("compact {compact}, moved back"));
    }
}

#[test]
fn log_18_a_compacted_log_that_was_put_back_after_a_start_without_it_is_whole() {
    let (name, aside) = (Path::new("/data/t-0"), Path::new("/aside"));
    for (compact, records, kill) in
        [true, false].into_iter().flat_map(|compact| [(compact, 0, false), (compact, 0, true), (compact, 1, false)])
    {
        let mut disk = MemoryDisk::new();
        let due = compacted(&disk, compact);
        disk.rename(name, aside).unwrap();
        let opened = open(&disk, compact);
        assert_eq!(standing(&opened.1), []);
        if records > 0 {
            follow_synced(&opened.1, &[(0, 0, records)]);
        }
        end(&mut disk, opened, kill);
        disk.remove_dir_all(name).unwrap();
        disk.rename(aside, name).unwrap();
        check_whole(&disk, "/data", compact, &due, &format!("compact {compact}, {records} records, killed {kill}"));
    }
}

#[test]
fn log_5_a_gap_of_a_log_that_nothing_is_known_of_is_no_work_of_compaction() {
    let chance = SeededChance::new(3);
    for round in 0..60 {
        let disk = MemoryDisk::new();
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
        fixture.directory.finish_recovery().unwrap();
        // From here on the directory has notes, which do not speak of the log.
        fixture.directory.checkpoint().unwrap();
        let log = fixture.directory.open_log(&id(0), Arc::new(config(true))).unwrap();
        // The write-ahead log may have it or not: nobody was told.
        follow(&log, &[(0, 0, 3), (3, 0, 3), (480, 0, 3), (483, 0, 3), (900, 0, 1)], 0).unwrap();
        let whole = [(0, 0, 2), (3, 0, 5), (480, 0, 482), (483, 0, 485), (900, 0, 900)];
        let (_fixture, log) = open(&disk.crash_with(&chance), true);
        let left = standing(&log);
        assert_eq!(left, whole[..left.len()], "round {round}");
        // Nobody would ask the leader for what stood below the end.
        let next = whole.get(left.len()).map_or(i64::MAX, |next| next.0);
        assert!(log.bounds().end().get() <= next, "round {round}: the log ends at {}", log.bounds().end());
    }
}

#[test]
fn log_18_a_log_with_gaps_whose_notes_were_lost_is_whole_in_every_later_start() {
    let lost = ["recovery-point-offset-checkpoint", "t-0/leader-epoch-checkpoint"];
    let more = ["cleaner-offset-checkpoint", "log-start-offset-checkpoint"];
    let lives = [true, false].into_iter().flat_map(|compact| [(compact, true), (compact, false)]);
    for ((compact, is_opened), gone) in lives.flat_map(|life| (0..=more.len()).map(move |gone| (life, gone))) {
        let mut disk = MemoryDisk::new();
        let due = compacted(&disk, compact);
        for name in lost.iter().chain(&more[..gone]) {
            disk.remove_file(&Path::new(PATH).join(name)).unwrap();
        }
        let what = format!("compact {compact}, opened {is_opened}, {gone} files more are gone");
        // The notes are written anew before the log is looked at.
        for _ in 0..2 {
            let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
            fixture.directory.finish_recovery().unwrap();
            if is_opened {
                assert_eq!(standing(&fixture.log(config(compact))), due, "{what}");
            }
            disk = disk.killed();
        }
        // One beside the second start may have come this far, but not to this log.
        let _ = disk.remove_file(&Path::new(PATH).join(lost[1]));
        disk.write_atomic(&Path::new(PATH).join(lost[0]), b"0\n0\n").unwrap();
        check_whole(&disk, PATH, compact, &due, &format!("{what}, noted without it"));
    }
}

#[test]
fn log_18_a_log_with_gaps_whose_notes_were_all_lost_is_whole_in_every_later_start() {
    for (compact, is_cut_short) in [true, false].into_iter().flat_map(|compact| [(compact, true), (compact, false)]) {
        let mut disk = MemoryDisk::new();
        with_meta(&disk);
        let due = compacted(&disk, compact);
        for folder in [PATH, "/data/t-0"] {
            for file in disk.list(Path::new(folder)).unwrap().iter().filter(|file| file.name.ends_with("-checkpoint")) {
                disk.remove_file(&Path::new(folder).join(&file.name)).unwrap();
            }
        }
        for life in 0..3 {
            let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
            if is_cut_short && life == 0 {
                // The background's, before all logs are open.
                fixture.directory.checkpoint().unwrap();
                disk = disk.killed();
                continue;
            }
            if fixture.directory.starts_lost() {
                // As the broker's start does.
                assert_eq!(standing(&fixture.log(config(compact))), due, "compact {compact}, life {life}");
            }
            fixture.directory.finish_recovery().unwrap();
            disk = disk.killed();
        }
        check_whole(&disk, PATH, compact, &due, &format!("compact {compact}, cut short {is_cut_short}"));
    }
}
