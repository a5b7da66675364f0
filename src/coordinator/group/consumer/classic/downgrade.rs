//! A group of which only members of the classic protocol are left becomes a classic group (GRP-24).
use super::{Around, Decided, Group, MemberId, sync::assignment};
use crate::{
    coordinator::group::{
        Cause, Rebalance, Soft,
        classic::{self, Incoming, JoinRequest, Live, Protocol, Then},
        consumer::{member::Metadata, soft},
    },
    machine::Ticket,
};
use bytes::Bytes;

/// As members go: `None` while the group stays what it is.
pub(in super::super) fn downgrade_without(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    gone: &[MemberId],
    why: &Rebalance,
) -> Option<Decided> {
    let stays = |id: &MemberId| !gone.contains(id);
    let left = group.members.keys().filter(|id| stays(id)).count();
    let speaks = |id: &MemberId| group.member(id).is_some_and(|member| member.metadata.classic.is_some());
    let classic = group.index.classic - gone.iter().filter(|id| speaks(id)).count();
    if left == 0 || classic < left || !may(around, left) {
        return None;
    }
    let members = group.members.iter().filter(|(id, _)| stays(id));
    let members = members.filter_map(|(id, member)| incoming(id.clone(), &member.metadata, None)).collect();
    let then = Then::Rebalance(why.member_id.clone(), Cause::Downgraded, why.words.clone());
    convert(group, soft, around, members, then)
}

/// As a static member comes back with the classic protocol, which was the last of the other one.
pub(super) fn downgrade_replaced(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    replaced: Option<&MemberId>,
    request: &JoinRequest,
    ticket: Ticket,
) -> Option<Decided> {
    let (replaced, _) = request.instance_id.as_ref().and_then(|_| group.members.get_key_value(replaced?))?;
    let is_last = group.index.classic + 1 == group.members.len()
        && group.member(replaced).is_some_and(|member| member.metadata.classic.is_none());
    if !is_last || !may(around, group.members.len()) {
        return None;
    }
    let members = group
        .members
        .iter()
        .filter_map(|(id, member)| incoming(id.clone(), &member.metadata, (id == replaced).then_some(request)));
    // A member that has yet to give back or to get something would have it at once together with another.
    let others = group.members.iter().filter(|(id, _)| *id != replaced);
    let is_settled = group.assignment_epoch >= group.epoch
        && others.map(|(_, member)| &member.current).all(|current| current.is_settled(group.assignment_epoch));
    let members = members.collect();
    convert(group, soft, around, members, Then::Join { request: request.clone(), ticket, is_settled })
}

fn may(around: &Around<'_>, members: usize) -> bool {
    around.settings.consumer.migration.downgrades() && members <= around.settings.members_max
}

/// `request`: of the member that speaks the classic protocol from now on.
fn incoming(id: MemberId, metadata: &Metadata, request: Option<&JoinRequest>) -> Option<Incoming> {
    let of = |session_timeout_ms, rebalance_timeout_ms, protocols| Incoming {
        id,
        instance_id: metadata.instance_id.as_deref().map(Into::into),
        client_id: metadata.client_id.as_str().into(),
        client_host: metadata.client_host.as_str().into(),
        session_timeout_ms,
        rebalance_timeout_ms,
        protocols,
    };
    if let Some(request) = request {
        return Some(of(request.session_timeout_ms, request.rebalance_timeout_ms, request.protocols.clone()));
    }
    let classic = metadata.classic.as_ref()?;
    let known = classic.supported_protocols.iter();
    let protocols =
        known.map(|one| Protocol { name: one.name.as_str().into(), metadata: one.metadata.0.clone() }).collect();
    Some(of(classic.session_timeout_ms, metadata.rebalance_timeout_ms, protocols))
}

/// `None`: they have nothing in common, or all at once is more than the journal takes.
fn convert(group: &Group, soft: &mut Soft, around: &Around<'_>, members: Vec<Incoming>, then: Then) -> Option<Decided> {
    let id = around.group;
    // What it has and not what it shall have: until it has joined again it goes on with that.
    let assign = |member: &MemberId, metadata: &Bytes| {
        let held = group.member(member).map(|member| member.current.all()).unwrap_or_default();
        assignment(&held, Some(metadata), around.image)
    };
    let history = soft.consumer.history(id).into_iter().collect();
    let live = Live::of_incoming((group.epoch, around.at.wall_ms), members, history, assign)?;
    let first = live.first_record(id, &then);
    let mut records = group.tombstones(id);
    records.push(first);
    if !around.has_room(&records) {
        return None;
    }
    let first = records.pop()?;
    group.members().for_each(|(member, _)| soft::cancel(soft, id, member));
    soft.consumer.forget(id);
    let mut decided = classic::take_over(soft, around.asked(), id, live, first, then);
    decided.records.splice(0..0, records);
    Some(decided)
}
