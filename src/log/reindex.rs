//! Index files that are missing are made again from the batches when a log is opened (LOG-23).
use crate::{
    log::{
        index::{self, IndexEntry},
        names,
        opening::Opening,
        producer_state::ProducerStates,
        scan::{Scan, Step},
        segment::{Segment, producers_at},
        time_index::TimeEntry,
    },
    platform::Entry,
    types::Offset,
};
use std::{collections::BTreeSet, io, sync::Arc};

/// What tells, while a log is opened, which transaction indexes have to be made again.
#[derive(Default)]
pub(in crate::log) struct Lost {
    /// Segments without `.index`, the last one only where it has no `.txnindex` either: not written yet, or lost.
    pub bare: BTreeSet<Offset>,
    /// The producers at the beginning of a segment, as they came out when the one before it was looked through.
    carried: Option<(Offset, ProducerStates)>,
    /// Transaction indexes in the middle of the log whose records are not there.
    pub without_records: Vec<Offset>,
    /// Of the segment walked last.
    pub has_markers: bool,
}

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
            self.lost.has_markers = made.has_markers;
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

    /// A `.txnindex` that is lost cannot be told from one that was never needed, but where `.index` is gone too: then what the batches
    /// of the segment walked last abort is held against it, as far as it is below `end`.
    pub(in crate::log) fn make_aborted(&mut self, segments: &[Arc<Segment>], at: usize, end: Offset) -> io::Result<()> {
        let segment = &segments[at];
        if !self.lost.has_markers || !self.lost.bare.remove(&segment.base()) || !segment.has_abort_marker()? {
            return Ok(());
        }
        let (mut entries, behind) = segment.aborted_after(self.producers_at(segments, at)?)?;
        self.lost.carried = segments.get(at + 1).map(|next| (next.base(), behind));
        entries.retain(|entry| entry.last < end);
        segment.add_aborted(entries).map(|_| ())
    }

    /// The producers where a segment begins: from the nearest one before whose producers are known on.
    fn producers_at(&mut self, segments: &[Arc<Segment>], at: usize) -> io::Result<ProducerStates> {
        producers_at(segments, at, |segment| {
            let carried = self.lost.carried.take_if(|(carried, _)| *carried == segment.base());
            carried.map_or_else(|| segment.producers_before(), |(_, carried)| Ok(Some(carried)))
        })
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
