//! Every moment of a directory's life as the last one: after each single change of the disk the power goes, and whatever of the
//! unsynced part may have got through is opened, also after a second crash in the middle of recovery.
//!
//! `OTTLA_CRASH_POINTS` says how many moments are looked at, `OTTLA_CRASH_SEED` with which history to begin, `OTTLA_CRASH_STEP` with
//! which moment of each.
use super::{crash::World, mixed::Mixed, *};
use crate::platform::{Chance, MemoryDisk, SeededChance};

/// Moments looked at when nothing else is said.
const POINTS: u64 = 200;
/// Of one history at most; then another begins.
const POINTS_PER_SEED: u64 = 400;

/// Lives of a broker on one disk, and what must be true of what each leaves.
pub trait Lives {
    /// What must be true.
    type Left: Clone + PartialEq + std::fmt::Debug;

    /// One life, until so many changes of the disk were made. `Err` says what is wrong.
    fn live_until(&mut self, disk: &MemoryDisk, changes: Option<u64>) -> Result<(), String>;
    /// Opens what a crash left, and checks it: what was found is what must be true from then on.
    fn check_image(&mut self, image: &MemoryDisk) -> Result<(), String>;
    fn left(&mut self) -> &mut Self::Left;
}

pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |number| number.parse().expect("a number"))
}

/// What may be left at this moment: all, only what was synced, and parts of the rest.
fn images(disk: &MemoryDisk, chance: &SeededChance) -> Vec<(&'static str, MemoryDisk)> {
    let mut images = vec![("killed", disk.killed()), ("synced only", disk.crash())];
    for _ in 0..2 {
        images.push(("with parts", disk.crash_with(chance)));
        images.push(("with parts in any order", disk.crash_in_any_order(chance)));
    }
    images
}

/// A life and a half: the second ends after `step` changes. False when it came to its own end.
fn point(mut world: impl Lives, seed: u64, step: u64, looked_at: &mut u64) -> Result<bool, String> {
    let disk = MemoryDisk::new();
    world.live_until(&disk, None)?;
    let disk = disk.killed();
    world.live_until(&disk, Some(step))?;
    let goes_on = disk.list(Path::new("/")).is_err();
    let chance = SeededChance::new(seed * 1_000_003 + step);
    for (kind, image) in images(&disk, &chance) {
        let left = world.left().clone();
        let wrong = |what| format!("seed {seed}, step {step}, {kind}: {what}");
        // Recovery can be cut short as well, and begins again.
        let again = image.killed();
        again.power_off_after(1 + chance.u64() % 40);
        let _ = world.check_image(&again);
        world.left().clone_from(&left);
        world.check_image(&image).map_err(wrong)?;
        let found = std::mem::replace(world.left(), left.clone());
        let second = if chance.u64().is_multiple_of(2) { again.crash() } else { again.crash_in_any_order(&chance) };
        world.check_image(&second).map_err(|what| format!("{}, after a second crash", wrong(what)))?;
        // The same once more is no different.
        world.left().clone_from(&left);
        world.check_image(&image.killed()).map_err(wrong)?;
        assert_eq!(found, std::mem::replace(world.left(), left), "seed {seed}, step {step}, {kind}");
        *looked_at += 3;
    }
    Ok(goes_on)
}

/// `Err` says what is wrong with the first moment that something is wrong with.
pub fn every_moment<World: Lives>(world: impl Fn(u64) -> World) -> Result<(), String> {
    every_moment_of(POINTS, world)
}

/// As `every_moment`, of so many when nothing else is said.
pub fn every_moment_of<World: Lives>(points: u64, world: impl Fn(u64) -> World) -> Result<(), String> {
    let (wanted, mut seen, mut images) = (number("OTTLA_CRASH_POINTS", points), 0, 0);
    for seed in number("OTTLA_CRASH_SEED", 0).. {
        // Other histories are looked at with other distances, so that a few moments tell of many.
        let stride = 1 + seed % 5;
        for step in (number("OTTLA_CRASH_STEP", 1)..)
            .step_by(stride as usize)
            .take(POINTS_PER_SEED.min(wanted / 4 + 1) as usize)
        {
            let goes_on = point(world(seed), seed, step, &mut images)?;
            seen += 1;
            if !goes_on || seen >= wanted {
                break;
            }
        }
        if seen >= wanted {
            break;
        }
    }
    println!("{seen} moments, {images} images");
    Ok(())
}

#[test]
fn log_13_every_moment_can_be_the_last() {
    every_moment(|seed| World::new(seed, true)).unwrap();
}

#[test]
fn log_13_every_moment_can_be_the_last_of_large_batches() {
    every_moment(World::with_large_batches).unwrap();
}

#[test]
fn log_13_every_moment_can_be_the_last_of_a_follower() {
    every_moment(World::of_followers).unwrap();
}

#[test]
fn log_13_every_moment_can_be_the_last_of_transactions_compaction_and_retention() {
    every_moment(Mixed::new).unwrap();
}

#[test]
fn log_13_every_moment_notices_a_disk_that_lies() {
    every_moment(Mixed::on_a_lying_disk).unwrap_err();
}
