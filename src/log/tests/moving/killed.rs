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
