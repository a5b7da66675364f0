//! Transaction indexes that are lost with the other index files, or cut short: made again from the batches, by a start that
//! looks no further back than it has to.
use super::{
    transactions::{append_in, end, paged, producer},
    *,
};
use crate::{
    log::{AbortedEntry, ReadError, names},
    platform::{Disk, Fault, MemoryDisk, OperationKind, SeededChance},
    record::TransactionResult,
};
use std::{fs, path::PathBuf};

/// Aborted transactions, one across segments, and others that are committed; then a tail of plain records.
fn ended(dir: &Path, config: LogConfig, tail_bytes: usize, orderly: bool) -> Vec<AbortedEntry> {
    let fixture = Fixture::real(dir);
    fixture.directory.finish_recovery().unwrap();
    let log = fixture.log(config);
    append_in(&log, 5, 0, 0).unwrap();
    for at in 0..12 {
        append_in(&log, at % 2, (at / 2) as i16, 0).unwrap();
        let result = if at % 3 == 0 { TransactionResult::Commit } else { TransactionResult::Abort };
        end(&log, at % 2, (at / 2) as i16 + 1, result);
    }
    end(&log, 5, 1, TransactionResult::Abort);
    fixture.directory.checkpoint().unwrap();
    for _ in 0..tail_bytes.div_ceil(100_000) {
        append(&log, batch(1, &vec![7; 100_000.min(tail_bytes)])).unwrap();
    }
    if orderly {
        fixture.directory.close().unwrap();
    } else {
        fixture.directory.checkpoint().unwrap();
    }
    all(&log)
}

fn all(log: &Log) -> Vec<AbortedEntry> {
    log.aborted_between(Offset::ZERO, Offset::new(i64::MAX)).unwrap()
}

fn paths(dir: &Path, suffix: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(dir.join("t-0")).unwrap().map(|file| file.unwrap().path());
    let mut named: Vec<_> = all.filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    named.sort();
    named
}

/// Loses things, and holds two starts against what was there before.
fn is_made_again(case: &str, config: &LogConfig, tail_bytes: usize, orderly: bool, lose: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let expected = ended(dir.path(), config.clone(), tail_bytes, orderly);
    assert_eq!(expected.len(), 9, "{case}");
    let indexes = paths(dir.path(), ".txnindex");
    let read = |path: &PathBuf| fs::read(path).unwrap_or_default();
    let before: Vec<_> = indexes.iter().map(read).collect();
    lose(dir.path());
    for start in 0..2 {
        let fixture = Fixture::real(dir.path());
        let log = fixture.log(config.clone());
        assert_eq!(all(&log), expected, "{case}, start {start}");
        assert_eq!(indexes.iter().map(read).collect::<Vec<_>>(), before, "{case}, start {start}");
    }
}

fn remove(paths: Vec<PathBuf>) {
    paths.iter().for_each(|path| fs::remove_file(path).unwrap());
}

#[test]
fn log_23_transaction_indexes_lost_with_the_others_are_made_again() {
    // Segments of two batches; one segment small, walked at each start, and large.
    for (segment_bytes, tail_bytes) in [(200, 0), (200, 60), (1 << 30, 0), (1 << 30, 300_000), (1 << 30, 2_000_000)] {
        for (orderly, keeps_snapshots) in [(true, true), (true, false), (false, true), (false, false)] {
            let case = format!("{segment_bytes} {tail_bytes} orderly {orderly} snapshots {keeps_snapshots}");
            let config = LogConfig { segment_bytes, ..paged() };
            is_made_again(&case, &config, tail_bytes, orderly, |dir| {
                remove(paths(dir, "index"));
                remove(if keeps_snapshots { vec![] } else { paths(dir, ".snapshot") });
            });
        }
    }
}

#[test]
fn log_23_transaction_indexes_cut_short_beside_a_lost_index_are_made_whole() {
    for orderly in [true, false] {
        // Two transactions and more to a segment.
        let config = LogConfig { segment_bytes: 700, ..paged() };
        is_made_again(&format!("orderly {orderly}"), &config, 60, orderly, |dir| {
            remove(paths(dir, ".index"));
            // Of the last segment, which has no index until it is large, nothing tells.
            let last = paths(dir, ".log").pop().unwrap().with_extension("txnindex");
            let cut = paths(dir, ".txnindex").into_iter().filter(|path| {
                let (bytes, entry) = (fs::metadata(path).unwrap().len(), AbortedEntry::BYTES as u64);
                let cut = bytes > entry && *path != last;
                let cut_bytes = if cut { bytes - entry } else { bytes };
                fs::File::options().write(true).open(path).unwrap().set_len(cut_bytes).unwrap();
                cut
            });
            assert!(cut.count() > 1);
        });
    }
}

/// Loses entries of the transaction indexes and nothing else, and has them back once the log was looked at.
fn is_noticed(case: &str, config: &LogConfig, lose: impl Fn(&Path), look: impl Fn(&Fixture, &Log)) {
    for orderly in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let expected = ended(dir.path(), config.clone(), 60, orderly);
        paths(dir.path(), ".txnindex").iter().for_each(|path| lose(path));
        let fixture = Fixture::real(dir.path());
        let log = fixture.log(config.clone());
        look(&fixture, &log);
        assert_eq!(all(&log), expected, "{case}, orderly {orderly}");
        fixture.directory.checkpoint().unwrap();
        drop((log, fixture));
        let fixture = Fixture::real(dir.path());
        assert_eq!(all(&fixture.log(config.clone())), expected, "{case}, orderly {orderly}: in the files again");
    }
}

fn cut_last_entry(path: &Path) {
    let bytes = fs::metadata(path).unwrap().len();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(bytes.saturating_sub(AbortedEntry::BYTES as u64)).unwrap();
}

#[test]
fn log_14_a_lost_transaction_index_is_noticed_by_who_reads_and_by_the_scrubber() {
    let whole = LogConfig { segment_bytes: 1 << 30, ..paged() };
    let lose = |path: &Path| fs::remove_file(path).unwrap();
    let read = |_: &Fixture, log: &Log| {
        let read = log.read(Offset::ZERO, ReadLimit::Stable, 1 << 20, true).unwrap();
        assert_eq!(read.aborted.len(), 9, "already in the first answer");
    };
    is_noticed("gone, read", &whole, lose, read);
    is_noticed("cut, read", &whole, cut_last_entry, read);
    let scrub = |fixture: &Fixture, _: &Log| {
        let scrubber = crate::log::Scrubber::new(vec![fixture.directory.clone()], fixture.clock.clone(), 0);
        assert!(scrubber.pass());
    };
    for segment_bytes in [200, 700, 1 << 30] {
        let config = LogConfig { segment_bytes, ..paged() };
        is_noticed(&format!("gone, scrubbed, {segment_bytes}"), &config, lose, scrub);
        is_noticed(&format!("cut, scrubbed, {segment_bytes}"), &config, cut_last_entry, scrub);
    }
}

/// Plain records in full segments, a small last segment with the end of a transaction, an orderly stop; then what `lose` does.
/// Does a start come through that reads log files at most so often?
fn starts_within(reads: u64, result: TransactionResult, lose: impl Fn(&str) -> bool) -> bool {
    let disk = MemoryDisk::new();
    let config = LogConfig { segment_bytes: 20_000, ..paged() };
    {
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        fixture.directory.finish_recovery().unwrap();
        let log = fixture.log(config.clone());
        for at in 0..40 {
            append(&log, batch(1, &[7; 10_000])).unwrap();
            if result == TransactionResult::Abort {
                append_in(&log, 1, at, 0).unwrap();
                end(&log, 1, at + 1, result);
            }
            append(&log, batch(1, &[7; 9_000])).unwrap();
        }
        append(&log, batch(1, &[7; 19_900])).unwrap();
        append_in(&log, 2, 0, 0).unwrap();
        end(&log, 2, 1, result);
        fixture.directory.close().unwrap();
    }
    for file in disk.list(Path::new("/data/t-0")).unwrap() {
        if lose(&file.name) {
            disk.remove_file(&Path::new("/data/t-0").join(&file.name)).unwrap();
        }
    }
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    disk.inject(Fault::once(OperationKind::Read, ".log").after(reads).for_ever());
    let opened = fixture.directory.open_log(&id(0), Arc::new(config));
    disk.clear_faults();
    assert!(
        opened.as_ref().is_ok_and(|log| all(log).is_empty() == (result == TransactionResult::Commit)) || reads < 1000
    );
    opened.is_ok()
}

#[test]
fn log_12_a_start_after_an_orderly_stop_reads_no_more_than_the_last_segment() {
    assert!(starts_within(10, TransactionResult::Commit, |_| false));
}

#[test]
fn log_23_lost_snapshots_do_not_make_every_segment_read_all_before_it() {
    let is_lost = |name: &str| name.ends_with("index") || name.ends_with("snapshot");
    assert!(starts_within(300, TransactionResult::Abort, is_lost));
    assert!(!starts_within(30, TransactionResult::Abort, is_lost), "the segments are looked at");
}

/// The producers are noted where the log ends; once it is cut, an older note counts, and what the index has behind it is looked at anew.
#[test]
fn off_3_a_power_loss_while_a_log_is_cut_takes_nothing_from_the_index_of_what_is_left() {
    let config = LogConfig { verify_transactions: false, ..LogConfig::default() };
    let mut images = 0;
    for step in 1.. {
        let disk = MemoryDisk::new();
        let (fixture, log) = started(&disk, config.clone());
        append_in(&log, 1, 0, 0).unwrap();
        end(&log, 1, 1, TransactionResult::Abort);
        (0..3).for_each(|_| _ = append_synced(&log, batch(1, b"v")));
        let before = all(&log);
        assert_eq!(before.len(), 1);
        fixture.directory.checkpoint().unwrap();
        disk.power_off_after(step);
        let cut = log.truncate_to(Offset::new(4));
        let finished = cut.is_ok() && fixture.directory.checkpoint().is_ok();
        let chance = SeededChance::new(step);
        for at in 0..20 {
            let left = if at % 2 == 0 { disk.crash_with(&chance) } else { disk.crash_in_any_order(&chance) };
            let (_fixture, log) = started(&left, config.clone());
            assert_eq!(all(&log), before, "step {step}, image {at}");
            images += 1;
        }
        if finished {
            break;
        }
    }
    assert!(images > 200, "{images}");
}

/// Records of a transaction in one segment, the marker that rolled it back in a later one, whose file is lost.
#[test]
fn off_4_what_was_rolled_back_stays_so_where_the_file_with_the_marker_is_lost() {
    let config = LogConfig { segment_bytes: 300, ..paged() };
    let path = |base: Offset, suffix| Path::new("/data/t-0").join(names::of_offset(base, suffix));
    for orderly in [true, false] {
        let disk = MemoryDisk::new();
        let (fixture, log) = started(&disk, config.clone());
        let first = append_in(&log, 7, 0, 0).unwrap().base;
        (0..4).for_each(|_| _ = append(&log, batch(1, &[7; 60])).unwrap());
        let marker = end(&log, 7, 1, TransactionResult::Abort).base;
        (0..6).for_each(|_| _ = append(&log, batch(1, &[7; 60])).unwrap());
        let bases: Vec<Offset> = log.all_segments().iter().map(|segment| segment.base()).collect();
        let at = bases.iter().rposition(|base| *base <= marker).unwrap();
        assert!(at > 1 && at + 2 < bases.len(), "{bases:?}");
        if orderly {
            fixture.directory.close().unwrap()
        } else {
            fixture.directory.checkpoint().unwrap()
        }
        drop((log, fixture));
        let left = disk.killed();
        left.remove_file(&path(bases[at], names::LOG)).unwrap();
        for start in 0..3 {
            let (fixture, log) = started(&left, config.clone());
            let read = log.read(first, ReadLimit::Stable, 1, true).unwrap();
            let told: Vec<_> = read.aborted.iter().map(|one| (one.producer.get(), one.first)).collect();
            assert_eq!(told, [(7, first)], "orderly {orderly}, start {start}");
            let lost = log.read(marker, ReadLimit::Stable, 1, true);
            assert!(matches!(lost, Err(ReadError::Damaged { .. })), "{lost:?}");
            assert!(log.read(bases[at + 1], ReadLimit::Stable, 1, true).is_ok());
            assert!(log.offset_for_timestamp(NOW_MS + 1, ReadLimit::High).unwrap().is_none());
            // A cut behind what is lost, and one within it.
            match start {
                0 => {}
                1 => log.truncate_to(bases[at + 2]).unwrap(),
                _ => log.truncate_to(bases[at].next()).unwrap(),
            }
            assert_eq!(log.bounds().end() == bases[at], start == 2);
            fixture.directory.checkpoint().unwrap();
        }
    }
}

/// An index that a deletion has left, of records that nobody asks for, or that others have the place of.
#[test]
fn log_17_a_transaction_index_without_records_goes_where_none_are_missing() {
    let config = LogConfig { segment_bytes: 300, ..paged() };
    let path = |base: Offset| Path::new("/data/t-0").join(names::of_offset(base, names::TXN_INDEX));
    let disk = MemoryDisk::new();
    let (fixture, log) = started(&disk, config.clone());
    append_in(&log, 7, 0, 0).unwrap();
    end(&log, 7, 1, TransactionResult::Abort);
    (0..10).for_each(|_| _ = append(&log, batch(1, &[7; 60])).unwrap());
    let (bases, end) = (log.all_segments(), log.bounds().end());
    fixture.directory.close().unwrap();
    // Within a segment, and behind all.
    for at in [bases[1].base().next(), end.next()] {
        let (last, mut bytes) = (at.next(), Vec::new());
        let entry = AbortedEntry { producer: producer(9), first: Offset::ZERO, last, stable: last.next() };
        entry.write(&mut bytes);
        disk.write_atomic(&path(at), &bytes).unwrap();
    }
    drop((log, fixture));
    let (fixture, log) = started(&disk.killed(), config);
    assert_eq!((log.all_segments().len(), all(&log).len()), (bases.len(), 1));
    assert_eq!(fixture.directory.damages(), 0);
}
