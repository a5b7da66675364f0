//! A partition that is held back, seen through the figures and the log lines.
use super::*;
use crate::{
    image::{Delta, Image, Publisher},
    log::{AppendOrigin, LogDir, LogDirSettings},
    node::topic_settings,
    platform::{ManualClock, MemoryDisk},
    record::{BatchBuilder, BatchHeader, EndTransactionMarker, TransactionResult},
    replica::{Partition, TopicPublisher},
    types::{Acks, NodeId, Offset, ProducerEpoch, ProducerId, TransactionVersion},
    wire::metadata::{MetadataRecord, PartitionRecord, TopicRecord},
};
use std::path::Path;
use uuid::Uuid;

struct Rig {
    looking: LateTransactions,
    clock: Arc<ManualClock>,
    partitions: Arc<Partitions>,
    directory: Arc<LogDir>,
}

const NOW_MS: i64 = 1_700_000_000_000;

fn rig() -> Rig {
    rig_on(&Arc::new(MemoryDisk::new()), NOW_MS)
}

fn rig_on(disk: &Arc<MemoryDisk>, wall_ms: i64) -> Rig {
    let clock = Arc::new(ManualClock::at_wall_ms(wall_ms));
    let settings = LogDirSettings { background: false, ..LogDirSettings::default() };
    let directory = LogDir::open(disk.clone(), clock.clone(), Path::new("/data"), settings).unwrap();
    let partitions = Partitions::new(NodeId(1), vec![directory.clone()], Default::default());
    let resolve =
        |_: &str, _: &_, _: &_, _: &_| Arc::new(topic_settings(&Default::default(), &Default::default()).unwrap());
    let topic_id = Uuid::from_u128(9);
    let partition = |partition_id| PartitionRecord {
        partition_id,
        topic_id,
        replicas: vec![1],
        isr: vec![1],
        leader: 1,
        directories: vec![Uuid::from_u128(77)],
        ..PartitionRecord::default()
    };
    let records: [MetadataRecord; 3] =
        [TopicRecord { name: "t".into(), topic_id }.into(), partition(0).into(), partition(1).into()];
    let (mut image, mut delta) = (Image::default(), Delta::default());
    records.iter().for_each(|record| image.apply(record, &mut delta).unwrap());
    TopicPublisher::new(partitions.clone(), Box::new(resolve)).publish(&delta, &Arc::new(image));
    directory.finish_recovery().unwrap();
    let limits = LateLimits { shown_after_ms: 60_000, timeout_ms_max: 15 * 60_000 };
    let looking = LateTransactions::new(partitions.clone(), clock.clone(), Metrics::new("test"), limits);
    Rig { looking, clock, partitions, directory }
}

impl Rig {
    fn partition(&self, index: i32) -> Arc<Partition> {
        self.partitions.partition("t", index).unwrap()
    }

    fn write(&self, index: i32) {
        self.write_at(index, 0, -1);
    }

    fn write_at(&self, index: i32, timestamp_ms: i64, sequence: i32) {
        let batch = BatchBuilder::new(timestamp_ms).attributes(BatchHeader::TRANSACTIONAL).producer(7, 0, sequence);
        let batch = batch.record(None, Some(b"x")).build();
        self.wait(index, self.partition(index).append(batch, Acks::All, AppendOrigin::Replication).unwrap().last);
    }

    fn end(&self, index: i32) {
        let (id, epoch) = (ProducerId::from_wire(7).unwrap(), ProducerEpoch::from_wire(0).unwrap());
        let marker = EndTransactionMarker { result: TransactionResult::Abort, coordinator_epoch: 0 };
        let marked = self.partition(index).append_marker(id, epoch, marker, TransactionVersion::V0);
        self.wait(index, marked.unwrap().last);
    }

    /// Until it is committed.
    fn wait(&self, index: i32, last: Offset) {
        let log = self.partition(index).log().unwrap().clone();
        while log.bounds().high() <= last {
            std::thread::yield_now();
        }
    }

    fn look_after(&mut self, seconds: u64) -> Vec<(i32, u64)> {
        self.clock.advance(Duration::from_secs(seconds));
        self.looking.look().into_iter().map(|held| (held.partition.1, held.ms / 1_000)).collect()
    }

    fn page(&self) -> String {
        String::from_utf8(self.looking.metrics.render()).unwrap()
    }
}

const LATE: &str = "kafka_server_replicamanager_partitionswithlatetransactionscount";

#[test]
fn txn_25_a_partition_that_is_held_back_is_counted_named_and_told_once() {
    let mut rig = rig();
    rig.write(0);
    rig.write(1);
    assert_eq!(rig.look_after(0), []);
    rig.end(1);
    assert_eq!(rig.look_after(60), []);
    assert!(rig.page().contains("\nottla_partitions_held_back 0"));
    assert_eq!(rig.look_after(1), []);
    let page = rig.page();
    assert!(page.contains("\nottla_partitions_held_back 1"), "{page}");
    assert!(page.contains("\nottla_partition_held_back_seconds{partition=\"0\",topic=\"t\"} 61"), "{page}");
    assert!(page.contains(&format!("\n{LATE} 0")), "{page}");
    // Records that are added change nothing: the stable offset stays.
    rig.write(0);
    assert_eq!(rig.look_after(15 * 60 + 5 * 60), [(0, 61 + 20 * 60)]);
    assert!(rig.page().contains(&format!("\n{LATE} 1")));
    assert_eq!(rig.look_after(60), [], "told once");
    rig.end(0);
    assert_eq!(rig.look_after(0), []);
    let page = rig.page();
    assert!(!page.contains("ottla_partition_held_back_seconds{"), "{page}");
    assert!(page.contains("\nottla_partitions_held_back 0") && page.contains(&format!("\n{LATE} 0")), "{page}");
}

#[test]
fn txn_25_what_was_open_before_a_restart_is_as_old_as_its_producers_last_word() {
    let disk = Arc::new(MemoryDisk::new());
    let rig = rig_on(&disk, NOW_MS);
    rig.write_at(0, NOW_MS - 5_000, 0);
    rig.write_at(1, 0, 0);
    rig.directory.close().unwrap();
    drop(rig);

    let mut rig = rig_on(&disk, NOW_MS + 3_600_000);
    for index in [0, 1] {
        rig.partition(index).log().unwrap();
    }
    assert_eq!(rig.look_after(0), [(0, 3_605)], "an hour and five seconds; without timestamps it begins anew");
    rig.end(0);
    assert_eq!(rig.look_after(0), []);
    // What begins later was seen from its beginning, whatever its records say of their age.
    rig.write_at(0, NOW_MS, 1);
    assert_eq!(rig.look_after(0), []);
    assert_eq!(rig.look_after(61), []);
    let page = rig.page();
    assert!(page.contains("\nottla_partition_held_back_seconds{partition=\"0\",topic=\"t\"} 61"), "{page}");
}
