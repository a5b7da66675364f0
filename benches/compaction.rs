//! How much one run of compaction costs: 1 KB records of 100,000 keys, uncompressed, in batches of 16 and of 1 record.
//! `cargo bench --bench compaction -- 2048` for 2 GiB.
#![expect(clippy::disallowed_methods, reason = "a measurement reads what the system says of this process")]
use ottla::{
    log::{AppendOrigin, Cleaner, CleanerSettings, LogConfig, LogDir, LogDirSettings, LogId, SyncPolicy},
    platform::{Clock, RealDisk, SystemClock},
    record::{BatchBuilder, CheckedBatch},
    types::{LeaderEpoch, TopicId, TopicName},
};
use std::{sync::Arc, time::Duration};

const KEYS: u64 = 100_000;
const VALUE: [u8; 1_000] = [b'v'; 1_000];

fn main() {
    let mebibytes = std::env::args().filter_map(|word| word.parse::<u64>().ok()).next().unwrap_or(512);
    for records in [16, 1] {
        measure(mebibytes << 20, records);
    }
}

fn measure(bytes: u64, records: u64) {
    let place = tempfile::tempdir().expect("a directory");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let directory = LogDir::open(Arc::new(RealDisk), clock.clone(), place.path(), LogDirSettings::default());
    let directory = directory.expect("a log directory");
    let id = LogId {
        topic: TopicName::parse("t").expect("a name"),
        topic_id: TopicId(uuid::Uuid::from_u128(1)),
        partition: 0,
    };
    let config = LogConfig {
        compact: true,
        delete: false,
        dirty_ratio_min: 0.0,
        segment_bytes: 128 << 20,
        sync: SyncPolicy::PageCache,
        ..LogConfig::default()
    };
    let log = directory.open_log(&id, Arc::new(config)).expect("a log");
    directory.finish_recovery().expect("recovered");
    let mut key = 0u64;
    while log.size_bytes() < bytes {
        log.append(batch(&mut key, records, clock.wall_ms()), LeaderEpoch::ZERO, AppendOrigin::Client)
            .expect("appended");
    }
    log.advance_high(log.bounds().end());
    directory.checkpoint().expect("synced");
    let cleaner = Cleaner::new(vec![directory.clone()], clock.clone(), CleanerSettings::default());
    let (begun, cpu) = (clock.monotonic(), cpu_time());
    assert!(cleaner.clean_dirtiest());
    let (took, used) = (clock.monotonic() - begun, cpu_time() - cpu);
    let (totals, mebibytes) = (cleaner.totals(), bytes as f64 / (1 << 20) as f64);
    println!(
        "{records:2} records a batch: {mebibytes:.0} MiB in {:.2} s, {:.2} CPU-s: {:.0} MiB/s, {:.0} MiB per CPU-second; {} MiB stay",
        took.as_secs_f64(),
        used.as_secs_f64(),
        mebibytes / took.as_secs_f64(),
        mebibytes / used.as_secs_f64(),
        totals.written_bytes >> 20,
    );
}

/// Keys in an order that looks like none, each equally often.
fn batch(key: &mut u64, records: u64, now_ms: i64) -> CheckedBatch {
    let mut builder = BatchBuilder::new(now_ms);
    for _ in 0..records {
        *key += 1;
        let name = format!("key-{:08}", key.wrapping_mul(7_919) % KEYS);
        builder = builder.record(Some(name.as_bytes()), Some(&VALUE));
    }
    builder.build()
}

/// User and system time of this process; Linux counts hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}
