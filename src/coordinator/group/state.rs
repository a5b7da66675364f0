//! What a shard of groups knows: hard state, which its records alone make, and soft state, which a crash may take.
use super::{GroupId, classic, consumer, offsets};
use crate::machine::Timers;
use std::collections::BTreeMap;

/// All groups of one partition of `__consumer_offsets`. Changed by replay only (GRP-17).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    pub by_id: BTreeMap<GroupId, Group>,
    /// What the offsets of all groups share.
    pub offsets: offsets::Shared,
}

impl Groups {
    /// After the tombstone of a group itself. The last of its offsets leaves it empty (GRP-22).
    pub fn forget_if_gone(&mut self, id: &str) {
        if self.by_id.get(id).is_some_and(Group::is_gone) {
            self.by_id.remove(id);
        }
    }
}

/// One group: its members by one of the protocols, or none; and its offsets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    pub members: Members,
    pub offsets: offsets::Offsets,
}

/// Who is in the group, by the protocol they speak.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Members {
    /// Nobody ever joined, or the record of it is gone: a group of offsets alone. Once it has none, it is there until the next look
    /// for expired ones (GRP-21).
    #[default]
    None,
    Classic(classic::Group),
    Consumer(consumer::Group),
}

impl Group {
    /// Nothing is left that a record would say.
    pub fn is_gone(&self) -> bool {
        self.members == Members::None && self.offsets.is_empty()
    }
}

/// Joins under way, parked requests and timers: lost with leadership, rebuilt by the members themselves (GRP-20).
#[derive(Default)]
pub struct Soft {
    pub timers: Timers<Timer>,
    /// How far the look for expired offsets has come.
    pub sweep: offsets::Sweep,
    pub classic: classic::Lives,
    pub consumer: consumer::Soft,
}

/// What falls due.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// Offsets and empty groups past their retention.
    Expiry,
    Classic(GroupId, classic::Due),
    Consumer(GroupId, consumer::Timer),
}
