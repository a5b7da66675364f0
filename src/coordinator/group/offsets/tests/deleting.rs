//! Deleting offsets, groups and topics.
use super::*;
use crate::coordinator::group::classic;

fn delete(rig: &mut Rig, group: &str, topics: &[(&str, &[i32])]) -> Result<Vec<ErrorCode>, ErrorCode> {
    let topic =
        |(topic, partitions): &(&str, &[i32])| DeleteTopic { topic: text(topic), partitions: partitions.to_vec() };
    let request = Delete { group: text(group), topics: topics.iter().map(topic).collect() };
    match ask(rig, Request::Delete(request)) {
        Reply::Deleted(result) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn grp_22_offsets_are_deleted_one_by_one() {
    let mut rig = Rig::with_topics(&[("t", 2), ("u", 1)]);
    assert_eq!(delete(&mut rig, "g", &[("t", &[0])]), Err(ErrorCode::GroupIdNotFound));
    codes(&mut rig, commit("g", &[(name("t"), vec![at(0, 5), at(1, 6)]), (name("u"), vec![at(0, 7)])]));
    let before = rig.records().count();
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let got = delete(&mut rig, "g", &[("t", &[0, 5]), ("none", &[0])]);
    assert_eq!(got, Ok(vec![ErrorCode::None, unknown, unknown]));
    assert_eq!(rig.records().count(), before + 1);
    assert_eq!((offset(&mut rig, "g", "t"), offset(&mut rig, "g", "u")), (-1, 7));
    assert_eq!(delete(&mut rig, "g", &[("t", &[0])]), Ok(vec![ErrorCode::None]), "again, which writes nothing");
    assert_eq!(rig.records().count(), before + 1);
    delete(&mut rig, "g", &[("t", &[1]), ("u", &[0])]).unwrap();
    assert_eq!(delete(&mut rig, "g", &[("t", &[0])]), Ok(vec![ErrorCode::None]), "an empty group is a group");
}

#[test]
fn grp_21_a_simple_group_without_offsets_is_there_until_the_next_look() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    for group in ["expires", "deleted", "used"] {
        committed(&mut rig, group, "t", 5);
        delete(&mut rig, group, &[("t", &[0])]).unwrap();
        assert!(rig.hard().by_id[group].is_gone(), "no record is left of it");
    }
    // What it had pending was all there was of it.
    let pending = Durability::InTransaction(producer(7));
    codes(&mut rig, Commit { durability: pending, ..commit("aborted", &[(name("t"), vec![at(0, 1)])]) });
    ask(&mut rig, Request::EndTransaction(producer(7), Marker { commit: false, coordinator_epoch: 0 }));
    assert!(rig.hard().by_id["aborted"].is_gone());
    assert_eq!(ask(&mut rig, Request::DeleteGroup(text("deleted"))), Reply::GroupDeleted(ErrorCode::None));
    assert_eq!(ask(&mut rig, Request::DeleteGroup(text("deleted"))), Reply::GroupDeleted(ErrorCode::GroupIdNotFound));
    committed(&mut rig, "used", "t", 6);
    rig.advance(1_200_000);
    assert_eq!(rig.hard().by_id.keys().map(|id| &**id).collect::<Vec<_>>(), ["used"]);
    let written = rig.records().count();
    rig.advance(1_200_000);
    assert_eq!(rig.records().count(), written, "they went once");
}

#[test]
fn grp_22_a_group_is_deleted_with_all_it_has() {
    let mut rig = Rig::with_topics(&[("t", 1), ("u", 1)]);
    let not_found = Reply::GroupDeleted(ErrorCode::GroupIdNotFound);
    assert_eq!(ask(&mut rig, Request::DeleteGroup(text("g"))), not_found);
    committed(&mut rig, "g", "t", 5);
    let pending =
        Commit { durability: Durability::InTransaction(producer(7)), ..commit("g", &[(name("u"), vec![at(0, 1)])]) };
    codes(&mut rig, pending);
    committed(&mut rig, "h", "t", 6);
    assert_eq!(ask(&mut rig, Request::DeleteGroup(text("g"))), Reply::GroupDeleted(ErrorCode::None));
    assert_eq!(rig.hard().by_id.keys().map(|id| &**id).collect::<Vec<_>>(), ["h"]);
    assert!(rig.hard().offsets.open.is_empty(), "the transaction has nothing here any more");
    assert_eq!(ask(&mut rig, Request::DeleteGroup(text("g"))), not_found);
}

/// Asks to join and is told an id, which nobody comes back with.
fn ask_for_id(rig: &mut Rig, group: &str) {
    let request = classic::JoinRequest {
        group: group.into(),
        member_id: "".into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![classic::Protocol { name: "range".into(), metadata: bytes::Bytes::new() }],
        reason: None,
        takes_id: true,
        skips_assignment: false,
    };
    match rig.now(group::Request::Classic(classic::Request::Join(request))) {
        Some(group::Reply::Classic(classic::Reply::Join(joined))) => {
            assert_eq!(joined.error, ErrorCode::MemberIdRequired);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn grp_22_an_id_that_nobody_came_back_with_is_no_member() {
    let mut rig = Rig::with_topics(&[("t", 2)]);
    codes(&mut rig, commit("g", &[(name("t"), vec![at(0, 5), at(1, 6)])]));
    for group in ["g", "only-asked"] {
        ask_for_id(&mut rig, group);
    }
    assert_eq!(delete(&mut rig, "g", &[("t", &[0])]), Ok(vec![ErrorCode::None]));
    for group in ["g", "only-asked"] {
        assert_eq!(ask(&mut rig, Request::DeleteGroup(text(group))), Reply::GroupDeleted(ErrorCode::None));
        let again = ask(&mut rig, Request::DeleteGroup(text(group)));
        assert_eq!(again, Reply::GroupDeleted(ErrorCode::GroupIdNotFound), "{group}: the id went with it");
    }
    rig.advance(20_000);
    assert!(rig.hard().by_id.is_empty() && rig.runtime.soft().classic.iter().next().is_none());
}

#[test]
fn grp_22_a_deleted_topic_takes_its_offsets_but_not_those_of_its_namesake() {
    let mut rig = Rig::with_topics(&[("t", 3_000), ("u", 1)]);
    let many = (0..3_000).map(|partition| at(partition, 1)).collect();
    codes(&mut rig, commit("g", &[(name("t"), many)]));
    committed(&mut rig, "h", "t", 5);
    committed(&mut rig, "h", "u", 6);
    let pending =
        Commit { durability: Durability::InTransaction(producer(7)), ..commit("p", &[(name("t"), vec![at(0, 1)])]) };
    codes(&mut rig, pending);
    rig.delete_topic(1);
    rig.create_topic("t", 3, 1);
    committed(&mut rig, "new", "t", 9);
    let deleted = || Request::TopicsDeleted(vec![("t".into(), Uuid::from_u128(1)), ("x".into(), Uuid::from_u128(8))]);
    let mut turns = 0;
    while ask(&mut rig, deleted()) == Reply::More {
        turns += 1;
        let last = rig.runtime.journal().decided.last().unwrap();
        assert!(last.len() <= TOMBSTONES_MAX);
    }
    assert_eq!(turns, 3);
    let with_offsets = rig.hard().by_id.iter().filter(|(_, group)| !group.is_gone());
    assert_eq!(with_offsets.map(|(id, _)| &**id).collect::<Vec<_>>(), ["h", "new"]);
    assert_eq!((offset(&mut rig, "h", "u"), offset(&mut rig, "new", "t"), offset(&mut rig, "h", "t")), (6, 9, -1));
}

#[test]
fn grp_22_a_group_with_very_many_offsets_goes_in_parts_that_fit_the_topic() {
    let mut rig = Rig::with_topics(&[("t", 3_000)]);
    let many = || (0..3_000).map(|partition| at(partition, 1)).collect();
    codes(&mut rig, commit("g", &[(name("t"), many())]));
    rig.set_topic(group::TOPIC, "max.message.bytes", "40000");
    let from = rig.runtime.journal().appended.len();
    let mut parts = 1;
    while ask(&mut rig, Request::DeleteGroup(text("g"))) == Reply::More {
        parts += 1;
        assert!(rig.hard().by_id.contains_key("g"), "it is there until the last part");
    }
    assert!(parts > 3 && rig.hard().by_id.is_empty(), "{parts}");
    assert!((10_000..40_000).contains(&rig.largest_write(from)), "{}", rig.largest_write(from));
}

#[test]
fn grp_18_no_write_is_larger_than_the_journal_takes() {
    let mut rig = Rig::with_topics(&[("t", 3_000)]);
    rig.set_topic(group::TOPIC, "max.message.bytes", "40000");
    let written = rig.records().count();
    let many = || (0..3_000).map(|partition| at(partition, 1)).collect();
    let refused = codes(&mut rig, commit("g", &[(name("t"), many())]));
    assert!(refused.iter().all(|code| *code == ErrorCode::UnknownServerError));
    assert_eq!(rig.records().count(), written);
    rig.set_topic(group::TOPIC, "max.message.bytes", "1048588");
    codes(&mut rig, commit("g", &[(name("t"), many())]));
    // A segment may hold less than a batch might have.
    rig.set_topic(group::TOPIC, "segment.bytes", "40000");
    let all: Vec<i32> = (0..3_000).collect();
    assert_eq!(delete(&mut rig, "g", &[("t", &all)]), Err(ErrorCode::UnknownServerError));
    let from = rig.runtime.journal().appended.len();
    rig.delete_topic(1);
    while ask(&mut rig, Request::TopicsDeleted(vec![("t".into(), Uuid::from_u128(1))])) == Reply::More {}
    assert!(rig.hard().by_id["g"].is_gone() && rig.largest_write(from) < 40_000);
}
