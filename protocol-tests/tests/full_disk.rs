//! A disk that is really full (OPS-3): a broker of the test's own on a small tmpfs, where one may be mounted.
//! `OTTLA_FULL_DISK_CYCLES` says how often it is filled.
#![expect(clippy::disallowed_methods, reason = "the test fills the disk beside the broker")]
use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteTopicsRequest, GroupId, IncrementalAlterConfigsRequest, OffsetCommitRequest,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    delete_topics_request::DeleteTopicState,
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
};
use protocol_tests::{
    Connection,
    batch::{Batch, Record},
    child::{Child, free_port},
    steps::{self, Topic},
    time::{Stopwatch, pause_ms},
};
use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::Path,
    process::Command,
};

const DISK: &str = "size=224m";
/// Less than the broker keeps back on a disk of this size, enough for its own records.
const LEFT_BYTES: u64 = 6 << 20;
/// What retention leaves of a topic that fills the disk.
const KEPT_BYTES: u64 = 32 << 20;
/// More than the write-ahead log takes on such a disk, less than retention gives back.
const TAKEN_BYTES_MAX: u64 = 90 << 20;
const CHECKED_MS: u64 = 4_000;
const RECORD_BYTES: usize = 900_000;
const EARLIEST: i64 = -2;
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
    Batch::records(vec![Record::of("x".repeat(RECORD_BYTES))])
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

/// The topic's setting of `retention.bytes`.
fn keep_bytes(connection: &mut Connection, topic: &Topic, bytes: u64) -> i16 {
    set(connection, topic, "retention.bytes", &bytes.to_string())
}

fn set(connection: &mut Connection, topic: &Topic, name: &str, value: &str) -> i16 {
    let config = AlterableConfig::default().with_name(steps::text(name));
    let config = config.with_config_operation(0).with_value(Some(steps::text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(topic.wire_name().0)
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    connection.call(1, &request).responses[0].error_code
}

fn earliest(connection: &mut Connection, topic: &Topic) -> i64 {
    steps::list_offsets(connection, 8, &topic.name, &[0], EARLIEST)[0].offset
}

/// Takes what is left of the disk, so much at most; answers how much.
fn take(rest: &mut fs::File, most: u64) -> u64 {
    let from = rest.seek(SeekFrom::End(0)).expect("its end");
    let mut to = from;
    while to < from + most && rest.write_all(&[1; 4096]).is_ok() {
        to += 4096;
    }
    to - from
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
        assert!(read.records.is_some_and(|records| records.len() > RECORD_BYTES), "offset {offset}");
    }
}

#[test]
fn ops_3_ret_2_retention_goes_on_while_the_disk_is_full_and_makes_the_room_that_heals_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(_mounted) = Mounted::at(directory.path()) else {
        println!("SKIPPED: no tmpfs can be mounted here, the full disk was NOT tested");
        return;
    };
    // Retention comes late enough that by then not a byte is left.
    let interval = format!("log.retention.check.interval.ms={CHECKED_MS}");
    let first = "log.initial.task.delay.ms=1000";
    let overrides = ["log.segment.delete.delay.ms=0", "log.segment.bytes=8388608", &interval, first];
    let mut broker = Child::start(free_port(), directory.path(), &overrides);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    let kept = steps::new_topic(&mut connection, 1);
    let (mut first, mut end) = (0, 0);
    for cycle in 0..cycles() {
        assert_eq!(keep_bytes(&mut connection, &kept, 1 << 40), 0);
        let filled = fill(&mut connection, &kept);
        assert!(filled > 80, "only {filled} appends");
        end += filled;
        let path = directory.path().join("rest");
        let mut rest = take_the_rest(&path);
        let taken = rest.metadata().expect("its size").len();
        rest.set_len(taken.saturating_sub(LEFT_BYTES)).expect("a shorter file");
        until_done("the setting", || keep_bytes(&mut connection, &kept, KEPT_BYTES));
        // Not a byte is left, also of what checkpoints give back, when retention comes.
        let (watch, mut may_take) = (Stopwatch::start(), TAKEN_BYTES_MAX);
        let mut start = first;
        while start == first {
            may_take -= take(&mut rest, may_take);
            start = earliest(&mut connection, &kept);
            assert!(watch.elapsed_ms() < HEALED_MS_MAX, "nothing is deleted");
            pause_ms(50);
        }
        assert!(may_take > 0 && start < end, "{may_take} bytes, {start} of {end}");
        let waited_ms = watch.elapsed_ms();
        let healed_ms = until_done("producing", || produce(&mut connection, &kept));
        println!(
            "cycle {cycle}: full after {filled} appends, retention came after {waited_ms} ms, healed {healed_ms} ms after it"
        );
        end += 1;
        first = start;
        fs::remove_file(&path).expect("the rest is given back");
        pause_ms(3_000);
    }
    broker.kill();
    let broker = Child::start(broker.address().port(), directory.path(), &overrides);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    assert_eq!(steps::end_offset(&mut connection, &kept), end);
    let start = earliest(&mut connection, &kept);
    assert!(start >= first, "starts at {start}, started at {first}");
    // As many bytes as are to be kept are.
    assert!(end - start >= KEPT_BYTES as i64 / RECORD_BYTES as i64, "{start} to {end}");
    for offset in start..end {
        let read = steps::fetch(&mut connection, &kept, offset);
        assert_eq!(read.error_code, 0, "offset {offset}");
        assert!(read.records.is_some_and(|records| records.len() > RECORD_BYTES), "offset {offset}");
    }
}

/// Processor time of a process so far, in ticks of a hundredth of a second.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("its times");
    let behind_name = stat.rsplit_once(')').expect("a name").1;
    let numbers: Vec<&str> = behind_name.split_whitespace().collect();
    [11, 12].map(|at: usize| numbers[at].parse::<u64>().expect("a number")).iter().sum()
}

/// Where the first batch begins that is read from an offset on.
fn first_from(connection: &mut Connection, topic: &Topic, offset: i64) -> i64 {
    let read = steps::fetch(connection, topic, offset);
    assert_eq!(read.error_code, 0, "offset {offset}");
    let records = read.records.expect("records");
    i64::from_be_bytes(records[..8].try_into().expect("an offset"))
}

/// A topic of so many records, of which compaction leaves half of each segment.
fn to_be_compacted(connection: &mut Connection, end: i64) -> Topic {
    let topic = steps::new_topic(connection, 1);
    for at in 0..end {
        let key = if at % 2 == 0 { at.to_string() } else { "all".to_owned() };
        let batch = Batch::records(vec![Record::keyed(key, "x".repeat(RECORD_BYTES))]);
        assert_eq!(steps::produce(connection, &topic, batch.encode()).error_code, 0);
    }
    topic
}

#[test]
fn ops_3_cmp_2_compaction_waits_for_room_on_a_full_disk_and_goes_on_with_it() {
    const END: i64 = 80;
    const WATCHED_MS: u64 = 4_000;
    let directory = tempfile::tempdir().expect("a directory");
    // What the broker says is written to another disk.
    let data = directory.path().join("data");
    fs::create_dir(&data).expect("a directory");
    let Some(_mounted) = Mounted::at(&data) else {
        println!("SKIPPED: no tmpfs can be mounted here, the full disk was NOT tested");
        return;
    };
    let said = |what: &str| {
        let log = fs::read_to_string(directory.path().join("broker.log")).expect("what it said");
        log.lines().filter(|line| line.contains(what)).count()
    };
    let segments = ["log.segment.delete.delay.ms=0", "log.segment.bytes=8388608"];
    let often =
        ["log.cleaner.backoff.ms=200", "log.retention.check.interval.ms=1000", "log.initial.task.delay.ms=1000"];
    let overrides = [&segments[..], &often[..]].concat();
    let mut broker = Child::start(free_port(), directory.path(), &overrides);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    let compacted = to_be_compacted(&mut connection, END);
    let filler = steps::new_topic(&mut connection, 1);
    assert!(fill(&mut connection, &filler) > 40, "the disk was full before");
    let mut rest = take_the_rest(&data.join("rest"));
    let taken = rest.metadata().expect("its size").len();
    rest.set_len(taken.saturating_sub(LEFT_BYTES)).expect("a shorter file");
    until_done("the setting", || set(&mut connection, &compacted, "cleanup.policy", "compact"));
    let (told, again) = ("no room for compaction", "room for compaction again");
    until_done("the word of it", || i16::from(said(told) == 0));
    let (before, watch) = (ticks(broker.pid()), Stopwatch::start());
    while watch.elapsed_ms() < WATCHED_MS {
        // Not a byte is left, also of what checkpoints give back.
        take(&mut rest, TAKEN_BYTES_MAX);
        pause_ms(50);
    }
    let busy_ms = (ticks(broker.pid()) - before) * 10;
    assert!(busy_ms < WATCHED_MS / 2, "{busy_ms} ms of a processor in {WATCHED_MS} ms");
    assert_eq!((said(told), said("log compacted")), (said(again) + 1, 0));
    assert_eq!((said("cannot be compacted"), said("log directory failed")), (0, 0));
    let left = fs::read_dir(data.join(format!("{}-0", compacted.name))).expect("its files").filter(|one| {
        let name = one.as_ref().expect("a file").file_name().into_string().expect("a name");
        [".cleaned", ".swap"].iter().any(|passing| name.ends_with(passing))
    });
    assert_eq!(left.count(), 0, "half-written segments");
    // Nothing else waits for it.
    assert_eq!(produce(&mut connection, &filler), STORAGE_ERROR);
    assert_eq!(first_from(&mut connection, &compacted, 0), 0);
    let taken = rest.metadata().expect("its size").len();
    rest.set_len(taken.saturating_sub(LEFT_BYTES)).expect("a shorter file");
    until_done("deleting records", || delete_records(&mut connection, &filler, 1));
    until_done("the setting", || keep_bytes(&mut connection, &filler, 8 << 20));
    let healed_ms = until_done("producing", || produce(&mut connection, &filler));
    drop(rest);
    fs::remove_file(data.join("rest")).expect("the rest is given back");
    let compacted_ms = until_done("compaction", || i16::from(said("log compacted") == 0));
    println!("healed after {healed_ms} ms, compacted {compacted_ms} ms after it");
    assert_eq!(said(told), said(again));
    broker.kill();
    let broker = Child::start(broker.address().port(), directory.path(), &overrides);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    assert!(first_from(&mut connection, &compacted, 1) > 1, "nothing was compacted");
    assert_eq!(steps::end_offset(&mut connection, &compacted), END);
    for newest in (0..END).step_by(2).chain([END - 1]) {
        assert_eq!(first_from(&mut connection, &compacted, newest), newest);
    }
}
