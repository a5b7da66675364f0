//! Index files that are missing are made again from the batches when a log is opened (LOG-23).
use crate::{
    log::{
        index::{self, IndexEntry},
        names,
        opening::Opening,
        scan::{Scan, Step},
        segment::Segment,
        time_index::TimeEntry,
    },
    platform::Entry,
};
use std::{collections::BTreeSet, io, sync::Arc};

impl Opening<'_> {
    /// For segments that are not written any more: nobody else would ever write their indexes. The last one has its own in memory.
    pub(in crate::log) fn make_missing_indexes(&self, sealed: &[Arc<Segment>], listing: &[Entry]) -> io::Result<()> {
        let there: BTreeSet<&str> =
            listing.iter().map(|file| file.name.strip_suffix(names::SWAP).unwrap_or(&file.name)).collect();
        let has = |segment: &Segment, suffix| there.contains(names::of_offset(segment.base(), suffix).as_str());
        for segment in sealed {
            let missing: Vec<&str> =
                [names::INDEX, names::TIME_INDEX].into_iter().filter(|suffix| !has(segment, suffix)).collect();
            if missing.is_empty() {
                continue;
            }
            tracing::warn!(segment = %segment.path(names::LOG).display(), "{} missing, made again from the batches", missing.join(" and "));
            let (offsets, times) = scan(segment, self.config.index_interval_bytes)?;
            for suffix in missing {
                let mut bytes = Vec::new();
                match suffix {
                    names::INDEX => offsets.iter().for_each(|entry: &IndexEntry| entry.write(&mut bytes)),
                    _ => times.iter().for_each(|entry: &TimeEntry| entry.write(&mut bytes)),
                }
                self.folder.disk().write_atomic(&segment.path(suffix), &bytes)?;
            }
        }
        Ok(())
    }
}

/// What the two index files of a segment must hold, as its batches have it.
pub(in crate::log) fn scan(
    segment: &Arc<Segment>,
    interval_bytes: u64,
) -> io::Result<(Vec<IndexEntry>, Vec<TimeEntry>)> {
    let file = segment.file()?;
    let mut scan = Scan::headers(&*file, 0, segment.bytes());
    let (mut offsets, mut times) = (Vec::new(), Vec::<TimeEntry>::new());
    let mut largest: Option<TimeEntry> = None;
    let mut since = 0;
    while let Step::Batch { position, header } = scan.next_step()? {
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
    Ok((offsets, times))
}
