//! Several log directories: one that fails, at the start or later, takes its own partitions with it and nothing else.
use super::*;
use crate::{
    log::LogDir,
    node::StartError,
    platform::{Fault, OperationKind},
    replica::{Moves, ProduceError, ReadFault, Unavailable},
};

use std::sync::atomic::{AtomicU64, Ordering};

const DIRECTORIES: &str = "/a,/b";

pub struct Life {
    pub opened: Opened,
}

impl Life {
    pub fn begin(disk: &MemoryDisk) -> Result<Life, StartError> {
        Life::begin_in(disk, DIRECTORIES, "/a")
    }

    pub fn begin_in(disk: &MemoryDisk, directories: &str, metadata: &str) -> Result<Life, StartError> {
        // No two lives give out the same ids.
        static LIVES: AtomicU64 = AtomicU64::new(1);
        let chance = Arc::new(SeededChance::new(LIVES.fetch_add(1, Ordering::Relaxed)));
        let mut parts = parts(disk, directories, chance);
        parts.config.metadata_log_dir = metadata.into();
        let limits = ConnectionLimits::new(connection_rules(&parts.config.network));
        let opened = open(&parts, &parts.config.network.advertised.clone(), &Metrics::new("test"), limits)?;
        Ok(Life { opened })
    }

    pub fn create(&self, name: &str) {
        let topics = vec![NewTopic { partitions: 4, ..NewTopic::named(name) }];
        let created = self.opened.controller.handle().create_topics(CreateTopics { topics, validate_only: false });
        let Ok(Ok(created)) = wait(created) else { panic!("not created") };
        assert!(created[0].result.is_ok());
    }

    pub fn partitions(&self, name: &str) -> Vec<Arc<Partition>> {
        self.opened.partitions.topic(name).expect("a topic").partitions.iter().flatten().cloned().collect()
    }

    pub fn directory(&self, path: &str) -> &Arc<LogDir> {
        let directories = &self.opened.storage.directories;
        directories.iter().find(|one| one.path() == Path::new(path)).expect("an open directory")
    }

    /// Those of a topic in one directory, by their numbers.
    pub fn held(&self, name: &str, path: &str) -> Vec<i32> {
        let directory = self.directory(path);
        self.partitions(name).iter().filter(|one| one.is_in(directory)).map(|one| one.id().partition).collect()
    }

    pub fn end(mut self) {
        self.opened.controller.stop();
        for directory in &self.opened.storage.directories {
            let _ = directory.close();
        }
    }
}

/// Appends one record and waits for its commit; answers its offset.
pub fn produce(partition: &Arc<Partition>, first: i64) -> Result<i64, String> {
    let appended = partition.append(batch(first, (1, 10)), Acks::All, AppendOrigin::Client);
    let appended = appended.map_err(|error| error.to_string())?;
    let high = partition.visible(Isolation::ReadUncommitted).map_err(|error| error.to_string())?;
    let Ok(reached) = wait(high.reached(appended.last.next())) else { panic!("no answer") };
    reached.map_err(|error| error.to_string())?;
    Ok(appended.base.get())
}

fn is_refused(partition: &Arc<Partition>) -> bool {
    let appended = partition.append(batch(0, (1, 10)), Acks::All, AppendOrigin::Client);
    let read = partition.read(Offset::ZERO, Isolation::ReadUncommitted, 1_000, true);
    matches!(appended, Err(ProduceError::Unavailable(Unavailable::StorageFailed))) && read.is_err()
}

/// A topic with a record in each of its four partitions, two in each directory; as a kill leaves it.
pub fn written() -> (MemoryDisk, [Vec<i32>; 2]) {
    let disk = MemoryDisk::new();
    let life = Life::begin(&disk).unwrap();
    life.create("first");
    for partition in life.partitions("first") {
        assert_eq!(produce(&partition, 0), Ok(0));
    }
    let held = [life.held("first", "/a"), life.held("first", "/b")];
    assert_eq!(held.each_ref().map(Vec::len), [2, 2]);
    let left = disk.killed();
    life.end();
    (left, held)
}

#[test]
fn ops_2_a_directory_that_cannot_be_opened_takes_its_partitions_only() {
    let faults = [(OperationKind::Open, "/b"), (OperationKind::List, "/b"), (OperationKind::Read, "/b/wal")];
    for (on, path) in faults {
        let (disk, [in_a, in_b]) = written();
        disk.inject(Fault::once(on, path).for_ever());
        let life = Life::begin(&disk).unwrap();
        assert_eq!(life.opened.partitions.offline(), [Path::new("/b")]);
        assert_eq!(life.held("first", "/a"), in_a, "{on:?}");
        for partition in life.partitions("first") {
            if in_b.contains(&partition.id().partition) {
                assert!(is_refused(&partition), "{on:?}");
            } else {
                assert_eq!(produce(&partition, 1), Ok(1), "{on:?}");
            }
        }
        // New partitions go where there is a place for them, and are known at the next start.
        life.create("meanwhile");
        assert_eq!(life.held("meanwhile", "/a").len(), 4);
        life.end();
        let life = Life::begin(&disk).unwrap();
        assert_eq!(life.held("meanwhile", "/a").len(), 4);
        life.end();
        disk.clear_faults();
        let life = Life::begin(&disk).unwrap();
        assert_eq!([life.held("first", "/a"), life.held("first", "/b")], [in_a.clone(), in_b]);
        for partition in life.partitions("first") {
            let next = if in_a.contains(&partition.id().partition) { 2 } else { 1 };
            assert_eq!(produce(&partition, next), Ok(next), "{on:?}");
        }
        life.end();
    }
}

/// A partition's directory has a durable name with its first checkpoint only: where its records are, the write-ahead logs tell.
#[test]
fn log_7_partitions_that_no_checkpoint_has_come_to_stay_in_their_directories() {
    for b_is_offline in [false, true] {
        let disk = MemoryDisk::new();
        let life = Life::begin(&disk).unwrap();
        let names: Vec<String> = (0..10).map(|at| format!("topic{at}")).collect();
        for name in &names {
            life.create(name);
            life.partitions(name).iter().for_each(|one| assert_eq!(produce(one, 0), Ok(0)));
        }
        let held = |life: &Life| names.iter().map(|name| life.held(name, "/a")).collect::<Vec<_>>();
        let before = held(&life);
        let left = disk.crash();
        life.end();
        if b_is_offline {
            left.inject(Fault::once(OperationKind::Open, "/b").for_ever());
            let life = Life::begin(&left).unwrap();
            assert_eq!(held(&life), before);
            life.end();
            left.clear_faults();
        }
        let life = Life::begin(&left).unwrap();
        assert_eq!(held(&life), before);
        for partition in names.iter().flat_map(|name| life.partitions(name)) {
            assert_eq!(partition.log().unwrap().bounds().end(), Offset::new(1), "{}", partition.id());
        }
        life.end();
    }
}

#[test]
fn ops_2_without_the_metadata_log_or_any_directory_there_is_no_start() {
    let (disk, _) = written();
    for path in ["/a", ""] {
        disk.inject(Fault::once(OperationKind::Open, path).for_ever());
        assert!(matches!(Life::begin(&disk), Err(StartError::Directory(_))), "{path}");
        disk.clear_faults();
    }
    Life::begin(&disk).unwrap().end();
}

#[test]
fn ops_2_a_directory_that_fails_at_run_time_takes_its_partitions_only() {
    let faults = [(OperationKind::Write, "/b/wal"), (OperationKind::Sync, "/b/wal")];
    for (on, path) in faults {
        let (disk, [_, in_b]) = written();
        let life = Life::begin(&disk).unwrap();
        disk.inject(Fault::once(on, path).for_ever());
        for partition in life.partitions("first") {
            // A checkpoint may have made one safe that the write-ahead log could not.
            let mut answers = (1..50).map(|at| produce(&partition, at));
            if in_b.contains(&partition.id().partition) {
                assert!(answers.any(|answer| answer.is_err()), "{on:?}");
            } else {
                assert!((1..).zip(answers).all(|(at, answer)| answer == Ok(at)), "{on:?}");
            }
        }
        assert!(life.directory("/b").failure().is_some() && life.directory("/a").failure().is_none());
        // A later success covers nothing; new partitions go elsewhere.
        disk.clear_faults();
        let failed = life.partitions("first").into_iter().find(|one| in_b.contains(&one.id().partition)).unwrap();
        assert!(failed.append(batch(100, (1, 10)), Acks::All, AppendOrigin::Client).is_err());
        // Also who reads is told, and asks elsewhere once there is an elsewhere.
        let read = failed.read(Offset::ZERO, Isolation::ReadUncommitted, 1 << 20, true).unwrap_err();
        assert!(matches!(read, ReadFault::Unavailable(Unavailable::StorageFailed)), "{read}");
        life.create("later");
        assert_eq!(life.held("later", "/b").len(), 0, "{on:?}");
        life.end();
        let life = Life::begin(&disk.crash()).unwrap();
        for partition in life.partitions("first") {
            assert!(partition.log().unwrap().bounds().high() >= Offset::new(1), "{on:?}");
        }
        life.end();
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for what other threads do")]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn ops_2_a_partition_moves_and_a_move_that_was_interrupted_begins_anew() {
    let (disk, [in_a, in_b]) = written();
    let life = Life::begin(&disk).unwrap();
    let moves = Moves::new(Arc::new(crate::platform::SystemClock::new()), None);
    let partition = life.partitions("first").into_iter().find(|one| one.id().partition == in_a[0]).unwrap();
    let (a, b) = (life.directory("/a").clone(), life.directory("/b").clone());
    moves.want(&partition, &b).unwrap();
    let futures = moves.futures();
    assert_eq!((futures.len(), futures[0].bytes, futures[0].reached), (1, 0, Offset::ZERO));
    moves.start().unwrap();
    wait_until("the partition has moved", || partition.is_in(&b) && moves.futures().is_empty());
    assert_eq!(produce(&partition, 1), Ok(1));
    // Where it is already it stays; away from a failed directory nothing is copied.
    moves.want(&partition, &b).unwrap();
    assert!(moves.futures().is_empty());
    moves.stop();
    // As a kill leaves it in the middle of a copy.
    moves.want(&partition, &a).unwrap();
    let (progress, mut once) = (crate::log::Progress::begin(&a, partition.id()).unwrap(), 0);
    let mut stops = |_| {
        once += 1;
        once < 1
    };
    assert!(partition.move_to(&a, &progress, &mut stops, &|| true).is_err());
    let left = disk.killed();
    life.end();
    let life = Life::begin(&left).unwrap();
    assert!(life.held("first", "/b").contains(&in_a[0]) && life.held("first", "/b").len() == in_b.len() + 1);
    let unfinished: Vec<i32> = life.directory("/a").unfinished().keys().map(|id| id.partition).collect();
    assert_eq!(unfinished, [in_a[0]]);
    let partition = life.partitions("first").into_iter().find(|one| one.id().partition == in_a[0]).unwrap();
    assert_eq!(produce(&partition, 2), Ok(2));
    life.end();
}

#[test]
fn a_cordoned_directory_gets_no_new_partitions() {
    let disk = MemoryDisk::new();
    let life = Life::begin(&disk).unwrap();
    life.opened.partitions.set_cordoned([Path::new("/a").to_owned()]);
    life.create("first");
    assert_eq!((life.held("first", "/a").len(), life.held("first", "/b").len()), (0, 4));
    // Somewhere it has to go.
    life.opened.partitions.set_cordoned(["/a", "/b"].map(|path| Path::new(path).to_owned()));
    life.create("second");
    assert_eq!((life.held("second", "/a").len(), life.held("second", "/b").len()), (4, 0));
    life.end();
}
