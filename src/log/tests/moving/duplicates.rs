//! A log that is found in two directories.
use super::*;

/// A partition in both directories, as a kill leaves it at the end of a move.
fn in_both() -> MemoryDisk {
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
        if moved.is_err() && PATHS.iter().all(|path| left.exists(&Path::new(path).join("t-0"))) {
            return left;
        }
    }
    panic!("no move stopped at that moment");
}

/// A life with one of the directories alone; answers what is there then.
fn alone(disk: &MemoryDisk, path: &str, orderly: bool, what: impl Fn(&Log)) -> (Vec<BatchHeader>, LogBounds) {
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new(path));
    fixture.directory.found().unwrap();
    let log = fixture.directory.open_log(&id(0), Arc::new(config())).unwrap();
    fixture.directory.finish_recovery().unwrap();
    what(&log);
    log.advance_high(log.bounds().end());
    let left = (read_all(&log, 1), log.bounds());
    if orderly {
        fixture.directory.close().unwrap();
    }
    left
}

/// A start that had only the old directory went on in it.
#[test]
fn log_17_a_log_that_went_on_where_it_was_is_not_given_up_for_its_copy() {
    let deletes = |log: &Log| {
        log.advance_high(log.bounds().end());
        log.advance_start(Some(Offset::new(9))).unwrap().wait().unwrap();
    };
    let writes = |log: &Log| fill(log, 50..53);
    let all: [(bool, &dyn Fn(&Log)); 4] = [(false, &writes), (true, &writes), (false, &deletes), (true, &deletes)];
    let both = in_both();
    for (at, (orderly, what)) in all.into_iter().enumerate() {
        let left = both.killed();
        let (kept, bounds) = alone(&left, "/a", orderly, what);
        let left = left.killed();
        for _ in 0..2 {
            let life = Life::begin(&left);
            let now = life.log.bounds();
            assert_eq!(
                (life.held.as_slice(), now.start(), now.end()),
                (&[0][..], bounds.start(), bounds.end()),
                "{at}"
            );
            assert_eq!(read_all(&life.log, 1), kept, "{at}");
            life.close();
        }
    }
}

/// Which of the two is right nobody knows: nothing of either is deleted.
#[test]
fn log_17_what_was_written_to_both_copies_is_kept_aside() {
    for (to_a, to_b) in [(3, 6), (6, 3)] {
        let left = in_both();
        let in_a = alone(&left, "/a", true, |log| fill(log, 50..50 + to_a)).1.end();
        let left = left.killed();
        let in_b = alone(&left, "/b", true, |log| fill(log, 60..60 + to_b)).1.end();
        let left = left.killed();
        let life = Life::begin(&left);
        assert_eq!((life.held.as_slice(), life.log.bounds().end()), (&[usize::from(in_b > in_a)][..], in_a.max(in_b)));
        life.directories.iter().for_each(|directory| directory.remove_left(std::time::Duration::MAX));
        let names = PATHS.iter().flat_map(|path| left.list(Path::new(path)).unwrap()).map(|entry| entry.name);
        assert_eq!(names.filter(|name| name.ends_with("-stray")).count(), 1);
        life.close();
    }
}

/// A disk that cannot be read says nothing of what it has.
#[test]
fn ops_2_one_copy_that_cannot_be_read_stops_no_start_and_is_kept_aside() {
    let left = in_both();
    left.inject(Fault::once(OperationKind::Read, "/a/t-0/0000").for_ever());
    let life = Life::begin(&left);
    assert_eq!(life.held, [1]);
    let names = left.list(Path::new("/a")).unwrap().into_iter().map(|entry| entry.name);
    assert_eq!(names.filter(|name| name.ends_with("-stray")).count(), 1);
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
