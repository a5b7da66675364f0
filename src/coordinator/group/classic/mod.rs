//! The classic group protocol: members join, the leader assigns, the coordinator keeps order.
//!
//! Hard state is what the group's last record says ([`Group`]). A rebalance happens in soft state ([`Live`]) and ends
//! in a record; while a group is stable or empty, both say the same.
mod commit;
mod describe;
mod expire;
mod handover;
mod heartbeat;
mod join;
mod leave;
mod live;
mod lives;
mod member;
mod rebalance;
mod request;
mod step;
mod sync;

pub use commit::{CONSUMER, Commit, heard, is_empty_since, is_of_consumers, subscribed_topics, validate_commit};
pub use describe::{Described, DescribedMember};
pub use expire::fell_silent;
pub use handover::{Incoming, Then, hand_over, take_over};
pub use join::{NAME_BYTES_MAX, check as check_join};
pub use live::{Gathering, Live, State};
pub use lives::Lives;
pub use member::{Member, MemberId};
pub use request::*;

use super::{Asked, Cause, GroupId, Groups, History, Members, Rebalance, Soft};
use crate::{
    coordinator::group,
    machine::{Outcome, Turn},
    types::ErrorCode,
    wire::coordinator::{GroupMetadataValue, GroupRecord},
};
use step::Step;

/// A classic group as its last record has it.
pub type Group = GroupMetadataValue;

/// What falls due in a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Due {
    /// Members had their time to join.
    Join,
    /// Members had their time to sync.
    Sync,
    /// This member, or pending id, was silent for too long.
    Session(MemberId),
}

type Decided = Outcome<GroupRecord, group::Reply>;

/// `members` are those of the group in `hard`, which has been looked for.
pub fn decide(
    hard: &Groups,
    members: Option<&Members>,
    soft: &mut Soft,
    asked: Asked<'_>,
    request: Request,
    turn: Turn,
) -> Decided {
    let id = request.group().clone();
    let exists = members.is_some() || soft.classic.get(hard, &id).is_some();
    let refused =
        if id.is_empty() || id.len() > join::NAME_BYTES_MAX { ErrorCode::InvalidGroupId } else { ErrorCode::None };
    let ticket = turn.ticket;
    on_live(soft, asked, &id, members.and_then(lives::record_among), |step| match request {
        Request::Join(request) if refused.is_error() => step.refuse_join(ticket, refused, request.member_id),
        Request::Join(request) => join::join(step, request, exists, asked.id, ticket),
        Request::Sync(_) if refused.is_error() => step.refuse_sync(ticket, refused),
        Request::Sync(request) => sync::sync(step, request, ticket),
        Request::Heartbeat(_) if refused.is_error() => step.answer(ticket, Reply::Heartbeat(refused)),
        Request::Heartbeat(request) => {
            let error = heartbeat::heartbeat(step, &request).err().unwrap_or(ErrorCode::None);
            step.answer(ticket, Reply::Heartbeat(error));
        }
        Request::Leave(_) if refused.is_error() => step.answer(ticket, Reply::Leave(Err(refused))),
        Request::Leave(request) => {
            let left = leave::leave(step, request);
            step.answer(ticket, Reply::Leave(Ok(left)));
        }
        Request::Describe(id) => {
            let described =
                if exists { Ok(describe::describe(step.live)) } else { Err(format!("Group {id} not found.")) };
            step.answer(ticket, Reply::Describe(described));
        }
    })
}

/// A timer of this group; `late_ms` after its time.
pub fn due(hard: &Groups, soft: &mut Soft, asked: Asked<'_>, id: &GroupId, due: Due, late_ms: u64) -> Decided {
    on_group(hard, soft, asked, id, |step| expire::due(step, due, late_ms))
}

/// GRP-20: the members that the records know have a fresh session each. A group that has become too large for the
/// settings shrinks in a rebalance.
pub fn loaded(hard: &Groups, soft: &mut Soft, asked: Asked<'_>) -> Decided {
    let mut all = Outcome::park();
    for (id, group) in &hard.by_id {
        let Members::Classic(record) = &group.members else { continue };
        if record.members.is_empty() {
            continue;
        }
        let decided = on_group(hard, soft, asked, id, |step| {
            if record.leader.is_none() {
                // Its first rebalance as a classic group did not end (GRP-24).
                step.rebalance("".into(), Cause::Downgraded, String::new());
            } else if step.live.members().len() > step.settings.members_max {
                step.rebalance("".into(), Cause::TooManyMembers, String::new());
            }
        });
        all.records.extend(decided.records);
        all.answers.extend(decided.answers);
    }
    all
}

/// The only writer of hard state.
pub fn replay(groups: &mut Groups, id: String, record: Option<Group>) {
    match record {
        Some(record) => groups.by_id.entry(id.into()).or_default().members = Members::Classic(record),
        None => {
            let Some(group) = groups.by_id.get_mut(id.as_str()) else { return };
            if let Members::Classic(_) = group.members {
                group.members = Members::None;
            }
            groups.forget_if_gone(&id);
        }
    }
}

fn on_group(
    hard: &Groups,
    soft: &mut Soft,
    asked: Asked<'_>,
    id: &GroupId,
    act: impl FnOnce(&mut Step<'_>),
) -> Decided {
    on_live(soft, asked, id, lives::record_of(hard, id), act)
}

fn on_live(
    soft: &mut Soft,
    asked: Asked<'_>,
    id: &GroupId,
    record: Option<&Group>,
    act: impl FnOnce(&mut Step<'_>),
) -> Decided {
    let Soft { timers, classic, .. } = soft;
    let (live, fresh) = classic.enter(id, record);
    let Asked { at, settings, .. } = asked;
    let mut step = Step { group: id, live, timers, at, settings, records: Vec::new(), answers: Vec::new() };
    if fresh {
        for member in step.live.members().keys().cloned().collect::<Vec<_>>() {
            step.hear(&member);
        }
    }
    act(&mut step);
    let Step { records, answers, .. } = step;
    if record.is_none() && records.is_empty() {
        classic.drop_idle(id);
    }
    Outcome { records, answers }
}

#[cfg(test)]
mod tests;
