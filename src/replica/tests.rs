//! Who may write to a partition, and what a request is told that knows another leader.
use super::*;
use crate::{
    log::{AppendOrigin, AppendTerms, Closed, LogDir, LogDirSettings, LogId},
    node::topic_settings,
    platform::{ManualClock, MemoryDisk, hurried},
    record::BatchBuilder,
    types::{Acks, Isolation, LeaderEpoch, NodeId, Offset, TopicId, TopicName},
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

const THIS: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);

fn led_by(leader: Option<NodeId>, epoch: i32, in_sync: &[NodeId]) -> Leadership {
    Leadership {
        leader,
        epoch: LeaderEpoch::from_wire(epoch).unwrap(),
        partition_epoch: 0,
        replicas: vec![THIS, OTHER, NodeId(3)],
        in_sync: in_sync.to_vec(),
    }
}

fn directory() -> Arc<LogDir> {
    let settings = LogDirSettings { background: false, ..LogDirSettings::default() };
    let clock = Arc::new(ManualClock::at_wall_ms(0));
    LogDir::open(Arc::new(MemoryDisk::new()), clock, Path::new("/data"), settings).unwrap()
}

/// A partition of three replicas of which two must be in sync.
fn partition(leadership: Leadership) -> Arc<Partition> {
    partition_in(Some(directory()), 0, leadership)
}

fn partition_in(directory: Option<Arc<LogDir>>, index: i32, leadership: Leadership) -> Arc<Partition> {
    let set = BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]);
    let settings = Arc::new(topic_settings(&Default::default(), &set).unwrap());
    let id =
        LogId { topic: TopicName::parse("t").unwrap(), topic_id: TopicId(uuid::Uuid::from_u128(7)), partition: index };
    Partition::new(id, THIS, directory, leadership, settings)
}

fn append(partition: &Arc<Partition>, acks: Acks) -> Result<Offset, ProduceError> {
    let batch = BatchBuilder::new(0).record(None, Some(b"x")).build();
    partition.append(batch, acks, AppendTerms::from(AppendOrigin::Client)).map(|appended| appended.last)
}

#[test]
fn off_9_fet_6_an_older_epoch_is_fenced_a_newer_one_unknown() {
    let partition = partition(led_by(Some(THIS), 5, &[THIS]));
    let judged = |epoch| partition.check_leader(LeaderEpoch::from_wire(epoch));
    assert_eq!(judged(-1), Ok(LeaderEpoch::from_wire(5).unwrap()), "nothing said, nothing checked");
    assert_eq!(judged(5), Ok(LeaderEpoch::from_wire(5).unwrap()));
    assert_eq!(judged(4), Err(Unavailable::FencedEpoch));
    assert_eq!(judged(6), Err(Unavailable::UnknownEpoch));
}

#[test]
fn only_the_leader_takes_records() {
    for leader in [Some(OTHER), None] {
        let partition = partition(led_by(leader, 5, &[OTHER]));
        assert_eq!(partition.check_leader(None), Err(Unavailable::NotLeader));
        assert_eq!(partition.check_leader(LeaderEpoch::from_wire(4)), Err(Unavailable::FencedEpoch), "epochs first");
        for acks in [Acks::None, Acks::Leader, Acks::All] {
            let refused = append(&partition, acks).unwrap_err();
            assert!(matches!(refused, ProduceError::Unavailable(Unavailable::NotLeader)), "{refused}");
        }
        assert!(partition.opened().is_none(), "nothing was written");
    }
}

#[test]
fn acks_all_needs_as_many_replicas_in_sync_as_the_topic_says() {
    let partition = partition(led_by(Some(THIS), 0, &[THIS]));
    assert!(partition.is_alone_in_sync());
    let refused = append(&partition, Acks::All).unwrap_err();
    assert!(matches!(refused, ProduceError::NotEnoughReplicas { in_sync: 1, minimum: 2 }), "{refused}");
    assert_eq!(append(&partition, Acks::Leader).unwrap(), Offset::ZERO, "who does not ask for it is not refused");
    partition.update_leadership(led_by(Some(THIS), 0, &[THIS, OTHER]));
    assert!(!partition.is_alone_in_sync());
    assert_eq!(append(&partition, Acks::All).unwrap(), Offset::new(1));
}

#[test]
fn whoever_waits_when_leadership_is_lost_learns_why() {
    let partition = partition(led_by(Some(THIS), 0, &[THIS, OTHER]));
    append(&partition, Acks::Leader).unwrap();
    let high = partition.log().unwrap().high_mark().clone();
    partition.update_leadership(led_by(Some(OTHER), 1, &[OTHER]));
    assert_eq!(high.closed(), Some(Closed::NotLeader));
    assert!(matches!(append(&partition, Acks::Leader), Err(ProduceError::Unavailable(Unavailable::NotLeader))));
}

#[test]
fn a_thread_that_must_not_wait_opens_no_log() {
    let partition = partition(led_by(Some(THIS), 0, &[THIS]));
    let refused = hurried(|| append(&partition, Acks::Leader)).unwrap_err();
    assert!(matches!(refused, ProduceError::Unavailable(Unavailable::Cold)), "{refused}");
    assert!(hurried(|| partition.read(Offset::ZERO, Isolation::ReadUncommitted, 1, true)).unwrap_err().is_cold());
    assert!(partition.opened().is_none());
    append(&partition, Acks::Leader).unwrap();
    hurried(|| append(&partition, Acks::Leader)).unwrap();
}

#[test]
fn many_logs_are_opened_at_once_and_those_that_cannot_be_hold_up_none() {
    for count in [0, 1, 5, 300] {
        let directory = directory();
        let has_place = |index: i32| index % 7 != 3;
        let place = |index| Some(directory.clone()).filter(|_| has_place(index));
        let led = led_by(Some(THIS), 0, &[THIS]);
        let partitions: Vec<_> = (0..count).map(|index| partition_in(place(index), index, led.clone())).collect();
        open_all(&partitions);
        for (index, partition) in (0..).zip(&partitions) {
            assert_eq!(partition.opened().is_some(), has_place(index), "{index} of {count}");
        }
    }
}
