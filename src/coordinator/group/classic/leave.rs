//! LeaveGroup: members, pending ids and static members, many at once (GRP-13).
use super::{Cause, LeaveRequest, Leaving, Left, MemberId, step::Step};
use crate::types::ErrorCode;

pub(super) fn leave(step: &mut Step<'_>, request: LeaveRequest) -> Vec<Left> {
    let mut first: Option<(MemberId, String)> = None;
    let mut left = Vec::with_capacity(request.members.len());
    for leaving in request.members {
        let error = match who(step, &leaving) {
            Ok(member_id) => {
                let was_member = step.live.members().contains_key(&member_id);
                step.remove(&member_id);
                if was_member {
                    first.get_or_insert_with(|| (member_id, leaving.reason.unwrap_or_default()));
                }
                ErrorCode::None
            }
            Err(error) => error,
        };
        left.push(Left { member_id: leaving.member_id, instance_id: leaving.instance_id, error });
    }
    match first {
        Some((member_id, words)) => step.rebalance(member_id, Cause::Left, words),
        // A pending id may have been all that a round waited for.
        None => step.maybe_complete(),
    }
    left
}

/// Without a member id it is an administrator who names a static member.
fn who(step: &Step<'_>, leaving: &Leaving) -> Result<MemberId, ErrorCode> {
    if leaving.member_id.is_empty() {
        let instance_id = leaving.instance_id.as_deref().ok_or(ErrorCode::UnknownMemberId)?;
        return step.live.static_member(instance_id).cloned().ok_or(ErrorCode::UnknownMemberId);
    }
    if !step.live.pending.contains(&leaving.member_id) {
        step.live.validate(&leaving.member_id, leaving.instance_id.as_deref())?;
    }
    Ok(leaving.member_id.clone())
}
