//! What a request is answered, at once and later, and when the journal does not take it.
use super::rig::*;
use crate::coordinator::{CoordinatorError, run::partition_of};
use crate::machine::NotWritten;
use futures_util::FutureExt;

#[tokio::test]
async fn grp_19_without_the_partition_there_is_no_coordinator_and_then_there_is() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), 0);
    rig.load_all();
    assert_eq!(rig.tally.submit("a", put("a", "1")).await, Err(CoordinatorError::NotCoordinator));
    rig.create(COUNT, 0);
    assert_eq!(rig.tally.submit("a", put("a", "1")).await, Ok(Told::Done), "a new topic needs no loading");
    assert_eq!(rig.tally.submit("a", Ask::Wait("a".into(), 1)).await, Ok(Told::Value("1".into())));
    rig.remove();
    assert_eq!(rig.tally.submit("a", put("a", "2")).await, Err(CoordinatorError::NotCoordinator));
    rig.end(true);
}

#[tokio::test]
async fn net_4_a_request_is_decided_before_submit_returns() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), 0);
    rig.load_all();
    rig.create(COUNT, 0);
    let first = rig.tally.submit("a", put("a", "1"));
    let second = rig.tally.submit("a", put("a", "2"));
    assert_eq!(rig.rows()["a"], "2");
    drop(first);
    assert_eq!(second.await, Ok(Told::Done));
    rig.end(true);
}

#[tokio::test]
async fn partitions_that_were_never_written_cost_nothing() {
    let path = tempfile::tempdir().unwrap();
    Rig::start(path.path(), 50).end(true);
    let rig = Rig::start(path.path(), 50);
    rig.load_all();
    assert!(rig.tally.submit_all(|| Ask::Loaded).await.is_empty());
    let opened = || (0..50).filter(|index| rig.partition(*index).opened().is_some()).count();
    assert_eq!(opened(), 0);
    rig.tally.submit("a", put("a", "1")).await.unwrap();
    assert_eq!(opened(), 1);
    assert_eq!(rig.tally.submit_all(|| Ask::Loaded).await, [Ok(Told::Done)]);
    rig.end(true);
}

#[tokio::test]
async fn figures_tell_of_partitions_entries_and_who_waits() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), 0);
    rig.load_all();
    rig.create(COUNT, 0);
    rig.tally.submit("a", put("a", "1")).await.unwrap();
    let parked = rig.tally.submit("a", Ask::Wait("b".into(), 1_000));
    let figures = rig.tally.figures();
    assert_eq!((figures.serving, figures.unwritten, figures.loading, figures.failed), (1, 4, 0, 0));
    assert_eq!((figures.entries, figures.waiting, figures.loads), (1, 1, 0));
    rig.create(COUNT, 1);
    assert_eq!(rig.tally.figures().loading, COUNT as usize);
    rig.load_all();
    assert_eq!((rig.tally.figures().entries, rig.tally.figures().waiting, rig.tally.figures().loads), (1, 0, 1));
    drop(parked);
    rig.end(true);
}

#[tokio::test]
async fn grp_18_records_over_the_message_limit_fail_alone_and_everyone_begins_anew() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), 0);
    rig.load_all();
    rig.create(1, 0);
    let parked = rig.tally.submit("a", Ask::Wait("a".into(), 1_000));
    let large = rig.tally.submit("b", put("b", &"x".repeat(30_000))).await;
    assert!(matches!(large, Err(CoordinatorError::NotWritten(NotWritten::TooLarge { bytes_max: 20_000, .. }))));
    assert_eq!(parked.await, Err(CoordinatorError::NotWritten(NotWritten::Voided)));
    assert!(rig.rows().is_empty());
    // The machine was told that it begins anew: its timer of every life is set again.
    assert_eq!(rig.tally.table.load().shards[&0].due_ms(), 1_000_000);
    assert_eq!(rig.tally.submit("b", put("b", "small")).await, Ok(Told::Done));
    rig.end(true);
}

#[tokio::test]
async fn timers_of_all_partitions_are_handled_when_due() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), 0);
    rig.load_all();
    rig.create(COUNT, 0);
    let keys = ["a", "b", "c", "d", "e", "f"];
    let mut waits: Vec<_> = keys.iter().map(|key| rig.tally.submit(key, Ask::Wait(key.to_string(), 500))).collect();
    rig.advance(499);
    assert!(rig.rows().is_empty());
    rig.advance(1);
    for wait in waits.drain(..) {
        assert_eq!(wait.await, Ok(Told::TimedOut));
    }
    assert_eq!(rig.rows().len(), keys.len(), "each timer once");
    rig.advance(10_000);
    assert_eq!(rig.rows().len(), keys.len());
    rig.end(true);
}

#[tokio::test]
async fn a_lost_leadership_frees_who_is_parked_and_a_new_term_is_a_new_load() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), 0);
    rig.load_all();
    rig.create(COUNT, 0);
    rig.tally.submit("b", put("b", "1")).await.unwrap();
    let parked = rig.tally.submit("a", Ask::Wait("a".into(), 1_000));
    let mut still = Box::pin(rig.tally.submit("b", Ask::Wait("x".into(), 1_000)));
    rig.create(COUNT, 1);
    assert_eq!(parked.await, Err(CoordinatorError::NotWritten(NotWritten::NotLeader)));
    assert!((&mut still).now_or_never().is_some());
    assert_eq!(rig.tally.submit("b", put("b", "2")).await, Err(CoordinatorError::Loading));
    rig.load_all();
    assert_eq!(rig.tally.submit("b", Ask::Wait("b".into(), 1)).await, Ok(Told::Value("1".into())));
    rig.end(true);
}

#[tokio::test]
async fn the_task_loads_fires_timers_in_real_time_and_frees_everyone_at_the_end() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), COUNT);
    rig.create(COUNT, 3);
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let task = tokio::spawn(rig.tally.clone().run(stopping));
    let served = async {
        while rig.tally.submit("a", put("a", "1")).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), served).await.unwrap();
    // The rig's clock stands still: what is due in no time at all is due at once.
    assert_eq!(rig.tally.submit("b", Ask::Wait("b".into(), 0)).await, Ok(Told::TimedOut));
    let parked = rig.tally.submit("c", Ask::Wait("c".into(), 60_000));
    stop.send(true).unwrap();
    task.await.unwrap();
    assert_eq!(parked.await, Err(CoordinatorError::NotWritten(NotWritten::Stopping)));
    assert_eq!(rig.tally.submit("a", put("a", "1")).await, Err(CoordinatorError::NotCoordinator));
    assert!(partition_of("a", COUNT) < COUNT);
    rig.end(true);
}

#[tokio::test]
async fn grp_22_partitions_are_told_of_deleted_topics_until_nothing_is_left_of_them() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), 0);
    rig.load_all();
    rig.create(COUNT, 0);
    let keep = rig.tally.submit("a", put("kept", "1")).await;
    assert_eq!(keep, Ok(Told::Done));
    for index in 0..40 {
        let key = format!("gone-{index}");
        rig.tally.submit(&key, put(&key, "1")).await.unwrap();
    }
    rig.delete_other("gone");
    // The first part at once, the rest by the task.
    assert!(rig.rows().len() <= 31, "{}", rig.rows().len());
    assert!(rig.tally.forget_topics().await);
    assert_eq!(rig.rows().into_keys().collect::<Vec<_>>(), ["kept"]);
    rig.tally.submit("a", put("gone-back", "1")).await.unwrap();
    assert!(rig.tally.forget_topics().await);
    assert_eq!(rig.rows().len(), 2, "what is told once is not told again");
    rig.end(true);
}

#[tokio::test]
async fn grp_22_a_partition_that_is_loaded_later_is_told_then() {
    let path = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(path.path(), 0);
    rig.load_all();
    rig.create(COUNT, 0);
    rig.tally.submit("a", put("gone", "1")).await.unwrap();
    rig.create(COUNT, 1);
    rig.delete_other("gone");
    rig.load_all();
    assert_eq!(rig.rows().len(), 1);
    assert!(rig.tally.forget_topics().await);
    assert!(rig.rows().is_empty());
    rig.end(true);
}
