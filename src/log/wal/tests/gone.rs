//! Files that vanish are noticed (LOG-14), and nothing else is taken for it.
use super::*;
use crate::platform::{Fault, FaultEffect, OperationKind};

fn path_of(number: u64) -> std::path::PathBuf {
    Path::new(DIRECTORY).join(format!("{number:020}.wal"))
}

fn write(wal: &Wal, seen: &Seen, log: &Arc<dyn Committed>, offsets: std::ops::Range<i64>, len: usize) {
    for offset in offsets {
        append(wal, log, offset, &vec![offset as u8; len]).unwrap();
        assert!(seen.reaches(offset + 1));
    }
}

/// Lives of so many entries each, none released; killed.
fn lives(entries: &[i64]) -> MemoryDisk {
    let disk = new_disk();
    let mut offset = 0;
    for count in entries {
        let (wal, _) = open(&disk).unwrap();
        let (seen, log) = Seen::new();
        write(&wal, &seen, &log, offset..offset + count, 5000);
        offset += count;
        wal.close().unwrap();
    }
    disk.killed()
}

fn numbers(disk: &MemoryDisk) -> Vec<u64> {
    let files = disk.list(Path::new(DIRECTORY)).unwrap();
    files.iter().filter_map(|file| file.name.strip_suffix(".wal")?.parse().ok()).collect()
}

#[test]
fn log_14_whichever_file_of_the_write_ahead_log_vanishes_is_missed() {
    // The only one; the newest; one of an earlier life beside one that was not written to yet.
    for entries in [&[3][..], &[40], &[3, 3], &[3, 0], &[40, 0, 0]] {
        let whole = lives(entries);
        let first = recover(&whole).unwrap();
        let mut missed = 0;
        for number in numbers(&whole) {
            let disk = whole.killed();
            let bytes = disk.read(&path_of(number)).unwrap();
            disk.remove_file(&path_of(number)).unwrap();
            let left = recover(&disk).map(|left| left.entries().len());
            if left.is_ok_and(|left| left == first.entries().len()) {
                assert!(open(&disk).is_ok(), "{entries:?}: {number} had nothing");
                continue;
            }
            missed += 1;
            for _ in 0..2 {
                let told = open(&disk).unwrap_err();
                assert!(
                    matches!(told, WalError::Gone { .. } | WalError::Damaged { .. }),
                    "{entries:?} {number}: {told}"
                );
            }
            // Put back, all is well.
            disk.write_atomic(&path_of(number), &bytes).unwrap();
            assert_eq!(open(&disk).unwrap().1.entries(), first.entries());
        }
        assert!(missed > 0, "{entries:?}");
    }
}

#[test]
fn log_14_after_an_orderly_stop_files_may_be_gone_and_the_next_kill_does_not_miss_them() {
    let disk = lives(&[40]);
    for number in numbers(&disk) {
        disk.remove_file(&path_of(number)).unwrap();
    }
    assert!(matches!(open(&disk), Err(WalError::Gone { .. })));
    let clock = Arc::new(ManualClock::default());
    let opened = Wal::open_after(Arc::new(disk.clone()), clock, Path::new(DIRECTORY), small(), true);
    drop(opened.unwrap());
    assert!(open(&disk.crash()).unwrap().1.entries().is_empty());
}

#[test]
fn log_14_a_note_that_is_behind_lost_or_damaged_refuses_nothing() {
    let disk = lives(&[3]);
    let note = Path::new(DIRECTORY).join("newest");
    let old = disk.read(&note).unwrap();
    // As an older build does, which leaves the note alone, and puts the noted file aside.
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    write(&wal, &seen, &log, 3..60, 5000);
    wal.release(wal.next_sequence());
    wal.close().unwrap();
    assert!(!disk.exists(&path_of(1)));
    for bytes in [&old[..], &old[..17], &[0; 4096], &[0xFF; 4096]] {
        disk.write_atomic(&note, bytes).unwrap();
        assert!(open(&disk.killed()).is_ok());
    }
    disk.remove_file(&note).unwrap();
    assert!(open(&disk).is_ok());
}

#[test]
fn log_9_a_note_that_cannot_be_synced_ends_the_log_and_one_without_room_does_not() {
    for (kind, ends) in [(std::io::ErrorKind::StorageFull, false), (std::io::ErrorKind::Other, true)] {
        let disk = new_disk();
        let (wal, _) = open(&disk).unwrap();
        let (seen, log) = Seen::new();
        disk.inject(Fault::once(OperationKind::Write, "newest").with(FaultEffect::Error(kind)));
        append(&wal, &log, 0, b"v").unwrap();
        assert_eq!(seen.reaches(1), !ends, "{kind}");
        assert_eq!(append(&wal, &log, 1, b"v").is_err(), ends, "{kind}");
    }
}
