//! Looks at every batch of a part of a segment file: checksums, and what no checksum covers. Goes on behind what is damaged, at
//! the next batch that is whole.
use super::rolled_back::OpenProducers;
use crate::{
    log::{
        index,
        scan::{Scan, Step},
    },
    platform::DiskFile,
    record::{BatchHeader, HEADER_BYTES},
    types::{LeaderEpoch, Offset, ProducerId},
};
use std::{fmt, io, ops::Range};

/// What is told where there is no file.
pub const MISSING: &str = "the file is missing";

/// A stretch of a segment that is not what was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Up to the next whole batch, or the end of what was looked at; empty where only records are missing.
    pub bytes: Range<u64>,
    /// From the record that was due to the next that can be read.
    pub offsets: Range<Offset>,
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { bytes, offsets, what } = self;
        write!(f, "bytes {} to {}, offsets {} to {}: {what}", bytes.start, bytes.end, offsets.start, offsets.end)
    }
}

/// What must be true of a segment beside its checksums.
pub struct Expected<'a> {
    pub base: Offset,
    /// The first record looked at; `None` when that is not known.
    pub first: Option<Offset>,
    /// Where the next segment begins, or the log ends; `None` when that is not known.
    pub end: Option<Offset>,
    /// Compaction may have removed records here.
    pub gaps: &'a dyn Fn(Offset) -> bool,
    /// The leader epoch in which this record was written, where that is known.
    pub epoch: &'a dyn Fn(Offset) -> Option<LeaderEpoch>,
    /// From here on later epochs may have begun than `epoch` knows of.
    pub epochs_known_to: Offset,
    /// Producers with a transaction that is open where the bytes begin, as far as that is known.
    pub open: &'a [ProducerId],
    /// The transaction index has the transaction that the marker at this offset rolled back.
    pub is_known_aborted: &'a dyn Fn(Offset) -> bool,
}

/// What was found.
#[derive(Clone, Default, Debug)]
pub struct Examined {
    pub batches: u64,
    pub records: u64,
    /// In order.
    pub damages: Vec<Damage>,
    /// Markers that rolled back records looked at, and that the transaction index does not have.
    pub unknown_aborts: u64,
    /// The record that is due behind the last whole batch.
    pub next: Option<Offset>,
}

/// Bytes searched at a time for the next batch.
const SEARCH_BYTES: usize = 1 << 20;

/// Looks at `bytes` of the file. `spend` is told of every piece; `None` when it says that this is to end.
pub fn examine(
    file: &dyn DiskFile,
    bytes: Range<u64>,
    expected: &Expected<'_>,
    spend: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Option<Examined>> {
    let due = expected.first;
    let mut examining =
        Examining { file, end: bytes.end, expected, due, last: None, open: None, found: Examined::default() };
    let mut producers = OpenProducers::new(expected.open);
    let mut scan = Scan::checked(file, bytes.start, bytes.end);
    loop {
        let from = scan.position();
        match scan.next_step()? {
            Step::End => break,
            Step::Batch { position, header } => {
                examining.take(position, &header);
                let rolls_back = producers.take(&header, || scan.marker(position, &header))?;
                if rolls_back && header.base().is_some_and(|marker| !(expected.is_known_aborted)(marker)) {
                    examining.found.unknown_aborts += 1;
                }
            }
            Step::Bad { position, why } => {
                producers.forget();
                examining.begin(position, why.to_string());
                let Some(next) = examining.next_whole(position)? else { break };
                scan = Scan::checked(file, next, bytes.end);
            }
        }
        if !spend(scan.position().saturating_sub(from)) {
            return Ok(None);
        }
    }
    Ok(Some(examining.finish()))
}

/// The batch that was taken last.
#[derive(Clone, Copy)]
struct Last {
    position: u64,
    /// What was due before it.
    due: Option<Offset>,
    epoch: i32,
}

struct Examining<'a> {
    file: &'a dyn DiskFile,
    end: u64,
    expected: &'a Expected<'a>,
    due: Option<Offset>,
    last: Option<Last>,
    /// Damage whose end is not known yet: where it begins, and what it is.
    open: Option<(u64, String)>,
    found: Examined,
}

impl Examining<'_> {
    fn begin(&mut self, position: u64, what: String) {
        self.open.get_or_insert((position, what));
    }

    /// A batch whose checksum is right.
    fn take(&mut self, position: u64, header: &BatchHeader) {
        let (Some(base), Some(last)) = (header.base(), header.last()) else {
            return self.begin(position, "impossible offsets".into());
        };
        if let Some(what) = self.contradiction(base, header) {
            match self.last.filter(|_| self.open.is_none() && self.is_right_after_all(base, header)) {
                // It fits what stood before the last one: that one is wrong.
                Some(wrong) => {
                    self.due = wrong.due;
                    self.found.batches -= 1;
                    self.begin(wrong.position, what);
                }
                None => return self.begin(position, what),
            }
        }
        self.close(position, base);
        self.last = Some(Last { position, due: self.due, epoch: header.partition_leader_epoch });
        self.due = Some(last.next());
        self.found.batches += 1;
        self.found.records += u64::from(header.record_count.unsigned_abs());
    }

    /// Offsets and epochs are outside of the checksum (LOG-16).
    fn contradiction(&self, base: Offset, header: &BatchHeader) -> Option<String> {
        let due = self.due.unwrap_or(self.expected.base);
        let may_be_later = self.open.is_some() || self.due.is_none() || (self.expected.gaps)(due);
        let out_of_place = header.last().is_none_or(|last| index::relative(self.expected.base, last).is_none());
        if base < due || (base > due && !may_be_later) || out_of_place || self.is_beyond(header) {
            return Some(format!("the batch begins at offset {base}, {due} was due"));
        }
        let epoch = header.partition_leader_epoch;
        let known = (self.expected.epoch)(base).map(LeaderEpoch::get);
        let is_sure = epoch != BatchHeader::NO_EPOCH && base < self.expected.epochs_known_to;
        if let Some(known) = known.filter(|known| epoch != *known && is_sure) {
            return Some(format!("the batch's leader epoch {epoch} is not the {known} that is noted of its offset"));
        }
        let before = self.last.map_or(BatchHeader::NO_EPOCH, |last| last.epoch);
        let is_lower = epoch >= 0 && epoch < before;
        (is_lower && known != Some(epoch))
            .then(|| format!("the batch's leader epoch {epoch} is below the {before} before it"))
    }

    fn is_beyond(&self, header: &BatchHeader) -> bool {
        self.expected.end.is_some_and(|end| header.last() >= Some(end))
    }

    /// Only a log with gaps takes a batch that claims to be further on than it is.
    fn is_right_after_all(&self, base: Offset, header: &BatchHeader) -> bool {
        let Some(last) = self.last else { return false };
        let due = last.due.unwrap_or(self.expected.base);
        self.due.is_some_and(|due| base < due) && base >= due && (self.expected.gaps)(due) && !self.is_beyond(header)
    }

    fn close(&mut self, position: u64, next: Offset) {
        let Some((from, what)) = self.open.take() else { return };
        let due = self.due.unwrap_or(self.expected.base);
        self.found.damages.push(Damage { bytes: from..position, offsets: due..next.max(due), what });
    }

    fn finish(mut self) -> Examined {
        let due = self.due.unwrap_or(self.expected.base);
        let end = self.expected.end.unwrap_or(due);
        if self.open.is_some() {
            self.close(self.end, end);
        } else if self.due.is_some() && due < end && !(self.expected.gaps)(due) {
            let what = "records are missing".to_owned();
            self.found.damages.push(Damage { bytes: self.end..self.end, offsets: due..end, what });
        }
        self.found.next = self.due;
        self.found
    }

    /// Where the next whole batch begins: behind this one, if its length is right, or wherever one is found.
    fn next_whole(&self, position: u64) -> io::Result<Option<u64>> {
        if let Some(header) = self.header_at(position)? {
            let behind = position + header.size() as u64;
            if behind == self.end || (behind < self.end && self.is_whole_at(behind)?) {
                return Ok(Some(behind));
            }
        }
        let mut from = position + 1;
        let mut buffer = vec![0; SEARCH_BYTES + HEADER_BYTES];
        while from + (HEADER_BYTES as u64) <= self.end {
            let filled = self.file.read_at(&mut buffer, from)?;
            let filled = filled.min(usize::try_from(self.end - from).unwrap_or(usize::MAX));
            for (at, head) in buffer[..filled].windows(HEADER_BYTES).take(SEARCH_BYTES).enumerate() {
                let place = from + at as u64;
                if self.may_begin(head, place) && self.goes_on_at(place)? {
                    return Ok(Some(place));
                }
            }
            from += SEARCH_BYTES as u64;
        }
        Ok(None)
    }

    /// A quick look: most places are refused by it.
    fn may_begin(&self, head: &[u8], place: u64) -> bool {
        const MAGIC_AT: usize = 16;
        head[MAGIC_AT] == 2 && BatchHeader::parse(head).is_ok_and(|header| header.size() as u64 <= self.end - place)
    }

    fn is_whole_at(&self, place: u64) -> io::Result<bool> {
        let due = self.due.unwrap_or(self.expected.base);
        Ok(self.fitting(&mut Scan::checked(self.file, place, self.end), due)?.is_some())
    }

    /// Whole, and another one behind it, or the end: a record may hold a batch, which nobody has appended here. Of the one behind it
    /// the header is enough where it goes on at the very next offset: that batch may be damaged itself.
    fn goes_on_at(&self, place: u64) -> io::Result<bool> {
        let mut scan = Scan::checked(self.file, place, self.end);
        let due = self.due.unwrap_or(self.expected.base);
        let Some(first) = self.fitting(&mut scan, due)? else { return Ok(false) };
        let behind = scan.position();
        if behind == self.end || self.fitting(&mut scan, first.next())?.is_some() {
            return Ok(true);
        }
        Ok(self.header_at(behind)?.is_some_and(|header| header.base() == Some(first.next())))
    }

    /// The header there, of a batch whose length may be wrong.
    fn header_at(&self, position: u64) -> io::Result<Option<BatchHeader>> {
        let mut head = [0; HEADER_BYTES];
        let is_there = position + HEADER_BYTES as u64 <= self.end;
        if !is_there || self.file.read_at(&mut head, position)? < HEADER_BYTES {
            return Ok(None);
        }
        Ok(BatchHeader::parse(&head).ok())
    }

    /// The last offset of the next batch, if that is whole and may stand behind what was due.
    fn fitting(&self, scan: &mut Scan<'_>, due: Offset) -> io::Result<Option<Offset>> {
        let Step::Batch { header, .. } = scan.next_step()? else { return Ok(None) };
        Ok(header.last().filter(|_| header.base() >= Some(due) && !self.is_beyond(&header)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        platform::{Disk, MemoryDisk, OpenMode},
        record::BatchBuilder,
    };
    use std::path::Path;

    const RECORDS: i64 = 2;

    /// Looks at batches of these leader epochs, of which the log's epoch checkpoint knows `known` for sure; answers also the bytes of one.
    fn examined(epochs: &[i32], known: &dyn Fn(Offset) -> Option<LeaderEpoch>, known_to: i64) -> (Examined, u64) {
        let file = MemoryDisk::new().open(Path::new("segment"), OpenMode::Create).unwrap();
        let mut bytes = 0;
        for (at, epoch) in (0..).zip(epochs) {
            let batch = BatchBuilder::new(1_000).record(None, Some(b"v")).record(None, Some(b"w")).build();
            let mut batch = batch.place(Offset::new(at * RECORDS), LeaderEpoch::new(0)).slices().concat();
            batch[12..16].copy_from_slice(&epoch.to_be_bytes());
            file.write_all_at(&batch, bytes).unwrap();
            bytes += batch.len() as u64;
        }
        let (base, end) = (Offset::new(0), Offset::new(epochs.len() as i64 * RECORDS));
        let expected = Expected {
            base,
            first: Some(base),
            end: Some(end),
            gaps: &|_| false,
            epoch: known,
            epochs_known_to: Offset::new(known_to),
            open: &[],
            is_known_aborted: &|_| true,
        };
        let found = examine(&*file, 0..bytes, &expected, &mut |_| true).unwrap().unwrap();
        (found, bytes / epochs.len() as u64)
    }

    #[test]
    fn log_16_a_batch_of_a_lower_epoch_than_the_one_before_it_is_damage() {
        let (found, size) = examined(&[1, 3, 2, 3, 3], &|_| None, 0);
        let expected = Damage {
            bytes: 2 * size..3 * size,
            offsets: Offset::new(4)..Offset::new(6),
            what: "the batch's leader epoch 2 is below the 3 before it".into(),
        };
        assert_eq!(found.damages, [expected]);
        assert_eq!((found.batches, found.records, found.next), (4, 8, Some(Offset::new(10))));
        // The last one, with nothing behind it that could end the damage.
        let (found, size) = examined(&[1, 0], &|_| None, 0);
        assert_eq!((found.batches, found.damages.len()), (1, 1));
        assert_eq!(found.damages[0].bytes, size..2 * size);
    }

    #[test]
    fn log_16_epochs_that_rise_that_are_missing_or_that_the_checkpoint_knows_are_none() {
        assert_eq!(examined(&[0, 0, 1, 5, 5], &|_| None, 0).0.damages, []);
        assert_eq!(examined(&[4, -1, 4], &|_| None, 0).0.damages, []);
        let known = |at: Offset| Some(LeaderEpoch::new(if at < Offset::new(4) { 3 } else { 2 }));
        assert_eq!(examined(&[3, 3, 2, 2], &known, 0).0.damages, []);
        // What the checkpoint knows of another batch excuses nothing.
        assert_eq!(examined(&[3, 2, 2, 2], &known, 0).0.damages.len(), 1);
    }

    #[test]
    fn log_16_a_batch_of_another_epoch_than_is_noted_is_damage_itself() {
        let known = |at: Offset| Some(LeaderEpoch::new(if at < Offset::new(4) { 2 } else { 3 }));
        let damaged = |epochs: &[i32], known_to| -> Vec<i64> {
            let (found, _) = examined(epochs, &known, known_to);
            found.damages.iter().map(|damage| damage.offsets.start.get()).collect()
        };
        assert!(damaged(&[2, 2, 3, 3], 8).is_empty());
        // Not those behind it, which are lower; and the last one, which nothing follows.
        assert_eq!(damaged(&[18, 2, 3, 3], 8), [0]);
        assert_eq!(damaged(&[2, 2, 3, 19], 8), [6]);
        assert_eq!(damaged(&[2, 0, 3, 3], 8), [2]);
        // A later epoch may have begun that is not noted yet.
        assert!(damaged(&[2, 2, 3, 4], 6).is_empty());
    }
}
