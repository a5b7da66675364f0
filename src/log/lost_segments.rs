//! Segments in the middle of a log whose records are gone while their transaction index is there: it is all that tells still which records
//! of segments before were rolled back (OFF-4).
use crate::{
    log::{
        aborted::{self, AbortedEntry, AbortedIndex},
        names,
        opening::Opening,
        segment::Segment,
    },
    platform::Entry,
    types::Offset,
};
use std::{io, ops::Range, sync::Arc};

impl Opening<'_> {
    /// An index file without records goes, but a transaction index for which it is not known yet whether records are missing there.
    pub fn tidy_indexes(&mut self, listing: &[Entry], bases: &[(Offset, u64)]) -> io::Result<()> {
        let (first, last) = (bases.iter().min().map(|(base, _)| *base), bases.iter().max().map(|(base, _)| *base));
        for file in listing {
            let mut named = names::INDEXES.into_iter().map(|suffix| (names::offset_of(&file.name, suffix), suffix));
            let Some((Some(base), suffix)) = named.find(|(base, _)| base.is_some()) else { continue };
            if bases.iter().any(|(other, _)| *other == base) {
                continue;
            }
            if suffix == names::TXN_INDEX && first < Some(base) && Some(base) < last {
                self.lost.without_records.push(base);
            } else {
                self.remove(&self.folder.file(&file.name))?;
            }
        }
        self.lost.without_records.sort_unstable();
        Ok(())
    }

    /// Segments without bytes take the places of those that are lost, among those of an opened log, and answer from their indexes. What a
    /// deletion or a cut has left goes.
    pub fn stand_in(&mut self, segments: &mut Vec<Arc<Segment>>, start: Offset) -> io::Result<()> {
        for base in std::mem::take(&mut self.lost.without_records) {
            let at = segments.partition_point(|segment| segment.base() < base);
            let mut entries = Vec::new();
            if let (Some(before), Some(next)) = (at.checked_sub(1).map(|at| &segments[at]), segments.get(at))
                && next.base() > start
                && self.are_missing(before, base)?
            {
                entries = self.aborted_in(base..next.base())?;
            }
            if entries.is_empty() {
                self.remove(&self.folder.file(names::of_offset(base, names::TXN_INDEX)))?;
                continue;
            }
            let segment = Segment::stand_in(self.folder.clone(), base);
            segment.set_aborted(AbortedIndex::loaded(entries));
            segments.insert(at, segment);
        }
        Ok(())
    }

    /// No records stand at `base`, which is behind the beginning of the segment `before`, and none were compacted away.
    fn are_missing(&self, before: &Arc<Segment>, base: Offset) -> io::Result<bool> {
        if self.config.compact || self.gaps_allowed(base.get()) {
            return Ok(false);
        }
        if before.is_stand_in() {
            return Ok(true);
        }
        match before.locate(base, before.bytes()) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(true),
            found => Ok(found?.is_none()),
        }
    }

    /// As the index of the lost segment says: nothing is left to hold it against.
    fn aborted_in(&self, lost: Range<Offset>) -> io::Result<Vec<AbortedEntry>> {
        let bytes = match self.folder.disk().read(&self.folder.file(names::of_offset(lost.start, names::TXN_INDEX))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read?,
        };
        let (mut entries, _) = aborted::parse(&bytes).unwrap_or_default();
        entries.retain(|entry| lost.contains(&entry.last));
        Ok(entries)
    }
}
