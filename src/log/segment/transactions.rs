//! The transactions that markers of a segment aborted: in memory, and in the segment's own file.
use super::{Segment, unless_damaged};
use crate::{
    log::{
        aborted::{self, AbortedEntry, AbortedIndex},
        names, producer_snapshot,
        producer_state::ProducerStates,
        scan::{Scan, Step},
    },
    platform::OpenMode,
    record::{BatchHeader, TransactionResult},
    types::Offset,
};
use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

/// The producers where a segment begins: from the nearest one before of which they are known on.
pub(in crate::log) fn producers_at(
    segments: &[Arc<Segment>],
    at: usize,
    mut known: impl FnMut(&Segment) -> io::Result<Option<ProducerStates>>,
) -> io::Result<ProducerStates> {
    let mut from = at;
    let mut producers = loop {
        let found = known(&segments[from])?;
        if found.is_some() || from == 0 {
            break found.unwrap_or_default();
        }
        from -= 1;
    };
    // What a lost one had nobody knows.
    for before in segments[from..at].iter().filter(|before| !before.is_stand_in()) {
        producers = before.aborted_after(producers)?.1;
    }
    Ok(producers)
}

impl Segment {
    pub fn set_aborted(&self, index: AbortedIndex) {
        *self.aborted.lock() = index;
    }

    /// A marker of this segment aborted a transaction.
    pub fn note_aborted(&self, entry: AbortedEntry) {
        self.aborted.lock().push(entry);
    }

    /// Looks at the transactions that markers of this segment aborted, by their markers. The file is read once.
    pub fn read_aborted<T>(self: &Arc<Self>, look: impl FnOnce(&[AbortedEntry]) -> T) -> io::Result<T> {
        let mut index = self.aborted.lock();
        if index.entries().is_none() {
            *index = AbortedIndex::loaded(self.confirmed_aborted(Offset::new(i64::MAX))?.0);
        }
        Ok(look(index.entries().unwrap_or_default()))
    }

    /// The aborted transactions in the file, none when there is no file; and whether it ends within one more.
    fn load_aborted(&self) -> io::Result<(Vec<AbortedEntry>, bool)> {
        let path = self.path(names::TXN_INDEX);
        match self.folder.disk().read(&path) {
            Ok(bytes) => aborted::parse(&bytes).ok_or_else(|| {
                let what = format!("{} holds impossible entries", path.display());
                io::Error::new(io::ErrorKind::InvalidData, what)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((Vec::new(), false)),
            Err(error) => Err(error),
        }
    }

    /// Those of the file whose markers are below `end`, each as its marker says; made again from the batches where they are not.
    /// Also whether the file has them.
    pub fn confirmed_aborted(self: &Arc<Self>, end: Offset) -> io::Result<(Vec<AbortedEntry>, bool)> {
        let is_below = |entry: &AbortedEntry| entry.last < end;
        let mut torn = None;
        match self.load_aborted() {
            Ok((mut entries, is_torn)) => {
                entries.retain(is_below);
                if self.confirms(&entries)? {
                    if !is_torn {
                        return Ok((entries, true));
                    }
                    torn = Some(entries);
                }
            }
            Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(error),
            Err(_) => {}
        }
        let path = self.path(names::TXN_INDEX);
        tracing::warn!(file = %path.display(), "the transaction index is damaged and is made again from the batches");
        let mut entries = match (self.aborted_in_batches(), torn) {
            // A crash may have torn what nobody needs: only that nothing else is missing cannot be told.
            (Err(error), Some(torn)) if error.kind() == io::ErrorKind::InvalidData => torn,
            (made, _) => made?,
        };
        entries.retain(is_below);
        Ok((entries, false))
    }

    /// Does a marker of its producer stand at the end of each transaction, and a batch of its at the beginning, as far as that is in
    /// this segment?
    fn confirms(self: &Arc<Self>, entries: &[AbortedEntry]) -> io::Result<bool> {
        let at =
            |offset| Ok::<_, io::Error>(unless_damaged(self.locate(offset, self.bytes()))?.map(|found| found.header));
        let began_before = entries.iter().any(|entry| entry.first < self.base);
        let open_before = if began_before { self.producers_before()? } else { None };
        let opens = |open: &ProducerStates, entry: &AbortedEntry| {
            open.get(entry.producer).is_some_and(|producer| producer.transaction_start == Some(entry.first))
        };
        // Entries of later markers begin where an entry says or above.
        let mut begins_later = Offset::new(i64::MAX);
        for entry in entries.iter().rev() {
            let is_of = |header: &BatchHeader| header.producer_id == entry.producer.get() && header.is_transactional();
            // Compaction may have removed either: then another stands behind its place. A repair puts one without records there.
            let is_behind = |header: &BatchHeader, offset| header.base() > Some(offset) || header.record_count == 0;
            let is_end =
                |header: &BatchHeader| is_of(header) && header.is_control() && header.base() == Some(entry.last);
            let is_first = |header: &BatchHeader| is_of(header) && header.base() == Some(entry.first);
            let ends = entry.last >= self.base
                && at(entry.last)?.is_some_and(|header| is_end(&header) || is_behind(&header, entry.last));
            let begins = match entry.first < self.base {
                true => open_before.as_ref().is_none_or(|open| opens(open, entry)),
                false => at(entry.first)?.is_some_and(|header| is_first(&header) || is_behind(&header, entry.first)),
            };
            if !ends || !begins || entry.stable > entry.last.next() || entry.stable > begins_later {
                return Ok(false);
            }
            begins_later = begins_later.min(entry.first);
        }
        Ok(true)
    }

    /// The producers at the segment's beginning; `None` when that is not known any more.
    pub(in crate::log) fn producers_before(&self) -> io::Result<Option<ProducerStates>> {
        match self.folder.disk().read(&self.path(names::SNAPSHOT)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(producer_snapshot::read(&read?).ok()),
        }
    }

    /// From the producers at the segment's beginning and its batches.
    fn aborted_in_batches(self: &Arc<Self>) -> io::Result<Vec<AbortedEntry>> {
        let producers = match self.producers_before()? {
            Some(producers) => producers,
            None if self.base == Offset::ZERO => ProducerStates::default(),
            None => {
                let (index, snapshot) = (self.path(names::TXN_INDEX), self.path(names::SNAPSHOT));
                let what =
                    format!("{} is damaged, and there is no {} to make it again", index.display(), snapshot.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        };
        self.aborted_after(producers).map(|(aborted, _)| aborted)
    }

    /// Is there a marker among the batches that aborts?
    pub(in crate::log) fn has_abort_marker(self: &Arc<Self>) -> io::Result<bool> {
        let file = self.file()?;
        let mut scan = Scan::headers(&*file, 0, self.bytes());
        while let Step::Batch { position, header } = scan.next_step()? {
            let marker = scan.marker(position, &header)?;
            if marker.is_some_and(|marker| marker.result == TransactionResult::Abort) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the batches abort of the transactions that are open in `producers` and of their own; and the producers behind them.
    pub(in crate::log) fn aborted_after(
        self: &Arc<Self>,
        mut producers: ProducerStates,
    ) -> io::Result<(Vec<AbortedEntry>, ProducerStates)> {
        let file = self.file()?;
        let (mut scan, mut entries) = (Scan::headers(&*file, 0, self.bytes()), Vec::new());
        while let Step::Batch { position, header } = scan.next_step()? {
            let completed = producers.update(&header, scan.marker(position, &header)?);
            entries.extend(completed.and_then(|completed| completed.aborted()));
        }
        Ok((entries, producers))
    }

    /// Takes what the index lacks of these, in memory and in the file; how many it lacked.
    pub(in crate::log) fn add_aborted(self: &Arc<Self>, mut made: Vec<AbortedEntry>) -> io::Result<usize> {
        // What the file has is confirmed by this; perhaps by producers that nobody knows any more.
        self.read_aborted(|_| ())?;
        let mut index = self.aborted.lock();
        let known = index.entries().unwrap_or_default();
        made.retain(|made| known.binary_search_by_key(&made.last, |known| known.last).is_err());
        let lacked = made.len();
        if lacked == 0 || self.is_retired() {
            return Ok(lacked);
        }
        let path = self.path(names::TXN_INDEX);
        tracing::warn!(file = %path.display(), transactions = lacked, "aborted transactions were missing, made again from the batches");
        made.extend(known);
        made.sort_unstable_by_key(|entry| entry.last);
        let mut bytes = Vec::new();
        made.iter().for_each(|entry| entry.write(&mut bytes));
        self.folder.disk().write_atomic(&path, &bytes)?;
        *index = AbortedIndex::loaded(made);
        Ok(lacked)
    }

    pub fn set_aborted_unsynced(&self) {
        self.aborted_unsynced.store(true, Ordering::Release);
    }

    /// Must the file of aborted transactions be synced? It counts as synced from now on.
    pub fn take_aborted_unsynced(&self) -> bool {
        self.aborted_unsynced.swap(false, Ordering::AcqRel)
    }

    /// Appends to the file what is only in memory. Not synced here.
    pub fn write_aborted(&self) -> io::Result<()> {
        let mut aborted = self.aborted.lock();
        if let Some((at, bytes)) = aborted.pending() {
            let file = self.folder.disk().open(&self.path(names::TXN_INDEX), OpenMode::Create)?;
            file.write_all_at(&bytes, at)?;
            aborted.set_written();
            self.set_aborted_unsynced();
        }
        Ok(())
    }
}
