//! Subscriptions by regular expression.
use super::shard::{Shard, joining, staying};
use crate::{
    coordinator::group::consumer::{Heartbeat, Matched, Partitions, State},
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

#[test]
fn cg_8_a_shard_is_told_what_an_expression_stands_for_and_never_finds_it_out_itself() {
    let mut shard = Shard::new(&[("foo", 2)]);
    let costly = matching("a", &"f?o?".repeat(4_000));
    let asked = shard.beat_matched(&costly, Matched::default()).unwrap_err();
    assert_eq!(asked, [costly.regex.unwrap()], "as soon as it is heard of");
    assert!(shard.find().is_none() && shard.timers() == 1, "nobody has joined");
    let first = matching("a", "foo.*");
    let asked = shard.beat_matched(&first, Matched::default()).unwrap_err();
    let matched = Matched::find(asked, &shard.image, &|| false);
    shard.create("food", 3);
    let reply = shard.beat_matched(&first, matched).unwrap().unwrap();
    assert_eq!(count(reply.assignment), 2, "the topics there were when it was matched");
    shard.pass(1_000);
    let again = staying("a", 2);
    assert_eq!(shard.beat_matched(&again, Matched::default()).unwrap_err(), ["foo.*"], "those since then");
    shard.beat(&again).unwrap();
    assert_eq!(shard.count("a"), 5);
    shard.pass(1_000);
    assert!(shard.beat_matched(&staying("a", 3), Matched::default()).is_ok(), "no topic came or went");
    let second = matching("b", "f.*");
    let asked = shard.beat_matched(&second, Matched::default()).unwrap_err();
    let matched = Matched::find(asked, &shard.image, &|| false);
    shard.create("foam", 1);
    shard.stay("a");
    shard.beat_matched(&second, matched).unwrap().unwrap();
    let epoch = shard.group().member("a").unwrap().current.epoch;
    let late = shard.beat_matched(&staying("a", epoch), Matched::default());
    assert_eq!(late.unwrap_err(), ["f.*", "foo.*"], "one of them has not seen what the other has");
}

#[test]
fn cg_8_an_expression_that_takes_too_long_is_refused_or_stands_for_what_it_stood_for() {
    let mut shard = Shard::new(&[("foo", 2)]);
    let (new, late) = (matching("a", "foo.*"), || true);
    let asked = shard.beat_matched(&new, Matched::default()).unwrap_err();
    let matched = Matched::find(asked.clone(), &shard.image, &late);
    let refused = shard.beat_matched(&new, matched).unwrap().unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRegularExpression);
    assert!(refused.message.contains("too long"), "{}", refused.message);
    shard.beat(&new).unwrap();
    shard.pass(1_000);
    shard.create("food", 3);
    shard.pass(40_000);
    assert!(shard.beat_matched(&staying("a", 2), Matched::default()).is_err());
    shard.pass(40_000);
    assert_eq!(shard.group().members().count(), 1, "it was heard of while its expression is matched");
    let matched = Matched::find(asked, &shard.image, &late);
    assert!(shard.beat_matched(&staying("a", 2), matched).unwrap().is_ok());
    assert_eq!(shard.count("a"), 2);
}
