//! JoinGroup 0-9: a member of the classic protocol asks for a place in the next generation. Version 1 adds the rebalance
//! timeout, 4 has new members come back with the id they are given (KIP-394), 5 static members (KIP-345), 6 is flexible,
//! 8 has a reason (KIP-800), 9 lets a returning leader keep the assignment (KIP-814).
use super::{Context, Reply, groups};
use crate::{
    coordinator::group::{self, classic},
    wire::Version,
};
use bytes::Bytes;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse, join_group_response::JoinGroupResponseMember};

pub fn handle(cx: &Context, request: JoinGroupRequest) -> Reply<JoinGroupResponse> {
    let member_id = request.member_id.as_str().into();
    let asked = groups::ask(cx, request.group_id.as_str(), classic::Request::Join(of_wire(cx, &request)));
    let cx = cx.clone();
    Reply::later(async move {
        let joined = match asked.await {
            Ok(group::Reply::Classic(classic::Reply::Join(joined))) => joined,
            Ok(other) => groups::unexpected("JoinGroup", &other, |code| classic::Joined::refused(code, member_id)),
            Err(code) => classic::Joined::refused(code, member_id),
        };
        cx.error(joined.error);
        to_wire(&joined, cx.version)
    })
}

fn of_wire(cx: &Context, request: &JoinGroupRequest) -> classic::JoinRequest {
    // Copies: a slice would keep the whole frame for as long as the group lives.
    let protocol = |protocol: &kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol| {
        let metadata = Bytes::copy_from_slice(&protocol.metadata);
        classic::Protocol { name: protocol.name.as_str().into(), metadata }
    };
    classic::JoinRequest {
        group: request.group_id.as_str().into(),
        member_id: request.member_id.as_str().into(),
        instance_id: groups::shared(request.group_instance_id.as_ref()),
        client_id: cx.client_id.clone().unwrap_or_default(),
        client_host: groups::host(cx),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: match cx.version {
            0 => request.session_timeout_ms,
            _ => request.rebalance_timeout_ms,
        },
        protocol_type: request.protocol_type.as_str().into(),
        protocols: request.protocols.iter().map(protocol).collect(),
        reason: request.reason.as_ref().map(|reason| reason.to_string()),
        takes_id: cx.version >= 4,
        skips_assignment: cx.version >= 9,
    }
}

fn to_wire(joined: &classic::Joined, version: Version) -> JoinGroupResponse {
    let member = |member: &classic::JoinedMember| {
        JoinGroupResponseMember::default()
            .with_member_id(groups::text(&member.member_id))
            .with_group_instance_id(member.instance_id.as_ref().map(groups::text))
            .with_metadata(member.metadata.clone())
    };
    // Before version 7 the name cannot be null.
    let protocol = joined.protocol.as_ref().map(groups::text).or_else(|| (version < 7).then(Default::default));
    JoinGroupResponse::default()
        .with_error_code(joined.error.code())
        .with_generation_id(joined.generation)
        .with_protocol_type(joined.protocol_type.as_ref().map(groups::text))
        .with_protocol_name(protocol)
        .with_leader(groups::text(&joined.leader))
        .with_skip_assignment(joined.skip_assignment)
        .with_member_id(groups::text(&joined.member_id))
        .with_members(joined.members.iter().map(member).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::tests_of_versions::encodes, types::ErrorCode};
    use kafka_protocol::messages::ApiKey;

    #[test]
    fn answers_are_encoded_at_every_version() {
        let member = classic::JoinedMember {
            member_id: "m".into(),
            instance_id: Some("i".into()),
            metadata: Bytes::from_static(b"x"),
        };
        let refused = classic::Joined::refused(ErrorCode::MemberIdRequired, "m".into());
        let joined = classic::Joined {
            error: ErrorCode::None,
            protocol: Some("range".into()),
            protocol_type: Some("consumer".into()),
            members: vec![member],
            ..refused.clone()
        };
        for version in 0..=9 {
            encodes(ApiKey::JoinGroup, version, &to_wire(&joined, version));
            let answer = to_wire(&refused, version);
            assert_eq!(answer.protocol_name.is_some(), version < 7);
            encodes(ApiKey::JoinGroup, version, &answer);
        }
        encodes(ApiKey::JoinGroup, 9, &to_wire(&classic::Joined { skip_assignment: true, ..joined }, 9));
    }
}
