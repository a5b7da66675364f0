//! ElectLeaders.
use super::*;
use crate::wire::metadata::{BrokerRegistrationChangeRecord, PartitionChangeRecord};

fn elect(cluster: &mut Cluster, kind: ElectionKind, partitions: Option<&[i32]>) -> Vec<(i32, Result<(), Refused>)> {
    let partitions = partitions.map(|numbers| vec![("a".to_owned(), numbers.to_vec())]);
    match cluster.run(Operation::ElectLeaders(ElectLeaders { kind, partitions })) {
        Reply::OfPartitions(answer) => answer.unwrap().remove(0).1,
        other => panic!("{other:?}"),
    }
}

/// Topic `a` with the replicas 1, 2, 3 in each partition; leader and in sync as told.
fn cluster(partitions: &[(i32, &[i32])]) -> Cluster {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    let assignments: Vec<(i32, &[i32])> = (0..partitions.len() as i32).map(|number| (number, &[1, 2, 3][..])).collect();
    let id = cluster.create_one(assigned("a", &assignments)).unwrap().id;
    let records = partitions.iter().zip(0..).map(|((leader, isr), partition_id)| {
        let isr = Some(isr.to_vec());
        PartitionChangeRecord { partition_id, topic_id: id.0, leader: *leader, isr, ..Default::default() }.into()
    });
    cluster.apply(records.collect());
    cluster
}

fn fence(cluster: &mut Cluster, id: i32) {
    let broker_epoch = cluster.image().cluster.broker(NodeId(id)).unwrap().epoch;
    let record = BrokerRegistrationChangeRecord { broker_id: id, broker_epoch, fenced: 1, ..Default::default() };
    cluster.apply(vec![record.into()]);
}

#[test]
fn ctl_2_the_preferred_leader_leads_again_if_it_is_in_sync() {
    let mut cluster = cluster(&[(2, &[1, 2, 3]), (2, &[2, 3]), (1, &[1, 2, 3])]);
    let told = elect(&mut cluster, ElectionKind::Preferred, Some(&[0, 1, 2, 3]));
    let codes: Vec<ErrorCode> = told.iter().map(|(_, result)| code(result)).collect();
    assert_eq!(
        codes,
        [
            ErrorCode::None,
            ErrorCode::PreferredLeaderNotAvailable,
            ErrorCode::ElectionNotNeeded,
            ErrorCode::UnknownTopicOrPartition
        ]
    );
    let seen = cluster.seen("a");
    assert_eq!((seen[0].leader, seen[0].leader_epoch.get()), (Some(NodeId(1)), 2), "a new term, by one record");
    assert_eq!((seen[1].leader, seen[1].partition_epoch), (Some(NodeId(2)), 1), "left as it was");
}

#[test]
fn ctl_2_asked_for_all_only_what_needs_an_election_is_told() {
    let mut cluster = cluster(&[(2, &[1, 2, 3]), (1, &[1]), (3, &[3])]);
    let told = elect(&mut cluster, ElectionKind::Preferred, None);
    assert_eq!(told.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn ctl_2_an_unclean_election_takes_whoever_lives_and_says_that_records_may_be_lost() {
    let mut cluster = cluster(&[(-1, &[1]), (1, &[1])]);
    fence(&mut cluster, 1);
    let told = elect(&mut cluster, ElectionKind::Unclean, Some(&[0, 1]));
    assert_eq!(code(&told[0].1), ErrorCode::None);
    assert_eq!(code(&told[1].1), ErrorCode::ElectionNotNeeded);
    let partition = &cluster.seen("a")[0];
    assert_eq!((partition.leader, partition.isr.as_slice(), partition.recovering), (Some(NodeId(2)), &[2][..], true));
}

#[test]
fn ctl_7_nobody_who_is_fenced_is_elected() {
    let mut cluster = cluster(&[(-1, &[1]), (2, &[1, 2])]);
    for id in [1, 2, 3] {
        fence(&mut cluster, id);
    }
    let told = elect(&mut cluster, ElectionKind::Unclean, Some(&[0]));
    assert_eq!(code(&told[0].1), ErrorCode::EligibleLeadersNotAvailable);
    assert_eq!(cluster.seen("a")[0].leader, None);
}

#[test]
fn ctl_2_who_is_eligible_comes_before_who_merely_lives() {
    let mut cluster = cluster(&[(-1, &[])]);
    let topic_id = cluster.image().topics.named("a").unwrap().id.0;
    let eligible = PartitionChangeRecord {
        topic_id,
        eligible_leader_replicas: Some(vec![3]),
        last_known_elr: Some(vec![1]),
        ..Default::default()
    };
    cluster.apply(vec![eligible.into()]);
    let told = elect(&mut cluster, ElectionKind::Unclean, Some(&[0]));
    assert_eq!(code(&told[0].1), ErrorCode::None);
    let partition = &cluster.seen("a")[0];
    assert_eq!((partition.leader, partition.isr.as_slice()), (Some(NodeId(3)), &[3][..]));
    assert!(!partition.recovering && partition.eligible().is_empty() && partition.last_known_eligible().is_empty());
}
