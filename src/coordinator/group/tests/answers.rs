//! Answers follow the commit of what they tell.
use super::rig::{Rig, answer};
use crate::coordinator::group::{
    Reply, Request,
    consumer::{self, Heartbeat, Partitions},
};
use std::collections::BTreeSet;

fn joining(id: &str) -> Request {
    let heartbeat = Heartbeat {
        member_id: id.into(),
        chooses_id: true,
        rebalance_timeout_ms: Some(30_000),
        topics: Some(BTreeSet::from(["t".to_owned()])),
        owned: Some(Partitions::new()),
        ..Heartbeat::default()
    };
    Request::Consumer(consumer::Request::Heartbeat("g".into(), heartbeat.into(), consumer::Matched::default()))
}

#[test]
fn cg_9_a_member_is_told_of_its_epoch_once_its_records_are_committed() {
    let mut rig = Rig::with_topics(&[("t", 4)]);
    rig.hold();
    let mut joins = rig.ask(joining("a"));
    // What the second is told rests on what the first was told, though it writes nothing itself.
    let mut again = rig.ask(joining("a"));
    let described = Request::Consumer(consumer::Request::Describe("g".into()));
    let mut described = rig.ask(described);
    for asking in [&mut joins, &mut again, &mut described] {
        assert!(answer(asking).is_none());
    }
    rig.commit_all();
    for asking in [&mut joins, &mut again] {
        let told = answer(asking);
        let Some(Reply::Consumer(consumer::Reply::Heartbeat(Ok(told)))) = told else { panic!("{told:?}") };
        assert_eq!(told.member_epoch, 2);
    }
    assert!(answer(&mut described).is_some());
}
