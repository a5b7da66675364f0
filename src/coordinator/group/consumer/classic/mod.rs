//! Members of the classic protocol in a group of this one: they go on with JoinGroup, SyncGroup, Heartbeat and LeaveGroup,
//! and have a generation each, which is their member epoch (GRP-24).
mod downgrade;
mod heartbeat;
mod join;
mod leave;
mod sync;
mod upgrade;

pub(super) use downgrade::downgrade_without;
pub(super) use upgrade::{upgrade, upgraded};

use super::{
    Around, Decided,
    group::Group,
    member::{Member, MemberId, Metadata},
};
use crate::{
    coordinator::group::{self, GroupSettings, Members, Moment, Soft, classic},
    image::Image,
    machine::{Outcome, Ticket},
    types::ErrorCode,
    wire::coordinator::{ClassicMemberMetadata, GroupRecord},
};
use uuid::Uuid;

/// What a request of the classic protocol meets.
pub enum Meets {
    /// No group of this protocol: the classic rules decide.
    Nobody,
    /// One without members: the classic rules decide, and if somebody comes in, it ends with these records.
    Empty(Vec<GroupRecord>),
    Members(Outcome<GroupRecord, group::Reply>),
}

/// Looks at a request of the classic protocol, to a group of these `members`, before the classic rules do.
pub fn meet(
    members: Option<&Members>,
    soft: &mut Soft,
    (at, fresh, image, settings): (Moment, Uuid, &Image, &GroupSettings),
    request: &classic::Request,
    ticket: Ticket,
) -> Meets {
    let id = request.group();
    let Some(Members::Consumer(group)) = members else { return Meets::Nobody };
    let around = Around::of(id, at, fresh, image, settings);
    use classic::{Reply, Request};
    let (mut decided, reply) = match request {
        Request::Join(_) if group.is_empty() => return Meets::Empty(group.tombstones(id)),
        Request::Join(join) => return Meets::Members(join::join(group, soft, &around, join, ticket)),
        Request::Sync(sync) => (Outcome::park(), Reply::Sync(sync::sync(group, soft, &around, sync))),
        Request::Heartbeat(beat) => {
            let (records, code) = heartbeat::heartbeat(group, soft, &around, beat);
            (Outcome { records, answers: vec![] }, Reply::Heartbeat(code))
        }
        Request::Leave(request) => {
            let (decided, left) = leave::leave(group, soft, &around, request);
            (decided, Reply::Leave(Ok(left)))
        }
        Request::Describe(_) => (Outcome::park(), Reply::Describe(Err(format!("Group {id} is not a classic group.")))),
    };
    decided.answers.push((ticket, group::Reply::Classic(reply)));
    Meets::Members(decided)
}

/// The member that asks, which must speak the classic protocol.
fn find<'a>(
    group: &'a Group,
    id: &str,
    instance_id: Option<&str>,
) -> Result<(&'a MemberId, &'a Member, &'a ClassicMemberMetadata), ErrorCode> {
    if let Some(instance_id) = instance_id {
        let owner = group.index.statics.get(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
        if **owner != *id {
            return Err(ErrorCode::FencedInstanceId);
        }
    }
    let (id, member) = group.members.get_key_value(id).ok_or(ErrorCode::UnknownMemberId)?;
    let classic = member.metadata.classic.as_ref().ok_or(ErrorCode::UnknownMemberId)?;
    Ok((id, member, classic))
}

/// The way to share out partitions that the member is told of: the one that it likes best.
fn protocol(metadata: &Metadata) -> &str {
    metadata.protocols().next().unwrap_or_default()
}
