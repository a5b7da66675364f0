//! `ottla log repair` between a kill and the next start: it gives up nothing that the start would have from elsewhere.
use super::{damage::read_around, *};
use crate::{
    log::damage::{OfflineError, repair, verify},
    platform::MemoryDisk,
};
use std::path::PathBuf;

const BATCHES: i64 = 9;

/// One record in each batch, all synced; a checkpoint behind so many of them; then a kill.
fn written(segment_bytes: u64, checkpoint_behind: Option<i64>) -> (MemoryDisk, LogConfig) {
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes, ..LogConfig::default() };
    let (fixture, log) = started(&disk, config.clone());
    for at in 0..BATCHES {
        if checkpoint_behind == Some(at) {
            fixture.directory.checkpoint().unwrap();
        }
        append_synced(&log, batch(1, &[at as u8; 60]));
    }
    let killed = disk.killed();
    drop((log, fixture));
    (killed, config)
}

/// Where the batch of this offset stands.
fn place_of(disk: &MemoryDisk, offset: i64) -> (PathBuf, u64) {
    let folder = Path::new("/data/t-0");
    for file in disk.list(folder).unwrap().into_iter().filter(|file| file.name.ends_with(".log")) {
        let bytes = disk.read(&folder.join(&file.name)).unwrap();
        let mut batches = crate::record::walk(&bytes).flatten();
        if let Some(found) = batches.find(|batch| bytes[batch.position..batch.position + 8] == offset.to_be_bytes()) {
            return (folder.join(&file.name), found.position as u64);
        }
    }
    panic!("no batch at {offset}");
}

const LENGTH_AT: u64 = 11;
const BODY_AT: u64 = 80;

/// Damages these batches, repairs each file that can be, and starts: what comes back with records.
fn read_after_repair(disk: &MemoryDisk, config: LogConfig, flips: &[(i64, u64)]) -> Vec<i64> {
    let places: Vec<_> = flips.iter().map(|(offset, byte)| (place_of(disk, *offset), byte)).collect();
    for ((path, position), byte) in &places {
        disk.flip_bit(path, position + **byte, 3).unwrap();
    }
    for ((path, _), _) in &places {
        let repaired = repair(disk, path);
        assert!(matches!(repaired, Ok(_) | Err(OfflineError::Torn { .. })), "{repaired:?}");
    }
    assert!(verify(disk, Path::new("/data")).unwrap().iter().all(|report| report.damages.is_empty()));
    let (_fixture, log) = started(disk, config);
    let (found, refused) = read_around(&log, 1 << 20);
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(log.bounds().end(), Offset::new(BATCHES));
    found.iter().filter(|header| header.record_count > 0).map(|header| header.base_offset).collect()
}

#[test]
fn log_14_a_repair_after_a_kill_gives_up_nothing_that_the_write_ahead_log_has() {
    let all: Vec<i64> = (0..BATCHES).collect();
    let many = 3 * 130;
    for (segment_bytes, checkpoint_behind, flips) in [
        // Behind the checkpoint, more than the end.
        (1 << 20, Some(3), &[(5, BODY_AT), (7, BODY_AT)][..]),
        // In a file that others follow, one in it and one at its end.
        (many, Some(2), &[(4, BODY_AT)]),
        (many, Some(2), &[(3, BODY_AT), (5, BODY_AT)]),
        // No checkpoint knows of the log.
        (1 << 20, None, &[(0, BODY_AT), (2, BODY_AT)]),
        (many, None, &[(1, LENGTH_AT), (4, BODY_AT)]),
    ] {
        let (disk, config) = written(segment_bytes, checkpoint_behind);
        let read = read_after_repair(&disk, config, flips);
        assert_eq!(read, all, "{segment_bytes} {checkpoint_behind:?} {flips:?}");
    }
}

#[test]
fn log_14_a_repair_of_a_damage_that_reaches_over_the_checkpoint_fills_it_up_to_there_only() {
    for segment_bytes in [1 << 20, 3 * 130] {
        let (disk, config) = written(segment_bytes, Some(4));
        let read = read_after_repair(&disk, config, &[(3, LENGTH_AT), (4, BODY_AT)]);
        assert_eq!(read, [0, 1, 2, 4, 5, 6, 7, 8], "{segment_bytes}");
    }
}

#[test]
fn log_14_without_a_write_ahead_log_or_without_notes_a_repair_keeps_what_is_whole() {
    // Nothing tells that a checkpoint never knew of the log.
    let (disk, _) = written(1 << 20, Some(3));
    disk.remove_file(Path::new("/data/recovery-point-offset-checkpoint")).unwrap();
    let (path, position) = place_of(&disk, 5);
    disk.flip_bit(&path, position + BODY_AT, 3).unwrap();
    let report = repair(&disk, &path).unwrap().unwrap().report;
    assert_eq!((report.batches, report.damages.len(), report.torn), (8, 1, None));
    // Nobody has what stands behind the damage but the file.
    let (disk, _) = written(1 << 20, Some(3));
    for file in disk.list(Path::new("/data/wal")).unwrap() {
        disk.remove_file(&Path::new("/data/wal").join(&file.name)).unwrap();
    }
    for offset in [5, 7] {
        let (path, position) = place_of(&disk, offset);
        disk.flip_bit(&path, position + BODY_AT, 3).unwrap();
    }
    let report = repair(&disk, &path).unwrap().unwrap().report;
    assert_eq!((report.batches, report.damages.len(), report.torn.is_some()), (7, 1, true));
}

#[test]
fn off_4_a_repair_of_a_lost_file_knows_the_markers_that_stood_in_it() {
    use super::transactions::{append_in, end};
    use crate::record::TransactionResult;
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes: 900, ..LogConfig::default() };
    let (fixture, log) = started(&disk, config.clone());
    // The records, their marker, and what comes behind it: each in a file of its own.
    append_in(&log, 7, 3, 0).unwrap();
    append(&log, batch(1, &[0; 700])).unwrap();
    end(&log, 7, 4, TransactionResult::Abort);
    append(&log, batch(1, &[1; 700])).unwrap();
    let last = append(&log, batch(1, &[2; 700])).unwrap().base;
    fixture.directory.close().unwrap();
    drop((log, fixture));
    let disk = disk.killed();
    let folder = Path::new("/data/t-0");
    let names: Vec<String> = disk.list(folder).unwrap().into_iter().map(|file| file.name).collect();
    let index = names.iter().find(|name| name.ends_with(".txnindex")).unwrap();
    assert_eq!(index, "00000000000000000002.txnindex");
    assert_eq!(last, Offset::new(4));
    let lost = folder.join(index).with_extension("log");
    disk.remove_file(&lost).unwrap();
    repair(&disk, &lost).unwrap().unwrap();
    let is_left = disk.exists(&folder.join(index));
    assert!(verify(&disk, folder).unwrap().iter().all(|report| report.damages.is_empty()));
    for _ in 0..2 {
        let (fixture, log) = started(&disk, config.clone());
        let read = log.read(Offset::ZERO, ReadLimit::Stable, 1 << 20, true).unwrap();
        let told: Vec<_> = read.aborted.iter().map(|aborted| (aborted.producer.get(), aborted.first.get())).collect();
        assert_eq!(told, [(7, 0)]);
        let (found, refused) = read_around(&log, 1 << 20);
        let marker = found.iter().find(|header| header.base() == Some(Offset::new(2))).unwrap();
        assert!(marker.is_control() && refused.is_empty(), "{marker:?}");
        assert_eq!((marker.producer_id, marker.producer_epoch), (7, 3));
        fixture.directory.close().unwrap();
    }
    assert!(!is_left, "the index of the file that the marker stands in now has it");
}

#[test]
fn ret_2_a_repaired_file_without_records_is_as_old_as_the_one_behind_it() {
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes: 3 * 130, retention_ms: Some(3_600_000), ..LogConfig::default() };
    let (fixture, log) = started(&disk, config.clone());
    (0..BATCHES).for_each(|at| _ = append_synced(&log, batch_at(NOW_MS - at % 2, 1, &[at as u8; 60])));
    fixture.directory.close().unwrap();
    drop((log, fixture));
    let disk = disk.killed();
    let lost = Path::new("/data/t-0/00000000000000000000.log");
    disk.remove_file(lost).unwrap();
    repair(&disk, lost).unwrap().unwrap();
    let (fixture, log) = started(&disk, config);
    assert_eq!(log.delete_old_segments().unwrap(), 0, "the records behind it are young");
    fixture.clock.advance(std::time::Duration::from_secs(3_700));
    assert!(log.delete_old_segments().unwrap() > 1);
}
