//! Index files that are missing are made again from the batches when a log is opened (LOG-23).
use crate::{
    log::{
        aborted::AbortedIndex,
        index::{self, IndexEntry},
        names,
        opening::Opening,
        scan::{Scan, Step},
        segment::Segment,
        time_index::TimeEntry,
    },
    platform::{Entry, OpenMode},
    types::Offset,
};
use std::{collections::BTreeSet, io, sync::Arc};

impl Opening<'_> {
    /// For segments that are not written any more: nobody else would ever write their indexes. The last one has its own in memory.
    pub(in crate::log) fn make_missing_indexes(
        &mut self,
        segments: &[Arc<Segment>],
        listing: &[Entry],
    ) -> io::Result<()> {
        let there: BTreeSet<&str> =
            listing.iter().map(|file| file.name.strip_suffix(names::SWAP).unwrap_or(&file.name)).collect();
        let has = |segment: &Segment, suffix| there.contains(names::of_offset(segment.base(), suffix).as_str());
        for (at, segment) in segments[..segments.len() - 1].iter().enumerate() {
            let missing: Vec<&str> =
                [names::INDEX, names::TIME_INDEX].into_iter().filter(|suffix| !has(segment, suffix)).collect();
            if missing.is_empty() {
                continue;
            }
            tracing::warn!(segment = %segment.path(names::LOG).display(), "{} missing, made again from the batches", missing.join(" and "));
            let made = scan(segment, self.config.index_interval_bytes)?;
            self.has_markers = made.has_markers;
            // First: that the index is missing is the only sign of it.
            self.make_aborted(segments, at, segments[at + 1].base())?;
            for suffix in missing {
                let mut bytes = Vec::new();
                match suffix {
                    names::INDEX => made.offsets.iter().for_each(|entry: &IndexEntry| entry.write(&mut bytes)),
                    _ => made.times.iter().for_each(|entry: &TimeEntry| entry.write(&mut bytes)),
                }
                self.folder.disk().write_atomic(&segment.path(suffix), &bytes)?;
            }
        }
        Ok(())
    }

    /// Where both are lost, `.txnindex` cannot be told from one that was never needed: made from the batches of the segment walked
    /// last, as far as they are below `end`.
    pub(in crate::log) fn make_aborted(&mut self, segments: &[Arc<Segment>], at: usize, end: Offset) -> io::Result<()> {
        let segment = &segments[at];
        if !self.has_markers || !self.bare.remove(&segment.base()) {
            return Ok(());
        }
        // From the nearest segment before whose producers are known.
        let (mut from, mut producers) = (at, segment.producers_before()?);
        while let (Some(before), None) = (from.checked_sub(1), &producers) {
            (from, producers) = (before, segments[before].producers_before()?);
        }
        let mut producers = producers.unwrap_or_default();
        for before in &segments[from..at] {
            producers = before.aborted_after(producers)?.1;
        }
        let mut entries = segment.aborted_after(producers)?.0;
        entries.retain(|entry| entry.last < end);
        if !segment.read_aborted(|known| known == entries)? {
            let path = segment.path(names::TXN_INDEX);
            tracing::warn!(file = %path.display(), transactions = entries.len(), "missing, made again from the batches");
            segment.set_aborted(AbortedIndex::unwritten(entries));
            segment.write_aborted()?;
            self.folder.disk().open(&path, OpenMode::Write)?.sync_data()?;
            self.folder.disk().sync_dir(&self.folder.path())?;
            segment.take_aborted_unsynced();
        }
        Ok(())
    }
}

/// What the two index files of a segment must hold, as its batches have it.
#[derive(Default)]
pub(in crate::log) struct Scanned {
    pub offsets: Vec<IndexEntry>,
    pub times: Vec<TimeEntry>,
    pub has_markers: bool,
}

pub(in crate::log) fn scan(segment: &Arc<Segment>, interval_bytes: u64) -> io::Result<Scanned> {
    let file = segment.file()?;
    let mut scan = Scan::headers(&*file, 0, segment.bytes());
    let Scanned { mut offsets, mut times, mut has_markers } = Scanned::default();
    let mut largest: Option<TimeEntry> = None;
    let mut since = 0;
    while let Step::Batch { position, header } = scan.next_step()? {
        has_markers |= header.is_control();
        let last = header.last().and_then(|last| index::relative(segment.base(), last));
        let (Some(relative), Ok(position)) = (last, u32::try_from(position)) else { break };
        if largest.is_none_or(|largest| header.max_timestamp > largest.timestamp_ms) {
            largest = Some(TimeEntry { timestamp_ms: header.max_timestamp, relative });
        }
        if since > interval_bytes {
            offsets.push(IndexEntry { relative, position });
            times.extend(largest.filter(|largest| times.last() != Some(largest)));
            since = 0;
        }
        since += header.size() as u64;
    }
    times.extend(largest.filter(|largest| times.last() != Some(largest)));
    Ok(Scanned { offsets, times, has_markers })
}
