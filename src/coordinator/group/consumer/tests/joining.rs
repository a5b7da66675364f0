//! Joining, epochs, what raises them, settings and limits.
use super::shard::{GROUP, Shard, is_static, joining, staying};
use crate::{
    coordinator::group::{
        Groups,
        consumer::{Heartbeat, MemberState, Partitions, State, assignor::Assignor, replay},
    },
    types::ErrorCode,
    wire::coordinator::GroupRecord,
};
use std::collections::BTreeSet;

#[test]
fn cg_1_a_join_tells_all_and_what_is_missing_is_refused() {
    let mut shard = Shard::new(&[("t", 3)]);
    let join = joining("a", &["t"]);
    let broken = [
        Heartbeat { member_id: String::new(), ..join.clone() },
        Heartbeat { instance_id: Some(String::new()), ..join.clone() },
        Heartbeat { rack_id: Some(String::new()), ..join.clone() },
        Heartbeat { member_id: " \t".into(), ..join.clone() },
        Heartbeat { instance_id: Some("  ".into()), ..join.clone() },
        Heartbeat { rack_id: Some("\0\n".into()), ..join.clone() },
        Heartbeat { rebalance_timeout_ms: None, ..join.clone() },
        Heartbeat { owned: None, ..join.clone() },
        Heartbeat { owned: Some(Partitions::from([(shard.id("t"), BTreeSet::from([0]))])), ..join.clone() },
        Heartbeat { topics: None, ..join.clone() },
        Heartbeat { member_epoch: -3, ..join.clone() },
        Heartbeat { member_epoch: -2, ..join.clone() },
        Heartbeat { member_id: String::new(), chooses_id: false, member_epoch: 5, ..join.clone() },
        Heartbeat { member_id: String::new(), chooses_id: false, member_epoch: -1, ..join.clone() },
    ];
    for heartbeat in broken {
        assert_eq!(shard.refusal(&heartbeat), ErrorCode::InvalidRequest, "{heartbeat:?}");
    }
    assert!(shard.find().is_none(), "what is refused makes no group");
    let named = shard.beat(&Heartbeat { member_id: String::new(), chooses_id: false, ..join }).unwrap();
    assert!(!named.member_id.is_empty(), "version 0 may leave the name to the coordinator");
}

#[test]
fn cg_1_nobody_stays_in_or_leaves_a_group_that_is_not_there() {
    let mut shard = Shard::new(&[("t", 3)]);
    for epoch in [1, -1] {
        assert_eq!(shard.refusal(&staying("a", epoch)), ErrorCode::GroupIdNotFound);
    }
    assert_eq!(shard.describe().unwrap_err().code, ErrorCode::GroupIdNotFound);
    shard.join("a", &["t"]);
    for epoch in [1, -1] {
        assert_eq!(shard.refusal(&staying("b", epoch)), ErrorCode::UnknownMemberId);
    }
}

#[test]
fn cg_1_the_first_member_has_everything_at_once_and_may_join_again() {
    let mut shard = Shard::new(&[("t", 3)]);
    let first = shard.join("a", &["t"]);
    let all = Partitions::from([(shard.id("t"), BTreeSet::from([0, 1, 2]))]);
    assert_eq!((first.member_epoch, first.assignment), (2, Some(all.clone())));
    let names: Vec<&str> = shard.last().iter().map(GroupRecord::name).collect();
    let wanted = [
        "ConsumerGroupMemberMetadata",
        "ConsumerGroupMetadata",
        "ConsumerGroupTargetAssignmentMember",
        "ConsumerGroupTargetAssignmentMetadata",
        "ConsumerGroupCurrentMemberAssignment",
    ];
    assert_eq!(names, wanted);
    let appended = shard.appended();
    let again = shard.join("a", &["t"]);
    assert_eq!((again.member_epoch, again.assignment), (2, Some(all)), "as after a fence (KAFKA-19233)");
    assert_eq!(shard.appended(), appended, "nothing changed");
}

#[test]
fn cg_2_an_epoch_is_the_newest_or_one_whose_answer_was_lost() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.join("a", &["t"]);
    shard.pass(1_000);
    shard.join("b", &["t"]);
    let revoke = shard.beat(&staying("a", 2)).unwrap();
    assert_eq!((revoke.member_epoch, shard.count("a")), (2, 2));
    assert_eq!(shard.stay("a").member_epoch, 3);
    assert_eq!(shard.refusal(&staying("a", 4)), ErrorCode::FencedMemberEpoch);
    assert_eq!(shard.refusal(&staying("a", 1)), ErrorCode::FencedMemberEpoch);
    assert_eq!(shard.refusal(&staying("a", 2)), ErrorCode::FencedMemberEpoch, "it does not say what it has");
    let all = Partitions::from([(shard.id("t"), BTreeSet::from([0, 1, 2, 3]))]);
    let before = Heartbeat { owned: Some(all), ..staying("a", 2) };
    assert_eq!(shard.refusal(&before), ErrorCode::FencedMemberEpoch, "it has what it should have dropped");
    let lost = Heartbeat { owned: Some(Partitions::new()), ..staying("a", 2) };
    assert_eq!(shard.beat(&lost).unwrap().member_epoch, 3);
}

#[test]
fn cg_5_a_member_comes_back_soon_only_where_that_helps() {
    let mut shard = Shard::new(&[("t", 4)]);
    let interval_ms = |shard: &mut Shard, ask: Heartbeat| shard.beat(&ask).unwrap().heartbeat_interval_ms;
    assert_eq!(interval_ms(&mut shard, joining("a", &["missing"])), 5_000, "it has nothing to give way with");
    shard.pass(1_000);
    let first = interval_ms(&mut shard, joining("b", &["t"]));
    assert_eq!(first, 1_001, "others may follow");
    let waiting = interval_ms(&mut shard, joining("c", &["t"]));
    shard.pass(7);
    let full = |epoch| Heartbeat { member_epoch: epoch, ..joining("c", &["t"]) };
    let epoch = shard.group().member("c").unwrap().current.epoch;
    assert_eq!((waiting, interval_ms(&mut shard, full(epoch))), (1_000, 1_000), "the same said again");
}

#[test]
fn cg_3_the_group_epoch_rises_with_every_change_and_only_then() {
    let mut shard = Shard::new(&[("t", 4), ("u", 2), ("w", 1)]);
    shard.join("a", &["t"]);
    let mut epoch = shard.group().epoch();
    let mut rises = |shard: &mut Shard, what: &str, by: i32| {
        assert_eq!(shard.group().epoch(), epoch + by, "{what}");
        epoch += by;
        shard.pass(1_000);
    };
    shard.stay("a");
    rises(&mut shard, "nothing", 0);
    shard.join("b", &["t"]);
    rises(&mut shard, "a member more", 1);
    let beat = |shard: &mut Shard, change: Heartbeat| {
        let member_epoch = shard.group().member("b").unwrap().current.epoch;
        shard.beat(&Heartbeat { member_epoch, ..change }).unwrap();
    };
    let both = Some(BTreeSet::from(["t".to_owned(), "u".to_owned()]));
    beat(&mut shard, Heartbeat { topics: both, ..staying("b", 1) });
    rises(&mut shard, "a subscription", 1);
    beat(&mut shard, Heartbeat { rack_id: Some("r".into()), ..staying("b", 1) });
    rises(&mut shard, "what a member tells of itself", 0);
    beat(&mut shard, Heartbeat { assignor: Some("range".into()), ..staying("b", 1) });
    rises(&mut shard, "the assignor that most want", 1);
    beat(&mut shard, Heartbeat { assignor: Some("range".into()), ..staying("b", 1) });
    rises(&mut shard, "the same again", 0);
    shard.extend("u", 5);
    shard.stay("a");
    rises(&mut shard, "more partitions", 1);
    shard.delete("u");
    shard.stay("a");
    rises(&mut shard, "a topic less", 1);
    shard.create("u", 5);
    shard.stay("a");
    rises(&mut shard, "another topic of the name", 1);
    shard.extend("w", 4);
    shard.stay("a");
    rises(&mut shard, "a topic of others", 0);
    shard.beat(&staying("b", -1)).unwrap();
    rises(&mut shard, "a member less", 1);
    shard.beat(&staying("a", -1)).unwrap();
    rises(&mut shard, "the last member", 1);
    let group = shard.group();
    assert_eq!((group.state(), group.assignment_epoch), (State::Empty, group.epoch), "KAFKA-20442");
}

#[test]
fn cg_8_the_assignor_is_one_of_the_settings_and_most_wishes_count() {
    let mut shard = Shard::new(&[("t", 4)]);
    let wish = |id: &str, name: &str| Heartbeat { assignor: Some(name.into()), ..joining(id, &["t"]) };
    assert_eq!(shard.refusal(&wish("a", "cyclic")), ErrorCode::UnsupportedAssignor);
    shard.join("a", &["t"]);
    assert_eq!(shard.describe().unwrap().assignor, "uniform");
    shard.beat(&wish("b", "range")).unwrap();
    assert_eq!(shard.describe().unwrap().assignor, "range");
    shard.settings.consumer.assignors = vec![Assignor::Uniform];
    assert_eq!(shard.refusal(&wish("c", "range")), ErrorCode::UnsupportedAssignor);
    assert_eq!(shard.describe().unwrap().assignor, "uniform", "a wish that is no longer granted");
}

#[test]
fn cg_3_the_first_target_is_at_once_the_next_after_the_interval() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.settings.consumer.assignment_interval_ms.default = 2_000;
    assert_eq!(shard.join("a", &["t"]).member_epoch, 2);
    shard.pass(500);
    let waits = shard.join("b", &["t"]);
    assert_eq!((waits.member_epoch, waits.assignment), (2, Some(Partitions::new())), "it is in, and has nothing yet");
    assert_eq!(shard.group().state(), State::Assigning);
    assert_eq!(waits.heartbeat_interval_ms, 1_500, "it comes back when the target may be computed");
    shard.pass(1_499);
    shard.stay("b");
    assert_eq!(shard.group().assignment_epoch, 2);
    shard.pass(1);
    shard.stay("b");
    assert_eq!(shard.group().assignment_epoch, 3);
    // An empty group is as a new one.
    shard.beat(&staying("a", -1)).unwrap();
    shard.beat(&staying("b", -1)).unwrap();
    let next = shard.join("c", &["t"]);
    assert_eq!((next.member_epoch, shard.count("c")), (shard.group().epoch, 4));
    shard.set("consumer.assignment.interval.ms", "0");
    shard.join("d", &["t"]);
    assert_eq!(shard.group().assignment_epoch, shard.group().epoch);
}

#[test]
fn cg_5_a_groups_own_settings_count_within_the_brokers_bounds() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.join("a", &["t"]);
    assert_eq!(shard.stay("a").heartbeat_interval_ms, 5_000);
    shard.set("consumer.heartbeat.interval.ms", "7000");
    shard.set("consumer.session.timeout.ms", "50000");
    assert_eq!(shard.stay("a").heartbeat_interval_ms, 7_000);
    shard.pass(49_999);
    assert!(shard.group().member("a").is_some());
    shard.pass(1);
    assert!(shard.group().member("a").is_none());
    shard.join("a", &["t"]);
    shard.set("consumer.heartbeat.interval.ms", "1");
    assert_eq!(shard.stay("a").heartbeat_interval_ms, 5_000);
}

#[test]
fn cg_1_a_full_group_takes_nobody_more() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.settings.consumer.members_max = 2;
    shard.join("a", &["t"]);
    shard.beat(&is_static("i", joining("b", &["t"]))).unwrap();
    assert_eq!(shard.refusal(&joining("c", &["t"])), ErrorCode::GroupMaxSizeReached);
    shard.join("a", &["t"]);
    shard.beat(&is_static("i", staying("b", -2))).unwrap();
    shard.beat(&is_static("i", joining("c", &["t"]))).unwrap();
}

#[test]
fn grp_19_records_in_any_order_and_number_are_taken() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.join("a", &["t"]);
    shard.pass(1_000);
    shard.join("b", &["t"]);
    let (group, records) = (shard.group().clone(), shard.last().to_vec());
    assert_eq!(group.member("b").unwrap().current.state, MemberState::Unreleased);
    for skipped in 0..records.len() {
        let mut groups = Groups::default();
        let some = records.iter().enumerate().filter(|(at, _)| *at != skipped).rev();
        some.for_each(|(_, record)| replay(&mut groups, record));
        group.tombstones(GROUP).iter().for_each(|record| replay(&mut groups, record));
        assert_eq!(groups, Groups::default());
    }
}

/// KAFKA-19829, KAFKA-19926: the interval is for those who come together, not for the first of them.
#[test]
fn cg_9_the_first_member_of_an_empty_group_never_waits_for_its_assignment() {
    let mut shard = Shard::new(&[("t", 4)]);
    shard.settings.consumer.assignment_interval_ms.default = 10_000;
    for round in ["a", "b", "c"] {
        shard.join(round, &["t"]);
        assert_eq!(shard.count(round), 4);
        shard.join("late", &["t"]);
        assert_eq!((shard.group().state(), shard.count("late")), (State::Assigning, 0));
        shard.beat(&staying("late", -1)).unwrap();
        shard.beat(&staying(round, -1)).unwrap();
    }
}
