//! Leader epochs: which leader wrote a record.
use super::Offset;

/// Counts the leaders of one partition; never negative. -1 on the wire means "not known" and is an `Option` here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LeaderEpoch(i32);

impl LeaderEpoch {
    pub const ZERO: LeaderEpoch = LeaderEpoch(0);

    pub fn from_wire(epoch: i32) -> Option<LeaderEpoch> {
        (epoch >= 0).then_some(LeaderEpoch(epoch))
    }

    pub fn new(epoch: i32) -> LeaderEpoch {
        assert!(epoch >= 0, "a leader epoch is never negative: {epoch}");
        LeaderEpoch(epoch)
    }

    pub fn get(self) -> i32 {
        self.0
    }
}

impl std::fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a log with the epoch that wrote it: two logs are compared by both, never by offset alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OffsetAndEpoch {
    pub offset: Offset,
    pub epoch: LeaderEpoch,
}
