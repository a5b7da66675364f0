//! Compaction over damage: it is told, and nothing that was written by compaction hides it.
use super::*;
use crate::{log::ReadError, platform::MemoryDisk};
use std::path::PathBuf;

/// Where within a batch a bit flips: in its offset, up and down, in its leader epoch, or in a value.
const PLACES: [(&str, u64, u8); 4] = [("offset up", 6, 1), ("offset down", 7, 1), ("epoch", 15, 4), ("value", 71, 1)];
/// Of the batch that is damaged.
const AT: i64 = 6;

/// Twelve keys, compacted when `clean`, and the file and the position of one batch.
fn written(clean: bool) -> (MemoryDisk, PathBuf, u64) {
    let disk = MemoryDisk::new();
    let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(compacted());
    (0..12).for_each(|key| _ = put(&log, &format!("key{key}"), Some("a value")));
    seal(&log);
    if clean {
        assert!(cleaner(&fixture).clean_dirtiest());
    }
    let segments = log.all_segments();
    let segment = segments.iter().rfind(|segment| segment.base() <= Offset::new(AT)).unwrap().clone();
    let at = segment.locate(Offset::new(AT), segment.bytes()).unwrap().unwrap();
    assert_eq!(at.header.base_offset, AT);
    fixture.directory.close().unwrap();
    (disk.killed(), segment.path(crate::log::names::LOG), at.position)
}

fn is_damaged(log: &Log) -> bool {
    matches!(log.read(Offset::new(AT), ReadLimit::End, 100, true), Err(ReadError::Damaged { .. }))
}

#[test]
fn log_14_what_compaction_wrote_hides_no_damage() {
    for (what, byte, bit) in PLACES {
        for (clean, examined) in [(true, false), (true, true), (false, false), (false, true)] {
            let why = format!("{what}, clean {clean}, examined {examined}");
            let (disk, path, position) = written(clean);
            disk.flip_bit(&path, position + byte, bit).unwrap();
            let bytes = disk.read(&path).unwrap();
            let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
            let log = fixture.log(compacted());
            if examined {
                log.all_segments().iter().for_each(|one| _ = log.examine_segment(one, &mut |_| true).unwrap());
                assert!(is_damaged(&log), "{why}");
            }
            (0..6).for_each(|_| _ = put(&log, "key1", Some("newer")));
            seal(&log);
            let cleaner = cleaner(&fixture);
            assert!(cleaner.clean_dirtiest(), "{why}");
            assert_eq!(cleaner.totals().uncleanable, 1, "{why}");
            // Only a look at all of a segment tells a gap from a batch that says it is another.
            assert!(is_damaged(&log) || (!examined && what.starts_with("offset")), "{why}");
            assert_eq!(disk.read(&path).unwrap(), bytes, "{why}");
            assert!(!cleaner.clean_dirtiest(), "{why}");
        }
    }
}

#[test]
fn cmp_2_a_log_is_compacted_again_when_what_was_damaged_has_gone() {
    let (disk, path, position) = written(false);
    disk.flip_bit(&path, position + 71, 1).unwrap();
    let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(compacted());
    let cleaner = cleaner(&fixture);
    assert!(cleaner.clean_dirtiest());
    assert!(!cleaner.clean_dirtiest());
    assert_eq!((cleaner.totals().failures, cleaner.totals().uncleanable), (1, 1));
    let behind = log.all_segments().into_iter().find(|one| one.base() > Offset::new(AT)).unwrap().base();
    log.advance_start(Some(behind)).unwrap().wait().unwrap();
    assert!(log.delete_old_segments().unwrap() > 0);
    assert!(cleaner.clean_dirtiest());
    assert_eq!((cleaner.totals().failures, cleaner.totals().uncleanable, cleaner.totals().runs), (1, 0, 1));
}

#[test]
fn cmp_2_a_log_with_a_lost_file_is_told_and_not_read_again_and_again() {
    for (at, lost_at_start) in [(0, true), (0, false), (1, false)] {
        let (disk, ..) = written(true);
        let lost = |log: Option<&Arc<Log>>| {
            let mut files = disk.list(Path::new("/data/t-0")).unwrap();
            files.retain(|file| file.name.ends_with(".log"));
            assert!(files.len() > 2);
            disk.remove_file(&Path::new("/data/t-0").join(&files[at].name)).unwrap();
            log.into_iter().for_each(|log| log.all_segments().iter().for_each(|segment| segment.close_file()));
        };
        if lost_at_start {
            lost(None);
        }
        let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
        let log = fixture.log(compacted());
        (0..6).for_each(|_| _ = put(&log, "key1", Some("newer")));
        seal(&log);
        if !lost_at_start {
            lost(Some(&log));
        }
        let (cleaner, why) = (cleaner(&fixture), format!("file {at}, before the start: {lost_at_start}"));
        assert!(cleaner.clean_dirtiest(), "{why}");
        fixture.clock.advance(DAY);
        assert!(!cleaner.clean_dirtiest(), "{why}");
        assert_eq!((cleaner.totals().failures, cleaner.totals().uncleanable), (1, 1), "{why}");
    }
}
