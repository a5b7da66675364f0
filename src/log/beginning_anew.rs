//! A log that begins anew, without what its files have: names that a power loss left of it, or none.
use crate::{
    log::{
        as_it_is,
        log::{Loaded, LogError},
        names,
        opening::Opening,
        segment::Segment,
    },
    platform::Entry,
    types::Offset,
};
use std::{io, sync::Arc};

impl Opening<'_> {
    /// Nothing is left, nothing was ever written, or the write-ahead log has it all. What is known to be synced is not
    /// forgotten (LOG-14).
    pub fn without_first(self, segments: &[Arc<Segment>], listing: &[Entry]) -> Result<Loaded, LogError> {
        if let Some(from) = self.lost_behind(segments).map_err(self.io("read"))? {
            return self.begin_logged(from, segments, listing);
        }
        let start = self.known.log_start.unwrap_or_default();
        let begins = self.known.begins.unwrap_or(start);
        let lost = self.known.recovery_point.filter(|synced| !self.known.cut && *synced > begins.max(start));
        if let Some(synced) = lost.filter(|_| segments.is_empty()) {
            let (path, position) = (self.folder.path(), 0);
            let way_out = as_it_is::way_out(&path);
            let what = format!("all its segments are missing, it was synced up to offset {synced}; {way_out}");
            return Err(LogError::Damaged { path, position, what });
        }
        self.clear(segments, listing).map_err(self.io("tidy"))?;
        Ok(self.fresh(start))
    }

    pub fn restart_at(self, start: Offset, segments: &[Arc<Segment>]) -> Result<Loaded, LogError> {
        tracing::warn!(log = %self.folder.path().display(), "nothing is left of the log below its start {start}; it begins there anew");
        let (last, before) = segments.split_last().expect("not empty");
        before.iter().try_for_each(|segment| self.remove_segment(segment)).map_err(self.io("clear"))?;
        // The last one alone is what a crash may leave; without it the others would seem to have lost their end.
        self.folder.disk().sync_dir(&self.folder.path()).map_err(self.io("sync"))?;
        self.remove_segment(last).map_err(self.io("clear"))?;
        Ok(self.fresh(start))
    }

    /// The log begins anew at its recovery point, or behind it, with the producers of there: what the write-ahead log has follows.
    fn begin_logged(mut self, from: Offset, segments: &[Arc<Segment>], listing: &[Entry]) -> Result<Loaded, LogError> {
        self.set_aside(segments).map_err(self.io("clear"))?;
        // Of what is missing in a hole the snapshots alone tell who wrote it: retention has one synced where it leaves the log.
        let known_to = self.known.behind_hole.and(self.known.dropped_to).unwrap_or(from);
        let (mut kept, above): (Vec<_>, Vec<_>) = snapshots_of(listing).partition(|at| *at <= known_to);
        self.remove_snapshots(above).map_err(self.io("clear"))?;
        kept.sort_unstable();
        self.snapshots = kept;
        self.load_newest_snapshot().map_err(self.io("read the producers of"))?;
        let begins = from.max(self.producers_from);
        Ok(self.fresh(begins))
    }

    /// The log begins anew without what is left of it: also snapshots of its producers would tell of records that are not there.
    fn clear(&self, segments: &[Arc<Segment>], listing: &[Entry]) -> io::Result<()> {
        self.set_aside(segments)?;
        self.remove_snapshots(snapshots_of(listing))
    }

    fn remove_snapshots(&self, gone: impl IntoIterator<Item = Offset>) -> io::Result<()> {
        gone.into_iter().try_for_each(|at| self.remove(&self.folder.file(names::of_offset(at, names::SNAPSHOT))))
    }

    /// What a power loss has left cannot be told from what somebody has put there: the records stay, under names that no start reads.
    fn set_aside(&self, segments: &[Arc<Segment>]) -> io::Result<()> {
        for segment in segments.iter().filter(|segment| segment.bytes() > 0) {
            segment.close_file();
            let name = format!("{}{}-{}", names::of_offset(segment.base(), names::LOG), names::LEFT, self.wall_ms);
            let to = self.folder.file(name);
            self.folder.disk().rename(&segment.path(names::LOG), &to)?;
            tracing::warn!(file = %to.display(), "records that do not belong to the log, as far as its notes and the write-ahead log tell, were set aside; if nobody has put them here, remove the file");
        }
        segments.iter().try_for_each(|segment| self.remove_segment(segment))
    }
}

fn snapshots_of(listing: &[Entry]) -> impl Iterator<Item = Offset> {
    listing.iter().filter_map(|file| names::offset_of(&file.name, names::SNAPSHOT))
}
