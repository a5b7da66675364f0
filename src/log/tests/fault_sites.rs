//! Each operation of a directory's life fails once, in each way that it can: what comes of it is what the table below says, and
//! nothing acknowledged is lost, neither in this life nor by a kill or a power loss after it, nor in the life after that.
//!
//! `OTTLA_FAULT_SITES` says how many sites are looked at.
use super::{
    transactions::{epoch, producer, transactional},
    *,
};
use crate::{
    log::{Cleaner, CleanerSettings, StartMove},
    platform::{Fault, FaultEffect, MemoryDisk, OperationKind, SeededChance},
    record::{EndTransactionMarker, TransactionResult},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    time::Duration,
};

/// Looked at when nothing else is said.
const SITES: usize = 200;
const PATH: &str = "/data";
/// Plain, compacted, with transactions; and one that is cut and deleted.
const LOGS: i32 = 4;
const DELETED: i32 = 3;

/// What may come of a fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Came {
    /// Nobody was told anything, and nothing came of it.
    Unnoticed,
    /// The step was refused, and the next ones were not.
    Refused,
    /// The directory takes no more.
    Failed,
    StartRefused,
    StopTold,
}

/// How an operation fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Device,
    Full,
    /// So many bytes of it are written, and then it fails like this.
    Short(usize, io::ErrorKind),
}

impl Way {
    fn of(on: OperationKind) -> Vec<Way> {
        match on {
            OperationKind::Write => {
                let short = [1, 61].map(|bytes| Way::Short(bytes, io::ErrorKind::StorageFull));
                [vec![Way::Device, Way::Full, Way::Short(30, io::ErrorKind::Other)], short.to_vec()].concat()
            }
            OperationKind::Create | OperationKind::Sync | OperationKind::SyncFilesystem => vec![Way::Device, Way::Full],
            _ => vec![Way::Device],
        }
    }

    fn is_full(self) -> bool {
        matches!(self, Way::Full | Way::Short(_, io::ErrorKind::StorageFull))
    }

    fn effect(self) -> FaultEffect {
        match self {
            Way::Device => FaultEffect::Error(io::ErrorKind::Other),
            Way::Full => FaultEffect::Error(io::ErrorKind::StorageFull),
            Way::Short(bytes, error) => FaultEffect::ShortWrite { bytes, error },
        }
    }
}

/// The policy (LOG-3, LOG-9, OPS-2, OPS-3): what may come of a fault at this place.
fn allowed(on: OperationKind, path: &Path, way: Way) -> &'static [Came] {
    use Came::{Failed, Refused, StartRefused, StopTold, Unnoticed};
    const ANY: &[Came] = &[Unnoticed, Refused, Failed, StartRefused, StopTold];
    let is_small = [".tmp", "/newest", ".cleaned"].iter().any(|end| path.to_string_lossy().ends_with(end));
    let text = path.to_string_lossy();
    let is_synced = matches!(on, OperationKind::Sync | OperationKind::SyncDir | OperationKind::SyncFilesystem);
    // Has nothing in it yet: the write-ahead log stops when it needs the file and there is none.
    let is_being_made = text.contains("/wal/") && text.ends_with(".tmp") || text.ends_with("/wal");
    match on {
        OperationKind::Write | OperationKind::Sync | OperationKind::SyncDir if is_being_made => ANY,
        // Its room was taken when it was made: what is missing then is no room.
        OperationKind::Write if text.ends_with(".wal") => &[Failed, StartRefused, StopTold],
        // Only room is missing: reading goes on, and it heals. Small files are written anew from their beginning, the note of the
        // newest file of the write-ahead log too, and a segment that is being cleaned.
        _ if way.is_full() && !is_synced => &[Unnoticed, Refused, StartRefused, StopTold],
        // Unless a sync of the whole filesystem hears of it next, and cannot know what it was.
        _ if way.is_full() && is_small => ANY,
        // Never tried again, never covered by a later one.
        _ if is_synced => &[Failed, StartRefused, StopTold],
        // A short write of a file that is shorter is none.
        OperationKind::Write | OperationKind::Writeback if way == Way::Device => {
            &[Refused, Failed, StartRefused, StopTold]
        }
        _ => ANY,
    }
}

/// What was told to those who wrote to one log.
#[derive(Clone, Default)]
struct Told {
    /// Checksums of all that was tried at an offset.
    tried: BTreeMap<i64, BTreeSet<u32>>,
    acknowledged: i64,
    start_tried: i64,
    start: i64,
    /// Values rise: the newest acknowledged one of each key.
    newest: BTreeMap<String, i64>,
    /// Offsets of the abort markers that were acknowledged.
    aborts: Vec<i64>,
    is_deleted: bool,
}

struct Life {
    fixture: Fixture,
    logs: Vec<Arc<Log>>,
    refused: Vec<String>,
    /// The last of the logs was given up.
    deleted: bool,
}

fn config(partition: i32) -> LogConfig {
    LogConfig {
        segment_bytes: 700,
        index_interval_bytes: 200,
        file_delete_delay_ms: 0,
        compact: partition == 1,
        delete: partition != 1,
        dirty_ratio_min: 0.0,
        verify_transactions: false,
        ..LogConfig::default()
    }
}

impl Life {
    /// `is_deleted`: it was decided that the last of the topics is no more, and it is another one now.
    fn begin(disk: &MemoryDisk, is_deleted: bool) -> Result<Life, String> {
        let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let directory =
            LogDir::open(Arc::new(disk.clone()), clock.clone() as Arc<dyn Clock>, Path::new(PATH), settings());
        let directory = directory.map_err(|error| error.to_string())?;
        let fixture = Fixture { clock, directory };
        let mut life = Life { fixture, logs: Vec::new(), refused: Vec::new(), deleted: false };
        let told = |error: &dyn std::fmt::Display| error.to_string();
        life.fixture.directory.found().map_err(|error| told(&error))?;
        for partition in 0..LOGS {
            let mut id = id(partition);
            if partition == DELETED && is_deleted {
                id.topic_id = TopicId(uuid::Uuid::from_u128(78));
            }
            let log = life.fixture.directory.open_log(&id, Arc::new(config(partition)));
            let log = log.map_err(|error| told(&error))?;
            let weak = Arc::downgrade(&log);
            log.on_synced(Box::new(move |synced| _ = weak.upgrade().map(|log| log.advance_high(synced))));
            log.advance_high(log.synced_mark().get());
            life.logs.push(log);
        }
        life.fixture.directory.finish_recovery().map_err(|error| told(&error))?;
        Ok(life)
    }

    fn note<T, E: std::fmt::Display>(&mut self, what: Result<T, E>) -> Option<T> {
        what.map_err(|error| self.refused.push(error.to_string())).ok()
    }

    /// Appends, waits until it is safe, and notes both.
    fn put(&mut self, told: &mut [Told], partition: i32, batch: CheckedBatch, origin: AppendOrigin) -> Option<Offset> {
        let (log, told) = (self.logs[partition as usize].clone(), &mut told[partition as usize]);
        told.tried.entry(log.bounds().end().get()).or_default().insert(batch.header().crc);
        let appended = self.note(log.append(batch, LeaderEpoch::ZERO, origin))?;
        let waited = wait_for(log.synced_mark(), appended.last.next());
        let waited = waited.map_err(|closed| format!("{closed:?}"));
        self.note(waited)?;
        told.acknowledged = appended.last.next().get();
        Some(appended.base)
    }

    fn plain(&mut self, told: &mut [Told], number: i32) {
        let records = 1 + number % 3;
        let value = vec![number as u8; 40 + number as usize % 7 * 30];
        self.put(told, 0, batch(records as usize, &value), AppendOrigin::Client);
        if !self.deleted {
            self.put(told, DELETED, batch(1, &value), AppendOrigin::Client);
        }
    }

    fn keyed(&mut self, told: &mut [Told], number: i32) {
        let (key, value) = (format!("k{}", number % 3), i64::from(number));
        let record = BatchBuilder::new(NOW_MS).record(Some(key.as_bytes()), Some(value.to_string().as_bytes()));
        if self.put(told, 1, record.build(), AppendOrigin::Client).is_some() {
            told[1].newest.insert(key, value);
        }
    }

    fn transaction(&mut self, told: &mut [Told], number: i32) {
        let id = i64::from(number % 2) + 1;
        let known =
            self.logs[2].producers().iter().find(|one| one.id == producer(id)).and_then(|one| one.last_sequence);
        let sequence = known.map_or(0, |last| last + 1);
        let written = self.put(told, 2, transactional(id, 0, sequence), AppendOrigin::Client);
        let marker = EndTransactionMarker { result: TransactionResult::Abort, coordinator_epoch: 0 };
        let ended = self.put(told, 2, marker.batch(producer(id), epoch(0), NOW_MS), AppendOrigin::Coordinator);
        // A transaction without records is in no list.
        told[2].aborts.extend(written.and(ended).map(Offset::get));
    }

    fn delete_records(&mut self, told: &mut [Told], partition: i32, by: i64) {
        let (log, told) = (self.logs[partition as usize].clone(), &mut told[partition as usize]);
        let to = (told.start + by).min(told.acknowledged);
        told.start_tried = told.start_tried.max(to);
        let moved = log.advance_start(Some(Offset::new(to))).and_then(StartMove::wait);
        if self.note(moved).is_some() {
            told.start = to;
        }
    }

    fn cut(&mut self, told: &mut [Told]) {
        let (log, told) = (self.logs[DELETED as usize].clone(), &mut told[DELETED as usize]);
        self.note(log.truncate_to(Offset::new(told.acknowledged / 2)));
    }

    fn clean(&mut self) {
        let cleaner =
            Cleaner::new(vec![self.fixture.directory.clone()], self.fixture.clock.clone(), CleanerSettings::default());
        (0..3).for_each(|_| _ = cleaner.clean_dirtiest());
        if cleaner.totals().failures > 0 {
            self.refused.push("the cleaner failed".into());
        }
    }

    fn all(&mut self, told: &mut [Told]) {
        let directory = self.fixture.directory.clone();
        for number in 0..10 {
            self.plain(told, number);
            self.keyed(told, number);
        }
        self.transaction(told, 0);
        self.note(directory.checkpoint());
        self.transaction(told, 1);
        self.delete_records(told, 0, 7);
        let deleted = self.logs[0].delete_old_segments();
        self.note(deleted);
        (10..14).for_each(|number| self.keyed(told, number));
        self.clean();
        self.cut(told);
        (10..14).for_each(|number| self.plain(told, number));
        self.note(directory.checkpoint());
        directory.remove_left(Duration::MAX);
        let gone = self.logs[DELETED as usize].clone();
        (self.deleted, told[DELETED as usize].is_deleted) = (true, true);
        self.note(directory.delete_log(&gone));
        directory.remove_left(Duration::MAX);
        (14..16).for_each(|number| self.keyed(told, number));
        self.transaction(told, 2);
        directory.look_at_space();
    }
}

/// What has come of the fault up to now.
fn came_of(life: &Life, disk: &MemoryDisk) -> Came {
    // The background thread would see it within a second.
    let failed = life.fixture.directory.failure().is_some() || life.fixture.directory.wal().failure().is_some();
    match (failed, life.refused.is_empty()) {
        (true, _) => Came::Failed,
        (false, false) if !disk.struck().is_empty() => Came::Refused,
        (false, false) => panic!("refused without a fault: {:?}", life.refused),
        (false, true) => Came::Unnoticed,
    }
}

fn live(disk: &MemoryDisk, told: &mut [Told]) -> (Came, Option<Life>) {
    let Ok(mut life) = Life::begin(disk, false) else { return (Came::StartRefused, None) };
    life.all(told);
    (came_of(&life, disk), Some(life))
}

/// Everything that was told is true of the logs that a start finds.
fn check(life: &Life, told: &[Told], why: &str) {
    for (log, told) in life.logs.iter().zip(told).take(DELETED as usize) {
        let (name, bounds) = (log.id(), log.bounds());
        let (start, end) = (bounds.start().get(), bounds.end().get());
        assert!(end >= told.acknowledged, "{why}: {name} ends at {end}, {} was acknowledged", told.acknowledged);
        assert!((told.start..=told.start_tried).contains(&start), "{why}: {name} starts at {start}");
        let mut due = start;
        for header in read_all(log, 1) {
            let (base, is_first) = (header.base_offset, header.base_offset <= start);
            let tried = told.tried.get(&base).is_some_and(|tried| tried.contains(&header.crc));
            // What compaction has written anew has another checksum.
            assert!(tried || config(log.id().partition).compact, "{why}: {name}: another batch at {base}");
            assert!(base == due || is_first || config(log.id().partition).compact, "{why}: {name}: {base} for {due}");
            due = header.last().unwrap().next().get();
        }
        let aborted = log.aborted_between(Offset::ZERO, Offset::new(i64::MAX)).unwrap();
        for marker in &told.aborts {
            assert!(aborted.iter().any(|one| one.last.get() == *marker), "{why}: {name}: no abort at {marker}");
        }
    }
    let found = newest(&life.logs[1]);
    for (key, value) in &told[1].newest {
        assert!(found.get(key) >= Some(value), "{why}: {key} is {:?}, {value} was acknowledged", found.get(key));
    }
}

/// The newest value of each key.
fn newest(log: &Log) -> BTreeMap<String, i64> {
    let (mut at, mut newest) = (log.bounds().start(), BTreeMap::new());
    while at < log.bounds().end() {
        let read = log.read(at, ReadLimit::End, 1, true).unwrap();
        let Some(bytes) = read.slice.map(|slice| slice.read().unwrap()).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        let header = headers_in(&bytes).remove(0);
        let set = crate::record::records(&header, &bytes[..header.size()], 1 << 20).unwrap();
        for record in &set {
            let record = record.unwrap();
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            newest.insert(text(record.key), text(record.value).parse().unwrap());
        }
        at = header.last().unwrap().next();
    }
    newest
}

/// The next life on what is left, and one more behind a power loss: a disk that failed once is believed no more than it says.
fn live_on(left: &MemoryDisk, told: &[Told], why: &str) {
    let mut told = told.to_vec();
    // A kill came between a failed sync and the note of it: then this life has to hear of that, and the next one writes all again.
    let hears_first = |error: &dyn std::fmt::Display| {
        let note = Path::new("/data").join(crate::log::names::SYNC_FAILED);
        assert!(why.ends_with("a kill") && left.exists(&note), "{why}: {error}");
        format!("{why}, which the next life was told of")
    };
    let mut life = match Life::begin(left, told[DELETED as usize].is_deleted) {
        Err(error) => return live_on(left, &told, &hears_first(&error)),
        Ok(life) => life,
    };
    check(&life, &told, why);
    for (log, told) in life.logs.iter().zip(&mut told) {
        let bounds = log.bounds();
        (told.acknowledged, told.start, told.start_tried) =
            (bounds.end().get(), bounds.start().get(), bounds.start().get());
    }
    life.deleted = true;
    life.keyed(&mut told, 100);
    life.plain(&mut told, 100);
    if let Err(error) = life.fixture.directory.checkpoint() {
        drop(life);
        return live_on(left, &told, &hears_first(&error));
    }
    life.keyed(&mut told, 101);
    assert_eq!(life.refused, [""; 0], "{why}");
    let life = Life::begin(&left.crash(), true).unwrap_or_else(|error| panic!("{why}, and a power loss: {error}"));
    check(&life, &told, &format!("{why}, and a power loss"));
}

/// What a first life leaves when it is killed.
fn begun() -> (MemoryDisk, Vec<Told>) {
    let disk = MemoryDisk::new();
    let mut told = vec![Told::default(); LOGS as usize];
    let mut first = Life::begin(&disk, false).unwrap();
    first.plain(&mut told, 50);
    first.keyed(&mut told, 0);
    first.transaction(&mut told, 0);
    (disk.killed(), told)
}

/// One fault: answers what it struck and what came of it; `None` when there is no such operation.
fn site(on: OperationKind, after: u64, way: Way) -> Option<(PathBuf, Came)> {
    let (disk, mut told) = begun();
    disk.inject(Fault::once(on, "").after(after).with(way.effect()));
    let (mut came, life) = live(&disk, &mut told);
    let place = || disk.struck().first().map_or_else(PathBuf::new, |(_, path)| path.clone());
    if let Some(mut life) = life {
        if came == Came::Failed {
            life.plain(&mut told, 90);
            assert!(life.logs.iter().all(|log| append(log, batch(1, b"more")).is_err()), "{on:?} {after} {way:?}");
        } else {
            let was_before = !disk.struck().is_empty();
            life.refused.clear();
            life.fixture.directory.look_at_space();
            life.plain(&mut told, 90);
            life.keyed(&mut told, 90);
            let checkpointed = life.fixture.directory.checkpoint();
            life.note(checkpointed);
            came = came.max(came_of(&life, &disk));
            let why = format!("{on:?} {after} of {}, {way:?}: {came:?}", place().display());
            assert!(!was_before || came == Came::Failed || life.refused.is_empty(), "{why}: {:?}", life.refused);
            // What is still to come would strike the look itself.
            let is_over = !disk.struck().is_empty() || !matches!(on, OperationKind::Open | OperationKind::Read);
            if came != Came::Failed && is_over {
                check(&life, &told, &why);
            }
        }
        let unstopped = disk.killed();
        if life.fixture.directory.close().is_err() && came == Came::Unnoticed {
            came = Came::StopTold;
        }
        let why = format!("{on:?} {after} of {}, {way:?}: {came:?}, a kill", place().display());
        live_on(&unstopped, &told, &why);
    }
    let struck = disk.struck().first().map(|(_, path)| path.clone())?;
    let why = format!("{on:?} {after} of {}, {way:?}: {came:?}", struck.display());
    disk.clear_faults();
    live_on(&disk.killed(), &told, &format!("{why}, a stop"));
    live_on(&disk.crash(), &told, &format!("{why}, a power loss"));
    live_on(&disk.crash_in_any_order(&SeededChance::new(after)), &told, &format!("{why}, a power loss with parts"));
    Some((struck, came))
}

/// The number of operations of a kind in a life.
fn count(on: OperationKind) -> u64 {
    let (disk, mut told) = begun();
    if let (_, Some(life)) = live(&disk, &mut told) {
        let _ = life.fixture.directory.close();
    }
    disk.asked(on)
}

#[test]
fn log_3_log_9_ops_2_ops_3_every_operation_can_fail() {
    use OperationKind::{
        Create, List, Open, Read, Remove, Rename, SetLen, Sync, SyncDir, SyncFilesystem, Write, Writeback,
    };
    let wanted = std::env::var("OTTLA_FAULT_SITES").map_or(SITES, |sites| sites.parse().expect("a number"));
    let kinds = [Write, Writeback, Sync, SyncDir, SyncFilesystem, Create, SetLen, Rename, Remove, Open, Read, List];
    let all: Vec<_> = kinds
        .into_iter()
        .flat_map(|on| (0..count(on)).flat_map(move |after| Way::of(on).into_iter().map(move |way| (on, after, way))))
        .collect();
    let mut outcomes: BTreeMap<(String, Came), usize> = BTreeMap::new();
    let stride = all.len().div_ceil(wanted).max(1);
    for (on, after, way) in all.iter().step_by(stride).copied() {
        let Some((path, came)) = site(on, after, way) else { continue };
        let full = if way.is_full() { ", full" } else { "" };
        let why = format!("{on:?} {after} of {}, {way:?}", path.display());
        *outcomes.entry((format!("{on:?}{full}"), came)).or_default() += 1;
        assert!(allowed(on, &path, way).contains(&came), "{why}: {came:?}");
    }
    let seen: BTreeSet<Came> = outcomes.keys().map(|(_, came)| *came).collect();
    assert!(seen.len() >= 4, "{seen:?}");
    println!("{} of {} faults: {outcomes:?}", all.len() / stride, all.len());
}
