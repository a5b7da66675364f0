//! Every bit of the small files at the top of a log directory, flipped: whose it is, how far its logs are synced, compacted and cut,
//! where they start, how the last life ended. A start is refused and says so, or all is as it was, also in what goes on from there.
use super::{
    crash::PATH,
    crash_points::{Lives, number},
    mixed::Mixed,
    *,
};
use crate::log::names;
use std::path::PathBuf;

/// Each bit by `make crash`; otherwise every one of so many, so that all places within a byte are met.
const STEP: u64 = 7;
const POINTS_OF_ALL: u64 = 20_000;

/// The files that say something.
fn notes(disk: &MemoryDisk) -> Vec<(PathBuf, u64)> {
    let files = names::NOTES.map(|name| Path::new(PATH).join(name)).map(|path| (path.clone(), disk.read(&path)));
    // A checkpoint without entries is shorter.
    let files = files.into_iter().filter_map(|(path, bytes)| Some((path, bytes.ok()?.len() as u64)));
    files.filter(|(_, len)| *len > 8).collect()
}

/// A life that ended so, in which all of this was noted.
fn left(wanted: &[&str], orderly: bool) -> (Mixed, MemoryDisk) {
    for seed in 0..1_000 {
        let (mut world, disk) = (Mixed::new(seed), MemoryDisk::new());
        world.live_until(&disk, None).unwrap();
        let disk = disk.killed();
        let (noted, is_orderly) = (notes(&disk), disk.exists(&Path::new(PATH).join(names::CLEAN_SHUTDOWN)));
        if is_orderly == orderly && wanted.iter().all(|name| noted.iter().any(|(path, _)| path.ends_with(name))) {
            return (world, disk);
        }
    }
    panic!("no life notes {wanted:?}");
}

fn flip_all(wanted: &[&str], orderly: bool) {
    let (mut world, disk) = left(wanted, orderly);
    let step = if number("OTTLA_CRASH_POINTS", 0) < POINTS_OF_ALL { STEP } else { 1 };
    let before = world.left().clone();
    for (path, len) in notes(&disk) {
        let (mut told, mut all) = (0, 0);
        for bit in (0..len * 8).step_by(step as usize) {
            let damaged = disk.killed();
            damaged.flip_bit(&path, bit / 8, (bit % 8) as u8).unwrap();
            world.left().clone_from(&before);
            let came = world.goes_on(&damaged).map_err(|what| format!("{} bit {bit}: {what}", path.display())).unwrap();
            told += u64::from(!came);
            all += 1;
        }
        println!("{}: {told} of {all} refuse the start", path.display());
        assert_eq!(told > 0, path.ends_with(names::META_PROPERTIES), "{}", path.display());
    }
}

#[test]
fn log_14_each_bit_of_the_notes_of_a_directory_that_was_closed() {
    flip_all(&[names::META_PROPERTIES, names::CLEANER_OFFSETS, names::LOG_STARTS, names::CLEAN_SHUTDOWN], true);
}

#[test]
fn log_14_each_bit_of_the_notes_of_a_directory_after_a_kill() {
    flip_all(&[names::META_PROPERTIES, names::CLEANER_OFFSETS, names::CUTS_DONE, names::LOG_STARTS], false);
}
