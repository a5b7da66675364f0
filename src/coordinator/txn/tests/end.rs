//! EndTxn: every cell of the table of results.
use super::*;
use ErrorCode::{ConcurrentTransactions, InvalidProducerIdMapping, InvalidTxnState, ProducerFenced};
use TransactionVersion::{V1, V2};

/// A shard whose id stands in this state after a transaction under TV2, and the producer of the present epoch.
fn standing(state: State) -> (Shard, Producer) {
    let mut shard = Shard::new();
    let first = shard.producer();
    let producer = match state {
        State::Empty => {
            // The epoch before this one exists, so that "once more" is told from "unknown".
            let Reply::Producer(next) = shard.init(Some(first)) else { panic!("no epoch") };
            next
        }
        State::Ongoing => {
            shard.add(first, 0, V2);
            shard.end(first, Commit, V2);
            shard.mark_all();
            let next = Producer { epoch: first.epoch + 1, ..first };
            shard.add(next, 0, V2);
            next
        }
        State::Prepare(result) | State::Complete(result) => {
            shard.add(first, 0, V2);
            shard.end(first, result, V2);
            if let State::Complete(_) = state {
                shard.mark_all();
            }
            Producer { epoch: first.epoch + 1, ..first }
        }
    };
    assert_eq!((shard.state(), shard.known().epoch), (state, producer.epoch));
    (shard, producer)
}

fn outcome(state: State, again: bool, result: TransactionResult, version: TransactionVersion) -> (Reply, Shard) {
    let (mut shard, producer) = standing(state);
    let asked = if again { Producer { epoch: producer.epoch - 1, ..producer } } else { producer };
    let reply = shard.end(asked, result, version);
    shard.check_replay();
    (reply, shard)
}

#[test]
fn txn_4_under_tv2_every_cell_of_the_table() {
    // The same request once more, then one of the present epoch: abort, commit.
    let table = [
        (State::Empty, [Err(ProducerFenced), Ok(2), Err(ProducerFenced), Err(InvalidTxnState)]),
        (State::Ongoing, [Err(ProducerFenced), Ok(2), Err(ProducerFenced), Ok(2)]),
        // Asked while the markers are on their way: later, whatever it is.
        (State::Prepare(Commit), [Err(ConcurrentTransactions); 4]),
        (State::Prepare(Abort), [Err(ConcurrentTransactions); 4]),
        (State::Complete(Commit), [Err(InvalidTxnState), Ok(2), Ok(1), Err(InvalidTxnState)]),
        (State::Complete(Abort), [Ok(1), Ok(2), Err(InvalidTxnState), Err(InvalidTxnState)]),
    ];
    for (state, cells) in table {
        let columns = [(true, Abort), (false, Abort), (true, Commit), (false, Commit)];
        for ((again, result), expected) in columns.into_iter().zip(cells) {
            let (reply, _) = outcome(state, again, result, V2);
            let expected = match expected {
                Ok(epoch) => Reply::Producer(Producer { id: 100, epoch }),
                Err(code) => refused(code),
            };
            assert_eq!(reply, expected, "{state:?} again {again} {result:?}");
        }
    }
}

#[test]
fn txn_4_without_tv2_every_cell_of_the_table() {
    let table = [
        (State::Empty, [Err(InvalidTxnState), Err(InvalidTxnState)]),
        (State::Ongoing, [Ok(()), Ok(())]),
        (State::Prepare(Commit), [Err(ConcurrentTransactions); 2]),
        (State::Prepare(Abort), [Err(ConcurrentTransactions); 2]),
        (State::Complete(Commit), [Err(InvalidTxnState), Ok(())]),
        (State::Complete(Abort), [Ok(()), Err(InvalidTxnState)]),
    ];
    for (state, cells) in table {
        for (result, expected) in [Abort, Commit].into_iter().zip(cells) {
            let (reply, _) = outcome(state, false, result, V1);
            let expected = match expected {
                Ok(()) => Reply::Producer(Producer { id: 100, epoch: 1 }),
                Err(code) => refused(code),
            };
            assert_eq!(reply, expected, "{state:?} {result:?}");
            assert_eq!(outcome(state, true, result, V1).0, refused(ProducerFenced), "{state:?}: an epoch before");
        }
    }
}

#[test]
fn txn_4_the_answer_comes_with_the_decision_and_nothing_begins_before_its_markers() {
    let mut shard = Shard::new();
    let producer = shard.producer();
    shard.add(producer, 0, V2);
    let Reply::Producer(next) = shard.end(producer, Commit, V2) else { panic!("refused") };
    assert_eq!(shard.state(), State::Prepare(Commit));
    assert_eq!(shard.add(next, 1, V2), refused(ConcurrentTransactions));
    // KAFKA-18660: an abort of nothing, sent by who has the new epoch already, fences nobody.
    assert_eq!(shard.end(next, Abort, V2), refused(ConcurrentTransactions));
    shard.mark_all();
    assert_eq!(shard.add(next, 1, V2), Reply::Done);
}

#[test]
fn an_abort_of_nothing_is_complete_at_once_and_raises_the_epoch() {
    let (reply, shard) = outcome(State::Empty, false, Abort, V2);
    assert_eq!(reply, Reply::Producer(Producer { id: 100, epoch: 2 }));
    assert_eq!((shard.state(), shard.known().started_ms), (State::Complete(Abort), NOW_MS));
}

#[test]
fn foreign_producers_end_nothing() {
    for version in [V1, V2] {
        let (mut shard, producer) = standing(State::Ongoing);
        let foreign = Producer { id: 7, ..producer };
        assert_eq!(shard.end(foreign, Commit, version), refused(InvalidProducerIdMapping));
        let request = Request::End { id: "other".into(), producer, result: Commit, version };
        assert_eq!(shard.ask(request), refused(InvalidProducerIdMapping));
        let request = Request::End { id: "".into(), producer, result: Commit, version };
        assert_eq!(shard.ask(request), refused(ErrorCode::InvalidRequest));
        let zombie = Producer { epoch: producer.epoch + 1, ..producer };
        assert_eq!(shard.end(zombie, Commit, version), refused(ProducerFenced));
    }
}

#[test]
fn init_6_the_last_epoch_is_followed_by_a_new_producer_id() {
    let mut shard = Shard::new();
    let producer = shard.producer();
    for _ in 0..i16::MAX - 1 {
        let known = shard.known().epoch;
        assert!(matches!(shard.end(Producer { epoch: known, ..producer }, Abort, V2), Reply::Producer(_)));
    }
    let last = Producer { epoch: i16::MAX - 1, ..producer };
    assert_eq!(shard.add(last, 0, V2), Reply::Done);
    let next = Producer { id: 101, epoch: 0 };
    assert_eq!(shard.end(last, Commit, V2), Reply::Producer(next));
    // The marker has the one epoch that no client ever sees.
    let due = shard.runtime.hard().pending_markers(&Soft::default(), Offset::new(i64::MAX));
    assert_eq!(due[0].producer, Producer { id: 100, epoch: i16::MAX });
    assert_eq!(shard.add(next, 1, V2), refused(ConcurrentTransactions));
    shard.mark_all();
    assert_eq!(shard.end(last, Commit, V2), Reply::Producer(next), "its answer was lost");
    assert_eq!(shard.add(next, 1, V2), Reply::Done);
    shard.check_replay();
}

#[test]
fn txn_8_below_level_1_nothing_is_written_for_clients_of_version_2() {
    for (level, expected) in [(TransactionVersion::V0, Some(ErrorCode::UnsupportedVersion)), (V1, None), (V2, None)] {
        let told = |reply| if let Reply::Refused(code) = reply { Some(code) } else { None };
        let mut shard = Shard::new();
        shard.settings.version = level;
        let producer = shard.producer();
        assert_eq!(told(shard.add(producer, 0, V2)), expected, "{level:?}");
        let older = TransactionVersion::V0;
        assert_eq!((told(shard.add(producer, 0, older)), shard.state()), (None, State::Ongoing));
        // What is in the transaction already needs no record.
        assert_eq!(told(shard.add(producer, 0, V2)), None);
        assert_eq!(told(shard.end(producer, Commit, V2)), expected, "{level:?}");
        if expected.is_some() {
            assert_eq!(told(shard.end(producer, Commit, older)), None);
        }
        assert_eq!(shard.state(), State::Prepare(Commit));
        shard.check_replay();
    }
}
