//! A partition's directory put back from a backup where a longer log stood.
use super::*;
use crate::{log::LogError, platform::OpenMode};

fn config() -> LogConfig {
    LogConfig { index_interval_bytes: 1, segment_bytes: 400, ..LogConfig::default() }
}

fn at(name: &str) -> std::path::PathBuf {
    Path::new("/data/t-0").join(name)
}

/// All files of a partition's directory, as a copy has them.
fn copied(disk: &MemoryDisk) -> Vec<(String, Vec<u8>)> {
    let files = disk.list(Path::new("/data/t-0")).unwrap().into_iter();
    files.map(|file| (file.name.clone(), disk.read(&at(&file.name)).unwrap())).collect()
}

/// Five records are in the backup, of twelve that were acknowledged; the rest as an orderly stop or a kill leaves it.
fn with_backup(orderly: bool) -> MemoryDisk {
    with_backup_of(orderly, None)
}

/// As `with_backup`; the log's start was moved there before the kill.
fn with_backup_of(orderly: bool, start: Option<Offset>) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, config());
    (0..5).for_each(|sequence| _ = append_synced(&log, produced(7, 0, sequence, 1)));
    fixture.directory.close().unwrap();
    let backup = copied(&disk);
    drop((fixture, log));
    let (fixture, log) = started(&disk, config());
    (5..9).for_each(|sequence| _ = append_synced(&log, produced(7, 0, sequence, 1)));
    fixture.directory.checkpoint().unwrap();
    (9..12).for_each(|sequence| _ = append_synced(&log, produced(7, 0, sequence, 1)));
    if let Some(start) = start {
        log.advance_start(Some(start)).unwrap().wait().unwrap();
    }
    if orderly {
        fixture.directory.close().unwrap();
    }
    let left = disk.killed();
    left.remove_dir_all(Path::new("/data/t-0")).unwrap();
    left.create_dir_all(Path::new("/data/t-0")).unwrap();
    for (name, bytes) in backup {
        left.open(&at(&name), OpenMode::Create).unwrap().write_all_at(&bytes, 0).unwrap();
    }
    left.filesystem(Path::new("/data")).unwrap().sync().unwrap();
    left
}

fn refusal(disk: &MemoryDisk) -> String {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let refused = fixture.try_log(config());
    fixture.directory.finish_recovery().unwrap();
    let _ = fixture.directory.close();
    match refused {
        Err(error @ LogError::Damaged { .. }) => error.to_string(),
        other => panic!("{:?}", other.map(|log| log.bounds())),
    }
}

#[test]
fn log_14_a_log_that_ends_too_early_is_taken_once_somebody_says_so() {
    for orderly in [true, false] {
        let disk = with_backup(orderly);
        // Not only at the first start.
        for _ in 0..2 {
            let told = refusal(&disk);
            assert!(told.contains("make an empty file /data/t-0/ottla-as-it-is and start the broker again"), "{told}");
        }
        disk.open(&at("ottla-as-it-is"), OpenMode::Create).unwrap();
        let (fixture, log) = started(&disk, config());
        assert_eq!((log.bounds().high(), log.bounds().end()), (Offset::new(5), Offset::new(5)), "orderly {orderly}");
        assert!(!disk.exists(&at("ottla-as-it-is")));
        assert_eq!(append_synced(&log, produced(7, 0, 5, 1)).base, Offset::new(5));
        // Neither a crash nor a stop brings back what was known before, or takes away what came since.
        for left in [disk.crash(), disk.killed()] {
            let (_, log) = started(&left, config());
            assert_eq!((log.bounds().end(), read_all(&log, 1_000).len()), (Offset::new(6), 6), "orderly {orderly}");
            assert_eq!(log.producers()[0].last_sequence, Some(5));
        }
        fixture.directory.close().unwrap();
        let (_, log) = started(&disk.crash(), config());
        assert_eq!(log.bounds().end(), Offset::new(6), "orderly {orderly}");
    }
}

#[test]
fn log_14_a_crash_while_a_log_is_taken_as_it_is_leaves_it_so() {
    for orderly in [true, false] {
        let disk = with_backup(orderly);
        disk.open(&at("ottla-as-it-is"), OpenMode::Create).unwrap();
        disk.filesystem(Path::new("/data")).unwrap().sync().unwrap();
        for changes in 1..60 {
            let one = disk.killed();
            one.power_off_after(changes);
            let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_wall_ms(NOW_MS));
            let opened = LogDir::open(Arc::new(one.clone()), clock, Path::new("/data"), settings());
            if let Ok(directory) = opened {
                let _ = directory.open_log(&id(0), Arc::new(config()));
                let _ = directory.finish_recovery();
            }
            let left = one.crash();
            let (_, log) = started(&left, config());
            let what = format!("orderly {orderly}, {changes} changes");
            assert_eq!((log.bounds().end(), read_all(&log, 1_000).len()), (Offset::new(5), 5), "{what}");
        }
    }
}

/// Nothing of the backup is asked for any more: the log is as it was, and the backup's records are kept beside it.
#[test]
fn log_14_a_backup_below_a_start_that_was_moved_is_set_aside() {
    let disk = with_backup_of(false, Some(Offset::new(9)));
    let first = disk.read(&at("00000000000000000000.log")).unwrap();
    assert!(!first.is_empty());
    for _ in 0..2 {
        let (_, log) = started(&disk, config());
        assert_eq!((log.bounds().start(), log.bounds().end()), (Offset::new(9), Offset::new(12)));
        assert_eq!(read_all(&log, 1).len(), 3);
    }
    assert_eq!(disk.read(&at(&format!("00000000000000000000.log.left-{NOW_MS}"))).unwrap(), first);
}
