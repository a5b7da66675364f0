//! Batches of a segment by their timestamps: its time index, which is believed only where the batches say so too.
use super::{REBUILT_INTERVAL_BYTES, Segment, unless_damaged};
use crate::{
    log::{
        names, reindex,
        scan::{Scan, Step},
        time_index::{self, TimeEntry, TimestampedOffset},
    },
    types::Offset,
};
use std::{io, sync::Arc};

impl Segment {
    /// The largest timestamp and the last offset of its batch; read from the time index when not yet known.
    pub fn largest_timestamp(self: &Arc<Self>) -> io::Result<Option<TimestampedOffset>> {
        let mut times = self.times.lock();
        if !times.known {
            let mut largest = self.read_times()?.and_then(|entries| entries.last().copied());
            if largest.map_or(Ok(true), |said| self.is_confirmed(said).map(|confirmed| !confirmed))? {
                largest = reindex::scan(self, REBUILT_INTERVAL_BYTES)?.times.last().copied();
                times.unproven_from = Some(0);
            }
            (times.largest, times.known) = (largest, true);
        }
        Ok(times.largest.map(|entry| self.absolute(entry)))
    }

    /// Does any batch have a record? What cannot be read may.
    pub fn has_records(self: &Arc<Self>) -> io::Result<bool> {
        let file = self.file()?;
        let mut scan = Scan::headers(&*file, 0, self.bytes());
        loop {
            match scan.next_step()? {
                Step::End => return Ok(false),
                Step::Batch { header, .. } if header.record_count == 0 => {}
                Step::Batch { .. } | Step::Bad { .. } => return Ok(true),
            }
        }
    }

    /// Where headers begin that the largest timestamp is known from, and nothing else.
    pub fn times_unproven_from(&self) -> Option<u64> {
        self.times.lock().unproven_from
    }

    pub fn set_times_unproven(&self, from: u64) {
        self.times.lock().unproven_from = Some(from);
    }

    /// Does the batch that an entry of the time index speaks of say so too? One bit of it must not hide or delete records.
    pub fn is_confirmed(self: &Arc<Self>, entry: TimeEntry) -> io::Result<bool> {
        let found = unless_damaged(self.locate(self.absolute(entry).offset, self.bytes()))?;
        Ok(found.is_some_and(|found| found.header.max_timestamp == entry.timestamp_ms))
    }

    /// From which offset on a batch with a timestamp of at least `timestamp_ms` can stand.
    pub fn floor_by_time(self: &Arc<Self>, timestamp_ms: i64) -> io::Result<Offset> {
        {
            let times = self.times.lock();
            if let Some(entry) = time_index::floor(times.live.unwritten(), timestamp_ms) {
                return Ok(self.absolute(entry).offset);
            }
            if times.known && times.live.written() == 0 {
                return Ok(self.base);
            }
        }
        let mut entries = self.loaded_times()?;
        if let Some(entry) = time_index::floor(&entries, timestamp_ms)
            && !self.is_confirmed(entry)?
        {
            entries = reindex::scan(self, REBUILT_INTERVAL_BYTES)?.times;
        }
        Ok(time_index::floor(&entries, timestamp_ms).map_or(self.base, |entry| self.absolute(entry).offset))
    }

    fn absolute(&self, entry: TimeEntry) -> TimestampedOffset {
        let offset = self.base.plus(i64::from(entry.relative));
        TimestampedOffset { timestamp_ms: entry.timestamp_ms, offset, epoch: None }
    }

    /// The time index of the file; made again from the batches when missing or insane.
    fn loaded_times(self: &Arc<Self>) -> io::Result<Vec<TimeEntry>> {
        self.read_times()?.map_or_else(|| Ok(reindex::scan(self, REBUILT_INTERVAL_BYTES)?.times), Ok)
    }

    /// `None` when missing or insane.
    fn read_times(&self) -> io::Result<Option<Vec<TimeEntry>>> {
        match self.read_own(names::TIME_INDEX) {
            Ok(bytes) => Ok(time_index::parse(&bytes).filter(|entries| !entries.is_empty() || self.bytes() == 0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
