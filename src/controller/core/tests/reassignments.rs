//! AlterPartitionReassignments.
use super::*;
use crate::wire::metadata::PartitionChangeRecord;

fn alter(
    cluster: &mut Cluster,
    topic: &str,
    replicas: Option<&[i32]>,
    replication_may_change: bool,
) -> Result<(), Refused> {
    let wanted = Reassignment { partition: 0, replicas: replicas.map(<[i32]>::to_vec) };
    let topics = vec![(topic.to_owned(), vec![wanted])];
    match cluster.run(Operation::ReassignPartitions(ReassignPartitions { topics, replication_may_change })) {
        Reply::OfPartitions(answer) => answer.unwrap().remove(0).1.remove(0).1,
        other => panic!("{other:?}"),
    }
}

fn replace(cluster: &mut Cluster, replicas: &[i32]) -> Result<(), Refused> {
    alter(cluster, "a", Some(replicas), true)
}

fn cluster(replicas: &[i32]) -> Cluster {
    let mut cluster = Cluster::of(&[1, 2, 3, 4]);
    cluster.create_one(assigned("a", &[(0, replicas)])).unwrap();
    cluster
}

/// Replicas, in sync, added, removed.
fn lists(cluster: &Cluster, topic: &str) -> [Vec<i32>; 4] {
    let one = &cluster.seen(topic)[0];
    [&one.replicas, &one.isr, one.adding(), one.removing()].map(|list| list.as_slice().to_vec())
}

fn in_sync(cluster: &mut Cluster, topic: &str, isr: &[i32]) {
    let topic_id = cluster.image().topics.named(topic).unwrap().id.0;
    cluster.apply(vec![PartitionChangeRecord { topic_id, isr: Some(isr.to_vec()), ..Default::default() }.into()]);
}

#[test]
fn ctl_8_what_is_so_already_changes_nothing() {
    let mut cluster = cluster(&[1, 2]);
    replace(&mut cluster, &[1, 2]).unwrap();
    assert_eq!(cluster.seen("a")[0].partition_epoch, 0);
}

#[test]
fn ctl_8_another_order_is_done_at_once_and_keeps_the_leader() {
    let mut cluster = cluster(&[1, 2]);
    replace(&mut cluster, &[2, 1]).unwrap();
    assert_eq!(lists(&cluster, "a"), [vec![2, 1], vec![1, 2], vec![], vec![]]);
    let one = &cluster.seen("a")[0];
    assert_eq!((one.leader, one.leader_epoch.get(), one.partition_epoch), (Some(NodeId(1)), 0, 1));
}

#[test]
fn ctl_8_who_comes_is_added_before_anyone_goes() {
    let mut cluster = cluster(&[1, 2]);
    replace(&mut cluster, &[3, 4]).unwrap();
    assert_eq!(lists(&cluster, "a"), [vec![3, 4, 1, 2], vec![1, 2], vec![3, 4], vec![1, 2]]);
    let directories: Vec<u128> = cluster.seen("a")[0].directories.iter().map(|id| id.as_u128()).collect();
    assert_eq!(directories, [103, 104, 101, 102], "each replica in a directory of its own broker");
}

#[test]
fn ctl_8_replicas_that_are_only_taken_away_go_at_once_when_somebody_in_sync_stays() {
    let mut cluster = cluster(&[1, 2, 3]);
    replace(&mut cluster, &[2, 3]).unwrap();
    assert_eq!(lists(&cluster, "a"), [vec![2, 3], vec![2, 3], vec![], vec![]]);
    let one = &cluster.seen("a")[0];
    assert_eq!((one.leader, one.leader_epoch.get()), (Some(NodeId(2)), 1), "the leader went, the term is over");
    in_sync(&mut cluster, "a", &[2]);
    replace(&mut cluster, &[3]).unwrap();
    assert_eq!(lists(&cluster, "a"), [vec![3, 2], vec![2], vec![], vec![2]], "3 has not everything yet");
}

#[test]
fn ctl_8_a_reassignment_is_taken_back() {
    let mut cluster = cluster(&[1, 2]);
    assert_eq!(code(&alter(&mut cluster, "a", None, true)), ErrorCode::NoReassignmentInProgress);
    replace(&mut cluster, &[3, 4]).unwrap();
    in_sync(&mut cluster, "a", &[1, 2, 3]);
    alter(&mut cluster, "a", None, true).unwrap();
    assert_eq!(lists(&cluster, "a"), [vec![1, 2], vec![1, 2], vec![], vec![]]);
    assert_eq!(cluster.seen("a")[0].leader_epoch.get(), 1, "3 and 4 learn that they hold nothing any more");
}

#[test]
fn ctl_8_going_back_to_replicas_that_are_behind_needs_leave_to_lose_records() {
    let mut cluster = cluster(&[1]);
    cluster.create_one(assigned("unclean", &[(0, &[1])])).unwrap();
    for topic in ["a", "unclean"] {
        alter(&mut cluster, topic, Some(&[2, 3]), true).unwrap();
        in_sync(&mut cluster, topic, &[2]);
    }
    let refused = alter(&mut cluster, "a", None, true);
    assert_eq!(code(&refused), ErrorCode::InvalidReplicaAssignment);
    assert!(text(&refused).contains("unclean leader election"), "{}", text(&refused));
    alter(&mut cluster, "unclean", None, true).unwrap();
    assert_eq!(lists(&cluster, "unclean"), [vec![1], vec![1], vec![], vec![]]);
}

#[test]
fn ctl_8_assignments_are_checked() {
    let mut cluster = cluster(&[1, 2]);
    for (replicas, expected, words) in [
        (&[][..], ErrorCode::InvalidReplicaAssignment, "empty replica list"),
        (&[1, 1], ErrorCode::InvalidReplicaAssignment, "more than once"),
        (&[1, 9], ErrorCode::InvalidReplicaAssignment, "no such broker is registered"),
        (&[1, -1], ErrorCode::InvalidReplicaAssignment, "no such broker is registered"),
    ] {
        let refused = replace(&mut cluster, replicas);
        assert_eq!(code(&refused), expected);
        assert!(text(&refused).contains(words), "{}", text(&refused));
    }
    let refused = alter(&mut cluster, "a", Some(&[1, 2, 3]), false);
    assert_eq!(code(&refused), ErrorCode::InvalidReplicationFactor);
    assert_eq!(text(&refused), "The replication factor is changed from 2 to 3");
    alter(&mut cluster, "a", Some(&[1, 3]), false).unwrap();
    assert_eq!(code(&alter(&mut cluster, "b", Some(&[1]), true)), ErrorCode::UnknownTopicOrPartition);
}
