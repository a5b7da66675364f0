//! Starts on a full disk: reads are served, writes refused, and it heals without another start.
#![expect(clippy::disallowed_methods, reason = "the background thread that is waited for goes by the real clock")]
use super::{
    directories::{Life, produce},
    *,
};
use crate::{log::LogDirError, node::StartError, replica::ProduceError};
use std::{thread::sleep, time::Instant};

const RESERVE: &str = "/data/ottla-reserve";

fn begin(disk: &MemoryDisk) -> Result<Life, StartError> {
    Life::begin_in(disk, "/data", "/data")
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < STUCK, "{what}");
        sleep(Duration::from_millis(20));
    }
}

fn len(disk: &MemoryDisk, path: &str) -> u64 {
    disk.open(Path::new(path), OpenMode::Read).map_or(0, |file| file.len().unwrap())
}

/// A topic with one record, and what a kill leaves of it on a disk that others have filled meanwhile.
fn filled() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let life = begin(&disk).unwrap();
    life.create("first");
    assert_eq!(produce(&life.partitions("first")[0], 0), Ok(0));
    until("no room was kept", || len(&disk, RESERVE) == 2 << 20);
    let left = disk.killed();
    life.end();
    // So that what is given back by the write-ahead log is no room worth speaking of.
    left.open(Path::new("/others"), OpenMode::Create).unwrap().set_len(64 << 20).unwrap();
    left.limit_capacity(Some(left.used_bytes()));
    left
}

fn read(partition: &Arc<Partition>) -> usize {
    let read = partition.read(Offset::ZERO, Isolation::ReadUncommitted, 1_000, true).unwrap();
    read.slice.map_or(0, |slice| walk(&slice.read().unwrap()).count())
}

#[test]
fn ops_3_a_start_on_a_full_disk_serves_reads_and_takes_records_once_there_is_room() {
    let mut disk = filled();
    // One after the other: what was kept is not used up by the first.
    for at in 0..3 {
        let life = begin(&disk).unwrap_or_else(|error| panic!("start {at}: {error}"));
        assert!(!disk.exists(Path::new(RESERVE)));
        let partition = &life.partitions("first")[0];
        assert_eq!(read(partition), 1, "start {at}");
        let refused = partition.append(batch(1, (1, 10)), Acks::All, AppendOrigin::Client);
        assert!(matches!(refused, Err(ProduceError::Append(AppendError::DiskFull { .. }))), "start {at}: {refused:?}");
        if at == 2 {
            disk.limit_capacity(Some(1 << 30));
            until("it does not heal", || produce(partition, 1) == Ok(1));
            until("no room is kept again", || disk.exists(Path::new(RESERVE)));
        }
        let left = disk.killed();
        life.end();
        disk = left;
    }
    let life = begin(&disk).unwrap();
    assert_eq!(read(&life.partitions("first")[0]), 2);
    life.end();
}

#[test]
fn ops_3_a_start_that_has_no_room_at_all_says_how_much_it_needs() {
    let disk = filled();
    disk.remove_file(Path::new(RESERVE)).unwrap();
    // For the write-ahead log there is room once, and then for nothing else.
    for room_bytes in [0, 24 << 10] {
        disk.limit_capacity(Some(disk.used_bytes() + room_bytes));
        let Err(refused) = begin(&disk) else { panic!("a start without any room") };
        assert!(matches!(refused, StartError::Directory(LogDirError::NoRoom { .. })), "{refused}");
        assert!(refused.to_string().contains("the disk of /data is full"), "{refused}");
    }
    disk.limit_capacity(None);
    let life = begin(&disk).unwrap();
    assert_eq!(read(&life.partitions("first")[0]), 1);
    life.end();
}
