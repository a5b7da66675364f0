//! The four ends of a log and the order they keep.
use super::Offset;

/// The four ends of a log. Always `start <= stable <= high <= end` (OFF-1), asserted in release on every move.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogBounds {
    start: Offset,
    stable: Offset,
    high: Offset,
    end: Offset,
}

impl LogBounds {
    /// An empty log that begins at `start`.
    pub fn empty_at(start: Offset) -> LogBounds {
        LogBounds { start, stable: start, high: start, end: start }
    }

    /// A log as found on disk: high watermark and stable offset begin at the start and are raised from there.
    pub fn loaded(start: Offset, end: Offset) -> LogBounds {
        let bounds = LogBounds { start, stable: start, high: start, end };
        bounds.check();
        bounds
    }

    /// First offset that can be read: log start offset.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// Last stable offset: everything below belongs to no open transaction.
    pub fn stable(&self) -> Offset {
        self.stable
    }

    /// High watermark: everything below is on every in-sync replica, synced.
    pub fn high(&self) -> Offset {
        self.high
    }

    /// Log end offset: where the next record goes.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Records were appended.
    pub fn extend(&mut self, to: Offset) {
        assert!(to >= self.end, "log end went back from {} to {to}", self.end);
        self.end = to;
        self.check();
    }

    /// Moves the high watermark; a lower value is ignored (OFF-1: monotone), one past the end is a bug.
    /// The stable offset follows: `first_unstable` is the first offset of an open transaction, if any (OFF-2).
    pub fn advance_high(&mut self, to: Offset, first_unstable: Option<Offset>) {
        assert!(to <= self.end, "high watermark {to} past log end {}", self.end);
        if to > self.high {
            self.high = to;
        }
        self.set_first_unstable(first_unstable);
    }

    /// The first open transaction changed: the stable offset is the lower of it and the high watermark, and never
    /// goes back or below the start.
    pub fn set_first_unstable(&mut self, first_unstable: Option<Offset>) {
        let stable = first_unstable.map_or(self.high, |first| first.min(self.high));
        self.stable = self.stable.max(stable).max(self.start);
        self.check();
    }

    /// Records below `to` are gone (retention or DeleteRecords). Never past the high watermark.
    pub fn advance_start(&mut self, to: Offset) {
        assert!(to <= self.high, "log start {to} past high watermark {}", self.high);
        if to > self.start {
            self.start = to;
            self.stable = self.stable.max(to);
        }
        self.check();
    }

    /// Everything from `to` on is gone (a follower that diverged from its leader).
    pub fn truncate(&mut self, to: Offset) {
        assert!(to <= self.end, "cannot truncate to {to}, the log ends at {}", self.end);
        self.end = to;
        self.start = self.start.min(to);
        self.high = self.high.min(to);
        self.stable = self.stable.min(self.high);
        self.check();
    }

    fn check(&self) {
        assert!(self.start <= self.stable, "log start {} past stable offset {}", self.start, self.stable);
        assert!(self.stable <= self.high, "stable offset {} past high watermark {}", self.stable, self.high);
        assert!(self.high <= self.end, "high watermark {} past log end {}", self.high, self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Offset {
        Offset::new(offset)
    }

    #[test]
    fn off_1_bounds_keep_their_order() {
        let mut bounds = LogBounds::empty_at(at(5));
        bounds.extend(at(20));
        bounds.advance_high(at(12), None);
        bounds.advance_high(at(9), None);
        assert_eq!((bounds.stable(), bounds.high(), bounds.end()), (at(12), at(12), at(20)));
        bounds.advance_start(at(7));
        assert_eq!(bounds.start(), at(7));
    }

    #[test]
    #[should_panic(expected = "past log end")]
    fn off_1_high_watermark_never_passes_the_end() {
        LogBounds::empty_at(at(0)).advance_high(at(1), None);
    }

    #[test]
    #[should_panic(expected = "past high watermark")]
    fn off_1_start_never_passes_the_high_watermark() {
        let mut bounds = LogBounds::empty_at(at(0));
        bounds.extend(at(3));
        bounds.advance_start(at(1));
    }

    #[test]
    fn off_2_an_open_transaction_holds_the_stable_offset_back() {
        let mut bounds = LogBounds::empty_at(at(0));
        bounds.extend(at(10));
        bounds.advance_high(at(8), Some(at(4)));
        assert_eq!(bounds.stable(), at(4));
        bounds.set_first_unstable(None);
        assert_eq!(bounds.stable(), at(8));
    }

    #[test]
    fn truncation_takes_every_bound_with_it() {
        let mut bounds = LogBounds::empty_at(at(0));
        bounds.extend(at(10));
        bounds.advance_high(at(8), None);
        bounds.truncate(at(3));
        assert_eq!((bounds.stable(), bounds.high(), bounds.end()), (at(3), at(3), at(3)));
    }
}
