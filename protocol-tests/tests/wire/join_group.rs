//! JoinGroup 0 to 9: a place in the next generation, and every reason to be refused one.
use kafka_protocol::messages::JoinGroupRequest;
use protocol_tests::groups::*;
use protocol_tests::time::eventually;
use protocol_tests::{Code, Connection, assert_error, assert_ok, fresh_name, on_kafka, text};

fn refused(version: i16, request: &JoinGroupRequest, code: Code) {
    let answer = Connection::open().call(version, request);
    assert_error(answer.error_code, code);
    assert_eq!((answer.generation_id, answer.members.len(), answer.leader.as_str()), (-1, 0, ""));
    assert_eq!(answer.protocol_name.is_none(), version >= 7, "the name of no protocol, in version {version}");
}

#[test]
fn grp_1_every_version_joins_alone() {
    for version in 0..=9 {
        let group = new_group();
        let mut connection = Connection::open_as("a-client");
        let answer = join(&mut connection, version, joining(&group, "", &["range"]));
        assert_ok(answer.error_code);
        assert_eq!((answer.generation_id, name(answer.protocol_name.as_ref())), (1, "range"), "version {version}");
        assert_eq!(name(answer.protocol_type.as_ref()), if version >= 7 { "consumer" } else { "" });
        assert!(answer.member_id.starts_with("a-client-"), "{}", answer.member_id);
        assert_eq!((&answer.leader, answer.members.len()), (&answer.member_id, 1));
        assert_eq!(
            (&answer.members[0].member_id, &answer.members[0].metadata),
            (&answer.member_id, &subscription("range"))
        );
        assert!(!answer.skip_assignment);
    }
}

#[test]
fn grp_1_no_group_no_member() {
    for version in 0..=9 {
        refused(version, &joining("", "", &["range"]), Code::InvalidGroupId);
        let unknown = joining(&new_group(), "nobody", &["range"]);
        refused(version, &unknown, Code::UnknownMemberId);
        assert_eq!(Connection::open().call(version, &unknown).member_id.as_str(), "nobody");
    }
}

#[test]
fn grp_2_session_timeouts_have_bounds() {
    let group = new_group();
    for session_timeout_ms in [-1, 0, 5_999, 1_800_001] {
        for version in 0..=9 {
            let request = joining(&group, "", &["range"]).with_session_timeout_ms(session_timeout_ms);
            refused(version, &request, Code::InvalidSessionTimeout);
        }
    }
}

#[test]
fn grp_3_protocols_are_named_and_shared() {
    let group = new_group();
    for version in 0..=9 {
        refused(version, &joining(&group, "", &[]), Code::InconsistentGroupProtocol);
        let untyped = joining(&group, "", &["range"]).with_protocol_type(text(""));
        refused(version, &untyped, Code::InconsistentGroupProtocol);
    }
    assert_ok(join(&mut Connection::open(), 9, joining(&group, "", &["range"])).error_code);
    for version in 0..=9 {
        refused(version, &joining(&group, "", &["sticky"]), Code::InconsistentGroupProtocol);
        let other = joining(&group, "", &["range"]).with_protocol_type(text("connect"));
        refused(version, &other, Code::InconsistentGroupProtocol);
    }
}

#[test]
fn grp_4_from_version_4_on_a_member_comes_back_with_its_id() {
    for version in 4..=9 {
        let group = new_group();
        let mut connection = Connection::open_as("me");
        let first = connection.call(version, &joining(&group, "", &["range"]));
        assert_error(first.error_code, Code::MemberIdRequired);
        assert!(first.member_id.starts_with("me-"));
        let second = connection.call(version, &joining(&group, &first.member_id, &["range"]));
        assert_ok(second.error_code);
        assert_eq!(second.member_id, first.member_id);
    }
}

#[test]
fn grp_14_static_members_keep_their_place_from_version_5_on() {
    for version in 5..=9 {
        let group = new_group();
        let mut connection = Connection::open();
        let request = joining(&group, "", &["range"]).with_group_instance_id(Some(text("i")));
        let first = join(&mut connection, version, request.clone());
        assert_ok(first.error_code);
        assert!(first.member_id.starts_with("i-"), "a static member has its id at once");
        assert_eq!(name(first.members[0].group_instance_id.as_ref()), "i");
        let request_sync = syncing(SYNC, &group, &first, &[(&first.member_id, "mine")]);
        assert_ok(connection.call(SYNC, &request_sync.with_group_instance_id(Some(text("i")))).error_code);
        let back = connection.call(version, &request);
        assert_ok(back.error_code);
        assert_ne!(back.member_id, first.member_id);
        assert_eq!(back.generation_id, 1, "no rebalance");
        if version >= 9 {
            assert!(back.skip_assignment, "it leads, and need not assign");
            assert_eq!((&back.leader, back.members.len()), (&back.member_id, 1));
        } else {
            assert_eq!((&back.leader, back.members.len()), (&first.member_id, 0), "it must not believe that it leads");
        }
        let old = joining(&group, &first.member_id, &["range"]).with_group_instance_id(Some(text("i")));
        refused(version, &old, Code::FencedInstanceId);
        let stranger = joining(&group, &back.member_id, &["range"]).with_group_instance_id(Some(text("k")));
        refused(version, &stranger, Code::UnknownMemberId);
    }
}

/// The member's id begins with it, and no record takes a longer string.
#[test]
fn grp_14_an_instance_id_too_long_for_a_member_s_is_refused() {
    for version in 5..=9 {
        let of = |bytes| joining(&new_group(), "", &["range"]).with_group_instance_id(Some(text("i".repeat(bytes))));
        let answer = Connection::open().call(version, &of(32_731));
        assert_error(answer.error_code, if on_kafka() { Code::UnknownServerError } else { Code::InvalidRequest });
        let answer = Connection::open().call(version, &of(32_730));
        assert_ok(answer.error_code);
        assert_eq!(answer.member_id.len(), 32_767);
    }
}

#[test]
fn grp_9_a_second_join_of_a_member_ends_the_wait_of_its_first() {
    let group = new_group();
    let (mut one, mut two, mut three) = (Connection::open(), Connection::open(), Connection::open());
    let first = join(&mut one, JOIN, joining(&group, "", &["range"]));
    let told = two.call(JOIN, &joining(&group, "", &["range"]));
    let request = joining(&group, &told.member_id, &["range"]);
    let waiting = two.send(JOIN, &request);
    let is_heard = |one: &mut Connection| {
        eventually(10_000, "the second is there", || {
            let code = heartbeat(one, HEARTBEAT, &group, first.generation_id, &first.member_id);
            (code == Code::RebalanceInProgress.code()).then_some(())
        });
    };
    is_heard(&mut one);
    let later = three.send(JOIN, &request);
    if on_kafka() {
        two.assert_silent(500);
    } else {
        let answer = two.receive::<JoinGroupRequest>(JOIN, waiting);
        assert_error(answer.error_code, Code::RebalanceInProgress);
    }
    assert_ok(one.call(JOIN, &joining(&group, &first.member_id, &["range"])).error_code);
    assert_ok(three.receive::<JoinGroupRequest>(JOIN, later).error_code);
}

#[test]
fn grp_8_the_leader_alone_sees_the_others() {
    let group = new_group();
    let (mut one, mut two) = (Connection::open(), Connection::open());
    let first = join(&mut one, JOIN, joining(&group, "", &["range", "sticky"]));
    assert_ok(first.error_code);
    let told = two.call(JOIN, &joining(&group, "", &["sticky"]));
    assert_error(told.error_code, Code::MemberIdRequired);
    let waiting = two.send(JOIN, &joining(&group, &told.member_id, &["sticky"]));
    eventually(10_000, "the second is there", || {
        let code = heartbeat(&mut one, HEARTBEAT, &group, 1, &first.member_id);
        (code == Code::RebalanceInProgress.code()).then_some(())
    });
    let leader = one.call(JOIN, &joining(&group, &first.member_id, &["range", "sticky"]));
    let second = two.receive::<JoinGroupRequest>(JOIN, waiting);
    assert_ok(leader.error_code);
    assert_ok(second.error_code);
    assert_eq!((leader.leader.as_str(), leader.members.len()), (first.member_id.as_str(), 2));
    assert!(leader.members.iter().all(|member| member.metadata == subscription("sticky")));
    assert_eq!((&second.leader, second.members.len()), (&leader.leader, 0));
    assert_eq!(name(second.protocol_name.as_ref()), "sticky");
    assert_eq!(second.generation_id, leader.generation_id);
}

#[test]
fn pitfall_29_any_type_and_any_bytes() {
    for (kind, protocol) in [("connect", "sessioned"), ("sr", "v0"), (&*fresh_name("kind"), "*")] {
        let group = new_group();
        let mut request = joining(&group, "", &[protocol]).with_protocol_type(text(kind));
        request.protocols[0].metadata = vec![0xFF; 3_000].into();
        let answer = join(&mut Connection::open(), JOIN, request);
        assert_ok(answer.error_code);
        assert_eq!(name(answer.protocol_type.as_ref()), kind);
        assert_eq!(answer.members[0].metadata.len(), 3_000);
    }
}
