//! What is told of committed offsets.
use super::*;

#[test]
fn grp_23_what_was_never_committed_is_minus_one_and_no_error() {
    let mut rig = Rig::with_topics(&[("t", 2)]);
    let nothing = |partition: i32| FetchedPartition {
        partition,
        offset: -1,
        leader_epoch: -1,
        metadata: text(""),
        error: ErrorCode::None,
    };
    let asked = fetch_of("g", Some(vec![(name("t"), vec![0, 1, 77]), (name("none"), vec![0])]));
    let told = fetch(&mut rig, asked.clone());
    assert_eq!(told[0].partitions, [nothing(0), nothing(1), nothing(77)], "the group does not exist");
    assert_eq!((&*told[1].name, &told[1].partitions[..]), ("none", &[nothing(0)][..]));
    assert_eq!(fetch(&mut rig, fetch_of("g", None)), []);
    let silent = CommitPartition { partition: 0, offset: 5, leader_epoch: -1, metadata: None };
    codes(&mut rig, commit("g", &[(name("t"), vec![silent, at(1, 6)])]));
    let told = fetch(&mut rig, asked);
    assert_eq!(told[0].partitions[0], FetchedPartition { offset: 5, ..nothing(0) }, "no leader epoch stays none");
    let second = FetchedPartition { offset: 6, leader_epoch: 3, metadata: text("m"), ..nothing(1) };
    assert_eq!(told[0].partitions[1..], [second, nothing(77)]);
}

#[test]
fn grp_23_topics_go_by_name_or_id_and_all_of_them_by_none() {
    let mut rig = Rig::with_topics(&[("b", 1), ("a", 1)]);
    committed(&mut rig, "g", "b", 1);
    committed(&mut rig, "g", "a", 2);
    let (b, a, unknown) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(9));
    let asked = vec![(Named::Id(unknown), vec![0, 1]), (Named::Id(b), vec![0])];
    let told = fetch(&mut rig, fetch_of("g", Some(asked)));
    assert_eq!((&*told[0].name, told[0].id, told[0].partitions[0].offset), ("b", b, 1));
    assert_eq!(told[1].id, unknown);
    assert!(told[1].partitions.iter().all(|one| one.error == ErrorCode::UnknownTopicId && one.offset == -1));
    let all = fetch(&mut rig, fetch_of("g", None));
    let all: Vec<_> = all.iter().map(|topic| (&*topic.name, topic.id, topic.partitions[0].offset)).collect();
    assert_eq!(all, [("a", a, 2), ("b", b, 1)]);
}

#[test]
fn grp_22_a_topic_made_anew_does_not_inherit() {
    let mut rig = Rig::with_topics(&[("t", 1)]);
    committed(&mut rig, "g", "t", 5);
    rig.delete_topic(1);
    assert_eq!(offset(&mut rig, "g", "t"), 5, "whoever asks by name still hears of a topic that is gone");
    rig.create_topic("t", 2, 1);
    assert_eq!(offset(&mut rig, "g", "t"), -1);
    assert_eq!(fetch(&mut rig, fetch_of("g", None)), []);
}
