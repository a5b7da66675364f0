//! SyncGroup 0-5: members ask for their assignment, the leader brings everyone's. Version 3 adds static members, 4 is
//! flexible, from 5 on the member names the protocol it believes in (KIP-559).
use super::{Context, Reply, groups};
use crate::{
    coordinator::group::{self, classic},
    types::ErrorCode,
};
use bytes::Bytes;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

pub fn handle(cx: &Context, request: SyncGroupRequest) -> Reply<SyncGroupResponse> {
    if cx.version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        cx.error(ErrorCode::InconsistentGroupProtocol);
        return Reply::Now(to_wire(classic::Synced::refused(ErrorCode::InconsistentGroupProtocol)));
    }
    let asked = groups::ask(cx, request.group_id.as_str(), classic::Request::Sync(of_wire(&request)));
    let cx = cx.clone();
    Reply::later(async move {
        let synced = match asked.await {
            Ok(group::Reply::Classic(classic::Reply::Sync(synced))) => synced,
            Ok(other) => groups::unexpected("SyncGroup", &other, classic::Synced::refused),
            Err(code) => classic::Synced::refused(code),
        };
        cx.error(synced.error);
        to_wire(synced)
    })
}

fn of_wire(request: &SyncGroupRequest) -> classic::SyncRequest {
    // Copies: a slice would keep the whole frame for as long as the group lives.
    let assignments = request.assignments.iter().map(|assigned| {
        let assignment = Bytes::copy_from_slice(&assigned.assignment);
        (assigned.member_id.as_str().into(), assignment)
    });
    classic::SyncRequest {
        group: request.group_id.as_str().into(),
        generation: request.generation_id,
        member_id: request.member_id.as_str().into(),
        instance_id: groups::shared(request.group_instance_id.as_ref()),
        protocol_type: groups::shared(request.protocol_type.as_ref()),
        protocol: groups::shared(request.protocol_name.as_ref()),
        assignments: assignments.collect(),
    }
}

fn to_wire(synced: classic::Synced) -> SyncGroupResponse {
    SyncGroupResponse::default()
        .with_error_code(synced.error.code())
        .with_protocol_type(synced.protocol_type.as_ref().map(groups::text))
        .with_protocol_name(synced.protocol.as_ref().map(groups::text))
        .with_assignment(synced.assignment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests_of_versions::encodes;
    use kafka_protocol::messages::ApiKey;

    #[test]
    fn answers_are_encoded_at_every_version() {
        let synced = classic::Synced {
            error: ErrorCode::None,
            protocol_type: Some("consumer".into()),
            protocol: Some("range".into()),
            assignment: Bytes::from_static(b"x"),
        };
        for version in 0..=5 {
            encodes(ApiKey::SyncGroup, version, &to_wire(synced.clone()));
            encodes(ApiKey::SyncGroup, version, &to_wire(classic::Synced::refused(ErrorCode::IllegalGeneration)));
        }
    }
}
