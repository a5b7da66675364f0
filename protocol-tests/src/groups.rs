//! Members of classic groups: a typed client for the scenarios of groups.
use crate::time::eventually;
use crate::{Code, Connection, text};
use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DescribeGroupsRequest, FindCoordinatorRequest, GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
    describe_groups_response::DescribedGroup,
};
use kafka_protocol::protocol::StrBytes;

/// The newest versions.
pub const JOIN: i16 = 9;
pub const SYNC: i16 = 5;
pub const HEARTBEAT: i16 = 4;
pub const LEAVE: i16 = 5;
pub const DESCRIBE: i16 = 6;

pub fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

/// A group that no other scenario has; its coordinator is there and ready.
#[track_caller]
pub fn new_group() -> String {
    let group = crate::fresh_name("group");
    let mut connection = Connection::open();
    eventually(30_000, "the group's coordinator", || {
        let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(&group)]);
        let found = connection.call(4, &request);
        let beat = heartbeat(&mut connection, HEARTBEAT, &group, 0, "nobody");
        (found.coordinators[0].error_code == 0 && beat == Code::UnknownMemberId.code()).then_some(())
    });
    group
}

/// A consumer's metadata, version 0: subscribed to one topic.
pub fn subscription(topic: &str) -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, 0, 1];
    bytes.extend((topic.len() as i16).to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend((-1i32).to_be_bytes());
    bytes.into()
}

/// A consumer that knows these protocols; by each it is subscribed to a topic of the protocol's name.
pub fn joining(group: &str, member_id: &str, protocols: &[&str]) -> JoinGroupRequest {
    let protocol =
        |name: &&str| JoinGroupRequestProtocol::default().with_name(text(*name)).with_metadata(subscription(name));
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text(member_id))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(20_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(protocols.iter().map(protocol).collect())
        .with_reason(None)
        .with_group_instance_id(None)
}

/// A member's place in a generation.
#[track_caller]
pub fn join(connection: &mut Connection, version: i16, mut request: JoinGroupRequest) -> JoinGroupResponse {
    if version < 8 {
        request.reason = None;
    }
    let answer = connection.call(version, &request);
    if answer.error_code != Code::MemberIdRequired.code() {
        return answer;
    }
    request.member_id = answer.member_id;
    connection.call(version, &request)
}

/// What a member asks after it has joined; from the leader with everyone's assignment.
pub fn syncing(
    version: i16,
    group: &str,
    joined: &JoinGroupResponse,
    assignments: &[(&str, &str)],
) -> SyncGroupRequest {
    let assignment = |(member, bytes): &(&str, &str)| {
        let assignment = Bytes::copy_from_slice(bytes.as_bytes());
        SyncGroupRequestAssignment::default().with_member_id(text(*member)).with_assignment(assignment)
    };
    let request = SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_group_instance_id(None)
        .with_assignments(assignments.iter().map(assignment).collect());
    if version < 5 {
        return request.with_protocol_type(None).with_protocol_name(None);
    }
    request.with_protocol_type(Some(text("consumer"))).with_protocol_name(joined.protocol_name.clone())
}

#[track_caller]
pub fn sync(
    connection: &mut Connection,
    version: i16,
    group: &str,
    joined: &JoinGroupResponse,
    assignments: &[(&str, &str)],
) -> SyncGroupResponse {
    connection.call(version, &syncing(version, group, joined, assignments))
}

#[track_caller]
pub fn heartbeat(connection: &mut Connection, version: i16, group: &str, generation: i32, member_id: &str) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(generation)
        .with_member_id(text(member_id))
        .with_group_instance_id(None);
    connection.call(version, &request).error_code
}

pub fn identity(member_id: &str, instance_id: Option<&str>) -> MemberIdentity {
    MemberIdentity::default()
        .with_member_id(text(member_id))
        .with_group_instance_id(instance_id.map(text))
        .with_reason(None)
}

#[track_caller]
pub fn leave(
    connection: &mut Connection,
    version: i16,
    group: &str,
    members: Vec<MemberIdentity>,
) -> LeaveGroupResponse {
    let request = LeaveGroupRequest::default().with_group_id(group_id(group));
    let request = match version {
        ..3 => request.with_member_id(members[0].member_id.clone()),
        _ => request.with_members(members),
    };
    connection.call(version, &request)
}

#[track_caller]
pub fn describe(connection: &mut Connection, version: i16, group: &str) -> DescribedGroup {
    let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
    let mut answer = connection.call(version, &request);
    assert_eq!(answer.groups.len(), 1);
    answer.groups.remove(0)
}

/// The name of an optional protocol, as tests compare it.
pub fn name(name: Option<&StrBytes>) -> &str {
    name.map_or("", StrBytes::as_str)
}
