//! LOG-9: what a failed sync did not bring to the disk is not taken for safe by a later life, whose syncs know nothing of it.
use super::*;
use crate::platform::{Fault, MemoryDisk, OpenMode, OperationKind};

/// Many files are synced by one call for all of them.
fn config(on: OperationKind) -> LogConfig {
    let segment_bytes = if on == OperationKind::SyncFilesystem { 300 } else { 7_000 };
    LogConfig { segment_bytes, ..LogConfig::default() }
}

/// Records acknowledged and synced by the write-ahead log; then a checkpoint whose sync of this file fails.
fn failed(on: OperationKind, path: &str) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, config(on));
    (0..12).for_each(|at| _ = append_synced(&log, produced(7, 0, at, 1)));
    disk.inject(Fault::once(on, path));
    assert!(fixture.directory.checkpoint().is_err());
    assert!(fixture.directory.failure().is_some());
    // The kernel still shows what it did not write, and calls it clean.
    disk.killed()
}

#[test]
fn log_9_what_a_failed_sync_lost_is_written_again_by_the_next_life() {
    for (on, path) in
        [(OperationKind::Sync, ".log"), (OperationKind::SyncFilesystem, ""), (OperationKind::SyncDir, "t-0")]
    {
        let disk = failed(on, path);
        let (fixture, log) = started(&disk, config(on));
        append_synced(&log, produced(7, 0, 12, 1));
        fixture.directory.checkpoint().unwrap();
        append_synced(&log, produced(7, 0, 13, 1));
        fixture.directory.checkpoint().unwrap();
        let (_fixture, log) = started(&disk.crash(), config(on));
        assert_eq!(log.bounds().end(), Offset::new(14), "{on:?} {path}");
        let found: Vec<i64> = read_all(&log, 1).iter().map(|header| header.base_offset).collect();
        assert_eq!(found, (0..14).collect::<Vec<i64>>(), "{on:?} {path}");
    }
}

#[test]
fn log_9_what_others_have_put_beside_the_logs_is_not_written_again() {
    let disk = failed(OperationKind::Sync, ".log");
    for foreign in ["/data/README", "/data/lost+found/1"] {
        disk.create_dir_all(Path::new(foreign).parent().unwrap()).unwrap();
        disk.open(Path::new(foreign), OpenMode::Create).unwrap().write_all_at(b"x", 0).unwrap();
        disk.inject(Fault { times: u64::MAX, ..Fault::once(OperationKind::Open, foreign) });
    }
    let (_fixture, log) = started(&disk, config(OperationKind::Sync));
    assert_eq!(log.bounds().end(), Offset::new(12));
}

/// Whoever asks the kernel to sync all of a filesystem hears of what failed there, and nobody after that who has not held it before.
#[test]
fn log_9_a_failed_sync_that_somebody_else_was_told_of_is_one() {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, config(OperationKind::SyncFilesystem));
    (0..12).for_each(|at| _ = append_synced(&log, produced(7, 0, at, 1)));
    disk.inject(Fault::once(OperationKind::SyncFilesystem, ""));
    assert!(disk.filesystem(Path::new("/")).unwrap().sync().is_err());
    assert!(fixture.directory.checkpoint().is_err() && fixture.directory.failure().is_some());
    // What was lost before is of an earlier life, which has left a note.
    let (fixture, _log) = started(&disk.killed(), config(OperationKind::SyncFilesystem));
    fixture.directory.checkpoint().unwrap();
}

/// A filesystem that has no place for what is written back drops it, and tells nobody but who asked for it.
#[test]
fn log_9_a_write_back_that_failed_is_a_failed_sync() {
    let wide = LogConfig { segment_bytes: 8 << 20, ..LogConfig::default() };
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, wide.clone());
    (0..9).for_each(|_| _ = append_synced(&log, batch(1, &[7; 100_000])));
    let due = read_all(&log, 1);
    disk.inject(Fault::once(OperationKind::Writeback, ".log"));
    let told = (0..6).find_map(|_| append(&log, batch(1, &[7; 100_000])).err()).unwrap();
    assert!(matches!(told, AppendError::StorageFailed(_)), "{told:?}");
    assert!(fixture.directory.failure().is_some() && fixture.directory.checkpoint().is_err());
    let (fixture, log) = started(&disk.killed(), wide.clone());
    assert!(read_all(&log, 1).starts_with(&due));
    drop((log, fixture));
    let (_fixture, log) = started(&disk.crash(), wide);
    assert!(read_all(&log, 1).starts_with(&due));
}
