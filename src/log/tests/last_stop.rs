//! What is there after a stop, in order or not, and what must be.
use super::*;
use crate::{
    log::{LogDirError, properties::MetaProperties},
    platform::OpenMode,
};

const WAL: &str = "/data/wal";
const META: &str = "/data/meta.properties";

fn left(orderly: bool) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, LogConfig::default());
    let meta = MetaProperties { cluster_id: "abc".into(), node_id: 3, directory_id: Some(TopicId::METADATA) };
    disk.write_atomic(Path::new(META), meta.print().as_bytes()).unwrap();
    append_synced(&log, batch(3, b"v"));
    if orderly {
        fixture.directory.close().unwrap();
    }
    disk.killed()
}

fn opened(disk: &MemoryDisk) -> Result<Arc<LogDir>, LogDirError> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_wall_ms(NOW_MS));
    LogDir::open(Arc::new(disk.clone()), clock, Path::new("/data"), settings())
}

#[test]
fn log_14_after_a_kill_the_write_ahead_log_is_not_begun_anew_unless_somebody_says_so() {
    let disk = left(false);
    disk.remove_dir_all(Path::new(WAL)).unwrap();
    for _ in 0..2 {
        let told = opened(&disk).map(|_| ()).unwrap_err();
        assert!(matches!(told, LogDirError::NoWriteAheadLog { .. }) && told.is_of_disk(), "{told}");
        assert!(!disk.exists(Path::new(WAL)));
    }
    disk.create_dir_all(Path::new(WAL)).unwrap();
    let (_, log) = started(&disk, LogConfig::default());
    // The disk had it all here.
    assert_eq!(log.bounds().end(), Offset::new(3));
}

#[test]
fn log_12_after_an_orderly_stop_the_logs_have_all_that_is_in_the_write_ahead_log() {
    let disk = left(true);
    for entry in disk.list(Path::new(WAL)).unwrap() {
        let file = disk.open(&Path::new(WAL).join(entry.name), OpenMode::Write).unwrap();
        file.write_all_at(&[0xFF; 64], 0).unwrap();
    }
    let told = opened(&disk).map(|_| ()).unwrap_err();
    assert!(told.to_string().contains("then move /data/wal away"), "{told}");
    disk.remove_dir_all(Path::new(WAL)).unwrap();
    let (fixture, log) = started(&disk, LogConfig::default());
    assert!(fixture.directory.was_clean());
    assert_eq!(log.bounds().end(), Offset::new(3));
}

#[test]
fn log_14_where_there_are_no_partitions_yet_nothing_is_missed() {
    let disk = MemoryDisk::new();
    drop(opened(&disk).unwrap());
    disk.remove_dir_all(Path::new(WAL)).unwrap();
    assert!(opened(&disk.killed()).is_ok());
}

#[test]
fn log_14_directories_that_had_no_life_of_this_broker_have_no_write_ahead_log() {
    let id = "directory.id=AAAAAAAAAAAAAAAAAAAAAQ\n";
    // As Kafka's storage tool writes it, as somebody does who moved partitions to a new directory, and not at all.
    for meta in [Some(id), Some(""), None] {
        let disk = left(false);
        disk.remove_dir_all(Path::new(WAL)).unwrap();
        match meta {
            None => disk.remove_file(Path::new(META)).unwrap(),
            Some(id) => {
                let text = format!("version=1\ncluster.id=abc\nnode.id=3\n{id}");
                disk.write_atomic(Path::new(META), text.as_bytes()).unwrap();
            }
        }
        let (_, log) = started(&disk, LogConfig::default());
        assert_eq!(log.bounds().end(), Offset::new(3), "{meta:?}");
    }
}
