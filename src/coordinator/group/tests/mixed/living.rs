//! Members of the classic protocol in a consumer group: joining, asking for the assignment, timers, commits, leaving.
use super::*;
use crate::coordinator::group::consumer::MemberState;

/// A consumer alone in a group.
fn with_consumer() -> Rig {
    let mut rig = rig();
    rig.consumer_beat(&arriving("new"));
    rig
}

/// Lets time pass in which the consumer goes on.
fn pass(rig: &mut Rig, ms: u64) {
    rig.advance(ms);
    rig.stay("new");
}

/// A classic member joins the group of the consumer: its id and generation.
fn enter(rig: &mut Rig) -> (String, i32) {
    let id = rig.joined(joining("", &[])).member_id.to_string();
    let joined = rig.joined(joining(&id, &[]));
    assert_eq!(joined.error, ErrorCode::None);
    (id, joined.generation)
}

#[test]
fn grp_24_a_classic_member_joins_a_consumer_group_with_the_id_it_is_given() {
    let mut rig = with_consumer();
    let first = rig.joined(joining("", &[]));
    assert_eq!(first.error, ErrorCode::MemberIdRequired);
    assert_eq!(rig.consumers().members().count(), 1, "nobody came in yet");
    let second = rig.joined(joining(&first.member_id, &[]));
    assert_eq!((second.generation, second.protocol_type.as_deref()), (3, Some("consumer")));
    assert_eq!((second.protocol.as_deref(), &*second.leader, second.members.len()), (Some("range"), "", 0));
    let told = rig.synced(&first.member_id, 3);
    assert_eq!((told.protocol.as_deref(), partitions(&told.assignment).len()), (Some("range"), 0));
    // Before version 4 a client comes in at once.
    let third = rig.joined(JoinRequest { takes_id: false, ..joining("", &[]) });
    assert_eq!((third.error, rig.consumers().members().count()), (ErrorCode::None, 3));
    let kinds = rig.described().members;
    assert_eq!(kinds.iter().filter(|member| member.metadata.classic.is_some()).count(), 2);
}

#[test]
fn grp_24_a_cooperative_member_gives_back_before_it_gets_and_an_eager_one_at_once() {
    for eager in [false, true] {
        let mut rig = rig();
        let old = rig.stable_classic(1)[0].member_id.clone();
        rig.consumer_beat(&arriving("new"));
        assert_eq!(rig.classic_beat(&old, 1), ErrorCode::RebalanceInProgress);
        let owned: &[i32] = if eager { &[] } else { &[0, 1, 2, 3, 4, 5] };
        let joined = rig.joined(joining(&old, owned));
        let state = rig.consumers().member(&old).unwrap().current.state;
        let told = rig.synced(&old, joined.generation);
        let kept: Vec<i32> = partitions(&told.assignment).into_iter().collect();
        assert_eq!(kept.len(), 3);
        if eager {
            assert_eq!((joined.generation, state), (2, MemberState::Stable));
        } else {
            assert_eq!((joined.generation, state), (1, MemberState::Unrevoked));
            rig.stay("new");
            assert_eq!(rig.share("new"), 0, "they are not free yet");
            assert_eq!(rig.classic_beat(&old, 1), ErrorCode::RebalanceInProgress);
            let again = rig.joined(joining(&old, &kept));
            assert_eq!(again.generation, 2);
        }
        rig.stay("new");
        assert_eq!(rig.share("new"), 3);
    }
}

#[test]
fn grp_24_who_waits_for_partitions_joins_again_when_all_of_them_are_free() {
    let mut rig = with_consumer();
    let (id, generation) = enter(&mut rig);
    assert_eq!(rig.synced(&id, generation).error, ErrorCode::None);
    assert_eq!(rig.consumers().member(&id).unwrap().current.state, MemberState::Unreleased);
    assert_eq!(rig.classic_beat(&id, generation), ErrorCode::None, "the consumer has them still");
    rig.stay("new");
    assert_eq!(rig.classic_beat(&id, generation), ErrorCode::None);
    rig.stay("new");
    assert_eq!(rig.settle(&id, generation, &[]).1.len(), 3);
}

#[test]
fn grp_24_one_who_never_asks_for_its_assignment_or_never_joins_again_is_out() {
    let mut rig = with_consumer();
    let (id, generation) = enter(&mut rig);
    rig.stay("new");
    rig.stay("new");
    assert_eq!(rig.settle(&id, generation, &[]).1.len(), 3);
    let generation = rig.consumers().epoch();
    pass(&mut rig, REBALANCE_MS / 10);
    assert!(rig.consumers().member(&id).is_some(), "it did all it must");
    // A third comes: this one must join again and only sends heartbeats.
    let (other, _) = enter(&mut rig);
    assert_eq!(rig.classic_beat(&id, generation), ErrorCode::RebalanceInProgress);
    for _ in 0..8 {
        pass(&mut rig, 7_400);
        assert_eq!(rig.classic_beat(&id, generation), ErrorCode::RebalanceInProgress);
        assert_ne!(rig.classic_beat(&other, generation + 1), ErrorCode::UnknownMemberId);
    }
    pass(&mut rig, 900);
    assert!(rig.consumers().member(&id).is_none(), "its rebalance timeout is over");
    assert!(rig.consumers().member(&other).is_none(), "it never synced");
}

#[test]
fn grp_24_a_classic_member_has_the_session_it_asked_for() {
    let mut rig = with_consumer();
    let (id, generation) = enter(&mut rig);
    rig.synced(&id, generation);
    pass(&mut rig, SESSION_MS - 1);
    assert!(rig.consumers().member(&id).is_some());
    rig.classic_beat(&id, generation);
    pass(&mut rig, SESSION_MS - 1);
    rig.reload();
    pass(&mut rig, SESSION_MS - 1);
    assert!(rig.consumers().member(&id).is_some(), "a fresh one after a load (GRP-20)");
    rig.advance(1);
    assert!(rig.consumers().member(&id).is_none());
    rig.stay("new");
    assert_eq!(rig.share("new"), 6);
}

#[test]
fn grp_15_a_classic_member_commits_in_a_consumer_group_with_its_generation() {
    let mut rig = rig();
    let old = rig.stable_classic(1)[0].member_id.clone();
    rig.consumer_beat(&arriving("new"));
    assert_eq!(rig.commit(&old, 1, 0), ErrorCode::None);
    assert_eq!(rig.commit(&old, 2, 0), ErrorCode::IllegalGeneration);
    assert_eq!(rig.commit("stranger", 1, 0), ErrorCode::UnknownMemberId);
    assert_eq!(rig.commit("", -1, 0), ErrorCode::UnknownMemberId);
    let (generation, has) = rig.settle(&old, 1, &[0, 1, 2, 3, 4, 5]);
    assert_eq!(rig.commit(&old, generation, 0), ErrorCode::None);
    let lost = (0..6).find(|one| !has.contains(one)).unwrap();
    assert_eq!(rig.commit(&old, 1, has[0]), ErrorCode::None, "it has had that all the time (KIP-1251)");
    assert_eq!(rig.commit(&old, 1, lost), ErrorCode::IllegalGeneration, "that is another's now");
}

#[test]
fn grp_24_a_member_changes_its_own_protocol_under_its_id() {
    let mut rig = with_consumer();
    let (id, generation) = enter(&mut rig);
    rig.synced(&id, generation);
    rig.consumer_beat(&arriving(&id));
    assert!(rig.consumers().member(&id).unwrap().metadata.classic.is_none());
    for _ in 0..10 {
        pass(&mut rig, 8_000);
        rig.stay(&id);
    }
    assert_eq!(rig.share(&id), 3, "no timer of its former protocol puts it out");
    rig.joined(joining(&id, &[]));
    assert!(rig.consumers().member(&id).unwrap().metadata.classic.is_some());
    assert_eq!(rig.classic_leave(&id, None), ErrorCode::None);
    rig.stay("new");
    assert_eq!(rig.share("new"), 6);
}
