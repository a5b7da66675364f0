//! Partitions whose last stable offset stands still because a transaction is open there, and since when (TXN-25). Whoever
//! looks brings the time.
use crate::types::{Offset, TopicName};
use std::collections::BTreeMap;

/// A partition by name.
pub type Named = (TopicName, i32);

/// A partition that is found to be held back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    pub partition: Named,
    /// Its last stable offset.
    pub at: Offset,
    /// For how long it stood there before it could be looked at: see [`StandingOffsets::look`].
    pub age_ms: u64,
}

struct Standing {
    at: Offset,
    /// Before the clock began, where it is that old.
    since_ms: i64,
    is_told: bool,
}

/// A partition that is held back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub partition: Named,
    /// Its last stable offset.
    pub at: Offset,
    pub ms: u64,
}

/// What was seen at earlier looks.
#[derive(Default)]
pub struct StandingOffsets(BTreeMap<Named, Standing>);

impl StandingOffsets {
    /// Takes note of every partition whose stable offset lies below its high watermark now. One that moved, also if it is
    /// held back again, begins anew, or at the age that it is found with.
    pub fn look(&mut self, now_ms: u64, held: impl IntoIterator<Item = Seen>) {
        let mut before = std::mem::take(&mut self.0);
        for Seen { partition, at, age_ms } in held {
            let standing = before.remove(&partition).filter(|standing| standing.at == at);
            let since_ms = || signed(now_ms).saturating_sub(signed(age_ms));
            let standing = standing.unwrap_or_else(|| Standing { at, since_ms: since_ms(), is_told: false });
            self.0.insert(partition, standing);
        }
    }

    /// Those that stand still for longer than `ms`, the longest first.
    pub fn longer_than(&self, now_ms: u64, ms: u64) -> Vec<Held> {
        let held = self.0.iter().map(|(partition, standing)| Held {
            partition: partition.clone(),
            at: standing.at,
            ms: u64::try_from(signed(now_ms).saturating_sub(standing.since_ms)).unwrap_or(0),
        });
        let mut held: Vec<Held> = held.filter(|held| held.ms > ms).collect();
        held.sort_by_key(|held| std::cmp::Reverse(held.ms));
        held
    }

    /// The same, each only once while it stands.
    pub fn to_tell(&mut self, now_ms: u64, ms: u64) -> Vec<Held> {
        let mut late = self.longer_than(now_ms, ms);
        late.retain(|held| {
            let standing = self.0.get_mut(&held.partition).filter(|standing| !standing.is_told);
            standing.map(|standing| standing.is_told = true).is_some()
        });
        late
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, offset: i64) -> Seen {
        Seen { partition: (TopicName::parse("t").unwrap(), partition), at: Offset::new(offset), age_ms: 0 }
    }

    fn seen(held: &[Held]) -> Vec<(i32, u64)> {
        held.iter().map(|held| (held.partition.1, held.ms)).collect()
    }

    #[test]
    fn txn_25_only_an_offset_that_stays_where_it_is_grows_old() {
        let mut standing = StandingOffsets::default();
        standing.look(0, [at(0, 5), at(1, 7)]);
        standing.look(10, [at(0, 5), at(1, 8), at(2, 0)]);
        assert_eq!(seen(&standing.longer_than(30, 19)), [(0, 30), (1, 20), (2, 20)]);
        assert_eq!(seen(&standing.longer_than(30, 20)), [(0, 30)]);
        // What is free again is forgotten, and begins anew at the same offset.
        standing.look(40, [at(1, 8)]);
        standing.look(50, [at(0, 5)]);
        assert_eq!(seen(&standing.longer_than(60, 0)), [(0, 10)]);
    }

    #[test]
    fn txn_25_what_stood_before_anybody_could_look_is_as_old_as_it_is_found() {
        let mut standing = StandingOffsets::default();
        let old = Seen { age_ms: 1_000, ..at(0, 5) };
        standing.look(10, [old.clone()]);
        assert_eq!(seen(&standing.longer_than(10, 0)), [(0, 1_000)]);
        standing.look(30, [old]);
        assert_eq!(seen(&standing.longer_than(30, 0)), [(0, 1_020)]);
        standing.look(40, [at(0, 6)]);
        assert_eq!(seen(&standing.longer_than(50, 0)), [(0, 10)]);
    }

    #[test]
    fn txn_25_what_stands_still_is_told_once() {
        let mut standing = StandingOffsets::default();
        standing.look(0, [at(0, 5), at(1, 5)]);
        assert_eq!(seen(&standing.to_tell(100, 100)), []);
        assert_eq!(seen(&standing.to_tell(101, 100)), [(0, 101), (1, 101)]);
        standing.look(200, [at(0, 5), at(1, 6)]);
        assert_eq!(seen(&standing.to_tell(200, 100)), []);
        assert_eq!(seen(&standing.to_tell(400, 100)), [(1, 200)]);
    }
}
