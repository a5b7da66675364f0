//! Classic groups from join to leave: SyncGroup, Heartbeat, LeaveGroup, DescribeGroups, ListGroups.
use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DescribeGroupsRequest,
    JoinGroupRequest, JoinGroupResponse, ListGroupsRequest, SyncGroupRequest,
};
use protocol_tests::groups::*;
use protocol_tests::time::eventually;
use protocol_tests::{Code, Connection, assert_error, assert_ok, new_topic, on_kafka, text, topic_name};

/// A group of one, stable.
fn alone(connection: &mut Connection) -> (String, JoinGroupResponse) {
    let group = new_group();
    let joined = join(connection, JOIN, joining(&group, "", &["range"]));
    assert_ok(joined.error_code);
    let synced = sync(connection, SYNC, &group, &joined, &[(&joined.member_id, "mine")]);
    assert_ok(synced.error_code);
    (group, joined)
}

#[test]
fn grp_10_two_members_from_join_to_leave() {
    let group = new_group();
    let (mut one, mut two) = (Connection::open_as("one"), Connection::open_as("two"));
    let first = join(&mut one, JOIN, joining(&group, "", &["range"]));
    assert_ok(sync(&mut one, SYNC, &group, &first, &[(&first.member_id, "all")]).error_code);
    let told = two.call(JOIN, &joining(&group, "", &["range"]));
    let waiting = two.send(JOIN, &joining(&group, &told.member_id, &["range"]));
    eventually(10_000, "the rebalance is told", || {
        let code = heartbeat(&mut one, HEARTBEAT, &group, 1, &first.member_id);
        (code == Code::RebalanceInProgress.code()).then_some(())
    });
    let leader = one.call(JOIN, &joining(&group, &first.member_id, &["range"]));
    let follower = two.receive::<JoinGroupRequest>(JOIN, waiting);
    assert_eq!((leader.generation_id, leader.members.len(), follower.generation_id), (2, 2, 2));
    let waiting = two.send(SYNC, &syncing(SYNC, &group, &follower, &[]));
    let assignments = [(leader.member_id.as_str(), "one"), (follower.member_id.as_str(), "two")];
    assert_eq!(&sync(&mut one, SYNC, &group, &leader, &assignments).assignment[..], b"one");
    let second = two.receive::<SyncGroupRequest>(SYNC, waiting);
    assert_eq!((&second.assignment[..], name(second.protocol_name.as_ref())), (&b"two"[..], "range"));
    assert_ok(heartbeat(&mut two, HEARTBEAT, &group, 2, &follower.member_id));
    let described = describe(&mut one, DESCRIBE, &group);
    assert_eq!((described.group_state.as_str(), described.members.len()), ("Stable", 2));
    for member in &described.members {
        assert!(member.member_id.starts_with(member.client_id.as_str()));
        assert_eq!(member.member_assignment, *member.client_id.as_bytes());
        assert_eq!((member.client_host.as_str(), &member.member_metadata), ("/127.0.0.1", &subscription("range")));
    }
    let left = leave(&mut one, LEAVE, &group, vec![identity(&leader.member_id, None)]);
    assert_ok(left.members[0].error_code);
    let last = two.call(JOIN, &joining(&group, &follower.member_id, &["range"]));
    assert_eq!((last.generation_id, last.members.len()), (3, 1));
    leave(&mut two, LEAVE, &group, vec![identity(&follower.member_id, None)]);
    assert_eq!(describe(&mut two, DESCRIBE, &group).group_state.as_str(), "Empty");
}

#[test]
fn grp_10_sync_is_refused_for_a_reason_at_every_version() {
    let mut connection = Connection::open();
    let (group, joined) = alone(&mut connection);
    for version in 0..=5 {
        let mut code = |request: &SyncGroupRequest| connection.call(version, request).error_code;
        let good = syncing(version, &group, &joined, &[]);
        let nameless = good.clone().with_group_id(group_id(""));
        assert_error(code(&nameless), Code::InvalidGroupId);
        let nowhere = good.clone().with_group_id(group_id("no-such-group"));
        assert_error(code(&nowhere), Code::UnknownMemberId);
        assert_error(code(&good.clone().with_member_id(text("nobody"))), Code::UnknownMemberId);
        assert_error(code(&good.clone().with_generation_id(7)), Code::IllegalGeneration);
        if version >= 3 {
            let unknown = good.clone().with_group_instance_id(Some(text("i")));
            assert_error(code(&unknown), Code::UnknownMemberId);
        }
        if version >= 5 {
            let other = good.clone().with_protocol_name(Some(text("sticky")));
            assert_error(code(&other), Code::InconsistentGroupProtocol);
            let other = good.clone().with_protocol_type(Some(text("connect")));
            assert_error(code(&other), Code::InconsistentGroupProtocol);
            let unnamed = good.clone().with_protocol_name(None);
            assert_error(code(&unnamed), Code::InconsistentGroupProtocol);
        }
        let again = sync(&mut connection, version, &group, &joined, &[]);
        assert_ok(again.error_code);
        assert_eq!(&again.assignment[..], b"mine", "whoever asks again has the same");
        assert_eq!(name(again.protocol_name.as_ref()), if version >= 5 { "range" } else { "" });
    }
}

#[test]
fn grp_12_heartbeats_at_every_version() {
    let mut connection = Connection::open();
    let (group, joined) = alone(&mut connection);
    for version in 0..=4 {
        let mut beat = |group: &str, generation, id: &str| heartbeat(&mut connection, version, group, generation, id);
        assert_ok(beat(&group, 1, &joined.member_id));
        assert_error(beat("", 1, &joined.member_id), Code::InvalidGroupId);
        assert_error(beat("no-such-group", 1, &joined.member_id), Code::UnknownMemberId);
        assert_error(beat(&group, 1, "nobody"), Code::UnknownMemberId);
        assert_error(beat(&group, 0, &joined.member_id), Code::IllegalGeneration);
        assert_error(beat(&group, 2, &joined.member_id), Code::IllegalGeneration);
    }
}

#[test]
fn grp_13_leaving_at_every_version() {
    for version in 0..=5 {
        let mut connection = Connection::open();
        let (group, joined) = alone(&mut connection);
        let mut code = |group: &str, id: &str| {
            let answer = leave(&mut connection, version, group, vec![identity(id, None)]);
            if version < 3 || answer.error_code != 0 {
                assert!(answer.members.is_empty());
                return answer.error_code;
            }
            assert_eq!((answer.members.len(), answer.members[0].member_id.as_str()), (1, id));
            answer.members[0].error_code
        };
        assert_error(code("", &joined.member_id), Code::InvalidGroupId);
        assert_error(code("no-such-group", &joined.member_id), Code::UnknownMemberId);
        assert_error(code(&group, "nobody"), Code::UnknownMemberId);
        assert_error(code(&group, ""), Code::UnknownMemberId);
        assert_ok(code(&group, &joined.member_id));
        assert_error(code(&group, &joined.member_id), Code::UnknownMemberId);
    }
}

#[test]
fn grp_13_an_administrator_removes_static_members_by_their_names() {
    for version in 3..=5 {
        let mut connection = Connection::open();
        let group = new_group();
        let request = joining(&group, "", &["range"]).with_group_instance_id(Some(text("i")));
        let joined = join(&mut connection, JOIN, request);
        let fenced = identity("another", Some("i"));
        let unknown = identity("", Some("k"));
        let answer = leave(&mut connection, version, &group, vec![fenced, unknown, identity("", Some("i"))]);
        assert_ok(answer.error_code);
        let codes: Vec<i16> = answer.members.iter().map(|member| member.error_code).collect();
        assert_eq!(codes, [Code::FencedInstanceId.code(), Code::UnknownMemberId.code(), 0]);
        assert_eq!(name(answer.members[2].group_instance_id.as_ref()), "i");
        assert_error(heartbeat(&mut connection, HEARTBEAT, &group, 1, &joined.member_id), Code::UnknownMemberId);
    }
}

#[test]
fn describe_at_every_version() {
    let mut connection = Connection::open_as("described");
    let (group, joined) = alone(&mut connection);
    for version in 0..=6 {
        let found = describe(&mut connection, version, &group);
        assert_ok(found.error_code);
        assert_eq!((found.group_id.as_str(), found.group_state.as_str()), (group.as_str(), "Stable"));
        assert_eq!((found.protocol_type.as_str(), found.protocol_data.as_str()), ("consumer", "range"));
        assert_eq!((found.members.len(), &found.members[0].member_id), (1, &joined.member_id));
        assert_eq!(&found.members[0].member_assignment[..], b"mine");
        let unknown = describe(&mut connection, version, "no-such-group");
        assert_eq!((unknown.group_state.as_str(), unknown.members.len()), ("Dead", 0));
        if version < 6 {
            assert_ok(unknown.error_code);
        } else {
            assert_error(unknown.error_code, Code::GroupIdNotFound);
            assert_eq!(name(unknown.error_message.as_ref()), "Group no-such-group not found.");
        }
    }
    for version in 3..=6 {
        let request = DescribeGroupsRequest::default()
            .with_groups(vec![group_id(&group), group_id("")])
            .with_include_authorized_operations(true);
        let answer = connection.call(version, &request);
        let allowed = answer.groups.iter().find(|found| found.group_id.as_str() == group).unwrap();
        let read_delete_describe_and_configs = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
        assert_eq!(allowed.authorized_operations, read_delete_describe_and_configs, "version {version}");
        let empty = answer.groups.iter().find(|found| found.group_id.is_empty()).unwrap();
        // Others may have committed offsets under it.
        let state = empty.group_state.as_str();
        assert!(matches!(state, "Dead" | "Empty"), "the empty name is one like any other here: {state}");
    }
}

#[test]
fn list_at_every_version_with_its_filters() {
    let mut connection = Connection::open();
    let (group, _) = alone(&mut connection);
    let mut list = |version: i16, states: &[&str], types: &[&str]| {
        let request = ListGroupsRequest::default()
            .with_states_filter(states.iter().map(|name| text(*name)).collect())
            .with_types_filter(types.iter().map(|name| text(*name)).collect());
        let answer = connection.call(version, &request);
        assert_ok(answer.error_code);
        answer.groups.into_iter().find(|found| found.group_id.as_str() == group)
    };
    for version in 0..=5 {
        let found = list(version, &[], &[]).expect("the group is listed");
        assert_eq!(found.protocol_type.as_str(), "consumer");
        assert_eq!(found.group_state.as_str(), if version >= 4 { "Stable" } else { "" });
        assert_eq!(found.group_type.as_str(), if version >= 5 { "classic" } else { "" });
    }
    for version in 4..=5 {
        assert!(list(version, &["sTaBle", "Empty"], &[]).is_some(), "in any case");
        assert!(list(version, &["Empty"], &[]).is_none());
        assert!(list(version, &["no-such-state"], &[]).is_none());
    }
    assert!(list(5, &[], &["Classic"]).is_some() && list(5, &["stable"], &["classic"]).is_some());
    assert!(list(5, &[], &["consumer"]).is_none());
}

#[test]
fn why_a_group_rebalanced_is_told_to_our_own_commands_alone() {
    let mut stranger = Connection::open();
    let (group, _) = alone(&mut stranger);
    assert!(describe(&mut stranger, DESCRIBE, &group).unknown_tagged_fields.is_empty());
    let mut own = Connection::open();
    let software = ApiVersionsRequest::default().with_client_software_name(text("ottla"));
    assert_ok(own.call(3, &software.with_client_software_version(text("0"))).error_code);
    let told = describe(&mut own, DESCRIBE, &group).unknown_tagged_fields;
    assert_eq!(told.len(), usize::from(!on_kafka()));
    assert!(told.values().all(|text| text.windows(15).any(|words| words == b"a member joined")));
    assert!(describe(&mut own, 4, &group).unknown_tagged_fields.is_empty());
    // The same of groups of the consumer protocol.
    let (group, topic) = (new_group(), new_topic(&mut own, 1));
    let join = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(&group))
        .with_member_id(text("a"))
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![topic_name(topic.name.as_str())]))
        .with_topic_partitions(Some(vec![]));
    assert_ok(own.call(1, &join).error_code);
    let asked = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(&group)]);
    assert!(stranger.call(1, &asked).groups[0].unknown_tagged_fields.is_empty());
    let told = own.call(1, &asked).groups.remove(0).unknown_tagged_fields;
    assert_eq!(told.len(), usize::from(!on_kafka()));
    assert!(told.values().all(|text| text.windows(15).any(|words| words == b"a member joined")));
}
