//! What is known of a log before its files are looked at: from the directory's checkpoints, and from the write-ahead log.
use crate::{
    log::{
        log_dir::Checkpoints,
        names,
        wal::{EntryKind, RecoveredEntry, WalSequence},
    },
    platform::Entry,
    types::{Offset, TopicPartition},
};

/// The epochs of a log without records, which was cut to nothing say.
const NO_EPOCHS: &str = "0\n0\n";

/// What the directory's checkpoints know of a log.
#[derive(Clone, Copy, Default, Debug)]
pub(in crate::log) struct Known {
    /// The last stop was orderly.
    pub clean: bool,
    /// It was here before, and the write-ahead log has nothing of it: where it ends at its recovery point, nothing needs checking.
    pub undisturbed: bool,
    /// Everything below is synced in the segments. `None`: not known, so everything is checked (LOG-18).
    pub recovery_point: Option<Offset>,
    /// There was a snapshot of the producers there, or nobody knows: without any, the producers are in the batches alone.
    pub has_snapshots: bool,
    pub log_start: Option<Offset>,
    /// Where the first segment begins at the latest: it was noted, or is in the write-ahead log. `None`: not known, also after a
    /// cut.
    pub begins: Option<Offset>,
    /// There was a note of the log's start, and it is lost.
    pub start_lost: bool,
    pub high: Option<Offset>,
    /// Where compaction ended last: below, records may be missing between others.
    pub cleaned: Option<Offset>,
    /// As `cleaned`, of a run that was not over: below, records may be missing, and none is known to be the only one of its key.
    pub gaps_to: Option<Offset>,
    /// Its first checkpoint has begun, and was not noted.
    pub begun: bool,
    /// It was compacted once, as far as that may be.
    pub was_cleaned: bool,
    /// The log was cut since the last checkpoint: snapshots of its producers may be gone that there were.
    pub cut: bool,
    /// There is no note of how far the log is synced, and nobody knows whether there was one.
    pub notes_lost: bool,
    /// All from here on was written by this broker since it noted how far the log is synced: the write-ahead log tells of each
    /// gap. `None` also where the notes were lost: then nobody knows how far the log is compacted.
    pub gaps_told_from: Option<Offset>,
    /// No checkpoint was ever taken of the log: the write-ahead log has all of it that was ever durable, from here on.
    pub unsaved_from: Option<Offset>,
    /// The write-ahead log has nothing of it either.
    pub never_durable: bool,
    /// Where the write-ahead log has the log's start move to: below, nothing is asked for.
    pub dropped_to: Option<Offset>,
    /// Where the write-ahead log goes on behind records that it never had, or has no more.
    pub behind_hole: Option<Offset>,
    /// What stands from here on is of another log than the notes.
    pub foreign_from: Option<Offset>,
}

/// Whether there are entries behind the last drop. What stands before it is another life's, and goes.
pub(in crate::log) fn are_left(entries: &mut Vec<RecoveredEntry>) -> bool {
    let dropped = entries.iter().rposition(|entry| entry.head.kind == EntryKind::Drop);
    entries.drain(..dropped.map_or(0, |at| at + 1));
    !entries.is_empty()
}

/// Where the last records begin before which the write-ahead log does not have those that they follow.
fn last_hole(entries: &[RecoveredEntry]) -> Option<Offset> {
    let (mut end, mut behind) = (None, None);
    for entry in entries {
        match entry.head.kind {
            EntryKind::Append | EntryKind::Gap => {
                if end.is_some_and(|end| entry.head.offset > end) {
                    behind = Some(entry.head.offset);
                }
                // Where a gap leads to is not known here.
                end = entry.end;
            }
            EntryKind::Truncate => (end, behind) = (None, None),
            EntryKind::LogStart | EntryKind::Drop => {}
        }
    }
    behind
}

impl Checkpoints {
    pub fn has_recovery_point(&self, at: &TopicPartition) -> bool {
        self.recovery.get(at).is_some() && !self.recovery.is_begun(at) && !self.unwritten.contains(at)
    }

    /// What the checkpoints say of a log. `undisturbed`: as in `Known`.
    pub fn known(&self, at: &TopicPartition, undisturbed: bool) -> Known {
        let log_start = self.starts.get(at);
        let begun = self.recovery_sealed && self.recovery.is_begun(at);
        // To say that it has begun is no checkpoint.
        let recovery_point = self.recovery.get(at).filter(|_| !begun || log_start.is_some());
        Known {
            clean: false,
            undisturbed,
            recovery_point,
            has_snapshots: !begun && self.recovery.is_marked(at),
            log_start,
            begins: log_start,
            start_lost: self.starts_lost,
            high: self.highs.get(at),
            cleaned: self.cleaned.get(at),
            gaps_to: recovery_point.filter(|_| self.cleaned.is_marked(at)),
            begun,
            was_cleaned: self.starts.is_marked(at),
            // With the starts those of how far it is synced may have been lost, and written anew by a start that was killed then.
            notes_lost: (self.recovery_lost || self.starts_lost) && self.recovery.get(at).is_none(),
            gaps_told_from: recovery_point.filter(|_| self.recovery_sealed),
            cut: false,
            unsaved_from: None,
            never_durable: false,
            dropped_to: None,
            behind_hole: None,
            foreign_from: None,
        }
    }
}

impl Known {
    /// The note of how far it was compacted may be lost alone. Where it still is, it is compacted from its start again; elsewhere
    /// what is synced has gaps that nobody else accounts for.
    pub fn take_policy(&mut self, compact: bool) {
        if self.was_cleaned && !compact {
            self.cleaned = self.cleaned.or(self.recovery_point);
        }
    }

    /// What the write-ahead log's entries, which are to be replayed yet, make of it: the checkpoints may be of a time before them.
    /// Cuts below `cuts_done` are known to a checkpoint.
    pub fn take_entries(&mut self, entries: &[RecoveredEntry], cuts_done: WalSequence) {
        let mut appended = entries.iter().filter(|entry| matches!(entry.head.kind, EntryKind::Append | EntryKind::Gap));
        let first = appended.next().map(|first| first.head.offset);
        if self.is_silent() {
            self.unsaved_from = first;
            self.gaps_told_from = first;
        }
        let is_cut = entries.iter().any(|entry| entry.head.kind == EntryKind::Truncate);
        if let Some(first) = first.filter(|first| !is_cut && *first > self.recovery_point.unwrap_or_default()) {
            // In one life the write-ahead log has all from the recovery point on: the files were put in the place of others, and of
            // what is between nobody has told.
            self.gaps_told_from = self.gaps_told_from.map(|_| first);
            self.notes_lost = true;
            self.behind_hole = Some(first);
        }
        self.behind_hole = last_hole(entries).or(self.behind_hole);
        for entry in entries {
            self.take_entry(entry.head.kind, entry.head.offset, entry.sequence < cuts_done);
        }
    }

    /// Where the write-ahead log has nothing of it. Where the notes know of no record either, it is a new log, nothing of which was
    /// ever durable; or one that was moved here, or put back, by hand: that one has the epochs that a checkpoint has left, and no note
    /// that its first checkpoint was about to leave them. An orderly
    /// stop leaves nothing behind the recovery point: what is there is another log's, and so are the notes.
    pub fn take_files(&mut self, files: &[Entry]) {
        let has_epochs =
            files.iter().any(|file| file.name == names::EPOCH_CHECKPOINT && file.len > NO_EPOCHS.len() as u64);
        let noted = self.recovery_point.unwrap_or_default();
        let begins_behind = |file: &Entry| names::offset_of(&file.name, names::LOG) > Some(noted);
        let is_another = self.clean && files.iter().any(begins_behind);
        if (noted == Offset::ZERO && has_epochs && !self.begun) || self.is_noted_elsewhere() || is_another {
            self.gaps_told_from = None;
            self.notes_lost = true;
        } else if self.clean {
            self.gaps_told_from = None;
            self.foreign_from = Some(noted);
        } else if noted == Offset::ZERO && !self.notes_lost {
            self.gaps_told_from = Some(Offset::ZERO);
            if self.is_silent() {
                self.unsaved_from = Some(Offset::ZERO);
                self.never_durable = true;
            }
        }
    }

    /// Only the note of how far it is synced is lost, maybe in an earlier life, and the file was begun anew by a checkpoint that did not
    /// come to this log: one that does notes this of it, too, whatever else it notes.
    pub fn is_noted_elsewhere(&self) -> bool {
        self.recovery_point.is_none() && (self.high, self.log_start, self.cleaned) != (None, None, None)
    }

    /// No checkpoint was ever noted.
    fn is_silent(&self) -> bool {
        (self.recovery_point, self.high, self.log_start) == (None, None, None)
    }

    fn take_entry(&mut self, kind: EntryKind, offset: Offset, done: bool) {
        match kind {
            EntryKind::Truncate => {
                self.cut = true;
                self.begins = None;
                if !done {
                    let before = |known: Option<Offset>| known.map(|known| known.min(offset));
                    self.recovery_point = before(self.recovery_point);
                    // All that came behind it is in the write-ahead log, with its gaps.
                    self.gaps_told_from = before(self.gaps_told_from);
                    (self.cleaned, self.gaps_to) = (before(self.cleaned), before(self.gaps_to));
                    self.dropped_to = before(self.dropped_to);
                }
            }
            EntryKind::LogStart => {
                self.begins = self.begins.map(|begins| begins.max(offset));
                if !done {
                    self.dropped_to = self.dropped_to.max(Some(offset));
                }
            }
            EntryKind::Append | EntryKind::Gap | EntryKind::Drop => {}
        }
    }

    /// Nothing below is asked for any more, and all that is has an entry in the write-ahead log: the log's start was moved to its recovery
    /// point, or behind it; where the write-ahead log has a hole, behind that.
    pub fn logged_from(&self) -> Option<Offset> {
        let from = self.behind_hole.or(self.recovery_point.filter(|_| !self.notes_lost));
        from.filter(|from| self.dropped_to >= Some(*from) && !self.cut)
    }

    /// Everything below was synced and is still asked for: less is damage (LOG-14). After a cut that is done again by every start
    /// until it is noted, all files may be gone, where the log's start was moved to the cut or behind it later.
    pub fn safe(&self, unclean_from: Offset) -> Offset {
        if self.dropped_to >= Some(unclean_from) { Offset::ZERO } else { unclean_from }
    }
}
