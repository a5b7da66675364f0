//! What a crash may take of consumer groups: timers, and what was looked at last.
use super::{
    Around, Decided, Matched, leave,
    member::{Current, MemberId, MemberState, Metadata},
    topics::Topics,
};
use crate::{
    coordinator::group::{self, Cause, GroupId, GroupSettings, Groups, History, Members, Moment, Rebalance},
    image::{self, Image},
    machine::Outcome,
    types::OffsetAndEpoch,
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
    histories: BTreeMap<GroupId, History>,
}

impl Soft {
    /// The group is deleted.
    pub fn forget(&mut self, group: &str) -> History {
        self.seen.remove(group);
        self.histories.remove(group).unwrap_or_default()
    }

    pub(super) fn history(&self, group: &str) -> Vec<Rebalance> {
        self.histories.get(group).into_iter().flat_map(History::iter).cloned().collect()
    }

    /// Why the group has a new epoch.
    pub(super) fn remember(&mut self, group: &GroupId, why: Rebalance) {
        self.histories.entry(group.clone()).or_default().remember(why);
    }

    /// What was remembered of the group while it was one of the other protocol.
    pub(super) fn inherit(&mut self, group: &GroupId, mut before: History) {
        let since = self.histories.remove(group).unwrap_or_default();
        since.iter().for_each(|one| before.remember(one.clone()));
        self.histories.insert(group.clone(), before);
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
    /// They are being matched again.
    pub round: Option<Round>,
}

/// All expressions of a group are matched against the topics, some with each heartbeat.
#[derive(Clone)]
pub(super) struct Round {
    /// What was there when it began, and when that was.
    pub topics: image::Topics,
    pub at_ms: u64,
    /// The expression that was matched last.
    pub last: Option<String>,
}

impl Round {
    pub fn begin(around: &Around<'_>, matched: &Matched) -> Round {
        Round { topics: matched.topics().clone(), at_ms: around.at.monotonic_ms, last: None }
    }
}

impl Seen {
    /// Whether the group must look at the metadata again.
    pub fn is_stale(&self, around: &Around<'_>) -> bool {
        self.image != around.image.at() || (self.has_patterns && self.patterns_are_stale(around))
    }

    /// Whether topics came or went since the expressions were matched, or that is long ago.
    pub fn patterns_are_stale(&self, around: &Around<'_>) -> bool {
        let Some((topics, at_ms)) = self.resolved.as_ref().filter(|_| self.round.is_none()) else { return true };
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
    /// It speaks the classic protocol, and was told to join again.
    Join(MemberId),
    /// It speaks the classic protocol, joined, and has not asked for its assignment.
    Sync(MemberId),
}

impl Timer {
    fn member(&self) -> &MemberId {
        match self {
            Timer::Session(id) | Timer::Revocation(id) | Timer::Join(id) | Timer::Sync(id) => id,
        }
    }
}

fn set(soft: &mut group::Soft, group: &GroupId, timer: Timer, at_ms: u64) {
    soft.consumer.spared.remove(&(group.clone(), timer.clone()));
    soft.timers.set(group::Timer::Consumer(group.clone(), timer), at_ms);
}

fn after_ms(at: Moment, ms: i32) -> u64 {
    at.monotonic_ms + u64::try_from(ms).unwrap_or(0)
}

/// The member was heard of. Who speaks the classic protocol has a session as long as it asked for.
pub(super) fn keep_alive(soft: &mut group::Soft, around: &Around<'_>, member: &MemberId, metadata: &Metadata) {
    let own_ms = metadata.classic.as_ref().map(|classic| classic.session_timeout_ms);
    let session_ms = own_ms.unwrap_or(around.limits.session_timeout_ms);
    set(soft, around.group, Timer::Session(member.clone()), after_ms(around.at, session_ms));
}

/// A member of the classic protocol has its rebalance timeout to join again, from when it was told first.
pub(super) fn await_join(soft: &mut group::Soft, around: &Around<'_>, member: &MemberId, metadata: &Metadata) {
    let timer = Timer::Join(member.clone());
    if soft.timers.at(&group::Timer::Consumer(around.group.clone(), timer.clone())).is_none() {
        set(soft, around.group, timer, after_ms(around.at, metadata.rebalance_timeout_ms));
    }
}

/// It joined, and now must ask for its assignment.
pub(super) fn await_sync(soft: &mut group::Soft, around: &Around<'_>, member: &MemberId, metadata: &Metadata) {
    end(soft, around.group, Timer::Join(member.clone()));
    set(soft, around.group, Timer::Sync(member.clone()), after_ms(around.at, metadata.rebalance_timeout_ms));
}

pub(super) fn synced(soft: &mut group::Soft, group: &GroupId, member: &MemberId) {
    end(soft, group, Timer::Sync(member.clone()));
}

/// The member speaks the consumer protocol from now on.
pub(super) fn end_classic(soft: &mut group::Soft, group: &GroupId, member: &MemberId) {
    end(soft, group, Timer::Join(member.clone()));
    end(soft, group, Timer::Sync(member.clone()));
}

fn end(soft: &mut group::Soft, group: &GroupId, timer: Timer) {
    let key = (group.clone(), timer);
    soft.consumer.spared.remove(&key);
    soft.timers.cancel(&group::Timer::Consumer(key.0, key.1));
}

/// Begins or ends the time in which a member must give back partitions; who speaks the classic protocol gives them back
/// by joining again.
pub(super) fn await_revocation(
    soft: &mut group::Soft,
    around: &Around<'_>,
    member: &MemberId,
    metadata: &Metadata,
    current: &Current,
) {
    let timer = Timer::Revocation(member.clone());
    if current.state == MemberState::Unrevoked && metadata.classic.is_none() {
        set(soft, around.group, timer, after_ms(around.at, metadata.rebalance_timeout_ms));
    } else {
        end(soft, around.group, timer);
    }
}

/// The member is gone.
pub(super) fn cancel(soft: &mut group::Soft, group: &GroupId, member: &MemberId) {
    end(soft, group, Timer::Session(member.clone()));
    end(soft, group, Timer::Revocation(member.clone()));
    end_classic(soft, group, member);
}

/// Every member gets its whole time anew (GRP-20).
pub fn loaded(groups: &Groups, soft: &mut group::Soft, at: Moment, image: &Image, settings: &GroupSettings) {
    for (id, group) in &groups.by_id {
        let Members::Consumer(group) = &group.members else { continue };
        let around = Around::of(id, at, Uuid::nil(), image, settings);
        for (member_id, member) in group.members() {
            keep_alive(soft, &around, member_id, &member.metadata);
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
) -> Decided {
    let Some(Members::Consumer(group)) = groups.by_id.get(id).map(|group| &group.members) else {
        return Outcome::park();
    };
    let around = Around::of(id, at, Uuid::nil(), image, settings);
    if late_ms >= LATE_MS && soft.consumer.spared.insert((id.clone(), timer.clone())) {
        let again_ms = after_ms(at, around.limits.session_timeout_ms);
        soft.timers.set(group::Timer::Consumer(id.clone(), timer), again_ms);
        return Outcome::park();
    }
    soft.consumer.spared.remove(&(id.clone(), timer.clone()));
    let Some(member) = group.member(timer.member()) else { return Outcome::park() };
    let (is_out, cause) = match &timer {
        Timer::Session(_) => (true, Cause::SessionExpired),
        Timer::Revocation(_) => (member.current.state == MemberState::Unrevoked, Cause::NeverRevoked),
        Timer::Join(_) => (member.metadata.classic.is_some(), Cause::NeverRejoined),
        Timer::Sync(_) => (member.metadata.classic.is_some(), Cause::NeverSynced),
    };
    let out = timer.member().clone();
    if is_out { leave::put_out(group, soft, &around, &[out], (cause, String::new())) } else { Outcome::park() }
}
