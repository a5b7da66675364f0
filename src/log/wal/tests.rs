//! The write-ahead log against a disk that forgets, tears, fills and fails.
mod crash;
mod damage;
mod failure;
mod gone;
mod held;
mod laid_out;
mod load;
mod recycling;

use super::*;
use crate::{
    platform::{Disk, ManualClock, MemoryDisk, RealDisk, SystemClock},
    types::{LeaderEpoch, Offset, TopicId},
};
use parking_lot::{Condvar, Mutex};
use std::{path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

/// A log that notes what it is told.
#[derive(Default)]
struct Seen {
    state: Mutex<SeenState>,
    changed: Condvar,
}

#[derive(Default, Clone)]
struct SeenState {
    committed: i64,
    calls: u64,
    failure: Option<String>,
    went_back: bool,
}

impl Committed for Seen {
    fn committed(&self, up_to: Offset) {
        let mut state = self.state.lock();
        state.went_back |= up_to.get() <= state.committed;
        state.committed = up_to.get();
        state.calls += 1;
        self.changed.notify_all();
    }

    fn failed(&self, error: &WalError) {
        self.state.lock().failure = Some(error.to_string());
        self.changed.notify_all();
    }
}

impl Seen {
    fn new() -> (Arc<Seen>, Arc<dyn Committed>) {
        let seen = Arc::new(Seen::default());
        (seen.clone(), seen)
    }

    /// Waits until this offset is durable; `false` when it never will be.
    fn reaches(&self, offset: i64) -> bool {
        let mut state = self.state.lock();
        while state.committed < offset && state.failure.is_none() {
            let waited = self.changed.wait_for(&mut state, Duration::from_secs(20));
            assert!(!waited.timed_out(), "offset {offset} is neither durable nor failed");
        }
        assert!(!state.went_back, "a log is told rising offsets only");
        state.committed >= offset
    }
}

fn head(partition: i32, offset: i64, len: usize) -> EntryHead {
    EntryHead {
        kind: EntryKind::Append,
        topic_id: TopicId(Uuid::from_u128(9)),
        partition,
        offset: Offset::new(offset),
        leader_epoch: LeaderEpoch::ZERO,
        len: len as u32,
    }
}

/// Appends an entry that reaches the offset after its own.
fn append(wal: &Wal, log: &Arc<dyn Committed>, offset: i64, body: &[u8]) -> Result<WalSequence, WalError> {
    wal.append(&head(0, offset, body.len()), &[body], Some((log, Offset::new(offset + 1))))
}

const DIRECTORY: &str = "/data/wal";

/// Small files, so that tests roll often.
fn small() -> WalSettings {
    WalSettings { file_bytes: 64 << 10, first_file_bytes: 64 << 10, buffer_bytes_max: 512 << 10, direct: true }
}

fn open_with(disk: &MemoryDisk, settings: WalSettings) -> Result<(Arc<Wal>, Recovered), WalError> {
    Wal::open(Arc::new(disk.clone()), Arc::new(ManualClock::default()), Path::new(DIRECTORY), settings)
}

fn open(disk: &MemoryDisk) -> Result<(Arc<Wal>, Recovered), WalError> {
    open_with(disk, small())
}

fn new_disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.filesystem(Path::new("/")).unwrap().sync().unwrap();
    disk
}

/// What recovery finds, without starting anything.
fn recover(disk: &MemoryDisk) -> Result<Recovered, WalError> {
    let directory = files::Directory::open(Arc::new(disk.clone()), Path::new(DIRECTORY), true)?;
    let found = directory.list()?;
    Ok(Recovered::read(&directory, &found)?.0)
}

fn bodies(recovered: &Recovered) -> Vec<Vec<u8>> {
    recovered.entries().iter().map(|entry| recovered.read_body(entry).unwrap()).collect()
}

fn back_and_forth(disk: Arc<dyn Disk>, path: &Path) {
    let clock = Arc::new(SystemClock::new());
    let reopen = || Wal::open(disk.clone(), clock.clone(), path, WalSettings::default()).unwrap();
    let (wal, recovered) = reopen();
    assert!(recovered.entries().is_empty());
    let (seen, log) = Seen::new();
    let bodies: Vec<Vec<u8>> = (0..100).map(|i: usize| vec![i as u8; i * 977 % 300_000]).collect();
    for (i, body) in bodies.iter().enumerate() {
        let (a, b) = body.split_at(body.len() / 3);
        let reach = Some((&log, Offset::new(i as i64 + 1)));
        let sequence = wal.append(&head(3, i as i64, body.len()), &[a, b], reach).unwrap();
        assert_eq!(sequence, WalSequence::new(i as u64));
    }
    assert!(seen.reaches(100));
    wal.close().unwrap();
    wal.close().unwrap();
    assert!(matches!(append(&wal, &log, 0, b""), Err(WalError::Closed)));
    let (wal, recovered) = reopen();
    assert_eq!(recovered.entries().len(), 100);
    for (i, entry) in recovered.entries().iter().enumerate() {
        assert_eq!((entry.sequence.get(), entry.head), (i as u64, head(3, i as i64, bodies[i].len())));
        assert_eq!(recovered.read_body(entry).unwrap(), bodies[i]);
    }
    assert_eq!(wal.next_sequence(), WalSequence::new(100));
    wal.release(wal.next_sequence());
    wal.close().unwrap();
    assert!(reopen().1.entries().is_empty());
}

#[test]
fn log_7_what_was_committed_comes_back_in_order() {
    let directory = tempfile::tempdir().unwrap();
    back_and_forth(Arc::new(RealDisk), &directory.path().join("wal"));
    back_and_forth(Arc::new(new_disk()), Path::new(DIRECTORY));
}

#[test]
fn a_filesystem_without_direct_writes_is_served_through_the_page_cache() {
    let disk = new_disk();
    disk.refuse_direct(true);
    back_and_forth(Arc::new(disk.clone()), Path::new(DIRECTORY));
    assert!(!open(&disk).unwrap().0.figures().direct);
}

#[test]
fn close_commits_what_is_buffered() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    for i in 0..50 {
        wal.append(&head(0, i, 4), &[b"body"], None).unwrap();
    }
    wal.close().unwrap();
    assert_eq!(recover(&disk.crash()).unwrap().entries().len(), 50);
}

#[test]
fn an_entry_larger_than_the_buffers_and_the_files_goes_through() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    let large = vec![7; 3 << 20];
    for (offset, body) in [(0, &b"small"[..]), (1, &large), (2, b"small")] {
        append(&wal, &log, offset, body).unwrap();
    }
    assert!(seen.reaches(3));
    let recovered = recover(&disk.crash()).unwrap();
    assert_eq!(bodies(&recovered), [b"small".to_vec(), large, b"small".to_vec()]);
}
