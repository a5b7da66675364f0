//! Offsets by time (ListOffsets): the time index narrows the search, the records themselves decide.
use crate::{
    log::{
        log::Log,
        read::{ReadError, ReadLimit},
        segment::{Located, Segment},
        time_index::TimestampedOffset,
    },
    record,
    types::Offset,
};
use std::{io, sync::Arc};

/// Most bytes that the records of one batch may have uncompressed, when they are looked through.
pub(in crate::log) const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;
/// Compaction puts one segment after the other in place: each can be the one that is just looked at.
const LOOKS_MAX: usize = 16;

/// What a lookup goes by: the segments and the bounds of one moment. With bounds of before, all that stands below them may be
/// compacted away by the time the segments are looked at, in favour of newer records that lie behind them.
pub(in crate::log) struct Look {
    pub segments: Vec<Arc<Segment>>,
    start: Offset,
    pub end: Offset,
}

impl Log {
    /// The first record with a timestamp of at least `timestamp_ms`, not below the log's start and below the limit
    /// (OFF-7). Reads at most one batch whole.
    pub fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
        limit: ReadLimit,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        let search = || search_time(self, &self.look(limit), timestamp_ms);
        again_if_replaced(search).map_err(|error| self.read_error(error))
    }

    pub(in crate::log) fn look(&self, limit: ReadLimit) -> Look {
        let segments = self.segments.read();
        // Under that lock: no segment is replaced between the two.
        let bounds = self.bounds();
        Look { segments: segments.clone(), start: bounds.start(), end: limit.of(&bounds) }
    }

    /// The record with the largest timestamp of all (OFF-6, timestamp -3); the
    /// first of them when several have it.
    pub fn offset_of_max_timestamp(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        again_if_replaced(|| self.search_largest()).map_err(|error| self.read_error(error))
    }

    fn search_largest(&self) -> io::Result<Option<TimestampedOffset>> {
        let Look { segments, .. } = self.look(ReadLimit::End);
        let mut best: Option<(TimestampedOffset, Arc<Segment>)> = None;
        for segment in segments {
            if let Some(largest) = segment.largest_timestamp()?
                && best.as_ref().is_none_or(|(best, _)| largest.timestamp_ms > best.timestamp_ms)
            {
                best = Some((largest, segment));
            }
        }
        let Some((largest, segment)) = best.filter(|(best, _)| best.timestamp_ms >= 0) else { return Ok(None) };
        let Some(batch) = segment.locate(largest.offset, self.visible_bytes(&segment))? else { return Ok(None) };
        self.record_in(&segment, &batch, |_, at| at >= largest.timestamp_ms)
    }

    /// Bytes of a segment that hold whole batches: an append may be writing behind them.
    pub(in crate::log) fn visible_bytes(&self, segment: &Arc<Segment>) -> u64 {
        let shown = self.shown.lock();
        if Arc::ptr_eq(shown.tail.segment(), segment) { shown.tail.bytes() } else { segment.bytes() }
    }

    fn record_in(
        &self,
        segment: &Arc<Segment>,
        batch: &Located,
        wanted: impl Fn(Offset, i64) -> bool,
    ) -> io::Result<Option<TimestampedOffset>> {
        let mut bytes = vec![0; batch.header.size()];
        let filled = segment.file()?.read_at(&mut bytes, batch.position)?;
        bytes.truncate(filled);
        let bad = |error: record::RecordsError| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        let records = record::records(&batch.header, &bytes, DECOMPRESSED_BYTES_MAX).map_err(bad)?;
        let base = batch.header.base().unwrap_or_default();
        for record in &records {
            let record = record.map_err(bad)?;
            let offset = base.plus(i64::from(record.offset_delta));
            if wanted(offset, record.timestamp) {
                let epoch = batch.header.leader_epoch();
                return Ok(Some(TimestampedOffset { timestamp_ms: record.timestamp, offset, epoch }));
            }
        }
        Ok(None)
    }
}

pub(in crate::log) fn search_time(log: &Log, look: &Look, timestamp_ms: i64) -> io::Result<Option<TimestampedOffset>> {
    let Look { segments, start, end } = look;
    for (at, segment) in segments.iter().enumerate() {
        let next = segments.get(at + 1).map_or(*end, |next| next.base());
        if next <= *start || segment.base() >= *end {
            continue;
        }
        let largest = segment.largest_timestamp()?;
        if largest.is_none_or(|largest| largest.timestamp_ms < timestamp_ms) {
            continue;
        }
        let mut from = segment.floor_by_time(timestamp_ms)?.max(*start);
        let bytes = log.visible_bytes(segment);
        while let Some(batch) = segment.locate(from, bytes)? {
            if batch.header.max_timestamp >= timestamp_ms {
                let found = log.record_in(segment, &batch, |offset, at| at >= timestamp_ms && offset >= *start)?;
                if found.is_some() {
                    return Ok(found.filter(|found| found.offset < *end));
                }
            }
            match batch.header.last() {
                Some(last) if last.next() < *end => from = last.next(),
                _ => break,
            }
        }
    }
    Ok(None)
}

/// A segment can be deleted or compacted between being chosen and being opened: the next look finds what is there then
/// (LOG-24).
fn again_if_replaced<T>(search: impl Fn() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..LOOKS_MAX {
        match search() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    search()
}
