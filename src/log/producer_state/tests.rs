//! Tests of the producers' memory: duplicates, order, epochs, expiry.
use super::*;
use crate::record::BatchBuilder;

fn batch(id: i64, epoch: i16, sequence: i32, records: i32, base: i64) -> BatchHeader {
    let mut builder = BatchBuilder::new(1_000).producer(id, epoch, sequence);
    for _ in 0..records {
        builder = builder.record(None, Some(b"v"));
    }
    let mut header = *builder.build().header();
    header.base_offset = base;
    header
}

fn id(id: i64) -> ProducerId {
    ProducerId::from_wire(id).unwrap()
}

fn check(states: &ProducerStates, header: &BatchHeader) -> Result<Verdict, ProducerError> {
    states.check(header, AppendOrigin::Client)
}

#[test]
fn idem_1_five_batches_are_remembered() {
    let mut states = ProducerStates::default();
    for at in 0..7 {
        states.update(&batch(1, 0, at * 2, 2, i64::from(at) * 2));
    }
    let kept: Vec<i64> = states.get(id(1)).unwrap().batches().map(|batch| batch.base_offset().get()).collect();
    assert_eq!(kept, [4, 6, 8, 10, 12]);
}

#[test]
fn idem_2_a_repeated_batch_is_answered_with_its_first_place() {
    let mut states = ProducerStates::default();
    for at in 0..5 {
        states.update(&batch(1, 0, at * 3, 3, 100 + i64::from(at) * 3));
    }
    let Ok(Verdict::Duplicate(first)) = check(&states, &batch(1, 0, 3, 3, 0)) else { panic!("no duplicate") };
    assert_eq!((first.base_offset(), first.last_offset), (Offset::new(103), Offset::new(105)));
    // Not the very same batch.
    assert!(matches!(check(&states, &batch(1, 0, 3, 2, 0)), Err(ProducerError::OutOfOrder { .. })));
}

#[test]
fn idem_3_sequences_follow_and_wrap() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 0, i32::MAX - 1, 3, 0));
    assert_eq!(states.get(id(1)).unwrap().last_sequence(), Some(0));
    assert_eq!(check(&states, &batch(1, 0, 1, 1, 0)), Ok(Verdict::Append));
    assert_eq!(
        check(&states, &batch(1, 0, 2, 1, 0)),
        Err(ProducerError::OutOfOrder { id: id(1), given: 2, expected: 1 })
    );
    let Ok(Verdict::Duplicate(_)) = check(&states, &batch(1, 0, i32::MAX - 1, 3, 0)) else { panic!("no duplicate") };
    // Older than the window: also out of order.
    for at in 0..5 {
        states.update(&batch(1, 0, 1 + at, 1, 3 + i64::from(at)));
    }
    assert!(matches!(check(&states, &batch(1, 0, i32::MAX - 1, 3, 0)), Err(ProducerError::OutOfOrder { .. })));
}

#[test]
fn idem_4_old_epochs_are_refused_and_new_ones_begin_at_zero() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 3, 0, 1, 0));
    assert_eq!(
        check(&states, &batch(1, 2, 1, 1, 0)),
        Err(ProducerError::InvalidEpoch { id: id(1), given: 2, current: 3 })
    );
    assert_eq!(
        check(&states, &batch(1, 4, 5, 1, 0)),
        Err(ProducerError::OutOfOrder { id: id(1), given: 5, expected: 0 })
    );
    assert_eq!(check(&states, &batch(1, 4, 0, 1, 0)), Ok(Verdict::Append));
    states.update(&batch(1, 4, 0, 1, 1));
    assert_eq!(states.get(id(1)).unwrap().batches().count(), 1);
}

#[test]
fn idem_5_an_unknown_producer_may_begin_anywhere() {
    assert_eq!(check(&ProducerStates::default(), &batch(1, 7, 1234, 1, 0)), Ok(Verdict::Append));
}

#[test]
fn idem_6_a_stale_epoch_is_told_before_a_wrong_sequence() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 3, 0, 1, 0));
    assert!(matches!(check(&states, &batch(1, 2, 99, 1, 0)), Err(ProducerError::InvalidEpoch { .. })));
}

#[test]
fn idem_7_a_plain_batch_inside_a_transaction_is_refused() {
    let mut states = ProducerStates::default();
    let mut begun = batch(1, 0, 0, 1, 10);
    begun.attributes |= BatchHeader::TRANSACTIONAL;
    states.update(&begun);
    assert_eq!(states.first_unstable(), Some(Offset::new(10)));
    assert_eq!(
        check(&states, &batch(1, 0, 1, 1, 11)),
        Err(ProducerError::InvalidTransactionState { id: id(1), since: Offset::new(10) })
    );
    let mut marker = batch(1, 0, -1, 1, 11);
    marker.attributes |= BatchHeader::TRANSACTIONAL | BatchHeader::CONTROL;
    states.update(&marker);
    assert_eq!(states.first_unstable(), None);
    assert_eq!(check(&states, &batch(1, 0, 1, 1, 12)), Ok(Verdict::Append));
}

#[test]
fn idem_8_copied_batches_are_taken_as_they_are() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 3, 0, 1, 0));
    assert_eq!(states.check(&batch(1, 2, 50, 1, 1), AppendOrigin::Replication), Ok(Verdict::Append));
    states.update(&batch(1, 3, 50, 1, 1));
    assert_eq!(states.get(id(1)).unwrap().last_sequence(), Some(50));
}

#[test]
fn idem_9_idle_producers_expire_but_not_inside_a_transaction() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 0, 0, 1, 0));
    let mut begun = batch(2, 0, 0, 1, 1);
    begun.attributes |= BatchHeader::TRANSACTIONAL;
    states.update(&begun);
    assert_eq!(states.expire(1_999, 1_000, 10), 0);
    assert_eq!(states.expire(2_000, 1_000, 10), 1);
    assert!(states.get(id(1)).is_none() && states.get(id(2)).is_some());
}

#[test]
fn idem_12_the_idlest_producers_make_room() {
    let mut states = ProducerStates::default();
    for producer in 0..20 {
        let mut header = batch(producer, 0, 0, 1, producer);
        header.max_timestamp = 1_000 - producer;
        states.update(&header);
    }
    assert_eq!(states.expire(1_000, 1_000_000, 5), 15);
    assert!(states.get(id(0)).is_some() && states.get(id(19)).is_none());
}
