//! A crash at every step of compaction leaves whole segments, old or new (CMP-13, LOG-17).
use super::{
    transactions::{end, write},
    *,
};
use crate::{
    log::{
        AbortedEntry,
        damage::{OfflineError, repair, verify},
        names,
    },
    platform::{Chance, MemoryDisk, OpenMode, SeededChance},
    record::TransactionResult,
};
use std::collections::BTreeMap;

const PATH: &str = "/data";

fn config() -> LogConfig {
    LogConfig { sync: SyncPolicy::Wal, segment_bytes: 600, ..compacted() }
}

/// Records of few keys, tombstones among them, synced; the second half after a first run of compaction.
fn written(disk: &MemoryDisk) -> (Fixture, Arc<Log>) {
    let fixture = directory(Arc::new(disk.clone()), Path::new(PATH));
    let log = fixture.log(config());
    let fill = |from: i64, to: i64| {
        for at in from..to {
            let value = (at % 7 != 3).then(|| at.to_string());
            put(&log, &(at % 5).to_string(), value.as_deref());
        }
        wait_for(log.high_mark(), Offset::new(to)).unwrap();
    };
    fill(0, 30);
    assert!(cleaner(&fixture).clean_dirtiest());
    fixture.clock.advance(DAY);
    fill(30, 60);
    (fixture, log)
}

/// As a broker starts: logs with entries in the write-ahead log are opened first.
fn reopened(disk: &MemoryDisk) -> (Fixture, Arc<Log>) {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(PATH));
    let log = fixture.log(config());
    fixture.directory.finish_recovery().unwrap();
    log.advance_high(log.bounds().end());
    (fixture, log)
}

/// Until nothing is worth it; a log that fails is put off, and so not tried again.
fn clean_all(fixture: &Fixture) {
    let cleaner = cleaner(fixture);
    while cleaner.clean_dirtiest() {}
}

type State = BTreeMap<String, (i64, Option<String>)>;

/// The newest record of each key.
fn newest(records: &[(i64, Option<String>, Option<String>)]) -> State {
    records.iter().map(|(offset, key, value)| (key.clone().unwrap(), (*offset, value.clone()))).collect()
}

/// What a crash left is a part of what was there, in order, once; each key has its newest record.
fn check(disk: &MemoryDisk, before: &[(i64, Option<String>, Option<String>)], why: &str) {
    let (fixture, log) = reopened(disk);
    let found = contents(&log);
    assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "{why}");
    assert!(found.iter().all(|record| before.contains(record)), "{why}");
    assert_eq!(newest(&found), newest(before), "{why}");
    assert_eq!(log.bounds().end(), Offset::new(60), "{why}");
    // Nothing is left over, and compaction goes on as if nothing had been.
    let names = fixture.directory.shared.disk.list(&log.path()).unwrap();
    assert!(!names.iter().any(|file| file.name.ends_with(".cleaned") || file.name.ends_with(".swap")), "{why}");
    clean_all(&fixture);
    assert_eq!(newest(&contents(&log)), newest(before), "{why}");
    put(&log, "0", Some("on"));
    assert_eq!(fixture.directory.failure(), None, "{why}");
}

#[test]
fn cmp_13_a_crash_at_every_step_leaves_one_whole_set() {
    let mut crashes = 0;
    for step in 1.. {
        let disk = MemoryDisk::new();
        let (fixture, log) = written(&disk);
        let before = contents(&log);
        disk.power_off_after(step);
        clean_all(&fixture);
        let finished = disk.list(Path::new(PATH)).is_ok();
        drop((log, fixture));
        check(&disk.crash(), &before, &format!("step {step}"));
        let chance = SeededChance::new(step);
        for _ in 0..3 {
            check(&disk.crash_with(&chance), &before, &format!("step {step}, with parts"));
            check(&disk.crash_in_any_order(&chance), &before, &format!("step {step}, with parts in any order"));
        }
        crashes += 7;
        if finished {
            break;
        }
    }
    assert!(crashes > 100, "{crashes}");
}

fn swaps(disk: &MemoryDisk) -> usize {
    let files = disk.list(&Path::new(PATH).join("t-0")).unwrap();
    files.iter().filter(|file| file.name.ends_with(".log.swap")).count()
}

/// A start that the power ends after so many changes of the disk.
fn start_until(disk: &MemoryDisk, changes: u64) {
    disk.power_off_after(changes);
    let settings = LogDirSettings { disk_headroom_bytes: 0, ..settings() };
    let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
    if let Ok(directory) = LogDir::open(Arc::new(disk.clone()), clock, Path::new(PATH), settings) {
        let _ = directory.open_log(&id(0), Arc::new(config()));
    }
}

/// Killed before the passing name is durable, which is one moment of the many of a run.
fn killed_in_swap() -> (MemoryDisk, Vec<(i64, Option<String>, Option<String>)>) {
    // Threads of the directory change the disk as well: no number of changes is that moment each time.
    for step in (1..60).cycle().take(60 * 50) {
        let disk = MemoryDisk::new();
        let (fixture, log) = written(&disk);
        let before = contents(&log);
        disk.power_off_after(step);
        clean_all(&fixture);
        drop((log, fixture));
        if swaps(&disk.killed()) > 0 && swaps(&disk.crash()) == 0 {
            return (disk, before);
        }
    }
    panic!("no run stopped at that moment");
}

/// The file before may seem to have lost its end; the next start has it all.
#[test]
fn log_14_what_a_swap_has_not_come_to_is_no_damage_and_not_for_repair() {
    let (disk, before) = killed_in_swap();
    let left = disk.killed();
    let reports = verify(&left, Path::new("/data")).unwrap();
    assert!(reports.iter().all(|report| report.damages.is_empty()), "{reports:?}");
    let path = reports[0].path.clone();
    assert!(matches!(repair(&left, &path), Err(OfflineError::Swap { .. })));
    check(&left, &before, "after the start");
}

/// A start goes by the passing name, and must not take the old ones away before it is durable.
#[test]
fn log_17_a_swap_that_a_kill_left_is_durable_before_the_next_start_goes_by_it() {
    let (disk, before) = killed_in_swap();
    let chance = SeededChance::new(5);
    for second in 1..60 {
        let left = disk.killed();
        start_until(&left, second);
        for _ in 0..8 {
            check(&left.crash_in_any_order(&chance), &before, &format!("second crash at {second}"));
        }
    }
}

#[test]
fn log_17_a_swap_that_recovery_did_not_finish_is_finished_by_the_next() {
    let disk = MemoryDisk::new();
    let (fixture, log) = written(&disk);
    let before = contents(&log);
    // The moment the cleaned segment counts: its directory was synced under the passing name.
    let steps = (1..).find(|step| {
        let disk = MemoryDisk::new();
        let (fixture, _log) = written(&disk);
        disk.power_off_after(*step);
        cleaner(&fixture).clean_dirtiest();
        swaps(&disk.crash()) == 1
    });
    drop((log, fixture));
    for second in 1..40 {
        let disk = MemoryDisk::new();
        let (fixture, log) = written(&disk);
        disk.power_off_after(steps.unwrap());
        cleaner(&fixture).clean_dirtiest();
        drop((log, fixture));
        let disk = disk.crash();
        start_until(&disk, second);
        let chance = SeededChance::new(second + chance_base());
        check(&disk.crash(), &before, &format!("second crash at {second}"));
        check(&disk.crash_with(&chance), &before, &format!("second crash at {second}, with parts"));
        check(&disk.crash_in_any_order(&chance), &before, &format!("second crash at {second}, in any order"));
    }
}

fn chance_base() -> u64 {
    SeededChance::new(3).u64() % 1_000
}

#[test]
fn the_write_ahead_log_brings_nothing_back_that_was_compacted_away() {
    let disk = MemoryDisk::new();
    let (fixture, log) = written(&disk);
    clean_all(&fixture);
    let kept = contents(&log);
    assert!(kept.len() < 20, "{}", kept.len());
    // More is written and synced by the write-ahead log alone, which still holds entries of before.
    put(&log, "0", Some("after"));
    wait_synced(&log, Offset::new(61));
    drop((log, fixture));
    let (_fixture, log) = reopened(&disk.crash());
    let found = contents(&log);
    assert_eq!(found[..kept.len()], kept);
    assert_eq!(found.len(), kept.len() + 1);
}

/// A transaction that is open, another behind it that was aborted, both in a segment whose beginning is compacted: what
/// readers must skip once the first has ended stands in no other file.
fn with_transactions(disk: &MemoryDisk) -> (Fixture, Arc<Log>) {
    let fixture = directory(Arc::new(disk.clone()), Path::new(PATH));
    let log = fixture.log(config());
    for round in 0..2 {
        (0..9).for_each(|at| _ = put(&log, "k", Some(&format!("{round} {at}"))));
    }
    write(&log, 1, 0, "k", "undecided");
    write(&log, 2, 0, "a", "aborted");
    end(&log, 2, TransactionResult::Abort);
    (0..11).for_each(|_| _ = put(&log, "k", Some("v")));
    let last = put(&log, "k", Some("v"));
    wait_for(log.high_mark(), last.next()).unwrap();
    fixture.directory.checkpoint().unwrap();
    (fixture, log)
}

fn aborted(log: &Log) -> Vec<AbortedEntry> {
    log.aborted_between(Offset::ZERO, Offset::new(i64::MAX)).unwrap()
}

#[test]
fn log_17_a_swap_never_loses_the_list_of_aborted_transactions() {
    let mut crashes = 0;
    for step in 1.. {
        let disk = MemoryDisk::new();
        let (fixture, log) = with_transactions(&disk);
        let before = (aborted(&log), newest(&contents(&log)));
        assert_eq!(before.0.len(), 1);
        disk.power_off_after(step);
        clean_all(&fixture);
        let finished = disk.list(Path::new(PATH)).is_ok();
        assert!(!finished || log.segments() < 5 && log.cleaned() > Some(Offset::ZERO));
        drop((log, fixture));
        let chance = SeededChance::new(step);
        let images = (0..6).map(|_| disk.crash_in_any_order(&chance)).chain([disk.crash()]);
        for image in images {
            let (_fixture, log) = reopened(&image);
            assert_eq!((aborted(&log), newest(&contents(&log))), before, "step {step}");
            crashes += 1;
        }
        if finished {
            break;
        }
    }
    assert!(crashes > 60, "{crashes}");
}

/// The last batch of a producer was cut away, and compaction had removed the one before for it: only snapshots tell of the producer.
#[test]
fn cmp_7_a_start_that_checks_all_knows_a_producer_of_which_no_batch_is_left() {
    let disk = MemoryDisk::new();
    let config = LogConfig { sync: SyncPolicy::Wal, ..compacted() };
    let (fixture, log) = started(&disk, config.clone());
    let sent = |sequence, key: &str| {
        let batch = BatchBuilder::new(NOW_MS).producer(4, 0, sequence);
        append_synced(&log, batch.record(Some(key.as_bytes()), Some(b"x")).build());
    };
    let last_sequences = |log: &Log| log.producers().iter().map(|one| one.last_sequence).collect::<Vec<_>>();
    sent(0, "a");
    put(&log, "a", Some("newer"));
    seal(&log);
    let kept = log.bounds().end();
    fixture.directory.checkpoint().unwrap();
    sent(1, "b");
    log.advance_high(log.bounds().end());
    fixture.directory.checkpoint().unwrap();
    assert!(cleaner(&fixture).clean_dirtiest());
    log.truncate_to(kept).unwrap();
    assert!(read_all(&log, 1).iter().all(|header| header.producer_id != 4));
    assert_eq!(last_sequences(&log), [Some(0)]);
    fixture.directory.checkpoint().unwrap();
    drop((log, fixture));
    let left = disk.killed();
    let epochs = Path::new("/data/t-0").join(names::EPOCH_CHECKPOINT);
    left.open(&epochs, OpenMode::Write).unwrap().set_len(0).unwrap();
    for life in [&left, &left.killed()] {
        let (_fixture, log) = started(life, config.clone());
        assert_eq!((log.bounds().end(), last_sequences(&log)), (kept, vec![Some(0)]));
    }
}
