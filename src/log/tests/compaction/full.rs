//! Compaction on a disk without room for what it writes (OPS-3): nothing fails, nothing stays of it, and it goes on with the room.
use super::*;
use crate::platform::{Fault, FaultEffect};
use std::{io, path::PathBuf};

const PATH: &str = "/data";
const KEPT_BACK_BYTES: u64 = 10_000;
const RECORDS: i64 = 40;

fn config() -> LogConfig {
    LogConfig { sync: SyncPolicy::Wal, segment_bytes: 2_000, ..compacted() }
}

/// Every second record is of a key of its own, so that about half of the log stays.
fn written(disk: &MemoryDisk) -> (Fixture, Arc<Log>) {
    let mut settings = settings();
    settings.disk_headroom_bytes = KEPT_BACK_BYTES;
    // Its next file would be made beside, and take room that nobody counts here.
    settings.wal.first_file_bytes = settings.wal.file_bytes;
    let fixture = Fixture::open_with(Arc::new(disk.clone()), Path::new(PATH), settings);
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(config());
    for at in 0..RECORDS {
        let key = if at % 2 == 0 { at.to_string() } else { "all".to_owned() };
        put(&log, &key, Some(&format!("{at} {}", "x".repeat(300))));
    }
    wait_for(log.high_mark(), Offset::new(RECORDS)).unwrap();
    fixture.directory.checkpoint().unwrap();
    (fixture, log)
}

/// What compaction has left in the log's folder.
fn left(disk: &MemoryDisk) -> Vec<String> {
    let names = disk.list(Path::new("/data/t-0")).unwrap().into_iter().map(|entry| entry.name);
    names.filter(|name| [".cleaned", ".swap"].iter().any(|passing| name.ends_with(passing))).collect()
}

fn headroom(fixture: &Fixture) -> u64 {
    KEPT_BACK_BYTES + fixture.directory.settings.wal.file_bytes
}

/// All of it, once there is room.
fn goes_on(fixture: &Fixture, log: &Log, cleaner: &Cleaner, before: usize, why: &str) {
    fixture.directory.look_at_space();
    fixture.clock.advance(DAY);
    let runs = cleaner.totals().runs;
    while cleaner.clean_dirtiest() {}
    assert!(cleaner.totals().runs > runs && cleaner.totals().uncleanable == 0, "{why}: {:?}", cleaner.totals());
    let offsets: Vec<i64> = contents(log).into_iter().map(|(offset, ..)| offset).collect();
    assert!(offsets.len() < before, "{why}: {offsets:?}");
    assert!((0..RECORDS).step_by(2).all(|at| offsets.contains(&at)), "{why}: {offsets:?}");
    assert_eq!(fixture.directory.failure(), None, "{why}");
}

#[test]
fn ops_3_cmp_2_without_room_a_log_is_put_off_and_what_is_kept_back_stays_so() {
    // From too little for anything, over enough for some groups, to enough for all.
    let mut refused = Vec::new();
    for room in (0..10_000).step_by(500) {
        let disk = MemoryDisk::new();
        let (fixture, log) = written(&disk);
        let before = contents(&log).len();
        disk.limit_capacity(Some(disk.used_bytes() + headroom(&fixture) + room));
        fixture.directory.look_at_space();
        let cleaner = cleaner(&fixture);
        assert!(cleaner.clean_dirtiest());
        let why = format!("{room} bytes");
        // Nobody has asked the disk meanwhile.
        let free = disk.free_bytes(Path::new(PATH)).unwrap();
        assert!(free + 1_000 >= headroom(&fixture), "{why}: {free} are left");
        refused.push(cleaner.totals().failures == 1);
        if cleaner.totals().failures == 1 {
            assert_eq!((left(&disk), cleaner.totals().uncleanable), (vec![], 0), "{why}");
            assert_eq!(fixture.directory.failure(), None, "{why}");
            assert!(!cleaner.clean_dirtiest(), "{why}: not at once again");
            disk.limit_capacity(None);
            goes_on(&fixture, &log, &cleaner, before, &why);
        }
    }
    assert!(refused[0] && !refused[refused.len() - 1], "{refused:?}");
}

#[test]
fn ops_3_cmp_2_a_disk_that_is_found_full_at_any_step_leaves_the_log_to_be_cleaned_later() {
    let mut struck: Vec<(OperationKind, PathBuf)> = Vec::new();
    for on in [OperationKind::Create, OperationKind::SetLen, OperationKind::Write, OperationKind::Rename] {
        for after in 0..100 {
            let disk = MemoryDisk::new();
            let (fixture, log) = written(&disk);
            let before = contents(&log).len();
            let full = FaultEffect::Error(io::ErrorKind::StorageFull);
            disk.inject(Fault { after, ..Fault::once(on, ".cleaned").with(full) });
            let cleaner = cleaner(&fixture);
            assert!(cleaner.clean_dirtiest());
            let Some(place) = disk.struck().first().cloned() else { break };
            let why = format!("{on:?} {after} of {}", place.1.display());
            assert_eq!((left(&disk), cleaner.totals().uncleanable), (vec![], 0), "{why}");
            assert_eq!(fixture.directory.failure(), None, "{why}");
            assert!(!cleaner.clean_dirtiest(), "{why}: not at once again");
            goes_on(&fixture, &log, &cleaner, before, &why);
            struck.push(place);
        }
    }
    let kinds: std::collections::BTreeSet<_> = struck.iter().map(|(kind, _)| format!("{kind:?}")).collect();
    assert_eq!(kinds.len(), 4, "{struck:?}");
}
