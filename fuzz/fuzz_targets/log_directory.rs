//! A partition's files as a crash, another program or a bad disk left them: opened and read to the end, or refused.
#![no_main]
use libfuzzer_sys::fuzz_target;
use ottla::{
    log::{LogConfig, LogDir, LogDirSettings, LogId, ReadLimit},
    platform::{Disk, ManualClock, MemoryDisk, OpenMode},
    record::walk,
    types::{TopicId, TopicName},
};
use std::{path::Path, sync::Arc};

const FILES: &[&str] = &[
    "t-0/00000000000000000000.log",
    "t-0/00000000000000000000.index",
    "t-0/00000000000000000000.timeindex",
    "t-0/00000000000000000000.snapshot",
    "t-0/00000000000000000007.log",
    "t-0/00000000000000000007.snapshot",
    "t-0/leader-epoch-checkpoint",
    "t-0/partition.metadata",
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    "replication-offset-checkpoint",
    "meta.properties",
    ".kafka_cleanshutdown",
];
const READS_MAX: usize = 10_000;

/// The input is a list of files: which one, two bytes for its length, its bytes.
fn fill(disk: &MemoryDisk, mut input: &[u8]) {
    while let Some((&[which, high, low], rest)) = input.split_first_chunk() {
        let (bytes, later) = rest.split_at(usize::from(u16::from_be_bytes([high, low])).min(rest.len()));
        input = later;
        let path = Path::new("/data").join(FILES[usize::from(which) % FILES.len()]);
        disk.open(&path, OpenMode::Create).and_then(|file| file.write_all_at(bytes, 0)).expect("written");
    }
}

fuzz_target!(|input: &[u8]| {
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new("/data/t-0")).expect("a directory");
    fill(&disk, input);
    let mut settings = LogDirSettings { background: false, ..LogDirSettings::default() };
    settings.wal.file_bytes = 1 << 16;
    settings.wal.first_file_bytes = 1 << 14;
    let clock = Arc::new(ManualClock::at_wall_ms(1_700_000_000_000));
    let directory = match LogDir::open(Arc::new(disk), clock, Path::new("/data"), settings) {
        Ok(directory) => directory,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let topic = TopicName::parse("t").expect("a legal name");
    let id = LogId { topic, topic_id: TopicId::METADATA, partition: 0 };
    match directory.open_log(&id, Arc::new(LogConfig::default())) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(log) => {
            let bounds = log.bounds();
            let mut from = bounds.start();
            for _ in 0..READS_MAX {
                let Ok(read) = log.read(from, ReadLimit::End, 1 << 16, true) else { break };
                let Some(slice) = read.slice else { break };
                let bytes = slice.read().expect("a range of the file");
                let last = walk(&bytes).map_while(Result::ok).filter_map(|batch| batch.header.last()).last();
                let Some(last) = last else { break };
                assert!(last >= from && last < bounds.end(), "{last} of {bounds:?}, read from {from}");
                from = last.next();
            }
        }
    }
    let _ = directory.close();
});
