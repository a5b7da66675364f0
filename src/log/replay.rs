//! Replay of the write-ahead log into one log, in order and idempotently: what stands in the segments is skipped, what a
//! crash took from them is written again.
use crate::{
    log::{
        SyncPolicy,
        append::Bytes,
        as_it_is,
        log::{Log, LogError, Writer},
        names,
        scan::{Scan, Step},
        wal::{EntryHead, EntryKind, Recovered, RecoveredEntry, WalError, WalSequence},
    },
    platform::seeded::{self, Bug},
    record::{BatchHeader, EndTransactionMarker},
    types::Offset,
};

impl Log {
    /// Applies the entries of this log. `fresh`: its directory was not there and was made just now. Cuts below `cuts_done` were
    /// done before a checkpoint, which knows the log's start: what stands there now was written later, perhaps without the
    /// write-ahead log.
    pub(in crate::log) fn replay(
        &self,
        recovered: &Recovered,
        entries: &[RecoveredEntry],
        fresh: bool,
        cuts_done: WalSequence,
    ) -> Result<(), LogError> {
        let mut last_append = None;
        let mut writer = self.writer.lock();
        let orphaned = fresh && entries.first().is_some_and(|entry| entry.head.offset > writer.end);
        if orphaned {
            tracing::warn!(log = %self.id, "the partition's directory is gone; the write-ahead log has only a part of its records, which is left out");
            return Ok(());
        }
        // Where the log may go on though no record stands before: behind a gap, at a cut.
        let mut resumes = writer.end;
        for entry in not_cut_later(entries) {
            match entry.head.kind {
                EntryKind::Append => {
                    self.replay_append(&mut writer, recovered, entry, resumes)?;
                    last_append = Some(entry);
                }
                EntryKind::Gap => {
                    if let Some(to) = gap_end(entry, recovered)?
                        && entry.head.offset <= writer.end.max(resumes)
                    {
                        resumes = to;
                    }
                }
                EntryKind::Truncate if entry.sequence < cuts_done => resumes = entry.head.offset,
                // A start that moved before a cut, too: the cut may have taken it back.
                EntryKind::LogStart if entry.sequence < cuts_done => {}
                EntryKind::Truncate => {
                    self.truncate_local(&mut writer, entry.head.offset)?;
                    writer.cut = Some(entry.sequence);
                    resumes = entry.head.offset;
                    last_append = None;
                }
                EntryKind::LogStart => self.replay_start(&mut writer, entry.head.offset)?,
                EntryKind::Drop => {}
            }
        }
        if let Some(entry) = last_append {
            self.synced_mark().raise(entry.end.unwrap_or(entry.head.offset).min(writer.end));
        }
        if seeded::strikes(Bug::AcknowledgesUnsynced) {
            let synced = self.synced_mark().get().min(writer.end);
            self.truncate_local(&mut writer, synced)?;
        }
        writer.unlogged &= self.synced_mark().get() < writer.end;
        if !entries.is_empty() {
            self.list_for_checkpoint(&mut writer);
        }
        let end = writer.end;
        drop(writer);
        self.end_mark().raise(end);
        Ok(())
    }

    fn replay_append(
        &self,
        writer: &mut Writer,
        recovered: &Recovered,
        entry: &RecoveredEntry,
        resumes: Offset,
    ) -> Result<(), LogError> {
        if entry.head.offset < writer.end {
            // What the recovery point covers is in the segments, or was compacted away there.
            let covered = entry.head.offset < writer.recovery_point;
            if covered || !self.config().compact || self.stands_at(entry.head.offset)? {
                return Ok(());
            }
            // A gap that is no work of compaction: everything behind it is written again from here.
            self.truncate_local(writer, entry.head.offset)?;
        }
        let damaged = |what: String| LogError::Damaged {
            path: writer.active.path(names::LOG),
            position: writer.active.bytes(),
            what,
        };
        if entry.head.offset > writer.end && entry.head.offset != resumes {
            let (end, next) = (writer.end, entry.head.offset);
            let way_out = as_it_is::way_out(&self.path());
            return Err(damaged(format!("the records from offset {end} to {next} are missing; {way_out}")));
        }
        let body = recovered.read_body(entry)?;
        let header = BatchHeader::parse(&body).map_err(|error| damaged(error.to_string()))?;
        if header.size() != body.len() || header.base() != Some(entry.head.offset) || header.last().is_none() {
            return Err(damaged("the write-ahead log holds a batch that is none".into()));
        }
        let config = self.config();
        self.allow_gap(writer, entry.head.offset);
        let failed = |error: crate::log::AppendError| LogError::StorageFailed(error.to_string());
        self.roll_if_due(writer, &config, &header).map_err(failed)?;
        let position = self.write_bytes(writer, Bytes::Slices([&body, &[]]), 0).map_err(failed)?;
        let marker = EndTransactionMarker::of(&header, &body);
        let completed = self.note_batch(writer, &config, &header, marker, position);
        self.show(writer, &header, completed);
        Ok(())
    }

    fn stands_at(&self, offset: Offset) -> Result<bool, LogError> {
        let segment = {
            let segments = self.segments.read();
            let after = segments.partition_point(|segment| segment.base() <= offset);
            segments[after.saturating_sub(1)].clone()
        };
        let found = segment.locate(offset, segment.bytes()).map_err(LogError::io("read", self.path()))?;
        // Below the log's start nothing is expected any more.
        Ok(found.is_some_and(|found| found.header.base() == Some(offset)) || offset < self.bounds().start())
    }

    fn replay_start(&self, writer: &mut Writer, start: Offset) -> Result<(), LogError> {
        if start > writer.end {
            return self.restart_local(writer, start);
        }
        self.advance_high(start);
        self.shown.lock().bounds.advance_start(start);
        self.epochs.lock().truncate_start(start);
        Ok(())
    }

    /// Makes known what of an opened log is safe. What stands behind everything that is known to be synced, and is in
    /// no write-ahead log either, is made safe now: a producer that sends it again must not wait for a checkpoint, which
    /// on a busy disk may take longer than the broker lives. At its start the write-ahead log takes it, all logs' in a few
    /// commits; later the one log's segments are synced.
    pub(in crate::log) fn settle(&self, replayed: bool, started: bool) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        writer.new_folder |= replayed;
        if writer.unlogged || writer.new_folder {
            self.list_for_checkpoint(&mut writer);
        }
        let safe = match self.config().sync {
            // As safe as this policy asks for: it was in the page cache, and is again.
            SyncPolicy::PageCache => true,
            SyncPolicy::Wal if replayed && !started => {
                self.log_tail(&mut writer)?;
                false
            }
            SyncPolicy::Wal if self.synced_mark().get() < writer.end => {
                self.sync_segments(&mut writer).map_err(|error| LogError::StorageFailed(error.to_string()))?;
                true
            }
            SyncPolicy::Wal => false,
        };
        if safe {
            self.synced_mark().raise(writer.end);
        }
        Ok(())
    }

    /// Hands the batches behind the synced mark to the write-ahead log, as their append would have. More than its buffers
    /// hold, which no kill leaves, or more than its disk has room for, waits for the checkpoint.
    fn log_tail(&self, writer: &mut Writer) -> Result<(), LogError> {
        let from = self.synced_mark().get();
        let read = |source| LogError::io("read", self.path())(source);
        let segments = {
            let segments = self.segments.read();
            segments[segments.partition_point(|segment| segment.base() <= from).saturating_sub(1)..].to_vec()
        };
        let mut parts = Vec::with_capacity(segments.len());
        for segment in segments {
            let begin = segment.locate(from, segment.bytes()).map_err(read)?;
            parts.extend(begin.map(|begin| (segment, begin.position)));
        }
        let bytes: u64 = parts.iter().map(|(segment, begin)| segment.bytes() - begin).sum();
        if bytes > self.shared().tail_bytes_max {
            return Ok(());
        }
        let mut end = from;
        for (segment, begin) in parts {
            let file = segment.file().map_err(read)?;
            let mut scan = Scan::headers(&*file, begin, segment.bytes());
            while let Step::Batch { position, header } = scan.next_step().map_err(read)? {
                let mut batch = vec![0; header.size()];
                file.read_at(&mut batch, position).map_err(read)?;
                match self.log_again(&header, &batch, end) {
                    Err(WalError::DiskFull { .. }) => return Ok(()),
                    logged => end = logged?.unwrap_or(end),
                }
            }
        }
        writer.unlogged = false;
        Ok(())
    }

    /// Answers where the batch ends; the one before ended at `end`.
    fn log_again(&self, header: &BatchHeader, batch: &[u8], end: Offset) -> Result<Option<Offset>, WalError> {
        let (Some(base), Some(last)) = (header.base(), header.last()) else { return Ok(None) };
        if base > end {
            self.log_gap(end, base)?;
        }
        let head = EntryHead {
            leader_epoch: header.leader_epoch().unwrap_or_default(),
            len: batch.len() as u32,
            ..self.entry(EntryKind::Append, base)
        };
        self.shared().count_unsaved(batch.len() as u64);
        self.shared().wal.append(&head, &[batch], Some((&self.committed, last.next()))).map(|_| Some(last.next()))
    }

    pub(in crate::log) fn list_for_checkpoint(&self, writer: &mut Writer) {
        if !writer.listed
            && let Some(log) = self.this.upgrade()
        {
            writer.listed = true;
            self.shared().dirty.lock().push(log);
        }
    }
}

/// All entries but the appends that a later cut takes away again: what stood before them may be cut already.
fn not_cut_later(entries: &[RecoveredEntry]) -> Vec<&RecoveredEntry> {
    let mut cut: Option<Offset> = None;
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries.iter().rev() {
        let at = entry.head.offset;
        match entry.head.kind {
            EntryKind::Append | EntryKind::Gap if cut.is_some_and(|cut| cut <= at) => continue,
            EntryKind::Truncate => cut = Some(cut.map_or(at, |cut| cut.min(at))),
            EntryKind::Append | EntryKind::Gap | EntryKind::LogStart | EntryKind::Drop => {}
        }
        kept.push(entry);
    }
    kept.reverse();
    kept
}

/// Where a gap ends.
fn gap_end(entry: &RecoveredEntry, recovered: &Recovered) -> Result<Option<Offset>, LogError> {
    let body = recovered.read_body(entry)?;
    Ok(body.try_into().ok().and_then(|body| Offset::from_wire(i64::from_be_bytes(body))))
}
