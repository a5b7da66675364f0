//! The write-ahead log against the real disk.
use super::*;
use crate::{
    platform::{RealDisk, SystemClock},
    types::{LeaderEpoch, Offset, TopicId},
};
use parking_lot::{Condvar, Mutex};
use std::{path::Path, sync::Arc};
use uuid::Uuid;

#[derive(Default)]
struct Seen {
    at: Mutex<(i64, Option<String>)>,
    changed: Condvar,
}

impl Committed for Seen {
    fn committed(&self, up_to: Offset) {
        self.at.lock().0 = up_to.get();
        self.changed.notify_all();
    }

    fn failed(&self, error: &WalError) {
        self.at.lock().1 = Some(error.to_string());
        self.changed.notify_all();
    }
}

impl Seen {
    fn wait_for(&self, offset: i64) {
        let mut at = self.at.lock();
        while at.0 < offset && at.1.is_none() {
            self.changed.wait(&mut at);
        }
        assert_eq!(at.1, None);
    }
}

fn head(offset: i64, len: usize) -> EntryHead {
    EntryHead {
        kind: EntryKind::Append,
        topic_id: TopicId(Uuid::from_u128(9)),
        partition: 1,
        offset: Offset::new(offset),
        leader_epoch: LeaderEpoch::ZERO,
        len: len as u32,
    }
}

fn open(path: &Path) -> (Arc<Wal>, Recovered) {
    Wal::open(Arc::new(RealDisk), Arc::new(SystemClock::new()), path, WalSettings::default()).unwrap()
}

#[test]
fn what_was_committed_comes_back_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wal");
    let (wal, recovered) = open(&path);
    assert!(recovered.entries().is_empty());
    let seen = Arc::new(Seen::default());
    let reach: Arc<dyn Committed> = seen.clone();
    let bodies: Vec<Vec<u8>> = (0..200).map(|i: usize| vec![i as u8; i * 977 % 300_000]).collect();
    for (i, body) in bodies.iter().enumerate() {
        let (a, b) = body.split_at(body.len() / 3);
        let sequence =
            wal.append(&head(i as i64, body.len()), &[a, b], Some((&reach, Offset::new(i as i64 + 1)))).unwrap();
        assert_eq!(sequence, WalSequence::new(i as u64));
    }
    seen.wait_for(200);
    wal.close().unwrap();
    wal.close().unwrap();
    assert!(matches!(wal.append(&head(0, 0), &[], None), Err(WalError::Closed)));
    let (wal, recovered) = open(&path);
    assert_eq!(recovered.entries().len(), 200);
    for (i, entry) in recovered.entries().iter().enumerate() {
        assert_eq!((entry.sequence.get(), entry.head), (i as u64, head(i as i64, bodies[i].len())));
        assert_eq!(recovered.read_body(entry).unwrap(), bodies[i]);
    }
    assert_eq!(wal.next_sequence(), WalSequence::new(200));
    wal.release(wal.next_sequence());
    wal.close().unwrap();
    assert!(open(&path).1.entries().is_empty());
}
