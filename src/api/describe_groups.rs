//! DescribeGroups 0-6: classic groups and groups of offsets alone. Version 3 adds authorized operations, 4 instance ids,
//! 5 is flexible, 6 says that a group does not exist (KIP-1043); before, such a group is Dead.
use super::{Context, Reply, groups, operations, reply};
use crate::{
    coordinator::group::{self, classic},
    types::ErrorCode,
    wire::{REBALANCES_TAG, StrBytes, Version},
};
use futures_util::future::join_all;
use kafka_protocol::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    describe_groups_response::{DescribedGroup, DescribedGroupMember},
};

type Answer = Result<Result<classic::Described, String>, ErrorCode>;

pub fn handle(cx: &Context, request: DescribeGroupsRequest) -> Reply<DescribeGroupsResponse> {
    let operations = if request.include_authorized_operations { operations::GROUP } else { operations::NOT_ASKED };
    let asked: Vec<_> = request.groups.into_iter().map(|id| describe(cx, id, operations)).collect();
    Reply::later(async move { DescribeGroupsResponse::default().with_groups(join_all(asked).await) })
}

fn describe(cx: &Context, id: GroupId, operations: i32) -> impl Future<Output = DescribedGroup> + Send + use<> {
    let asked = groups::ask(cx, id.as_str(), classic::Request::Describe(id.as_str().into()));
    let cx = cx.clone();
    async move {
        let answer = match asked.await {
            Ok(group::Reply::Classic(classic::Reply::Describe(described))) => Ok(described),
            Ok(other) => groups::unexpected("DescribeGroups", &other, Err),
            Err(code) => Err(code),
        };
        let past = match &answer {
            Ok(Ok(described)) if cx.version >= 5 => groups::past(&cx, &described.rebalances),
            _ => None,
        };
        let mut described = to_wire(cx.version, id, answer, operations);
        if let Some(past) = past {
            described.unknown_tagged_fields.insert(REBALANCES_TAG, past);
        }
        if let Some(code) = ErrorCode::from_wire(described.error_code) {
            cx.error(code);
        }
        described
    }
}

fn to_wire(version: Version, id: GroupId, answer: Answer, operations: i32) -> DescribedGroup {
    let group = DescribedGroup::default().with_group_id(id).with_error_message(None);
    match answer {
        Err(code) => group.with_error_code(code.code()),
        Ok(Err(why)) => {
            let dead = group.with_group_state(StrBytes::from_static_str("Dead"));
            match version {
                ..6 => dead.with_authorized_operations(operations),
                _ => dead
                    .with_error_code(ErrorCode::GroupIdNotFound.code())
                    .with_error_message(Some(reply::message(why))),
            }
        }
        Ok(Ok(described)) => group
            .with_group_state(StrBytes::from_static_str(described.state.name()))
            .with_protocol_type(described.protocol_type.as_ref().map(groups::text).unwrap_or_default())
            .with_protocol_data(described.protocol.as_ref().map(groups::text).unwrap_or_default())
            .with_members(described.members.iter().map(member).collect())
            .with_authorized_operations(operations),
    }
}

fn member(member: &classic::DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(groups::text(&member.member_id))
        .with_group_instance_id(member.instance_id.as_ref().map(groups::text))
        .with_client_id(groups::text(&member.client_id))
        .with_client_host(groups::text(&member.client_host))
        .with_member_metadata(member.metadata.clone())
        .with_member_assignment(member.assignment.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests_of_versions::encodes;
    use bytes::Bytes;
    use kafka_protocol::messages::ApiKey;

    #[test]
    fn answers_are_encoded_at_every_version() {
        let member = classic::DescribedMember {
            member_id: "m".into(),
            instance_id: Some("i".into()),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            metadata: Bytes::from_static(b"x"),
            assignment: Bytes::from_static(b"y"),
        };
        let described = classic::Described {
            state: classic::State::Stable,
            protocol_type: Some("consumer".into()),
            protocol: Some("range".into()),
            members: vec![member],
            rebalances: vec![],
        };
        for version in 0..=6 {
            let operations = if version >= 3 { operations::GROUP } else { operations::NOT_ASKED };
            let answer = |answer| to_wire(version, GroupId::default(), answer, operations);
            let unknown = answer(Ok(Err("Group g not found.".into())));
            assert_eq!((unknown.group_state.as_str(), unknown.error_code != 0), ("Dead", version >= 6));
            let groups = vec![answer(Ok(Ok(described.clone()))), unknown, answer(Err(ErrorCode::NotCoordinator))];
            encodes(ApiKey::DescribeGroups, version, &DescribeGroupsResponse::default().with_groups(groups));
        }
    }
}
