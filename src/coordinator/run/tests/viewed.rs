//! Starts with the view: what it saves, and that nothing it lost, kept too long or never knew makes a difference.
use super::{by_seed::live, rig::*};
use crate::{
    coordinator::run::{load, partition_of},
    platform::{Chance, SeededChance},
    store::{Change, Rows, View},
    types::Offset,
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

fn without_timers(mut rows: BTreeMap<String, String>) -> BTreeMap<String, String> {
    rows.retain(|key, _| !key.starts_with("due-"));
    rows
}

#[tokio::test]
async fn after_an_orderly_end_the_journal_is_not_read_and_after_a_death_its_tail_is() {
    let path = tempfile::tempdir().unwrap();
    let rig = Rig::start_viewed(path.path(), COUNT);
    rig.load_all();
    for round in 0..300 {
        rig.tally.submit("a", put(&format!("k{}", round % 3), &round.to_string())).await.unwrap();
    }
    let rows = rig.rows();
    rig.end(true);
    let index = partition_of("a", COUNT);
    let volume = |rig: &Rig| {
        let partition = rig.partition(index);
        load::load(&Tally, partition.log().unwrap(), rig.view.as_deref(), &mut Rows::default(), &|| true).unwrap().1
    };
    let rig = Rig::start_viewed(path.path(), COUNT);
    let read = volume(&rig);
    assert_eq!((read.rows, read.records, read.bytes), (3, 0, 0));
    rig.load_all();
    assert_eq!(rig.rows(), rows);
    for round in 0..5 {
        rig.tally.submit("a", put("late", &round.to_string())).await.unwrap();
    }
    rig.end(false);
    let rig = Rig::start_viewed(path.path(), COUNT);
    let read = volume(&rig);
    assert_eq!((read.rows, read.records), (3, 5));
    rig.load_all();
    assert_eq!(rig.rows()["late"], "4");
    rig.end(true);
}

#[tokio::test]
async fn a_view_of_a_deleted_topic_or_of_another_journal_is_forgotten() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_viewed(path.path(), COUNT);
    rig.load_all();
    rig.tally.submit("a", put("a", "1")).await.unwrap();
    rig.tally.follow_all(&rig.tally.table.load_full());
    let marker = || std::fs::read_to_string(path.path().join("ottla-state/state.properties")).unwrap();
    assert!(marker().contains("stage=open\n"), "nothing is left to be read from it");
    let view = rig.view.clone().unwrap();
    assert_eq!(view.journals().unwrap().len(), 1);
    rig.remove();
    rig.tally.follow_all(&rig.tally.table.load_full());
    assert!(view.journals().unwrap().is_empty());
    rig.create(COUNT, 0);
    rig.tally.submit("a", put("b", "2")).await.unwrap();
    // More than the journal has, as after a machine lost what was written last.
    let of = rig.partition(partition_of("a", COUNT)).id().key();
    let change: Change = Some((Offset::new(7), b"wrong".to_vec()));
    view.apply(of, [(b"a".to_vec(), change)].into(), Offset::new(8)).unwrap();
    drop(view);
    rig.end(false);
    let rig = Rig::start_viewed(path.path(), COUNT);
    rig.load_all();
    assert_eq!(rig.rows(), [("b".to_string(), "2".to_string())].into());
    rig.end(true);
}

#[tokio::test]
async fn a_view_that_no_load_looked_at_and_knows_more_than_the_journal_had_is_made_anew() {
    let path = tempfile::tempdir().unwrap();
    let rig = Rig::start_viewed(path.path(), COUNT);
    rig.load_all();
    let view = rig.view.clone().unwrap();
    let of = rig.partition(partition_of("a", COUNT)).id().key();
    let change: Change = Some((Offset::new(1), b"wrong".to_vec()));
    view.apply(of, [(b"z".to_vec(), change)].into(), Offset::new(2)).unwrap();
    for round in 0..5 {
        rig.tally.submit("a", put(&format!("k{round}"), "v")).await.unwrap();
    }
    rig.tally.follow_all(&rig.tally.table.load_full());
    let keys = |view: &View| {
        let mut rows = Rows::default();
        view.rows(of, &mut rows).unwrap();
        rows.iter().map(|row| row.key.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&view), (0..5).map(|round| format!("k{round}").into_bytes()).collect::<Vec<_>>());
    assert_eq!(view.position(of).unwrap(), Offset::new(5));
    // What was followed in this life is believed.
    rig.tally.submit("a", put("k0", "w")).await.unwrap();
    rig.tally.follow_all(&rig.tally.table.load_full());
    assert_eq!(view.row_count(of).unwrap(), 5);
    drop(view);
    rig.end(true);
}

/// Something happens to the files of the view between two lives.
fn harm(path: &Path, chance: &SeededChance) {
    let sled = path.join("ottla-state/sled");
    match chance.u64() % 5 {
        0 => drop(std::fs::remove_dir_all(path.join("ottla-state"))),
        1 => drop(std::fs::remove_file(path.join("ottla-state/state.properties"))),
        2 => {
            if let Ok(mut bytes) = std::fs::read(sled.join("db"))
                && !bytes.is_empty()
            {
                let at = chance.u64() as usize % bytes.len();
                bytes.iter_mut().skip(at).take(100).for_each(|byte| *byte ^= 0xA5);
                std::fs::write(sled.join("db"), bytes).unwrap();
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn grp_17_by_seed_a_harmed_view_changes_nothing() {
    for seed in 0..10 {
        let path = tempfile::tempdir().unwrap();
        let chance = SeededChance::new(seed);
        let mut expected = BTreeMap::new();
        for life in 0..5 {
            harm(path.path(), &chance);
            let rig = Rig::start_viewed(path.path(), COUNT);
            // A start that the view kills is followed by one that does not trust it.
            let rig = match catch_unwind(AssertUnwindSafe(|| rig.load_all())) {
                Ok(()) => rig,
                Err(_) => {
                    drop(rig);
                    let rig = Rig::start_viewed(path.path(), COUNT);
                    rig.load_all();
                    rig
                }
            };
            assert_eq!(without_timers(rig.rows()), expected, "seed {seed}, life {life}");
            live(&rig, &chance, &mut expected).await;
            rig.end(!chance.u64().is_multiple_of(3));
        }
    }
}
