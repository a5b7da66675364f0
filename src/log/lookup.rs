//! Offsets by time (ListOffsets): the time index narrows the search, the records themselves decide.
use crate::{
    log::{
        log::Log,
        read::{ReadError, ReadLimit},
        scan,
        segment::{Located, Segment},
        time_index::TimestampedOffset,
    },
    record,
    types::Offset,
};
use std::{io, ops::Range, sync::Arc};

/// Most bytes that the records of one compressed batch may have without it: they are looked through, by compaction and by times.
pub const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;
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
        // Of records that are lost in the middle, who comes there is told.
        let known = segments.iter().enumerate().filter(|(at, segment)| *at == 0 || !segment.is_stand_in());
        let segments = known.map(|(_, segment)| segment.clone()).collect();
        Look { segments, start: bounds.start(), end: limit.of(&bounds) }
    }

    /// The record with the largest timestamp of all (OFF-6, timestamp -3); the
    /// first of them when several have it. Where no record has a time that is the first one, as in Kafka.
    pub fn offset_of_max_timestamp(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        again_if_replaced(|| self.search_largest()).map_err(|error| self.read_error(error))
    }

    fn search_largest(&self) -> io::Result<Option<TimestampedOffset>> {
        let Look { segments, .. } = self.look(ReadLimit::End);
        let mut best: Option<(TimestampedOffset, Arc<Segment>)> = None;
        for segment in segments {
            let largest = segment.largest_timestamp()?;
            self.prove_times(&segment)?;
            if let Some(largest) = largest
                && best.as_ref().is_none_or(|(best, _)| largest.timestamp_ms > best.timestamp_ms)
            {
                best = Some((largest, segment));
            }
        }
        let Some((largest, segment)) = best else { return Ok(None) };
        let Some(batch) = self.whole_batch(&segment, largest.offset, largest.offset.next())? else { return Ok(None) };
        self.record_in(&segment, &batch, |_, at| at >= largest.timestamp_ms)
    }

    /// Bytes of a segment that hold whole batches: an append may be writing behind them.
    pub(in crate::log) fn visible_bytes(&self, segment: &Arc<Segment>) -> u64 {
        let shown = self.shown.lock();
        if Arc::ptr_eq(shown.tail.segment(), segment) { shown.tail.bytes() } else { segment.bytes() }
    }

    /// What the headers of a segment say of times, where only they do, may hide records: they must be what was written.
    fn prove_times(&self, segment: &Arc<Segment>) -> io::Result<()> {
        let Some(from) = segment.times_unproven_from() else { return Ok(()) };
        let bytes = from..self.visible_bytes(segment);
        if segment.health().is_whole(&bytes) {
            return Ok(());
        }
        let is_known = || segment.health().damaged_from(bytes.start).is_some_and(|damaged| damaged < bytes.end);
        if is_known() {
            return Err(damaged());
        }
        let first = scan::header_at(&*segment.file()?, bytes.start, bytes.end)?.and_then(|header| header.base());
        let first = first.unwrap_or(segment.base());
        self.looking_closer(segment, is_known, || self.must_be_whole(segment, bytes.clone(), first))
    }

    /// The batch that holds `from`, or the first behind it, if all between is what was written. `end`: of the segment's records.
    fn whole_batch(&self, segment: &Arc<Segment>, from: Offset, end: Offset) -> io::Result<Option<Located>> {
        let is_known = || segment.health().damage_of(from).is_some();
        self.looking_closer(segment, is_known, || {
            let found = segment.locate(from, self.visible_bytes(segment))?;
            let next = found.and_then(|batch| batch.header.base()).unwrap_or(end);
            if let Some(damage) = segment.health().damage_between(from, next) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, damage.to_string()));
            }
            if next > from && !self.gaps_allowed(from) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "records are missing"));
            }
            if let Some(batch) = found {
                self.must_be_whole(segment, batch.position..batch.position + batch.header.size() as u64, from)?;
            }
            Ok(found)
        })
    }

    fn must_be_whole(&self, segment: &Arc<Segment>, bytes: Range<u64>, from: Offset) -> io::Result<()> {
        if self.is_whole(segment, bytes, from)? {
            return Ok(());
        }
        Err(damaged())
    }

    /// What else of a segment with damage can be read is found out once: who asks again is not to have all of it read again.
    fn looking_closer<T>(
        &self,
        segment: &Arc<Segment>,
        is_known: impl Fn() -> bool,
        look: impl Fn() -> io::Result<T>,
    ) -> io::Result<T> {
        match look() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData && !is_known() => {
                self.examine_segment(segment, &mut |_| true)?;
                look()
            }
            other => other,
        }
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

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the records are damaged")
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
            log.prove_times(segment)?;
            continue;
        }
        let mut from = segment.floor_by_time(timestamp_ms)?.max(*start);
        while let Some(batch) = log.whole_batch(segment, from, next.min(*end))? {
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
