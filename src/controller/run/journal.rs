//! The metadata log as the controller's journal: answers leave when what they saw is published, not merely committed.
use crate::{
    log::Watermark,
    machine::{Journal, NotWritten},
    quorum::MetadataLog,
    types::Offset,
    wire::metadata::MetadataRecord,
};
use std::sync::Arc;

pub(super) struct LogJournal {
    pub(super) log: Arc<dyn MetadataLog>,
    pub(super) published: Arc<Watermark>,
}

impl Journal<MetadataRecord> for LogJournal {
    fn append(&mut self, records: &[MetadataRecord]) -> Result<Offset, NotWritten> {
        self.log.append(records)
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn committed(&self) -> &Arc<Watermark> {
        &self.published
    }
}
