//! LeaveGroup 0-5: members of the classic protocol leave. Version 3 takes many at once and static members by their
//! instance ids alone, 4 is flexible, 5 has a reason (KIP-800).
use super::{Context, Reply, groups};
use crate::{
    coordinator::group::{self, classic},
    types::ErrorCode,
    wire::Version,
};
use kafka_protocol::messages::{
    LeaveGroupRequest, LeaveGroupResponse, leave_group_request::MemberIdentity, leave_group_response::MemberResponse,
};

pub fn handle(cx: &Context, request: LeaveGroupRequest) -> Reply<LeaveGroupResponse> {
    let leave =
        classic::LeaveRequest { group: request.group_id.as_str().into(), members: leaving(cx.version, &request) };
    let asked = groups::ask(cx, request.group_id.as_str(), classic::Request::Leave(leave));
    let cx = cx.clone();
    Reply::later(async move {
        let left = match asked.await {
            Ok(group::Reply::Classic(classic::Reply::Leave(left))) => left,
            Ok(other) => groups::unexpected("LeaveGroup", &other, Err),
            Err(code) => Err(code),
        };
        to_wire(&cx, left)
    })
}

/// Up to version 2 there is one member, without more than its id.
fn leaving(version: Version, request: &LeaveGroupRequest) -> Vec<classic::Leaving> {
    let single = [MemberIdentity::default().with_member_id(request.member_id.clone())];
    let members = if version < 3 { &single[..] } else { &request.members[..] };
    let leaving = members.iter().map(|member| classic::Leaving {
        member_id: member.member_id.as_str().into(),
        instance_id: groups::shared(member.group_instance_id.as_ref()),
        reason: member.reason.as_ref().map(|reason| reason.to_string()),
    });
    leaving.collect()
}

fn to_wire(cx: &Context, left: Result<Vec<classic::Left>, ErrorCode>) -> LeaveGroupResponse {
    let left = match left {
        Ok(left) => left,
        Err(code) => return LeaveGroupResponse::default().with_error_code(cx.error(code)),
    };
    for left in &left {
        cx.error(left.error);
    }
    answer(cx.version, &left)
}

/// Up to version 2 the error of the one member stands for the whole.
fn answer(version: Version, left: &[classic::Left]) -> LeaveGroupResponse {
    if version < 3 {
        let code = left.first().map_or(ErrorCode::None, |left| left.error);
        return LeaveGroupResponse::default().with_error_code(code.code());
    }
    let member = |left: &classic::Left| {
        MemberResponse::default()
            .with_member_id(groups::text(&left.member_id))
            .with_group_instance_id(left.instance_id.as_ref().map(groups::text))
            .with_error_code(left.error.code())
    };
    LeaveGroupResponse::default().with_members(left.iter().map(member).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests_of_versions::encodes;
    use kafka_protocol::messages::ApiKey;

    #[test]
    fn answers_are_encoded_at_every_version() {
        let left =
            classic::Left { member_id: "m".into(), instance_id: Some("i".into()), error: ErrorCode::UnknownMemberId };
        for version in 0..=5 {
            let answer = answer(version, std::slice::from_ref(&left));
            assert_eq!(answer.error_code == 0, version >= 3, "in old versions the member's error is that of all");
            encodes(ApiKey::LeaveGroup, version, &answer);
        }
    }
}
