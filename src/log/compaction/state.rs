//! What compaction asks of a log and its directory, and what it notes there.
use super::{
    cleaning::CleanError,
    core::{Cleanable, CleaningRules, LogView, SegmentView, cleanable},
};
use crate::{
    log::{log::Log, log_dir::LogDir, log_dir_error::LogDirError, scan, segment::Segment},
    types::{Offset, TopicPartition},
};
use std::sync::{Arc, Weak};

impl Log {
    /// A run up to `end` begins to put segments in place: should it be cut short, nobody is to take its gaps for damage.
    pub(in crate::log) fn note_run(self: &Arc<Self>, end: Offset) -> Result<(), CleanError> {
        if self.gaps_to() >= Some(end) {
            return Ok(());
        }
        self.expect_gaps(end);
        let Some(directory) = self.shared().directory.get().and_then(Weak::upgrade) else { return Ok(()) };
        directory.note_compaction(self).map_err(|error| match error {
            LogDirError::Full { .. } => CleanError::DiskFull { needed_bytes: 0 },
            _ => CleanError::Aborted,
        })
    }

    pub(in crate::log) fn cleaning_rules(&self, now_ms: i64) -> CleaningRules {
        let config = self.config();
        CleaningRules {
            min_lag_ms: config.compaction_lag_ms_min,
            max_lag_ms: config.compaction_lag_ms_max,
            dirty_ratio_min: config.dirty_ratio_min,
            now_ms,
        }
    }

    /// What may be compacted now. Only what a checkpoint has synced: the write-ahead log must not bring back what was
    /// compacted away.
    pub(in crate::log) fn cleanable(&self, now_ms: i64) -> Cleanable {
        let synced = self.writer.lock().recovery_point;
        self.cleanable_below(synced, now_ms)
    }

    /// What may be compacted after a checkpoint.
    pub(in crate::log) fn cleanable_once_synced(&self, now_ms: i64) -> Cleanable {
        self.cleanable_below(Offset::MAX, now_ms)
    }

    fn cleanable_below(&self, synced: Offset, now_ms: i64) -> Cleanable {
        let rules = self.cleaning_rules(now_ms);
        let bounds = self.bounds();
        let segments = self.segments.read().clone();
        let view = LogView {
            start: bounds.start(),
            end: bounds.end(),
            cleaned: self.cleaned(),
            limit: bounds.stable().min(synced),
            segments: segments.iter().map(|segment| view(segment, &rules)).collect(),
        };
        cleanable(&view, &rules)
    }
}

fn view(segment: &Arc<Segment>, rules: &CleaningRules) -> SegmentView {
    SegmentView {
        base: segment.base(),
        bytes: segment.bytes(),
        newest_ms: (rules.min_lag_ms > 0).then(|| newest_ms(segment)).flatten(),
        oldest_ms: (rules.max_lag_ms < i64::MAX).then(|| oldest_ms(segment)).flatten(),
    }
}

/// A record's own time may lie in the future, but it was appended before the file was last written: a wrong clock of a
/// producer must not keep a log dirty for ever (CMP-12).
fn newest_ms(segment: &Arc<Segment>) -> Option<i64> {
    let largest = segment.largest_timestamp().ok().flatten().map(|largest| largest.timestamp_ms);
    let written = segment.file().and_then(|file| file.modified_ms()).ok().flatten();
    match (largest, written) {
        (Some(largest), Some(written)) => Some(largest.min(written)),
        (largest, written) => largest.or(written),
    }
}

fn oldest_ms(segment: &Arc<Segment>) -> Option<i64> {
    let file = segment.file().ok()?;
    let first = scan::header_at(&*file, 0, segment.bytes()).ok().flatten()?;
    Some(first.max_timestamp)
}

impl LogDir {
    /// Everything of the log below `end` is synced in its segments when this returns, and noted so.
    pub(in crate::log) fn make_synced(&self, log: &Arc<Log>, end: Offset) -> Result<(), LogDirError> {
        let is_behind = {
            let mut writer = log.writer.lock();
            let is_behind = writer.recovery_point < end;
            if is_behind {
                log.list_for_checkpoint(&mut writer);
            }
            is_behind
        };
        if is_behind {
            self.checkpoint()?;
        }
        // A checkpoint that syncs is quicker than the one that writes down how far.
        self.write_checkpoints_now()
    }

    /// Notes how far the log is compacted, durably.
    pub(in crate::log) fn note_compaction(&self, log: &Arc<Log>) -> Result<(), LogDirError> {
        {
            let mut checkpoints = self.checkpoints.lock();
            if self.has_open(log) {
                checkpoints.take_compaction(log);
            }
        }
        self.write_checkpoints_now()
    }

    /// It may have moved, or been deleted, since somebody found it here.
    pub(in crate::log) fn has_open(&self, log: &Arc<Log>) -> bool {
        self.shared.logs.lock().get(&log.id().key()).is_some_and(|held| Arc::ptr_eq(held, log))
    }

    /// A checkpoint has noted of it how far it is synced. That a first one has begun is no recovery point.
    pub(in crate::log) fn is_noted(&self, at: &TopicPartition) -> bool {
        self.checkpoints.lock().has_recovery_point(at)
    }

    /// Notes where the first segment of a log begins, durably.
    pub(in crate::log) fn note_first(&self, at: &TopicPartition, first: Offset) -> Result<(), LogDirError> {
        {
            let mut checkpoints = self.checkpoints.lock();
            if !checkpoints.has_recovery_point(at) || checkpoints.starts.get(at) >= Some(first) {
                return Ok(());
            }
            checkpoints.starts.set(at, Some(first));
        }
        self.write_checkpoints_now()
    }

    fn write_checkpoints_now(&self) -> Result<(), LogDirError> {
        let written = self.write_checkpoints(&mut self.checkpoints.lock());
        written
            .map_err(|source| self.full_or_failed("write the checkpoints of", source))
            .inspect_err(|error| self.end_unless_full(error))
    }
}
