//! Every bit that matters, flipped: of every header of a log of mixed batches, and of every small file beside them. What comes
//! of it is told or does no harm: no record is read that was not written, and nothing that was synced is forgotten.
use super::{
    damage::{is_same, read_around},
    transactions::{epoch, producer, transactional},
    *,
};
use crate::{
    log::{AbortedTransaction, AppendTerms, LogDirError, LogError, ReadError, SyncPolicy},
    platform::{MemoryDisk, OpenMode},
    record::{Codec, CompressionLevels, EndTransactionMarker, HEADER_BYTES, TransactionResult},
    types::TransactionVersion,
};
use std::path::PathBuf;

fn config() -> LogConfig {
    let mut config = LogConfig { sync: SyncPolicy::PageCache, verify_transactions: false, ..LogConfig::default() };
    (config.segment_bytes, config.index_interval_bytes) = (500, 200);
    config
}

/// Where the log starts since records were deleted.
const START: i64 = 3;

/// What a reader must find, or be told that it cannot.
struct Written {
    headers: Vec<BatchHeader>,
    end: Offset,
    aborted: Vec<AbortedTransaction>,
    times: Vec<Option<i64>>,
    epochs: Vec<Option<OffsetAndEpoch>>,
}

impl Written {
    /// None of these where something cannot be read.
    fn of(log: &Log) -> Result<(Vec<AbortedTransaction>, Vec<Option<i64>>), ReadError> {
        let (bounds, mut aborted) = (log.bounds(), Vec::new());
        let mut at = bounds.start();
        while at < bounds.stable() {
            let read = log.read(at, ReadLimit::Stable, 1 << 20, true)?;
            let Some(last) = headers_of(&read).last().and_then(BatchHeader::last) else { break };
            aborted.extend(read.aborted);
            at = last.next();
        }
        let times = (0..20).map(|at| {
            let found = log.offset_for_timestamp(NOW_MS + at * 1_000, ReadLimit::End)?;
            Ok(found.map(|found| found.offset.get()))
        });
        Ok((aborted, times.collect::<Result<_, ReadError>>()?))
    }
}

/// Twenty batches, plain and compressed, idempotent and in transactions that end this way and that, of three leaders.
fn stored(in_order: bool) -> (MemoryDisk, Written) {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(config());
    fixture.directory.finish_recovery().unwrap();
    let marker =
        |id, at, result| EndTransactionMarker { result, coordinator_epoch: 0 }.batch(producer(id), epoch(at), NOW_MS);
    for at in 0..20_i32 {
        let time = NOW_MS + i64::from(at) * 1_000;
        let builder =
            (0..1 + at % 3).fold(BatchBuilder::new(time), |builder, _| builder.record(None, Some(&[at as u8; 40])));
        let (batch, origin) = match at {
            2 | 8 => (transactional(1, (at / 8) as i16, 0), AppendOrigin::Client),
            3 | 11 => (transactional(2, (at / 11) as i16, 0), AppendOrigin::Client),
            5 => (marker(2, 0, TransactionResult::Abort), AppendOrigin::Coordinator),
            6 => (marker(1, 0, TransactionResult::Commit), AppendOrigin::Coordinator),
            13 => (marker(1, 1, TransactionResult::Abort), AppendOrigin::Coordinator),
            16 => (marker(2, 1, TransactionResult::Abort), AppendOrigin::Coordinator),
            7 | 14 => {
                (builder.build_compressed(Codec::Lz4, &CompressionLevels::default()).unwrap(), AppendOrigin::Client)
            }
            10 | 15 => (builder.producer(9, 0, (at - 10) / 5 * 2).build(), AppendOrigin::Client),
            _ => (builder.build(), AppendOrigin::Client),
        };
        let terms = AppendTerms { version: TransactionVersion::V0, ..origin.into() };
        log.append(batch, LeaderEpoch::new(at / 8), terms).unwrap();
        if at == 18 {
            fixture.directory.checkpoint().unwrap();
        }
    }
    assert!(log.segments() > 3);
    log.advance_high(log.bounds().end());
    log.advance_start(Some(Offset::new(START))).unwrap().wait().unwrap();
    fixture.directory.checkpoint().unwrap();
    let (aborted, times) = Written::of(&log).unwrap();
    assert!(aborted.len() >= 3, "{aborted:?}");
    let epochs = (0..3).map(|epoch| log.epoch_end(LeaderEpoch::new(epoch))).collect();
    let written = Written { headers: read_all(&log, 1), end: log.bounds().end(), aborted, times, epochs };
    if in_order {
        fixture.directory.close().unwrap();
    }
    let left = disk.killed();
    drop((log, fixture));
    (left, written)
}

/// What a flipped bit came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Came {
    Told,
    Harmless,
}

/// Opens what is damaged and reads all of it, in all ways.
fn came_of(damaged: MemoryDisk, written: &Written, why: &str) -> Came {
    let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
    let directory = LogDir::open(Arc::new(damaged), clock.clone() as Arc<dyn Clock>, Path::new("/data"), settings());
    let directory = match directory {
        Ok(directory) => directory,
        Err(LogDirError::Meta { .. } | LogDirError::Wal(_)) => return Came::Told,
        Err(other) => panic!("{why}: {other}"),
    };
    let fixture = Fixture { clock, directory };
    let log = match fixture.try_log(config()) {
        Ok(log) => log,
        Err(LogError::Damaged { .. }) => return Came::Told,
        Err(other) => panic!("{why}: {other}"),
    };
    fixture.directory.finish_recovery().unwrap();
    log.advance_high(log.bounds().end());
    assert_eq!((log.bounds().start().get(), log.bounds().end()), (START, written.end), "{why}");
    let (found, refused) = read_around(&log, 1);
    for header in &written.headers {
        let is_read = found.iter().any(|one| is_same(one, header));
        let is_refused = (header.base_offset.max(START)..=header.last().unwrap().get()).all(|at| refused.contains(&at));
        assert!(is_read != is_refused, "{why}: {header:?} read {is_read}, refused {is_refused}");
    }
    assert!(found.iter().all(|one| written.headers.iter().any(|header| is_same(one, header))), "{why}: never written");
    match Written::of(&log) {
        Ok((aborted, times)) => {
            assert_eq!((aborted, times), (written.aborted.clone(), written.times.clone()), "{why}");
            let epochs: Vec<_> = (0..3).map(|epoch| log.epoch_end(LeaderEpoch::new(epoch))).collect();
            assert_eq!(epochs, written.epochs, "{why}");
            assert!(refused.is_empty(), "{why}: {refused:?}");
            Came::Harmless
        }
        Err(ReadError::Damaged { .. }) => Came::Told,
        Err(other) => panic!("{why}: {other}"),
    }
}

/// Files of the partition and of the directory, without those of the write-ahead log.
fn files(disk: &MemoryDisk) -> Vec<(PathBuf, u64)> {
    let in_folder = |folder: &str| {
        let folder = PathBuf::from(folder);
        let files = disk.list(&folder).unwrap().into_iter().filter(|file| !file.is_dir && file.len > 0);
        files.map(|file| (folder.join(file.name), file.len)).collect::<Vec<_>>()
    };
    [in_folder("/data"), in_folder("/data/t-0")].concat()
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// Flips each of these bits, one at a time; answers how often it was told.
fn flip_each(disk: &MemoryDisk, written: &Written, path: &Path, bits: impl Iterator<Item = u64>) -> (usize, usize) {
    let (mut told, mut all) = (0, 0);
    for bit in bits {
        let damaged = disk.killed();
        damaged.flip_bit(path, bit / 8, (bit % 8) as u8).unwrap();
        let came = came_of(damaged, written, &format!("{} bit {bit}", path.display()));
        told += usize::from(came == Came::Told);
        all += 1;
    }
    (told, all)
}

/// Every `step`th bit of each header, and some of what follows it.
fn flip_headers(in_order: bool, step: usize) {
    let (disk, written) = stored(in_order);
    for (path, len) in files(&disk).iter().filter(|(path, _)| is_log(path)) {
        let mut position = 0;
        while position < *len {
            let bytes = disk.read(path).unwrap();
            let header = BatchHeader::parse(&bytes[position as usize..]).unwrap();
            let (from, behind) = (position * 8, (position + HEADER_BYTES as u64) * 8);
            let body = (behind..(position + header.size() as u64) * 8).step_by(53);
            let (told, all) = flip_each(&disk, &written, path, (from..behind).step_by(step).chain(body));
            // A leader epoch is in no checksum, but in the notes. What was deleted is not looked at.
            assert!(told == all || header.last().unwrap().get() < START, "{}: {told} of {all}", path.display());
            position += header.size() as u64;
        }
    }
}

#[test]
fn log_14_each_bit_of_each_header_of_a_log_that_was_closed() {
    flip_headers(true, 1);
}

#[test]
fn log_14_each_bit_of_each_header_of_a_log_after_a_kill() {
    flip_headers(false, 3);
}

#[test]
fn log_14_each_bit_of_each_small_file() {
    for in_order in [true, false] {
        let (disk, written) = stored(in_order);
        let small = files(&disk);
        let small: Vec<_> = small.iter().filter(|(path, _)| !is_log(path)).collect();
        let has = |part: &str| small.iter().any(|(path, _)| path.to_string_lossy().contains(part));
        let kinds = [".index", ".timeindex", ".txnindex", ".snapshot", "leader-epoch", "partition.metadata"];
        assert!(kinds.iter().chain(&["recovery-point", "log-start", "replication"]).all(|kind| has(kind)), "{small:?}");
        for (path, len) in small {
            // Those that are sealed are flipped bit by bit where they are read; here another bit of each byte.
            let is_index = path.to_string_lossy().ends_with("index");
            let bits = (0..len * 8).filter(|bit| is_index || bit % 8 == bit / 8 * 7 % 8);
            flip_each(&disk, &written, path, bits);
        }
    }
}

/// At every `step`th byte of its last file.
fn cut_each(in_order: bool, step: usize) {
    let (disk, written) = stored(in_order);
    let (path, len) = files(&disk).into_iter().rfind(|(path, _)| is_log(path)).unwrap();
    for to in (0..len).step_by(step) {
        let damaged = disk.killed();
        damaged.open(&path, OpenMode::Write).unwrap().set_len(to).unwrap();
        let why = format!("{} is cut at {to}", path.display());
        assert_eq!(came_of(damaged, &written, &why), Came::Told, "{why}");
    }
}

#[test]
fn log_14_a_log_that_is_cut_at_any_byte_below_what_was_synced_is_told() {
    cut_each(false, 1);
}

#[test]
fn log_13_a_log_that_is_cut_at_any_byte_of_what_was_never_synced_goes_on_behind_a_whole_batch() {
    let (disk, written) = stored(false);
    // Nothing is known to be synced, as before a first checkpoint.
    let noted = files(&disk).into_iter().filter(|(path, _)| path.to_string_lossy().ends_with("-offset-checkpoint"));
    noted.for_each(|(path, _)| disk.remove_file(&path).unwrap());
    let (path, len) = files(&disk).into_iter().rfind(|(path, _)| is_log(path)).unwrap();
    let bytes = disk.read(&path).unwrap();
    let ends = crate::record::walk(&bytes)
        .flatten()
        .map(|batch| ((batch.position + batch.header.size()) as u64, batch.header.last().unwrap().next()));
    let ends: Vec<_> = ends.collect();
    let begin = BatchHeader::parse(&bytes).unwrap().base().unwrap();
    for to in 0..len {
        let torn = disk.killed();
        torn.open(&path, OpenMode::Write).unwrap().set_len(to).unwrap();
        let (_fixture, log) = started(&torn, config());
        let end = ends.iter().rfind(|(position, _)| *position <= to).map_or(begin, |(_, end)| *end);
        assert_eq!(log.bounds().end(), end, "cut at {to}");
        let found = read_all(&log, 1);
        let due = written.headers.iter().filter(|header| header.last().unwrap() < end);
        assert!(due.clone().all(|header| found.iter().any(|one| is_same(one, header))), "cut at {to}");
        assert!(
            found
                .iter()
                .all(|one| written.headers.iter().any(|header| is_same(one, header)) || one.base_offset < START)
        );
    }
}

#[test]
fn log_14_a_first_file_that_is_lost_is_no_later_log_start() {
    for in_order in [true, false] {
        let (disk, written) = stored(in_order);
        let logs: Vec<PathBuf> = files(&disk).into_iter().map(|(path, _)| path).filter(|path| is_log(path)).collect();
        for lost in 1..=logs.len() {
            let damaged = disk.killed();
            logs[..lost].iter().for_each(|path| damaged.remove_file(path).unwrap());
            let why = format!("{lost} of {} files are lost", logs.len());
            assert_eq!(came_of(damaged.killed(), &written, &why), Came::Told, "{why}");
            let fixture = Fixture::open(Arc::new(damaged), Path::new("/data"));
            match fixture.try_log(config()) {
                Ok(log) => {
                    assert_eq!(fixture.directory.damages(), 1, "{why}");
                    // It is no age, either, that retention knows of: the next file's counts.
                    fixture.directory.finish_recovery().unwrap();
                    log.update_config(Arc::new(LogConfig { retention_ms: Some(3_600_000), ..config() }));
                    assert_eq!(log.delete_old_segments().unwrap(), 0, "{why}");
                }
                Err(error) => {
                    assert!(lost == logs.len() && matches!(error, LogError::Damaged { .. }), "{why}: {error}")
                }
            }
        }
    }
}

#[test]
fn log_14_what_retention_deleted_is_not_lost() {
    let disk = MemoryDisk::new();
    for round in 0..3 {
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        let log = fixture.log(LogConfig { sync: SyncPolicy::Wal, retention_bytes: Some(1_000), ..config() });
        fixture.directory.finish_recovery().unwrap();
        (0..20).for_each(|at| _ = append_synced(&log, batch(1, &[at; 60])));
        assert!(log.delete_old_segments().unwrap() > 0);
        for crashed in [disk.killed(), disk.crash()] {
            let fixture = Fixture::open(Arc::new(crashed), Path::new("/data"));
            let again = fixture.log(config());
            assert_eq!((again.bounds().start(), fixture.directory.damages()), (log.bounds().start(), 0), "{round}");
        }
        let is_whole = || {
            let reports = crate::log::damage::verify(&disk, Path::new("/data")).unwrap();
            reports.iter().all(|report| report.damages.is_empty())
        };
        assert!(is_whole(), "{round}");
        if round == 1 {
            fixture.directory.close().unwrap();
            assert!(is_whole());
        }
    }
}

#[test]
fn ops_2_a_device_error_met_by_the_scrubber_ends_the_directory() {
    let (disk, _) = stored(true);
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(config());
    fixture.directory.finish_recovery().unwrap();
    let scrubber = crate::log::Scrubber::new(vec![fixture.directory.clone()], fixture.clock.clone(), 0);
    // A file that cannot be opened because too many are open says nothing of the disk.
    let path = files(&disk).into_iter().map(|(path, _)| path).find(|path| is_log(path)).unwrap();
    let path = path.to_string_lossy().into_owned();
    let busy = crate::platform::FaultEffect::Error(std::io::ErrorKind::Interrupted);
    disk.inject(crate::platform::Fault::once(crate::platform::OperationKind::Read, &path).with(busy));
    scrubber.pass();
    assert_eq!(fixture.directory.failure(), None);
    disk.inject(crate::platform::Fault::once(crate::platform::OperationKind::Read, &path));
    scrubber.pass();
    assert!(fixture.directory.failure().is_some());
    assert!(matches!(append(&log, batch(1, b"more")), Err(AppendError::StorageFailed(_))));
}
