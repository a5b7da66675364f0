//! Registration, admission and producer ids.
use super::*;

fn allocate(cluster: &mut Cluster, id: i32, broker_epoch: i64) -> Result<i64, Refused> {
    match cluster.run(Operation::AllocateProducerIds { broker: NodeId(id), broker_epoch }) {
        Reply::ProducerIds(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ctl_6_the_brokers_epoch_is_the_offset_of_its_registration() {
    let mut cluster = Cluster::of(&[]);
    let next = cluster.runtime.journal().end().get();
    assert_eq!(cluster.register(1), next);
    let broker = cluster.image().cluster.broker(NodeId(1)).unwrap();
    assert_eq!((broker.epoch, broker.fenced), (next, true));
    cluster.admit(1, false);
    assert!(cluster.image().cluster.broker(NodeId(1)).unwrap().is_active());
    let old = Admission { id: NodeId(1), epoch: next - 1, new_terms: false, from: None };
    let Reply::Admitted(result) = cluster.run(Operation::AdmitBroker(old)) else { panic!() };
    assert_eq!(code(&result), ErrorCode::StaleBrokerEpoch);
}

#[test]
fn ctl_5_after_a_crash_every_leader_begins_a_new_term_and_after_an_orderly_stop_none() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_one(sized("a", 2, 1)).unwrap();
    let terms = |cluster: &Cluster| -> Vec<(i32, i32)> {
        let topic = cluster.image().topics.named("a").unwrap();
        topic.partitions.values().map(|one| (one.leader_epoch.get(), one.partition_epoch)).collect()
    };
    cluster.register(1);
    cluster.admit(1, false);
    assert_eq!(terms(&cluster), [(0, 0), (0, 0)]);
    cluster.register(1);
    cluster.admit(1, true);
    assert_eq!(terms(&cluster), [(1, 1), (1, 1)]);
}

#[test]
fn ctl_10_more_elections_than_a_batch_holds_are_done_in_steps() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_one(sized("a", 9_000, 1)).unwrap();
    cluster.create_one(sized("b", 9_000, 1)).unwrap();
    cluster.register(1);
    assert_eq!(cluster.admit(1, true), 2);
    for topic in cluster.image().topics.iter() {
        assert!(topic.partitions.values().all(|one| one.leader_epoch.get() == 1 && one.partition_epoch == 1));
    }
    assert!(cluster.image().cluster.broker(NodeId(1)).unwrap().is_active());
}

#[test]
fn ctl_2_a_partition_without_a_leader_gets_one_that_has_everything() {
    use crate::wire::metadata::PartitionChangeRecord;
    let mut cluster = Cluster::of(&[1]);
    let id = cluster.create_one(sized("a", 3, 1)).unwrap().id;
    let change = |partition_id, isr: &[i32], eligible: &[i32]| -> MetadataRecord {
        PartitionChangeRecord {
            partition_id,
            topic_id: id.0,
            leader: -1,
            isr: Some(isr.to_vec()),
            eligible_leader_replicas: Some(eligible.to_vec()),
            ..Default::default()
        }
        .into()
    };
    let records = vec![change(0, &[1], &[]), change(1, &[], &[1]), change(2, &[], &[])];
    let base = cluster.runtime.journal().end().plus(10);
    cluster.runtime.hard_mut().replay(base, records).unwrap();
    let epoch = cluster.image().cluster.broker(NodeId(1)).unwrap().epoch;
    let (records, _) = super::super::brokers::admit(
        cluster.image(),
        &Admission { id: NodeId(1), epoch, new_terms: false, from: None },
    )
    .unwrap();
    cluster.runtime.hard_mut().replay(base.plus(10), records).unwrap();
    let partitions = &cluster.image().topics.named("a").unwrap().partitions;
    let seen: Vec<_> =
        partitions.values().map(|one| (one.leader.is_some(), one.isr.len(), one.eligible().len())).collect();
    assert_eq!(seen, [(true, 1, 0), (true, 1, 0), (false, 0, 0)], "nobody is sure to have partition 2 whole");
}

#[test]
fn idem_13_blocks_are_durable_and_never_given_twice() {
    let mut cluster = Cluster::of(&[1]);
    let epoch = cluster.image().cluster.broker(NodeId(1)).unwrap().epoch;
    assert_eq!(allocate(&mut cluster, 1, epoch), Ok(0));
    assert_eq!(allocate(&mut cluster, 1, epoch), Ok(PRODUCER_IDS_PER_BLOCK));
    assert_eq!(cluster.image().producer_ids.next, 2 * PRODUCER_IDS_PER_BLOCK);
    assert_eq!(code(&allocate(&mut cluster, 1, epoch - 1)), ErrorCode::StaleBrokerEpoch);
    assert_eq!(code(&allocate(&mut cluster, 2, epoch)), ErrorCode::BrokerIdNotRegistered);
}

#[test]
fn a_broker_that_cannot_what_the_cluster_does_is_not_registered() {
    let mut cluster = Cluster::of(&[]);
    let registration = BrokerRegistration {
        id: NodeId(1),
        incarnation: Uuid::from_u128(7),
        endpoints: vec![],
        features: vec![],
        rack: None,
        directories: vec![],
        cordoned: vec![],
    };
    let Reply::Registered(result) = cluster.run(Operation::RegisterBroker(registration)) else { panic!() };
    assert_eq!(code(&result), ErrorCode::UnsupportedVersion);
}
