//! Released files are used again: the disk stays bounded and nothing old comes back.
use super::*;

/// Appends one entry of `len` bytes per offset and waits for each.
fn write(wal: &Wal, seen: &Seen, log: &Arc<dyn Committed>, offsets: std::ops::Range<i64>, len: usize) {
    for offset in offsets {
        append(wal, log, offset, &vec![offset as u8; len]).unwrap();
        assert!(seen.reaches(offset + 1));
    }
}

#[test]
fn released_entries_do_not_come_back_and_the_rest_does() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    write(&wal, &seen, &log, 0..100, 5000);
    wal.release(WalSequence::new(70));
    wal.close().unwrap();
    let recovered = recover(&disk.crash()).unwrap();
    let sequences: Vec<u64> = recovered.entries().iter().map(|e| e.sequence.get()).collect();
    assert_eq!(sequences, (70..100).collect::<Vec<_>>());
    assert_eq!(recovered.released(), WalSequence::new(70));
}

#[test]
fn a_recycled_file_never_gives_back_its_earlier_life() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    let mut offset = 0;
    while wal.figures().files_recycled < 5 {
        write(&wal, &seen, &log, offset..offset + 20, 3000);
        offset += 20;
        wal.release(wal.next_sequence());
    }
    // Groups of an earlier life lie behind the newest ones, as this shows:
    let mut stale = 0;
    let left = disk.crash();
    for entry in left.list(Path::new(DIRECTORY)).unwrap().iter().filter(|e| e.name.ends_with(".wal")) {
        let bytes = left.read(&Path::new(DIRECTORY).join(&entry.name)).unwrap();
        let own = format::FileHeader::from_bytes(&bytes).unwrap().number;
        let mut groups = bytes.chunks(format::BLOCK_BYTES).filter_map(format::GroupHeader::from_bytes);
        stale += usize::from(groups.any(|group| group.number != own));
    }
    assert!(stale > 0, "no file with bytes of two lives");
    let recovered = recover(&left).unwrap();
    assert!(recovered.entries().iter().all(|e| e.sequence >= recovered.released()));
    assert_eq!(recovered.next_sequence(), wal.next_sequence());
    for entry in recovered.entries() {
        assert_eq!(recovered.read_body(entry).unwrap(), vec![entry.head.offset.get() as u8; 3000]);
    }
}

#[test]
fn disk_use_follows_what_is_unreleased() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    let mut most = 0;
    for round in 0..60 {
        write(&wal, &seen, &log, round * 20..round * 20 + 20, 9000);
        wal.release(wal.next_sequence());
        assert_eq!(wal.unreleased_bytes(), 0);
        most = most.max(disk.used_bytes());
    }
    let figures = wal.figures();
    // A round fills four files of 64 KiB; as many may be spare, and one is ready ahead.
    assert!(most <= 20 * (64 << 10), "{most} bytes");
    // One that is asked for just before another is put aside is filled.
    assert!(figures.files_recycled > 2 * figures.files_filled, "{figures:?}");
    // With little to do, the spare files go but for one.
    for round in 60..64 {
        write(&wal, &seen, &log, round * 20..round * 20 + 8, 9000);
        wal.release(wal.next_sequence());
    }
    wal.close().unwrap();
    assert!(disk.used_bytes() <= 8 * (64 << 10), "{} bytes", disk.used_bytes());
}

#[test]
fn starts_and_stops_without_work_leave_no_files_behind() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    write(&wal, &seen, &log, 0..100, 5000);
    wal.release(wal.next_sequence());
    wal.close().unwrap();
    for _ in 0..10 {
        let (wal, recovered) = open(&disk).unwrap();
        assert!(recovered.entries().is_empty());
        assert_eq!(wal.next_sequence(), WalSequence::new(100), "sequences are never used twice");
        wal.close().unwrap();
    }
    assert!(disk.used_bytes() <= 4 * (64 << 10), "{} bytes", disk.used_bytes());
    assert_eq!(recover(&disk.crash()).unwrap().next_sequence(), WalSequence::new(100));
}

#[test]
fn files_begin_small_and_grow_under_load() {
    let disk = new_disk();
    let settings =
        WalSettings { first_file_bytes: 256 << 10, file_bytes: 4 << 20, buffer_bytes_max: 1 << 20, direct: true };
    let (wal, _) = open_with(&disk, settings).unwrap();
    // And the note of the newest.
    assert!(disk.used_bytes() <= (256 << 10) + 4096);
    let (seen, log) = Seen::new();
    write(&wal, &seen, &log, 0..120, 100_000);
    let sizes: Vec<u64> = disk.list(Path::new(DIRECTORY)).unwrap().iter().map(|e| e.len).collect();
    assert_eq!(sizes[..3], [256 << 10, 1 << 20, 4 << 20]);
    assert_eq!(sizes.iter().max(), Some(&(4 << 20)));
    assert!(wal.unreleased_bytes() > 12_000_000);
}

/// Bytes of the files that a start reads.
fn numbered_bytes(disk: &MemoryDisk) -> u64 {
    let files = disk.list(Path::new(DIRECTORY)).unwrap();
    files.iter().filter(|file| file.name.ends_with(".wal")).map(|file| file.len).sum()
}

#[expect(clippy::disallowed_methods, reason = "nothing tells when the other threads are done")]
fn await_numbered_bytes(disk: &MemoryDisk, bytes_max: u64) {
    for _ in 0..2_000 {
        if numbered_bytes(disk) <= bytes_max {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("a start reads {} bytes", numbered_bytes(disk));
}

#[test]
fn at_rest_a_start_has_one_small_file_to_read_and_load_has_its_large_ones_again() {
    let settings = WalSettings { first_file_bytes: 64 << 10, file_bytes: 1 << 20, ..small() };
    let disk = new_disk();
    let (wal, _) = open_with(&disk, settings).unwrap();
    let (seen, log) = Seen::new();
    let mut offset = 0;
    for _ in 0..5 {
        write(&wal, &seen, &log, offset..offset + 60, 50_000);
        offset += 60;
        assert!(numbered_bytes(&disk) > 2 << 20);
        wal.release(wal.next_sequence());
        wal.rest();
        await_numbered_bytes(&disk, 64 << 10);
        let recovered = recover(&disk.crash()).unwrap();
        assert!(recovered.entries().is_empty());
        assert_eq!(recovered.next_sequence().get() as i64, offset, "sequences are never used twice");
    }
    let figures = wal.figures();
    assert!(figures.files_recycled > 5, "{figures:?}");
    write(&wal, &seen, &log, offset..offset + 30, 50_000);
    let recovered = recover(&disk.crash()).unwrap();
    assert_eq!(recovered.entries().len(), 30);
    assert_eq!(recovered.read_body(&recovered.entries()[29]).unwrap(), vec![(offset + 29) as u8; 50_000]);
}

#[test]
fn rest_that_is_disturbed_takes_nothing_from_those_who_write() {
    let settings = WalSettings { first_file_bytes: 64 << 10, file_bytes: 256 << 10, ..small() };
    let disk = new_disk();
    let (wal, _) = open_with(&disk, settings).unwrap();
    let (seen, log) = Seen::new();
    for offset in 0..300 {
        append(&wal, &log, offset, &vec![offset as u8; 9000]).unwrap();
        if offset % 3 == 0 {
            wal.rest();
        }
        if offset % 7 == 0 {
            assert!(seen.reaches(offset + 1));
            wal.rest();
        }
    }
    wal.close().unwrap();
    let recovered = recover(&disk.crash()).unwrap();
    assert_eq!(recovered.entries().len(), 300);
    for entry in recovered.entries() {
        assert_eq!(recovered.read_body(entry).unwrap(), vec![entry.head.offset.get() as u8; 9000]);
    }
}

#[test]
fn ops_3_on_a_full_disk_rest_changes_nothing() {
    let settings = WalSettings { first_file_bytes: 64 << 10, file_bytes: 256 << 10, ..small() };
    let disk = new_disk();
    let (wal, _) = open_with(&disk, settings).unwrap();
    let (seen, log) = Seen::new();
    write(&wal, &seen, &log, 0..20, 9000);
    disk.limit_capacity(Some(0));
    wal.rest();
    disk.limit_capacity(None);
    write(&wal, &seen, &log, 20..100, 9000);
    wal.close().unwrap();
    assert_eq!(recover(&disk.crash()).unwrap().entries().len(), 100);
}

/// Files that take several of the largest groups.
fn roomy() -> WalSettings {
    WalSettings { file_bytes: 512 << 10, first_file_bytes: 512 << 10, buffer_bytes_max: 256 << 10, direct: true }
}

/// Appends until the disk is full; answers how many were taken. They are durable, whatever else becomes of the disk.
fn fill(disk: &MemoryDisk, wal: &Wal, seen: &Seen, log: &Arc<dyn Committed>) -> i64 {
    for taken in 0..1000 {
        match append(wal, log, taken, &[taken as u8; 9000]) {
            Ok(_) => {}
            Err(WalError::DiskFull { .. }) => {
                disk.limit_capacity(Some(0));
                assert!(seen.reaches(taken), "what was taken has its place");
                assert!(taken > 50, "{taken} taken");
                return taken;
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the disk is never full")
}

/// As `append`, again and again while the disk is full: a released file is put aside by another thread.
#[expect(clippy::disallowed_methods, reason = "nothing tells when the other thread is done")]
fn append_when_free(wal: &Wal, log: &Arc<dyn Committed>, offset: i64, body: &[u8]) {
    for _ in 0..2_000 {
        match append(wal, log, offset, body) {
            Err(WalError::DiskFull { .. }) => std::thread::sleep(Duration::from_millis(5)),
            other => return other.map(|_| ()).unwrap(),
        }
    }
    panic!("the disk stays full");
}

#[test]
fn ops_3_what_a_full_disk_has_taken_is_durable_and_what_is_released_makes_room() {
    for part in [1, 2] {
        let disk = new_disk();
        let (wal, _) = open_with(&disk, roomy()).unwrap();
        let (seen, log) = Seen::new();
        disk.limit_capacity(Some(4 * (512 << 10)));
        let taken = fill(&disk, &wal, &seen, &log);
        let released = taken / part;
        wal.release(WalSequence::new(released as u64));
        append_when_free(&wal, &log, taken, &[7; 9000]);
        write(&wal, &seen, &log, taken + 1..taken + 4, 100);
        wal.close().unwrap();
        let recovered = recover(&disk.crash()).unwrap();
        assert_eq!(recovered.next_sequence(), WalSequence::new(taken as u64 + 4));
        let sequences = recovered.entries().iter().map(|e| e.sequence.get() as i64);
        assert!(sequences.eq(released..taken + 4));
    }
}

#[test]
fn ops_3_a_full_disk_takes_entries_again_when_there_is_room() {
    let disk = new_disk();
    let (wal, _) = open_with(&disk, roomy()).unwrap();
    let (seen, log) = Seen::new();
    disk.limit_capacity(Some(2 * (512 << 10)));
    let taken = fill(&disk, &wal, &seen, &log);
    // One that is too large for what there is does not stand in the way of those that are not.
    disk.limit_capacity(Some(3 * (512 << 10)));
    assert!(matches!(append(&wal, &log, taken, &[1; 4 << 20]), Err(WalError::DiskFull { .. })));
    append_when_free(&wal, &log, taken, &[7; 9000]);
    disk.limit_capacity(None);
    append_when_free(&wal, &log, taken + 1, &[1; 4 << 20]);
    assert!(seen.reaches(taken + 2));
    assert_eq!(recover(&disk.crash()).unwrap().entries().len() as i64, taken + 2);
}

#[test]
fn ops_3_a_full_disk_at_the_end_loses_nothing_that_was_taken() {
    let disk = new_disk();
    let (wal, _) = open_with(&disk, roomy()).unwrap();
    let (_, log) = Seen::new();
    disk.limit_capacity(Some(512 << 10));
    let mut taken = 0;
    while append(&wal, &log, taken, &[1; 9000]).is_ok() {
        taken += 1;
    }
    wal.close().unwrap();
    assert_eq!(recover(&disk.crash()).unwrap().entries().len() as i64, taken);
}
