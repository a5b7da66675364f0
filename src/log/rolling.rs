//! Rolling: when the segment that is written to is sealed, and the next one begun.
use crate::{
    log::{
        AppendError, LogConfig, index,
        log::{Log, Writer},
        producer_snapshot, scan,
        segment::{SEGMENT_BYTES_MAX, Segment},
        tail::Tail,
        time_index,
    },
    record::BatchHeader,
    types::Offset,
};
use std::io;

impl Log {
    /// Begins a new segment when the active one is full or old enough for this batch.
    pub(in crate::log) fn roll_if_due(
        &self,
        writer: &mut Writer,
        config: &LogConfig,
        next: &BatchHeader,
    ) -> Result<(), AppendError> {
        if self.is_roll_due(writer, config, next).map_err(|source| self.write_error(source))? {
            // Behind a gap that no segment spans it begins where the batch does.
            let at = next.base().filter(|_| !is_in_reach(writer.end, next)).unwrap_or(writer.end);
            self.roll_at(writer, at).map_err(|source| self.write_error(source))?;
        }
        Ok(())
    }

    /// `next` has its offset already, which behind a gap is not the log's end.
    fn is_roll_due(&self, writer: &mut Writer, config: &LogConfig, next: &BatchHeader) -> io::Result<bool> {
        let active = &writer.active;
        let bytes = active.bytes();
        if !is_in_reach(active.base(), next) {
            return Ok(true);
        }
        if bytes == 0 {
            return Ok(false);
        }
        if bytes + next.size() as u64 > config.segment_bytes.min(SEGMENT_BYTES_MAX) {
            return Ok(true);
        }
        if writer.since_index > config.index_interval_bytes {
            let (offsets, times) = active.index_entries();
            let room = config.segment_index_bytes as usize;
            if (offsets + 1) * index::ENTRY_BYTES > room || (times + 2) * time_index::ENTRY_BYTES > room {
                return Ok(true);
            }
        }
        let first_ms = match writer.first_timestamp_ms {
            Some(first_ms) => first_ms,
            None => {
                let header = scan::header_at(&*active.file()?, 0, bytes)?;
                *writer.first_timestamp_ms.insert(header.map_or(-1, |header| header.max_timestamp))
            }
        };
        let waited_ms = if first_ms >= 0 {
            next.max_timestamp.saturating_sub(first_ms)
        } else {
            self.shared().clock.wall_ms().saturating_sub(writer.created_ms)
        };
        // A record that is written to is never compacted: the largest lag also closes segments.
        let lag_ms = if config.compact { config.compaction_lag_ms_max } else { i64::MAX };
        let segment_ms = config.segment_ms.min(lag_ms);
        Ok(waited_ms > segment_ms.saturating_sub(self.jitter_ms(active.base(), config)))
    }

    /// A part of `segment.jitter.ms` that is the same at every look at one segment.
    fn jitter_ms(&self, base: Offset, config: &LogConfig) -> i64 {
        if config.segment_jitter_ms <= 0 {
            return 0;
        }
        let mut seed = self.id.topic_id.0.as_bytes().to_vec();
        seed.extend_from_slice(&self.id.partition.to_be_bytes());
        seed.extend_from_slice(&base.get().to_be_bytes());
        i64::from(crate::record::crc32c(&seed)) % (config.segment_jitter_ms + 1)
    }

    /// Seals the active segment and begins the next at the log's end.
    pub(in crate::log) fn roll(&self, writer: &mut Writer) -> io::Result<()> {
        self.roll_at(writer, writer.end)
    }

    fn roll_at(&self, writer: &mut Writer, base: Offset) -> io::Result<()> {
        writer.active.write_indexes(true)?;
        writer.active.give_back_ahead();
        self.write_snapshot(writer)?;
        let next = Segment::create(self.folder.clone(), base);
        next.file()?;
        if writer.active.is_dirty() {
            writer.sealed_dirty.push(writer.active.clone());
        }
        writer.active = next.clone();
        writer.since_index = 0;
        writer.first_timestamp_ms = None;
        writer.created_ms = self.shared().clock.wall_ms();
        self.segments.write().push(next.clone());
        self.shown.lock().tail = Tail::new(next);
        Ok(())
    }

    /// Writes the producers' state at the log's end, when there is or was any (IDEM-10). Not synced here.
    pub(in crate::log) fn write_snapshot(&self, writer: &mut Writer) -> io::Result<()> {
        if writer.producers.is_empty() && writer.snapshots.is_empty() || writer.snapshots.last() == Some(&writer.end) {
            return Ok(());
        }
        producer_snapshot::save(&self.folder, writer.end, &writer.producers)?;
        writer.snapshots.push(writer.end);
        writer.unsynced_snapshots.push(writer.end);
        Ok(())
    }
}

/// Can a segment that begins at `base` hold the batch? Its indexes count offsets from there in 31 bits.
fn is_in_reach(base: Offset, batch: &BatchHeader) -> bool {
    batch.last().is_some_and(|last| index::relative(base, last).is_some())
}
