//! What a log directory notes of one partition, as it can be read without a broker.
use crate::{
    log::{checkpoint::Noted, names},
    platform::Disk,
    types::{Offset, TopicPartition},
};
use std::path::Path;

/// Nothing is known of a partition's directory on its own, a copy say.
#[derive(Clone, Copy, Default, Debug)]
pub struct Notes {
    /// Compaction may have removed records below.
    pub cleaned: Option<Offset>,
    /// The log goes this far at least.
    pub recovery: Option<Offset>,
    /// Where the first segment begins at the latest.
    pub begins: Option<Offset>,
    /// The last stop was in order: the write-ahead log has nothing to add.
    pub is_clean: bool,
}

impl Notes {
    pub fn read(disk: &dyn Disk, directory: &Path, at: &TopicPartition) -> Notes {
        let noted = |name| disk.read(&directory.join(name)).ok().and_then(|bytes| Noted::read(&bytes).ok());
        let offset = |noted: &Option<Noted>| noted.as_ref().and_then(|noted| noted.get(at));
        let starts = noted(names::LOG_STARTS);
        let was_cleaned = starts.as_ref().is_some_and(|starts| starts.is_marked(at));
        let recovery = offset(&noted(names::RECOVERY_POINTS));
        Notes {
            cleaned: offset(&noted(names::CLEANER_OFFSETS)).or(recovery.filter(|_| was_cleaned)),
            recovery,
            begins: offset(&starts),
            is_clean: disk.exists(&directory.join(names::CLEAN_SHUTDOWN)),
        }
    }

    /// What stands from here on may never have been synced: then it is no damage that it is torn.
    pub fn torn_from(&self) -> Option<Offset> {
        self.recovery.filter(|_| !self.is_clean)
    }
}
