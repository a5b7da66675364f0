//! Moves beside compaction and the scrubber.
use super::*;
use crate::log::compaction::clean_in_test;

/// Batches of one record of so many bytes, twice as many as there are keys; the last one is a producer's.
fn with_keys(disk: &MemoryDisk, keys: u8, bytes: usize, segment_bytes: u64) -> Life {
    let life = Life::begin_with(disk, settings(), LogConfig { segment_bytes, ..compacted() });
    for at in 0..2 * keys {
        let builder = BatchBuilder::new(NOW_MS).record(Some(&[at % keys]), Some(&vec![at; bytes]));
        append_synced(&life.log, builder.build());
    }
    append_synced(&life.log, BatchBuilder::new(NOW_MS).record(Some(b"last"), None).producer(7, 0, 0).build());
    settled(&life.log);
    life.directories[0].checkpoint().unwrap();
    life
}

/// Where in the copy something was written since the append lock was taken: the producers' snapshot is written first then.
fn written_under_lock(disk: &MemoryDisk, before: usize) -> Vec<std::path::PathBuf> {
    let done = disk.operations().split_off(before);
    let is_begin = |one: &Operation| one.path.starts_with("/a") && one.path.to_string_lossy().contains(".snapshot");
    let begin = done.iter().position(is_begin).unwrap();
    let is_records =
        |one: &&Operation| one.kind == OperationKind::Write && one.path.to_string_lossy().ends_with(".log");
    let records = done[begin..].iter().filter(is_records).map(|one| one.path.clone());
    records.filter(|path| path.starts_with("/b") && !path.starts_with("/b/wal")).collect()
}

#[test]
fn cmp_11_what_compaction_replaced_is_copied_before_appends_wait() {
    let disk = MemoryDisk::new();
    let life = with_keys(&disk, 15, 60, 700);
    let mut moving = life.moving(0).unwrap();
    moving.catch_up(&mut go_on).unwrap();
    clean_in_test(&life.log, &go_on).unwrap();
    // What is appended meanwhile is all that is left.
    append_synced(&life.log, BatchBuilder::new(NOW_MS).record(Some(b"last"), None).producer(7, 0, 1).build());
    let (before, kept) = (disk.operations().len(), read_all(&life.log, 1));
    moving.finish().unwrap();
    let written = written_under_lock(&disk, before);
    assert!(written.is_empty(), "{written:?}");
    assert_eq!(read_all(&life.log, 1), kept);
}

#[test]
fn cmp_11_a_move_that_is_far_behind_compaction_holds_nothing_up() {
    let disk = MemoryDisk::new();
    let life = with_keys(&disk, 30, 80_000, 600_000);
    let mut moving = life.moving(0).unwrap();
    moving.catch_up(&mut go_on).unwrap();
    clean_in_test(&life.log, &go_on).unwrap();
    let before = disk.operations().len();
    let behind = moving.finish();
    assert!(matches!(behind, Err(MoveError::Behind)), "{behind:?}");
    assert!(disk.operations().split_off(before).iter().all(|one| one.kind != OperationKind::Write));
    assert!(life.directories.iter().all(|directory| directory.failure().is_none()));
    // Who is behind again and again is not kept from the end.
    let mut again = 0;
    while let Err(error) = moving.finish() {
        assert!(matches!(error, MoveError::Behind) && again < 100, "{again}: {error:?}");
        again += 1;
    }
    assert!(again > 0 && life.log.path() == Path::new("/b/t-0"));
}

#[test]
fn log_15_a_file_that_is_there_after_all_is_not_told_as_missing() {
    let disk = written();
    let life = Life::begin(&disk);
    let segment = life.log.all_segments()[1].clone();
    // Its path was taken before the move gave the directory another name, and opened behind.
    let gone = FaultEffect::Error(std::io::ErrorKind::NotFound);
    disk.inject(Fault::once(OperationKind::Open, &segment.path(crate::log::names::LOG).to_string_lossy()).with(gone));
    assert_eq!(life.log.examine_segment(&segment, &mut go_on).unwrap(), 0);
    assert_eq!(disk.struck().len(), 1);
    assert_eq!((segment.health().damage_of(segment.base()), life.directories[0].damages()), (None, 0));
}

/// The log moves at the first piece, and the disk that it was on fails then.
fn fails_behind<'a>(disk: &'a MemoryDisk, life: &'a Life) -> impl FnMut(u64) -> bool + 'a {
    meanwhile(|| {
        let mut moving = life.moving(0).unwrap();
        moving.catch_up(&mut go_on).and_then(|()| moving.finish()).unwrap();
        disk.inject(Fault { times: u64::MAX, ..Fault::once(OperationKind::Read, "/a/") });
    })
}

#[test]
fn ops_2_a_disk_that_a_log_has_left_fails_no_other() {
    for compacts in [true, false] {
        let disk = MemoryDisk::new();
        // A segment takes more than one read.
        let life = with_keys(&disk, 15, 300_000, 4_000_000);
        let kept = read_all(&life.log, 1);
        let fails = std::cell::RefCell::new(fails_behind(&disk, &life));
        let spend = |bytes| (fails.borrow_mut())(bytes);
        if compacts {
            let cleaned = clean_in_test(&life.log, &spend);
            assert!(matches!(&cleaned, Err(error) if !error.is_of_log()), "{cleaned:?}");
        } else {
            let segment = life.log.all_segments()[0].clone();
            let looked = life.log.examine_segment(&segment, &mut |bytes| spend(bytes));
            assert!(matches!(looked, Ok(0)), "{looked:?}");
        }
        assert!(!disk.struck().is_empty());
        assert_eq!(life.directories[1].failure(), None, "compacts: {compacts}");
        assert_eq!(read_all(&life.log, 1), kept);
    }
}
