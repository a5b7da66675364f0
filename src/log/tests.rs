//! Tests of whole logs: a log directory on a real or an in-memory disk, and what comes back.
#![expect(clippy::disallowed_methods, reason = "tests look into the directories they made")]
mod append;
mod compaction;
mod cost;
pub mod crash;
pub mod crash_points;
mod cuts;
mod damage;
mod damaged_times;
mod direct;
mod failed_sync;
mod fault_sites;
mod first_checkpoint;
mod flips;
mod flips_of_notes;
mod following;
mod full;
mod gaps;
mod held;
mod last_stop;
mod left_names;
mod mixed;
mod moving;
mod old_segments;
mod producers;
mod put_back;
mod read;
mod recovery;
mod repairs;
mod starts;
mod tails;
mod transactions;
mod transactions_crash;
mod transactions_lost;
mod trimming;
mod verifying;

use crate::{
    log::{
        AppendError, AppendOrigin, Appended, Closed, Log, LogConfig, LogDir, LogDirSettings, LogId, Read, ReadLimit,
        Watermark,
    },
    platform::{Clock, Disk, ManualClock, MemoryDisk, RealDisk},
    record::{BatchBuilder, BatchHeader, CheckedBatch},
    types::{LeaderEpoch, Offset, OffsetAndEpoch, TopicId, TopicName},
};
use std::{path::Path, sync::Arc};

/// Wall time of a test's beginning.
pub const NOW_MS: i64 = 1_700_000_000_000;

pub fn settings() -> LogDirSettings {
    let mut settings = LogDirSettings { background: false, ..LogDirSettings::default() };
    settings.wal.file_bytes = 1 << 20;
    settings.wal.first_file_bytes = 1 << 16;
    settings
}

pub fn id(partition: i32) -> LogId {
    LogId { topic: TopicName::parse("t").unwrap(), topic_id: TopicId(uuid::Uuid::from_u128(77)), partition }
}

/// One directory with its clock.
pub struct Fixture {
    pub clock: Arc<ManualClock>,
    pub directory: Arc<LogDir>,
}

impl Fixture {
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Fixture {
        Fixture::open_with(disk, path, settings())
    }

    pub fn open_with(disk: Arc<dyn Disk>, path: &Path, settings: LogDirSettings) -> Fixture {
        let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let directory = LogDir::open(disk, clock.clone() as Arc<dyn Clock>, path, settings).unwrap();
        Fixture { clock, directory }
    }

    pub fn real(path: &Path) -> Fixture {
        Fixture::open(Arc::new(RealDisk), path)
    }

    pub fn log(&self, config: LogConfig) -> Arc<Log> {
        self.try_log(config).unwrap()
    }

    pub fn try_log(&self, config: LogConfig) -> Result<Arc<Log>, crate::log::LogError> {
        let log = self.directory.open_log(&id(0), Arc::new(config))?;
        let weak = Arc::downgrade(&log);
        log.on_synced(Box::new(move |synced| {
            if let Some(log) = weak.upgrade() {
                log.advance_high(synced);
            }
        }));
        log.advance_high(log.synced_mark().get());
        Ok(log)
    }
}

/// A start on what the disk has: the directory and its log, recovered.
pub fn started(disk: &MemoryDisk, config: LogConfig) -> (Fixture, Arc<Log>) {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(config);
    fixture.directory.finish_recovery().unwrap();
    (fixture, log)
}

pub fn batch(records: usize, value: &[u8]) -> CheckedBatch {
    batch_at(NOW_MS, records, value)
}

pub fn batch_at(timestamp_ms: i64, records: usize, value: &[u8]) -> CheckedBatch {
    (0..records).fold(BatchBuilder::new(timestamp_ms), |builder, _| builder.record(None, Some(value))).build()
}

pub fn produced(id: i64, epoch: i16, sequence: i32, records: usize) -> CheckedBatch {
    let builder = BatchBuilder::new(NOW_MS).producer(id, epoch, sequence);
    (0..records).fold(builder, |builder, _| builder.record(None, Some(b"idempotent"))).build()
}

pub fn append(log: &Log, batch: CheckedBatch) -> Result<Appended, AppendError> {
    log.append(batch, LeaderEpoch::ZERO, AppendOrigin::Client)
}

/// Appends and waits until the batch is safe.
pub fn append_synced(log: &Log, batch: CheckedBatch) -> Appended {
    let appended = append(log, batch).unwrap();
    wait_synced(log, appended.last.next());
    appended
}

pub fn wait_synced(log: &Log, to: Offset) {
    wait_for(log.synced_mark(), to).unwrap();
}

/// Waits for a mark, not for ever.
pub fn wait_for(mark: &Arc<Watermark>, to: Offset) -> Result<Offset, Closed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let reached = mark.reached(to);
    runtime
        .block_on(async { tokio::time::timeout(std::time::Duration::from_secs(20), reached).await })
        .expect("in time")
}

/// The headers of all batches that a reader of everything gets, by reads of `bytes_max`.
pub fn read_all(log: &Log, bytes_max: usize) -> Vec<BatchHeader> {
    let mut at = log.bounds().start();
    let mut headers = Vec::new();
    while at < log.bounds().end() {
        let read = log.read(at, ReadLimit::End, bytes_max, true).unwrap();
        for header in headers_of(&read) {
            at = header.last().unwrap().next();
            headers.push(header);
        }
    }
    headers
}

/// The headers of one answer; its bytes are whole batches with good checksums.
pub fn headers_of(read: &Read) -> Vec<BatchHeader> {
    headers_in(&read.slice.as_ref().map(|slice| slice.read().unwrap()).unwrap_or_default())
}

pub fn headers_in(mut rest: &[u8]) -> Vec<BatchHeader> {
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let header = BatchHeader::parse(rest).unwrap();
        let (batch, after) = rest.split_at(header.size());
        assert_eq!(BatchHeader::crc_of(batch), header.crc);
        headers.push(header);
        rest = after;
    }
    headers
}
