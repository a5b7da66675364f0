//! LeaveGroup: of members of the classic protocol, and how an administrator removes members of either, static ones by
//! their instance ids alone.
use super::{Around, Decided, Group, MemberId};
use crate::{
    coordinator::group::{
        Cause, Soft,
        classic::{LeaveRequest, Leaving, Left},
        consumer::leave::put_out,
    },
    types::ErrorCode,
};

pub(super) fn leave(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    request: &LeaveRequest,
) -> (Decided, Vec<Left>) {
    let mut gone: Vec<MemberId> = Vec::new();
    let mut words = None;
    let mut left = Vec::with_capacity(request.members.len());
    for leaving in &request.members {
        let error = match who(group, leaving) {
            Ok(id) => {
                words.get_or_insert_with(|| leaving.reason.clone().unwrap_or_default());
                gone.push(id.clone());
                ErrorCode::None
            }
            Err(code) => code,
        };
        let (member_id, instance_id) = (leaving.member_id.clone(), leaving.instance_id.clone());
        left.push(Left { member_id, instance_id, error });
    }
    let first = gone.first().cloned();
    gone.sort_unstable();
    gone.dedup();
    // The first that was named is the one that is remembered.
    if let Some(at) = first.and_then(|first| gone.iter().position(|id| *id == first)) {
        gone.swap(0, at);
    }
    (put_out(group, soft, around, &gone, (Cause::Left, words.unwrap_or_default())), left)
}

fn who<'a>(group: &'a Group, leaving: &Leaving) -> Result<&'a MemberId, ErrorCode> {
    let Some(instance_id) = leaving.instance_id.as_deref() else {
        let known = group.members.get_key_value(&*leaving.member_id);
        return known.map(|(id, _)| id).ok_or(ErrorCode::UnknownMemberId);
    };
    let owner = group.index.statics.get(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
    if leaving.member_id.is_empty() || leaving.member_id == *owner {
        Ok(owner)
    } else {
        Err(ErrorCode::FencedInstanceId)
    }
}
