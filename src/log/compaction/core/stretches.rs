//! Which stretches of the dirty part have no record that stays: they are not read a second time.
use crate::{
    record::{BatchHeader, HEADER_BYTES},
    types::Offset,
};
use std::ops::Range;

/// Beyond so many, stretches are read again whatever is in them: what is known of them stays within some MB.
const STRETCHES_MAX: usize = 1 << 16;

/// Batches behind one another in one segment.
#[derive(Debug)]
struct Stretch {
    segment: Offset,
    first: Offset,
    bytes: Range<u64>,
    records: u64,
    /// Records that stay, and batches that do without one.
    staying: u64,
}

impl Stretch {
    /// About what is left of it: records are taken for equally large, each with a batch of its own.
    fn staying_bytes(&self) -> u64 {
        let bytes = self.bytes.end - self.bytes.start;
        let records = u128::from(bytes) * u128::from(self.staying) / u128::from(self.records.max(1));
        let headers = self.staying.saturating_mul(HEADER_BYTES as u64);
        u64::try_from(records).unwrap_or(bytes).saturating_add(headers).min(bytes)
    }
}

/// In the order of their offsets, which never overlap.
#[derive(Default, Debug)]
pub struct Stretches {
    noted: Vec<Stretch>,
    /// Behind every batch so far.
    end: Offset,
    now: Now,
}

/// The stretch whose batches are being looked at.
#[derive(Default, Debug)]
struct Now {
    first: Option<Offset>,
    records: u64,
    /// One of them may stay whatever the last records of its keys are, or none knows where it belongs.
    stays: bool,
}

impl Stretches {
    /// The next batch, whose keys were all collected. Those of transactions may stay without records, and so may markers (CMP-6).
    /// Offsets are not covered by the checksum (LOG-16): where they do not rise, nothing is said of what stands there.
    pub fn batch(&mut self, header: &BatchHeader) {
        let (Some(first), Some(last)) = (header.base(), header.last()) else {
            self.now.stays = true;
            return;
        };
        self.now.stays |= header.is_control() || header.is_transactional() || first < self.end;
        self.now.first.get_or_insert(first);
        self.now.records += header.record_count.max(0) as u64;
        self.end = self.end.max(last.next());
    }

    /// The batches since the last call are all that these bytes of the segment at `segment` hold. Those that begin before `from`
    /// were not collected.
    pub fn note(&mut self, segment: Offset, bytes: Range<u64>, from: Offset) {
        let Now { first, records, stays } = std::mem::take(&mut self.now);
        if let Some(first) = first.filter(|first| !stays && *first >= from)
            && self.noted.len() < STRETCHES_MAX
        {
            self.noted.push(Stretch { segment, first, bytes, records, staying: 0 });
        }
    }

    /// The batches with these offsets stay, which may come in any order. One of a batch that was not noted marks the stretch before
    /// it, which is read in vain at worst.
    pub fn mark(&mut self, staying: impl Iterator<Item = Offset>) {
        for offset in staying {
            let behind = self.noted.partition_point(|stretch| stretch.first <= offset);
            if let Some(stretch) = behind.checked_sub(1).and_then(|at| self.noted.get_mut(at)) {
                stretch.staying += 1;
            }
        }
    }

    /// What of a segment of so many bytes has to be read.
    pub fn wanted(&self, segment: Offset, bytes: u64) -> Vec<Range<u64>> {
        let mut wanted = Vec::new();
        let mut at = 0;
        for gone in self.of(segment).filter(|stretch| stretch.staying == 0) {
            wanted.push(at..gone.bytes.start);
            at = gone.bytes.end;
        }
        wanted.push(at..bytes);
        wanted.retain(|range| !range.is_empty());
        wanted
    }

    /// About how many of a segment's bytes stay, where nothing is known all of them.
    pub fn staying_bytes(&self, segment: Offset, bytes: u64) -> u64 {
        let goes = |stretch: &Stretch| stretch.bytes.end - stretch.bytes.start - stretch.staying_bytes();
        bytes.saturating_sub(self.of(segment).map(goes).sum())
    }

    fn of(&self, segment: Offset) -> impl Iterator<Item = &Stretch> {
        let from = self.noted.partition_point(|stretch| stretch.segment < segment);
        self.noted.get(from..).unwrap_or_default().iter().take_while(move |stretch| stretch.segment == segment)
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one stretch is meant")]
mod tests {
    use super::*;
    use crate::{record::BatchBuilder, types::LeaderEpoch};

    fn offset(at: i64) -> Offset {
        Offset::new(at)
    }

    /// A batch of one record.
    fn plain(base: i64) -> BatchHeader {
        at(BatchBuilder::new(0), base)
    }

    fn at(builder: BatchBuilder, base: i64) -> BatchHeader {
        *builder.record(Some(b"k"), Some(b"v")).build().place(offset(base), LeaderEpoch::ZERO).header()
    }

    /// Whether so much as one stretch of these batches alone is passed over.
    fn is_passed_over(headers: &[BatchHeader]) -> bool {
        let mut stretches = Stretches::default();
        headers.iter().for_each(|header| stretches.batch(header));
        stretches.note(offset(0), 0..100, offset(0));
        stretches.wanted(offset(0), 100).is_empty()
    }

    #[test]
    fn cmp_3_what_has_no_last_record_is_not_wanted() {
        let mut stretches = Stretches::default();
        // A segment with bytes that were not noted between, and one more.
        for (segment, first, bytes) in [(0, 0, 0..100), (0, 10, 100..200), (0, 30, 250..300), (40, 40, 0..100)] {
            stretches.batch(&plain(first));
            stretches.batch(&plain(first + 1));
            stretches.note(offset(segment), bytes, offset(0));
        }
        assert_eq!(stretches.wanted(offset(0), 400), [200..250, 300..400]);
        stretches.mark([19].map(offset).into_iter());
        assert_eq!(stretches.wanted(offset(0), 400), [100..250, 300..400]);
        assert_eq!(stretches.wanted(offset(40), 100), [0..0; 0]);
        stretches.mark([40, 0].map(offset).into_iter());
        assert_eq!(stretches.wanted(offset(40), 100), [0..100]);
        assert_eq!(stretches.wanted(offset(0), 400), [0..250, 300..400]);
        assert_eq!(stretches.wanted(offset(7), 5), [0..5], "nothing is known of it");
    }

    #[test]
    fn cmp_10_what_stays_of_a_segment_is_told_by_the_number_of_last_records() {
        let mut stretches = Stretches::default();
        for base in 0..100 {
            stretches.batch(&plain(base));
        }
        stretches.note(offset(0), 0..100_000, offset(0));
        assert_eq!(stretches.staying_bytes(offset(0), 100_500), 500);
        stretches.mark([3, 50, 99].map(offset).into_iter());
        assert_eq!(stretches.staying_bytes(offset(0), 100_500), 3_000 + 3 * HEADER_BYTES as u64 + 500);
        stretches.mark((0..97).map(offset));
        assert_eq!(stretches.staying_bytes(offset(0), 100_500), 100_500);
        assert_eq!(stretches.staying_bytes(offset(7), 10), 10, "nothing is known of it");
    }

    #[test]
    fn cmp_3_batches_before_those_that_were_collected_are_wanted() {
        let mut stretches = Stretches::default();
        stretches.batch(&plain(8));
        stretches.batch(&plain(9));
        stretches.note(offset(0), 50..100, offset(9));
        assert_eq!(stretches.wanted(offset(0), 100), [0..100]);
        stretches.batch(&plain(10));
        stretches.note(offset(0), 100..200, offset(9));
        assert_eq!(stretches.wanted(offset(0), 200), [0..100]);
    }

    #[test]
    fn cmp_6_what_belongs_to_a_transaction_is_wanted() {
        assert!(is_passed_over(&[plain(0)]) && is_passed_over(&[at(BatchBuilder::new(0).producer(7, 0, 0), 0)]));
        for kind in [BatchHeader::CONTROL, BatchHeader::TRANSACTIONAL] {
            assert!(!is_passed_over(&[plain(0), at(BatchBuilder::new(0).attributes(kind), 1), plain(2)]));
        }
    }

    #[test]
    fn log_16_where_offsets_do_not_rise_all_is_wanted() {
        assert!(is_passed_over(&[plain(0), plain(1), plain(7)]));
        assert!(!is_passed_over(&[plain(0), plain(1 << 40), plain(2)]));
        // Known by their first offsets, stretches would not be found again.
        let mut stretches = Stretches::default();
        for (number, first) in [0, 1 << 40, 20, 30].into_iter().enumerate() {
            let begin = 100 * number as u64;
            stretches.batch(&plain(first));
            stretches.note(offset(0), begin..begin + 100, offset(0));
        }
        assert_eq!(stretches.wanted(offset(0), 400), [200..400]);
        stretches.mark([1 << 40].map(offset).into_iter());
        assert_eq!(stretches.wanted(offset(0), 400), [100..400]);
    }
}
