//! What becomes of each batch when a log is rewritten: dropped, kept byte for byte, or made anew with fewer records.
use super::{
    offset_map::OffsetMap,
    rewriting::{self, Kept},
    transactions::{Aborted, AbortedRange, Ongoing, control_of},
};
use crate::{
    record::{BatchHeader, KeyedRecord, RecordFault, RecordsError, keyed_records, records},
    types::Offset,
};
use bytes::BytesMut;
use std::{collections::BTreeMap, io, ops::Range};

/// Why a log cannot be compacted: a batch in it is not what it should be. Nothing is rewritten around damage.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    #[error("the checksum of the batch at offset {base} is wrong")]
    Checksum { base: i64 },
    #[error("the batch at offset {base}: {fault}")]
    Records { base: i64, fault: RecordsError },
    #[error("a record of the batch at offset {base}: {fault}")]
    Record { base: i64, fault: RecordFault },
    #[error("the batch at offset {base} cannot be written anew: {source}")]
    Write { base: i64, source: io::Error },
    #[error("the batch at offset {base} has an impossible offset")]
    Offset { base: i64 },
    #[error("the leader epoch {epoch} of the batch at offset {base} is not the one that is noted of it")]
    Epoch { base: i64, epoch: i32 },
}

/// What a living producer wrote last (CMP-7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastRecord {
    /// `None`: only a marker is known of its present epoch.
    pub data: Option<Offset>,
    pub epoch: i16,
}

/// What becomes of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Dropped,
    /// As it stands.
    Kept,
    /// Written anew, appended to the output.
    Made(BatchHeader),
}

/// The rules of one run over one log.
pub struct Filter<'a> {
    pub map: &'a OffsetMap,
    pub aborted: &'a Aborted,
    pub producers: &'a BTreeMap<i64, LastRecord>,
    pub high: Offset,
    pub now_ms: i64,
    pub delete_retention_ms: i64,
    /// Bytes that a compressed batch may have uncompressed.
    pub decompressed_bytes_max: usize,
    pub ongoing: Ongoing,
    /// Aborted transactions of which a batch or the marker stays, by their markers.
    pub aborted_kept: BTreeMap<Offset, AbortedRange>,
    pub records_kept: u64,
    ranges: Vec<Range<usize>>,
}

/// What a look at a batch's records found.
#[derive(Default)]
struct Found {
    kept: i32,
    tombstones: bool,
    max_timestamp: Option<i64>,
}

impl<'a> Filter<'a> {
    pub fn new(map: &'a OffsetMap, aborted: &'a Aborted, producers: &'a BTreeMap<i64, LastRecord>) -> Filter<'a> {
        Filter {
            map,
            aborted,
            producers,
            high: Offset::ZERO,
            now_ms: 0,
            delete_retention_ms: 0,
            decompressed_bytes_max: 0,
            ongoing: Ongoing::default(),
            aborted_kept: BTreeMap::new(),
            records_kept: 0,
            ranges: Vec::new(),
        }
    }

    /// Judges the next batch. One that is made anew is appended to `out`; it has at most `room` bytes, otherwise the old
    /// one is kept whole: a cleaned segment never outgrows its index (CMP-10).
    pub fn batch(
        &mut self,
        header: &BatchHeader,
        bytes: &[u8],
        room: usize,
        out: &mut BytesMut,
    ) -> Result<Outcome, FilterError> {
        let base = header.base_offset;
        let (Some(first), Some(last)) = (header.base(), header.last()) else {
            return Err(FilterError::Offset { base });
        };
        if header.crc != BatchHeader::crc_of(bytes) {
            // Whatever becomes of it: what is dropped may not be what was written, and a new segment must not vouch for damage.
            return Err(FilterError::Checksum { base });
        }
        if first >= self.map.end() {
            self.records_kept += header.record_count.max(0) as u64;
            return Ok(Outcome::Kept);
        }
        if header.is_control() {
            return self.control_batch(header, bytes, last, out);
        }
        self.ongoing.on_data(header);
        let stays_empty = self.stays_empty(header, last);
        if header.record_count == 0 {
            return self.without_records(header, stays_empty, out);
        }
        if let Some(range) = self.aborted.of(header) {
            self.aborted_kept.insert(range.last, range);
            return self.without_records(header, stays_empty, out);
        }
        if let Some(range) = self.aborted.noted_of(header) {
            self.aborted_kept.insert(range.last, range);
        }
        let set = records(header, bytes, self.decompressed_bytes_max)
            .map_err(|fault| FilterError::Records { base, fault })?;
        let found = self.look(header, set.body()).map_err(|fault| FilterError::Record { base, fault })?;
        let needs_horizon = found.tombstones && !header.has_delete_horizon();
        if found.kept == 0 {
            return self.without_records(header, stays_empty, out);
        }
        self.records_kept += found.kept as u64;
        if found.kept == header.record_count && !needs_horizon {
            return Ok(Outcome::Kept);
        }
        let max_timestamp = found.max_timestamp.unwrap_or(header.max_timestamp);
        let kept = Kept { body: set.body(), ranges: &self.ranges, count: found.kept, max_timestamp };
        let horizon_ms = needs_horizon.then(|| self.horizon_ms());
        self.made(header, &kept, horizon_ms, room, out)
    }

    /// A marker stays until its transaction has no batch left, and then for as long as a tombstone does (CMP-6).
    fn control_batch(
        &mut self,
        header: &BatchHeader,
        bytes: &[u8],
        last: Offset,
        out: &mut BytesMut,
    ) -> Result<Outcome, FilterError> {
        let base = header.base_offset;
        let set = records(header, bytes, self.decompressed_bytes_max)
            .map_err(|fault| FilterError::Records { base, fault })?;
        let is_useless = self.ongoing.on_control(header, control_of(&set));
        let stays_empty = self.stays_empty(header, last);
        let is_over = header.has_delete_horizon() && header.base_timestamp <= self.now_ms;
        if header.record_count == 0 || (is_useless && is_over) {
            return self.without_records(header, stays_empty, out);
        }
        self.records_kept += header.record_count as u64;
        if !is_useless || header.has_delete_horizon() {
            return Ok(Outcome::Kept);
        }
        let whole = 0..set.body().len();
        let kept = Kept {
            body: set.body(),
            ranges: std::slice::from_ref(&whole),
            count: header.record_count,
            max_timestamp: header.max_timestamp,
        };
        self.made(header, &kept, Some(self.horizon_ms()), usize::MAX, out)
    }

    fn made(
        &self,
        header: &BatchHeader,
        kept: &Kept<'_>,
        horizon_ms: Option<i64>,
        room: usize,
        out: &mut BytesMut,
    ) -> Result<Outcome, FilterError> {
        let base = header.base_offset;
        let start = out.len();
        let made =
            rewriting::rewrite(header, kept, horizon_ms, out).map_err(|source| FilterError::Write { base, source })?;
        if made.size() > room {
            out.truncate(start);
            return Ok(Outcome::Kept);
        }
        Ok(Outcome::Made(made))
    }

    fn horizon_ms(&self) -> i64 {
        self.now_ms.saturating_add(self.delete_retention_ms)
    }

    fn without_records(
        &self,
        header: &BatchHeader,
        stays_empty: bool,
        out: &mut BytesMut,
    ) -> Result<Outcome, FilterError> {
        if !stays_empty {
            return Ok(Outcome::Dropped);
        }
        if header.record_count == 0 {
            return Ok(Outcome::Kept);
        }
        let base = header.base_offset;
        rewriting::empty(header, out).map(Outcome::Made).map_err(|source| FilterError::Write { base, source })
    }

    /// Without records too, the last batch of a living producer stays (CMP-7), and the last one below the high watermark,
    /// or a copy of this log would never reach its end (CMP-8).
    fn stays_empty(&self, header: &BatchHeader, last: Offset) -> bool {
        let is_producers_last = self.producers.get(&header.producer_id).is_some_and(|known| match known.data {
            Some(data) => data == last,
            None => header.is_control() && header.producer_epoch == known.epoch,
        });
        (header.producer_id >= 0 && is_producers_last) || last.next() == self.high
    }

    /// Which records stay, as ranges of `body`.
    fn look(&mut self, header: &BatchHeader, body: &[u8]) -> Result<Found, RecordFault> {
        self.ranges.clear();
        let mut found = Found::default();
        let tombstones_stay = !header.has_delete_horizon() || self.now_ms < header.base_timestamp;
        for record in keyed_records(body, header.record_count) {
            let record = record?;
            if !self.stays(header, &record, tombstones_stay) {
                continue;
            }
            found.kept += 1;
            found.tombstones |= !record.has_value;
            let at = rewriting::timestamp(header, &record);
            found.max_timestamp = Some(found.max_timestamp.map_or(at, |max| max.max(at)));
            match self.ranges.last_mut() {
                Some(range) if range.end == record.start => range.end = record.end,
                _ => self.ranges.push(record.start..record.end),
            }
        }
        Ok(found)
    }

    #[inline(always)]
    fn stays(&self, header: &BatchHeader, record: &KeyedRecord<'_>, tombstones_stay: bool) -> bool {
        // A record without a key cannot be told from others: it has no place in a compacted log.
        let Some(key) = record.key else { return false };
        let offset = header.base_offset + i64::from(record.offset_delta);
        let is_last = self.map.get(key).is_none_or(|last| offset >= last.get());
        is_last && (record.has_value || tombstones_stay)
    }
}
