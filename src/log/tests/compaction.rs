//! Compaction of whole logs.
mod changes;
mod crash;
mod damaged;
mod full;
mod interrupted;
mod lost;
mod transactions;

use super::*;
use crate::{
    log::{Cleaner, CleanerSettings, SyncPolicy},
    platform::{Operation, OperationKind},
    record::{Codec, CompressionLevels, records},
    types::{ProducerEpoch, ProducerId},
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Segments of about four small batches.
fn compacted() -> LogConfig {
    LogConfig {
        sync: SyncPolicy::PageCache,
        segment_bytes: 400,
        index_interval_bytes: 100,
        retention_ms: None,
        delete: false,
        compact: true,
        dirty_ratio_min: 0.0,
        verify_transactions: false,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

fn directory(disk: Arc<dyn Disk>, path: &Path) -> Fixture {
    let fixture = Fixture::open(disk, path);
    fixture.directory.finish_recovery().unwrap();
    fixture
}

fn cleaner(fixture: &Fixture) -> Arc<Cleaner> {
    cleaner_with(fixture, CleanerSettings::default())
}

fn cleaner_with(fixture: &Fixture, settings: CleanerSettings) -> Arc<Cleaner> {
    Cleaner::new(vec![fixture.directory.clone()], fixture.clock.clone(), settings)
}

type Pair<'a> = (Option<&'a str>, Option<&'a str>);

fn pairs(pairs: &[Pair<'_>]) -> BatchBuilder {
    pairs.iter().fold(BatchBuilder::new(NOW_MS), |builder, (key, value)| {
        builder.record(key.map(str::as_bytes), value.map(str::as_bytes))
    })
}

/// One record in a batch of its own.
fn put(log: &Log, key: &str, value: Option<&str>) -> Offset {
    append(log, pairs(&[(Some(key), value)]).build()).unwrap().base
}

/// Fills the active segment, so that everything before is sealed.
fn seal(log: &Log) {
    let sealed = log.segments();
    while log.segments() == sealed {
        put(log, "filler", Some("x"));
    }
    put(log, "filler", Some("last"));
}

/// Offset, key and value of all records.
fn contents(log: &Log) -> Vec<(i64, Option<String>, Option<String>)> {
    let mut at = log.bounds().start();
    let mut found = Vec::new();
    while at < log.bounds().end() {
        let read = log.read(at, ReadLimit::End, 300, true).unwrap();
        let Some(slice) = read.slice else { break };
        let bytes = slice.read().unwrap();
        for header in headers_in(&bytes) {
            let from = bytes_before(&bytes, &header);
            let set = records(&header, &bytes[from..from + header.size()], 1 << 20).unwrap();
            for record in &set {
                let record = record.unwrap();
                let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
                let offset = header.base_offset + i64::from(record.offset_delta);
                found.push((offset, text(record.key), text(record.value)));
            }
            at = header.last().unwrap().next();
        }
    }
    found
}

fn bytes_before(bytes: &[u8], wanted: &BatchHeader) -> usize {
    let found = crate::record::walk(bytes).flatten().find(|batch| batch.header.base_offset == wanted.base_offset);
    found.unwrap().position
}

/// As `contents`, but of keys other than the filler's, and short.
fn told(log: &Log) -> Vec<String> {
    let all = contents(log).into_iter().filter(|(_, key, _)| key.as_deref() != Some("filler"));
    all.map(|(offset, key, value)| format!("{offset} {}={}", key.unwrap_or("-".into()), value.unwrap_or("-".into())))
        .collect()
}

#[test]
fn cmp_3_the_last_record_of_each_key_stays_at_its_offset() {
    for codec in [Codec::None, Codec::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let fixture = directory(Arc::new(RealDisk), dir.path());
        let log = fixture.log(compacted());
        let batch = |records: &[Pair<'_>]| {
            let built = pairs(records).build_compressed(codec, &CompressionLevels::default()).unwrap();
            append(&log, built).unwrap();
        };
        batch(&[(Some("a"), Some("1")), (Some("b"), Some("2")), (None, Some("no key")), (Some("c"), Some("3"))]);
        batch(&[(Some("a"), Some("4"))]);
        batch(&[(Some("d"), Some("5")), (Some("a"), Some("6"))]);
        seal(&log);
        let end = log.bounds().end();
        assert!(cleaner(&fixture).clean_dirtiest());
        assert_eq!(told(&log), ["1 b=2", "3 c=3", "5 d=5", "6 a=6"], "{codec:?}");
        assert_eq!((log.bounds().start(), log.bounds().end()), (Offset::ZERO, end));
        // A reader of a removed offset gets the next batch there is.
        let read = log.read(Offset::new(4), ReadLimit::End, 10, true).unwrap();
        assert_eq!(headers_of(&read)[0].base_offset, 5);
        assert!(!cleaner(&fixture).clean_dirtiest());
    }
}

#[test]
fn cmp_1_nothing_above_the_high_watermark_or_in_the_active_segment_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.directory.open_log(&id(0), Arc::new(compacted())).unwrap();
    for at in 0..20 {
        put(&log, "k", Some(&at.to_string()));
    }
    assert!(!cleaner(&fixture).clean_dirtiest());
    log.advance_high(Offset::new(9));
    assert!(cleaner(&fixture).clean_dirtiest());
    let first = log.segments.read()[1].base().get();
    assert!(first > 4 && first <= 9, "{first}");
    let expected: Vec<_> = (first - 1..20).map(|at| format!("{at} k={at}")).collect();
    assert_eq!(told(&log), expected);
}

#[test]
fn cmp_1_deleted_records_open_nothing_above_the_high_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.directory.open_log(&id(0), Arc::new(compacted())).unwrap();
    for at in 0..20 {
        put(&log, "k", Some(&at.to_string()));
    }
    log.advance_high(Offset::new(2));
    log.advance_start(None).unwrap().wait().unwrap();
    let before = read_all(&log, 1);
    assert!(log.segments.read()[1].base() > Offset::new(3));
    assert!(!cleaner(&fixture).clean_dirtiest());
    assert_eq!((read_all(&log, 1), log.cleaned()), (before, None));
}

#[test]
fn cmp_2_dirt_and_lag_decide_and_one_bad_log_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let config = LogConfig { dirty_ratio_min: 0.5, ..compacted() };
    let bad = fixture.log(config.clone());
    (0..30).for_each(|_| _ = put(&bad, "k", Some("v")));
    let good = fixture.directory.open_log(&id(1), Arc::new(config.clone())).unwrap();
    (0..20).for_each(|_| _ = put(&good, "k", Some("v")));
    good.advance_high(good.bounds().end());
    fixture.directory.checkpoint().unwrap();
    let path = dir.path().join("t-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let cleaner = cleaner(&fixture);
    assert!(cleaner.clean_dirtiest() && cleaner.clean_dirtiest() && !cleaner.clean_dirtiest());
    let totals = cleaner.totals();
    assert_eq!((totals.runs, totals.failures, totals.uncleanable), (1, 1, 1));
    assert!(read_all(&good, 1_000).len() < 8);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(!path.with_extension("log.cleaned").exists());
    // A little dirt behind much that is clean waits until there is more, or until it has waited long.
    good.update_config(Arc::new(LogConfig { dirty_ratio_min: 0.99, ..config.clone() }));
    (0..10).for_each(|_| _ = put(&good, "k", Some("v")));
    good.advance_high(good.bounds().end());
    assert!(!cleaner.clean_dirtiest());
    good.update_config(Arc::new(LogConfig { dirty_ratio_min: 0.99, compaction_lag_ms_max: 5_000, ..config }));
    assert!(!cleaner.clean_dirtiest());
    fixture.clock.advance(Duration::from_millis(5_001));
    assert!(cleaner.clean_dirtiest());
}

#[test]
fn cmp_5_tombstones_stay_for_their_time_and_then_go() {
    for codec in [Codec::None, Codec::Lz4] {
        let dir = tempfile::tempdir().unwrap();
        let fixture = directory(Arc::new(RealDisk), dir.path());
        let log = fixture.log(compacted());
        put(&log, "a", Some("1"));
        let dead = pairs(&[(Some("b"), Some("2")), (Some("a"), None)]);
        append(&log, dead.build_compressed(codec, &CompressionLevels::default()).unwrap()).unwrap();
        seal(&log);
        assert!(cleaner(&fixture).clean_dirtiest());
        assert_eq!(told(&log), ["1 b=2", "2 a=-"]);
        let header = read_all(&log, 1).remove(0);
        assert!(header.has_delete_horizon());
        assert_eq!(header.base_timestamp, fixture.clock.wall_ms() + DAY.as_millis() as i64);
        assert_eq!(header.max_timestamp, NOW_MS);
        let found = log.offset_for_timestamp(NOW_MS, ReadLimit::End).unwrap().unwrap();
        assert_eq!((found.timestamp_ms, found.offset), (NOW_MS, Offset::new(1)));
        // Cleaned again within its time it stays, its horizon too.
        fixture.clock.advance(DAY / 2);
        seal(&log);
        assert!(cleaner(&fixture).clean_dirtiest());
        assert_eq!(read_all(&log, 1)[0], header);
        fixture.clock.advance(DAY / 2);
        seal(&log);
        assert!(cleaner(&fixture).clean_dirtiest());
        assert_eq!(told(&log), ["1 b=2"], "{codec:?}");
    }
}

#[test]
fn cmp_7_the_last_batch_of_a_producer_keeps_its_sequence() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    for sequence in 0..3 {
        append(&log, pairs(&[(Some("k"), Some("v"))]).producer(7, 2, sequence).build()).unwrap();
    }
    put(&log, "k", Some("newer"));
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    let headers = read_all(&log, 1);
    let first = &headers[0];
    assert_eq!((first.base_offset, first.record_count, first.base_sequence, first.producer_id), (2, 0, 2, 7));
    assert_eq!(told(&log), ["3 k=newer"]);
    // The producers are found again from the batches alone (CMP-9).
    drop((log, fixture));
    for entry in std::fs::read_dir(dir.path().join("t-0")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "snapshot") {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::remove_file(dir.path().join("recovery-point-offset-checkpoint")).unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    let known = &log.producers()[0];
    assert_eq!((known.last_sequence, known.epoch), (Some(2), ProducerEpoch::from_wire(2)));
    assert_eq!(told(&log), ["3 k=newer"]);
    // Once it has expired its batch goes.
    log.update_config(Arc::new(LogConfig { producer_id_expiration_ms: 1, ..compacted() }));
    fixture.clock.advance(DAY);
    assert_eq!(log.expire_producers(), 1);
    log.update_config(Arc::new(compacted()));
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert_eq!(read_all(&log, 1)[0].base_offset, 3);
}

#[test]
fn cmp_3_what_nothing_stays_of_is_read_once() {
    for producer in [None, Some(7)] {
        let dir = tempfile::tempdir().unwrap();
        let fixture = directory(Arc::new(RealDisk), dir.path());
        let log = fixture.log(compacted());
        put(&log, "first", Some("stays"));
        for sequence in 0..100 {
            let batch = pairs(&[(Some("k"), Some("v"))]);
            let batch = if let Some(id) = producer { batch.producer(id, 2, sequence) } else { batch };
            append(&log, batch.build()).unwrap();
        }
        // So many that the producer's last batch stands in a segment of which no record stays.
        (0..20).for_each(|_| _ = put(&log, "k", Some("newest")));
        seal(&log);
        let sealed_bytes = log.size_bytes() - log.segments.read().last().unwrap().bytes();
        let cleaner = cleaner(&fixture);
        assert!(cleaner.clean_dirtiest());
        assert_eq!(told(&log), ["0 first=stays", "120 k=newest"]);
        // The last batch of a producer stays without its record (CMP-7).
        let empty = read_all(&log, 1_000).into_iter().find(|header| header.record_count == 0);
        assert_eq!(empty.map(|header| (header.producer_id, header.base_sequence)), producer.map(|id| (id, 99)));
        // The segments of these three, of the fillers, and the last of all.
        let again_bytes = 6 * compacted().segment_bytes;
        let read_bytes = cleaner.totals().read_bytes;
        assert!(sealed_bytes > 3 * again_bytes, "{sealed_bytes}");
        assert!((sealed_bytes..=sealed_bytes + again_bytes).contains(&read_bytes), "{read_bytes} of {sealed_bytes}");
    }
}

#[test]
fn cmp_8_the_batch_before_the_high_watermark_stays_if_empty() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    put(&log, "k", Some("v"));
    append(&log, pairs(&[(None, Some("no key, so it goes")), (None, Some("x"))]).build()).unwrap();
    log.roll(&mut log.writer.lock()).unwrap();
    assert!(cleaner(&fixture).clean_dirtiest());
    let headers = read_all(&log, 1);
    assert_eq!(headers.iter().map(|header| header.record_count).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(headers[1].last().unwrap().next(), log.bounds().high());
    put(&log, "k", Some("w"));
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    assert_eq!(told(&log), ["3 k=w"]);
    assert_eq!(read_all(&log, 1)[0].base_offset, 3);
}

#[test]
fn cmp_10_small_segments_become_one_and_indexes_lead_to_every_record() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 4_000, ..compacted() });
    for round in 0..10 {
        for key in 0..60 {
            put(&log, &format!("key{key}"), Some(&format!("value {round}")));
        }
    }
    let before = log.segments();
    assert!(cleaner(&fixture).clean_dirtiest());
    assert!(before > 10 && log.segments() <= 3, "{before} became {}", log.segments());
    let kept = contents(&log);
    for offset in 0..600 {
        let read = log.read(Offset::new(offset), ReadLimit::End, 1, true).unwrap();
        let found = headers_of(&read)[0].base_offset;
        assert_eq!(Some(&found), kept.iter().map(|(at, _, _)| at).find(|at| **at >= offset));
    }
    // The same from files alone.
    drop((log, fixture));
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 4_000, ..compacted() });
    assert_eq!(contents(&log), kept);
    assert_eq!(log.cleaned(), Some(log.segments.read().last().unwrap().base()));
    let text = std::fs::read_to_string(dir.path().join("cleaner-offset-checkpoint")).unwrap();
    assert_eq!(text.trim_end(), format!("0\n1\nt 0 {}", log.cleaned().unwrap()));
}

#[test]
fn cmp_10_segments_of_which_little_stays_become_one_and_are_synced_together() {
    let disk = MemoryDisk::new();
    let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(compacted());
    for at in 0..100 {
        put(&log, "k", Some("v"));
        if at % 20 == 0 {
            put(&log, &at.to_string(), Some("stays"));
        }
    }
    seal(&log);
    let (before, done) = (log.segments(), disk.operations().len());
    assert!(cleaner(&fixture).clean_dirtiest());
    assert!(before > 20 && log.segments() <= 4, "{before} became {}", log.segments());
    // Of one group: all of its files are written before the first of them is synced.
    let operations = disk.operations();
    let of_output = |one: &&Operation| one.path.extension().is_some_and(|end| end == "cleaned");
    let mut kinds: Vec<_> = operations[done..].iter().filter(of_output).map(|one| one.kind).collect();
    kinds.retain(|kind| matches!(kind, OperationKind::Write | OperationKind::Sync));
    kinds.dedup();
    assert_eq!(kinds, [OperationKind::Write, OperationKind::Sync].repeat(log.segments() - 1));
}

#[test]
fn a_map_without_room_cleans_as_far_as_it_goes_and_then_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(LogConfig { segment_bytes: 100_000, ..compacted() });
    for round in 0..3 {
        for part in 0..80 {
            let keys: Vec<String> = (0..100).map(|key| format!("key{}", part * 100 + key)).collect();
            let value = round.to_string();
            let all: Vec<Pair<'_>> = keys.iter().map(|key| (Some(key.as_str()), Some(value.as_str()))).collect();
            append(&log, pairs(&all).build()).unwrap();
        }
    }
    seal(&log);
    // Room for some 3,000 keys of 8,000.
    let cleaner = cleaner_with(&fixture, CleanerSettings { map_bytes: 1, ..CleanerSettings::default() });
    let mut runs = 0;
    while cleaner.clean_dirtiest() {
        runs += 1;
        assert_eq!(cleaner.totals().failures, 0);
    }
    assert!(runs > 4, "{runs}");
    let kept = contents(&log);
    let of_keys = kept.iter().filter(|(_, key, _)| key.as_deref() != Some("filler"));
    assert!(of_keys.clone().all(|(_, _, value)| value.as_deref() == Some("2")));
    assert_eq!(of_keys.count(), 8_000);
}

#[test]
fn the_threads_clean_by_themselves_and_stop() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = directory(Arc::new(RealDisk), dir.path());
    let log = fixture.log(compacted());
    (0..30).for_each(|_| _ = put(&log, "k", Some("v")));
    let cleaner = cleaner_with(&fixture, CleanerSettings { backoff_ms: 5, threads: 2, ..CleanerSettings::default() });
    cleaner.start().unwrap();
    let begun = std::time::Instant::now();
    while cleaner.totals().runs == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::yield_now();
    }
    cleaner.update(CleanerSettings { threads: 0, ..CleanerSettings::default() });
    cleaner.stop();
    assert!(read_all(&log, 1_000).len() < 10);
    assert!(cleaner.totals().read_bytes > cleaner.totals().written_bytes);
}
