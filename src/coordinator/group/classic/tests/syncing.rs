//! SyncGroup and Heartbeat in every state.
use super::*;

/// Two members in a group that waits for the leader's assignment.
fn completing(rig: &mut Rig) -> Vec<Joined> {
    let mut asked = [rig.enter().1, rig.enter().1];
    rig.advance(6_000);
    assert_eq!(rig.state(), State::CompletingRebalance);
    asked.iter_mut().map(joined).collect()
}

#[test]
fn grp_10_the_leaders_assignment_is_written_and_then_everyone_has_it() {
    let mut rig = Rig::new();
    let all = completing(&mut rig);
    let mut follower = rig.sync(syncing(&all[1], &[]));
    assert!(waits(&mut follower));
    assert!(lives::record_of(rig.runtime.hard(), GROUP).is_none());
    let assignments = [(&*all[0].member_id, "one"), (&*all[1].member_id, "two"), ("stranger", "three")];
    let leader = rig.sync_now(syncing(&all[0], &assignments));
    assert_eq!((&leader.assignment[..], leader.protocol.as_deref()), (&b"one"[..], Some("range")));
    assert_eq!(&synced(&mut follower).assignment[..], b"two");
    let record = rig.record();
    assert_eq!((record.generation, record.protocol.as_deref()), (1, Some("range")));
    assert_eq!(record.leader.as_deref(), Some(&*all[0].member_id));
    let written: Vec<_> = record.members.iter().map(|one| (one.member_id.as_str(), &one.assignment.0[..])).collect();
    let mut wanted = vec![(&*all[0].member_id, &b"one"[..]), (&*all[1].member_id, &b"two"[..])];
    wanted.sort();
    assert_eq!(written, wanted);
    assert_eq!(&rig.sync_now(syncing(&all[1], &[])).assignment[..], b"two", "and again for who asks again");
}

#[test]
fn grp_10_members_that_the_leader_forgot_get_nothing() {
    let mut rig = Rig::new();
    let all = completing(&mut rig);
    let mut follower = rig.sync(syncing(&all[1], &[]));
    rig.sync_now(syncing(&all[0], &[]));
    let follower = synced(&mut follower);
    assert_eq!((follower.error, follower.assignment.len()), (ErrorCode::None, 0));
}

#[test]
fn grp_10_who_may_not_sync_is_told_why() {
    let mut rig = Rig::new();
    let all = completing(&mut rig);
    let good = syncing(&all[1], &[]);
    let refused = |rig: &mut Rig, request| rig.sync_now(request).error;
    let stranger = SyncRequest { member_id: "stranger".into(), ..good.clone() };
    assert_eq!(refused(&mut rig, stranger), ErrorCode::UnknownMemberId);
    let elsewhere = SyncRequest { group: "other".into(), ..good.clone() };
    assert_eq!(refused(&mut rig, elsewhere), ErrorCode::UnknownMemberId);
    let nameless = SyncRequest { group: "".into(), ..good.clone() };
    assert_eq!(refused(&mut rig, nameless), ErrorCode::InvalidGroupId);
    let late = SyncRequest { generation: 0, ..good.clone() };
    assert_eq!(refused(&mut rig, late), ErrorCode::IllegalGeneration);
    let other = SyncRequest { protocol: Some("sticky".into()), ..good.clone() };
    assert_eq!(refused(&mut rig, other), ErrorCode::InconsistentGroupProtocol);
    let other = SyncRequest { protocol_type: Some("connect".into()), ..good.clone() };
    assert_eq!(refused(&mut rig, other), ErrorCode::InconsistentGroupProtocol);
    let unnamed = SyncRequest { protocol: None, protocol_type: None, ..good.clone() };
    assert!(waits(&mut rig.sync(unnamed)), "before version 5 nobody names it");
    let unknown = SyncRequest { instance_id: Some("i".into()), ..good.clone() };
    assert_eq!(refused(&mut rig, unknown), ErrorCode::UnknownMemberId);
    let (_, _waiting) = rig.enter();
    assert_eq!(refused(&mut rig, good), ErrorCode::RebalanceInProgress);
}

#[test]
fn grp_10_a_second_sync_of_a_member_ends_the_first() {
    let mut rig = Rig::new();
    let all = completing(&mut rig);
    let mut first = rig.sync(syncing(&all[1], &[]));
    let mut second = rig.sync(syncing(&all[1], &[]));
    assert_eq!(synced(&mut first).error, ErrorCode::RebalanceInProgress);
    rig.sync_now(syncing(&all[0], &[]));
    assert_eq!(synced(&mut second).error, ErrorCode::None);
}

#[test]
fn grp_10_a_rebalance_frees_who_waits_for_an_assignment() {
    let mut rig = Rig::new();
    let all = completing(&mut rig);
    let mut follower = rig.sync(syncing(&all[1], &[]));
    let (_, _third) = rig.enter();
    assert_eq!(synced(&mut follower).error, ErrorCode::RebalanceInProgress);
    assert_eq!(rig.sync_now(syncing(&all[0], &[])).error, ErrorCode::RebalanceInProgress, "the leader is too late");
}

#[test]
fn grp_18_an_assignment_that_fits_no_record_is_refused_and_harms_nobody() {
    let mut rig = Rig::new();
    rig.settings.record_bytes_max = 2_000;
    let all = completing(&mut rig);
    let mut follower = rig.sync(syncing(&all[1], &[]));
    let mut large = syncing(&all[0], &[]);
    large.assignments = vec![(all[1].member_id.clone(), Bytes::from(vec![0; 2_000]))];
    assert_eq!(rig.sync_now(large).error, ErrorCode::UnknownServerError);
    assert_eq!(synced(&mut follower).error, ErrorCode::UnknownServerError);
    assert_eq!(rig.state(), State::PreparingRebalance);
    assert_eq!(rig.describe().rebalances.last().map(|one| one.cause), Some(Cause::AssignmentTooLarge));
    assert!(lives::record_of(rig.runtime.hard(), GROUP).is_none());
    let mut again = [rig.join(joining(&all[0].member_id)), rig.join(joining(&all[1].member_id))];
    rig.assign(&again.each_mut().map(joined));
}

#[test]
fn grp_18_the_estimate_of_a_records_size_is_from_above() {
    let mut rig = Rig::new();
    rig.stable(5);
    let written: usize = rig
        .runtime
        .journal()
        .appended
        .last()
        .unwrap()
        .iter()
        .map(|(key, value)| key.len() + value.as_ref().unwrap().len())
        .sum();
    rig.settings.record_bytes_max = written;
    let all = rig.describe().members;
    let mut asked: Vec<Asking> = all.iter().map(|one| rig.join(joining(&one.member_id))).collect();
    // The leader's rejoin began the round; whoever asked before it asks again.
    let all: Vec<Joined> = all
        .iter()
        .zip(&mut asked)
        .map(|(one, asked)| match joined(asked) {
            early if early.generation == 1 => rig.join_now(joining(&one.member_id)),
            joined => joined,
        })
        .collect();
    let leader = all.iter().find(|one| one.leader == one.member_id);
    let assignments: Vec<_> = all.iter().map(|one| (&*one.member_id, "some")).collect();
    assert_eq!(rig.sync_now(syncing(leader.unwrap(), &assignments)).error, ErrorCode::UnknownServerError);
}

#[test]
fn grp_12_heartbeats_in_every_state() {
    let mut rig = Rig::new();
    assert_eq!(rig.beat("nobody", 0), ErrorCode::UnknownMemberId);
    let all = completing(&mut rig);
    let id = all[1].member_id.clone();
    assert_eq!(rig.beat(&id, 1), ErrorCode::None);
    assert_eq!(rig.beat(&id, 0), ErrorCode::IllegalGeneration);
    assert_eq!(rig.beat("stranger", 1), ErrorCode::UnknownMemberId);
    assert_eq!(rig.beat_as(&id, Some("i"), 1), ErrorCode::UnknownMemberId);
    rig.assign(&all);
    assert_eq!(rig.beat(&id, 1), ErrorCode::None);
    let (_, _third) = rig.enter();
    assert_eq!(rig.beat(&id, 1), ErrorCode::RebalanceInProgress);
    let empty = HeartbeatRequest { group: "".into(), generation: 1, member_id: id, instance_id: None };
    let told = rig.now(group::Request::Classic(Request::Heartbeat(empty)));
    assert_eq!(told, Some(group::Reply::Classic(Reply::Heartbeat(ErrorCode::InvalidGroupId))));
}

#[test]
fn grp_12_a_heartbeat_is_a_new_session_also_while_the_group_prepares() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    for _ in 0..5 {
        rig.advance(SILENCE_MS - 1);
        assert_eq!(rig.beat(&all[0].member_id, 1), ErrorCode::None);
        assert_eq!(rig.beat(&all[1].member_id, 1), ErrorCode::None);
    }
    let mut leader = rig.join(joining(&all[0].member_id));
    for _ in 0..5 {
        rig.advance(SILENCE_MS - 1);
        assert_eq!(rig.beat(&all[1].member_id, 1), ErrorCode::RebalanceInProgress);
    }
    assert!(waits(&mut leader), "in the round, a member that waits is kept alive");
    rig.advance(SILENCE_MS);
    assert_eq!(joined(&mut leader).members.len(), 1, "the other was silent for a session");
}
