//! Offsets and empty groups past their retention (GRP-21), looked for in turns of bounded size.
use super::{Around, Committed, Expires, Standing, TOMBSTONES_MAX, standing, tombstone};
use crate::{
    coordinator::group::{Group, GroupId, Groups, Room, Soft, Timer},
    wire::coordinator::GroupRecord,
};
use std::{ops::Bound, sync::Arc};

/// How far the look at all groups has come; `None`: at the beginning.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sweep {
    group: Option<GroupId>,
    /// Within the group: behind which topic and partition to go on; `None`: the group is done.
    place: Option<(Arc<str>, i32)>,
}

/// Offsets and groups that one turn looks at.
const LOOKS_MAX: usize = 20_000;

/// One turn, and the timer of the next: at once while groups are left, else after the usual interval.
pub fn sweep(groups: &Groups, soft: &mut Soft, around: Around<'_>) -> Vec<GroupRecord> {
    let from = std::mem::take(&mut soft.sweep);
    let room = around.room();
    let mut turn = Turn { around, soft, room, looks: 0, records: Vec::new(), gone: Vec::new() };
    let rest = turn.run(groups, from);
    let Turn { records, gone, .. } = turn;
    gone.iter().for_each(|id| standing::forget(soft, id));
    let wait_ms = if rest.is_some() { 0 } else { around.settings.offsets_retention_check_ms };
    soft.timers.set(Timer::Expiry, around.at.monotonic_ms + wait_ms);
    soft.sweep = rest.unwrap_or_default();
    records
}

struct Turn<'a> {
    around: Around<'a>,
    soft: &'a Soft,
    /// In the write that this turn ends with.
    room: Room,
    looks: usize,
    records: Vec<GroupRecord>,
    /// Groups that go altogether.
    gone: Vec<GroupId>,
}

impl Turn<'_> {
    /// Where to go on; `None` after the last group.
    fn run(&mut self, groups: &Groups, from: Sweep) -> Option<Sweep> {
        let mut place = from.place;
        let bound = match (&from.group, &place) {
            (None, _) => Bound::Unbounded,
            (Some(group), None) => Bound::Excluded(group.clone()),
            (Some(group), Some(_)) => Bound::Included(group.clone()),
        };
        for (id, group) in groups.by_id.range::<GroupId, _>((bound, Bound::Unbounded)) {
            // The group that was begun may be gone: the place counts for no other.
            let begun = place.take().filter(|_| from.group.as_ref() == Some(id));
            if let Some(stopped) = self.group(groups, id, group, begun) {
                return Some(Sweep { group: Some(id.clone()), place: Some(stopped) });
            }
            if self.is_full() {
                return Some(Sweep { group: Some(id.clone()), place: None });
            }
        }
        None
    }

    fn is_full(&self) -> bool {
        self.looks >= LOOKS_MAX || self.records.len() >= TOMBSTONES_MAX
    }

    /// Tombstones of one group; where it stopped when the turn is full.
    fn group(
        &mut self,
        groups: &Groups,
        id: &GroupId,
        group: &Group,
        begun: Option<(Arc<str>, i32)>,
    ) -> Option<(Arc<str>, i32)> {
        self.looks += 1;
        let standing = Standing::of(groups, self.soft, id)?;
        let (expires, subscribed) = (standing.expires(), standing.subscribed());
        let mut gone = 0;
        if expires != Expires::Never {
            for (topic, partition, committed) in group.offsets.after(begun.as_ref()) {
                if self.is_full() {
                    return Some((topic.clone(), partition.saturating_sub(1)));
                }
                self.looks += 1;
                if self.is_expired(expires, committed)
                    && !subscribed.to(topic)
                    && !group.offsets.is_pending(topic, partition)
                {
                    if !self.push([tombstone(id, topic, partition)]) {
                        return Some((topic.clone(), partition.saturating_sub(1)));
                    }
                    gone += 1;
                }
            }
        }
        if !standing.has_members() && !group.offsets.has_pending() && gone == group.offsets.len() {
            if !self.push(standing.tombstones(id)) {
                // The next turn finds the group without the offsets that go in this one.
                return Some(("".into(), -1));
            }
            self.gone.push(id.clone());
        }
        None
    }

    /// Unless they do not fit any more.
    fn push(&mut self, records: impl IntoIterator<Item = GroupRecord>) -> bool {
        let records: Vec<GroupRecord> = records.into_iter().collect();
        let mut room = self.room;
        if !records.iter().all(|record| room.take(record)) && !self.records.is_empty() {
            return false;
        }
        self.room = room;
        self.records.extend(records);
        true
    }

    fn is_expired(&self, expires: Expires, committed: Committed<'_>) -> bool {
        let now_ms = self.around.at.wall_ms;
        if committed.expire_timestamp >= 0 {
            return now_ms >= committed.expire_timestamp;
        }
        let since = match expires {
            Expires::Never => return false,
            Expires::SinceCommit => committed.commit_timestamp,
            Expires::SinceEmpty(at) => at,
        };
        now_ms.saturating_sub(since) >= self.around.settings.offsets_retention_ms
    }
}
