//! A group changes its protocol while nobody is in it; while somebody is, it stays what it is (GRP-24).
use super::{Around, Refused, group::Group, leave::put_out, member::MemberId};
use crate::{
    coordinator::group::{GroupSettings, Groups, Members, Moment, Soft, classic},
    image::Image,
    types::ErrorCode,
    wire::coordinator::{GroupKey, GroupRecord},
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What a request of the classic protocol meets.
pub enum Meets {
    /// No members of this protocol: the classic rules go on after these records.
    Nobody(Vec<GroupRecord>),
    Members(classic::Reply, Vec<GroupRecord>),
}

/// Looks at a request of the classic protocol before the classic rules do.
pub fn meet(
    groups: &Groups,
    soft: &mut Soft,
    (at, image, settings): (Moment, &Image, &GroupSettings),
    request: &classic::Request,
) -> Meets {
    let id = request.group();
    let Some(Members::Consumer(group)) = groups.by_id.get(id).map(|group| &group.members) else {
        return Meets::Nobody(vec![]);
    };
    use classic::{Joined, Reply, Request, Synced};
    let unknown = ErrorCode::UnknownMemberId;
    let reply = match request {
        Request::Join(_) if group.is_empty() => {
            soft.consumer.forget(id);
            return Meets::Nobody(group.tombstones(id));
        }
        Request::Join(join) => {
            Reply::Join(Joined::refused(ErrorCode::InconsistentGroupProtocol, join.member_id.clone()))
        }
        Request::Sync(_) => Reply::Sync(Synced::refused(unknown)),
        Request::Heartbeat(_) => Reply::Heartbeat(unknown),
        Request::Leave(leave) => {
            let around = Around::of(id, at, Uuid::nil(), image, settings);
            let (left, gone) = remove(group, leave);
            return Meets::Members(Reply::Leave(Ok(left)), put_out(group, soft, &around, &gone));
        }
        Request::Describe(_) => Reply::Describe(Err(format!("Group {id} is not a classic group."))),
    };
    Meets::Members(reply, vec![])
}

/// LeaveGroup is also how an administrator removes members, static ones by their instance ids alone.
fn remove(group: &Group, leave: &classic::LeaveRequest) -> (Vec<classic::Left>, Vec<MemberId>) {
    let mut gone = BTreeSet::new();
    let mut left = Vec::with_capacity(leave.members.len());
    for leaving in &leave.members {
        let (member_id, instance_id) = (leaving.member_id.clone(), leaving.instance_id.clone());
        let error = match instance_id.as_deref().map(|instance_id| group.index.statics.get(instance_id)) {
            Some(Some(owner)) if !member_id.is_empty() && *owner != member_id => ErrorCode::FencedInstanceId,
            None if !group.members.contains_key(&member_id) => ErrorCode::UnknownMemberId,
            Some(None) => ErrorCode::UnknownMemberId,
            owner => {
                gone.insert(owner.flatten().unwrap_or(&member_id).clone());
                ErrorCode::None
            }
        };
        left.push(classic::Left { member_id, instance_id, error });
    }
    (left, gone.into_iter().collect())
}

/// The way for a new consumer group: nothing, or the end of a classic group without members.
pub(super) fn make_way(groups: &Groups, soft: &Soft, id: &str) -> Result<Vec<GroupRecord>, Refused> {
    let is_busy = soft.classic.get(groups, id).is_some_and(|live| live.state != classic::State::Empty);
    match groups.by_id.get(id).map(|group| &group.members) {
        None | Some(Members::None) if !is_busy => Ok(vec![]),
        Some(Members::Classic(record)) if !is_busy && record.members.is_empty() => {
            Ok(vec![GroupRecord::GroupMetadata(GroupKey { group: id.to_owned() }, None)])
        }
        _ => {
            Err(Refused::new(ErrorCode::GroupIdNotFound, format!("the group {id} has members of the classic protocol")))
        }
    }
}
