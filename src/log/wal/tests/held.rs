//! What is held back is committed together, and nobody waits for it in vain.
use super::*;
use std::thread;

/// Long enough for a thread that was woken to have committed.
const LONG: Duration = Duration::from_millis(30);

fn pass(time: Duration) {
    Condvar::new().wait_for(&mut Mutex::new(()).lock(), time);
}

/// The committing thread does, once it has nothing to do.
fn falls_asleep(wal: &Wal) {
    let asleep = (0..10_000).any(|_| {
        let asleep = wal.is_asleep();
        if !asleep {
            pass(Duration::from_millis(1));
        }
        asleep
    });
    assert!(asleep);
}

fn opened() -> (Arc<Wal>, Arc<Seen>, Arc<dyn Committed>) {
    let (wal, _) = open(&new_disk()).unwrap();
    let (seen, log) = Seen::new();
    append(&wal, &log, 0, b"first").unwrap();
    assert!(seen.reaches(1));
    falls_asleep(&wal);
    (wal, seen, log)
}

#[test]
fn what_is_appended_while_commits_are_held_is_one_commit() {
    let (wal, seen, log) = opened();
    let before = wal.commits().count;
    let held = HeldCommits::begin();
    let within = HeldCommits::begin();
    (1..11).for_each(|at| _ = append(&wal, &log, at, b"small").unwrap());
    drop(within);
    pass(LONG);
    assert_eq!(wal.commits().count, before);
    drop(held);
    assert!(seen.reaches(11));
    assert_eq!(wal.commits().count, before + 1);
    append(&wal, &log, 11, b"at once again").unwrap();
    assert!(seen.reaches(12));
}

#[test]
fn another_threads_append_takes_what_is_held_along() {
    let (wal, seen, log) = opened();
    let _held = HeldCommits::begin();
    append(&wal, &log, 1, b"held").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| append(&wal, &log, 2, b"not held").unwrap());
    });
    assert!(seen.reaches(3));
}

#[test]
fn much_is_not_held_back() {
    let (wal, seen, log) = opened();
    let _held = HeldCommits::begin();
    append(&wal, &log, 1, &[7; 65 << 10]).unwrap();
    assert!(seen.reaches(2), "many bytes");
    falls_asleep(&wal);
    // The thread may wake by itself and take some: then it is as many again that wake it.
    let (before, mut at) = (wal.commits().count, 2);
    while wal.commits().count == before {
        append(&wal, &log, at, b"small").unwrap();
        at += 1;
        if at > 66 {
            pass(Duration::from_millis(1));
        }
        assert!(at < 1_000, "many entries");
    }
}

#[test]
fn who_waits_while_he_holds_does_not_wait_for_himself() {
    let (wal, seen, log) = opened();
    let _held = HeldCommits::begin();
    append(&wal, &log, 1, b"held").unwrap();
    HeldCommits::let_go();
    assert!(seen.reaches(2));
    // For room: a file takes some of these only.
    (2..40).for_each(|at| _ = append(&wal, &log, at, &[7; 8 << 10]).unwrap());
    assert!(seen.reaches(30));
}
