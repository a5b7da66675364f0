//! A metadata log in memory, for tests: commits when told, fails when told, keeps what it had over a restart.
use super::{Group, MetadataLog, MetadataReadError};
use crate::{
    log::{Closed, Watermark},
    machine::NotWritten,
    types::{LeaderEpoch, NodeId, Offset},
    wire::metadata::MetadataRecord,
};
use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

pub struct MemoryLog {
    groups: Mutex<Vec<Group>>,
    committed: Arc<Watermark>,
    epoch: LeaderEpoch,
    /// Appends are committed at once.
    pub eager: AtomicBool,
    pub fails: AtomicBool,
}

impl MemoryLog {
    pub fn new() -> Arc<MemoryLog> {
        Self::with(Vec::new(), LeaderEpoch::new(1))
    }

    /// The same log after a restart, in the next epoch.
    pub fn restarted(&self) -> Arc<MemoryLog> {
        Self::with(self.groups.lock().clone(), LeaderEpoch::new(self.epoch.get() + 1))
    }

    fn with(mut groups: Vec<Group>, epoch: LeaderEpoch) -> Arc<MemoryLog> {
        let base = groups.last().map_or(Offset::ZERO, |group| group.end);
        // The leader change.
        groups.push(Group { base, end: base.next(), epoch, records: Vec::new() });
        let committed = Watermark::new(base.next());
        let (eager, fails) = (AtomicBool::new(true), AtomicBool::new(false));
        Arc::new(MemoryLog { groups: Mutex::new(groups), committed, epoch, eager, fails })
    }

    pub fn commit(&self) {
        self.committed.raise(self.end());
    }

    pub fn records(&self) -> Vec<MetadataRecord> {
        self.groups.lock().iter().flat_map(|group| group.records.clone()).collect()
    }
}

impl MetadataLog for MemoryLog {
    fn append(&self, records: &[MetadataRecord]) -> Result<Offset, NotWritten> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(NotWritten::Storage("no room".into()));
        }
        let base = self.end();
        let end = base.plus(records.len() as i64);
        // Through bytes, as on disk.
        let records = records.iter().map(|record| MetadataRecord::decode(&record.encode()).unwrap()).collect();
        self.groups.lock().push(Group { base, end, epoch: self.epoch, records });
        if self.eager.load(Ordering::Relaxed) {
            self.commit();
        }
        Ok(base)
    }

    fn end(&self) -> Offset {
        self.groups.lock().last().map_or(Offset::ZERO, |group| group.end)
    }

    fn committed(&self) -> &Arc<Watermark> {
        &self.committed
    }

    fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    fn leader(&self) -> Option<NodeId> {
        Some(NodeId(1))
    }

    fn read(&self, from: Offset) -> Result<Vec<Group>, MetadataReadError> {
        Ok(self.groups.lock().iter().filter(|group| group.end > from).take(3).cloned().collect())
    }

    fn close(&self, why: Closed) {
        self.committed.close(why);
    }
}
