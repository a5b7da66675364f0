//! SyncGroup: the leader's assignment is written, then everyone has it (GRP-10).
use super::{Cause, Due, MemberId, Reply, State, SyncRequest, Synced, step::Step};
use crate::{machine::Ticket, types::ErrorCode};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Numbers and lengths of a group's record beside its strings and bytes; of one member likewise.
const RECORD_BYTES_FIXED: usize = 128;
const MEMBER_BYTES_FIXED: usize = 32;

pub(super) fn sync(step: &mut Step<'_>, request: SyncRequest, ticket: Ticket) {
    if let Err(error) = check(step, &request) {
        return step.refuse_sync(ticket, error);
    }
    let member_id = request.member_id;
    match step.live.state {
        // Neither has passed the check, unless the generation is that of the round to come.
        State::Empty => step.refuse_sync(ticket, ErrorCode::UnknownMemberId),
        State::PreparingRebalance => step.refuse_sync(ticket, ErrorCode::RebalanceInProgress),
        State::CompletingRebalance => {
            synced(step, &member_id);
            let before = step.live.member_mut(&member_id).and_then(|member| member.sync.replace(ticket));
            if let Some(before) = before {
                step.refuse_sync(before, ErrorCode::RebalanceInProgress);
            }
            if step.live.is_leader(&member_id) {
                assign(step, member_id, request.assignments);
            }
        }
        State::Stable => {
            synced(step, &member_id);
            let reply = step.synced(&member_id);
            step.answer(ticket, Reply::Sync(reply));
        }
    }
}

fn check(step: &Step<'_>, request: &SyncRequest) -> Result<(), ErrorCode> {
    let live = &step.live;
    live.validate(&request.member_id, request.instance_id.as_deref())?;
    let differs = |asked: &Option<_>, known: &Option<_>| asked.is_some() && asked != known;
    if request.generation != live.generation {
        Err(ErrorCode::IllegalGeneration)
    } else if differs(&request.protocol_type, &live.protocol_type) || differs(&request.protocol, &live.protocol) {
        Err(ErrorCode::InconsistentGroupProtocol)
    } else {
        Ok(())
    }
}

/// GRP-11: one less to wait for.
fn synced(step: &mut Step<'_>, member_id: &MemberId) {
    step.live.unsynced.remove(member_id);
    if step.live.unsynced.is_empty() {
        step.cancel_timer(Due::Sync);
    }
}

/// The leader has spoken. Members that it forgot get nothing.
fn assign(step: &mut Step<'_>, leader: MemberId, assignments: Vec<(MemberId, Bytes)>) {
    let mut assignments: BTreeMap<MemberId, Bytes> = assignments.into_iter().collect();
    let ids: Vec<MemberId> = step.live.members().keys().cloned().collect();
    for id in &ids {
        if let Some(member) = step.live.member_mut(id) {
            member.assignment = assignments.remove(id).unwrap_or_default();
        }
    }
    if !step.fits_a_record() {
        step.refuse_syncs(ErrorCode::UnknownServerError);
        return step.rebalance(leader, Cause::AssignmentTooLarge, String::new());
    }
    step.enter(State::Stable);
    step.write();
    for id in &ids {
        let parked = step.live.member_mut(id).and_then(|member| member.sync.take());
        if let Some(ticket) = parked {
            let reply = step.synced(id);
            step.answer(ticket, Reply::Sync(reply));
            step.hear(id);
        }
    }
}

impl Step<'_> {
    fn synced(&self, member_id: &MemberId) -> Synced {
        Synced {
            error: ErrorCode::None,
            protocol_type: self.live.protocol_type.clone(),
            protocol: self.live.protocol.clone(),
            assignment: self.live.members().get(member_id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }

    /// GRP-18: a record that the journal would refuse is not tried. An estimate from above.
    pub(super) fn fits_a_record(&self) -> bool {
        let protocol = self.live.protocol.as_deref().unwrap_or_default();
        let names = self.group.len() + protocol.len() + self.live.protocol_type.as_deref().map_or(0, str::len);
        let members = self.live.members().iter().map(|(id, member)| {
            let metadata = member.metadata(protocol).map_or(0, Bytes::len);
            let names = id.len() + member.client_id.len() + member.client_host.len();
            let instance = member.instance_id.as_deref().map_or(0, str::len);
            MEMBER_BYTES_FIXED + names + instance + metadata + member.assignment.len()
        });
        let leader = self.live.leader.as_deref().map_or(0, str::len);
        RECORD_BYTES_FIXED + 2 * names + leader + members.sum::<usize>() <= self.settings.record_bytes_max
    }
}
