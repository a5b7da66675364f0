//! The view on a real disk: rows and positions, orderly ends, deaths, damage.
#![expect(clippy::disallowed_methods, reason = "tests look into directories and damage files")]
use super::*;
use crate::platform::{Chance, RealDisk, SeededChance};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn view(path: &Path) -> Arc<View> {
    View::new(Arc::new(RealDisk), path.join("ottla-state"))
}

fn journal(number: i32) -> JournalId {
    (TopicId(uuid::Uuid::from_u128(5)), number)
}

fn changes(rows: &[(&str, Option<(i64, &str)>)]) -> BTreeMap<Vec<u8>, Change> {
    let change = |change: &(i64, &str)| (Offset::new(change.0), change.1.as_bytes().to_vec());
    rows.iter().map(|(key, row)| (key.as_bytes().to_vec(), row.as_ref().map(change))).collect()
}

fn rows_of(view: &View, of: JournalId) -> Result<Rows, ViewError> {
    let mut rows = Rows::default();
    view.rows(of, &mut rows)?;
    Ok(rows)
}

fn keys(view: &View, of: JournalId) -> Vec<(i64, String)> {
    let rows = rows_of(view, of).unwrap();
    rows.iter().map(|row| (row.offset.get(), String::from_utf8(row.key.to_vec()).unwrap())).collect()
}

#[test]
fn the_newest_of_each_key_is_kept_by_journal_in_the_order_of_offsets() {
    let path = tempfile::tempdir().unwrap();
    let view = view(path.path());
    view.apply(journal(1), changes(&[("a", Some((7, "x"))), ("b", Some((3, "y")))]), Offset::new(8)).unwrap();
    view.apply(journal(2), changes(&[("a", Some((1, "z")))]), Offset::new(2)).unwrap();
    view.apply(journal(1), changes(&[("b", None), ("c", Some((9, "")))]), Offset::new(10)).unwrap();
    assert_eq!(keys(&view, journal(1)), [(7, "a".into()), (9, "c".into())]);
    assert_eq!(view.position(journal(1)).unwrap(), Offset::new(10));
    assert_eq!(view.position(journal(3)).unwrap(), Offset::ZERO);
    assert_eq!(view.journals().unwrap(), [journal(1), journal(2)]);
    view.forget(journal(1)).unwrap();
    assert_eq!(keys(&view, journal(1)), []);
    assert_eq!(keys(&view, journal(2)), [(1, "a".into())]);
    view.close().unwrap();
    assert!(matches!(rows_of(&view, journal(2)), Err(ViewError::Off)));
}

#[test]
fn rows_are_counted() {
    let path = tempfile::tempdir().unwrap();
    let view = view(path.path());
    let count = || view.row_count(journal(1)).unwrap();
    assert_eq!(count(), 0);
    view.apply(journal(1), changes(&[("a", Some((1, ""))), ("b", Some((2, ""))), ("c", None)]), Offset::new(4))
        .unwrap();
    assert_eq!(count(), 2);
    view.apply(journal(1), changes(&[("a", None), ("b", Some((5, ""))), ("d", Some((6, "")))]), Offset::new(7))
        .unwrap();
    assert_eq!(count(), 2);
    view.forget(journal(1)).unwrap();
    assert_eq!(count(), 0);
    view.apply(journal(1), changes(&[("e", Some((7, "")))]), Offset::new(8)).unwrap();
    assert_eq!(count(), 1);
    view.close().unwrap();
}

/// Against a map of each journal; neighbours in the tree do not mix.
#[test]
fn by_seed_the_rows_are_those_of_the_changes_through_blocks_that_fall_apart_and_go() {
    for seed in 0..20 {
        let path = tempfile::tempdir().unwrap();
        let view = view(path.path());
        let chance = SeededChance::new(seed);
        let draw = |below: u64| chance.u64() % below;
        let mut expected: [BTreeMap<Vec<u8>, (Offset, Vec<u8>)>; 3] = Default::default();
        for round in 0..30 {
            let number = draw(3);
            let known = &mut expected[number as usize];
            let mut changes = BTreeMap::new();
            // Some rounds take nearly all away.
            let (count, kept) = if draw(6) == 0 { (900, 20) } else { (draw(400), 4) };
            for _ in 0..count {
                let key = format!("group-{:03}", draw(600)).into_bytes();
                let row = (kept < 20 && draw(kept) > 0)
                    .then(|| (Offset::new(draw(1 << 30) as i64), vec![7; draw(90) as usize]));
                match &row {
                    Some(row) => _ = known.insert(key.clone(), row.clone()),
                    None => _ = known.remove(&key),
                }
                changes.insert(key, row);
            }
            view.apply(journal(number as i32), changes, Offset::new(round)).unwrap();
        }
        for (number, expected) in (0..).zip(expected) {
            assert_eq!(view.row_count(journal(number)).unwrap(), expected.len() as u64, "seed {seed}");
            let rows = rows_of(&view, journal(number)).unwrap();
            assert!(rows.iter().is_sorted_by_key(|row| row.offset), "seed {seed}");
            let rows: BTreeMap<_, _> =
                rows.iter().map(|row| (row.key.to_vec(), (row.offset, row.value.to_vec()))).collect();
            assert_eq!(rows, expected, "seed {seed}");
        }
        view.close().unwrap();
    }
}

#[test]
fn many_changes_are_written_in_several_batches() {
    let path = tempfile::tempdir().unwrap();
    let view = view(path.path());
    let many: BTreeMap<_, _> =
        (0..5_000i64).map(|n| (n.to_be_bytes().to_vec(), Some((Offset::new(n), vec![0; 20])))).collect();
    view.apply(journal(1), many, Offset::new(5_000)).unwrap();
    assert_eq!(rows_of(&view, journal(1)).unwrap().len(), 5_000);
    view.close().unwrap();
}

/// One life that ends as `end` says; what the next one finds.
fn next_life(path: &Path, end: impl FnOnce(&View)) -> usize {
    let next = view(path);
    let found = rows_of(&next, journal(1)).unwrap().len();
    next.apply(journal(1), changes(&[("a", Some((1, "x")))]), Offset::new(2)).unwrap();
    end(&next);
    found
}

#[test]
fn it_is_used_again_after_an_orderly_end_and_once_after_a_death() {
    let path = tempfile::tempdir().unwrap();
    let close = |view: &View| view.close().unwrap();
    let die = |view: &View| view.settle().unwrap();
    assert_eq!(next_life(path.path(), close), 0);
    assert_eq!(next_life(path.path(), die), 1);
    assert_eq!(next_life(path.path(), die), 1, "after the first death");
    assert_eq!(next_life(path.path(), close), 0, "not after two in a row");
    assert_eq!(next_life(path.path(), |_| {}), 1);
    assert_eq!(next_life(path.path(), |view| view.give_up()), 0, "died while it was opened");
    assert_eq!(next_life(path.path(), close), 0, "given up");
}

#[test]
fn what_an_earlier_life_made_is_opened_ahead_and_nothing_is_made() {
    let path = tempfile::tempdir().unwrap();
    let first = view(path.path());
    assert!(first.open_ahead().is_none() && !path.path().join("ottla-state").exists());
    first.apply(journal(1), changes(&[("a", Some((1, "x")))]), Offset::new(2)).unwrap();
    first.close().unwrap();
    drop(first);
    let second = view(path.path());
    second.open_ahead().unwrap().join().unwrap();
    assert!(matches!(&*second.state.lock(), State::Open(open) if open.marker.stage == Stage::Opening));
    assert_eq!(keys(&second, journal(1)), [(1, "a".into())]);
    second.close().unwrap();
    drop(second);
    let third = view(path.path());
    third.close().unwrap();
    assert!(matches!(&*third.state.lock(), State::Off));
    third.open_ahead().unwrap().join().unwrap();
    assert!(matches!(&*third.state.lock(), State::Off), "it was closed before");
}

/// sled's threads outlive its last handle by a moment, and a child between its fork and its exec has all files of its parent.
#[test]
fn who_has_its_files_still_is_waited_for() {
    let path = tempfile::tempdir().unwrap();
    assert_eq!(next_life(path.path(), |view| view.close().unwrap()), 0);
    let file = path.path().join("ottla-state").join("sled").join("db");
    let locks = (0..500).find_map(|_| {
        let lock = RealDisk.lock(&file);
        if lock.is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        lock.ok()
    });
    let lock = locks.expect("the last life lets it go");
    let next = view(path.path());
    let opening = next.open_ahead().unwrap();
    thread::sleep(Duration::from_millis(100));
    assert!(!opening.is_finished());
    drop(lock);
    opening.join().unwrap();
    assert_eq!(keys(&next, journal(1)), [(1, "a".into())]);
    next.close().unwrap();
}

#[test]
fn damaged_files_cost_a_start_at_most() {
    for seed in 0..12u64 {
        let path = tempfile::tempdir().unwrap();
        let folder = path.path().join("ottla-state");
        let first = view(path.path());
        let rows: BTreeMap<_, _> =
            (0..500i64).map(|n| (n.to_be_bytes().to_vec(), Some((Offset::new(n), vec![7; 50])))).collect();
        first.apply(journal(1), rows, Offset::new(500)).unwrap();
        first.close().unwrap();
        drop(first);
        let name = if seed.is_multiple_of(4) { "conf" } else { "db" };
        let file = folder.join("sled").join(name);
        let mut bytes = std::fs::read(&file).unwrap();
        match seed % 3 {
            0 => bytes.truncate(bytes.len() / 3),
            1 => bytes.clear(),
            _ => {
                let at = (seed as usize * 7_919) % bytes.len();
                bytes.iter_mut().skip(at).take(64).for_each(|byte| *byte ^= 0x55);
            }
        }
        std::fs::write(&file, bytes).unwrap();
        // sled answers an error, panics, or reads what is left; never something else.
        let read = || -> Result<usize, ViewError> {
            let view = view(path.path());
            let rows = rows_of(&view, journal(1))?;
            assert!(rows.iter().all(|row| row.value == [7; 50] && row.offset < Offset::new(500)));
            Ok(rows.len())
        };
        let _ = catch_unwind(AssertUnwindSafe(read));
        let after = view(path.path());
        assert!(rows_of(&after, journal(1)).unwrap().is_empty(), "seed {seed}: the damaged one is not used again");
        after.apply(journal(1), changes(&[("a", Some((1, "x")))]), Offset::new(2)).unwrap();
        after.close().unwrap();
    }
}
