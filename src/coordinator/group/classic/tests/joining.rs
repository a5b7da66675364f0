//! Who may come in, and how a rejoin ends in each state.
use super::*;

#[test]
fn grp_1_an_unknown_group_is_made_for_who_has_no_id_yet() {
    let mut rig = Rig::new();
    assert_eq!(rig.join_now(joining("nobody")).error, ErrorCode::UnknownMemberId);
    assert_eq!(rig.join_now(JoinRequest { group: "".into(), ..joining("") }).error, ErrorCode::InvalidGroupId);
    let long = "x".repeat(40_000);
    assert_eq!(rig.join_now(JoinRequest { group: long.into(), ..joining("") }).error, ErrorCode::InvalidGroupId);
    assert!(rig.runtime.soft().classic.iter().next().is_none(), "what was refused leaves nothing behind");
    assert_eq!(rig.join_now(joining("")).error, ErrorCode::MemberIdRequired);
    assert_eq!(rig.state(), State::Empty);
}

#[test]
fn grp_2_session_timeouts_have_bounds() {
    let mut rig = Rig::new();
    for session_timeout_ms in [-1, 0, 5_999, 1_800_001] {
        let refused = rig.join_now(JoinRequest { session_timeout_ms, ..joining("") });
        assert_eq!(refused.error, ErrorCode::InvalidSessionTimeout);
    }
    for session_timeout_ms in [6_000, 1_800_000] {
        let told = rig.join_now(JoinRequest { session_timeout_ms, ..joining("") });
        assert_eq!(told.error, ErrorCode::MemberIdRequired);
    }
}

#[test]
fn grp_2_a_full_group_takes_nobody_new_but_a_static_member_back() {
    let mut rig = Rig::new();
    rig.settings.members_max = 2;
    let mut first = rig.join(fixed("i", ""));
    let (_, mut second) = rig.enter();
    assert_eq!(rig.join_now(joining("")).error, ErrorCode::GroupMaxSizeReached, "two wait already");
    rig.advance(3_000);
    rig.advance(3_000);
    let all = [joined(&mut first), joined(&mut second)];
    assert_eq!(rig.join_now(joining("")).error, ErrorCode::GroupMaxSizeReached, "while it completes");
    rig.assign(&all);
    assert_eq!(rig.join_now(joining("")).error, ErrorCode::GroupMaxSizeReached, "while it is stable");
    assert_eq!(rig.join_now(fixed("j", "")).error, ErrorCode::GroupMaxSizeReached);
    assert_eq!(rig.join_now(fixed("i", "")).error, ErrorCode::None, "it was a member before");
}

#[test]
fn grp_2_a_group_that_became_too_large_sheds_the_last_to_come_back() {
    let mut rig = Rig::new();
    let all = rig.stable(3);
    rig.settings.members_max = 2;
    rig.reload();
    assert_eq!(rig.state(), State::PreparingRebalance, "too many for the settings");
    let mut first = rig.join(joining(&all[0].member_id));
    let mut second = rig.join(joining(&all[1].member_id));
    assert!(waits(&mut first) && waits(&mut second));
    assert_eq!(rig.join_now(joining(&all[2].member_id)).error, ErrorCode::GroupMaxSizeReached);
    assert_eq!((joined(&mut first).generation, joined(&mut second).generation), (2, 2));
}

#[test]
fn grp_3_members_share_a_protocol_and_its_type() {
    let mut rig = Rig::new();
    let refused =
        |rig: &mut Rig, request| assert_eq!(rig.join_now(request).error, ErrorCode::InconsistentGroupProtocol);
    refused(&mut rig, JoinRequest { protocols: vec![], ..joining("") });
    refused(&mut rig, JoinRequest { protocol_type: "".into(), ..joining("") });
    let all = rig.stable(2);
    refused(&mut rig, JoinRequest { protocol_type: "connect".into(), ..joining("") });
    refused(&mut rig, JoinRequest { protocols: protocols(&["other"]), ..joining("") });
    refused(&mut rig, JoinRequest { protocols: protocols(&["other"]), ..joining(&all[0].member_id) });
    let doubled = JoinRequest { protocols: protocols(&["sticky", "sticky"]), ..joining("") };
    assert_eq!(rig.join_now(doubled).error, ErrorCode::MemberIdRequired, "twice the same is once");
}

#[test]
fn grp_3_names_that_no_record_can_hold_are_refused() {
    let mut rig = Rig::new();
    let long: std::sync::Arc<str> = "x".repeat(32_768).into();
    for request in [
        JoinRequest { instance_id: Some(long.clone()), ..joining("") },
        JoinRequest { protocol_type: long.clone(), ..joining("") },
        JoinRequest { protocols: protocols(&[&long]), ..joining("") },
    ] {
        assert_eq!(rig.join_now(request).error, ErrorCode::InvalidRequest);
    }
    let longest = JoinRequest { client_id: "ä".repeat(16_383).into(), takes_id: false, ..joining("") };
    let mut asked = rig.join(longest);
    rig.advance(3_000);
    let one = joined(&mut asked);
    assert!(one.member_id.len() <= 32_767);
    rig.assign(&[one]);
}

#[test]
fn grp_4_a_first_join_gets_its_id_and_is_pending() {
    let mut rig = Rig::new();
    rig.settings.members_max = 1;
    let told = rig.join_now(joining(""));
    assert_eq!((told.error, told.generation), (ErrorCode::MemberIdRequired, -1));
    assert!(told.member_id.starts_with("client-"));
    let (_, mut first) = rig.enter();
    rig.advance(3_000);
    assert_eq!(joined(&mut first).error, ErrorCode::None, "pending ids are no members: the group is not full");
    rig.settings.members_max = 9;
    rig.advance(SESSION_MS);
    assert_eq!(rig.join_now(joining(&told.member_id)).error, ErrorCode::UnknownMemberId, "it never came");
}

#[test]
fn grp_4_a_round_waits_for_ids_that_were_given_out() {
    let mut rig = Rig::new();
    let all = rig.stable(1);
    let told = rig.join_now(joining(""));
    let mut leader = rig.join(joining(&all[0].member_id));
    assert!(waits(&mut leader), "somebody is on the way");
    let mut second = rig.join(joining(&told.member_id));
    let all = [joined(&mut leader), joined(&mut second)];
    assert!(all.iter().all(|one| one.generation == 2));
    rig.assign(&all);
    let told = rig.join_now(joining(""));
    let mut leader = rig.join(joining(&all[0].member_id));
    let mut second = rig.join(joining(&all[1].member_id));
    assert!(waits(&mut leader) && waits(&mut second));
    assert_eq!(rig.leave(vec![leaving(&told.member_id, None)]), [ErrorCode::None]);
    assert!(!waits(&mut leader), "nobody is on the way any more");
}

#[test]
fn grp_4_before_version_4_a_member_is_in_at_once_and_an_id_is_for_a_dynamic_member() {
    let mut rig = Rig::new();
    let mut old = rig.join(JoinRequest { takes_id: false, ..joining("") });
    let told = rig.join_now(joining(""));
    assert_eq!(rig.join_now(fixed("i", &told.member_id)).error, ErrorCode::UnknownMemberId);
    rig.advance(10_000);
    assert_eq!(joined(&mut old).error, ErrorCode::None);
}

#[test]
fn grp_4_ids_that_are_not_used_are_bounded() {
    let mut rig = Rig::new();
    let told = (0..10_001).map(|_| rig.join_now(joining("")).error).collect::<Vec<_>>();
    assert!(told[..10_000].iter().all(|code| *code == ErrorCode::MemberIdRequired));
    assert_eq!(told[10_000], ErrorCode::GroupMaxSizeReached);
    rig.advance(SESSION_MS);
    assert!(rig.runtime.soft().classic.iter().next().is_none(), "all gone with their sessions");
}

#[test]
fn grp_9_rejoining_while_the_group_completes() {
    let mut rig = Rig::new();
    let mut asked = [rig.enter().1, rig.enter().1];
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    let again = rig.join_now(joining(&all[0].member_id));
    assert_eq!(again, all[0], "the answer got lost: the leader has it again, with the members");
    assert_eq!(rig.join_now(joining(&all[1].member_id)), all[1]);
    let changed = JoinRequest { protocols: protocols(&["sticky"]), ..joining(&all[1].member_id) };
    let mut changed = rig.join(changed);
    assert!(waits(&mut changed));
    assert_eq!(rig.state(), State::PreparingRebalance);
    assert_eq!(joined(&mut rig.join(joining(&all[0].member_id))).generation, 2);
    assert_eq!(joined(&mut changed).protocol.as_deref(), Some("sticky"));
}

#[test]
fn grp_9_rejoining_a_stable_group() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    let follower = rig.join_now(joining(&all[1].member_id));
    assert_eq!((follower.generation, follower.members.len()), (1, 0), "nothing changed");
    assert_eq!(rig.state(), State::Stable);
    let mut leader = rig.join(joining(&all[0].member_id));
    assert!(waits(&mut leader), "the leader knows why");
    let mut follower = rig.join(joining(&all[1].member_id));
    let leader = joined(&mut leader);
    assert_eq!((leader.generation, leader.members.len()), (2, 2));
    rig.assign(&[leader, joined(&mut follower)]);
    let changed = JoinRequest { protocols: protocols(&["range"]), ..joining(&all[1].member_id) };
    assert!(waits(&mut rig.join(changed)));
    assert_eq!(rig.state(), State::PreparingRebalance, "changed metadata is a rebalance");
}

#[test]
fn grp_9_a_second_request_of_a_member_ends_the_first() {
    let mut rig = Rig::new();
    let (id, mut first) = rig.enter();
    let mut second = rig.join(joining(&id));
    assert_eq!(joined(&mut first).error, ErrorCode::RebalanceInProgress);
    rig.advance(3_000);
    assert_eq!(joined(&mut second).error, ErrorCode::None);
}
