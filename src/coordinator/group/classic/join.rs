//! JoinGroup: who may come in, under which id, and whether that starts a rebalance.
use super::{Cause, Due, JoinRequest, Joined, Member, MemberId, State, step::Step};
use crate::{coordinator::group::GroupSettings, machine::Ticket, types::ErrorCode};
use bytes::Bytes;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Until its first rebalance ends a member cannot send heartbeats; it may wait for so long (GRP-6).
const FIRST_JOIN_MS_MAX: u64 = 300_000;
/// Ids that were given out and not used, in one group. Each has a timer, and only asking costs the client nothing.
const PENDING_MAX: usize = 10_000;
/// Strings of a record have 15 bits of length.
pub const NAME_BYTES_MAX: usize = i16::MAX as usize;
/// Of a random id and the dash before it.
const RANDOM_PART_BYTES: usize = 37;

/// What needs no group to be refused.
pub fn check(settings: &GroupSettings, request: &JoinRequest) -> Result<(), ErrorCode> {
    let timeouts = settings.session_timeout_ms_min..=settings.session_timeout_ms_max;
    let names = request.protocols.iter().map(|protocol| &protocol.name);
    if !timeouts.contains(&request.session_timeout_ms) {
        Err(ErrorCode::InvalidSessionTimeout)
    } else if names.chain([&request.protocol_type]).any(|name| name.len() > NAME_BYTES_MAX)
        || request.instance_id.as_ref().is_some_and(|id| id.len() > NAME_BYTES_MAX - RANDOM_PART_BYTES)
    {
        Err(ErrorCode::InvalidRequest)
    } else {
        Ok(())
    }
}

/// `exists`: there is such a group, be it empty. `id`: for a member without one.
pub(super) fn join(step: &mut Step<'_>, mut request: JoinRequest, exists: bool, id: Uuid, ticket: Ticket) {
    let member_id = request.member_id.clone();
    if let Err(error) = check(step.settings, &request) {
        return step.refuse_join(ticket, error, member_id);
    }
    if !exists && !member_id.is_empty() {
        return step.refuse_join(ticket, ErrorCode::UnknownMemberId, member_id);
    }
    let mut names = BTreeSet::new();
    request.protocols.retain(|protocol| names.insert(protocol.name.clone()));
    if !has_room(step, &request) {
        step.remove(&member_id);
        step.refuse_join(ticket, ErrorCode::GroupMaxSizeReached, "".into());
        step.maybe_complete();
    } else if !step.live.supports(&request.protocol_type, &request.protocols) {
        step.refuse_join(ticket, ErrorCode::InconsistentGroupProtocol, member_id);
    } else if member_id.is_empty() {
        join_new(step, &request, id, ticket);
    } else if step.live.pending.contains(&member_id) {
        // Ids are given out to dynamic members only; with an instance id it would become a second static member.
        match request.instance_id {
            Some(_) => step.refuse_join(ticket, ErrorCode::UnknownMemberId, member_id),
            None => add(step, &request, member_id, ticket),
        }
    } else {
        join_again(step, &request, ticket);
    }
}

/// GRP-2. A static member that comes back is no new member.
fn has_room(step: &Step<'_>, request: &JoinRequest) -> bool {
    let live = &step.live;
    let returning = request.instance_id.as_deref().filter(|_| request.member_id.is_empty());
    let known = match returning.and_then(|instance_id| live.static_member(instance_id)) {
        Some(before) => live.members().get(before),
        None => live.members().get(&request.member_id),
    };
    match live.state {
        State::Empty => true,
        // Those who wait count, not those who are known: a group that is too large sheds whoever comes back last.
        State::PreparingRebalance => {
            known.is_some_and(|member| member.join.is_some()) || live.joining() < step.settings.members_max
        }
        State::CompletingRebalance | State::Stable => {
            known.is_some() || live.members().len() < step.settings.members_max
        }
    }
}

fn join_new(step: &mut Step<'_>, request: &JoinRequest, id: Uuid, ticket: Ticket) {
    let name = request.instance_id.as_deref().unwrap_or(&request.client_id);
    let name = &name[..name.floor_char_boundary(NAME_BYTES_MAX - RANDOM_PART_BYTES)];
    let member_id: MemberId = format!("{name}-{id}").into();
    if let Some(instance_id) = &request.instance_id {
        match step.live.static_member(instance_id).cloned() {
            Some(before) => return_static(step, request, &before, member_id, ticket),
            None => add(step, request, member_id, ticket),
        }
    } else if !request.takes_id {
        add(step, request, member_id, ticket);
    } else if step.live.pending.len() >= PENDING_MAX {
        step.refuse_join(ticket, ErrorCode::GroupMaxSizeReached, "".into());
    } else {
        step.live.pending.insert(member_id.clone());
        step.set_timer(Due::Session(member_id.clone()), request.session_timeout_ms as u64);
        step.refuse_join(ticket, ErrorCode::MemberIdRequired, member_id);
    }
}

fn add(step: &mut Step<'_>, request: &JoinRequest, member_id: MemberId, ticket: Ticket) {
    let member = Member {
        instance_id: request.instance_id.clone(),
        client_id: request.client_id.clone(),
        client_host: request.client_host.clone(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        protocols: request.protocols.clone(),
        assignment: Bytes::new(),
        is_new: true,
        join: Some(ticket),
        sync: None,
        spared: false,
    };
    if let Some(gathering) = &mut step.live.gathering {
        gathering.grown = true;
    }
    step.live.add(member_id.clone(), member, &request.protocol_type);
    step.set_timer(Due::Session(member_id.clone()), FIRST_JOIN_MS_MAX);
    step.rebalance(member_id, Cause::Joined, words(request));
}

fn words(request: &JoinRequest) -> String {
    request.reason.clone().unwrap_or_default()
}

/// GRP-9: what a rejoin does in each state.
fn join_again(step: &mut Step<'_>, request: &JoinRequest, ticket: Ticket) {
    let member_id = &request.member_id;
    if let Err(error) = step.live.validate(member_id, request.instance_id.as_deref()) {
        return step.refuse_join(ticket, error, member_id.clone());
    }
    let same = step.live.members()[member_id].protocols == request.protocols;
    let leads = step.live.is_leader(member_id);
    match step.live.state {
        State::PreparingRebalance => rejoin(step, request, Cause::Joined, ticket),
        State::CompletingRebalance if same => {
            // The answer to its first request got lost.
            let members = if leads { step.live.roster() } else { Vec::new() };
            let joined = Joined { members, ..step.joined(member_id.clone()) };
            step.answer_join(ticket, joined);
        }
        // The leader may have seen what no member's metadata tells, such as new partitions.
        State::Stable if leads => rejoin(step, request, Cause::LeaderRejoined, ticket),
        State::CompletingRebalance | State::Stable if !same => {
            rejoin(step, request, Cause::MetadataChanged, ticket);
        }
        State::CompletingRebalance | State::Stable => {
            let joined = step.joined(member_id.clone());
            step.answer_join(ticket, joined);
        }
        State::Empty => step.refuse_join(ticket, ErrorCode::UnknownMemberId, member_id.clone()),
    }
}

fn rejoin(step: &mut Step<'_>, request: &JoinRequest, cause: Cause, ticket: Ticket) {
    update(step, request, &request.member_id);
    park(step, &request.member_id, ticket);
    step.rebalance(request.member_id.clone(), cause, words(request));
}

fn update(step: &mut Step<'_>, request: &JoinRequest, member_id: &MemberId) {
    step.live.update(member_id, |member| {
        member.protocols.clone_from(&request.protocols);
        member.session_timeout_ms = request.session_timeout_ms;
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    });
}

/// The newest request of a member waits; one that waited before must not wait for ever.
fn park(step: &mut Step<'_>, member_id: &MemberId, ticket: Ticket) {
    if let Some(before) = step.live.park_join(member_id, ticket) {
        step.refuse_join(before, ErrorCode::RebalanceInProgress, member_id.clone());
    }
}

/// GRP-14: a static member restarted and lost its id. The new one takes the place of the old one.
fn return_static(step: &mut Step<'_>, request: &JoinRequest, before: &MemberId, member_id: MemberId, ticket: Ticket) {
    let led_by = step.live.leader.clone().unwrap_or_default();
    step.cancel_timer(Due::Session(before.clone()));
    let (join, sync) = step.live.replace(before, member_id.clone()).unwrap_or_default();
    if let Some(join) = join {
        step.refuse_join(join, ErrorCode::FencedInstanceId, before.clone());
    }
    if let Some(sync) = sync {
        step.refuse_sync(sync, ErrorCode::FencedInstanceId);
    }
    update(step, request, &member_id);
    step.live.update(&member_id, |member| {
        member.client_id = request.client_id.clone();
        member.client_host = request.client_host.clone();
    });
    step.hear(&member_id);
    let same_protocol = step.live.select_protocol() == step.live.protocol;
    if step.live.state == State::Stable && same_protocol && step.fits_a_record() {
        step.write();
        let mut joined = step.joined(member_id.clone());
        if !request.skips_assignment {
            // Before version 9 a leader cannot be told to leave the assignment alone: it must not know that it leads.
            joined.leader = led_by;
        } else if step.live.is_leader(&member_id) {
            joined.skip_assignment = true;
            joined.members = step.live.roster();
        }
        return step.answer_join(ticket, joined);
    }
    park(step, &member_id, ticket);
    step.rebalance(member_id, Cause::StaticMemberReturned, words(request));
}
