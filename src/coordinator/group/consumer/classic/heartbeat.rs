//! Heartbeat: a member of the classic protocol lives on, and learns whether to join again.
use super::{Around, find};
use crate::{
    coordinator::group::{
        Soft,
        classic::HeartbeatRequest,
        consumer::{
            group::Group,
            heartbeat::{Sender, decide},
            member::{Member, MemberId, MemberState},
            records::Records,
            soft,
        },
    },
    types::ErrorCode,
    wire::coordinator::GroupRecord,
};

pub(super) fn heartbeat(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    request: &HeartbeatRequest,
) -> (Vec<GroupRecord>, ErrorCode) {
    let (id, member) = match find(group, &request.member_id, request.instance_id.as_deref()) {
        Ok((_, member, _)) if member.current.epoch != request.generation => {
            return (vec![], ErrorCode::IllegalGeneration);
        }
        Ok((id, member, _)) => (id, member),
        Err(code) => return (vec![], code),
    };
    soft::keep_alive(soft, around, id, &member.metadata);
    let (records, target_epoch) = look(group, soft, around, (id, member));
    let current = &member.current;
    let must_join = match current.state {
        _ if current.epoch < target_epoch => true,
        MemberState::Unrevoked => true,
        MemberState::Unreleased => !group.waits_for_others(id, current),
        MemberState::Stable | MemberState::Unknown => false,
    };
    if must_join {
        soft::await_join(soft, around, id, &member.metadata);
    }
    (records, if must_join { ErrorCode::RebalanceInProgress } else { ErrorCode::None })
}

/// Where only members of the classic protocol are left it is they who make the coordinator look at the topics, and
/// compute the target when that is due. The epoch of the target.
fn look(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    (id, member): (&MemberId, &Member),
) -> (Vec<GroupRecord>, i32) {
    let seen = soft.consumer.seen.get(around.group);
    let is_quiet = group.epoch <= group.assignment_epoch && seen.is_some_and(|seen| !seen.is_stale(around));
    if is_quiet {
        return (vec![], group.assignment_epoch);
    }
    let sender = Sender {
        id: id.clone(),
        member: member.clone(),
        is_new: false,
        was: Some(id),
        moves: false,
        words: String::new(),
    };
    let mut records = Records::of(around.group);
    match decide(group, soft, around, None, &sender, &member.metadata, &mut records) {
        Ok(after) if around.has_room(&records.written) => (records.written, after.target_epoch),
        // Somebody else's regular expression, or too much at once: whoever it concerns is told.
        _ => (vec![], group.assignment_epoch),
    }
}
