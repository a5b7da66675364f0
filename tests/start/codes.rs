//! Error codes and limits that need a broker of the test's own: with other settings, with a past, with a broken disk.
use crate::{
    asker::{Asker, name},
    child::{Child, free_port, make_topic},
    dynamic::write,
};
use kafka_protocol::messages::{
    delete_topics_request::DeleteTopicState,
    fetch_request::{FetchPartition, FetchTopic},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
    *,
};
use rustix::process::Signal;
use std::time::Duration;

const FENCED_LEADER_EPOCH: i16 = 74;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const KAFKA_STORAGE_ERROR: i16 = 56;
const NOT_LEADER_OR_FOLLOWER: i16 = 6;

/// Reads partition 0 of `t` from its begin: the code and how many bytes came.
fn fetch(asker: &mut Asker, version: i16, epoch: i32) -> (i16, usize) {
    let partition = FetchPartition::default().with_current_leader_epoch(epoch).with_partition_max_bytes(50 << 20);
    let topic = FetchTopic::default().with_topic(name("t")).with_partitions(vec![partition]);
    let request = FetchRequest::default().with_max_bytes(50 << 20).with_session_epoch(-1).with_topics(vec![topic]);
    let answer = asker.ask(version, &request).unwrap();
    let partition = &answer.responses[0].partitions[0];
    (partition.error_code, partition.records.as_ref().map_or(0, |records| records.len()))
}

fn list_offsets(asker: &mut Asker, version: i16, epoch: i32) -> i16 {
    let partition = ListOffsetsPartition::default().with_current_leader_epoch(epoch).with_timestamp(-1);
    let topic = ListOffsetsTopic::default().with_name(name("t")).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    asker.ask(version, &request).unwrap().topics[0].partitions[0].error_code
}

fn offset_for_leader_epoch(asker: &mut Asker, version: i16, epoch: i32) -> i16 {
    let partition = OffsetForLeaderPartition::default().with_current_leader_epoch(epoch).with_leader_epoch(0);
    let topic = OffsetForLeaderTopic::default().with_topic(name("t")).with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
    asker.ask(version, &request).unwrap().topics[0].partitions[0].error_code
}

/// The leader's epoch as Metadata tells it.
fn leader_epoch(asker: &mut Asker) -> i32 {
    let topic = metadata_request::MetadataRequestTopic::default().with_name(Some(name("t")));
    let answer = asker.ask(12, &MetadataRequest::default().with_topics(Some(vec![topic]))).unwrap();
    answer.topics[0].partitions[0].leader_epoch
}

#[test]
fn off_9_fet_6_who_knows_an_older_leader_is_fenced() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut child = Child::serve(directory.path(), port, &[]);
    make_topic(port, "t");
    assert_eq!(write(&mut Asker::new(port), "t", 100, 5).0, 0);
    child.signal(Signal::KILL);
    child.ended(Duration::from_secs(5));
    let child = Child::serve(directory.path(), port, &[]);
    let mut asker = Asker::new(port);
    let epoch = leader_epoch(&mut asker);
    assert!(epoch > 0, "a leader that was killed comes back with a new epoch");
    for (given, code) in [(epoch, 0), (epoch - 1, FENCED_LEADER_EPOCH), (epoch + 1, UNKNOWN_LEADER_EPOCH), (-1, 0)] {
        for version in [9, 11, 12] {
            assert_eq!(fetch(&mut asker, version, given).0, code, "Fetch {version}, epoch {given} of {epoch}");
        }
        for version in 4..=10 {
            assert_eq!(list_offsets(&mut asker, version, given), code, "ListOffsets {version}, epoch {given}");
        }
        for version in 2..=4 {
            assert_eq!(offset_for_leader_epoch(&mut asker, version, given), code, "version {version}, epoch {given}");
        }
    }
    child.stop();
}

#[test]
fn ops_2_a_log_that_cannot_be_opened_is_a_storage_error_and_the_others_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &[]);
    for topic in ["t", "good"] {
        make_topic(port, topic);
        assert_eq!(write(&mut Asker::new(port), topic, 100, 5).0, 0);
    }
    child.stop();
    let segment = directory.path().join("data/t-0/00000000000000000000.log");
    std::fs::remove_file(&segment).unwrap();
    std::fs::create_dir(&segment).unwrap();
    let child = Child::serve(directory.path(), port, &[]);
    let mut asker = Asker::new(port);
    for version in [4, 5] {
        assert_eq!(
            fetch(&mut asker, version, -1).0,
            NOT_LEADER_OR_FOLLOWER,
            "version {version} knows no storage error"
        );
    }
    for version in [6, 11, 12] {
        assert_eq!(fetch(&mut asker, version, -1).0, KAFKA_STORAGE_ERROR, "version {version}");
    }
    for version in 1..=10 {
        assert_eq!(list_offsets(&mut asker, version, -1), KAFKA_STORAGE_ERROR, "version {version}");
    }
    for version in 2..=4 {
        assert_eq!(offset_for_leader_epoch(&mut asker, version, -1), KAFKA_STORAGE_ERROR, "version {version}");
    }
    assert_eq!(write(&mut asker, "t", 100, 5).0, KAFKA_STORAGE_ERROR);
    assert_eq!(write(&mut asker, "good", 100, 5).0, 0);
    child.stop();
}

#[test]
fn deletion_that_is_switched_off_is_told_as_each_version_knows_it() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &["delete.topic.enable=false"]);
    make_topic(port, "t");
    let mut asker = Asker::new(port);
    for (version, code) in [(1, 42), (2, 42), (3, 73), (4, 73), (5, 73), (6, 73)] {
        let request = match version {
            6 => {
                DeleteTopicsRequest::default().with_topics(vec![DeleteTopicState::default().with_name(Some(name("t")))])
            }
            _ => DeleteTopicsRequest::default().with_topic_names(vec![name("t")]),
        };
        let answer = asker.ask(version, &request.with_timeout_ms(5_000)).unwrap();
        assert_eq!(answer.responses[0].error_code, code, "version {version}");
    }
    assert_eq!(fetch(&mut asker, 12, -1).0, 0);
    child.stop();
}

#[test]
fn fet_2_the_broker_s_own_limit_of_a_fetch_holds_whatever_the_client_asks() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &["fetch.max.bytes=5000"]);
    make_topic(port, "t");
    let mut asker = Asker::new(port);
    for _ in 0..20 {
        assert_eq!(write(&mut asker, "t", 1_000, 5).0, 0);
    }
    for version in [4, 12] {
        let (code, bytes) = fetch(&mut asker, version, -1);
        assert_eq!(code, 0);
        assert!((3_000..=5_000).contains(&bytes), "{bytes}");
    }
    child.stop();
}
