//! What a start knows of producers when the snapshots of them are lost.
use super::*;
use crate::platform::{Fault, MemoryDisk, OperationKind};

const POINTS: &str = "/data/recovery-point-offset-checkpoint";

fn small_segments() -> LogConfig {
    LogConfig { index_interval_bytes: 1, segment_bytes: 400, ..LogConfig::default() }
}

/// A stop, or a kill, behind a checkpoint of a log of several segments.
fn left(orderly: bool, batches: impl Iterator<Item = CheckedBatch>) -> (MemoryDisk, Vec<crate::log::ProducerView>) {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, small_segments());
    batches.for_each(|batch| _ = append_synced(&log, batch));
    assert!(log.segments() > 2);
    fixture.directory.checkpoint().unwrap();
    // Entries of the write-ahead log say no more than the checkpoint.
    append_synced(&fixture.directory.open_log(&id(1), Arc::new(small_segments())).unwrap(), batch(1, b"v"));
    fixture.directory.checkpoint().unwrap();
    if orderly {
        fixture.directory.close().unwrap();
    }
    (disk.killed(), log.producers())
}

fn snapshots(disk: &MemoryDisk) -> Vec<String> {
    let files = disk.list(Path::new("/data/t-0")).unwrap().into_iter().map(|file| file.name);
    files.filter(|name| name.ends_with(".snapshot")).collect()
}

fn remove_snapshots(disk: &MemoryDisk) {
    for name in snapshots(disk) {
        disk.remove_file(&Path::new("/data/t-0").join(name)).unwrap();
    }
}

#[test]
fn idem_10_lost_snapshots_are_made_again_from_all_of_the_log() {
    for orderly in [true, false] {
        let (disk, before) = left(orderly, (0..12).map(|at| produced(7, 1, at, 1)));
        assert!(!snapshots(&disk).is_empty());
        remove_snapshots(&disk);
        let (fixture, log) = started(&disk, small_segments());
        assert_eq!(fixture.directory.was_clean(), orderly);
        assert_eq!(log.producers(), before, "orderly: {orderly}");
        let again = append(&log, produced(7, 1, 9, 1)).unwrap();
        assert!(again.duplicate && again.base == Offset::new(9), "orderly: {orderly}");
        // Read once, and not at every start.
        assert!(!snapshots(&disk).is_empty(), "orderly: {orderly}");
    }
}

#[test]
fn idem_10_where_no_snapshot_was_ever_written_the_log_is_not_read_for_producers() {
    for orderly in [true, false] {
        let (disk, before) = left(orderly, (0..12).map(|_| batch(1, b"of no producer")));
        assert_eq!((before.len(), snapshots(&disk).len()), (0, 0));
        disk.inject(Fault { times: u64::MAX, ..Fault::once(OperationKind::Read, "t-0/00000000000000000000.log") });
        let (_, log) = started(&disk, small_segments());
        assert_eq!(log.bounds().end(), Offset::new(12), "orderly: {orderly}");
    }
}

#[test]
fn idem_10_another_brokers_notes_do_not_say_that_there_were_no_producers() {
    let (disk, before) = left(false, (0..12).map(|at| produced(7, 1, at, 1)));
    remove_snapshots(&disk);
    disk.write_atomic(Path::new(POINTS), b"0\n2\nt 0 12\nt 1 1\n").unwrap();
    let (_, log) = started(&disk, small_segments());
    assert_eq!(log.producers(), before);
}
