//! CreatePartitions.
use super::*;

fn more(name: &str, count: i32) -> MorePartitions {
    MorePartitions { name: name.into(), count, assignments: None }
}

fn extend(cluster: &mut Cluster, topics: Vec<MorePartitions>, validate_only: bool) -> Vec<Result<(), Refused>> {
    match cluster.run(Operation::CreatePartitions { request: CreatePartitions { topics, validate_only }, seed: 0 }) {
        Reply::Partitions(answer) => answer.unwrap().into_iter().map(|(_, result)| result).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ctl_9_partitions_are_added_and_never_taken_away() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_one(sized("a", 2, 1)).unwrap();
    let results = extend(&mut cluster, vec![more("a", 5), more("b", 2)], false);
    assert_eq!(code(&results[0]), ErrorCode::None);
    assert_eq!(code(&results[1]), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(cluster.replicas("a").len(), 5);
    for (count, words) in [
        (5, "Topic already has 5 partition(s)."),
        (2, "The topic a currently has 5 partition(s); 2 would not be an increase."),
        (-1, "would not be an increase"),
    ] {
        let result = extend(&mut cluster, vec![more("a", count)], false).remove(0);
        assert_eq!(code(&result), ErrorCode::InvalidPartitions);
        assert!(text(&result).contains(words), "{}", text(&result));
    }
    let huge = extend(&mut cluster, vec![more("a", i32::MAX)], false).remove(0);
    assert_eq!(code(&huge), ErrorCode::PolicyViolation);
    cluster.create_one(sized("c", 1, 1)).unwrap();
    let together = extend(&mut cluster, vec![more("a", 6_005), more("c", 6_001), more("c2", 2)], true);
    let codes: Vec<ErrorCode> = together.iter().map(code).collect();
    assert_eq!(
        codes,
        [ErrorCode::None, ErrorCode::PolicyViolation, ErrorCode::UnknownTopicOrPartition],
        "in one request"
    );
    let twice = extend(&mut cluster, vec![more("a", 6), more("a", 7)], false);
    assert_eq!(twice.iter().map(code).collect::<Vec<_>>(), [ErrorCode::InvalidRequest]);
    extend(&mut cluster, vec![more("a", 6)], true).remove(0).unwrap();
    assert_eq!(cluster.replicas("a").len(), 5, "validating only adds nothing");
}

#[test]
fn ctl_9_assignments_of_added_partitions_are_checked() {
    let mut cluster = Cluster::of(&[1, 2]);
    cluster.create_one(sized("a", 1, 2)).unwrap();
    let by_hand = |assignments: &[&[i32]]| MorePartitions {
        assignments: Some(assignments.iter().map(|replicas| replicas.to_vec()).collect()),
        ..more("a", 2)
    };
    for (assignments, words) in [
        (&[][..], "Attempted to add 1 additional partition(s), but only 0 assignment(s) were specified."),
        (&[&[1, 2][..], &[1, 2]], "but only 2 assignment(s)"),
        (&[&[1]], "which have 2 replica(s)"),
        (&[&[1, 9]], "no such broker is registered"),
    ] {
        let result = extend(&mut cluster, vec![by_hand(assignments)], false).remove(0);
        assert_eq!(code(&result), ErrorCode::InvalidReplicaAssignment);
        assert!(text(&result).contains(words), "{}", text(&result));
    }
    extend(&mut cluster, vec![by_hand(&[&[2, 1]])], false).remove(0).unwrap();
    assert_eq!(cluster.replicas("a")[1], [2, 1]);
}

#[test]
fn txn_19_the_coordinators_topics_keep_the_number_of_their_partitions() {
    let mut cluster = Cluster::of(&[1]);
    let internal = ["__transaction_state", "__consumer_offsets", "__share_group_state"];
    for name in internal {
        cluster.create_one(sized(name, 3, 1)).unwrap();
    }
    for validate_only in [true, false] {
        for name in internal {
            for count in [4, 3, 2, -1] {
                let result = extend(&mut cluster, vec![more(name, count)], validate_only).remove(0);
                assert_eq!(code(&result), ErrorCode::InvalidRequest, "{name} {count}");
                assert!(text(&result).contains("num.partitions"), "{}", text(&result));
            }
            assert_eq!(cluster.replicas(name).len(), 3, "{name}");
        }
    }
    cluster.create_one(sized("__transaction_state2", 1, 1)).unwrap();
    extend(&mut cluster, vec![more("__transaction_state2", 2)], false).remove(0).unwrap();
}
