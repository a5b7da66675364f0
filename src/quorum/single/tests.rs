//! The metadata log on a disk: terms, groups, commits, restarts, and a log that Apache Kafka wrote.
#![expect(clippy::disallowed_methods, reason = "tests make and look into directories")]
use super::*;
use crate::{
    log::{LogDir, LogDirSettings},
    platform::{ManualClock, RealDisk},
    wire::metadata::{MetadataRecordError, NoOpRecord, TopicRecord},
};
use std::path::Path;

struct Node {
    directory: Arc<LogDir>,
    single: Arc<Single>,
}

fn open(path: &Path) -> Node {
    let mut settings = LogDirSettings { background: false, ..LogDirSettings::default() };
    settings.wal.file_bytes = 1 << 20;
    settings.wal.first_file_bytes = 1 << 16;
    let clock = Arc::new(ManualClock::at_wall_ms(1_700_000_000_000));
    let directory = LogDir::open(Arc::new(RealDisk), clock.clone(), path, settings).unwrap();
    let log = directory.open_log(&Single::log_id(), Arc::new(Single::log_config())).unwrap();
    directory.finish_recovery().unwrap();
    let single = Single::lead(log, NodeId(1), clock).unwrap();
    Node { directory, single }
}

fn topic(name: &str) -> MetadataRecord {
    TopicRecord { name: name.into(), topic_id: uuid::Uuid::from_u128(5) }.into()
}

fn committed(single: &Single) {
    let (end, since) = (single.end(), std::time::Instant::now());
    // The high watermark follows the sync a moment later.
    while single.committed().get().min(single.log().bounds().high()) < end {
        assert!(since.elapsed().as_secs() < 10, "not committed");
        std::thread::yield_now();
    }
}

fn all(single: &Single) -> Vec<Group> {
    let (mut groups, mut next) = (Vec::new(), Offset::ZERO);
    loop {
        let more = single.read(next).unwrap();
        let Some(last) = more.last() else { return groups };
        next = last.end;
        groups.extend(more);
    }
}

#[test]
fn each_start_is_a_new_term_and_keeps_the_groups() {
    let path = tempfile::tempdir().unwrap();
    let two = [topic("a"), NoOpRecord {}.into()];
    for term in 1..=3 {
        let node = open(path.path());
        assert_eq!((node.single.epoch().get(), node.single.leader()), (term, Some(NodeId(1))));
        let base = node.single.append(&two).unwrap();
        assert_eq!(base, Offset::new(i64::from(term) * 3 - 2));
        committed(&node.single);
        assert_eq!(node.single.log().bounds().high(), node.single.end());
        let groups = all(&node.single);
        let shape: Vec<_> = groups
            .iter()
            .map(|group| (group.base.get(), group.end.get(), group.epoch.get(), group.records.len()))
            .collect();
        let expected: Vec<_> = (1..=term)
            .flat_map(|term| {
                let base = i64::from(term) * 3 - 3;
                [(base, base + 1, term, 0), (base + 1, base + 3, term, 2)]
            })
            .collect();
        assert_eq!(shape, expected);
        assert_eq!(groups.last().unwrap().records, two);
        if term == 2 {
            // Neither closed nor checkpointed: as after kill -9.
            continue;
        }
        node.directory.close().unwrap();
    }
}

#[test]
fn many_groups_are_read_in_steps() {
    let path = tempfile::tempdir().unwrap();
    let node = open(path.path());
    let long = "x".repeat(200);
    let group: Vec<MetadataRecord> = (0..1_000).map(|_| topic(&long)).collect();
    for _ in 0..12 {
        node.single.append(&group).unwrap();
    }
    assert!(node.single.read(Offset::ZERO).unwrap().len() < 13, "not all at once");
    let groups = all(&node.single);
    assert_eq!(groups.len(), 13);
    assert!(groups.windows(2).all(|pair| pair[0].end == pair[1].base));
    assert!(node.single.read(node.single.end()).unwrap().is_empty());
}

#[test]
fn a_log_of_apache_kafka_is_read_and_led_on() {
    let path = tempfile::tempdir().unwrap();
    let partition = path.path().join("__cluster_metadata-0");
    std::fs::create_dir_all(&partition).unwrap();
    let golden = include_bytes!("../../wire/metadata/testdata/cluster_metadata.log");
    std::fs::write(partition.join("00000000000000000000.log"), golden).unwrap();
    std::fs::write(partition.join("partition.metadata"), "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ").unwrap();
    let node = open(path.path());
    assert_eq!(node.single.epoch().get(), 2);
    let groups = all(&node.single);
    assert_eq!(groups.iter().map(|group| group.records.len()).sum::<usize>(), 102);
    assert_eq!(groups.last().unwrap().base, Offset::new(105));
}

#[test]
fn unknown_records_are_an_error_and_no_panic() {
    let path = tempfile::tempdir().unwrap();
    let node = open(path.path());
    let batch = BatchBuilder::new(0).record(None, Some(&[1, 99, 0, 0])).build();
    node.single.log().append(batch, node.single.epoch(), AppendOrigin::Coordinator).unwrap();
    let Err(MetadataReadError::Record { offset, why }) = node.single.read(Offset::ZERO) else { panic!("read") };
    assert_eq!((offset, why), (Offset::new(1), MetadataRecordError::UnknownType(99)));
}

#[test]
fn a_closed_log_tells_why() {
    let path = tempfile::tempdir().unwrap();
    let node = open(path.path());
    node.single.close(Closed::Stopping);
    assert_eq!(node.single.committed().closed(), Some(Closed::Stopping));
}
