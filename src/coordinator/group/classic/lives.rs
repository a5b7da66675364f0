//! The classic groups at work in one shard.
use super::{Group, Live};
use crate::coordinator::group::{GroupId, Groups, Members};
use std::collections::{BTreeMap, btree_map::Entry};

/// Made from the records when first needed. An idle group may stay for its history; its record has the last word.
#[derive(Default)]
pub struct Lives {
    by_id: BTreeMap<GroupId, Live>,
}

impl Lives {
    /// The group at work, unless its record alone says how it is.
    pub fn get(&self, hard: &Groups, id: &str) -> Option<&Live> {
        self.by_id.get(id).filter(|live| !is_stale(live, record_of(hard, id)))
    }

    /// Groups that have no record yet, with those that have one.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupId, &Live)> {
        self.by_id.iter()
    }

    /// The group was deleted, or taken over by another protocol: what is left of it, for who must answer its members.
    pub fn forget(&mut self, id: &str) -> Option<Live> {
        self.by_id.remove(id)
    }

    /// The group is of this protocol from now on.
    pub(super) fn put(&mut self, id: &GroupId, live: Live) {
        self.by_id.insert(id.clone(), live);
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Live> {
        self.by_id.get_mut(id)
    }

    /// Also whether it was made just now.
    pub(super) fn enter(&mut self, id: &GroupId, record: Option<&Group>) -> (&mut Live, bool) {
        let make = || record.map_or_else(Live::default, Live::from_record);
        match self.by_id.entry(id.clone()) {
            Entry::Vacant(place) => (place.insert(make()), true),
            Entry::Occupied(place) => {
                let live = place.into_mut();
                let stale = is_stale(live, record);
                if stale {
                    *live = make();
                }
                (live, stale)
            }
        }
    }

    /// Nothing is left of a group that has no record.
    pub(super) fn drop_idle(&mut self, id: &str) {
        if self.by_id.get(id).is_some_and(Live::is_idle) {
            self.by_id.remove(id);
        }
    }
}

pub(super) fn record_of<'a>(hard: &'a Groups, id: &str) -> Option<&'a Group> {
    record_among(&hard.by_id.get(id)?.members)
}

pub(super) fn record_among(members: &Members) -> Option<&Group> {
    match members {
        Members::Classic(record) => Some(record),
        _ => None,
    }
}

/// Of an idle group the record has been deleted or written anew.
fn is_stale(live: &Live, record: Option<&Group>) -> bool {
    live.is_idle() && record.is_none_or(|record| record.generation != live.generation || !record.members.is_empty())
}
