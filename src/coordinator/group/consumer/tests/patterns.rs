//! Subscriptions by regular expression.
use super::shard::{Shard, joining, staying};
use crate::{
    coordinator::group::consumer::{Heartbeat, Partitions, State},
    types::ErrorCode,
    wire::coordinator::GroupRecord,
};
use std::collections::BTreeSet;

fn matching(id: &str, regex: &str) -> Heartbeat {
    Heartbeat { topics: None, regex: Some(regex.into()), ..joining(id, &[]) }
}

fn count(partitions: Option<Partitions>) -> usize {
    partitions.map_or(0, |topics| topics.values().map(BTreeSet::len).sum())
}

#[test]
fn cg_8_an_expression_stands_for_the_topics_there_are() {
    let mut shard = Shard::new(&[("foo", 2), ("foobar", 3), ("bar", 5)]);
    let reply = shard.beat(&matching("a", "foo.*")).unwrap();
    assert_eq!((reply.member_epoch, count(reply.assignment)), (2, 5));
    let written = shard.last().iter().find_map(|record| match record {
        GroupRecord::ConsumerGroupRegularExpression(key, Some(value)) => Some((key.clone(), value.clone())),
        _ => None,
    });
    let (key, value) = written.expect("what it stands for is written down");
    assert_eq!((&*key.regular_expression, value.topics), ("foo.*", vec!["foo".to_owned(), "foobar".to_owned()]));
    assert_eq!(value.version, shard.image.at().unwrap().offset.get());
    assert!(shard.group().is_subscribed("foo") && !shard.group().is_subscribed("bar"));
}

#[test]
fn cg_3_a_new_expression_is_no_change_until_it_stands_for_something() {
    let mut shard = Shard::new(&[("bar", 5)]);
    assert_eq!(shard.beat(&matching("a", "foo.*")).unwrap().member_epoch, 1);
    shard.pass(1_000);
    shard.create("foo", 3);
    assert_eq!((count(shard.stay("a").assignment), shard.group().epoch()), (3, 2));
    shard.pass(1_000);
    shard.beat(&matching("b", "foo.*")).unwrap();
    assert_eq!(shard.group().epoch(), 3, "one more for topics that are known");
    shard.pass(1_000);
    shard.beat(&matching("c", "nothing.*")).unwrap();
    assert_eq!(shard.group().epoch(), 3);
}

#[test]
fn cg_3_new_and_deleted_topics_change_what_an_expression_stands_for() {
    let mut shard = Shard::new(&[("foo", 2), ("bar", 5)]);
    shard.beat(&matching("a", "foo.*")).unwrap();
    shard.pass(1_000);
    shard.create("food", 3);
    assert_eq!((count(shard.stay("a").assignment), shard.group().epoch()), (5, 3));
    shard.pass(1_000);
    shard.create("bark", 3);
    shard.stay("a");
    assert_eq!(shard.group().epoch(), 3, "a topic of others");
    shard.pass(1_000);
    shard.delete("foo");
    shard.delete("food");
    shard.stay("a");
    shard.stay("a");
    assert_eq!((shard.count("a"), shard.group().epoch()), (0, 4), "nothing is left (KAFKA-19891)");
    shard.pass(1_000);
    shard.create("foo", 1);
    shard.reload();
    shard.stay("a");
    assert_eq!((shard.count("a"), shard.group().state()), (1, State::Stable));
}

#[test]
fn cg_8_an_expression_that_nobody_uses_is_forgotten() {
    let mut shard = Shard::new(&[("foo", 2), ("bar", 5)]);
    let tombstone = |shard: &Shard, text: &str| {
        shard.last().iter().any(|record| {
            matches!(record, GroupRecord::ConsumerGroupRegularExpression(key, None) if key.regular_expression == text)
        })
    };
    shard.beat(&matching("a", "foo")).unwrap();
    shard.pass(1_000);
    shard.beat(&matching("b", "foo")).unwrap();
    shard.pass(1_000);
    let epoch = |shard: &Shard, id| shard.group().member(id).unwrap().current.epoch;
    let change = Heartbeat { regex: Some("bar".into()), ..staying("a", epoch(&shard, "a")) };
    shard.beat(&change).unwrap();
    assert!(!tombstone(&shard, "foo"), "the other one has it still");
    shard.beat(&staying("b", -1)).unwrap();
    assert!(tombstone(&shard, "foo"));
    shard.pass(1_000);
    let names = Some(BTreeSet::from(["foo".to_owned()]));
    let change = Heartbeat { regex: Some(String::new()), topics: names, ..staying("a", epoch(&shard, "a")) };
    shard.beat(&change).unwrap();
    assert!(tombstone(&shard, "bar"));
    shard.stay("a");
    shard.stay("a");
    assert_eq!((shard.count("a"), shard.group().patterns.len()), (2, 0));
}

#[test]
fn cg_8_names_and_an_expression_add_up_and_a_bad_one_is_refused() {
    let mut shard = Shard::new(&[("foo", 2), ("bar", 5)]);
    assert_eq!(shard.refusal(&matching("a", "foo[")), ErrorCode::InvalidRegularExpression);
    assert!(shard.find().is_none());
    let both = Heartbeat { regex: Some("f.*".into()), ..joining("a", &["bar"]) };
    assert_eq!(count(shard.beat(&both).unwrap().assignment), 7);
    let bad = Heartbeat { regex: Some("(".into()), ..staying("a", 2) };
    assert_eq!(shard.refusal(&bad), ErrorCode::InvalidRegularExpression);
}

#[test]
fn cg_8_topics_in_quick_succession_are_matched_together() {
    let mut shard = Shard::new(&[("foo", 1)]);
    shard.beat(&matching("a", "foo.*")).unwrap();
    for number in 0..5 {
        shard.create(&format!("foo{number}"), 1);
        shard.pass(100);
        shard.stay("a");
    }
    assert_eq!(shard.group().epoch(), 2);
    shard.pass(1_000);
    shard.stay("a");
    assert_eq!((shard.group().epoch(), shard.count("a")), (3, 6));
}

#[test]
fn cg_8_many_expressions_are_matched_in_turns_and_none_is_left_out() {
    let mut shard = Shard::new(&[("t0", 1)]);
    let members: Vec<String> = (0..40).map(|number| format!("m{number}")).collect();
    for (number, id) in members.iter().enumerate() {
        shard.beat(&matching(id, &format!("t{number}"))).unwrap();
        shard.pass(1_000);
    }
    (1..40).for_each(|number| shard.create(&format!("t{number}"), 2));
    shard.pass(1_000);
    let matched = |shard: &Shard| shard.group().patterns.values().filter(|one| !one.topics.is_empty()).count();
    assert_eq!(matched(&shard), 1);
    let mut counts = vec![];
    for id in &members[..4] {
        shard.stay(id);
        counts.push(matched(&shard));
    }
    assert!(counts[0] < 20 && counts[1] < 40, "not all at once: {counts:?}");
    assert_eq!(counts[3], 40, "all in the end: {counts:?}");
}
