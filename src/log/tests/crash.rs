//! Power losses and kills at any moment of a directory's life: what was acknowledged is there afterwards, in order, once.
use super::{crash_points::Lives, *};
use crate::{
    log::{DirectWrites, LogDirError, LogError, ReadError, StartMove},
    platform::{Chance, MemoryDisk, OpenMode, SeededChance},
    types::ProducerId,
};
use std::{collections::BTreeMap, time::Duration};

pub const PATH: &str = "/data";
const PARTITIONS: i32 = 3;

/// What must be true of one partition across all lives.
#[derive(Default, Clone, PartialEq, Debug)]
pub struct Model {
    /// Checksum by base offset: what was appended, whether acknowledged or not.
    batches: BTreeMap<i64, u32>,
    end: i64,
    acknowledged: i64,
    start_acknowledged: i64,
    start: i64,
    /// Next sequence of the one producer.
    sequence: i32,
    /// How often the topic was deleted and made again under its name.
    generation: u128,
}

impl Model {
    /// The log was cut, durably.
    fn cut(&mut self, log: &Log) {
        (self.start, self.end) = (log.bounds().start().get(), log.bounds().end().get());
        self.acknowledged = self.acknowledged.min(self.end);
        self.take_start_back(self.end);
        self.batches.retain(|base, _| *base < self.end);
        self.sequence = known_sequence(log).map_or(0, |last| last + 1);
    }

    /// A batch is cut as a whole: the log can end before the record that it began with.
    fn take_start_back(&mut self, to: i64) {
        self.start_acknowledged = self.start_acknowledged.min(to);
    }

    pub fn check(&mut self, log: &Log) -> Result<(), Trouble> {
        let bounds = log.bounds();
        let (start, end) = (bounds.start().get(), bounds.end().get());
        // A follower's end may lie in a gap: what counts is what stands before.
        if end < self.acknowledged && self.batches.range(end..self.acknowledged).next().is_some() {
            return Err(Trouble::Wrong(format!(
                "{log} acknowledged to {}, ends at {end}",
                self.acknowledged,
                log = log.id()
            )));
        }
        let asked = self.start.max(self.start_acknowledged);
        if start < self.start_acknowledged || (start > asked && self.batches.range(asked..start).next().is_some()) {
            return Err(Trouble::Wrong(format!(
                "start {start}, acknowledged {}, asked {}",
                self.start_acknowledged, self.start
            )));
        }
        if log.synced_mark().get().get() < self.acknowledged.min(end) {
            return Err(Trouble::Wrong(format!("synced to {} only", log.synced_mark().get())));
        }
        let mut next = None;
        let mut at = bounds.start();
        let mut sequence = None;
        while at < bounds.end() {
            let read = log.read(at, ReadLimit::End, 700, true).map_err(|error| Trouble::Io(error.to_string()))?;
            let bytes =
                read.slice.map(|slice| slice.read()).transpose().map_err(|error| Trouble::Io(error.to_string()))?;
            let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
                // A cut may have left the end in a gap.
                if let Some((base, _)) = self.batches.range(at.get()..end).next() {
                    return Err(Trouble::Wrong(format!("nothing comes from {at}, a batch stood at {base}")));
                }
                break;
            };
            for header in headers_in(&bytes) {
                if self.batches.get(&header.base_offset) != Some(&header.crc) {
                    return Err(Trouble::Wrong(format!("another batch stands at {}", header.base_offset)));
                }
                let due = next.and_then(|next| self.batches.range(next..).next()).map(|(base, _)| *base);
                if next.is_some() && due != Some(header.base_offset) {
                    return Err(Trouble::Wrong(format!("{due:?} was due, {} came", header.base_offset)));
                }
                at = header.last().unwrap().next();
                next = Some(at.get());
                sequence = Some(header.base_sequence + header.record_count - 1);
            }
        }
        let known = known_sequence(log);
        if sequence.is_some() && known != sequence {
            let log = log.id();
            return Err(Trouble::Wrong(format!(
                "the producer of {log} is known at {known:?}, the log says {sequence:?}"
            )));
        }
        let start_of_last_batch = self.batches.range(..end).next_back().map_or(0, |(base, _)| *base);
        if start_of_last_batch > end {
            return Err(Trouble::Wrong("a batch was cut in two".into()));
        }
        self.batches.retain(|base, _| *base < end);
        (self.end, self.acknowledged) = (end, end);
        self.sequence = known.map_or(0, |last| last + 1);
        (self.start, self.start_acknowledged) = (start, start);
        Ok(())
    }
}

/// The last sequence of the one producer.
fn known_sequence(log: &Log) -> Option<i32> {
    log.producers().iter().find(|one| ProducerId::from_wire(1) == Some(one.id)).and_then(|one| one.last_sequence)
}

pub struct World {
    models: Vec<Model>,
    chance: SeededChance,
    /// Followers cut their logs, topics are deleted and made again.
    truncating: bool,
    /// Batches of several blocks, which go to the segments past the page cache.
    large: bool,
    /// The records are a leader's, whose compaction left gaps; its topic may be compacted no more.
    following: bool,
    compact: bool,
}

impl World {
    pub fn new(seed: u64, truncating: bool) -> World {
        let models = vec![Model::default(); PARTITIONS as usize];
        World { models, chance: SeededChance::new(seed), truncating, large: false, following: false, compact: false }
    }

    pub fn with_large_batches(seed: u64) -> World {
        World { large: true, ..World::new(seed, true) }
    }

    pub fn of_followers(seed: u64) -> World {
        World { following: true, compact: seed.is_multiple_of(2), ..World::new(seed, true) }
    }

    fn settings(&self) -> LogDirSettings {
        let mut settings = settings();
        if self.large {
            settings.direct = DirectWrites { bytes_min: 3_000, reader_kept_ms: 0 };
        }
        settings
    }

    fn chance(&self, one_in: u64) -> bool {
        self.chance.u64().is_multiple_of(one_in)
    }

    fn config(&self) -> LogConfig {
        let segment_bytes = if self.large { 60_000 } else { 4_000 };
        LogConfig {
            segment_bytes,
            index_interval_bytes: 300,
            file_delete_delay_ms: 0,
            compact: self.compact,
            ..LogConfig::default()
        }
    }

    /// One life of a broker, until the power goes. `Err` says what is wrong.
    fn live(&mut self, disk: &MemoryDisk) -> Result<(), String> {
        let power_off = (!self.chance(4)).then(|| 1 + self.chance.u64() % 400);
        self.live_until(disk, power_off)
    }

    /// All logs as a start finds them, everything that must be true of them checked.
    fn begin(&mut self, directory: &Arc<LogDir>) -> Result<Vec<Arc<Log>>, Trouble> {
        directory.found()?;
        let mut logs = Vec::new();
        for partition in 0..PARTITIONS {
            logs.push(self.open(directory, partition)?);
        }
        directory.finish_recovery()?;
        for (log, model) in logs.iter().zip(&mut self.models) {
            log.advance_high(log.bounds().end());
            model.check(log)?;
        }
        Ok(logs)
    }

    fn open(&self, directory: &Arc<LogDir>, partition: i32) -> Result<Arc<Log>, Trouble> {
        let generation = self.models[partition as usize].generation;
        let id = LogId { topic_id: TopicId(uuid::Uuid::from_u128(77 + generation)), ..id(partition) };
        Ok(directory.open_log(&id, Arc::new(self.config()))?)
    }

    /// The topic goes, and another comes under its name. Both were decided before: no crash brings the first one back.
    fn make_again(&mut self, directory: &Arc<LogDir>, log: &mut Arc<Log>) -> Result<(), Trouble> {
        let partition = log.id().partition;
        let model = &mut self.models[partition as usize];
        *model = Model { generation: model.generation + 1, ..Model::default() };
        directory.delete_log(log)?;
        if self.chance(2) {
            directory.remove_left(Duration::MAX);
        }
        *log = self.open(directory, partition)?;
        Ok(())
    }

    fn live_in(&mut self, directory: &Arc<LogDir>) -> Result<(), Trouble> {
        let mut logs = self.begin(directory)?;
        for _ in 0..self.chance.u64() % 80 {
            self.act(directory, &mut logs)?;
        }
        if self.chance(3) {
            directory.close()?;
            logs.iter().zip(&mut self.models).for_each(|(_, model)| model.acknowledged = model.end);
        }
        Ok(())
    }

    fn act(&mut self, directory: &Arc<LogDir>, logs: &mut [Arc<Log>]) -> Result<(), Trouble> {
        let which = (self.chance.u64() % PARTITIONS as u64) as usize;
        let (log, action, size) = (&mut logs[which], self.chance.u64() % 20, (self.chance.u64() % 900) as usize);
        let model = &mut self.models[which];
        match action {
            0 => directory.checkpoint()?,
            1 => {
                model.start = (model.start + 5).min(model.acknowledged).max(model.start);
                log.advance_high(Offset::new(model.acknowledged));
                let moved = log.advance_start(Some(Offset::new(model.start)));
                moved.and_then(StartMove::wait).map_err(|error| Trouble::Io(error.to_string()))?;
                model.start_acknowledged = model.start;
            }
            2 => {
                log.delete_old_segments()?;
            }
            3 if self.truncating => {
                let kept = model.end - model.start;
                let to = model.start + if kept > 0 { size as i64 % kept } else { 0 };
                // Until it is done either is right. A batch goes as a whole.
                let boundary = model.batches.range(..=to).next_back().map_or(to, |(base, _)| *base);
                model.acknowledged = model.acknowledged.min(boundary);
                model.take_start_back(boundary);
                log.truncate_to(Offset::new(to))?;
                model.cut(log);
            }
            4 if self.truncating && size.is_multiple_of(3) => self.make_again(directory, log)?,
            3..8 => {
                wait(log, Offset::new(model.end))?;
                model.acknowledged = model.end;
                log.advance_high(Offset::new(model.end));
            }
            _ => {
                let records = 1 + (size % 3) as i32;
                let builder = BatchBuilder::new(NOW_MS).producer(1, 0, model.sequence);
                let value = vec![size as u8; if self.large { size * 10 } else { size }];
                let made = (0..records).fold(builder, |builder, _| builder.record(None, Some(&value))).build();
                let gap = if self.following && size.is_multiple_of(4) { size as i64 } else { 0 };
                // Noted first: it may be in the log although the append failed with the power.
                model.batches.insert(model.end + gap, made.header().crc);
                let end = match self.following {
                    true => follow(log, made, Offset::new(model.end + gap))?,
                    false => append(log, made).map_err(|error| Trouble::Io(error.to_string()))?.last.next(),
                };
                model.end += gap + i64::from(records);
                model.sequence += records;
                if end.get() != model.end {
                    return Err(Trouble::Wrong(format!("the log ends at {end}, {} was due", model.end)));
                }
            }
        }
        Ok(())
    }
}

/// Answers where the log ends.
fn follow(log: &Log, batch: CheckedBatch, base: Offset) -> Result<Offset, Trouble> {
    let records = batch.place(base, LeaderEpoch::ZERO).slices().concat();
    let followed = log.follow(records.into(), LeaderEpoch::ZERO);
    followed.map(|followed| followed.end).map_err(|error| Trouble::Io(error.to_string()))
}

impl Lives for World {
    type Left = Vec<Model>;

    fn live_until(&mut self, disk: &MemoryDisk, changes: Option<u64>) -> Result<(), String> {
        let power_off = changes.is_some();
        if let Some(changes) = changes {
            disk.power_off_after(changes);
        }
        let mut settings = self.settings();
        settings.open_files_max = 8;
        let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let Some(directory) = begun(disk, clock, settings, power_off)? else { return Ok(()) };
        ended(disk, self.live_in(&directory))
    }

    fn check_image(&mut self, image: &MemoryDisk) -> Result<(), String> {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let directory = LogDir::open(Arc::new(image.clone()), clock, Path::new(PATH), self.settings());
        let directory = directory.map_err(|error| error.to_string())?;
        self.begin(&directory).map(|_| ()).map_err(Trouble::what)
    }

    fn left(&mut self) -> &mut Vec<Model> {
        &mut self.models
    }
}

/// A directory at the beginning of a life. `None`: the power went.
pub fn begun(
    disk: &MemoryDisk,
    clock: Arc<dyn Clock>,
    settings: LogDirSettings,
    power_off: bool,
) -> Result<Option<Arc<LogDir>>, String> {
    match LogDir::open(Arc::new(disk.clone()), clock, Path::new(PATH), settings) {
        Ok(directory) => Ok(Some(directory)),
        Err(error @ (LogDirError::Io { .. } | LogDirError::Wal(_))) if power_off => {
            if error.to_string().contains("damaged") { Err(error.to_string()) } else { Ok(None) }
        }
        Err(error) => Err(error.to_string()),
    }
}

/// What is wrong with a life, if anything: trouble is not when the power went.
pub fn ended(disk: &MemoryDisk, lived: Result<(), Trouble>) -> Result<(), String> {
    match lived {
        Err(Trouble::Io(_)) if probe(disk).is_err() => Ok(()),
        Err(Trouble::Io(what)) => Err(format!("trouble without cause: {what}")),
        Err(Trouble::Wrong(what)) => Err(what),
        Ok(()) => Ok(()),
    }
}

/// Io: may be the power's doing.
pub enum Trouble {
    Io(String),
    Wrong(String),
}

impl Trouble {
    pub fn io(error: impl std::fmt::Display) -> Trouble {
        Trouble::Io(error.to_string())
    }

    pub fn what(self) -> String {
        match self {
            Trouble::Io(what) | Trouble::Wrong(what) => what,
        }
    }
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Trouble {
        match error {
            LogError::Damaged { .. } => Trouble::Wrong(error.to_string()),
            other => Trouble::Io(other.to_string()),
        }
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Trouble {
        match error {
            ReadError::Damaged { .. } => Trouble::Wrong(error.to_string()),
            other => Trouble::Io(other.to_string()),
        }
    }
}

impl From<LogDirError> for Trouble {
    fn from(error: LogDirError) -> Trouble {
        Trouble::Io(error.to_string())
    }
}

/// Is the power still on?
fn probe(disk: &MemoryDisk) -> std::io::Result<()> {
    disk.open(Path::new("/probe"), OpenMode::Create)?.write_all_at(b"x", 0)
}

pub fn wait(log: &Log, to: Offset) -> Result<(), Trouble> {
    wait_for(log.synced_mark(), to).map(|_| ()).map_err(|why| Trouble::Io(why.to_string()))
}

fn run(seed: u64, lives: usize, lying: bool) -> Result<(), String> {
    let mut world = World::new(seed, false);
    let mut disk = MemoryDisk::new();
    for life in 0..lives {
        disk.ignore_syncs(lying);
        world.live(&disk).map_err(|what| format!("seed {seed}, life {life}: {what}"))?;
        disk = match world.chance.u64() % 4 {
            0 => disk.crash(),
            1 => disk.killed(),
            _ => disk.crash_with(&world.chance),
        };
    }
    Ok(())
}

#[test]
fn log_7_nothing_acknowledged_is_lost_or_doubled_by_power_losses_and_kills() {
    for seed in 0..20 {
        run(seed, 12, false).unwrap();
    }
}

/// So many lives, each ended by a loss of power or a kill.
fn survive(mut world: World, seed: u64, lives: usize) {
    let mut disk = MemoryDisk::new();
    for life in 0..lives {
        world.live(&disk).map_err(|what| format!("seed {seed}, life {life}: {what}")).unwrap();
        disk = if world.chance(2) { disk.crash_with(&world.chance) } else { disk.killed() };
    }
}

#[test]
fn log_7_large_batches_survive_power_losses_and_kills() {
    for seed in 0..10 {
        survive(World::with_large_batches(seed), seed, 8);
    }
}

#[test]
fn log_5_followers_logs_survive_power_losses_and_kills() {
    for seed in 0..60 {
        survive(World::of_followers(seed), seed, 12);
    }
}

#[test]
fn log_7_the_crash_test_notices_a_disk_that_lies() {
    assert!((0..20).any(|seed| run(seed, 12, true).is_err()));
}
