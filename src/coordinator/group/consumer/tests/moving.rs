//! Partitions that move from one member to another, and what commits mean meanwhile.
use super::shard::{Shard, joining, staying};
use crate::{
    coordinator::group::consumer::{Heartbeat, MemberState, Partitions, State},
    types::ErrorCode,
};
use std::collections::BTreeSet;

/// Two members; the first knows that it must give up two of its four partitions.
fn two_members() -> (Shard, Partitions) {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.join("a", &["t"]);
    shard.pass(1_000);
    let second = shard.join("b", &["t"]);
    assert_eq!((second.member_epoch, second.assignment), (3, Some(Partitions::new())));
    let told = shard.beat(&staying("a", 2)).unwrap();
    let rest = told.assignment.expect("it is told what it keeps");
    assert_eq!((told.member_epoch, rest[&shard.id("t")].len()), (2, 2));
    (shard, rest)
}

fn state(shard: &Shard, id: &str) -> (MemberState, i32) {
    let current = &shard.group().member(id).unwrap().current;
    (current.state, current.epoch)
}

#[test]
fn cg_4_a_partition_is_given_out_when_its_owner_let_go_of_it() {
    let (mut shard, rest) = two_members();
    assert_eq!(state(&shard, "a"), (MemberState::Unrevoked, 2));
    assert_eq!(state(&shard, "b"), (MemberState::Unreleased, 3));
    assert_eq!(shard.group().state(), State::Reconciling);
    let waits = shard.beat(&staying("b", 3)).unwrap();
    assert_eq!((waits.assignment, waits.heartbeat_interval_ms), (None, 500), "it waits, and asks again soon");
    // It still has one of those it must give up, or does not say what it has.
    let id = shard.id("t");
    let lost = shard.group().member("a").unwrap().current.revoking[&id].keys().copied().collect::<Vec<_>>();
    let mut some = rest.clone();
    some.get_mut(&id).unwrap().insert(lost[0]);
    for owned in [Some(some), None] {
        shard.beat(&Heartbeat { owned, ..staying("a", 2) }).unwrap();
        assert_eq!(state(&shard, "a"), (MemberState::Unrevoked, 2));
        assert_eq!(shard.beat(&staying("b", 3)).unwrap().assignment, None);
    }
    let moves_on = shard.beat(&Heartbeat { owned: Some(rest), ..staying("a", 2) }).unwrap();
    assert_eq!((moves_on.member_epoch, moves_on.assignment), (3, None));
    let gets = shard.beat(&staying("b", 3)).unwrap();
    assert_eq!(gets.assignment, Some(Partitions::from([(id, lost.into_iter().collect())])));
    assert_eq!((shard.group().state(), shard.stay("b").heartbeat_interval_ms), (State::Stable, 5_000));
}

#[test]
fn cg_4_what_is_not_subscribed_to_goes_before_the_next_target() {
    let mut shard = Shard::new(&[("t", 2), ("u", 2)]);
    shard.settings.consumer.assignment_interval_ms.default = 10_000;
    shard.join("a", &["t", "u"]);
    shard.pass(1);
    let change = Heartbeat { topics: Some(BTreeSet::from(["u".to_owned()])), ..staying("a", 2) };
    let told = shard.beat(&change).unwrap();
    assert_eq!(told.assignment, Some(Partitions::from([(shard.id("u"), BTreeSet::from([0, 1]))])));
    assert_eq!(state(&shard, "a"), (MemberState::Unrevoked, 2), "the epoch stays (KAFKA-19974)");
    shard.pass(10_000);
    assert_eq!(shard.stay("a").member_epoch, 3);
    assert_eq!(state(&shard, "a"), (MemberState::Stable, 3));
}

#[test]
fn cg_4_a_member_gets_back_what_it_was_giving_up() {
    let (mut shard, rest) = two_members();
    // The other leaves before the first gave anything up.
    shard.beat(&staying("b", -1)).unwrap();
    shard.pass(1_000);
    let back = shard.beat(&Heartbeat { owned: Some(rest), ..staying("a", 2) }).unwrap();
    assert_eq!((back.member_epoch, shard.count("a")), (4, 4), "its own revocation stands not in its way (KAFKA-19449)");
}

#[test]
fn cg_5_who_does_not_let_go_in_time_is_out() {
    let (mut shard, _) = two_members();
    for _ in 0..5 {
        shard.pass(5_999);
        shard.beat(&staying("a", 2)).unwrap();
        shard.beat(&staying("b", 3)).unwrap();
    }
    assert!(shard.group().member("a").is_some());
    shard.pass(5);
    assert!(shard.group().member("a").is_none());
    assert_eq!(shard.refusal(&staying("a", 2)), ErrorCode::UnknownMemberId);
    shard.beat(&staying("b", 3)).unwrap();
    assert_eq!(shard.count("b"), 4);
}

#[test]
fn cg_5_who_let_go_is_not_put_out_later() {
    let (mut shard, rest) = two_members();
    shard.beat(&Heartbeat { owned: Some(rest), ..staying("a", 2) }).unwrap();
    for _ in 0..10 {
        shard.pass(10_000);
        shard.stay("a");
        shard.stay("b");
    }
    assert_eq!(shard.group().state(), State::Stable);
}

#[test]
fn grp_20_after_a_load_everyone_has_the_whole_time_anew() {
    let (mut shard, _) = two_members();
    shard.pass(29_000);
    shard.reload();
    shard.pass(29_999);
    assert!(shard.group().member("a").is_some() && shard.group().member("b").is_some());
    shard.pass(1);
    assert!(shard.group().member("a").is_none(), "its time to let go is over (CG-5)");
    shard.pass(14_999);
    assert!(shard.group().member("b").is_some());
    shard.pass(1);
    assert_eq!(shard.group().state(), State::Empty, "it was silent for a whole session");
    assert_eq!(shard.timers(), 1, "nothing but the look for old offsets is left");
}

#[test]
fn cg_6_commits_count_for_what_the_member_has_had_since_the_epoch_it_names() {
    let (mut shard, rest) = two_members();
    let id = shard.id("t");
    let kept = *rest[&id].first().unwrap();
    shard.beat(&Heartbeat { owned: Some(rest), ..staying("a", 2) }).unwrap();
    shard.beat(&staying("b", 3)).unwrap();
    let moved = *shard.group().member("b").unwrap().current.assigned[&id].keys().next().unwrap();
    let group = shard.group();
    let commit =
        |member: &str, epoch, partition| group.validate_commit(member, None, epoch, true, false)?.check(id, partition);
    assert_eq!(commit("a", 3, kept), Ok(()));
    assert_eq!(commit("a", 2, kept), Ok(()), "it does not know of its newest epoch yet (KIP-1251)");
    assert_eq!(commit("a", 1, kept), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit("a", 4, kept), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit("a", 2, moved), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit("b", 2, moved), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit("c", 3, moved), Err(ErrorCode::UnknownMemberId));
    assert_eq!(commit("", -1, moved), Err(ErrorCode::UnknownMemberId), "a simple consumer among members");
    let old = group.validate_commit("a", None, 3, false, false).err();
    assert_eq!(old, Some(ErrorCode::UnsupportedVersion));
    assert!(group.validate_commit("", None, -1, true, true).is_ok(), "a producer that names no member");
    assert_eq!(group.validate_fetch(Some("a"), 3), Ok(()));
    assert_eq!(group.validate_fetch(None, -1), Ok(()));
    assert_eq!(group.validate_fetch(Some("a"), 2), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(group.validate_fetch(Some("c"), 2), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn cg_4_a_description_shows_where_everyone_is() {
    let (mut shard, _) = two_members();
    let described = shard.describe().unwrap();
    assert_eq!((described.state, described.epoch, described.assignment_epoch), (State::Reconciling, 3, 3));
    let count = |partitions: &Partitions| partitions.values().map(BTreeSet::len).sum::<usize>();
    let members: Vec<_> = described.members.iter().map(|one| (&*one.id, one.epoch, count(&one.assigned))).collect();
    assert_eq!(members, [("a", 2, 4), ("b", 3, 0)], "what must be given back is still there");
    assert!(described.members.iter().all(|member| count(&member.target) == 2));
    let metadata = &described.members[0].metadata;
    assert_eq!((&*metadata.client_id, &*metadata.client_host), ("client", "/127.0.0.1"));
}

#[test]
fn cg_1_members_without_topics_are_members() {
    let mut shard = Shard::new(&[("t", 2)]);
    let none = shard.beat(&joining("a", &[])).unwrap();
    assert_eq!((none.member_epoch, none.assignment), (1, Some(Partitions::new())));
    assert_eq!(shard.group().state(), State::Stable);
    let unknown = shard.join("b", &["later"]);
    assert_eq!((unknown.member_epoch, shard.count("b")), (2, 0));
    shard.pass(1_000);
    shard.create("later", 3);
    shard.stay("b");
    assert_eq!(shard.count("b"), 3);
}
