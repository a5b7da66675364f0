//! Power losses and kills at any moment of a directory's life: what was acknowledged is there afterwards, in order, once.
use super::*;
use crate::{
    log::{LogDirError, LogError, StartMove},
    platform::{Chance, MemoryDisk, OpenMode, SeededChance},
    types::ProducerId,
};
use std::collections::BTreeMap;

const PATH: &str = "/data";
const PARTITIONS: i32 = 3;

/// What must be true of one partition across all lives.
#[derive(Default, Clone)]
struct Model {
    /// Checksum by base offset: what was appended, whether acknowledged or not.
    batches: BTreeMap<i64, u32>,
    end: i64,
    acknowledged: i64,
    start_acknowledged: i64,
    start: i64,
    /// Next sequence of the one producer.
    sequence: i32,
}

impl Model {
    fn check(&mut self, log: &Log) -> Result<(), Trouble> {
        let bounds = log.bounds();
        let (start, end) = (bounds.start().get(), bounds.end().get());
        if end < self.acknowledged {
            return Err(Trouble::Wrong(format!(
                "{log} acknowledged to {}, ends at {end}",
                self.acknowledged,
                log = log.id()
            )));
        }
        if start < self.start_acknowledged || start > self.start.max(self.start_acknowledged) {
            return Err(Trouble::Wrong(format!(
                "start {start}, acknowledged {}, asked {}",
                self.start_acknowledged, self.start
            )));
        }
        if log.synced_mark().get().get() < self.acknowledged {
            return Err(Trouble::Wrong(format!("synced to {} only", log.synced_mark().get())));
        }
        let mut next = None;
        let mut at = bounds.start();
        let mut sequence = None;
        while at < bounds.end() {
            let read = log.read(at, ReadLimit::End, 700, true).map_err(|error| Trouble::Io(error.to_string()))?;
            let bytes =
                read.slice.map(|slice| slice.read()).transpose().map_err(|error| Trouble::Io(error.to_string()))?;
            for header in headers_in(&bytes.unwrap_or_default()) {
                if self.batches.get(&header.base_offset) != Some(&header.crc) {
                    return Err(Trouble::Wrong(format!("another batch stands at {}", header.base_offset)));
                }
                if next.is_some_and(|next| next != header.base_offset) {
                    return Err(Trouble::Wrong(format!("{next:?} was due, {} came", header.base_offset)));
                }
                at = header.last().unwrap().next();
                next = Some(at.get());
                sequence = Some(header.base_sequence + header.record_count - 1);
            }
        }
        let known = log
            .producers()
            .iter()
            .find(|one| ProducerId::from_wire(1) == Some(one.id))
            .and_then(|one| one.last_sequence);
        if sequence.is_some() && known != sequence {
            return Err(Trouble::Wrong(format!("the producer is known at {known:?}, the log says {sequence:?}")));
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

struct World {
    models: Vec<Model>,
    chance: SeededChance,
}

impl World {
    fn chance(&self, one_in: u64) -> bool {
        self.chance.u64().is_multiple_of(one_in)
    }

    fn config(&self) -> LogConfig {
        LogConfig { segment_bytes: 4_000, index_interval_bytes: 300, file_delete_delay_ms: 0, ..LogConfig::default() }
    }

    /// One life of a broker, until the power goes. `Err` says what is wrong.
    fn live(&mut self, disk: &MemoryDisk) -> Result<(), String> {
        let power_off = !self.chance(4);
        if power_off {
            disk.power_off_after(1 + self.chance.u64() % 400);
        }
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let mut settings = settings();
        settings.open_files_max = 8;
        let directory = match LogDir::open(Arc::new(disk.clone()), clock, Path::new(PATH), settings) {
            Ok(directory) => directory,
            Err(error @ (LogDirError::Io { .. } | LogDirError::Wal(_))) if power_off => {
                return if error.to_string().contains("damaged") { Err(error.to_string()) } else { Ok(()) };
            }
            Err(error) => return Err(error.to_string()),
        };
        let lived = self.live_in(&directory);
        match lived {
            Err(Trouble::Io(_)) if probe(disk).is_err() => Ok(()),
            Err(Trouble::Io(what)) => Err(format!("trouble without cause: {what}")),
            Err(Trouble::Wrong(what)) => Err(what),
            Ok(()) => Ok(()),
        }
    }

    fn live_in(&mut self, directory: &Arc<LogDir>) -> Result<(), Trouble> {
        directory.found()?;
        let mut logs = Vec::new();
        for partition in 0..PARTITIONS {
            let log = directory.open_log(&id(partition), Arc::new(self.config()))?;
            logs.push(log);
        }
        directory.finish_recovery()?;
        for (log, model) in logs.iter().zip(&mut self.models) {
            log.advance_high(log.bounds().end());
            model.check(log)?;
        }
        for _ in 0..self.chance.u64() % 80 {
            self.act(directory, &logs)?;
        }
        if self.chance(3) {
            directory.close()?;
            logs.iter().zip(&mut self.models).for_each(|(_, model)| model.acknowledged = model.end);
        }
        Ok(())
    }

    fn act(&mut self, directory: &Arc<LogDir>, logs: &[Arc<Log>]) -> Result<(), Trouble> {
        let which = (self.chance.u64() % PARTITIONS as u64) as usize;
        let (log, action, size) = (&logs[which], self.chance.u64() % 20, (self.chance.u64() % 900) as usize);
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
            3..8 => {
                wait(log, Offset::new(model.end))?;
                model.acknowledged = model.end;
                log.advance_high(Offset::new(model.end));
            }
            _ => {
                let records = 1 + (size % 3) as i32;
                let builder = BatchBuilder::new(NOW_MS).producer(1, 0, model.sequence);
                let value = vec![size as u8; size];
                let made = (0..records).fold(builder, |builder, _| builder.record(None, Some(&value))).build();
                // Noted first: it may be in the log although the append failed with the power.
                model.batches.insert(model.end, made.header().crc);
                let appended = append(log, made).map_err(|error| Trouble::Io(error.to_string()))?;
                if appended.base.get() != model.end {
                    return Err(Trouble::Wrong(format!("{} was due, {} was given", model.end, appended.base)));
                }
                model.end += i64::from(records);
                model.sequence += records;
            }
        }
        Ok(())
    }
}

/// Io: may be the power's doing.
enum Trouble {
    Io(String),
    Wrong(String),
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Trouble {
        match error {
            LogError::Damaged { .. } => Trouble::Wrong(error.to_string()),
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

fn wait(log: &Log, to: Offset) -> Result<(), Trouble> {
    wait_for(log.synced_mark(), to).map(|_| ()).map_err(|why| Trouble::Io(why.to_string()))
}

fn run(seed: u64, lives: usize, lying: bool) -> Result<(), String> {
    let mut world = World { models: vec![Model::default(); PARTITIONS as usize], chance: SeededChance::new(seed) };
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

#[test]
fn log_7_the_crash_test_notices_a_disk_that_lies() {
    assert!((0..20).any(|seed| run(seed, 12, true).is_err()));
}
