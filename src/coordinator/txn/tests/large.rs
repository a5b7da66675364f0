//! Records that are as large as the journal takes, and larger: nobody else suffers from them (TXN-17, TXN-18).
use super::*;
use crate::types::ErrorCode::UnknownServerError;
use TransactionVersion::{V0, V2};

/// Of one batch.
const LIMIT: usize = 20_000;

fn limited(bytes_max: usize) -> Shard {
    let mut shard = Shard::new();
    shard.runtime.journal_mut().bytes_max = bytes_max;
    shard
}

fn init(shard: &mut Shard, id: &str) -> Reply {
    shard.ask(Request::Init { id: id.into(), timeout_ms: 60_000, expected: None })
}

/// With an open transaction in the first partitions of a topic, if that is taken.
fn open(shard: &mut Shard, id: &str, partitions: i32) -> Option<Producer> {
    let Reply::Producer(producer) = init(shard, id) else { return None };
    let partitions = parts(&(0..partitions).collect::<Vec<_>>());
    let added = shard.ask(Request::AddPartitions { id: id.into(), producer, partitions, version: V0 });
    match added {
        Reply::Done => Some(producer),
        refusal => {
            assert_eq!(refusal, refused(UnknownServerError));
            None
        }
    }
}

fn abort_late(shard: &mut Shard, after: Option<&str>) -> Option<Late> {
    match shard.ask(Request::AbortLate { after: after.map(TransactionalId::from) }) {
        Reply::Late(late) => late,
        other => panic!("{other:?}"),
    }
}

#[test]
fn txn_17_what_could_be_opened_can_be_aborted() {
    let (mut opened, mut refused) = (0, 0);
    // The journal of these tests refuses what is too large, and then no answer comes.
    for length in LIMIT - 400..LIMIT {
        let mut shard = limited(LIMIT);
        let id = "a".repeat(length);
        match open(&mut shard, &id, 1) {
            Some(_) => {
                opened += 1;
                shard.now_ms += 60_001;
                assert_eq!(abort_late(&mut shard, None), Some(Late { id: id.as_str().into(), is_aborted: true }));
                shard.mark_all();
                assert_eq!(shard.runtime.hard().get(&id).unwrap().state, State::Complete(Abort));
            }
            None => refused += 1,
        }
    }
    assert!(opened > 100 && refused > 100, "{opened} {refused}");
}

#[test]
fn txn_17_what_could_be_opened_can_be_aborted_however_many_partitions_it_has() {
    let (mut opened, mut refused) = (0, 0);
    for partitions in 4_900..5_000 {
        let mut shard = limited(LIMIT);
        // A producer id is used up: its abort takes another.
        shard.producer();
        for _ in 0..2 {
            shard.init(None);
        }
        match open(&mut shard, "t", partitions) {
            Some(_) => {
                opened += 1;
                shard.now_ms += 60_001;
                assert_eq!(shard.abort_late(), 1);
            }
            None => refused += 1,
        }
    }
    assert!(opened > 10 && refused > 10, "{opened} {refused}");
}

#[test]
fn txn_17_one_that_cannot_be_aborted_keeps_no_other_open_and_voids_nothing() {
    let mut shard = limited(LIMIT);
    let large = "a".repeat(10_000);
    open(&mut shard, &large, 1).unwrap();
    open(&mut shard, "b", 1).unwrap();
    let raised = shard.producer();
    assert!(matches!(shard.init(Some(raised)), Reply::Producer(_)));
    let soft = shard.runtime.soft().clone();
    assert_eq!(soft.last_epochs.len(), 1);
    shard.runtime.journal_mut().bytes_max = 5_000;
    shard.now_ms += 60_001;
    let first = abort_late(&mut shard, None).unwrap();
    assert_eq!(first, Late { id: large.as_str().into(), is_aborted: false });
    assert_eq!(*shard.runtime.soft(), soft);
    assert!(!shard.runtime.take_voided());
    assert_eq!(abort_late(&mut shard, Some(&large)), Some(Late { id: "b".into(), is_aborted: true }));
    assert_eq!(abort_late(&mut shard, Some("b")), None);
    shard.runtime.journal_mut().bytes_max = LIMIT;
    assert!(abort_late(&mut shard, None).unwrap().is_aborted, "once the limit is raised");
}

#[test]
fn txn_2_what_is_too_large_is_refused_and_voids_nothing() {
    let mut shard = limited(LIMIT);
    let raised = shard.producer();
    assert!(matches!(shard.init(Some(raised)), Reply::Producer(_)));
    let soft = shard.runtime.soft().clone();
    assert_eq!(init(&mut shard, &"a".repeat(LIMIT)), refused(UnknownServerError));
    assert_eq!(open(&mut shard, "b", 6_000), None);
    assert_eq!(*shard.runtime.soft(), soft);
    assert_eq!(shard.init(Some(raised)), Reply::Producer(Producer { epoch: 1, ..raised }), "INIT-5");
}

#[test]
fn txn_13_an_end_whose_two_records_do_not_fit_one_batch_is_completed_after_it() {
    let mut shard = limited(LIMIT);
    let id = "a".repeat(12_000);
    let Reply::Producer(producer) = init(&mut shard, &id) else { panic!("no producer") };
    let end = Request::End { id: id.as_str().into(), producer, result: Abort, version: V2 };
    assert_eq!(shard.ask(end), Reply::Producer(Producer { epoch: 1, ..producer }));
    assert_eq!(shard.runtime.hard().get(&id).unwrap().state, State::Prepare(Abort));
    shard.mark_all();
    assert_eq!(shard.runtime.hard().get(&id).unwrap().state, State::Complete(Abort));
    shard.check_replay();
}

#[test]
fn txn_13_who_waits_for_an_end_joins_only_as_far_as_it_fits() {
    let mut shard = limited(LIMIT);
    let id = "a".repeat(12_000);
    let producer = open(&mut shard, &id, 1).unwrap();
    shard.ask(Request::End { id: id.as_str().into(), producer, result: Commit, version: V2 });
    let next = Producer { epoch: 1, ..producer };
    let waiting = vec![Join { producer: next, partitions: parts(&[2]) }];
    let told = Request::Marked { id: id.as_str().into(), producer: next, partitions: parts(&[0]), waiting };
    assert_eq!(shard.ask(told), Reply::Done);
    assert_eq!(shard.runtime.hard().get(&id).unwrap().state, State::Complete(Commit));
}

#[test]
fn txn_18_ids_are_forgotten_in_batches_that_the_journal_takes() {
    let mut shard = limited(LIMIT);
    init(&mut shard, &"0".repeat(15_000));
    for number in 0..100 {
        init(&mut shard, &format!("{number:y>400}"));
    }
    shard.now_ms += shard.settings.id_expiration_ms;
    // One that was written when more was allowed keeps no other.
    shard.runtime.journal_mut().bytes_max = 10_000;
    let (mut forgotten, mut batches) = (0, 0);
    while let Reply::Forgotten(some @ 1..) = shard.ask(Request::Expire) {
        (forgotten, batches) = (forgotten + some, batches + 1);
    }
    assert_eq!((forgotten, shard.runtime.hard().len()), (100, 1));
    assert!(batches >= 5, "{batches}");
    shard.runtime.journal_mut().bytes_max = LIMIT;
    assert_eq!(shard.ask(Request::Expire), Reply::Forgotten(1));
    shard.check_replay();
}
