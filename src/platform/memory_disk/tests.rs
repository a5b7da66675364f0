//! The disk in memory forgets what it must and keeps what it promised.
use super::*;
use crate::platform::SeededChance;

fn write(disk: &MemoryDisk, path: &str, bytes: &[u8], sync: bool) -> io::Result<()> {
    let file = disk.open(Path::new(path), OpenMode::Create)?;
    file.write_all_at(bytes, 0)?;
    if sync { file.sync_data() } else { Ok(()) }
}

fn read(disk: &MemoryDisk, path: &str) -> Option<Vec<u8>> {
    disk.read(Path::new(path)).ok()
}

fn dir(disk: &MemoryDisk) {
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
}

#[test]
fn log_10_a_file_needs_its_own_sync_and_its_directorys() {
    let disk = MemoryDisk::new();
    dir(&disk);
    write(&disk, "/d/both", b"x", true).unwrap();
    write(&disk, "/d/name", b"x", false).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    write(&disk, "/d/bytes", b"x", true).unwrap();
    let after = disk.crash();
    assert_eq!(read(&after, "/d/both").as_deref(), Some(&b"x"[..]));
    assert_eq!(read(&after, "/d/name").as_deref(), Some(&b""[..]));
    assert_eq!(read(&after, "/d/bytes"), None);
}

#[test]
fn renames_and_removals_come_undone_without_a_sync_of_the_directory() {
    let disk = MemoryDisk::new();
    dir(&disk);
    for name in ["/d/a", "/d/b"] {
        write(&disk, name, name.as_bytes(), true).unwrap();
    }
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.rename(Path::new("/d/a"), Path::new("/d/c")).unwrap();
    disk.remove_file(Path::new("/d/b")).unwrap();
    assert_eq!(disk.list(Path::new("/d")).unwrap().len(), 1);
    let names = |disk: &MemoryDisk| disk.list(Path::new("/d")).unwrap().into_iter().map(|e| e.name).collect::<Vec<_>>();
    assert_eq!(names(&disk.crash()), ["a", "b"]);
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(names(&disk.crash()), ["c"]);
}

#[test]
fn a_renamed_directory_takes_its_files_along() {
    let disk = MemoryDisk::new();
    dir(&disk);
    write(&disk, "/d/a", b"x", true).unwrap();
    disk.filesystem(Path::new("/")).unwrap().sync().unwrap();
    let open = disk.open(Path::new("/d/a"), OpenMode::Read).unwrap();
    disk.rename(Path::new("/d"), Path::new("/e")).unwrap();
    assert_eq!(read(&disk, "/e/a").as_deref(), Some(&b"x"[..]));
    assert!(!disk.exists(Path::new("/d")));
    disk.remove_dir_all(Path::new("/e")).unwrap();
    assert_eq!((open.len().unwrap(), disk.used_bytes()), (1, 0));
    assert!(disk.crash().exists(Path::new("/d/a")));
}

#[test]
fn log_11_an_atomic_replacement_is_old_or_new_after_every_crash() {
    let (old, new) = (vec![1; 3000], vec![2; 5000]);
    let mut seen = [false; 2];
    for changes in 0..8 {
        for seed in 0..50 {
            let disk = MemoryDisk::new();
            dir(&disk);
            disk.write_atomic(Path::new("/d/f"), &old).unwrap();
            disk.power_off_after(changes);
            let answer = disk.write_atomic(Path::new("/d/f"), &new);
            let left = read(&disk.crash_with(&SeededChance::new(seed)), "/d/f").unwrap();
            assert!(left == old || left == new, "{changes} {seed}: {} bytes", left.len());
            assert!(answer.is_err() || left == new, "{changes} {seed}");
            seen[usize::from(left == new)] = true;
        }
    }
    assert_eq!(seen, [true; 2]);
}

#[test]
fn a_torn_crash_tears_between_sectors_only() {
    let disk = MemoryDisk::new();
    dir(&disk);
    write(&disk, "/d/f", &[0; 4096], true).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    write(&disk, "/d/f", &[7; 4096], false).unwrap();
    let mut torn = 0;
    for seed in 0..40 {
        let left = read(&disk.crash_with(&SeededChance::new(seed)), "/d/f").unwrap();
        for sector in left.chunks(content::SECTOR_BYTES) {
            assert!(sector.iter().all(|b| *b == sector[0]));
        }
        torn += usize::from(left.contains(&0) && left.contains(&7));
    }
    assert!(torn > 5, "{torn}");
}

#[test]
fn log_9_a_failed_sync_loses_bytes_that_a_later_sync_does_not_bring_back() {
    let disk = MemoryDisk::new();
    dir(&disk);
    write(&disk, "/d/f", b"old", true).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.inject(Fault::once(OperationKind::Sync, "/d/f"));
    assert!(write(&disk, "/d/f", b"new", true).is_err());
    disk.open(Path::new("/d/f"), OpenMode::Write).unwrap().sync_data().unwrap();
    assert_eq!(read(&disk, "/d/f").as_deref(), Some(&b"new"[..]));
    assert_eq!(read(&disk.crash(), "/d/f").as_deref(), Some(&b"old"[..]));
}

#[test]
fn a_lying_disk_keeps_nothing() {
    let disk = MemoryDisk::new();
    dir(&disk);
    disk.ignore_syncs(true);
    disk.write_atomic(Path::new("/d/f"), b"x").unwrap();
    assert!(!disk.crash().exists(Path::new("/d/f")));
}

#[test]
fn faults_hit_what_they_name_and_short_writes_leave_their_bytes() {
    let disk = MemoryDisk::new();
    dir(&disk);
    disk.inject(Fault::once(OperationKind::Write, "f").after(1));
    disk.inject(
        Fault::once(OperationKind::Write, "g")
            .with(FaultEffect::ShortWrite { bytes: 2, error: io::ErrorKind::StorageFull }),
    );
    assert!(write(&disk, "/d/f", b"1", false).is_ok());
    assert!(write(&disk, "/d/f", b"2", false).is_err());
    assert!(write(&disk, "/d/f", b"3", false).is_ok());
    assert_eq!(write(&disk, "/d/g", b"abcd", false).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(read(&disk, "/d/g").as_deref(), Some(&b"ab"[..]));
}

#[test]
fn capacity_counts_named_files_and_overwriting_needs_none() {
    let disk = MemoryDisk::new();
    dir(&disk);
    disk.limit_capacity(Some(10));
    write(&disk, "/d/f", b"12345678", false).unwrap();
    assert_eq!(write(&disk, "/d/g", b"abcd", false).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(read(&disk, "/d/g").as_deref(), Some(&b"ab"[..]));
    assert_eq!(disk.free_bytes(Path::new("/d")).unwrap(), 0);
    write(&disk, "/d/f", b"87654321", false).unwrap();
    disk.remove_file(Path::new("/d/f")).unwrap();
    assert_eq!(disk.free_bytes(Path::new("/d")).unwrap(), 8);
}

#[test]
fn direct_files_want_alignment_and_readers_cannot_write() {
    let disk = MemoryDisk::new();
    dir(&disk);
    let direct = disk.open(Path::new("/d/f"), OpenMode::CreateDirect).unwrap();
    assert_eq!(direct.write_all_at(&[0; 100], 0).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let reader = disk.open(Path::new("/d/f"), OpenMode::Read).unwrap();
    assert_eq!(reader.write_all_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    disk.refuse_direct(true);
    assert!(disk.open(Path::new("/d/f"), OpenMode::CreateDirect).is_err());
}

#[test]
fn a_lock_is_held_once() {
    let disk = MemoryDisk::new();
    dir(&disk);
    let held = disk.lock(Path::new("/d/.lock")).unwrap();
    assert_eq!(disk.lock(Path::new("/d/.lock")).err().unwrap().kind(), io::ErrorKind::WouldBlock);
    drop(held);
    assert!(disk.lock(Path::new("/d/.lock")).is_ok());
}

#[test]
fn a_kill_keeps_what_was_written_makes_nothing_durable_and_frees_the_disk_of_its_old_users() {
    let disk = MemoryDisk::new();
    dir(&disk);
    write(&disk, "/d/a", b"synced", true).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    let old = disk.open(Path::new("/d/a"), OpenMode::Write).unwrap();
    old.write_all_at(b"killed", 0).unwrap();
    let after = disk.killed();
    old.write_all_at(b"undead", 0).unwrap();
    old.sync_data().unwrap();
    assert_eq!(read(&after, "/d/a").as_deref(), Some(&b"killed"[..]));
    assert_eq!(read(&after.crash(), "/d/a").as_deref(), Some(&b"synced"[..]));
    after.open(Path::new("/d/a"), OpenMode::Write).unwrap().sync_data().unwrap();
    assert_eq!(read(&after.crash(), "/d/a").as_deref(), Some(&b"killed"[..]));
}

#[test]
fn a_sync_that_the_power_cut_short_has_not_failed() {
    let disk = MemoryDisk::new();
    dir(&disk);
    write(&disk, "/d/a", b"old", true).unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    disk.power_off_after(1);
    assert!(write(&disk, "/d/a", b"new", true).is_err());
    let after = disk.killed();
    assert_eq!(read(&after, "/d/a").as_deref(), Some(&b"new"[..]));
    after.open(Path::new("/d/a"), OpenMode::Write).unwrap().sync_data().unwrap();
    assert_eq!(read(&after.crash(), "/d/a").as_deref(), Some(&b"new"[..]));
    // Some of it may have reached the disk before the power went, as of any write that was not synced.
    let torn = |seed| read(&disk.crash_with(&SeededChance::new(seed)), "/d/a");
    assert!((0..20).any(|seed| torn(seed).as_deref() == Some(&b"new"[..])));
}
