//! Reading: which bytes of which file answer a fetch. Bytes are not copied; whole batches only (FET-1, FET-5).
use crate::{
    log::{aborted::AbortedEntry, file_cache::OpenFile, log::Log, scan, segment::Segment},
    types::{LogBounds, Offset, ProducerId},
};
use std::{io, sync::Arc};

/// How often a reader chooses a segment anew that was replaced or deleted before it could be read.
const LOOKS_MAX: usize = 4;

/// Up to where a reader may see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadLimit {
    /// A consumer that reads uncommitted: below the high watermark.
    High,
    /// A consumer that reads committed: below the last stable offset.
    Stable,
    /// A follower: everything.
    End,
}

impl ReadLimit {
    /// The first offset that is not seen.
    pub fn of(self, bounds: &LogBounds) -> Offset {
        match self {
            ReadLimit::High => bounds.high(),
            ReadLimit::Stable => bounds.stable(),
            ReadLimit::End => bounds.end(),
        }
    }
}

/// Bytes of one segment file. The file stays readable while this lives, also when the log is deleted (FET-16).
#[derive(Clone)]
pub struct Slice {
    pub file: OpenFile,
    pub position: u64,
    pub len: usize,
}

impl std::fmt::Debug for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slice").field("position", &self.position).field("len", &self.len).finish_non_exhaustive()
    }
}

impl Slice {
    /// Copies the bytes, for answers that are not sent from the file.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len];
        let filled = self.file.read_at(&mut bytes, self.position)?;
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// A transaction whose records a committed reader skips (OFF-4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbortedTransaction {
    pub producer: ProducerId,
    pub first: Offset,
}

/// What ended the bytes of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// There is no more that the reader may see.
    All,
    /// More would have been too many bytes.
    Bytes,
    /// More stands in the next segment.
    Segment,
}

/// An answer to a read.
#[derive(Clone, Debug)]
pub struct Read {
    /// `None` when nothing is there below the limit.
    pub slice: Option<Slice>,
    pub ended: Ended,
    /// The ends as they were when the slice was chosen.
    pub bounds: LogBounds,
    pub aborted: Vec<AbortedTransaction>,
}

impl Read {
    fn is_all_gone(&self) -> bool {
        self.slice.is_none() && self.ended == Ended::All
    }
}

/// Why a read has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// OFFSET_OUT_OF_RANGE (OFF-10).
    #[error("offset {from} is outside of the log, which has {} to {}", bounds.start(), bounds.end())]
    OutOfRange { from: Offset, bounds: LogBounds },
    #[error("cannot read the log {log}: {source}")]
    Io { log: String, source: io::Error },
    #[error("records of the log {log} cannot be read: {what}")]
    Damaged { log: String, what: String },
    #[error("the log was deleted")]
    Deleted,
}

impl ReadError {
    /// A thread that must not wait for a disk would have had to.
    pub fn is_cold(&self) -> bool {
        matches!(self, ReadError::Io { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
    }
}

/// What was decided under the bounds lock.
struct Plan {
    bounds: LogBounds,
    limit: Offset,
    tail: Arc<Segment>,
    tail_bytes: u64,
    start: Option<u64>,
    /// Position of the limit in the tail segment; `None`: before what is remembered.
    stop: Option<u64>,
    /// The remembered boundary before `start + bytes_max`.
    boundary: Option<u64>,
    /// End of the first batch, when remembered.
    first_end: Option<u64>,
}

impl Log {
    /// Whole batches from the one that holds `from`, below `limit`, `bytes_max` at most, but one at least when
    /// `at_least_one`. All of one segment. Never takes the append lock; at the tail it makes no system call.
    pub fn read(
        &self,
        from: Offset,
        limit: ReadLimit,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Read, ReadError> {
        self.note_asked();
        // A segment can be deleted between being chosen and being opened: then the log's start has moved and the
        // second look says so (LOG-24).
        let (mut examined, mut nothing) = (false, None);
        for _ in 0..LOOKS_MAX {
            let plan = self.plan(from, limit, bytes_max)?;
            let bounds = plan.bounds;
            if from >= plan.limit {
                return Ok(Read { slice: None, ended: Ended::All, bounds, aborted: Vec::new() });
            }
            if let Some(damage) = self.segment_of(from, &plan).health().damage_of(from) {
                return Err(ReadError::Damaged { log: self.id().to_string(), what: damage.to_string() });
            }
            let found = self.find(from, &plan, bytes_max as u64, at_least_one);
            let found = found.and_then(|(found, ended)| {
                let found = found.map(|found| self.whole(from, found)).transpose()?;
                let aborted = match &found {
                    Some(found) if limit == ReadLimit::Stable => self.aborted_in(from, found, &plan)?,
                    _ => Vec::new(),
                };
                Ok(Read { slice: found.map(|found| found.slice), ended, bounds, aborted })
            });
            match found {
                // All that stood below the limit of the plan was compacted away since, in favour of newer records.
                Ok(read) if read.is_all_gone() && limit.of(&self.bounds()) > plan.limit => nothing = Some(read),
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.is_lost(from, &plan) => continue,
                // Damage: what else of the segment can be read is found out once, then it is served.
                Err(source) if examined => return Err(self.read_error(source)),
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::NotFound) => {
                    examined = true;
                    let looked = self.examine_segment(&self.segment_of(from, &plan), &mut |_| true);
                    looked.map_err(|source| self.read_error(source))?;
                }
                Err(source) => return Err(self.read_error(source)),
            }
        }
        nothing.ok_or(ReadError::Deleted)
    }

    /// The file of a segment that the log has is not there.
    fn is_lost(&self, from: Offset, plan: &Plan) -> bool {
        let segment = self.segment_of(from, plan);
        self.bounds().start() <= from && !segment.is_retired() && segment.is_missing()
    }

    /// As much of what was found as is what was written; each byte is looked at once since the start (LOG-15).
    fn whole(&self, from: Offset, mut found: Found) -> io::Result<Found> {
        let Found { slice, segment } = &mut found;
        let start = slice.position;
        if let Some(damaged) = segment.health().damaged_from(start) {
            slice.len = slice.len.min(usize::try_from(damaged - start).unwrap_or(usize::MAX));
        }
        if slice.len == 0 || !self.is_whole(segment, start..start + slice.len as u64, from)? {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the records are damaged"));
        }
        Ok(found)
    }

    /// Why a slice of this log cannot be read.
    pub fn read_error(&self, source: io::Error) -> ReadError {
        let log = self.id().to_string();
        self.shared().judge(&source);
        match source.kind() {
            io::ErrorKind::InvalidData => ReadError::Damaged { log, what: source.to_string() },
            _ => ReadError::Io { log, source },
        }
    }

    fn plan(&self, from: Offset, limit: ReadLimit, bytes_max: usize) -> Result<Plan, ReadError> {
        let shown = self.shown.lock();
        let bounds = shown.bounds;
        if from < bounds.start() || from > bounds.end() {
            return Err(ReadError::OutOfRange { from, bounds });
        }
        let limit = limit.of(&bounds);
        let tail = &shown.tail;
        let (mut start, mut stop, mut boundary, mut first_end) = (None, None, None, None);
        if from < limit && from >= tail.segment().base() {
            start = tail.position_of(from, bounds.end());
            stop = tail.position_of(limit, bounds.end());
            if let Some(start) = start {
                boundary = tail.boundary_before(start.saturating_add(bytes_max as u64));
                first_end = tail.end_of_batch_at(start);
            }
        }
        Ok(Plan {
            bounds,
            limit,
            tail: tail.segment().clone(),
            tail_bytes: tail.bytes(),
            start,
            stop,
            boundary,
            first_end,
        })
    }

    fn find(
        &self,
        from: Offset,
        plan: &Plan,
        bytes_max: u64,
        at_least_one: bool,
    ) -> io::Result<(Option<Found>, Ended)> {
        if let (Some(start), Some(stop), Some(boundary)) = (plan.start, plan.stop, plan.boundary) {
            let mut end = boundary.min(stop);
            if end <= start && at_least_one {
                end = plan.first_end.unwrap_or(start).min(stop);
            }
            return Ok((slice(&plan.tail, start, end)?, if end < stop { Ended::Bytes } else { Ended::All }));
        }
        let mut segment = self.segment_of(from, plan);
        loop {
            let in_tail = Arc::ptr_eq(&segment, &plan.tail);
            let end = if in_tail { plan.tail_bytes } else { segment.bytes() };
            let Some(first) = segment.place_of(from, end)? else {
                // Offsets may be missing at a segment's end (compaction): the next segment has the next record.
                match self.segment_after(&segment, plan) {
                    Some(next) if !in_tail && next.base() > from && !self.gaps_allowed(from) => {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "records are missing"));
                    }
                    Some(next) if !in_tail => segment = next,
                    _ if !self.gaps_allowed(from) => {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "records are missing"));
                    }
                    _ => return Ok((None, Ended::All)),
                }
                continue;
            };
            if first.base_offset > from.get() && !self.gaps_allowed(from) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "records are missing"));
            }
            if first.base_offset >= plan.limit.get() {
                return Ok((None, Ended::All));
            }
            let start = first.position;
            let target = start.saturating_add(bytes_max);
            let stop = self.stop_in(&segment, plan, end)?;
            let mut until = if stop <= target { stop } else { segment.boundary_before(first, target, end)?.min(stop) };
            if until <= start && at_least_one {
                until = first.end().min(stop);
                segment.note_next(until, end)?;
            }
            let more = || self.segment_after(&segment, plan).is_some_and(|next| next.base() < plan.limit);
            let ended = match until < stop {
                true => Ended::Bytes,
                false if !in_tail && more() => Ended::Segment,
                false => Ended::All,
            };
            return Ok((slice(&segment, start, until)?, ended));
        }
    }

    /// Which transactions in the bytes found were aborted (OFF-4): all that begin before the batch that follows them. Their
    /// entries were noted before the stable offset of the plan passed their records.
    fn aborted_in(&self, from: Offset, found: &Found, plan: &Plan) -> io::Result<Vec<AbortedTransaction>> {
        if !self.has_aborted_since(from)? {
            return Ok(Vec::new());
        }
        let Found { slice, segment } = found;
        let (position, in_tail) = (slice.position + slice.len as u64, Arc::ptr_eq(segment, &plan.tail));
        let end = if in_tail { plan.tail_bytes } else { segment.bytes() };
        let following = match scan::header_at(&*slice.file, position, end)? {
            Some(header) => header.base(),
            None => self.segment_after(segment, plan).map(|next| next.base()),
        };
        let touched = self.aborted_between(from, following.unwrap_or(plan.limit).min(plan.limit))?;
        let told = |entry: &AbortedEntry| AbortedTransaction { producer: entry.producer, first: entry.first };
        Ok(touched.iter().map(told).collect())
    }

    /// Position in `segment` where the limit lies; its end when the limit is further on.
    fn stop_in(&self, segment: &Arc<Segment>, plan: &Plan, end: u64) -> io::Result<u64> {
        if Arc::ptr_eq(segment, &plan.tail) {
            if let Some(stop) = plan.stop {
                return Ok(stop);
            }
        } else if self.segment_after(segment, plan).is_some_and(|next| next.base() <= plan.limit) {
            return Ok(end);
        }
        if plan.limit <= segment.base() {
            return Ok(0);
        }
        Ok(segment.locate(plan.limit, end)?.map_or(end, |at| at.position))
    }

    fn segment_of(&self, offset: Offset, plan: &Plan) -> Arc<Segment> {
        if offset >= plan.tail.base() {
            return plan.tail.clone();
        }
        let segments = self.segments.read();
        let after = segments.partition_point(|segment| segment.base() <= offset);
        segments[after.saturating_sub(1)].clone()
    }

    /// The segment behind `segment`, none of those made after the plan.
    fn segment_after(&self, segment: &Arc<Segment>, plan: &Plan) -> Option<Arc<Segment>> {
        let segments = self.segments.read();
        let after = segments.partition_point(|other| other.base() <= segment.base());
        segments.get(after).filter(|next| next.base() <= plan.tail.base()).cloned()
    }
}

/// Bytes that answer a read, and where they stand.
struct Found {
    slice: Slice,
    segment: Arc<Segment>,
}

fn slice(segment: &Arc<Segment>, start: u64, end: u64) -> io::Result<Option<Found>> {
    if end <= start {
        return Ok(None);
    }
    let len = usize::try_from(end - start).map_err(io::Error::other)?;
    let slice = Slice { file: segment.file()?, position: start, len };
    Ok(Some(Found { slice, segment: segment.clone() }))
}
