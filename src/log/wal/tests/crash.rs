//! Power losses at every moment: what was told to be durable is there afterwards.
use super::*;
use crate::platform::{Chance, SeededChance};

/// The first file, and those for times of rest, are smaller than others.
fn open(disk: &MemoryDisk) -> Result<(Arc<Wal>, Recovered), WalError> {
    open_with(disk, WalSettings { first_file_bytes: 32 << 10, ..small() })
}

/// What must be true across the lives of one write-ahead log.
#[derive(Default)]
struct Model {
    /// Bodies by sequence; those beyond `acknowledged` may be lost and written anew.
    bodies: Vec<Vec<u8>>,
    acknowledged: u64,
    /// Highest that `release` was called with.
    released: u64,
}

impl Model {
    /// `Err` says what is wrong.
    fn check(&mut self, recovered: &Recovered) -> Result<(), String> {
        let (released, next) = (recovered.released().get(), recovered.next_sequence().get());
        if released > self.released {
            return Err(format!("{released} is released, at most {} was", self.released));
        }
        if next < self.acknowledged {
            return Err(format!("{} entries were acknowledged, {next} are left", self.acknowledged));
        }
        let mut expected = released;
        for entry in recovered.entries() {
            if entry.sequence.get() != expected {
                return Err(format!("{} where {expected} should be", entry.sequence));
            }
            let body = recovered.read_body(entry).map_err(|error| error.to_string())?;
            if self.bodies.get(expected as usize) != Some(&body) {
                return Err(format!("another body at {expected}"));
            }
            expected += 1;
        }
        if expected != next {
            return Err(format!("entries end at {expected}, not at {next}"));
        }
        // What survived counts from now on.
        self.bodies.truncate(next as usize);
        self.acknowledged = next;
        Ok(())
    }

    /// Opens, checks, appends and releases until the power goes off; `Err` says what is wrong.
    fn live(&mut self, disk: &MemoryDisk, chance: &SeededChance) -> Result<(), String> {
        let power_off = disk.power_off_after_some(chance);
        let before = recover(disk);
        let (wal, recovered) = match open(disk) {
            Ok(opened) => opened,
            Err(WalError::Io { .. }) if power_off => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let checked = self.check(&recovered);
        if checked.is_err() && power_off && recover(disk).is_err() {
            // The power went off while the bodies were read.
            return Ok(());
        }
        checked?;
        let same = |a: &RecoveredEntry, b: &RecoveredEntry| (a.sequence, a.head) == (b.sequence, b.head);
        if let Ok(before) = before
            && (before.entries().len() != recovered.entries().len()
                || !before.entries().iter().zip(recovered.entries()).all(|(a, b)| same(a, b)))
        {
            return Err("a second recovery finds something else".into());
        }
        let (seen, log) = Seen::new();
        for _ in 0..chance.u64() % 60 {
            let body = vec![chance.u64() as u8; (chance.u64() % 6000) as usize];
            let offset = self.bodies.len() as i64;
            if append(&wal, &log, offset, &body).is_err() {
                break;
            }
            self.bodies.push(body);
            if chance.u64().is_multiple_of(3) && !seen.reaches(offset + 1) {
                break;
            }
            if chance.u64().is_multiple_of(10) {
                let durable = seen.state.lock().committed as u64;
                self.released = self.released.max(durable);
                wal.release(WalSequence::new(durable));
                if chance.u64().is_multiple_of(2) {
                    wal.rest();
                }
            }
        }
        let closed = chance.u64().is_multiple_of(2) && wal.close().is_ok();
        self.acknowledged = self.acknowledged.max(seen.state.lock().committed as u64);
        if closed && !power_off {
            self.acknowledged = self.bodies.len() as u64;
        }
        // Whatever else the threads do now happens after the crash.
        Ok(())
    }
}

trait PowerOff {
    fn power_off_after_some(&self, chance: &SeededChance) -> bool;
}

impl PowerOff for MemoryDisk {
    /// In most lives the power goes off after some changes; in the others at the end.
    fn power_off_after_some(&self, chance: &SeededChance) -> bool {
        let goes_off = !chance.u64().is_multiple_of(4);
        if goes_off {
            self.power_off_after(chance.u64() % 120);
        }
        goes_off
    }
}

fn lives(seed: u64, lying: bool) -> Result<(), String> {
    let chance = SeededChance::new(seed);
    let mut disk = new_disk();
    let mut model = Model::default();
    for life in 0..6 {
        disk.ignore_syncs(lying);
        model.live(&disk, &chance).map_err(|error| format!("seed {seed}, life {life}: {error}"))?;
        // Names and sizes of unsynced files vary with the threads' timing; what must hold does not.
        disk.power_off_after(0);
        disk = if chance.u64().is_multiple_of(2) { disk.crash() } else { disk.crash_with(&chance) };
    }
    disk.clear_faults();
    let recovered = recover(&disk).map_err(|error| format!("seed {seed}, at the end: {error}"))?;
    model.check(&recovered).map_err(|error| format!("seed {seed}, at the end: {error}"))
}

#[test]
fn log_7_no_power_loss_takes_back_what_was_committed() {
    for seed in 0..200 {
        lives(seed, false).unwrap();
    }
}

#[test]
fn log_7_a_disk_that_ignores_syncs_is_found_out() {
    let found_out = (0..20).filter(|seed| lives(*seed, true).is_err()).count();
    assert!(found_out >= 10, "only {found_out} of 20 runs noticed");
}

/// Every change of a fixed run is once the last one.
#[test]
fn log_10_log_7_each_moment_of_a_run_can_be_the_last() {
    let run = |power_off_after: Option<u64>| {
        let disk = new_disk();
        if let Some(changes) = power_off_after {
            disk.power_off_after(changes);
        }
        let mut acknowledged = 0;
        if let Ok((wal, _)) = open(&disk) {
            let (seen, log) = Seen::new();
            for offset in 0..24 {
                if append(&wal, &log, offset, &[offset as u8; 5000]).is_err() || !seen.reaches(offset + 1) {
                    break;
                }
                if offset == 12 {
                    wal.release(WalSequence::new(10));
                    wal.rest();
                }
            }
            let _ = wal.close();
            acknowledged = seen.state.lock().committed;
        }
        (disk, acknowledged)
    };
    let (whole, _) = run(None);
    for changes in 0..whole.changes() {
        let (disk, acknowledged) = run(Some(changes));
        for seed in 0..8 {
            let left = if seed == 0 { disk.crash() } else { disk.crash_with(&SeededChance::new(seed)) };
            // The directory itself may not have been made yet.
            let (_, recovered) = open(&left).unwrap_or_else(|error| panic!("{changes} {seed}: {error}"));
            assert!(recovered.next_sequence().get() as i64 >= acknowledged, "{changes} {seed}");
            assert!(recovered.released().get() <= 10);
            for entry in recovered.entries() {
                let body = recovered.read_body(entry).unwrap();
                assert_eq!(body, [entry.head.offset.get() as u8; 5000], "{changes} {seed}");
            }
        }
    }
}

#[test]
fn log_7_what_a_killed_broker_left_in_the_page_cache_is_durable_before_more_follows() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    append(&wal, &log, 0, b"synced").unwrap();
    assert!(seen.reaches(1));
    // The process is killed between the write and the sync of this one.
    disk.ignore_syncs(true);
    append(&wal, &log, 1, b"written only").unwrap();
    assert!(seen.reaches(2));
    disk.ignore_syncs(false);
    let (next, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.entries().len(), 2);
    append(&next, &log, 2, b"after").unwrap();
    assert!(seen.reaches(3));
    let recovered = recover(&disk.crash()).unwrap();
    assert_eq!(bodies(&recovered), [&b"synced"[..], b"written only", b"after"]);
}
