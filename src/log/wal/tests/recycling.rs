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
    assert!(figures.files_recycled > 4 * figures.files_filled, "{figures:?}");
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
    assert!(disk.used_bytes() <= 256 << 10);
    let (seen, log) = Seen::new();
    write(&wal, &seen, &log, 0..120, 100_000);
    let sizes: Vec<u64> = disk.list(Path::new(DIRECTORY)).unwrap().iter().map(|e| e.len).collect();
    assert_eq!(sizes[..3], [256 << 10, 1 << 20, 4 << 20]);
    assert_eq!(sizes.iter().max(), Some(&(4 << 20)));
    assert!(wal.unreleased_bytes() > 12_000_000);
}

/// Files that take several of the largest groups.
fn roomy() -> WalSettings {
    WalSettings { file_bytes: 512 << 10, first_file_bytes: 512 << 10, buffer_bytes_max: 256 << 10, direct: true }
}

/// Fills the disk, releases what `release` says of (durable, taken), and sees the log go on.
fn fills_and_goes_on(release: impl Fn(i64, i64) -> i64) {
    let disk = new_disk();
    let (wal, _) = open_with(&disk, roomy()).unwrap();
    let (seen, log) = Seen::new();
    disk.limit_capacity(Some(4 * (512 << 10)));
    let mut taken = 0;
    loop {
        match append(&wal, &log, taken, &[taken as u8; 9000]) {
            Ok(_) => taken += 1,
            Err(WalError::DiskFull { .. }) => break,
            Err(other) => panic!("{other}"),
        }
        assert!(taken < 1000);
    }
    let durable = seen.state.lock().committed;
    assert!(durable < taken && durable > 10, "{durable} of {taken}");
    let released = release(durable, taken);
    wal.release(WalSequence::new(released as u64));
    assert!(seen.reaches(taken), "the refused group is committed once there is room");
    write(&wal, &seen, &log, taken..taken + 3, 100);
    wal.close().unwrap();
    let recovered = recover(&disk.crash()).unwrap();
    assert_eq!(recovered.next_sequence(), WalSequence::new(taken as u64 + 3));
    let sequences = recovered.entries().iter().map(|e| e.sequence.get() as i64);
    assert!(sequences.eq(released..taken + 3));
}

#[test]
fn a_full_disk_refuses_appends_until_something_is_released() {
    fills_and_goes_on(|durable, _| durable);
}

#[test]
fn a_full_disk_is_not_confused_by_a_release_of_what_still_waits() {
    fills_and_goes_on(|_, taken| taken);
}

#[test]
fn a_full_disk_at_the_end_fails_what_waits() {
    let disk = new_disk();
    let (wal, _) = open_with(&disk, roomy()).unwrap();
    let (seen, log) = Seen::new();
    disk.limit_capacity(Some(512 << 10));
    let mut taken = 0;
    while append(&wal, &log, taken, &[1; 9000]).is_ok() {
        taken += 1;
    }
    assert!(wal.close().is_err());
    assert!(!seen.reaches(taken));
    assert!(seen.state.lock().committed > 0);
}
