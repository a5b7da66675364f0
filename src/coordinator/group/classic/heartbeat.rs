//! Heartbeat: who is heard lives on, and learns whether to join again (GRP-12).
use super::{HeartbeatRequest, State, step::Step};
use crate::types::ErrorCode;

pub(super) fn heartbeat(step: &mut Step<'_>, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
    step.live.validate(&request.member_id, request.instance_id.as_deref())?;
    if request.generation != step.live.generation {
        return Err(ErrorCode::IllegalGeneration);
    }
    step.hear(&request.member_id);
    match step.live.state {
        State::Empty => Err(ErrorCode::UnknownMemberId),
        State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
        State::CompletingRebalance | State::Stable => Ok(()),
    }
}
