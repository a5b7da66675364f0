//! A disk that is really full (OPS-3): a broker of the test's own on a small tmpfs, where one may be mounted.
//! `OTTLA_FULL_DISK_CYCLES` says how often it is filled.
#![expect(clippy::disallowed_methods, reason = "the test fills the disk beside the broker")]
use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteTopicsRequest, GroupId, OffsetCommitRequest,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    delete_topics_request::DeleteTopicState,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
};
use protocol_tests::{
    Connection,
    batch::{Batch, Record},
    child::{Child, free_port},
    steps::{self, Topic},
    time::{Stopwatch, pause_ms},
};
use std::{fs, io::Write, path::Path, process::Command};

const DISK: &str = "size=224m";
/// Less than the broker keeps back on a disk of this size, enough for its own records.
const LEFT_BYTES: u64 = 6 << 20;
const STORAGE_ERROR: i16 = 56;
/// Room is looked for once a second, and the first checkpoint after it may take its time.
const HEALED_MS_MAX: u64 = 30_000;
const CYCLES: i64 = 2;
/// Records of the topic that stays, before the first cycle; each cycle adds one and deletes one.
const KEPT: i64 = 3;

/// A mounted tmpfs; gone with this.
struct Mounted<'a>(&'a Path);

impl Mounted<'_> {
    fn at(path: &Path) -> Option<Mounted<'_>> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(path).status();
        mounted.is_ok_and(|status| status.success()).then_some(Mounted(path))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn cycles() -> i64 {
    std::env::var("OTTLA_FULL_DISK_CYCLES").map_or(CYCLES, |cycles| cycles.parse().expect("a number of cycles"))
}

fn large() -> Batch {
    Batch::records(vec![Record::of("x".repeat(900_000))])
}

fn produce(connection: &mut Connection, topic: &Topic) -> i16 {
    steps::produce(connection, topic, large().encode()).error_code
}

/// Appends until the broker refuses; answers the number of appends acknowledged.
fn fill(connection: &mut Connection, topic: &Topic) -> i64 {
    for acknowledged in 0..1_000 {
        match produce(connection, topic) {
            0 => {}
            refused => {
                assert_eq!(refused, STORAGE_ERROR);
                return acknowledged;
            }
        }
    }
    panic!("the disk is never full");
}

/// Takes what is left of the disk, to the last byte, and what comes back: a checkpoint after the load releases files of the
/// write-ahead log.
fn take_the_rest(path: &Path) -> fs::File {
    const QUIET_SECONDS: u32 = 6;
    let mut file = fs::File::create(path).expect("a file");
    let mut quiet = 0;
    while quiet < QUIET_SECONDS {
        let before = file.metadata().expect("its size").len();
        while file.write_all(&[1; 4096]).is_ok() {}
        quiet = if file.metadata().expect("its size").len() > before { 0 } else { quiet + 1 };
        pause_ms(1_000);
    }
    file
}

fn delete_topic(connection: &mut Connection, topic: &Topic) -> i16 {
    let gone = DeleteTopicState::default().with_name(Some(topic.wire_name()));
    let request = DeleteTopicsRequest::default().with_topics(vec![gone]).with_timeout_ms(10_000);
    connection.call(6, &request).responses[0].error_code
}

fn delete_records(connection: &mut Connection, topic: &Topic, before: i64) -> i16 {
    let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(before);
    let asked = DeleteRecordsTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![asked]).with_timeout_ms(10_000);
    connection.call(2, &request).topics[0].partitions[0].error_code
}

fn commit(connection: &mut Connection, topic: &Topic, offset: i64) -> i16 {
    let partition = OffsetCommitRequestPartition::default().with_partition_index(0).with_committed_offset(offset);
    let asked = OffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(steps::text("group")))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![asked]);
    connection.call(8, &request).topics[0].partitions[0].error_code
}

/// Asks until it is done.
fn until_done(what: &str, mut step: impl FnMut() -> i16) -> u64 {
    let watch = Stopwatch::start();
    loop {
        let code = step();
        if code == 0 {
            return watch.elapsed_ms();
        }
        assert!(watch.elapsed_ms() < HEALED_MS_MAX, "{what}: still refused with {code}");
        pause_ms(100);
    }
}

#[test]
fn ops_3_a_full_disk_refuses_records_goes_on_reading_and_heals() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(_mounted) = Mounted::at(directory.path()) else {
        println!("SKIPPED: no tmpfs can be mounted here, the full disk was NOT tested");
        return;
    };
    let port = free_port();
    let overrides = ["log.segment.delete.delay.ms=0", "log.segment.bytes=8388608", "offsets.topic.num.partitions=1"];
    let mut broker = Child::start(port, directory.path(), &overrides);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    let kept = steps::new_topic(&mut connection, 1);
    (0..KEPT).for_each(|_| assert_eq!(produce(&mut connection, &kept), 0));
    let looked_for = kafka_protocol::messages::FindCoordinatorRequest::default().with_key(steps::text("group"));
    until_done("the coordinator", || connection.call(3, &looked_for).error_code);
    until_done("a commit", || commit(&mut connection, &kept, 0));
    let cycles = cycles();
    for cycle in 0..cycles {
        let end = KEPT + cycle;
        let filler = steps::new_topic(&mut connection, 1);
        let filled = fill(&mut connection, &filler);
        assert!(filled > 100, "only {filled} appends");
        // Now what the broker keeps back is missing, too.
        let path = directory.path().join("rest");
        let rest = take_the_rest(&path);
        assert_eq!(produce(&mut connection, &kept), STORAGE_ERROR);
        assert_eq!(steps::end_offset(&mut connection, &kept), end);
        assert_eq!(steps::end_offset(&mut connection, &filler), filled);
        assert_eq!(steps::fetch(&mut connection, &filler, filled - 1).error_code, 0);
        // With a little room there is still none for records, but for the broker's own, which give some back.
        let taken = rest.metadata().expect("its size").len();
        rest.set_len(taken.saturating_sub(LEFT_BYTES)).expect("a shorter file");
        until_done("a commit", || commit(&mut connection, &kept, cycle + 1));
        until_done("deleting records", || delete_records(&mut connection, &kept, cycle + 1));
        assert_eq!(produce(&mut connection, &kept), STORAGE_ERROR);
        until_done("deleting the topic", || delete_topic(&mut connection, &filler));
        let healed_ms = until_done("producing", || produce(&mut connection, &kept));
        println!("cycle {cycle}: full after {filled} appends, healed {healed_ms} ms after the topic was deleted");
        fs::remove_file(&path).expect("the rest is given back");
        // Until the broker has seen it.
        pause_ms(3_000);
    }
    broker.kill();
    let broker = Child::start(port, directory.path(), &overrides);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    assert_eq!(steps::end_offset(&mut connection, &kept), KEPT + cycles);
    for offset in cycles..KEPT + cycles {
        let read = steps::fetch(&mut connection, &kept, offset);
        assert_eq!((read.error_code, read.log_start_offset), (0, cycles));
        assert!(read.records.is_some_and(|records| records.len() > 900_000), "offset {offset}");
    }
}
