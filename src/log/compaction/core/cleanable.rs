//! What of a log may be compacted, and whether it is worth it (CMP-1, CMP-2).
use crate::types::Offset;

/// One segment, as the rules look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentView {
    pub base: Offset,
    pub bytes: u64,
    /// When its newest record was appended, as far as that is known; only asked for with a lag.
    pub newest_ms: Option<i64>,
    /// Time of its first batch, when it has one; only asked for with a lag.
    pub oldest_ms: Option<i64>,
}

/// A log, as the rules look at it.
#[derive(Clone, Debug)]
pub struct LogView {
    pub start: Offset,
    pub end: Offset,
    /// Where the last run ended.
    pub cleaned: Option<Offset>,
    /// Records from here on are not decided yet (open transactions, the high watermark) or not synced in the segments.
    pub limit: Offset,
    /// In their order; the last one is written to and never touched.
    pub segments: Vec<SegmentView>,
}

/// The topic's settings and the time.
#[derive(Clone, Copy, Debug)]
pub struct CleaningRules {
    pub min_lag_ms: i64,
    pub max_lag_ms: i64,
    pub dirty_ratio_min: f64,
    pub now_ms: i64,
}

/// The part of a log that a run of compaction may work on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cleanable {
    /// Keys are collected from here on.
    pub first_dirty: Offset,
    /// A segment's begin; or the log's start, which may lie within one, where nothing may be compacted.
    pub end: Offset,
    pub clean_bytes: u64,
    pub dirty_bytes: u64,
    /// A record has waited for longer than the topic's maximum lag.
    pub is_overdue: bool,
}

impl Cleanable {
    /// The dirty part of all that could be clean.
    pub fn ratio(&self) -> f64 {
        let all = self.clean_bytes + self.dirty_bytes;
        if all == 0 { 0.0 } else { self.dirty_bytes as f64 / all as f64 }
    }

    pub fn is_due(&self, rules: &CleaningRules) -> bool {
        self.dirty_bytes > 0 && (self.is_overdue || self.ratio() > rules.dirty_ratio_min)
    }
}

pub fn cleanable(log: &LogView, rules: &CleaningRules) -> Cleanable {
    // A checkpoint that lies outside of the log is of a time before it was cut or its start moved (CMP-11).
    let first_dirty = log.cleaned.filter(|at| (log.start..=log.end).contains(at)).unwrap_or(log.start);
    let active = log.segments.last().map_or(log.start, |active| active.base);
    let limit = log.limit.min(active);
    let sealed = log.segments.get(..log.segments.len().saturating_sub(1)).unwrap_or_default();
    // Whole segments only: the one that holds the limit is left out.
    let mut end = log.segments.iter().map(|segment| segment.base).rfind(|base| *base <= limit).unwrap_or(log.start);
    let next = |at: usize| log.segments.get(at + 1).map_or(log.end, |next| next.base);
    let is_dirty = |at: usize| next(at) > first_dirty;
    if rules.min_lag_ms > 0 {
        let young = |segment: &SegmentView| {
            segment.newest_ms.is_some_and(|newest| newest > rules.now_ms.saturating_sub(rules.min_lag_ms))
        };
        let first_young = sealed.iter().enumerate().find(|(at, segment)| is_dirty(*at) && young(segment));
        if let Some((_, segment)) = first_young {
            end = end.min(segment.base);
        }
    }
    let end = end.max(log.start);
    let bytes = |wanted: &dyn Fn(usize) -> bool| {
        sealed.iter().enumerate().filter(|(at, _)| wanted(*at)).map(|(_, one)| one.bytes).sum::<u64>()
    };
    let in_reach = |at: usize| next(at) <= end;
    let waiting = |(at, segment): (usize, &SegmentView)| {
        let oldest = segment.oldest_ms.filter(|oldest| *oldest > 0 && is_dirty(at))?;
        (oldest < rules.now_ms.saturating_sub(rules.max_lag_ms)).then_some(())
    };
    Cleanable {
        first_dirty,
        end,
        clean_bytes: bytes(&|at| in_reach(at) && !is_dirty(at)),
        dirty_bytes: bytes(&|at| in_reach(at) && is_dirty(at)),
        is_overdue: sealed.iter().enumerate().find_map(waiting).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: CleaningRules =
        CleaningRules { min_lag_ms: 0, max_lag_ms: i64::MAX, dirty_ratio_min: 0.5, now_ms: 1_000_000 };

    /// Five segments of ten offsets and 100 bytes; segment n was written at 900,000 + n * 10,000.
    fn log(cleaned: Option<i64>, limit: i64) -> LogView {
        let segment = |at: i64| SegmentView {
            base: Offset::new(at * 10),
            bytes: 100,
            newest_ms: Some(900_000 + at * 10_000),
            oldest_ms: Some(900_000 + at * 10_000),
        };
        LogView {
            start: Offset::ZERO,
            end: Offset::new(45),
            cleaned: cleaned.map(Offset::new),
            limit: Offset::new(limit),
            segments: (0..5).map(segment).collect(),
        }
    }

    fn range(found: &Cleanable) -> (i64, i64) {
        (found.first_dirty.get(), found.end.get())
    }

    #[test]
    fn cmp_1_the_active_segment_and_undecided_records_are_left_alone() {
        let found = cleanable(&log(None, 45), &RULES);
        assert_eq!((range(&found), found.clean_bytes, found.dirty_bytes), ((0, 40), 0, 400));
        // The limit lies within the third segment: whole segments below it.
        assert_eq!(range(&cleanable(&log(None, 25), &RULES)), (0, 20));
        let found = cleanable(&log(Some(20), 45), &RULES);
        assert_eq!((range(&found), found.clean_bytes, found.dirty_bytes), ((20, 40), 200, 200));
        assert_eq!(cleanable(&log(Some(40), 45), &RULES).dirty_bytes, 0);
        assert_eq!(cleanable(&log(None, 0), &RULES).dirty_bytes, 0);
    }

    #[test]
    fn cmp_1_a_start_within_the_segment_that_holds_the_limit_opens_nothing_of_it() {
        for (start, limit) in [(15, 15), (15, 19), (5, 5), (40, 42)] {
            let moved = LogView { start: Offset::new(start), ..log(None, limit) };
            let found = cleanable(&moved, &RULES);
            assert_eq!((range(&found), found.dirty_bytes), ((start, start.max(limit / 10 * 10)), 0), "{start} {limit}");
        }
        // Nor where it is the segment's age that keeps it as it is.
        let rules = CleaningRules { min_lag_ms: 95_000, ..RULES };
        let moved = LogView { start: Offset::new(15), ..log(None, 45) };
        assert_eq!(cleanable(&moved, &rules).dirty_bytes, 0);
        assert_eq!(cleanable(&LogView { start: Offset::new(15), ..log(None, 20) }, &RULES).dirty_bytes, 100);
    }

    #[test]
    fn cmp_1_young_records_stay_as_they_are() {
        let rules = CleaningRules { min_lag_ms: 85_000, ..RULES };
        assert_eq!(range(&cleanable(&log(None, 45), &rules)), (0, 20));
        let rules = CleaningRules { min_lag_ms: 200_000, ..RULES };
        assert_eq!(cleanable(&log(None, 45), &rules).dirty_bytes, 0);
        // What is clean already is not asked for its age.
        let rules = CleaningRules { min_lag_ms: 85_000, ..RULES };
        assert_eq!(range(&cleanable(&log(Some(30), 45), &rules)), (30, 30));
    }

    #[test]
    fn cmp_2_dirt_or_age_makes_a_log_due() {
        assert!(cleanable(&log(None, 45), &RULES).is_due(&RULES));
        let half = cleanable(&log(Some(20), 45), &RULES);
        assert!(!half.is_due(&RULES));
        assert!(half.is_due(&CleaningRules { dirty_ratio_min: 0.49, ..RULES }));
        let aged = |max_lag_ms| CleaningRules { max_lag_ms, ..RULES };
        assert!(cleanable(&log(Some(20), 45), &aged(79_999)).is_due(&aged(79_999)));
        assert!(!cleanable(&log(Some(20), 45), &aged(80_000)).is_due(&aged(80_000)));
        assert!(!cleanable(&log(Some(40), 45), &aged(1)).is_due(&aged(1)));
        let nothing = LogView { segments: Vec::new(), ..log(None, 45) };
        assert_eq!(cleanable(&nothing, &RULES).ratio(), 0.0);
    }

    #[test]
    fn cmp_11_a_checkpoint_outside_of_the_log_begins_anew() {
        assert_eq!(cleanable(&log(Some(46), 45), &RULES).first_dirty, Offset::ZERO);
        let moved = LogView { start: Offset::new(15), ..log(Some(10), 45) };
        let found = cleanable(&moved, &RULES);
        assert_eq!((range(&found), found.dirty_bytes), ((15, 40), 300));
    }
}
