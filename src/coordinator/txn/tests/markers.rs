//! Markers: when they are due, what their answers mean, what a load finds.
use super::*;
use crate::wire::coordinator::TransactionLogValue;
use TransactionVersion::V2;

fn due(shard: &Shard, soft: &Soft, committed: i64) -> Vec<Vec<i32>> {
    let pending = shard.runtime.hard().pending_markers(soft, Offset::new(committed));
    pending.iter().map(|one| one.partitions.iter().map(|(_, partition)| *partition).collect()).collect()
}

fn prepared() -> (Shard, Producer) {
    let mut shard = Shard::new();
    let producer = shard.producer();
    shard.add(producer, 0, V2);
    shard.add(producer, 1, V2);
    shard.end(producer, Commit, V2);
    (shard, Producer { epoch: 1, ..producer })
}

#[test]
fn txn_4_markers_are_due_once_the_decision_is_committed() {
    let (shard, _) = prepared();
    let end = shard.runtime.journal().end().get();
    assert!(due(&shard, &Soft::default(), end - 1).is_empty());
    assert_eq!(due(&shard, &Soft::default(), end), [[0, 1]]);
}

#[test]
fn txn_13_a_transaction_is_complete_with_its_last_marker_and_not_before() {
    let (mut shard, marker) = prepared();
    let written =
        |partition| Request::Marked { id: id(), producer: marker, partitions: parts(&[partition]), waiting: vec![] };
    shard.ask(written(1));
    shard.ask(written(1));
    assert_eq!(shard.state(), State::Prepare(Commit));
    let other = Request::Marked {
        id: id(),
        producer: Producer { epoch: 0, ..marker },
        partitions: parts(&[0]),
        waiting: vec![],
    };
    shard.ask(other);
    assert_eq!(shard.state(), State::Prepare(Commit), "an answer to another transaction's marker");
    shard.ask(written(0));
    assert_eq!((shard.state(), shard.known().partitions.len()), (State::Complete(Commit), 0));
    // Late repetitions find nothing to do.
    let records = shard.runtime.journal().groups.len();
    shard.ask(written(0));
    assert_eq!(shard.runtime.journal().groups.len(), records);
}

#[test]
fn txn_25_a_transaction_that_is_being_ended_is_described_with_what_is_still_to_be_told() {
    let (mut shard, marker) = prepared();
    let described = |shard: &mut Shard| match shard.ask(Request::Describe(id())) {
        Reply::Listed(mut one) => one.pop().unwrap().1.partitions,
        other => panic!("{other:?}"),
    };
    assert_eq!(described(&mut shard), parts(&[0, 1]));
    shard.ask(Request::Marked { id: id(), producer: marker, partitions: parts(&[0]), waiting: vec![] });
    assert_eq!(described(&mut shard), parts(&[1]));
    // Who coordinates next tells all of them again.
    shard.reload();
    assert_eq!(described(&mut shard), parts(&[0, 1]));
}

#[test]
fn txn_8_who_waits_for_the_end_joins_the_next_transaction_with_it() {
    let (mut shard, marker) = prepared();
    let join = |epoch, partition| Join { producer: Producer { epoch, ..marker }, partitions: parts(&[partition]) };
    let waiting = vec![join(0, 7), join(1, 2), join(1, 3), join(1, 2)];
    let written = |partition| Request::Marked {
        id: id(),
        producer: marker,
        partitions: parts(&[partition]),
        waiting: waiting.clone(),
    };
    shard.ask(written(0));
    assert_eq!(shard.state(), State::Prepare(Commit), "a marker is missing");
    let groups = shard.runtime.journal().groups.len();
    shard.ask(written(1));
    let states: Vec<i8> = shard.runtime.journal().groups[groups..]
        .iter()
        .flat_map(|(_, records)| records.iter().map(|record| record.value.as_ref().unwrap().transaction_status))
        .collect();
    assert_eq!(states, [4, 1, 1], "complete, then open with one partition and with two, and none of the fenced");
    assert_eq!(shard.runtime.journal().groups.len(), groups + 1, "one commit");
    assert_eq!((shard.state(), &shard.known().partitions), (State::Ongoing, &parts(&[2, 3])));
    shard.check_replay();
    assert_eq!(shard.add(marker, 2, V2), Reply::Done);
    assert_eq!(shard.runtime.journal().groups.len(), groups + 1, "who asks again finds it done");
}

#[test]
fn txn_14_after_a_load_every_marker_is_due_again() {
    let (mut shard, marker) = prepared();
    shard.ask(Request::Marked { id: id(), producer: marker, partitions: parts(&[1]), waiting: vec![] });
    shard.reload();
    assert_eq!(due(&shard, &Soft::default(), i64::MAX), [[0, 1]]);
    shard.mark_all();
    assert_eq!(shard.state(), State::Complete(Commit));
}

#[test]
fn txn_11_answers_to_markers() {
    use MarkerVerdict::{Again, GiveUp, Written};
    for (code, expected) in [
        (ErrorCode::None, Written),
        (ErrorCode::UnsupportedForMessageFormat, Written),
        (ErrorCode::NotLeaderOrFollower, Again),
        (ErrorCode::UnknownTopicOrPartition, Again),
        (ErrorCode::UnknownServerError, Again),
        (ErrorCode::CorruptMessage, Again),
        (ErrorCode::InvalidProducerEpoch, GiveUp),
        (ErrorCode::TransactionCoordinatorFenced, GiveUp),
    ] {
        assert_eq!(verdict(code), expected, "{code}");
    }
    let (shard, _) = prepared();
    let soft = Soft { given_up: [id()].into(), ..Soft::default() };
    assert!(due(&shard, &soft, i64::MAX).is_empty());
}

#[test]
fn txn_15_a_record_that_makes_no_sense_stops_the_load() {
    let replay = |value: TransactionLogValue| {
        let record = TransactionRecord { id: "t".into(), value: Some(value) };
        TransactionMachine.replay(&mut Transactions::default(), Offset::ZERO, vec![record])
    };
    let good = TransactionLogValue { producer_id: 1, ..TransactionLogValue::default() };
    assert!(replay(good.clone()).is_ok());
    assert!(replay(TransactionLogValue { transaction_status: 6, ..good.clone() }).is_err());
    assert!(replay(TransactionLogValue { producer_epoch: -1, ..good }).is_err());
}
