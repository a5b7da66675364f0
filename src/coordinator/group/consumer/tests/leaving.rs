//! Leaving, and static members, who come back.
use super::shard::{Shard, is_static, joining, staying};
use crate::{
    coordinator::group::consumer::{Heartbeat, State},
    types::ErrorCode,
};

#[test]
fn cg_1_who_leaves_is_gone_at_once() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.join("a", &["t"]);
    shard.pass(1_000);
    shard.join("b", &["t"]);
    let bye = shard.beat(&staying("a", -1)).unwrap();
    assert_eq!((&*bye.member_id, bye.member_epoch), ("a", -1));
    assert_eq!(shard.refusal(&staying("a", -1)), ErrorCode::UnknownMemberId);
    shard.pass(1_000);
    shard.stay("b");
    assert_eq!((shard.count("b"), shard.group().state()), (4, State::Stable));
}

#[test]
fn cg_7_a_static_member_comes_back_to_what_it_had_and_nothing_moves() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.beat(&is_static("i", joining("a", &["t"]))).unwrap();
    shard.pass(1_000);
    shard.join("b", &["t"]);
    for id in ["a", "a", "b"] {
        shard.stay(id);
    }
    let had = shard.describe().unwrap().members[0].target.clone();
    let epoch = shard.group().epoch();
    let away = shard.beat(&is_static("i", staying("a", -2))).unwrap();
    assert_eq!(away.member_epoch, -2);
    shard.pass(5_000);
    shard.stay("b");
    assert_eq!(shard.count("b"), 2, "its partitions are kept for it");
    let back = shard.beat(&is_static("i", joining("c", &["t"]))).unwrap();
    assert_eq!((back.member_epoch, back.assignment.as_ref()), (epoch, Some(&*had)));
    assert_eq!((shard.group().epoch(), shard.group().member("a")), (epoch, None));
    assert_eq!(shard.group().state(), State::Stable);
    // KAFKA-20434: another wish than before is a change.
    shard.beat(&is_static("i", staying("c", -2))).unwrap();
    let wish = Heartbeat { assignor: Some("range".into()), ..is_static("i", joining("d", &["t"])) };
    shard.beat(&wish).unwrap();
    assert_eq!(shard.group().epoch(), epoch + 1);
}

/// As with Apache Kafka: what a join leaves out is as before, also where it was told under the former id.
#[test]
fn cg_7_who_takes_a_static_members_place_has_its_regular_expression_until_it_tells_of_another() {
    let mut shard = Shard::new(&[("t", 4), ("u", 2)]);
    let regex = |text: &str, heartbeat: Heartbeat| Heartbeat { regex: Some(text.into()), ..is_static("i", heartbeat) };
    let regex_of = |shard: &Shard, id: &str| shard.group().member(id).and_then(|member| member.metadata.regex.clone());
    shard.beat(&regex("u", joining("a", &[]))).unwrap();
    shard.beat(&is_static("i", staying("a", -2))).unwrap();
    shard.pass(1_000);
    shard.beat(&is_static("i", joining("b", &["t"]))).unwrap();
    assert_eq!((regex_of(&shard, "b").as_deref(), shard.count("b")), (Some("u"), 6));
    shard.beat(&is_static("i", staying("b", -2))).unwrap();
    shard.pass(1_000);
    shard.beat(&regex("", joining("c", &["t"]))).unwrap();
    assert_eq!((regex_of(&shard, "c").as_deref(), shard.count("c")), (Some(""), 4));
}

#[test]
fn cg_7_a_static_member_that_does_not_come_back_is_out_in_the_end() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.beat(&is_static("i", joining("a", &["t"]))).unwrap();
    shard.beat(&is_static("i", staying("a", -2))).unwrap();
    shard.pass(44_999);
    assert!(shard.group().member("a").is_some());
    shard.pass(1);
    assert_eq!(shard.group().state(), State::Empty);
    shard.beat(&is_static("i", joining("b", &["t"]))).unwrap();
    let gone = shard.beat(&is_static("i", staying("b", -1))).unwrap();
    assert_eq!((gone.member_epoch, shard.group().state()), (-1, State::Empty));
}

#[test]
fn cg_7_an_instance_id_has_one_member() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.join("z", &["t"]);
    for epoch in [1, -1, -2] {
        assert_eq!(shard.refusal(&is_static("i", staying("a", epoch))), ErrorCode::UnknownMemberId);
    }
    let first = shard.beat(&is_static("i", joining("a", &["t"]))).unwrap();
    assert_eq!(shard.refusal(&is_static("i", joining("b", &["t"]))), ErrorCode::UnreleasedInstanceId);
    for epoch in [first.member_epoch, -1, -2] {
        assert_eq!(shard.refusal(&is_static("i", staying("b", epoch))), ErrorCode::FencedInstanceId);
    }
    shard.beat(&is_static("i", staying("a", -2))).unwrap();
    shard.beat(&is_static("i", joining("b", &["t"]))).unwrap();
    let former = is_static("i", staying("a", first.member_epoch));
    assert_eq!(shard.refusal(&former), ErrorCode::FencedInstanceId, "its former self");
    let epoch = shard.group().member("b").unwrap().current.epoch;
    assert_eq!(shard.refusal(&is_static("j", staying("b", epoch))), ErrorCode::UnknownMemberId);
    // Another instance id for the same member frees the first (KAFKA-20747).
    shard.beat(&is_static("j", joining("b", &["t"]))).unwrap();
    shard.beat(&is_static("i", joining("k", &["t"]))).unwrap();
}
