//! Random transactions through power losses, kills, orderly stops, truncation and deletion: producers, open transactions
//! and aborted lists are always those that the batches in the log say, worked out anew.
use super::{transactions::transactional, *};
use crate::{
    log::AbortedEntry,
    platform::{Chance, MemoryDisk, OpenMode, SeededChance},
    record::{EndTransactionMarker, TransactionResult},
    types::{ProducerEpoch, ProducerId},
};
use std::collections::BTreeMap;

const PRODUCERS: u64 = 4;

/// One batch that was appended, whether it survives or not.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub offset: i64,
    pub producer: i64,
    pub epoch: i16,
    pub ends: Option<TransactionResult>,
}

/// What follows from a list of batches.
#[derive(Default, PartialEq, Debug)]
pub struct Expected {
    pub aborted: Vec<AbortedEntry>,
    /// First offset by producer.
    pub open: BTreeMap<i64, i64>,
    epochs: BTreeMap<i64, i16>,
}

pub fn expected(events: &[Event]) -> Expected {
    let mut out = Expected::default();
    for event in events {
        out.epochs.insert(event.producer, event.epoch);
        let Some(result) = event.ends else {
            out.open.entry(event.producer).or_insert(event.offset);
            continue;
        };
        let Some(first) = out.open.remove(&event.producer) else { continue };
        if result == TransactionResult::Abort {
            let stable = out.open.values().min().copied().unwrap_or(event.offset + 1);
            out.aborted.push(AbortedEntry {
                producer: ProducerId::from_wire(event.producer).unwrap(),
                first: Offset::new(first),
                last: Offset::new(event.offset),
                stable: Offset::new(stable),
            });
        }
    }
    out
}

struct World {
    events: Vec<Event>,
    acknowledged: i64,
    epochs: [i16; PRODUCERS as usize],
    chance: SeededChance,
    /// Cuts the log now and then, and always stops in an orderly way.
    truncating: bool,
}

enum Trouble {
    /// May be the power's doing.
    Io(String),
    Wrong(String),
}

fn io(error: impl std::fmt::Display) -> Trouble {
    Trouble::Io(error.to_string())
}

impl World {
    fn below(&self, most: u64) -> u64 {
        self.chance.u64() % most
    }

    fn end(&self) -> i64 {
        self.events.last().map_or(0, |event| event.offset + 1)
    }

    fn check(&mut self, log: &Log) -> Result<(), Trouble> {
        let (start, end) = (log.bounds().start(), log.bounds().end());
        if end.get() < self.acknowledged {
            return Err(Trouble::Wrong(format!("acknowledged to {}, ends at {end}", self.acknowledged)));
        }
        self.events.retain(|event| event.offset < end.get());
        self.acknowledged = end.get();
        let expected = expected(&self.events);
        let producers = log.producers();
        let found = Expected {
            aborted: log.aborted_between(start, Offset::new(i64::MAX)).map_err(io)?,
            open: producers.iter().filter_map(|one| Some((one.id.get(), one.transaction_start?.get()))).collect(),
            epochs: producers.iter().filter_map(|one| Some((one.id.get(), one.epoch?.get()))).collect(),
        };
        let aborted: Vec<AbortedEntry> = expected.aborted.iter().filter(|entry| entry.last >= start).copied().collect();
        if found != (Expected { aborted: aborted.clone(), ..expected }) {
            let due = self::expected(&self.events);
            return Err(Trouble::Wrong(format!("{start} to {end}: {found:?} was found, {due:?} was due")));
        }
        let open = found.open.values().min().copied().unwrap_or(i64::MAX);
        let stable = end.get().min(open).max(start.get());
        if log.bounds().stable().get() != stable {
            return Err(Trouble::Wrong(format!("stable {}, {stable} was due", log.bounds().stable())));
        }
        self.check_reads(log, &aborted)
    }

    /// Committed reads list exactly what was aborted in their bytes.
    fn check_reads(&self, log: &Log, aborted: &[AbortedEntry]) -> Result<(), Trouble> {
        let (mut at, limit) = (log.bounds().start(), log.bounds().stable());
        while at < limit {
            let bytes_max = self.below(600) as usize;
            let read = log.read(at, ReadLimit::Stable, bytes_max, true).map_err(io)?;
            let bytes = read.slice.as_ref().map(|slice| slice.read()).transpose().map_err(io)?;
            let next = headers_in(&bytes.unwrap_or_default()).last().and_then(BatchHeader::last).unwrap().next();
            let due = aborted.iter().filter(|entry| entry.last >= at && entry.first < next);
            let due: Vec<_> = due.map(|entry| (entry.producer, entry.first)).collect();
            let told: Vec<_> = read.aborted.iter().map(|entry| (entry.producer, entry.first)).collect();
            if due != told {
                return Err(Trouble::Wrong(format!("read {at} to {next}: {told:?} was told, {due:?} was due")));
            }
            at = next;
        }
        Ok(())
    }

    fn live(&mut self, disk: &MemoryDisk) -> Result<(), Trouble> {
        if !self.truncating && self.below(3) > 0 {
            disk.power_off_after(1 + self.below(300));
        }
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let directory = LogDir::open(Arc::new(disk.clone()), clock, Path::new("/data"), settings()).map_err(io)?;
        let config = LogConfig { segment_bytes: 1_000, index_interval_bytes: 300, ..LogConfig::default() };
        let config = LogConfig { file_delete_delay_ms: 0, ..config };
        let log = directory.open_log(&id(0), Arc::new(config)).map_err(|error| match error {
            crate::log::LogError::Damaged { .. } => Trouble::Wrong(error.to_string()),
            other => io(other),
        })?;
        directory.finish_recovery().map_err(io)?;
        log.advance_high(log.bounds().end());
        self.check(&log)?;
        for _ in 0..self.below(80) {
            self.act(&directory, &log)?;
        }
        if self.truncating || self.below(3) == 0 {
            directory.close().map_err(io)?;
            self.acknowledged = self.end();
        }
        Ok(())
    }

    fn act(&mut self, directory: &Arc<LogDir>, log: &Arc<Log>) -> Result<(), Trouble> {
        match self.below(24) {
            0 => directory.checkpoint().map_err(io)?,
            1 => {
                let to = Offset::new((self.acknowledged - self.below(10) as i64).max(0)).max(log.bounds().start());
                log.advance_high(Offset::new(self.acknowledged));
                log.advance_start(Some(to)).and_then(|moved| moved.wait()).map_err(io)?;
                log.delete_old_segments().map_err(io)?;
            }
            2 if self.truncating => self.truncate(log)?,
            3..6 => {
                wait_for(log.synced_mark(), Offset::new(self.end())).map_err(io)?;
                self.acknowledged = self.end();
                log.advance_high(Offset::new(self.end()));
                self.check(log)?;
            }
            _ => self.append(log)?,
        }
        Ok(())
    }

    /// As a follower that diverged.
    fn truncate(&mut self, log: &Arc<Log>) -> Result<(), Trouble> {
        let to = Offset::new((self.end() - self.below(6) as i64).max(0)).max(log.bounds().start());
        self.acknowledged = self.acknowledged.min(to.get());
        log.truncate_to(to).map_err(io)?;
        self.events.retain(|event| event.offset < to.get());
        log.advance_high(log.bounds().end());
        self.check(log)
    }

    fn append(&mut self, log: &Arc<Log>) -> Result<(), Trouble> {
        let producer = self.below(PRODUCERS);
        let offset = self.end();
        let epoch = &mut self.epochs[producer as usize];
        let ends = match self.chance.u64() % 6 {
            0 => Some(TransactionResult::Abort),
            1 => Some(TransactionResult::Commit),
            _ => None,
        };
        let batch = match ends {
            None => transactional(producer as i64, *epoch, 0),
            Some(result) => {
                *epoch += 1;
                let (id, at) = (ProducerId::from_wire(producer as i64), ProducerEpoch::from_wire(*epoch));
                let marker = EndTransactionMarker { result, coordinator_epoch: 0 };
                marker.batch(id.unwrap(), at.unwrap(), NOW_MS)
            }
        };
        let event = Event { offset, producer: producer as i64, epoch: *epoch, ends };
        // Noted first: it may be in the log although the append failed with the power.
        self.events.push(event);
        let appended = log.append(batch, LeaderEpoch::ZERO, AppendOrigin::Replication).map_err(io)?;
        assert_eq!(appended.base.get(), event.offset);
        Ok(())
    }
}

fn run(seed: u64, truncating: bool) -> Result<(), String> {
    let chance = SeededChance::new(seed);
    let mut world = World { events: Vec::new(), acknowledged: 0, epochs: [0; PRODUCERS as usize], chance, truncating };
    let mut disk = MemoryDisk::new();
    for life in 0..10 {
        let lived = world.live(&disk);
        let unplugged = disk.open(Path::new("/probe"), OpenMode::Create).and_then(|file| file.write_all_at(b"x", 0));
        match lived {
            Err(Trouble::Wrong(what)) => return Err(format!("seed {seed}, life {life}: {what}")),
            Err(Trouble::Io(what)) if unplugged.is_ok() => return Err(format!("seed {seed}, life {life}: {what}")),
            _ => {}
        }
        disk = match world.below(3) {
            _ if truncating => disk,
            0 => disk.crash(),
            1 if unplugged.is_ok() => disk.killed(),
            _ => disk.crash_with(&world.chance),
        };
        disk.clear_faults();
    }
    Ok(())
}

#[test]
fn idem_11_open_and_aborted_transactions_follow_from_the_log_after_any_crash() {
    for seed in 0..60 {
        run(seed, false).unwrap();
    }
}

#[test]
fn idem_11_open_and_aborted_transactions_follow_from_the_log_after_any_cut() {
    for seed in 0..30 {
        run(seed, true).unwrap();
    }
}
