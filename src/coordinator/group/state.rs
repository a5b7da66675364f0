//! What a shard of groups knows: hard state, which its records alone make, and soft state, which a crash may take.
use super::GroupId;
use crate::machine::Timers;
use std::collections::BTreeMap;

/// All groups of one partition of `__consumer_offsets`. Changed by replay only (GRP-17).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Groups {
    pub by_id: BTreeMap<GroupId, Group>,
}

/// One group: its members by one of the protocols, or none; and its offsets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {}

impl Group {
    /// Nothing is left that a record would say.
    pub fn is_gone(&self) -> bool {
        true
    }
}

/// Joins under way, parked requests and timers: lost with leadership, rebuilt by the members themselves (GRP-20).
#[derive(Default)]
pub struct Soft {
    pub timers: Timers<Timer>,
}

/// What falls due.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// Offsets and empty groups past their retention.
    Expiry,
}
