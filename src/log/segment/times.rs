//! Batches of a segment by their timestamps: its time index, which is believed only where the batches say so too.
use super::{REBUILT_INTERVAL_BYTES, Segment, unless_damaged};
use crate::{
    log::{
        names, reindex,
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
            let mut largest = self.loaded_times()?.last().copied();
            if let Some(said) = largest
                && !self.is_confirmed(said)?
            {
                largest = reindex::scan(self, REBUILT_INTERVAL_BYTES)?.times.last().copied();
            }
            (times.largest, times.known) = (largest, true);
        }
        Ok(times.largest.map(|entry| self.absolute(entry)))
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
        let parsed = match self.read_own(names::TIME_INDEX) {
            Ok(bytes) => time_index::parse(&bytes).filter(|entries| !entries.is_empty() || self.bytes() == 0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(entries) = parsed {
            return Ok(entries);
        }
        Ok(reindex::scan(self, REBUILT_INTERVAL_BYTES)?.times)
    }
}
