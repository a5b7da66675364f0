//! Rounds: how long they last, who is in the next generation, which protocol it speaks.
use super::*;

#[test]
fn grp_5_the_first_rebalance_waits_for_more_and_not_for_ever() {
    let mut rig = Rig::new();
    let (_, mut first) = rig.enter();
    rig.advance(2_999);
    assert!(waits(&mut first));
    let (_, mut second) = rig.enter();
    rig.advance(1);
    assert!(waits(&mut first), "it grew: three more seconds");
    rig.advance(2_999);
    assert!(waits(&mut first));
    rig.advance(1);
    assert_eq!(joined(&mut first).generation, 1);
    assert_eq!(joined(&mut second).generation, 1);
}

#[test]
fn grp_5_the_wait_is_bounded_by_the_rebalance_timeout() {
    let mut rig = Rig::new();
    let short = |request: &mut JoinRequest| request.rebalance_timeout_ms = 7_000;
    let (_, mut first) = rig.enter_with(short);
    for _ in 0..6 {
        assert!(waits(&mut first));
        let _ = rig.enter_with(short);
        rig.advance(1_000);
    }
    assert!(waits(&mut first));
    let _ = rig.enter_with(short);
    rig.advance(1_000);
    assert_eq!(joined(&mut first).members.len(), 8);
}

#[test]
fn grp_5_without_a_delay_the_first_rebalance_ends_at_once() {
    let mut rig = Rig::new();
    rig.settings.initial_rebalance_delay_ms = 0;
    let (_, mut first) = rig.enter();
    rig.advance(0);
    assert_eq!(joined(&mut first).generation, 1);
}

#[test]
fn grp_6_a_round_lasts_as_long_as_the_slowest_member_may_take() {
    let mut rig = Rig::new();
    let (_, mut slow) = rig.enter_with(|request| request.rebalance_timeout_ms = 90_000);
    let (_, mut quick) = rig.enter();
    rig.advance(6_000);
    let all = [joined(&mut slow), joined(&mut quick)];
    rig.assign(&all);
    let (_, mut third) = rig.enter();
    for _ in 0..17 {
        rig.advance(5_000);
        assert_eq!(rig.beat(&all[0].member_id, 1), ErrorCode::RebalanceInProgress);
        assert_eq!(rig.beat(&all[1].member_id, 1), ErrorCode::RebalanceInProgress);
    }
    rig.advance(4_999);
    assert!(waits(&mut third));
    rig.advance(1);
    assert_eq!(joined(&mut third).members.len(), 1, "time is up");
    assert_eq!(rig.beat(&all[0].member_id, 2), ErrorCode::UnknownMemberId);
}

#[test]
fn grp_6_a_round_ends_early_when_everyone_is_back() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    let (_, mut third) = rig.enter();
    let mut back = [rig.join(joining(&all[0].member_id)), rig.join(joining(&all[1].member_id))];
    let leader = joined(&mut back[0]);
    assert_eq!((leader.generation, leader.members.len()), (2, 3));
    assert_eq!((joined(&mut back[1]).generation, joined(&mut third).generation), (2, 2));
}

#[test]
fn grp_6_a_new_member_waits_five_minutes_at_most_and_is_not_judged_by_its_session() {
    let mut rig = Rig::new();
    let (_, mut one) = rig.enter_with(|request| request.rebalance_timeout_ms = 1_000_000);
    rig.advance(6_000);
    let one = joined(&mut one);
    rig.assign(std::slice::from_ref(&one));
    let (_, mut waiting) = rig.enter();
    for _ in 0..59 {
        rig.advance(5_000);
        assert_eq!(rig.beat(&one.member_id, 1), ErrorCode::RebalanceInProgress);
        assert!(waits(&mut waiting), "longer than its session");
    }
    rig.advance(5_000 + expire::HEARING_MS);
    assert_eq!(joined(&mut waiting).error, ErrorCode::UnknownMemberId);
}

#[test]
fn grp_7_dynamic_members_that_did_not_rejoin_are_removed() {
    let mut rig = Rig::new();
    let all = rig.stable(3);
    let mut back = rig.join(JoinRequest { protocols: protocols(&["sticky"]), ..joining(&all[1].member_id) });
    for _ in 0..12 {
        rig.advance(5_000);
        rig.beat(&all[0].member_id, 1);
        rig.beat(&all[2].member_id, 1);
    }
    let back = joined(&mut back);
    assert_eq!((back.generation, back.members.len()), (2, 1));
    assert_eq!(back.leader, back.member_id, "the leader was too late: another leads");
}

#[test]
fn grp_7_the_last_member_gone_the_group_is_empty_and_that_is_written() {
    let mut rig = Rig::new();
    rig.stable(1);
    let before = rig.at.wall_ms;
    rig.advance(SILENCE_MS);
    assert_eq!(rig.state(), State::Empty);
    let record = rig.record().clone();
    assert_eq!((record.generation, record.members.len()), (2, 0));
    assert_eq!((record.protocol, record.leader, record.protocol_type.as_str()), (None, None, "consumer"));
    assert_eq!(record.current_state_timestamp, before + SILENCE_MS as i64);
    let (_, mut next) = rig.enter_with(|request| request.protocol_type = "connect".into());
    rig.advance(3_000);
    let next = joined(&mut next);
    assert_eq!((next.generation, next.protocol_type.as_deref()), (3, Some("connect")), "an empty group is open to all");
}

#[test]
fn grp_7_static_members_that_did_not_rejoin_stay_until_their_session_ends() {
    let mut rig = Rig::new();
    let mut asked = [rig.join(fixed("i", "")), rig.enter().1];
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    rig.assign(&all);
    let mut back = rig.join(JoinRequest { protocols: protocols(&["sticky"]), ..joining(&all[1].member_id) });
    for _ in 0..11 {
        rig.advance(5_000);
        rig.beat_as(&all[0].member_id, Some("i"), 1);
    }
    rig.advance(5_000);
    let back = joined(&mut back);
    assert_eq!((back.generation, back.members.len()), (2, 2), "the static member is still one");
    assert_eq!(back.leader, back.member_id);
    rig.advance(SILENCE_MS);
    assert_eq!(rig.describe().members.len(), 0, "neither was heard of again");
}

#[test]
fn grp_7_when_no_static_member_came_back_the_round_goes_on() {
    let mut rig = Rig::new();
    let long = |instance: &str| JoinRequest { session_timeout_ms: 600_000, ..fixed(instance, "") };
    let mut asked = [rig.join(long("i")), rig.join(long("j"))];
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    rig.assign(&all);
    assert_eq!(rig.leave(vec![leaving("", Some("j"))]), [ErrorCode::None]);
    rig.advance(REBALANCE_MS * 2);
    assert_eq!(rig.state(), State::PreparingRebalance);
    let mut back = rig.join(JoinRequest { session_timeout_ms: 600_000, ..fixed("i", &all[0].member_id) });
    assert_eq!(joined(&mut back).generation, 2);
}

#[test]
fn grp_8_the_protocol_that_most_like_best_among_those_that_all_know() {
    let mut rig = Rig::new();
    let votes: [&[&str]; 4] = [&["a", "b", "c"], &["c", "b", "a"], &["b", "c"], &["x", "c", "b"]];
    let mut asked: Vec<Asking> =
        votes.iter().map(|names| rig.enter_with(|request| request.protocols = protocols(names)).1).collect();
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    // b from the first, c from the second, b from the third, c from the fourth: the leader likes b better.
    assert!(all.iter().all(|one| one.protocol.as_deref() == Some("b")));
    let metadata: Vec<_> = all[0].members.iter().map(|member| member.metadata.clone()).collect();
    assert_eq!(metadata, vec![Bytes::from_static(b"b"); 4]);
    assert!(all[1..].iter().all(|one| one.members.is_empty() && one.leader == all[0].member_id));
}

#[test]
fn grp_11_members_that_never_sync_are_removed() {
    let mut rig = Rig::new();
    let mut asked = [rig.enter().1, rig.enter().1];
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    let assignments: Vec<_> = all.iter().map(|one| (&*one.member_id, "x")).collect();
    assert_eq!(rig.sync_now(syncing(&all[0], &assignments)).error, ErrorCode::None);
    for _ in 0..11 {
        rig.advance(5_000);
        assert_eq!(
            (rig.beat(&all[0].member_id, 1), rig.beat(&all[1].member_id, 1)),
            (ErrorCode::None, ErrorCode::None)
        );
    }
    rig.advance(5_000);
    assert_eq!(rig.beat(&all[1].member_id, 1), ErrorCode::UnknownMemberId, "it beats and never asks");
    assert_eq!(rig.beat(&all[0].member_id, 1), ErrorCode::RebalanceInProgress);
    assert_eq!(joined(&mut rig.join(joining(&all[0].member_id))).members.len(), 1);
}

#[test]
fn grp_11_a_leader_that_never_assigns_is_removed_and_the_others_join_again() {
    let mut rig = Rig::new();
    let mut asked = [rig.enter().1, rig.enter().1];
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    let mut waiting = rig.sync(syncing(&all[1], &[]));
    for _ in 0..11 {
        rig.advance(5_000);
        rig.beat(&all[0].member_id, 1);
        assert!(waits(&mut waiting), "whoever waits is not judged by its session");
    }
    rig.advance(5_000);
    assert_eq!(synced(&mut waiting).error, ErrorCode::RebalanceInProgress);
    let next = joined(&mut rig.join(joining(&all[1].member_id)));
    assert_eq!((next.generation, next.members.len(), &next.leader), (2, 1, &all[1].member_id));
}

#[test]
fn why_a_group_rebalanced_is_remembered() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    let reason = Some("topics changed".to_owned());
    let mut leader = rig.join(JoinRequest { reason, ..joining(&all[0].member_id) });
    let mut follower = rig.join(joining(&all[1].member_id));
    rig.assign(&[joined(&mut leader), joined(&mut follower)]);
    rig.advance(SILENCE_MS);
    let told = rig.describe().rebalances;
    let causes: Vec<_> = told.iter().map(|one| (one.cause, one.generation)).collect();
    assert_eq!(causes, [(Cause::Joined, 0), (Cause::LeaderRejoined, 1), (Cause::SessionExpired, 2)]);
    assert_eq!((told[1].words.as_str(), &told[1].member_id), ("topics changed", &all[0].member_id));
    assert!(told[2].at_ms > told[1].at_ms);
}
