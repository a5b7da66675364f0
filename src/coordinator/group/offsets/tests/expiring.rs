//! Offsets past their retention.
use super::*;

const DAY_MS: u64 = 86_400_000;

#[test]
fn grp_21_offsets_of_a_simple_group_expire_by_their_commit() {
    let mut rig = Rig::with_topics(&[("t", 1), ("u", 1)]);
    committed(&mut rig, "g", "t", 5);
    rig.advance(DAY_MS);
    committed(&mut rig, "g", "u", 6);
    rig.advance(6 * DAY_MS - 600_000);
    assert_eq!(offset(&mut rig, "g", "t"), 5, "not a moment too early");
    rig.advance(1_200_000);
    assert_eq!((offset(&mut rig, "g", "t"), offset(&mut rig, "g", "u")), (-1, 6));
    rig.advance(DAY_MS);
    assert!(rig.hard().by_id.is_empty());
    let written = rig.records().count();
    rig.advance(DAY_MS);
    assert_eq!(rig.records().count(), written, "nothing to do, nothing written");
}

#[test]
fn grp_21_a_retention_that_the_client_named_wins() {
    let mut rig = Rig::with_topics(&[("t", 1), ("u", 1)]);
    let for_ms = |ms: i64, topic: &str| Commit {
        durability: Durability::KeptFor(ms),
        version: 2,
        ..commit("g", &[(name(topic), vec![at(0, 5)])])
    };
    codes(&mut rig, for_ms(1_000, "t"));
    codes(&mut rig, for_ms(30 * DAY_MS as i64, "u"));
    rig.advance(1_200_000);
    assert_eq!((offset(&mut rig, "g", "t"), offset(&mut rig, "g", "u")), (-1, 5));
    rig.advance(20 * DAY_MS);
    assert_eq!(offset(&mut rig, "g", "u"), 5, "longer than the broker's");
    rig.advance(11 * DAY_MS);
    assert_eq!(offset(&mut rig, "g", "u"), -1);
}

#[test]
fn txn_23_pending_offsets_keep_what_is_committed_and_the_group() {
    let mut rig = Rig::with_topics(&[("t", 1), ("u", 1)]);
    committed(&mut rig, "g", "t", 5);
    committed(&mut rig, "g", "u", 6);
    let pending =
        Commit { durability: Durability::InTransaction(producer(7)), ..commit("g", &[(name("t"), vec![at(0, 9)])]) };
    codes(&mut rig, pending);
    rig.advance(8 * DAY_MS);
    assert_eq!((offset(&mut rig, "g", "t"), offset(&mut rig, "g", "u")), (5, -1));
    let marker = Marker { commit: false, coordinator_epoch: 0 };
    ask(&mut rig, Request::EndTransaction(producer(7), marker));
    rig.advance(1_200_000);
    assert!(rig.hard().by_id.is_empty());
}

#[test]
fn grp_21_a_turn_is_bounded_and_the_next_goes_on_where_it_stopped() {
    let mut rig = Rig::with_topics(&[("t", 2_500), ("u", 1)]);
    let many = (0..2_500).map(|partition| at(partition, 1)).collect();
    codes(&mut rig, commit("big", &[(name("t"), many), (name("u"), vec![at(0, 1)])]));
    for number in 0..40 {
        committed(&mut rig, &format!("g{number}"), "u", 1);
    }
    committed(&mut rig, "a", "t", 1);
    rig.advance(8 * DAY_MS);
    assert!(rig.hard().by_id.is_empty());
    let largest = rig.runtime.journal().decided.iter().skip(1).map(Vec::len).max();
    assert_eq!(largest, Some(TOMBSTONES_MAX));
}

#[test]
fn grp_21_a_group_that_goes_during_the_look_at_it_does_not_hide_the_next() {
    let mut rig = Rig::with_topics(&[("t", 1_500)]);
    let many = |group: &str| commit(group, &[(name("t"), (0..1_500).map(|partition| at(partition, 1)).collect())]);
    codes(&mut rig, many("a"));
    codes(&mut rig, many("b"));
    rig.at.wall_ms += 8 * DAY_MS as i64;
    rig.at.monotonic_ms += 8 * DAY_MS;
    rig.now(group::Request::Due);
    assert_eq!(rig.hard().by_id["a"].offsets.len(), 500, "one turn");
    ask(&mut rig, Request::DeleteGroup(text("a")));
    while rig.soft().timers.next() == Some(rig.at.monotonic_ms) {
        rig.now(group::Request::Due);
    }
    assert!(rig.hard().by_id.is_empty());
}

#[test]
fn grp_21_a_turn_writes_no_more_than_the_journal_takes_at_once() {
    let mut rig = Rig::with_topics(&[("t", 40)]);
    let many = || (0..40).map(|partition| at(partition, 1)).collect();
    let long = "x".repeat(1_000);
    for number in 0..20 {
        codes(&mut rig, commit(&format!("{long}{number}"), &[(name("t"), many())]));
    }
    let from = rig.runtime.journal().appended.len();
    rig.settings.record_bytes_max = 50_000;
    rig.advance(8 * DAY_MS);
    assert!(rig.hard().by_id.is_empty());
    assert!((25_000..50_000).contains(&rig.largest_write(from)), "{}", rig.largest_write(from));
}
