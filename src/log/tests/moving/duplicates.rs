//! A log that is found in two directories.
use super::*;

/// A start that had only the old directory went on in it.
#[test]
fn log_17_a_log_that_went_on_where_it_was_is_not_given_up_for_its_copy() {
    // Threads of the directories change the disk as well: no number of changes is that moment each time.
    for step in (0..100).cycle().take(100 * 50) {
        let disk = written();
        let life = Life::begin(&disk);
        disk.power_off_after(step);
        let moved = life.moving(0).and_then(|mut moving| {
            moving.catch_up(&mut go_on)?;
            moving.finish()
        });
        let left = disk.killed();
        drop(life);
        if moved.is_ok() || !PATHS.iter().all(|path| left.exists(&Path::new(path).join("t-0"))) {
            continue;
        }
        for orderly in [false, true] {
            let left = left.killed();
            let alone = Fixture::open(Arc::new(left.clone()), Path::new("/a"));
            alone.directory.found().unwrap();
            let log = alone.directory.open_log(&id(0), Arc::new(config())).unwrap();
            alone.directory.finish_recovery().unwrap();
            fill(&log, 50..53);
            let (kept, end) = (read_all(&log, 1), log.bounds().end());
            if orderly {
                alone.directory.close().unwrap();
            }
            drop((log, alone));
            let left = left.killed();
            for _ in 0..2 {
                let life = Life::begin(&left);
                assert_eq!((life.held.as_slice(), life.log.bounds().end()), (&[0][..], end), "{step} {orderly}");
                assert_eq!(read_all(&life.log, 1), kept, "{step} {orderly}");
                life.close();
            }
        }
        return;
    }
    panic!("no move stopped at that moment");
}

#[test]
fn two_copies_that_no_move_explains_are_not_chosen_from() {
    let disk = written();
    let life = Life::begin(&disk);
    let [a, b] = [0, 1].map(|at| life.directories[at].clone());
    let other = b.open_log(&id(0), Arc::new(config())).unwrap();
    append(&other, batch(1, b"another")).unwrap();
    let found = [&a, &b].map(|directory| directory.found().unwrap()).to_vec();
    assert!(matches!(settle_duplicates(&[a, b], found), Err(crate::log::LogDirError::Twice { .. })));
}
