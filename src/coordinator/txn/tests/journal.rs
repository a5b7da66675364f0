//! What a transition is before, at and after its record: decided, committed, told; and when it cannot be written.
use super::*;
use ErrorCode::ConcurrentTransactions;
use TransactionVersion::{V0, V2};
use futures_util::FutureExt;

fn init() -> Request {
    Request::Init { id: id(), timeout_ms: 60_000, expected: None }
}

/// What is written is committed.
fn commit(shard: &Shard) {
    let journal = shard.runtime.journal();
    journal.committed.raise(journal.end);
}

#[test]
fn init_7_an_epoch_is_told_once_its_record_is_committed() {
    let mut shard = Shard::new();
    let mut first = Box::pin(shard.begin(init(), Some(7)).reply());
    assert!((&mut first).now_or_never().is_none(), "decided, not committed");
    commit(&shard);
    assert_eq!(first.now_or_never(), Some(Ok(Reply::Producer(Producer { id: 7, epoch: 0 }))));
    // Also who changes nothing waits for what it was told of.
    let mut second = Box::pin(shard.begin(init(), None).reply());
    let mut seen = Box::pin(shard.begin(Request::Describe(id()), None).reply());
    assert!((&mut second).now_or_never().is_none() && (&mut seen).now_or_never().is_none());
    commit(&shard);
    assert!(second.now_or_never().is_some() && seen.now_or_never().is_some());
}

#[test]
fn txn_1_what_cannot_be_written_has_changed_nothing() {
    for why in [NotWritten::Storage("full".into()), NotWritten::TooFewReplicas, NotWritten::NotLeader] {
        let mut shard = Shard::new();
        let producer = shard.producer();
        shard.add(producer, 0, V2);
        let before = shard.runtime.hard().clone();
        let partitions = parts(&[1]);
        for request in [
            Request::End { id: id(), producer, result: Commit, version: V2 },
            Request::AddPartitions { id: id(), producer, partitions, version: V2 },
            init(),
        ] {
            shard.runtime.journal_mut().refuses = Some(why.clone());
            let refused = shard.begin(request, None).reply().now_or_never();
            assert_eq!(refused, Some(Err(why.clone())));
            assert_eq!(shard.runtime.hard(), &before);
        }
        // No attempt left anything pending: the same again goes through.
        shard.runtime.journal_mut().refuses = None;
        assert_eq!(shard.end(producer, Commit, V2), Reply::Producer(Producer { epoch: 1, ..producer }));
        shard.check_replay();
    }
}

#[test]
fn init_3_while_an_end_is_on_its_way_a_producer_waits() {
    for (result, version) in [(Commit, V0), (Abort, V0), (Commit, V2), (Abort, V2)] {
        let mut shard = Shard::new();
        shard.settings.version = version;
        let producer = shard.producer();
        shard.add(producer, 0, version);
        shard.end(producer, result, version);
        let before = shard.runtime.hard().clone();
        for expected in [None, Some(producer)] {
            assert_eq!(shard.init(expected), refused(ConcurrentTransactions));
        }
        assert_eq!(shard.runtime.hard(), &before, "to ask changes nothing");
        shard.mark_all();
        assert!(matches!(shard.init(None), Reply::Producer(next) if next.epoch > producer.epoch));
    }
}

#[test]
fn txn_26_another_coordinator_knows_every_id_as_the_one_before_did() {
    let mut shard = Shard::new();
    let producer = shard.producer();
    shard.add(producer, 0, V2);
    shard.reload();
    assert_eq!(shard.add(producer, 1, V2), Reply::Done, "no INVALID_PRODUCER_ID_MAPPING");
    let next = Producer { epoch: 1, ..producer };
    assert_eq!(shard.end(producer, Commit, V2), Reply::Producer(next));
    shard.reload();
    assert_eq!(shard.add(next, 0, V2), refused(ConcurrentTransactions), "the markers are still to come");
    shard.mark_all();
    shard.reload();
    assert_eq!(shard.end(producer, Commit, V2), Reply::Producer(next), "its answer was lost with the coordinator");
    assert_eq!(shard.add(next, 0, V2), Reply::Done);
}
