//! FindCoordinator 0-6: who coordinates a group or a transactional id. Version 1 adds key types, 3 is flexible, 4 asks
//! for several keys at once (KIP-699), 6 adds share groups.
//!
//! Groups and transactions have no coordinator on this broker yet: the answer is the retriable
//! COORDINATOR_NOT_AVAILABLE, so that clients wait instead of failing.
use super::{Context, Reply};
use crate::{types::ErrorCode, wire::StrBytes};
use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator_response::Coordinator,
};

pub fn handle(cx: &Context, request: FindCoordinatorRequest) -> Reply<FindCoordinatorResponse> {
    let answer = |key: &str| {
        let (code, message) = match request.key_type {
            0 if key.is_empty() => (ErrorCode::InvalidGroupId, "The group id is empty."),
            0 | 1 => {
                (ErrorCode::CoordinatorNotAvailable, "This broker has no coordinator for groups and transactions yet.")
            }
            _ => (ErrorCode::InvalidRequest, "Unknown key type."),
        };
        (cx.error(code), message)
    };
    let response = FindCoordinatorResponse::default();
    if cx.version >= 4 {
        let coordinators = request.coordinator_keys.iter().map(|key| {
            let (code, message) = answer(key);
            Coordinator::default()
                .with_key(key.clone())
                .with_node_id(BrokerId(-1))
                .with_port(-1)
                .with_error_code(code)
                .with_error_message(Some(StrBytes::from_static_str(message)))
        });
        return Reply::Now(response.with_coordinators(coordinators.collect()));
    }
    let (code, message) = answer(&request.key);
    let response = response.with_error_code(code).with_node_id(BrokerId(-1)).with_port(-1);
    Reply::Now(match cx.version {
        0 => response,
        _ => response.with_error_message(Some(StrBytes::from_static_str(message))),
    })
}
