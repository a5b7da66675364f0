//! Static members: they restart without a rebalance, and there is one of each (KIP-345, KIP-814).
use super::*;

/// A stable group of two static members, `i` (which leads) and `j`.
fn stable_statics(rig: &mut Rig) -> Vec<Joined> {
    let mut asked = [rig.join(fixed("i", "")), rig.join(fixed("j", ""))];
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    assert!(all[0].member_id.starts_with("i-"));
    rig.assign(&all);
    all
}

#[test]
fn grp_14_a_static_member_comes_back_without_a_rebalance_and_that_is_written_first() {
    let mut rig = Rig::new();
    let all = stable_statics(&mut rig);
    let back = rig.join_now(JoinRequest { client_host: "/10.0.0.9".into(), ..fixed("j", "") });
    assert_eq!((back.error, back.generation, back.skip_assignment), (ErrorCode::None, 1, false));
    assert_ne!(back.member_id, all[1].member_id);
    assert_eq!((&back.leader, back.members.len()), (&all[0].member_id, 0));
    assert_eq!(rig.state(), State::Stable);
    assert!(rig.record().members.iter().any(|one| one.member_id == *back.member_id && one.client_host == "/10.0.0.9"));
    let mut request = syncing(&back, &[]);
    request.instance_id = Some("j".into());
    assert_eq!(&rig.sync_now(request).assignment[..], b"some", "it has what it had");
    assert_eq!(rig.beat_as(&all[1].member_id, Some("j"), 1), ErrorCode::FencedInstanceId);
    assert_eq!(rig.beat_as(&back.member_id, Some("j"), 1), ErrorCode::None);
    assert_eq!(rig.beat_as(&back.member_id, Some("k"), 1), ErrorCode::UnknownMemberId);
}

#[test]
fn grp_14_a_leader_that_comes_back_keeps_the_assignment() {
    let mut rig = Rig::new();
    let all = stable_statics(&mut rig);
    let back = rig.join_now(fixed("i", ""));
    assert_eq!((&back.leader, back.members.len()), (&back.member_id, 2));
    assert!(back.skip_assignment, "it leads and must not assign");
    let old = rig.join_now(JoinRequest { skips_assignment: false, ..fixed("i", "") });
    assert_eq!((&old.leader, old.members.len(), old.skip_assignment), (&back.member_id, 0, false));
    assert_ne!(old.leader, old.member_id, "before version 9 it must not know that it leads");
    assert_eq!(rig.record().leader.as_deref(), Some(&*old.member_id));
    assert_ne!(old.member_id, all[0].member_id);
}

#[test]
fn grp_14_coming_back_with_another_protocol_is_a_rebalance() {
    let mut rig = Rig::new();
    let all = stable_statics(&mut rig);
    let mut back = rig.join(JoinRequest { protocols: protocols(&["sticky"]), ..fixed("j", "") });
    assert!(waits(&mut back));
    assert_eq!(rig.state(), State::PreparingRebalance);
    let leader = joined(&mut rig.join(fixed("i", &all[0].member_id)));
    assert_eq!((leader.generation, leader.protocol.as_deref()), (2, Some("sticky")));
    assert_eq!(joined(&mut back).generation, 2);
}

#[test]
fn grp_14_the_old_requests_of_a_member_that_came_back_are_fenced() {
    let mut rig = Rig::new();
    let mut old = rig.join(fixed("i", ""));
    let mut new = rig.join(fixed("i", ""));
    assert_eq!(joined(&mut old).error, ErrorCode::FencedInstanceId);
    let mut other = rig.join(fixed("j", ""));
    rig.advance(6_000);
    let (leader, follower) = (joined(&mut new), joined(&mut other));
    assert_eq!(leader.members.len(), 2);
    let mut request = syncing(&follower, &[]);
    request.instance_id = Some("j".into());
    let mut waiting = rig.sync(request);
    let mut back = rig.join(fixed("j", ""));
    assert_eq!(synced(&mut waiting).error, ErrorCode::FencedInstanceId);
    assert!(waits(&mut back), "the leader assigns to an id that is gone: a rebalance");
    assert_eq!(rig.state(), State::PreparingRebalance);
    assert_eq!(joined(&mut rig.join(fixed("i", &leader.member_id))).generation, 2);
}

#[test]
fn grp_14_a_wrong_member_id_is_fenced_and_an_unknown_instance_is_unknown() {
    let mut rig = Rig::new();
    let all = stable_statics(&mut rig);
    assert_eq!(rig.join_now(fixed("i", &all[1].member_id)).error, ErrorCode::FencedInstanceId);
    assert_eq!(rig.join_now(fixed("k", &all[1].member_id)).error, ErrorCode::UnknownMemberId);
    let mut request = syncing(&all[1], &[]);
    request.instance_id = Some("i".into());
    assert_eq!(rig.sync_now(request).error, ErrorCode::FencedInstanceId);
}

#[test]
fn grp_14_a_member_that_came_back_need_not_sync_under_its_old_id() {
    let mut rig = Rig::new();
    let mut asked = [rig.join(fixed("i", "")), rig.join(fixed("j", ""))];
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    let assignments: Vec<_> = all.iter().map(|one| (&*one.member_id, "some")).collect();
    rig.sync_now(syncing(&all[0], &assignments));
    let back = rig.join_now(fixed("j", ""));
    rig.sync_now(syncing(&back, &[]));
    for _ in 0..20 {
        rig.advance(5_000);
        assert_eq!(rig.beat(&all[0].member_id, 1), ErrorCode::None);
        assert_eq!(rig.beat(&back.member_id, 1), ErrorCode::None);
    }
}
