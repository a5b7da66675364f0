//! LeaveGroup: pending ids, members, static members, many at once.
use super::*;

#[test]
fn grp_13_a_pending_id_is_dropped_without_a_rebalance() {
    let mut rig = Rig::new();
    rig.stable(1);
    let told = rig.join_now(joining(""));
    assert_eq!(rig.leave(vec![leaving(&told.member_id, None)]), [ErrorCode::None]);
    assert_eq!(rig.state(), State::Stable);
    assert_eq!(rig.join_now(joining(&told.member_id)).error, ErrorCode::UnknownMemberId);
}

#[test]
fn grp_13_many_leave_at_once_each_with_its_own_error() {
    let mut rig = Rig::new();
    let mut asked = [rig.enter().1, rig.join(fixed("i", "")), rig.join(fixed("j", "")), rig.enter().1];
    rig.advance(6_000);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    rig.assign(&all);
    let codes = rig.leave(vec![
        leaving("stranger", None),
        leaving("", Some("i")),
        leaving("", Some("unknown")),
        leaving("", None),
        leaving("stranger", Some("j")),
        leaving(&all[2].member_id, Some("j")),
        leaving(&all[0].member_id, None),
    ]);
    let (gone, unknown, fenced) = (ErrorCode::None, ErrorCode::UnknownMemberId, ErrorCode::FencedInstanceId);
    assert_eq!(codes, [unknown, gone, unknown, unknown, fenced, gone, gone]);
    assert_eq!(rig.beat(&all[3].member_id, 1), ErrorCode::RebalanceInProgress);
    let last = joined(&mut rig.join(joining(&all[3].member_id)));
    assert_eq!((last.generation, last.members.len()), (2, 1));
    let request = LeaveRequest { group: "".into(), members: vec![] };
    let told = rig.now(group::Request::Classic(Request::Leave(request)));
    assert_eq!(told, Some(group::Reply::Classic(Reply::Leave(Err(ErrorCode::InvalidGroupId)))));
}

#[test]
fn grp_13_what_a_leaving_member_waits_for_is_answered() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    let mut leader = rig.join(joining(&all[0].member_id));
    assert_eq!(rig.leave(vec![leaving(&all[0].member_id, None)]), [ErrorCode::None]);
    assert_eq!(joined(&mut leader).error, ErrorCode::UnknownMemberId);
    let mut asked = [rig.join(joining(&all[1].member_id)), rig.enter().1];
    assert_eq!(joined(&mut asked[0]).generation, 2, "alone it is the leader at once");
    let mut alone = rig.join(joining(&all[1].member_id));
    let all = [joined(&mut alone), joined(&mut asked[1])];
    let mut waiting = rig.sync(syncing(&all[1], &[]));
    rig.leave(vec![leaving(&all[1].member_id, None)]);
    assert_eq!(synced(&mut waiting).error, ErrorCode::UnknownMemberId);
}

#[test]
fn grp_13_when_everyone_left_the_group_is_empty_at_once() {
    let mut rig = Rig::new();
    let all = rig.stable(2);
    let gone = all.iter().map(|one| leaving(&one.member_id, None)).collect();
    assert_eq!(rig.leave(gone), [ErrorCode::None; 2]);
    assert_eq!((rig.state(), rig.record().generation), (State::Empty, 2));
    assert_eq!(rig.leave(vec![leaving(&all[0].member_id, None)]), [ErrorCode::UnknownMemberId]);
    assert_eq!(rig.runtime.soft().timers.len(), 1, "no timer of the group is left, only the expiry of all");
}
