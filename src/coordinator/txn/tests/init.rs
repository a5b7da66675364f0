//! InitProducerId: epochs, fencing, retries, and what is refused.
use super::*;
use ErrorCode::{ConcurrentTransactions, InvalidProducerIdMapping, ProducerFenced, TransactionAbortable};
use TransactionVersion::{V0, V2};

#[test]
fn init_2_timeouts_are_bounded() {
    let mut shard = Shard::new();
    for timeout_ms in [0, -1, 900_001] {
        let request = Request::Init { id: id(), timeout_ms, expected: None };
        assert_eq!(shard.ask(request), refused(ErrorCode::InvalidTransactionTimeout));
    }
    let request = Request::Init { id: "".into(), timeout_ms: 1, expected: None };
    assert_eq!(shard.ask(request), refused(ErrorCode::InvalidRequest));
}

#[test]
fn init_5_each_call_raises_the_epoch_and_a_repetition_does_not() {
    let mut shard = Shard::new();
    let first = shard.producer();
    assert_eq!(first, Producer { id: 100, epoch: 0 });
    assert_eq!(shard.producer(), Producer { id: 100, epoch: 1 });
    let second = Producer { epoch: 1, ..first };
    let third = Reply::Producer(Producer { epoch: 2, ..first });
    assert_eq!(shard.init(Some(second)), third);
    assert_eq!(shard.init(Some(second)), third, "its answer was lost");
    assert_eq!(shard.init(Some(first)), refused(ProducerFenced));
    assert_eq!(shard.init(Some(Producer { id: 7, epoch: 2 })), refused(ProducerFenced));
    // Someone else came: the repetition is fenced.
    shard.producer();
    assert_eq!(shard.init(Some(second)), refused(ProducerFenced));
    shard.check_replay();
}

#[test]
fn init_4_an_open_transaction_is_aborted_first_and_the_epoch_raised_once() {
    for (version, marker_epoch, epoch) in [(V2, 1, 2), (V0, 1, 2)] {
        let mut shard = Shard::new();
        shard.settings.version = version;
        let producer = shard.producer();
        shard.add(producer, 0, version);
        assert_eq!(shard.init(None), refused(ConcurrentTransactions));
        assert_eq!((shard.state(), shard.known().epoch), (State::Prepare(Abort), marker_epoch));
        assert_eq!(shard.init(None), refused(ConcurrentTransactions));
        // TXN-29: nothing of the old epoch is taken from here on.
        assert_eq!(shard.end(producer, Commit, V0), refused(ProducerFenced));
        shard.mark_all();
        assert_eq!(shard.init(None), Reply::Producer(Producer { epoch, ..producer }));
        assert_eq!(shard.add(producer, 0, version), refused(ProducerFenced));
    }
}

#[test]
fn txn_5_partitions_are_added_once_by_who_may() {
    let mut shard = Shard::new();
    let producer = shard.producer();
    assert_eq!(shard.add(producer, 0, V2), Reply::Done);
    assert_eq!(shard.known().version, V2);
    let written = shard.runtime.journal().groups.len();
    assert_eq!(shard.add(producer, 0, V2), Reply::Done);
    assert_eq!(shard.runtime.journal().groups.len(), written, "nothing new is not written");
    shard.now_ms += 5;
    assert_eq!(shard.add(producer, 1, V2), Reply::Done);
    assert_eq!((shard.known().partitions.clone(), shard.known().started_ms), (parts(&[0, 1]), NOW_MS));
    assert_eq!(shard.add(Producer { id: 7, ..producer }, 2, V2), refused(InvalidProducerIdMapping));
    assert_eq!(shard.add(Producer { epoch: 9, ..producer }, 2, V2), refused(ProducerFenced));
    shard.check_replay();
}

#[test]
fn txn_6_partitions_are_verified_one_by_one() {
    let mut shard = Shard::new();
    let producer = shard.producer();
    shard.add(producer, 0, V0);
    let verify = |producer| Request::Verify { id: id(), producer, partitions: parts(&[0, 1]) };
    let Reply::Verified(verdicts) = shard.ask(verify(producer)) else { panic!("refused") };
    assert_eq!(verdicts.into_values().collect::<Vec<_>>(), [ErrorCode::None, TransactionAbortable]);
    assert_eq!(shard.ask(verify(Producer { epoch: 1, ..producer })), refused(ProducerFenced));
    shard.end(producer, Commit, V0);
    assert_eq!(shard.ask(verify(producer)), refused(ConcurrentTransactions));
}

#[test]
fn txn_17_a_transaction_that_is_open_for_too_long_is_aborted() {
    for version in [V0, V2] {
        let mut shard = Shard::new();
        shard.settings.version = version;
        let producer = shard.producer();
        shard.add(producer, 0, version);
        shard.now_ms += 60_000;
        assert_eq!(shard.abort_late(), 0);
        shard.now_ms += 1;
        assert_eq!(shard.abort_late(), 1);
        assert_eq!((shard.state(), shard.known().epoch), (State::Prepare(Abort), 1));
        assert_eq!(shard.abort_late(), 0);
    }
}

#[test]
fn txn_17_the_timeout_is_the_last_that_the_producer_asked_for_and_the_longest_is_none() {
    let mut shard = Shard::new();
    shard.settings.timeout_ms_max = i32::MAX;
    for (timeout_ms, aborted) in [(900_000, 1), (5, 1), (i32::MAX, 0)] {
        let Reply::Producer(producer) = shard.ask(Request::Init { id: id(), timeout_ms, expected: None }) else {
            panic!("no producer")
        };
        shard.add(producer, 0, V2);
        shard.now_ms += i64::from(timeout_ms);
        assert_eq!(shard.abort_late(), 0, "{timeout_ms}");
        shard.now_ms += 1;
        assert_eq!(shard.abort_late(), aborted, "{timeout_ms}");
        shard.mark_all();
    }
}

#[test]
fn init_5_who_was_fenced_by_time_and_who_was_before_get_no_epoch() {
    let mut shard = Shard::new();
    shard.settings.version = V0;
    let first = shard.producer();
    let Reply::Producer(second) = shard.init(Some(first)) else { panic!("no producer") };
    shard.add(second, 0, V0);
    shard.now_ms += 60_001;
    assert_eq!(shard.abort_late(), 1);
    shard.mark_all();
    for zombie in [first, second] {
        assert_eq!(shard.init(Some(zombie)), refused(ProducerFenced));
    }
}

#[test]
fn txn_18_an_id_that_nobody_uses_is_forgotten_but_not_inside_a_transaction() {
    let mut shard = Shard::new();
    let producer = shard.producer();
    shard.ask(Request::Init { id: "open".into(), timeout_ms: 1_000, expected: None });
    let open = Producer { id: 101, epoch: 0 };
    shard.ask(Request::AddPartitions { id: "open".into(), producer: open, partitions: parts(&[0]), version: V2 });
    shard.now_ms += shard.settings.id_expiration_ms - 1;
    assert_eq!(shard.ask(Request::Expire), Reply::Forgotten(0));
    shard.now_ms += 1;
    assert_eq!(shard.ask(Request::Expire), Reply::Forgotten(1));
    assert!(shard.runtime.hard().get("t").is_none() && shard.runtime.hard().get("open").is_some());
    assert_eq!(shard.add(producer, 0, V2), refused(InvalidProducerIdMapping));
    shard.check_replay();
}

#[test]
fn txn_18_however_many_ids_are_forgotten_no_batch_is_too_large_for_the_journal() {
    let mut shard = Shard::new();
    let (count, length) = (200, 30_000);
    for number in 0..count {
        let id = format!("{number:0>length$}");
        shard.ask(Request::Init { id: id.as_str().into(), timeout_ms: 1_000, expected: None });
    }
    shard.ask(Request::Init { id: "x".repeat(32_767).as_str().into(), timeout_ms: 1_000, expected: None });
    shard.now_ms += shard.settings.id_expiration_ms;
    let before = shard.runtime.journal().groups.len();
    let mut forgotten = 0;
    while let Reply::Forgotten(some @ 1..) = shard.ask(Request::Expire) {
        forgotten += some;
    }
    assert_eq!((forgotten, shard.runtime.hard().iter().count()), (count + 1, 0));
    let keys = |records: &[TransactionRecord]| records.iter().map(|record| record.id.len()).sum::<usize>();
    let mut batches = shard.runtime.journal().groups[before..].iter().map(|(_, records)| records);
    assert!(batches.all(|records| keys(records) <= 64 << 10 || records.len() == 1));
    shard.check_replay();
}

#[test]
fn txn_25_ids_are_listed_by_producer_state_and_duration() {
    let mut shard = Shard::new();
    let producer = shard.producer();
    shard.add(producer, 0, V2);
    let listed = |filter: &Filter| shard.runtime.hard().list(filter, NOW_MS + 50).count();
    assert_eq!(listed(&Filter::default()), 1);
    assert_eq!(listed(&Filter { producer_ids: [7].into(), ..Filter::default() }), 0);
    assert_eq!(listed(&Filter { states: ["Ongoing".into()].into(), ..Filter::default() }), 1);
    assert_eq!(listed(&Filter { states: ["Empty".into()].into(), ..Filter::default() }), 0);
    assert_eq!(listed(&Filter { running_ms_min: Some(50), ..Filter::default() }), 0);
    assert_eq!(listed(&Filter { running_ms_min: Some(49), ..Filter::default() }), 1);
}

#[test]
fn init_6_where_epochs_are_used_up_a_zombie_gets_nothing_and_a_repetition_the_same() {
    let mut shard = Shard::new();
    let first = shard.producer();
    for _ in 0..i16::MAX - 2 {
        shard.init(None);
    }
    let at = |epoch| Producer { epoch, ..first };
    let (last, next) = (at(i16::MAX - 1), Producer { id: first.id + 1, epoch: 0 });
    for _ in 0..2 {
        assert_eq!(shard.init(Some(at(i16::MAX - 2))), Reply::Producer(last));
    }
    assert_eq!(shard.init(Some(at(i16::MAX - 3))), refused(ProducerFenced));
    for _ in 0..2 {
        assert_eq!(shard.init(Some(last)), Reply::Producer(next));
    }
    assert_eq!(shard.init(Some(at(i16::MAX - 2))), refused(ProducerFenced));
    shard.check_replay();
}
