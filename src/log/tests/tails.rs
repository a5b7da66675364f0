//! Batches that stand in a segment while no write-ahead log has them: what a kill between the two writes leaves. They are
//! shown once they are safe, and what was shown stays shown.
use super::*;
use crate::{
    log::{LogError, SyncPolicy, names, producer_snapshot, producer_state::ProducerStates},
    platform::{Fault, MemoryDisk, OpenMode, OperationKind},
};

/// Killed with two records in the write-ahead log and two behind them in the segment only.
fn with_tail() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(LogConfig::default());
    append_synced(&log, produced(7, 0, 0, 2));
    disk.inject(Fault::once(OperationKind::Write, ".wal"));
    append(&log, produced(7, 0, 2, 2)).unwrap();
    assert_eq!(wait_for(log.synced_mark(), Offset::new(4)), Err(Closed::StorageFailed));
    let left = disk.killed();
    // A kill comes before the note that the disk failed, which is written a little after that is told.
    let _ = left.remove_file(Path::new("/data").join(names::SYNC_FAILED).as_path());
    left
}

fn open(disk: &MemoryDisk) -> Fixture {
    Fixture::open(Arc::new(disk.clone()), Path::new("/data"))
}

/// As `open`, with a tail that is more than the write-ahead log takes at a start.
fn open_slowly(disk: &MemoryDisk) -> Fixture {
    let mut settings = settings();
    settings.wal.buffer_bytes_max = 1;
    Fixture::open_with(Arc::new(disk.clone()), Path::new("/data"), settings)
}

#[test]
fn log_8_a_tail_is_shown_without_a_checkpoint_and_survives_a_power_loss() {
    let disk = with_tail();
    let fixture = open(&disk);
    let log = fixture.log(LogConfig::default());
    assert!(append(&log, produced(7, 0, 2, 2)).unwrap().duplicate);
    wait_synced(&log, Offset::new(4));
    append_synced(&log, produced(7, 0, 4, 1));
    let left = disk.crash();
    assert!(left.read(Path::new("/data/t-0/00000000000000000000.log")).is_err(), "no checkpoint was taken");
    let fixture = open(&left);
    let log = fixture.log(LogConfig::default());
    assert_eq!((log.bounds().high(), read_all(&log, 1_000).len()), (Offset::new(5), 3));
}

#[test]
fn log_8_what_a_checkpoint_has_shown_is_shown_after_a_power_loss() {
    let mut shown_once = false;
    for changes in 0..40 {
        let disk = with_tail();
        let fixture = open_slowly(&disk);
        let log = fixture.log(LogConfig::default());
        assert_eq!(log.synced_mark().get(), Offset::new(2));
        disk.power_off_after(changes);
        let _ = fixture.directory.finish_recovery();
        let shown = log.synced_mark().get();
        shown_once |= shown == Offset::new(4);
        let fixture = open_slowly(&disk.crash());
        let again = fixture.log(LogConfig::default());
        assert!(again.bounds().high() >= shown, "{changes}: {shown} was shown, {:?} is left", again.bounds());
    }
    assert!(shown_once);
}

#[test]
fn log_8_a_read_that_fails_in_a_recovery_is_told_and_hides_nothing() {
    let mut failed = 0;
    for after in 0..20 {
        let disk = MemoryDisk::new();
        let fixture = open(&disk);
        fixture.directory.finish_recovery().unwrap();
        append_synced(&fixture.log(LogConfig::default()), produced(7, 0, 0, 2));
        let left = disk.crash();
        let fixture = open(&left);
        left.inject(Fault { after, ..Fault::once(OperationKind::Read, ".wal") });
        match fixture.try_log(LogConfig::default()) {
            Ok(log) => assert_eq!(log.bounds().high(), Offset::new(2), "{after}"),
            Err(error) => {
                assert!(matches!(error, LogError::Wal(_)), "{error}");
                failed += 1;
            }
        }
    }
    assert!((1..20).contains(&failed), "{failed}");
}

#[test]
fn log_14_log_20_a_torn_list_of_epochs_takes_nothing_from_what_is_known_to_be_synced() {
    let disk = MemoryDisk::new();
    let fixture = open(&disk);
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(LogConfig::default());
    for at in 0..20 {
        append_synced(&log, produced(7, 0, at, 1));
    }
    fixture.directory.checkpoint().unwrap();
    let left = disk.crash();
    let epochs = left.open(Path::new("/data/t-0/leader-epoch-checkpoint"), OpenMode::Write).unwrap();
    epochs.set_len(3).unwrap();
    let fixture = open(&left.killed());
    assert_eq!(fixture.log(LogConfig::default()).bounds().high(), Offset::new(20));
    // Damage in the synced part is told, not taken for a torn tail.
    left.flip_bit(Path::new("/data/t-0/00000000000000000000.log"), 80, 3).unwrap();
    let damaged = open(&left.killed()).try_log(LogConfig::default()).map(|log| log.bounds());
    assert!(matches!(damaged, Err(LogError::Damaged { .. })), "{damaged:?}");
}

#[test]
fn log_13_a_new_log_that_lost_the_name_of_its_first_segment_comes_from_the_write_ahead_log() {
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes: 400, ..LogConfig::default() };
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(config.clone());
    (0..8).for_each(|at| _ = append_synced(&log, produced(1, 0, at, 1)));
    assert!(log.segments() > 1);
    let before = read_all(&log, 1_000);
    // No checkpoint synced any name: a power loss may leave any of them.
    for lost in [&["00000000000000000000.log"][..], &["00000000000000000000.log", "partition.metadata"]] {
        let left = disk.killed();
        lost.iter().for_each(|name| left.remove_file(&Path::new("/data/t-0").join(name)).unwrap());
        let fixture = Fixture::open(Arc::new(left), Path::new("/data"));
        let log = fixture.log(config.clone());
        assert_eq!((log.bounds().start(), read_all(&log, 1_000)), (Offset::ZERO, before.clone()), "without {lost:?}");
        assert_eq!(log.producers()[0].last_sequence, Some(7));
    }
}

#[test]
fn off_12_an_offset_that_was_seen_never_names_other_data() {
    let endings: [fn(&Fixture, &MemoryDisk) -> MemoryDisk; 3] = [
        |fixture, disk| {
            fixture.directory.close().unwrap();
            disk.killed()
        },
        |fixture, disk| {
            fixture.directory.checkpoint().unwrap();
            disk.crash()
        },
        |_, disk| disk.crash(),
    ];
    let (mut disk, mut end) = (MemoryDisk::new(), Offset::ZERO);
    for round in 0..12 {
        let fixture = open(&disk);
        let log = fixture.log(LogConfig::default());
        fixture.directory.finish_recovery().unwrap();
        let appended = append_synced(&log, batch(2, b"v"));
        assert_eq!(appended.base, end, "round {round}");
        end = appended.last.next();
        log.advance_high(end);
        // In half of the rounds nothing is left but what is known of the end.
        if round / 3 % 2 == 0 {
            assert_eq!(log.advance_start(Some(end)).unwrap().wait().unwrap(), end);
        }
        disk = endings[round % 3](&fixture, &disk);
    }
}

/// Its name is gone for good before other records stand where it was taken: else it would tell of a producer whose batches were lost.
#[test]
fn idem_10_a_snapshot_that_recovery_removed_does_not_come_back() {
    let paged = LogConfig { sync: SyncPolicy::PageCache, ..LogConfig::default() };
    let opened = |disk: &MemoryDisk| {
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        let log = fixture.log(paged.clone());
        fixture.directory.finish_recovery().unwrap();
        (fixture, log)
    };
    let disk = MemoryDisk::new();
    let (fixture, log) = opened(&disk);
    append(&log, batch(5, b"v")).unwrap();
    fixture.directory.checkpoint().unwrap();
    // A power loss took the records behind, and left the snapshot that was written after them.
    let left = disk.crash();
    let mut producers = ProducerStates::default();
    let mut lost = *produced(7, 0, 0, 3).header();
    lost.base_offset = 5;
    let _ = producers.update(&lost, None);
    let snapshot = left.open(Path::new("/data/t-0/00000000000000000008.snapshot"), OpenMode::Create).unwrap();
    snapshot.write_all_at(&producer_snapshot::write(&producers), 0).unwrap();
    snapshot.sync_data().unwrap();
    left.sync_dir(Path::new("/data/t-0")).unwrap();
    let (fixture, log) = opened(&left);
    assert_eq!((log.bounds().end(), log.producers().len()), (Offset::new(5), 0));
    append(&log, batch(4, b"v")).unwrap();
    fixture.directory.checkpoint().unwrap();
    let (_fixture, log) = opened(&left.crash());
    assert_eq!((log.bounds().end(), log.producers().len()), (Offset::new(9), 0));
}

#[test]
fn log_16_a_batch_of_an_earlier_epoch_is_no_continuation() {
    let dir = tempfile::tempdir().unwrap();
    let paged = LogConfig { sync: SyncPolicy::PageCache, ..LogConfig::default() };
    let fixture = Fixture::real(dir.path());
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(paged.clone());
    for _ in 0..20 {
        log.append(batch(2, b"v"), LeaderEpoch::new(1), AppendOrigin::Client).unwrap();
    }
    fixture.directory.close().unwrap();
    let batch_bytes = log.size_bytes() as usize / 20;
    drop((log, fixture));
    // As a crash of a page-cache log leaves it: nothing is known to be synced.
    for name in [".kafka_cleanshutdown", "recovery-point-offset-checkpoint"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    let path = dir.path().join("t-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    // The epoch is not covered by the checksum: of batch 8 it is 0 now.
    bytes[batch_bytes * 8 + 15] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(paged);
    assert_eq!((log.bounds().end(), log.size_bytes() as usize), (Offset::new(16), batch_bytes * 8));
}
