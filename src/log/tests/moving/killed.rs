//! A kill within the last step of a move, and a power loss within the start after it.
use super::*;
use std::time::Duration;

#[test]
fn log_17_the_place_that_a_log_moved_to_is_durable_before_a_start_gives_up_the_other() {
    let before = MemoryDisk::new();
    let life = Life::begin(&before);
    fill(&life.log, 0..12);
    let due = read_all(&life.log, 1);
    life.close();
    let mut both = 0;
    for changes in 1.. {
        let disk = before.killed();
        let life = Life::begin(&disk);
        let mut moving = life.moving(0).unwrap();
        moving.catch_up(&mut go_on).unwrap();
        disk.power_off_after(changes);
        let done = moving.finish().is_ok();
        drop((moving, life));
        let left = disk.killed();
        both += usize::from(PATHS.iter().all(|path| left.exists(&Path::new(path).join("t-0"))));
        let life = Life::begin(&left);
        life.directories.iter().for_each(|directory| directory.remove_left(Duration::MAX));
        let chance = SeededChance::new(changes);
        for _ in 0..6 {
            let image = left.crash_in_any_order(&chance);
            assert_eq!(read_all(&Life::begin(&image).log, 1), due, "killed after {changes} changes");
        }
        drop(life);
        if done {
            break;
        }
    }
    assert!(both > 0, "no kill left the log in both places");
}

/// The power goes while the log moves back: what the first move left to the disk to forget must not come again.
#[test]
fn log_17_a_power_loss_within_the_way_back_leaves_the_log_in_one_place() {
    let before = MemoryDisk::new();
    let life = Life::begin(&before);
    fill(&life.log, 0..12);
    let due = read_all(&life.log, 1);
    life.close();
    for changes in 1.. {
        let disk = before.killed();
        let life = Life::begin(&disk);
        let mut there = life.moving(0).unwrap();
        there.catch_up(&mut go_on).unwrap();
        there.finish().unwrap();
        disk.power_off_after(changes);
        let back = life.moving(1).and_then(|mut back| {
            back.catch_up(&mut go_on)?;
            back.finish()
        });
        drop(life);
        let chance = SeededChance::new(changes);
        let images = (0..6).map(|_| disk.crash_in_any_order(&chance));
        for image in images.chain([disk.crash()]) {
            assert_eq!(read_all(&Life::begin(&image).log, 1), due, "the power went after {changes} changes");
        }
        if back.is_ok() {
            break;
        }
    }
}
