//! Every moment of a directory's life as the last one: after each single change of the disk the power goes, and whatever of the
//! unsynced part may have got through is opened, also after a second crash in the middle of recovery.
//!
//! `OTTLA_CRASH_POINTS` says how many moments are looked at, `OTTLA_CRASH_SEED` with which history to begin.
use super::{
    crash::{World, check_image},
    *,
};
use crate::platform::{Chance, MemoryDisk, SeededChance};

/// Moments looked at when nothing else is said.
const POINTS: u64 = 200;
/// Of one history at most; then another begins.
const POINTS_PER_SEED: u64 = 400;

fn number(name: &str, default: u64) -> u64 {
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
fn point(mut world: World, seed: u64, step: u64, looked_at: &mut u64) -> Result<bool, String> {
    let disk = MemoryDisk::new();
    world.live_until(&disk, None)?;
    let disk = disk.killed();
    world.live_until(&disk, Some(step))?;
    let goes_on = disk.list(Path::new("/")).is_err();
    let chance = SeededChance::new(seed * 1_000_003 + step);
    for (kind, image) in images(&disk, &chance) {
        let models = world.models.clone();
        let wrong = |what| format!("seed {seed}, step {step}, {kind}: {what}");
        // Recovery can be cut short as well, and begins again.
        let again = image.killed();
        again.power_off_after(1 + chance.u64() % 40);
        let _ = check_image(&mut world, &again);
        world.models.clone_from(&models);
        check_image(&mut world, &image).map_err(wrong)?;
        let ends: Vec<i64> = world.models.iter().map(|model| model.end()).collect();
        world.models.clone_from(&models);
        let second = if chance.u64().is_multiple_of(2) { again.crash() } else { again.crash_in_any_order(&chance) };
        check_image(&mut world, &second).map_err(|what| format!("{}, after a second crash", wrong(what)))?;
        // The same once more is no different.
        world.models.clone_from(&models);
        check_image(&mut world, &image.killed()).map_err(wrong)?;
        assert_eq!(ends, world.models.iter().map(|model| model.end()).collect::<Vec<_>>());
        world.models = models;
        *looked_at += 3;
    }
    Ok(goes_on)
}

fn every_moment(world: fn(u64) -> World) {
    let (wanted, mut seen, mut images) = (number("OTTLA_CRASH_POINTS", POINTS), 0, 0);
    for seed in number("OTTLA_CRASH_SEED", 0).. {
        // Other histories are looked at with other distances, so that a few moments tell of many.
        let stride = 1 + seed % 5;
        for step in (1..).step_by(stride as usize).take(POINTS_PER_SEED.min(wanted / 4 + 1) as usize) {
            let goes_on = point(world(seed), seed, step, &mut images).unwrap();
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
}

#[test]
fn log_13_every_moment_can_be_the_last() {
    every_moment(|seed| World::new(seed, true));
}

#[test]
fn log_13_every_moment_can_be_the_last_of_large_batches() {
    every_moment(World::with_large_batches);
}

#[test]
fn log_13_every_moment_can_be_the_last_of_a_follower() {
    every_moment(World::of_followers);
}
