//! Static members that come back with the other protocol.
use super::*;
use crate::coordinator::group::classic::State;

/// A stable classic group of a static and a dynamic member, three partitions each: their ids.
fn classic_with_static(rig: &mut Rig) -> (String, String) {
    let dynamic = rig.joined(joining("", &[])).member_id;
    let mut asked = [rig.classic_join(fixed("i", "", &[])), rig.classic_join(joining(&dynamic, &[]))];
    rig.advance(1);
    let all: Vec<Joined> = asked.iter_mut().map(joined).collect();
    rig.share_out(&all);
    (all[0].member_id.to_string(), dynamic.to_string())
}

fn comes(instance_id: &str, id: &str) -> Heartbeat {
    Heartbeat { instance_id: Some(instance_id.into()), ..arriving(id) }
}

#[test]
fn grp_24_a_static_classic_member_comes_back_as_a_consumer_and_nothing_moves() {
    let mut rig = rig();
    let (before, dynamic) = classic_with_static(&mut rig);
    let told = rig.consumer_beat(&comes("i", "new"));
    assert_eq!((told.member_epoch, told.assignment.unwrap().values().next().unwrap().len()), (1, 3));
    assert_eq!(rig.classic_beat(&dynamic, 1), ErrorCode::None, "the other need not even join again");
    assert_eq!(rig.classic_beat_as(&before, Some("i"), 1), ErrorCode::FencedInstanceId);
    assert_eq!(rig.commit(&before, 1, 0), ErrorCode::UnknownMemberId);
    rig.reload();
    assert_eq!(rig.consumers().members().count(), 2);
}

#[test]
fn grp_24_the_last_consumer_comes_back_as_a_static_classic_member_and_nothing_moves() {
    let mut rig = rig();
    let (_, dynamic) = classic_with_static(&mut rig);
    rig.consumer_beat(&comes("i", "new"));
    rig.consumer_beat(&Heartbeat { instance_id: Some("i".into()), ..staying("new", -2) });
    let back = rig.joined(fixed("i", "", &[]));
    assert_eq!((back.error, back.generation, rig.classic_state()), (ErrorCode::None, 1, State::Stable));
    assert_eq!(partitions(&rig.synced_as(&back.member_id, Some("i"), 1).assignment).len(), 3);
    assert_eq!(rig.classic_beat(&dynamic, 1), ErrorCode::None);
    let members: BTreeSet<_> = rig.classics().members.iter().map(|one| one.member_id.clone()).collect();
    assert_eq!(members, BTreeSet::from([back.member_id.to_string(), dynamic.clone()]));
    rig.reload();
    assert_eq!((rig.classic_state(), rig.classic_beat(&dynamic, 1)), (State::Stable, ErrorCode::None));
}

/// KAFKA-20273: what the members have is not what the assignment says.
#[test]
fn grp_24_a_classic_group_begins_with_a_rebalance_where_the_assignment_is_not_carried_out() {
    let mut rig = rig();
    let (_, dynamic) = classic_with_static(&mut rig);
    rig.consumer_beat(&comes("i", "new"));
    let late = rig.joined(joining("", &[])).member_id;
    assert_eq!(rig.joined(joining(&late, &[])).error, ErrorCode::None);
    let mut back = rig.classic_join(fixed("i", "", &[]));
    assert!(answer(&mut back).is_none(), "it waits for the others");
    assert_eq!(rig.classic_state(), State::PreparingRebalance);
    let generation = rig.classics().generation;
    let mut asked = [rig.classic_join(joining(&dynamic, &[0, 1, 2])), rig.classic_join(joining(&late, &[]))];
    let told = joined(&mut back);
    assert_eq!((told.error, told.generation), (ErrorCode::None, generation + 1));
    asked.iter_mut().for_each(|asking| assert_eq!(joined(asking).generation, generation + 1));
}

#[test]
fn grp_24_a_static_member_takes_its_place_among_consumers_with_the_classic_protocol() {
    let mut rig = rig();
    rig.consumer_beat(&arriving("other"));
    rig.consumer_beat(&comes("i", "new"));
    for id in ["other", "other", "new"] {
        rig.stay(id);
    }
    assert_eq!((rig.share("other"), rig.share("new")), (3, 3));
    let epoch = rig.consumers().epoch();
    // Nobody waits for the former self to say that it is away.
    let back = rig.joined(fixed("i", "", &[]));
    assert_eq!((back.error, back.generation), (ErrorCode::None, epoch));
    assert_eq!(partitions(&rig.synced_as(&back.member_id, Some("i"), epoch).assignment).len(), 3);
    assert_eq!((rig.consumers().epoch(), rig.share("other")), (epoch, 3));
    assert_eq!(rig.joined(fixed("i", "somebody", &[])).error, ErrorCode::FencedInstanceId);
    assert_eq!(rig.joined(fixed("j", "somebody", &[])).error, ErrorCode::UnknownMemberId);
    assert_eq!(rig.joined(fixed("i", &back.member_id, &[0])).error, ErrorCode::None);
    assert_eq!(
        rig.try_beat(&Heartbeat { instance_id: Some("i".into()), ..staying("new", epoch) }),
        Err(ErrorCode::FencedInstanceId)
    );
}
