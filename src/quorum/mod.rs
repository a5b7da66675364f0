//! Consensus on the metadata log: who leads it and what of it is committed. Today a quorum of one; the seam is made
//! for a Raft library.
#[cfg(test)]
mod memory;
mod single;

#[cfg(test)]
pub use memory::MemoryLog;
pub use single::{LeadError, Single};

use crate::{
    log::{Closed, Watermark},
    machine::NotWritten,
    types::{LeaderEpoch, NodeId, Offset},
    wire::metadata::{MetadataRecord, MetadataRecordError},
};
use std::sync::Arc;

/// The metadata log as the controller and the broker see it. Offsets are those of `__cluster_metadata-0`.
pub trait MetadataLog: Send + Sync {
    /// Appends `records` as one batch in this leader's epoch: all count or none. The offset of the first. Does not
    /// wait for the commit. Only the leader may.
    fn append(&self, records: &[MetadataRecord]) -> Result<Offset, NotWritten>;
    /// Where the next record goes.
    fn end(&self) -> Offset;
    /// Everything below is held by a majority and synced there. Closed when this node no longer leads, when it stops
    /// or when its disk fails.
    fn committed(&self) -> &Arc<Watermark>;
    fn epoch(&self) -> LeaderEpoch;
    fn leader(&self) -> Option<NodeId>;
    /// Groups of records from the one that holds `from`, as many as are cheap to hold; none at the end only.
    fn read(&self, from: Offset) -> Result<Vec<Group>, MetadataReadError>;
    /// Wakes everyone who waits here with `why`. What was appended is committed or not all the same.
    fn close(&self, why: Closed);
}

/// Records that were appended as one.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    pub base: Offset,
    /// The offset after the group: where to read on.
    pub end: Offset,
    /// Of the leader that wrote it.
    pub epoch: LeaderEpoch,
    /// Empty for the log's own records: leader changes, snapshots' heads and feet.
    pub records: Vec<MetadataRecord>,
}

/// Why the metadata log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MetadataReadError {
    #[error("the metadata log cannot be read at offset {offset}: {what}")]
    Log { offset: Offset, what: String },
    #[error("the record at offset {offset} of the metadata log cannot be understood: {why}")]
    Record { offset: Offset, why: MetadataRecordError },
}
