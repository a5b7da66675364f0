//! What the last life has left in the write-ahead log, and a start has not brought to its logs yet.
use crate::{
    log::{
        log::LogId,
        log_dir::LogDir,
        wal::{EntryKind, Recovered, RecoveredEntry},
    },
    types::{Offset, TopicId},
};
use std::collections::BTreeMap;

/// By log.
pub(in crate::log) struct Pending {
    pub recovered: Recovered,
    pub by_log: BTreeMap<(TopicId, i32), Vec<RecoveredEntry>>,
}

impl LogDir {
    /// Logs that have entries in the write-ahead log: to be opened before `finish_recovery`.
    pub fn pending(&self) -> Vec<(TopicId, i32)> {
        let pending = self.pending.lock();
        pending.as_ref().map(|pending| pending.by_log.keys().copied().collect()).unwrap_or_default()
    }

    /// Logs of which the write-ahead log has the beginning: before their first checkpoint it has all, and their names may be gone.
    pub fn begun_in_write_ahead_log(&self) -> Vec<(TopicId, i32)> {
        let is_begun =
            |entries: &[RecoveredEntry]| entries.first().is_some_and(|first| first.head.offset == Offset::ZERO);
        let pending = self.pending.lock();
        let all = pending.iter().flat_map(|pending| &pending.by_log);
        all.filter(|(_, entries)| is_begun(entries)).map(|(key, _)| *key).collect()
    }

    /// Where the log ends by what the write-ahead log has of it.
    pub(in crate::log) fn logged_end(&self, id: &LogId) -> Option<Offset> {
        let pending = self.pending.lock();
        pending.as_ref()?.by_log.get(&id.key())?.iter().filter_map(|entry| entry.end).max()
    }

    /// Where the log's start was moved to, by what the write-ahead log has of it.
    pub(in crate::log) fn logged_start(&self, id: &LogId) -> Option<Offset> {
        let pending = self.pending.lock();
        let starts = pending.as_ref()?.by_log.get(&id.key())?.iter();
        starts.filter(|entry| entry.head.kind == EntryKind::LogStart).map(|entry| entry.head.offset).max()
    }

    /// Entries of a log that has no place now are kept until it has one again.
    pub fn keep_entries(&self, of: (TopicId, i32)) {
        self.held.lock().insert(of);
    }
}
