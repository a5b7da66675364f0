//! Random requests, refusals and deaths: what was answered is there in the next life, and the journal says the same.
use super::rig::*;
use crate::{
    coordinator::CoordinatorError,
    machine::NotWritten,
    platform::{Chance, SeededChance},
};
use std::collections::BTreeMap;

/// One life: the rows that were answered as written, in the order of their decisions.
pub async fn live(rig: &Rig, chance: &SeededChance, rows: &mut BTreeMap<String, String>) {
    let draw = |below: u64| chance.u64() % below;
    let mut writes = Vec::new();
    let mut waits = Vec::new();
    for _ in 0..60 {
        // A key and a group of its own: rows do not move between partitions.
        let key = format!("k{}", draw(12));
        match draw(10) {
            0 => waits.push(rig.tally.submit(&key, Ask::Wait(format!("none-{key}"), draw(50)))),
            1 => rig.advance(draw(30)),
            2 => {
                let large = rig.tally.submit(&key, put(&key, &"x".repeat(25_000))).await;
                assert!(matches!(large, Err(CoordinatorError::NotWritten(NotWritten::TooLarge { .. }))));
            }
            kind => {
                let value = (kind > 4).then(|| draw(1_000).to_string());
                let asked = Ask::Put(vec![(key.clone(), value.clone())]);
                writes.push((rig.tally.submit(&key, asked), key, value));
            }
        }
    }
    for (write, key, value) in writes {
        assert_eq!(write.await, Ok(Told::Done));
        match value {
            Some(value) => drop(rows.insert(key, value)),
            None => drop(rows.remove(&key)),
        }
    }
    if draw(2) == 0 {
        rig.tally.follow_all(&rig.tally.table.load_full());
    }
    rig.tally.leave_all(&NotWritten::Stopping);
    for wait in waits {
        let answer = wait.await;
        let ended = [NotWritten::Stopping, NotWritten::Voided].map(|why| Err(CoordinatorError::NotWritten(why)));
        assert!(answer == Ok(Told::TimedOut) || ended.contains(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn grp_16_grp_17_by_seed_what_was_answered_is_there_after_every_death() {
    for seed in 0..12 {
        let path = tempfile::tempdir().unwrap();
        let chance = SeededChance::new(seed);
        let mut expected = BTreeMap::new();
        for life in 0..4 {
            let rig = Rig::start(path.path(), COUNT);
            rig.load_all();
            let mut loaded = rig.rows();
            loaded.retain(|key, _| !key.starts_with("due-"));
            assert_eq!(loaded, expected, "seed {seed}, life {life}");
            live(&rig, &chance, &mut expected).await;
            rig.end(chance.u64().is_multiple_of(2));
        }
    }
}
