//! A run of compaction that is cut short: what it has put in place has gaps, which nobody is to take for damage.
use super::{
    transactions::{end, write},
    *,
};
use crate::{
    log::{
        compaction::aborted_from,
        damage::{repair, verify},
    },
    platform::MemoryDisk,
    record::TransactionResult,
};

/// Of every third record the key comes again.
fn written(disk: &MemoryDisk) -> (Fixture, Arc<Log>) {
    let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(compacted());
    for at in 0..60 {
        let key = if at % 3 == 1 { "again".to_owned() } else { format!("once{at}") };
        put(&log, &key, Some("a value"));
    }
    seal(&log);
    fixture.directory.checkpoint().unwrap();
    (fixture, log)
}

#[test]
fn log_14_the_gaps_of_a_run_that_was_cut_short_are_no_damage() {
    for earlier in [false, true] {
        let disk = MemoryDisk::new();
        let (fixture, log) = written(&disk);
        if earlier {
            assert!(cleaner(&fixture).clean_dirtiest());
            (0..40).for_each(|at| _ = put(&log, &format!("once{}", at % 25), Some("newer")));
            seal(&log);
            fixture.directory.checkpoint().unwrap();
        }
        let (first, cleaned) = (log.all_segments()[0].id(), log.cleaned());
        let ended = crate::log::compaction::clean_in_test(&log, &|_| log.all_segments()[0].id() == first);
        assert!(ended.is_err() && log.all_segments()[0].id() != first && log.cleaned() == cleaned);
        let kept = contents(&log);
        // Whatever becomes of the policy while it runs, and behind an orderly stop or a kill.
        let no_longer = LogConfig { compact: false, delete: true, ..compacted() };
        log.update_config(Arc::new(no_longer.clone()));
        assert_eq!(contents(&log), kept, "{earlier}");
        let killed = disk.killed();
        fixture.directory.close().unwrap();
        for left in [killed, disk.killed()] {
            let reports = verify(&left, Path::new("/data")).unwrap();
            assert!(reports.iter().all(|report| report.damages.is_empty()), "{earlier}: {reports:?}");
            for report in &reports {
                assert!(repair(&left, &report.path).unwrap().is_none(), "{earlier}");
            }
            for config in [no_longer.clone(), compacted()] {
                let fixture = directory(Arc::new(left.killed()), Path::new("/data"));
                let log = fixture.log(config);
                log.all_segments().iter().for_each(|one| _ = log.examine_segment(one, &mut |_| true).unwrap());
                assert_eq!((contents(&log), fixture.directory.damages()), (kept.clone(), 0), "{earlier}");
            }
        }
    }
}

#[test]
fn log_14_a_later_run_that_ends_before_forgets_no_gaps() {
    let disk = MemoryDisk::new();
    let (fixture, log) = written(&disk);
    let first = log.all_segments()[0].id();
    assert!(crate::log::compaction::clean_in_test(&log, &|_| log.all_segments()[0].id() == first).is_err());
    let gaps_to = log.gaps_to();
    assert!(gaps_to > Some(Offset::new(3)));
    // As one with less memory for keys comes to its end.
    let groups = log.all_segments();
    let next = Offset::new(3);
    log.set_cleaned(next);
    assert!(groups.len() > 2 && log.gaps_to() == gaps_to);
    fixture.directory.checkpoint().unwrap();
    let reports = verify(&disk.killed(), Path::new("/data")).unwrap();
    assert!(reports.iter().all(|report| report.damages.is_empty()), "{reports:?}");
}

/// A log that was compacted once, and not while transactions were rolled back; nobody knows any more how far.
#[test]
fn cmp_4_what_was_rolled_back_in_a_part_that_only_counts_as_clean_stays_rolled_back() {
    let disk = MemoryDisk::new();
    let (fixture, log) = written(&disk);
    assert!(cleaner(&fixture).clean_dirtiest());
    let no_longer = LogConfig { compact: false, delete: true, ..compacted() };
    log.update_config(Arc::new(no_longer.clone()));
    write(&log, 1, 0, "secret", "rolled back");
    end(&log, 1, TransactionResult::Abort);
    seal(&log);
    fixture.directory.close().unwrap();
    let left = disk.killed();
    left.remove_file(Path::new("/data/cleaner-offset-checkpoint")).unwrap();
    let fixture = directory(Arc::new(left.clone()), Path::new("/data"));
    fixture.log(no_longer);
    fixture.directory.checkpoint().unwrap();
    fixture.directory.close().unwrap();
    let fixture = directory(Arc::new(left.killed()), Path::new("/data"));
    let log = fixture.log(compacted());
    put(&log, "again", Some("dirt"));
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    for _ in 0..3 {
        let secret = contents(&log).into_iter().find(|(_, key, _)| key.as_deref() == Some("secret"));
        if let Some((at, ..)) = secret {
            assert!(!log.read(Offset::new(at), ReadLimit::Stable, 1, true).unwrap().aborted.is_empty());
        }
        put(&log, "again", Some("dirt"));
        seal(&log);
        assert!(cleaner(&fixture).clean_dirtiest());
    }
}

/// The list has no checksum: readers go by it, but nothing is deleted for it.
#[test]
fn cmp_4_a_flipped_bit_in_the_list_of_rolled_back_transactions_deletes_nothing() {
    let disk = MemoryDisk::new();
    let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig { segment_bytes: 4_000, ..compacted() });
    for at in 0..8 {
        write(&log, 1, at, &format!("key{at}"), "committed");
        end(&log, 1, TransactionResult::Commit);
    }
    assert_eq!(write(&log, 1, 8, "secret", "rolled back"), Offset::new(16));
    end(&log, 1, TransactionResult::Abort);
    seal(&log);
    fixture.directory.checkpoint().unwrap();
    assert!(cleaner(&fixture).clean_dirtiest());
    fixture.directory.close().unwrap();
    let index = Path::new("/data/t-0/00000000000000000000.txnindex");
    let entry = disk.read(index).unwrap();
    assert_eq!((entry.len(), &entry[10..18]), (34, &16i64.to_be_bytes()[..]));
    disk.flip_bit(index, 17, 4).unwrap();
    let fixture = directory(Arc::new(disk.killed()), Path::new("/data"));
    let log = fixture.log(LogConfig { segment_bytes: 4_000, ..compacted() });
    put(&log, "key", Some("dirt"));
    seal(&log);
    assert!(cleaner(&fixture).clean_dirtiest());
    let kept = contents(&log).into_iter().filter(|(_, key, _)| key.as_ref().is_some_and(|key| key.starts_with("key")));
    assert_eq!(kept.count(), 9);
}

#[test]
fn cmp_1_the_walk_for_what_was_rolled_back_ends_where_it_has_to() {
    let disk = MemoryDisk::new();
    let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig { segment_bytes: 1 << 20, ..compacted() });
    let value = "v".repeat(2_000);
    for at in 0..2_000 {
        write(&log, 1, at, &format!("key{at}"), &value);
        end(&log, 1, if at % 5 == 0 { TransactionResult::Abort } else { TransactionResult::Commit });
    }
    let segments = log.all_segments();
    let read = |until: i64, goes_on: bool| {
        let before = disk.asked(OperationKind::Read);
        let found = aborted_from(&log, &segments, (0, 0), Offset::new(until), &|_| goes_on).unwrap();
        (found.is_some(), disk.asked(OperationKind::Read) - before)
    };
    let (all, reads) = read(i64::MAX, true);
    assert!(all && reads > 2_000, "{reads}");
    let (found, few) = read(40, true);
    assert!(found && few < reads / 10, "{few} of {reads}");
    let (found, few) = read(i64::MAX, false);
    assert!(!found && few < reads / 2, "{few} of {reads}");
}
