//! Lives of a directory in which everything goes on beside each other: records of idempotent producers and of transactions,
//! their ends, compaction, retention, deleted records, cuts, topics deleted and made again, checkpoints and stops.
mod model;

use super::{
    crash::{PATH, Trouble, begun, ended, wait},
    crash_points::Lives,
    transactions::{epoch, producer},
    *,
};
use crate::{
    log::{AppendTerms, Cleaner, CleanerSettings, LogDirError, MetaProperties, StartMove},
    platform::{Chance, MemoryDisk, SeededChance},
    record::{EndTransactionMarker, TransactionResult},
    types::TransactionVersion,
};
use model::{Batch, Known, Model, Pair};
use std::time::Duration;

const PARTITIONS: i32 = 4;
/// Records without a producer.
const NOBODY: i64 = -1;
/// Sends outside of transactions only.
const IDEMPOTENT: i64 = 1;
const KEYS: u64 = 5;
const DONE_TOLD: usize = 60;
const GOES_ON: usize = 8;
const EPOCH: i64 = 17;

fn meta() -> MetaProperties {
    MetaProperties { cluster_id: "abc".into(), node_id: 3, directory_id: Some(TopicId::METADATA) }
}

pub struct Mixed {
    models: Vec<Model>,
    chance: SeededChance,
    now_ms: i64,
    /// No two values are the same.
    values: u64,
    /// The disk does not sync.
    lying: bool,
    /// What was done, for whoever looks for the cause.
    done: Vec<String>,
}

/// One life's directory.
struct Life {
    directory: Arc<LogDir>,
    clock: Arc<ManualClock>,
    logs: Vec<Arc<Log>>,
}

impl Mixed {
    pub fn new(seed: u64) -> Mixed {
        let models = vec![Model::default(); PARTITIONS as usize];
        Mixed { models, chance: SeededChance::new(seed), now_ms: NOW_MS, values: 0, lying: false, done: Vec::new() }
    }

    pub fn on_a_lying_disk(seed: u64) -> Mixed {
        Mixed { lying: true, ..Mixed::new(seed) }
    }

    fn below(&self, most: u64) -> u64 {
        self.chance.u64() % most
    }

    /// Kept to a number of bytes and an age; kept for ever; compacted; compacted and kept to a number of bytes and an age.
    fn config(&self, partition: i32) -> LogConfig {
        let kept = partition == 0 || partition == 3;
        LogConfig {
            segment_bytes: 1_200,
            index_interval_bytes: 200,
            retention_bytes: kept.then_some(4_000),
            retention_ms: kept.then_some(40_000),
            delete: partition != 2,
            compact: partition >= 2,
            dirty_ratio_min: 0.0,
            delete_retention_ms: 3_000,
            file_delete_delay_ms: 0,
            verify_transactions: false,
            ..LogConfig::default()
        }
    }

    fn open(&self, directory: &Arc<LogDir>, partition: i32) -> Result<Arc<Log>, Trouble> {
        let generation = self.models[partition as usize].generation;
        let id = LogId { topic_id: TopicId(uuid::Uuid::from_u128(77 + generation)), ..id(partition) };
        Ok(directory.open_log(&id, Arc::new(self.config(partition)))?)
    }

    /// All logs as a start finds them, everything that must be true of them checked.
    fn begin(&mut self, directory: Arc<LogDir>, clock: Arc<ManualClock>) -> Result<Life, Trouble> {
        if directory.meta_properties().is_none() {
            directory.write_meta_properties(&meta())?;
        }
        directory.set_broker_epoch(EPOCH);
        directory.found()?;
        let logs = (0..PARTITIONS).map(|partition| self.open(&directory, partition)).collect::<Result<Vec<_>, _>>()?;
        directory.finish_recovery()?;
        logs.iter().for_each(|log| log.advance_high(log.bounds().end()));
        self.check(&logs)?;
        Ok(Life { directory, clock, logs })
    }

    fn check(&mut self, logs: &[Arc<Log>]) -> Result<(), Trouble> {
        let bytes_max = 1 + self.below(900) as usize;
        for (log, model) in logs.iter().zip(&mut self.models) {
            model.check(log, bytes_max).map_err(|trouble| match trouble {
                Trouble::Wrong(what) => {
                    let done = &self.done[self.done.len().saturating_sub(DONE_TOLD)..];
                    Trouble::Wrong(format!("{}: {what}\nbefore: {done:?}", log.id()))
                }
                other => other,
            })?;
        }
        Ok(())
    }

    fn live_in(&mut self, directory: Arc<LogDir>, clock: Arc<ManualClock>) -> Result<(), Trouble> {
        let mut life = self.begin(directory, clock)?;
        for _ in 0..40 + self.below(160) {
            self.act(&mut life)?;
        }
        if self.below(3) == 0 {
            life.directory.close()?;
            self.models.iter_mut().for_each(|model| model.acknowledged = model.end());
        }
        Ok(())
    }

    /// What damage to a directory's own files comes to: a start that is refused (false), or everything as it was, also in what is done
    /// from there on.
    pub fn goes_on(&mut self, image: &MemoryDisk) -> Result<bool, String> {
        let clock = Arc::new(ManualClock::at_wall_ms(self.now_ms));
        let opened = LogDir::open(Arc::new(image.clone()), clock.clone(), Path::new(PATH), settings());
        let directory = match opened {
            Ok(directory) => directory,
            Err(LogDirError::Meta { .. }) => return Ok(false),
            Err(other) => return Err(other.to_string()),
        };
        let is_whose = directory.meta_properties() == Some(&meta());
        self.go_on(directory, clock).map_err(Trouble::what)?;
        if is_whose { Ok(true) } else { Err("it is another's".into()) }
    }

    fn go_on(&mut self, directory: Arc<LogDir>, clock: Arc<ManualClock>) -> Result<(), Trouble> {
        let mut life = self.begin(directory, clock)?;
        for _ in 0..2 {
            for _ in 0..GOES_ON {
                self.act(&mut life)?;
            }
            (0..life.logs.len()).try_for_each(|which| self.acknowledge(&life.logs[which], which))?;
            life.clock.advance(Duration::from_secs(10));
            self.now_ms = life.clock.wall_ms();
            self.compact(&life);
            self.check(&life.logs)?;
        }
        Ok(())
    }

    fn act(&mut self, life: &mut Life) -> Result<(), Trouble> {
        let which = self.below(PARTITIONS as u64) as usize;
        let action = self.below(40);
        let bounds = life.logs[which].bounds();
        self.done.push(format!("{action} of t-{which} at {} to {}", bounds.start(), bounds.end()));
        match action {
            0 => life.directory.checkpoint()?,
            1 => self.delete_records(&life.logs[which], which)?,
            2 | 3 => self.retain(life, which)?,
            4 => self.cut(&life.logs[which], which)?,
            5 if self.below(3) == 0 => self.make_again(life, which)?,
            5 | 6 => self.compact(life),
            7..9 => {
                life.clock.advance(Duration::from_secs(1 + self.below(9)));
                self.now_ms = life.clock.wall_ms();
            }
            9..16 => self.acknowledge(&life.logs[which], which)?,
            _ => self.append(&life.logs[which], which)?,
        }
        Ok(())
    }

    fn acknowledge(&mut self, log: &Log, which: usize) -> Result<(), Trouble> {
        let model = &mut self.models[which];
        wait(log, Offset::new(model.end()))?;
        model.acknowledged = model.end();
        log.advance_high(Offset::new(model.end()));
        Ok(())
    }

    fn delete_records(&mut self, log: &Log, which: usize) -> Result<(), Trouble> {
        let by = self.below(8) as i64;
        let model = &mut self.models[which];
        let to = (log.bounds().start().get() + by).min(log.bounds().high().get());
        model.start_most = model.start_most.max(to);
        log.advance_start(Some(Offset::new(to))).and_then(StartMove::wait).map_err(Trouble::io)?;
        model.start_acknowledged = model.start_acknowledged.max(to);
        Ok(())
    }

    fn retain(&mut self, life: &Life, which: usize) -> Result<(), Trouble> {
        let (log, model) = (&life.logs[which], &mut self.models[which]);
        let most = model.retained_from(&log.config(), life.clock.wall_ms(), log.bounds().high().get());
        model.start_most = model.start_most.max(most);
        log.delete_old_segments()?;
        let start = log.bounds().start().get();
        if start > model.start_most {
            return Err(Trouble::Wrong(format!("retention went to {start}, {} was due", model.start_most)));
        }
        (model.start_acknowledged, model.start_most) = (start, start);
        Ok(())
    }

    /// As a follower that diverged.
    fn cut(&mut self, log: &Log, which: usize) -> Result<(), Trouble> {
        let model = &mut self.models[which];
        let from = log.bounds().start().get().max(model.touched_most);
        let to = (model.end() - (self.chance.u64() % 7) as i64).max(from);
        // Until it is done either is right. A batch goes as a whole.
        let boundary = model.boundary(to);
        model.acknowledged = model.acknowledged.min(boundary);
        model.start_acknowledged = model.start_acknowledged.min(boundary);
        log.truncate_to(Offset::new(to))?;
        model.batches.retain(|base, _| *base < boundary);
        let bounds = log.bounds();
        (model.start_acknowledged, model.start_most) = (bounds.start().get(), bounds.start().get());
        if bounds.end().get() != model.end() && bounds.end() > bounds.start() {
            return Err(Trouble::Wrong(format!("cut to {}, {} was due", bounds.end(), model.end())));
        }
        model.acknowledged = model.acknowledged.min(bounds.end().get());
        Ok(())
    }

    /// The topic goes, and another comes under its name. Both were decided before: no crash brings the first one back.
    fn make_again(&mut self, life: &mut Life, which: usize) -> Result<(), Trouble> {
        let model = &mut self.models[which];
        *model = Model { generation: model.generation + 1, ..Model::default() };
        life.directory.delete_log(&life.logs[which])?;
        if self.below(2) == 0 {
            life.directory.remove_left(Duration::MAX);
        }
        life.logs[which] = self.open(&life.directory, which as i32)?;
        Ok(())
    }

    /// A run over all that is worth it.
    fn compact(&mut self, life: &Life) {
        for (log, model) in life.logs.iter().zip(&mut self.models).filter(|(log, _)| log.config().compact) {
            model.cleaned_most = model.cleaned_most.max(log.bounds().stable().get());
            model.touched_most = model.touched_most.max(log.bounds().high().get());
        }
        let cleaner = Cleaner::new(vec![life.directory.clone()], life.clock.clone(), CleanerSettings::default());
        while cleaner.clean_dirtiest() {}
    }

    fn append(&mut self, log: &Log, which: usize) -> Result<(), Trouble> {
        let of = [NOBODY, IDEMPOTENT, 2, 3, 4][self.below(5) as usize];
        let known = self.models[which].known().get(&of).copied();
        let known = known.unwrap_or(Known { epoch: 0, last_sequence: None, open: None });
        // Also where nothing is open: a coordinator does not know what became of the records.
        let ends = of > IDEMPOTENT && self.below(if known.open.is_some() { 3 } else { 12 }) == 0;
        let (made, batch, terms) = if ends { self.marker(of, known) } else { self.records(of, known) };
        let base = self.models[which].end();
        let next = base + batch.count();
        // Noted first: it may be in the log although the append failed with the power.
        self.models[which].batches.insert(base, batch);
        let appended = log.append(made, LeaderEpoch::ZERO, terms).map_err(Trouble::io)?;
        if (appended.base.get(), appended.last.next().get(), appended.duplicate) != (base, next, false) {
            return Err(Trouble::Wrong(format!("{appended:?}, {base} to {next} was due")));
        }
        Ok(())
    }

    fn records(&mut self, of: i64, known: Known) -> (CheckedBatch, Batch, AppendTerms) {
        let pairs: Vec<Pair> = (0..1 + self.below(3)).map(|_| self.pair()).collect();
        let sequence = known.last_sequence.map_or(0, |last| last + 1);
        let in_transaction = of > IDEMPOTENT;
        let mut builder = BatchBuilder::new(self.now_ms);
        if of != NOBODY {
            builder = builder.producer(of, known.epoch, sequence);
        }
        if in_transaction {
            builder = builder.attributes(BatchHeader::TRANSACTIONAL);
        }
        let records = pairs.iter();
        let builder = records.fold(builder, |builder, (key, value)| {
            builder.record(Some(key.as_bytes()), value.as_ref().map(String::as_bytes))
        });
        let made = builder.build();
        let batch = Batch { pairs, ..self.noted(&made, of, (known.epoch, sequence), in_transaction) };
        (made, batch, AppendOrigin::Client.into())
    }

    fn pair(&mut self) -> Pair {
        self.values += 1;
        let padding = "x".repeat(self.below(150) as usize);
        let value = (self.below(4) > 0).then(|| format!("{} {padding}", self.values));
        (self.below(KEYS).to_string(), value)
    }

    /// By either protocol: with the producer's epoch, or with the next.
    fn marker(&self, of: i64, known: Known) -> (CheckedBatch, Batch, AppendTerms) {
        let raises = self.below(2) == 0;
        let at = known.epoch + i16::from(raises);
        let version = if raises { TransactionVersion::V2 } else { TransactionVersion::V0 };
        let result = if self.below(2) == 0 { TransactionResult::Abort } else { TransactionResult::Commit };
        let marker = EndTransactionMarker { result, coordinator_epoch: 0 };
        let made = marker.batch(producer(of), epoch(at), self.now_ms);
        let batch = Batch { ends: Some(result), ..self.noted(&made, of, (at, -1), true) };
        (made, batch, AppendTerms { version, ..AppendOrigin::Coordinator.into() })
    }

    fn noted(&self, made: &CheckedBatch, of: i64, (epoch, sequence): (i16, i32), in_transaction: bool) -> Batch {
        let (bytes, crc) = (made.bytes().len() as u64, made.header().crc);
        let (producer, time_ms) = (of, self.now_ms);
        Batch { producer, epoch, sequence, ends: None, in_transaction, pairs: Vec::new(), time_ms, bytes, crc }
    }
}

impl Lives for Mixed {
    type Left = Vec<Model>;

    fn live_until(&mut self, disk: &MemoryDisk, changes: Option<u64>) -> Result<(), String> {
        disk.ignore_syncs(self.lying);
        let power_off = changes.is_some();
        if let Some(changes) = changes {
            disk.power_off_after(changes);
        }
        let clock = Arc::new(ManualClock::at_wall_ms(self.now_ms));
        let Some(directory) = begun(disk, clock.clone(), settings(), power_off)? else { return Ok(()) };
        ended(disk, self.live_in(directory, clock))
    }

    fn check_image(&mut self, image: &MemoryDisk) -> Result<(), String> {
        let clock = Arc::new(ManualClock::at_wall_ms(self.now_ms));
        let directory = LogDir::open(Arc::new(image.clone()), clock.clone(), Path::new(PATH), settings());
        let directory = directory.map_err(|error| error.to_string())?;
        self.begin(directory, clock).map(|_| ()).map_err(Trouble::what)
    }

    fn left(&mut self) -> &mut Vec<Model> {
        &mut self.models
    }
}
