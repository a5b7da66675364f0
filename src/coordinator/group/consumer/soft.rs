//! What a crash may take of consumer groups: timers, and what was looked at last.
use super::{
    Around, leave,
    member::{Current, MemberId, MemberState, Metadata},
    topics::Topics,
};
use crate::{
    coordinator::group::{self, GroupId, GroupSettings, Groups, Members, Moment},
    image::{self, Image},
    types::OffsetAndEpoch,
    wire::coordinator::GroupRecord,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Regular expressions are matched against all topics at most this often for each group.
const PATTERNS_INTERVAL_MS: u64 = 1_000;

#[derive(Default)]
pub struct Soft {
    pub(super) seen: BTreeMap<GroupId, Seen>,
    pub(super) topics: Topics,
    /// Members whose time was over while the broker itself stood still: they are heard before they are judged.
    spared: BTreeSet<(GroupId, Timer)>,
}

impl Soft {
    /// The group is deleted.
    pub fn forget(&mut self, group: &str) {
        self.seen.remove(group);
    }
}

/// A timer that is looked at so late after its time means that the broker stood still (GRP-25).
const LATE_MS: u64 = 1_000;

/// What of the metadata a group took into account.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub image: Option<OffsetAndEpoch>,
    pub has_patterns: bool,
    /// The topics that all expressions were matched against, and when.
    pub resolved: Option<(image::Topics, u64)>,
}

impl Seen {
    /// Whether the group must look at the metadata again.
    pub fn is_stale(&self, around: &Around<'_>) -> bool {
        self.image != around.image.at() || (self.has_patterns && self.patterns_are_stale(around))
    }

    /// Whether topics came or went since the expressions were matched, or that is long ago.
    pub fn patterns_are_stale(&self, around: &Around<'_>) -> bool {
        let Some((topics, at_ms)) = &self.resolved else { return true };
        let age_ms = around.at.monotonic_ms.saturating_sub(*at_ms);
        let is_old = age_ms >= around.settings.consumer.regex_refresh_ms;
        is_old || (age_ms >= PATTERNS_INTERVAL_MS && !topics.have_same_names(&around.image.topics))
    }
}

/// What falls due for a member.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// It was silent for too long.
    Session(MemberId),
    /// It has not given back its partitions in time (CG-5).
    Revocation(MemberId),
}

fn set(soft: &mut group::Soft, group: &GroupId, timer: Timer, at_ms: u64) {
    soft.consumer.spared.remove(&(group.clone(), timer.clone()));
    soft.timers.set(group::Timer::Consumer(group.clone(), timer), at_ms);
}

fn after_ms(at: Moment, ms: i32) -> u64 {
    at.monotonic_ms + u64::try_from(ms).unwrap_or(0)
}

/// The member was heard of.
pub(super) fn keep_alive(soft: &mut group::Soft, around: &Around<'_>, member: &MemberId) {
    set(soft, around.group, Timer::Session(member.clone()), after_ms(around.at, around.limits.session_timeout_ms));
}

/// Begins or ends the time in which a member must give back partitions.
pub(super) fn await_revocation(
    soft: &mut group::Soft,
    around: &Around<'_>,
    member: &MemberId,
    metadata: &Metadata,
    current: &Current,
) {
    let timer = Timer::Revocation(member.clone());
    if current.state == MemberState::Unrevoked {
        set(soft, around.group, timer, after_ms(around.at, metadata.rebalance_timeout_ms));
    } else {
        soft.timers.cancel(&group::Timer::Consumer(around.group.clone(), timer));
    }
}

/// The member is gone.
pub(super) fn cancel(soft: &mut group::Soft, group: &GroupId, member: &MemberId) {
    for timer in [Timer::Session(member.clone()), Timer::Revocation(member.clone())] {
        soft.consumer.spared.remove(&(group.clone(), timer.clone()));
        soft.timers.cancel(&group::Timer::Consumer(group.clone(), timer));
    }
}

/// Every member gets its whole time anew (GRP-20).
pub fn loaded(groups: &Groups, soft: &mut group::Soft, at: Moment, image: &Image, settings: &GroupSettings) {
    for (id, group) in &groups.by_id {
        let Members::Consumer(group) = &group.members else { continue };
        let around = Around::of(id, at, Uuid::nil(), image, settings);
        for (member_id, member) in group.members() {
            keep_alive(soft, &around, member_id);
            await_revocation(soft, &around, member_id, &member.metadata, &member.current);
        }
    }
}

/// A timer came, `late_ms` after its time: the member is put out.
pub fn due(
    groups: &Groups,
    soft: &mut group::Soft,
    (id, timer, late_ms): (&GroupId, Timer, u64),
    (at, image, settings): (Moment, &Image, &GroupSettings),
) -> Vec<GroupRecord> {
    let Some(Members::Consumer(group)) = groups.by_id.get(id).map(|group| &group.members) else { return vec![] };
    let around = Around::of(id, at, Uuid::nil(), image, settings);
    if late_ms >= LATE_MS && soft.consumer.spared.insert((id.clone(), timer.clone())) {
        let again_ms = after_ms(at, around.limits.session_timeout_ms);
        soft.timers.set(group::Timer::Consumer(id.clone(), timer), again_ms);
        return vec![];
    }
    soft.consumer.spared.remove(&(id.clone(), timer.clone()));
    let (member, is_out) = match timer {
        Timer::Session(member) => (member, true),
        Timer::Revocation(id) => {
            let is_out = group.member(&id).is_some_and(|member| member.current.state == MemberState::Unrevoked);
            (id, is_out)
        }
    };
    if is_out && group.member(&member).is_some() { leave::put_out(group, soft, &around, &[member]) } else { vec![] }
}
