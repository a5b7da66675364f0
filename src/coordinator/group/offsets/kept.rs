//! A committed offset as memory keeps it: there may be millions, and few have words, an expiry or another topic id than
//! the rest.
use crate::{
    types::Offset,
    wire::coordinator::{CommittedInPlace, OffsetCommitValue},
};
use uuid::Uuid;

/// One committed offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed<'a> {
    pub offset: i64,
    /// Where the commit stands in the journal.
    pub at: Offset,
    /// Milliseconds since 1970.
    pub commit_timestamp: i64,
    /// Milliseconds since 1970, from a retention that the client named; -1: as the broker has it.
    pub expire_timestamp: i64,
    /// Nil when the commit did not say.
    pub topic_id: Uuid,
    /// The client's own words.
    pub metadata: &'a str,
    /// Of the last record that was consumed; -1: not told.
    pub leader_epoch: i32,
}

impl<'a> Committed<'a> {
    pub fn of_record(at: Offset, value: &'a OffsetCommitValue) -> Committed<'a> {
        Committed {
            offset: value.offset,
            at,
            commit_timestamp: value.commit_timestamp,
            expire_timestamp: value.expire_timestamp,
            topic_id: value.topic_id,
            metadata: &value.metadata,
            leader_epoch: value.leader_epoch,
        }
    }

    pub fn in_place(at: Offset, read: &CommittedInPlace<'a>) -> Committed<'a> {
        Committed {
            offset: read.offset,
            at,
            commit_timestamp: read.commit_timestamp,
            expire_timestamp: read.expire_timestamp,
            topic_id: read.topic_id,
            metadata: read.metadata,
            leader_epoch: read.leader_epoch,
        }
    }
}

/// The same with its partition. Whoever keeps it knows the usual topic id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    offset: i64,
    at: Offset,
    commit_timestamp: i64,
    pub(super) partition: i32,
    leader_epoch: i32,
    rare: Option<Box<Rare>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Rare {
    expire_timestamp: i64,
    topic_id: Uuid,
    metadata: Box<str>,
}

impl Kept {
    pub(super) fn new(partition: i32, committed: Committed<'_>, usual_id: Uuid) -> Kept {
        let Committed { expire_timestamp, topic_id, metadata, .. } = committed;
        let is_rare = expire_timestamp != -1 || topic_id != usual_id || !metadata.is_empty();
        Kept {
            offset: committed.offset,
            at: committed.at,
            commit_timestamp: committed.commit_timestamp,
            partition,
            leader_epoch: committed.leader_epoch,
            rare: is_rare.then(|| Box::new(Rare { expire_timestamp, topic_id, metadata: metadata.into() })),
        }
    }

    pub(super) fn told(&self, usual_id: Uuid) -> Committed<'_> {
        let rare = self.rare.as_deref();
        Committed {
            offset: self.offset,
            at: self.at,
            commit_timestamp: self.commit_timestamp,
            expire_timestamp: rare.map_or(-1, |rare| rare.expire_timestamp),
            topic_id: rare.map_or(usual_id, |rare| rare.topic_id),
            metadata: rare.map_or("", |rare| &rare.metadata),
            leader_epoch: self.leader_epoch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_told_again_and_takes_little() {
        assert_eq!(size_of::<Kept>(), 40);
        let (usual, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let plain = Committed {
            offset: 5,
            at: Offset::new(6),
            commit_timestamp: 7,
            expire_timestamp: -1,
            topic_id: usual,
            metadata: "",
            leader_epoch: 3,
        };
        assert!(Kept::new(1, plain, usual).rare.is_none());
        let rare = [
            Committed { topic_id: other, ..plain },
            Committed { topic_id: Uuid::nil(), ..plain },
            Committed { expire_timestamp: 0, ..plain },
            Committed { metadata: "m", ..plain },
        ];
        for committed in rare.into_iter().chain([plain]) {
            assert_eq!(Kept::new(1, committed, usual).told(usual), committed);
        }
    }
}
