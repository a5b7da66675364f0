//! A power loss during a log's first checkpoint leaves its epochs, and no record that is synced: it is no log that was moved here.
use super::*;
use crate::{
    log::{SyncPolicy, checkpoint::Noted, log_dir::Checkpoints, names},
    platform::{Entry, OpenMode},
    types::TopicPartition,
};

const EPOCHS: &str = "/data/t-0/leader-epoch-checkpoint";

fn at() -> TopicPartition {
    id(0).topic_partition()
}

/// As a start would read them.
fn recovery_points(disk: &MemoryDisk) -> Noted {
    let bytes = disk.read(&Path::new("/data").join(names::RECOVERY_POINTS));
    bytes.map_or_else(|_| Noted::absent(), |bytes| Noted::read(&bytes).unwrap())
}

fn has_epochs(disk: &MemoryDisk) -> bool {
    disk.read(Path::new(EPOCHS)).is_ok_and(|bytes| !bytes.is_empty())
}

#[test]
fn log_13_epochs_are_noted_as_the_logs_own_before_they_are_there() {
    // The first one notes that the log is there; it may come before or after the records.
    for empty_first in [true, false] {
        let mut seen = 0;
        for changes in 1.. {
            let disk = MemoryDisk::new();
            let (fixture, log) = started(&disk, LogConfig::default());
            if empty_first {
                fixture.directory.checkpoint().unwrap();
                assert!(!recovery_points(&disk).is_begun(&at()), "there are no epochs yet");
            }
            (0..3).for_each(|sequence| _ = append_synced(&log, produced(7, 0, sequence, 1)));
            disk.power_off_after(changes);
            let done = fixture.directory.checkpoint().is_ok();
            if has_epochs(&disk.killed()) {
                seen += 1;
                let points = recovery_points(&disk.crash());
                let is_told = points.is_begun(&at()) || points.get(&at()) > Some(Offset::ZERO);
                assert!(is_told, "empty first {empty_first}, {changes} changes");
            }
            if done {
                assert_eq!(recovery_points(&disk.killed()).get(&at()), Some(Offset::new(3)));
                break;
            }
        }
        assert!(seen > 1, "empty first {empty_first}");
    }
}

#[test]
fn log_13_the_epochs_of_a_log_that_was_cut_to_nothing_are_its_own() {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, LogConfig::default());
    append_synced(&log, produced(7, 0, 0, 3));
    fixture.directory.checkpoint().unwrap();
    log.truncate_to(Offset::ZERO).unwrap();
    fixture.directory.checkpoint().unwrap();
    assert!(has_epochs(&disk.killed()));
    // Nobody takes them for those of a log that was moved here; and the next ones are noted as its own again.
    let (_, again) = started(&disk.killed(), LogConfig::default());
    assert_eq!(again.bounds().end(), Offset::ZERO);
    append_synced(&log, produced(7, 0, 0, 3));
    for changes in 1.. {
        let disk = disk.killed();
        let (fixture, log) = started(&disk, LogConfig::default());
        disk.power_off_after(changes);
        let done = fixture.directory.checkpoint().is_ok();
        drop((fixture, log));
        let left = disk.crash();
        let epochs = left.read(Path::new(EPOCHS)).unwrap_or_default();
        let points = recovery_points(&left);
        let is_told = points.is_begun(&at()) || points.get(&at()) > Some(Offset::ZERO);
        assert!(epochs.len() <= 4 || is_told, "{changes} changes");
        if done {
            break;
        }
    }
}

#[test]
fn log_13_a_log_that_was_moved_here_with_its_epochs_is_not_taken_for_begun_here() {
    for epochs in [&b"0\n1\n0 0\n"[..], b"not legible"] {
        let disk = MemoryDisk::new();
        let (fixture, log) = started(&disk, LogConfig::default());
        append_synced(&log, produced(7, 0, 0, 3));
        fixture.directory.close().unwrap();
        let other = Fixture::open(Arc::new(disk.clone()), Path::new("/other"));
        other.directory.close().unwrap();
        disk.rename(Path::new("/data/t-0"), Path::new("/other/t-0")).unwrap();
        let file = disk.open(Path::new("/other/t-0/leader-epoch-checkpoint"), OpenMode::Write).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(epochs, 0).unwrap();
        for changes in 1.. {
            let left = disk.killed();
            let other = Fixture::open(Arc::new(left.clone()), Path::new("/other"));
            let log = other.log(LogConfig::default());
            left.power_off_after(changes);
            let done = other.directory.checkpoint().is_ok();
            drop((other, log));
            let points = left.killed().read(&Path::new("/other").join(names::RECOVERY_POINTS)).unwrap_or_default();
            assert!(!Noted::read(&points).is_ok_and(|points| points.is_begun(&at())), "{changes} changes");
            if done {
                break;
            }
        }
    }
}

#[test]
fn log_13_what_a_first_checkpoint_left_is_asked_for_its_gaps() {
    let epochs = [Entry { name: names::EPOCH_CHECKPOINT.to_owned(), len: 8, is_dir: false }];
    let known = |marked: bool, log_start: Option<Offset>| {
        let mut checkpoints = Checkpoints { recovery_sealed: true, ..Checkpoints::default() };
        checkpoints.recovery.set(&at(), Some(Offset::ZERO));
        checkpoints.recovery.mark(&at(), marked);
        checkpoints.starts.set(&at(), log_start);
        let mut known = checkpoints.known(&at(), true);
        assert!(!known.has_snapshots);
        known.take_files(&epochs);
        (known.recovery_point, known.notes_lost, known.gaps_told_from)
    };
    let zero = Some(Offset::ZERO);
    assert_eq!(known(true, None), (None, false, zero));
    assert_eq!(known(true, zero), (zero, false, zero));
    // Put back where a new log was made in its place.
    assert_eq!(known(false, zero), (zero, true, None));
}

/// A new log of two segments and more, killed without its first one; the write-ahead log has nothing of it.
fn without_first(sync: SyncPolicy) -> (MemoryDisk, LogConfig, Offset) {
    let config = LogConfig { sync: SyncPolicy::PageCache, segment_bytes: 300, ..LogConfig::default() };
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(config.clone());
    (0..6).for_each(|_| _ = append(&log, batch(1, &[7; 100])).unwrap());
    let disk = disk.killed();
    drop((fixture, log));
    disk.remove_file(Path::new("/data/t-0/00000000000000000000.log")).unwrap();
    let files = disk.list(Path::new("/data/t-0")).unwrap();
    let second = files.iter().filter_map(|file| names::offset_of(&file.name, names::LOG)).min().unwrap();
    (disk, LogConfig { sync, ..config }, second)
}

/// Nothing of it was ever durable, and of its names that of the first segment did not get through: it begins anew, and what is there is
/// kept for whoever may have put it there.
#[test]
fn log_13_segments_behind_a_first_one_that_is_missing_are_not_the_log() {
    let (disk, config, second) = without_first(SyncPolicy::Wal);
    let path = format!("/data/t-0/{second:020}.log", second = second.get());
    let before = disk.read(Path::new(&path)).unwrap();
    let (_, log) = started(&disk, config);
    assert_eq!((log.bounds().start(), log.bounds().end()), (Offset::ZERO, Offset::ZERO));
    assert!(!disk.exists(Path::new(&path)));
    assert_eq!(disk.read(Path::new(&format!("{path}.left-{NOW_MS}"))).unwrap(), before);
}

#[test]
fn log_7_a_log_that_is_not_written_ahead_begins_where_its_files_do() {
    let (disk, config, second) = without_first(SyncPolicy::PageCache);
    let (_, log) = started(&disk, config);
    assert_eq!((log.bounds().start(), log.bounds().end()), (second, Offset::new(6)));
    assert_eq!(read_all(&log, 1).len() as i64, 6 - second.get());
}

/// The notes of how far it is synced and of its epochs are lost: it is no new log for that, and its gaps are of a time that nobody knows of.
#[test]
fn log_18_a_log_whose_notes_are_lost_is_not_noted_as_begun() {
    let config = LogConfig { compact: true, delete: false, segment_bytes: 300, ..LogConfig::default() };
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, config.clone());
    super::following::follow(&log, &[(0, 0, 1), (5, 0, 1), (9, 0, 1)], 9).unwrap();
    log.advance_high(log.bounds().end());
    log.advance_start(Some(Offset::new(5))).unwrap().wait().unwrap();
    let due = super::following::standing(&log);
    fixture.directory.close().unwrap();
    drop((fixture, log));
    for file in ["/data/recovery-point-offset-checkpoint", EPOCHS] {
        disk.remove_file(Path::new(file)).unwrap();
    }
    for changes in 1.. {
        let left = disk.killed();
        let fixture = Fixture::open(Arc::new(left.clone()), Path::new("/data"));
        let log = fixture.log(config.clone());
        left.power_off_after(changes);
        let done = fixture.directory.finish_recovery().is_ok() && fixture.directory.checkpoint().is_ok();
        drop((fixture, log));
        let (_fixture, log) = started(&left.killed(), config.clone());
        assert_eq!(super::following::standing(&log), due, "killed after {changes} changes");
        if done {
            break;
        }
    }
}
