//! A log looks at its segments: what a reader gets is looked at once since the start, a segment with damage as a whole.
use super::{Damage, Expected, MISSING, examine};
use crate::{
    log::{log::Log, names, segment::Segment, shared::Shared},
    types::Offset,
};
use std::{io, ops::Range, sync::Arc};

impl Log {
    /// Compaction may have removed records here.
    pub(in crate::log) fn gaps_allowed(&self, at: Offset) -> bool {
        self.config.load().compact || self.gaps_to().is_some_and(|to| at < to)
    }

    /// Are these bytes, whole batches from the one that holds `from`, what was written?
    pub(in crate::log) fn is_whole(&self, segment: &Arc<Segment>, bytes: Range<u64>, from: Offset) -> io::Result<bool> {
        if segment.health().is_whole(&bytes) {
            return Ok(true);
        }
        let gaps = |at: Offset| self.gaps_allowed(at);
        let epoch = |at: Offset| self.epoch_at(at);
        let known = |marker: Offset| self.is_known_aborted(segment, marker);
        let expected = Expected {
            base: segment.base(),
            first: None,
            end: None,
            gaps: &gaps,
            epoch: &epoch,
            epochs_known_to: Offset::MAX,
            open: &[],
            is_known_aborted: &known,
        };
        let file = segment.file()?;
        let first = crate::log::scan::header_at(&*file, bytes.start, bytes.end)?;
        let fits = first.and_then(|header| header.base()).is_some_and(|base| base <= from || self.gaps_allowed(from));
        let found = examine(&*file, bytes.clone(), &expected, &mut |_| true)?;
        let found = found.filter(|found| fits && found.damages.is_empty() && found.unknown_aborts == 0);
        let whole = match found.map(|found| found.next) {
            Some(Some(next)) => self.is_followed(segment, bytes.end, next)?,
            found => found.is_some(),
        };
        if whole {
            segment.health().set_whole(bytes);
        }
        Ok(whole)
    }

    /// Does the batch that stands at `position` begin with the record that is due there? One that says it is another than it is does not
    /// show it by itself (LOG-16).
    fn is_followed(&self, segment: &Arc<Segment>, position: u64, next: Offset) -> io::Result<bool> {
        let health = segment.health();
        if health.damaged_from(position) == Some(position) || health.damage_of(next).is_some() {
            // What follows is known to be wrong.
            return Ok(true);
        }
        let Some((bytes, end)) = self.extent_of(segment) else { return Ok(true) };
        let base = match position < bytes {
            true => crate::log::scan::header_at(&*segment.file()?, position, bytes)?.and_then(|header| header.base()),
            false => Some(end),
        };
        Ok(base.is_none_or(|base| base == next || (base > next && self.gaps_allowed(next))))
    }

    /// Looks at all of a segment; answers how many damages are news. Each is told once, with what can be done about it.
    pub(in crate::log) fn examine_segment(
        &self,
        segment: &Arc<Segment>,
        spend: &mut dyn FnMut(u64) -> bool,
    ) -> io::Result<usize> {
        let Some((bytes, end)) = self.extent_of(segment) else { return Ok(0) };
        let gaps = |at: Offset| self.gaps_allowed(at);
        let epoch = |at: Offset| self.epoch_at(at);
        let base = segment.base();
        let known = |marker: Offset| self.is_known_aborted(segment, marker);
        // Without them, what began before this segment is not looked for.
        let before = segment.producers_before().ok().flatten().unwrap_or_default();
        let open: Vec<_> = before.open_ids().collect();
        let expected = Expected {
            base,
            first: Some(base),
            end: Some(end),
            gaps: &gaps,
            epoch: &epoch,
            epochs_known_to: Offset::MAX,
            open: &open,
            is_known_aborted: &known,
        };
        let mut unknown_aborts = 0;
        let shared = Arc::clone(&self.shared());
        let damages = match segment.file_behind().and_then(|file| examine(&*file, 0..bytes, &expected, spend)) {
            Ok(None) => return Ok(0),
            Ok(Some(found)) => {
                unknown_aborts = found.unknown_aborts;
                found.damages
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.is_lost_for_good(segment) {
                true => vec![Damage { bytes: 0..bytes, offsets: base..end, what: MISSING.into() }],
                false => return Ok(0),
            },
            // Not if the log has left that disk.
            Err(error) => return if self.judge_in(&shared, &error) { Err(error) } else { Ok(0) },
        };
        // Cut, replaced or deleted meanwhile: then it was another file that was looked at.
        if !self.has(segment) || self.extent_of(segment).is_none_or(|(now, _)| now < bytes) {
            return Ok(0);
        }
        if unknown_aborts > 0 && damages.is_empty() {
            self.remake_aborted(segment)?;
        }
        let news = segment.health().set_damages(damages);
        if !news.is_empty() {
            segment.forget_hints();
        }
        for damage in &news {
            let way_out = match damage.what == MISSING {
                true => "or give its records up: `ottla log repair` takes its name, too",
                false => "or run `ottla log repair` on it to keep what is whole",
            };
            tracing::error!(
                file = %segment.path(names::LOG).display(),
                "damaged and not readable: {damage}. The rest is served. Stop the broker and restore the file from a copy, {way_out}"
            );
        }
        self.shared().count_damages(news.len());
        Ok(news.len())
    }

    /// The log has this segment, and no file of it. One that was not found may have moved between the look for its path and its opening:
    /// `has` waits for the end of that.
    pub(in crate::log) fn is_lost_for_good(&self, segment: &Arc<Segment>) -> bool {
        self.has(segment) && !segment.is_retired() && segment.is_missing()
    }

    /// An error of a file that was opened since the log was in the directory `shared`. It says nothing of the one that the log has moved
    /// to meanwhile; false then, and where the file is of which of the two nobody knows.
    pub(in crate::log) fn judge_in(&self, shared: &Shared, error: &io::Error) -> bool {
        let is_there = self.path().starts_with(&shared.path);
        if is_there {
            shared.judge(error);
        }
        is_there
    }

    /// The file is gone that the log began with: its records are quarantined, and who looks at them is told.
    pub(in crate::log) fn tell_lost_beginning(&self) -> io::Result<()> {
        let first = self.segments.read()[0].clone();
        if first.is_stand_in() {
            self.examine_segment(&first, &mut |_| true)?;
        }
        Ok(())
    }

    /// Bytes of a segment that hold whole batches, and where its records end.
    fn extent_of(&self, segment: &Arc<Segment>) -> Option<(u64, Offset)> {
        {
            let shown = self.shown.lock();
            if Arc::ptr_eq(shown.tail.segment(), segment) {
                return Some((shown.tail.bytes(), shown.bounds.end()));
            }
        }
        let segments = self.segments.read();
        let at = segments.iter().position(|held| Arc::ptr_eq(held, segment))?;
        Some((segment.bytes(), segments.get(at + 1)?.base()))
    }

    fn has(&self, segment: &Arc<Segment>) -> bool {
        self.writer.lock().closed.is_none() && self.has_segment(segment)
    }

    /// Neither deleted nor replaced. While its files lose their names this waits, or says so already.
    pub(in crate::log) fn has_segment(&self, segment: &Arc<Segment>) -> bool {
        self.segments.read().iter().any(|held| Arc::ptr_eq(held, segment))
    }

    /// The segments as they are now, for a look at each.
    pub(in crate::log) fn all_segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().clone()
    }
}
