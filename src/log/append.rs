//! Appending: the one way records get into a log (LOG-1, LOG-2). One write to the segment, one copy into the
//! write-ahead log.
use crate::{
    log::{
        Closed, LogConfig, SyncPolicy,
        file_cache::OpenFile,
        log::{Log, Writer},
        names,
        producer_state::{AppendOrigin, Completed, ProducerError, Verdict, append_time_ms},
        segment::{SEGMENT_BYTES_MAX, SPACE_BYTES_MIN, Segment},
        transactions::AppendTerms,
        wal::{BLOCK_BYTES, EntryHead, EntryKind, LaidOut, WalError},
    },
    platform::{
        OpenMode,
        seeded::{self, Bug},
    },
    record::{BatchHeader, CheckedBatch, EndTransactionMarker, PlacedBatch},
    types::{LeaderEpoch, Offset},
};
use parking_lot::MutexGuard;
use std::{
    io::{self, IoSlice},
    sync::Arc,
};

/// Only room is missing: it may come back.
pub(in crate::log) fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A batch on its way to the segment.
pub(in crate::log) enum Bytes<'a> {
    Slices([&'a [u8]; 2]),
    /// Past the page cache.
    LaidOut(&'a LaidOut, &'a OpenFile),
}

impl Bytes<'_> {
    fn size(&self) -> usize {
        match self {
            Bytes::Slices([first, second]) => first.len() + second.len(),
            Bytes::LaidOut(body, _) => body.size(),
        }
    }
}

/// Where a batch stands now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    pub base: Offset,
    pub last: Offset,
    /// The batch stood there already; nothing was written (IDEM-2).
    pub duplicate: bool,
    /// When the broker sets timestamps: the one it set.
    pub append_time_ms: Option<i64>,
    pub log_start: Offset,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// RECORD_LIST_TOO_LARGE (VAL-3).
    #[error("the batch has {size} bytes, a segment of this topic at most {segment_bytes} (segment.bytes)")]
    BatchTooLargeForSegment { size: usize, segment_bytes: u64 },
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// The caller no longer leads: a record of a later epoch stands in the log.
    #[error("leader epoch {given} is older than the log's latest {latest}")]
    StaleEpoch { given: LeaderEpoch, latest: LeaderEpoch },
    /// KAFKA_STORAGE_ERROR (OPS-3); heals when space is there again.
    #[error("the disk of {log} has no room left for records; free some space or lower retention")]
    DiskFull { log: String },
    /// KAFKA_STORAGE_ERROR: the write failed and was taken back (LOG-3).
    #[error("the batch could not be written to {log}: {source}")]
    Write { log: String, source: io::Error },
    /// KAFKA_STORAGE_ERROR: the directory takes no more records.
    #[error("the log directory failed: {0}")]
    StorageFailed(String),
    #[error("the high watermark is {high}: records from there on cannot be deleted")]
    PastHighWatermark { high: Offset },
    #[error("the log was deleted")]
    Deleted,
    #[error("the broker is stopping")]
    Stopping,
}

impl Writer {
    /// What follows a cut that a crash would do again must be in the write-ahead log too, until a checkpoint covers the cut.
    pub fn sync_policy(&self, config: &LogConfig) -> SyncPolicy {
        if self.cut.is_some() { SyncPolicy::Wal } else { config.sync }
    }
}

impl Log {
    /// Appends one batch whose content was checked before. Its offset and leader epoch are given here. When it fails,
    /// nothing was written and the log's end is unchanged (LOG-2).
    pub fn append(
        &self,
        batch: CheckedBatch,
        epoch: LeaderEpoch,
        terms: impl Into<AppendTerms>,
    ) -> Result<Appended, AppendError> {
        let terms = terms.into();
        let origin = terms.origin;
        let config = self.config.load();
        let size = batch.bytes().len();
        let mut writer = self.writer.lock();
        self.check_usable(&writer)?;
        if let Some(latest) = writer.latest_epoch
            && epoch < latest
        {
            return Err(AppendError::StaleEpoch { given: epoch, latest });
        }
        // A follower takes what its leader took, whatever the setting says now (LOG-6).
        let bounded = origin != AppendOrigin::Replication;
        if size as u64 > SEGMENT_BYTES_MAX || (bounded && size as u64 > config.segment_bytes) {
            return Err(AppendError::BatchTooLargeForSegment { size, segment_bytes: config.segment_bytes });
        }
        let marker = EndTransactionMarker::of(batch.header(), batch.bytes());
        if let Verdict::Duplicate(earlier) = writer.judge(batch.header(), marker, &terms, &config)? {
            drop(writer);
            // Of either type of timestamp, as Kafka tells it.
            let append_time_ms = Some(earlier.timestamp_ms);
            let (base, last) = (earlier.base_offset(), earlier.last_offset);
            return Ok(Appended { base, last, duplicate: true, append_time_ms, log_start: self.bounds().start() });
        }
        if origin == AppendOrigin::Client && seeded::strikes(Bug::AcknowledgesNothing) {
            let (base, last) = (writer.end, writer.end.plus(batch.header().last_offset_delta.max(0).into()));
            let log_start = self.bounds().start();
            return Ok(Appended { base, last, duplicate: true, append_time_ms: None, log_start });
        }
        self.take_space(size, origin)?;
        let placed = batch.place(writer.end, epoch);
        let log_start = self.take(&mut writer, &config, &placed, marker)?;
        self.tell_end(writer, &config);
        let append_time_ms = append_time_ms(placed.header());
        Ok(Appended { base: placed.base(), last: placed.last(), duplicate: false, append_time_ms, log_start })
    }

    /// Writes and shows a batch that may stand where it says. Answers the log's start.
    pub(in crate::log) fn take(
        &self,
        writer: &mut Writer,
        config: &LogConfig,
        placed: &PlacedBatch,
        marker: Option<EndTransactionMarker>,
    ) -> Result<Offset, AppendError> {
        self.roll_if_due(writer, config, placed.header())?;
        let sync = writer.sync_policy(config);
        if sync == SyncPolicy::Wal && writer.unlogged {
            self.sync_segments(writer)?;
        }
        self.note_gap(writer, placed.base(), sync)?;
        let position = self.write_batch(writer, placed, sync, config.segment_bytes)?;
        let completed = self.note_batch(writer, config, placed.header(), marker, position);
        let log_start = self.show(writer, placed.header(), completed);
        if sync == SyncPolicy::PageCache {
            writer.unflushed_records += placed.last().next().since(placed.base());
            if writer.unflushed_records >= config.flush_messages {
                self.sync_segments(writer)?;
            }
        }
        Ok(log_start)
    }

    /// Ends an append: who waits for its records is told of them.
    pub(in crate::log) fn tell_end(&self, writer: MutexGuard<'_, Writer>, config: &LogConfig) {
        let (end, sync) = (writer.end, writer.sync_policy(config));
        drop(writer);
        self.end_mark().raise(end);
        // Under the write-ahead log: its commit may have come before the end was shown, and was then held back.
        let synced = self.synced_mark().get() >= end || seeded::strikes(Bug::AcknowledgesUnsynced);
        if sync == SyncPolicy::PageCache || synced {
            self.committed.committed(end);
        }
    }

    pub(in crate::log) fn take_space(&self, size: usize, origin: AppendOrigin) -> Result<(), AppendError> {
        let taken = self.shared().space.take(size as u64, origin == AppendOrigin::Coordinator);
        if taken { Ok(()) } else { Err(self.disk_full()) }
    }

    pub(in crate::log) fn check_usable(&self, writer: &Writer) -> Result<(), AppendError> {
        match (writer.closed, self.shared().failure()) {
            (Some(Closed::Deleted), _) => Err(AppendError::Deleted),
            (Some(_), _) => Err(AppendError::Stopping),
            (None, Some(why)) => Err(AppendError::StorageFailed(why.to_owned())),
            (None, None) => Ok(()),
        }
    }

    /// Readers see the batch (below their limits). Answers the log's start.
    pub(in crate::log) fn show(&self, writer: &Writer, header: &BatchHeader, completed: Option<Completed>) -> Offset {
        let mut shown = self.shown.lock();
        shown.bounds.extend(writer.end);
        shown.tail.push(header);
        shown.unstable.appended(writer.producers.first_undecided(), completed);
        shown.bounds.start()
    }

    /// To the active segment, and to the write-ahead log where it is used.
    fn write_batch(
        &self,
        writer: &mut Writer,
        placed: &PlacedBatch,
        sync: SyncPolicy,
        segment_bytes: u64,
    ) -> Result<u64, AppendError> {
        if sync == SyncPolicy::PageCache {
            let position = self.write_bytes(writer, Bytes::Slices(placed.slices()), segment_bytes)?;
            writer.unlogged = true;
            return Ok(position);
        }
        let laid_out = self.lay_out(writer, &placed.slices())?;
        let bytes = match &laid_out {
            Some((body, file)) => Bytes::LaidOut(body, file),
            None => Bytes::Slices(placed.slices()),
        };
        let position = self.write_bytes(writer, bytes, segment_bytes)?;
        self.log_ahead(writer, position, placed, laid_out.map(|(body, _)| body))?;
        Ok(position)
    }

    /// Hands the batch to the write-ahead log. When that has no room, the segment's bytes are taken back.
    fn log_ahead(
        &self,
        writer: &Writer,
        position: u64,
        placed: &PlacedBatch,
        laid_out: Option<LaidOut>,
    ) -> Result<(), AppendError> {
        let header = placed.header();
        let head = EntryHead {
            kind: EntryKind::Append,
            topic_id: self.id.topic_id,
            partition: self.id.partition,
            offset: placed.base(),
            leader_epoch: header.leader_epoch().unwrap_or_default(),
            len: header.size() as u32,
        };
        self.shared().count_unsaved(header.size() as u64);
        let reach = Some((&self.committed, placed.last().next()));
        let taken = match laid_out {
            Some(body) => self.shared().wal.append_laid_out(&head, body, reach),
            None => self.shared().wal.append(&head, &placed.slices(), reach),
        };
        let Err(error) = taken else { return Ok(()) };
        let undone = self.take_back(&writer.active, position, io::ErrorKind::StorageFull.into());
        Err(if matches!(error, WalError::DiskFull { .. }) { undone } else { self.not_logged(error) })
    }

    /// Why nothing was appended, when the write-ahead log did not take it.
    pub(in crate::log) fn not_logged(&self, error: WalError) -> AppendError {
        match error {
            WalError::DiskFull { .. } => self.disk_full(),
            WalError::Closed => AppendError::Stopping,
            error => self.storage_failed(error.to_string()),
        }
    }

    /// What is on the disk is not known any more: the directory takes nothing from now on (LOG-9).
    fn storage_failed(&self, why: String) -> AppendError {
        self.shared().fail(why.clone());
        AppendError::StorageFailed(why)
    }

    /// The batch as it can be written past the page cache, where that is worth it: nobody reads this log, so that its pages
    /// would only push others out.
    fn lay_out(&self, writer: &Writer, slices: &[&[u8]; 2]) -> Result<Option<(LaidOut, OpenFile)>, AppendError> {
        let (shared, bytes) = (self.shared(), slices[0].len() + slices[1].len());
        if !shared.direct.is_due(bytes, self.asked(), || shared.clock.monotonic()) {
            return Ok(None);
        }
        let active = &writer.active;
        let Some(file) = active.direct_file().map_err(|source| self.write_error(source))? else { return Ok(None) };
        let skip = (active.bytes() % BLOCK_BYTES as u64) as usize;
        Ok(Some((shared.wal.lay_out(skip, slices), file)))
    }

    /// Writes a batch behind the active segment's last one. It counts only once it is noted.
    /// The segment may grow to `segment_bytes`, as far as that is known.
    pub(in crate::log) fn write_bytes(
        &self,
        writer: &mut Writer,
        bytes: Bytes<'_>,
        segment_bytes: u64,
    ) -> Result<u64, AppendError> {
        let active = writer.active.clone();
        let position = active.bytes();
        let len = bytes.size() as u64;
        let ahead = match self.shared().space.left_bytes() >= SPACE_BYTES_MIN {
            true => active.allocate_ahead(position, len, segment_bytes),
            false => Ok(()),
        };
        let written = ahead.and_then(|()| match bytes {
            Bytes::Slices(slices) => {
                let file = active.file()?;
                file.write_slices_at(&mut slices.map(IoSlice::new), position)?;
                Ok(Some(file))
            }
            Bytes::LaidOut(body, direct) => {
                let (shared, began) = (self.shared(), self.shared().clock.monotonic());
                active.write_laid_out(body, direct, position)?;
                let now = shared.clock.monotonic();
                shared.direct.took(now.saturating_sub(began), now);
                Ok(None)
            }
        });
        let buffered = written.map_err(|source| self.take_back(&active, position, source))?;
        if let Some(Err(source)) = buffered.map(|file| active.begin_writeback(&*file, position + len)) {
            // Also of what was acknowledged nobody knows now whether it is in the file.
            let why = format!("{} could not be written back: {source}", active.path(names::LOG).display());
            return Err(self.storage_failed(why));
        }
        active.set_dirty(true);
        // The file may have been made by this write.
        writer.new_folder |= position == 0;
        // Listed before the write-ahead log has the entry: a checkpoint that covers the entry covers this log.
        if !writer.listed
            && let Some(log) = self.this.upgrade()
        {
            writer.listed = true;
            self.shared().dirty.lock().push(log);
        }
        Ok(position)
    }

    /// After a failed write nothing is known about the bytes behind `position`: they are cut off, or the directory is
    /// given up (LOG-3).
    fn take_back(&self, active: &Arc<Segment>, position: u64, source: io::Error) -> AppendError {
        let log = self.id.to_string();
        // A file that could not even be opened or made has nothing to be cut.
        if let Err(error) = active.cut(position)
            && !(position == 0 && error.kind() == io::ErrorKind::NotFound)
        {
            let why = format!("a write to {log} failed ({source}) and could not be taken back ({error})");
            return self.storage_failed(why);
        }
        if is_disk_full(&source) {
            self.shared().space.refresh(0);
            return self.disk_full();
        }
        AppendError::Write { log, source }
    }

    /// Indexes, producers, epochs, end: all that follows from a batch standing at `position`. Answers the transaction that
    /// it completed.
    pub(in crate::log) fn note_batch(
        &self,
        writer: &mut Writer,
        config: &LogConfig,
        header: &BatchHeader,
        marker: Option<EndTransactionMarker>,
        position: u64,
    ) -> Option<Completed> {
        let (base, last) = (header.base().unwrap_or_default(), header.last().unwrap_or_default());
        writer.active.extend(header.size() as u64);
        let indexed = writer.since_index > config.index_interval_bytes;
        writer.active.note(position, last, header.max_timestamp, indexed);
        if indexed {
            writer.since_index = 0;
            if writer.active.indexes_gathered()
                && let Err(error) = writer.active.write_indexes(false)
            {
                tracing::warn!(log = %self.id, "an index could not be written and stays in memory: {error}");
            }
        }
        writer.since_index += header.size() as u64;
        if position == 0 {
            writer.first_timestamp_ms = Some(header.max_timestamp);
        }
        let completed = writer.producers.update(header, marker);
        writer.verifications.appended(header);
        if let Some(aborted) = completed.and_then(|completed| completed.aborted()) {
            writer.active.note_aborted(aborted);
        }
        if writer.producers.len() > config.producer_ids_max {
            // Down to nine tenths, so that this is rare (IDEM-12).
            writer.producers.expire(i64::MIN, i64::MAX, config.producer_ids_max / 10 * 9);
        }
        if let Some(epoch) = header.leader_epoch()
            && writer.latest_epoch != Some(epoch)
        {
            writer.latest_epoch = Some(epoch);
            self.epochs.lock().assign(epoch, base);
        }
        writer.end = last.next();
        completed
    }

    pub(in crate::log) fn write_error(&self, source: io::Error) -> AppendError {
        if is_disk_full(&source) {
            return self.disk_full();
        }
        AppendError::Write { log: self.id.to_string(), source }
    }

    fn disk_full(&self) -> AppendError {
        self.shared().note_full();
        AppendError::DiskFull { log: self.id.to_string() }
    }

    /// Syncs what the write-ahead log does not cover. A failure ends the directory (LOG-9).
    pub(in crate::log) fn sync_segments(&self, writer: &mut Writer) -> Result<(), AppendError> {
        let sealed = writer.sealed_dirty.iter().chain([&writer.active]).filter(|segment| segment.is_dirty());
        for segment in sealed {
            if let Err(error) = segment.file().and_then(|file| file.sync_data()) {
                let why = format!("a segment of {} could not be synced: {error}", self.id);
                return Err(self.storage_failed(why));
            }
        }
        let names = if writer.new_folder || !writer.sealed_dirty.is_empty() {
            // Files were made since the last checkpoint, perhaps the directory itself (LOG-10).
            let metadata = self.folder.file(names::PARTITION_METADATA);
            let synced = self.shared().disk.open(&metadata, OpenMode::Write).and_then(|file| file.sync_data());
            synced
                .and_then(|()| self.shared().disk.sync_dir(&self.path()))
                .and_then(|()| self.shared().disk.sync_dir(&self.shared().path))
        } else {
            Ok(())
        };
        if let Err(error) = names {
            let why = format!("the directory of {} could not be synced: {error}", self.id);
            return Err(self.storage_failed(why));
        }
        writer.unlogged = false;
        writer.unflushed_records = 0;
        Ok(())
    }
}
