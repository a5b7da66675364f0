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
    match states.duplicate(header) {
        Some(earlier) => Ok(Verdict::Duplicate(earlier)),
        None => states
            .check(header, AppendOrigin::Client)
            .and_then(|()| states.check_outside(header))
            .map(|()| Verdict::Append),
    }
}

#[test]
fn idem_1_five_batches_are_remembered() {
    let mut states = ProducerStates::default();
    for at in 0..7 {
        states.update(&batch(1, 0, at * 2, 2, i64::from(at) * 2), None);
    }
    let kept: Vec<i64> = states.get(id(1)).unwrap().batches().map(|batch| batch.base_offset().get()).collect();
    assert_eq!(kept, [4, 6, 8, 10, 12]);
}

#[test]
fn idem_2_a_repeated_batch_is_answered_with_its_first_place() {
    let mut states = ProducerStates::default();
    for at in 0..5 {
        states.update(&batch(1, 0, at * 3, 3, 100 + i64::from(at) * 3), None);
    }
    let Ok(Verdict::Duplicate(first)) = check(&states, &batch(1, 0, 3, 3, 0)) else { panic!("no duplicate") };
    assert_eq!((first.base_offset(), first.last_offset), (Offset::new(103), Offset::new(105)));
    // Not the very same batch.
    assert!(matches!(check(&states, &batch(1, 0, 3, 2, 0)), Err(ProducerError::OutOfOrder { .. })));
}

#[test]
fn idem_3_sequences_follow_and_wrap() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 0, i32::MAX - 1, 3, 0), None);
    assert_eq!(states.get(id(1)).unwrap().last_sequence(), Some(0));
    assert_eq!(check(&states, &batch(1, 0, 1, 1, 0)), Ok(Verdict::Append));
    assert_eq!(
        check(&states, &batch(1, 0, 2, 1, 0)),
        Err(ProducerError::OutOfOrder { id: id(1), given: 2, expected: 1 })
    );
    let Ok(Verdict::Duplicate(_)) = check(&states, &batch(1, 0, i32::MAX - 1, 3, 0)) else { panic!("no duplicate") };
    // Older than the window: also out of order.
    for at in 0..5 {
        states.update(&batch(1, 0, 1 + at, 1, 3 + i64::from(at)), None);
    }
    assert!(matches!(check(&states, &batch(1, 0, i32::MAX - 1, 3, 0)), Err(ProducerError::OutOfOrder { .. })));
}

#[test]
fn idem_4_old_epochs_are_refused_and_new_ones_begin_at_zero() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 3, 0, 1, 0), None);
    assert_eq!(
        check(&states, &batch(1, 2, 1, 1, 0)),
        Err(ProducerError::InvalidEpoch { id: id(1), given: 2, current: 3 })
    );
    assert_eq!(
        check(&states, &batch(1, 4, 5, 1, 0)),
        Err(ProducerError::OutOfOrder { id: id(1), given: 5, expected: 0 })
    );
    assert_eq!(check(&states, &batch(1, 4, 0, 1, 0)), Ok(Verdict::Append));
    states.update(&batch(1, 4, 0, 1, 1), None);
    assert_eq!(states.get(id(1)).unwrap().batches().count(), 1);
}

#[test]
fn idem_5_an_unknown_producer_may_begin_anywhere() {
    assert_eq!(check(&ProducerStates::default(), &batch(1, 7, 1234, 1, 0)), Ok(Verdict::Append));
}

#[test]
fn idem_6_a_stale_epoch_is_told_before_a_wrong_sequence() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 3, 0, 1, 0), None);
    assert!(matches!(check(&states, &batch(1, 2, 99, 1, 0)), Err(ProducerError::InvalidEpoch { .. })));
}

#[test]
fn idem_7_a_plain_batch_inside_a_transaction_is_refused() {
    let mut states = ProducerStates::default();
    let mut begun = batch(1, 0, 0, 1, 10);
    begun.attributes |= BatchHeader::TRANSACTIONAL;
    states.update(&begun, None);
    assert_eq!(states.first_undecided(), Some(Offset::new(10)));
    assert_eq!(
        check(&states, &batch(1, 0, 1, 1, 11)),
        Err(ProducerError::InvalidTransactionState { id: id(1), since: Offset::new(10) })
    );
    let mut marker = batch(1, 0, -1, 1, 11);
    marker.attributes |= BatchHeader::TRANSACTIONAL | BatchHeader::CONTROL;
    let ended = EndTransactionMarker { result: TransactionResult::Commit, coordinator_epoch: 0 };
    assert!(states.update(&marker, Some(ended)).is_some());
    assert_eq!(states.first_undecided(), None);
    assert_eq!(check(&states, &batch(1, 0, 1, 1, 12)), Ok(Verdict::Append));
}

#[test]
fn idem_8_copied_batches_are_taken_as_they_are() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 3, 0, 1, 0), None);
    assert_eq!(states.check(&batch(1, 2, 50, 1, 1), AppendOrigin::Replication), Ok(()));
    states.update(&batch(1, 3, 50, 1, 1), None);
    assert_eq!(states.get(id(1)).unwrap().last_sequence(), Some(50));
}

#[test]
fn idem_9_idle_producers_expire_but_not_inside_a_transaction() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 0, 0, 1, 0), None);
    let mut begun = batch(2, 0, 0, 1, 1);
    begun.attributes |= BatchHeader::TRANSACTIONAL;
    states.update(&begun, None);
    assert_eq!(states.expire(1_999, 1_000, 10), 0);
    assert_eq!(states.expire(2_000, 1_000, 10), 1);
    assert!(states.get(id(1)).is_none() && states.get(id(2)).is_some());
}

#[test]
fn idem_9_batches_without_a_sequence_are_signs_of_life() {
    let mut states = ProducerStates::default();
    let mut offsets = batch(1, 0, -1, 1, 0);
    offsets.attributes |= BatchHeader::TRANSACTIONAL;
    offsets.max_timestamp = 5_000;
    states.update(&offsets, None);
    let known = ProducerView::of(id(1), states.get(id(1)).unwrap());
    assert_eq!(
        (known.last_timestamp_ms, known.last_sequence, known.transaction_start),
        (5_000, None, Some(Offset::ZERO))
    );
    states.update(&batch(2, 0, -1, 1, 1), None);
    assert_eq!(states.expire(1_999, 1_000, 10), 0, "of the second, which has nothing open");
    assert_eq!(states.expire(2_000, 1_000, 10), 1);
}

#[test]
fn idem_12_the_idlest_producers_make_room() {
    let mut states = ProducerStates::default();
    for producer in 0..20 {
        let mut header = batch(producer, 0, 0, 1, producer);
        header.max_timestamp = 1_000 - producer;
        states.update(&header, None);
    }
    assert_eq!(states.expire(1_000, 1_000_000, 5), 15);
    assert!(states.get(id(0)).is_some() && states.get(id(19)).is_none());
}

fn end(states: &mut ProducerStates, epoch: i16, coordinator_epoch: i32, offset: i64) -> Option<Completed> {
    let marker = EndTransactionMarker { result: TransactionResult::Abort, coordinator_epoch };
    let mut header = *marker.batch(id(1), ProducerEpoch::from_wire(epoch).unwrap(), 2_000).header();
    header.base_offset = offset;
    states.update(&header, Some(marker))
}

fn may_end(
    states: &ProducerStates,
    epoch: i16,
    coordinator_epoch: i32,
    version: TransactionVersion,
) -> Result<(), ProducerError> {
    let marker = EndTransactionMarker { result: TransactionResult::Commit, coordinator_epoch };
    let header = *marker.batch(id(1), ProducerEpoch::from_wire(epoch).unwrap(), 2_000).header();
    states.check_marker(&header, &marker, version)
}

fn open(states: &mut ProducerStates, epoch: i16, sequence: i32, base: i64) {
    let mut begun = batch(1, epoch, sequence, 1, base);
    begun.attributes |= BatchHeader::TRANSACTIONAL;
    states.update(&begun, None);
}

#[test]
fn txn_10_without_tv2_a_marker_needs_the_epoch_of_its_records_or_a_later_one() {
    let mut states = ProducerStates::default();
    open(&mut states, 3, 0, 0);
    for version in [TransactionVersion::V0, TransactionVersion::V1] {
        let stale = ProducerError::InvalidEpoch { id: id(1), given: 2, current: 3 };
        assert_eq!(may_end(&states, 2, 0, version), Err(stale));
        assert_eq!(may_end(&states, 3, 0, version), Ok(()));
        assert_eq!(may_end(&states, 4, 0, version), Ok(()));
    }
}

#[test]
fn txn_10_under_tv2_a_marker_has_a_later_epoch_or_repeats_one_that_stands() {
    let mut states = ProducerStates::default();
    open(&mut states, 3, 0, 0);
    let late = |given| Err(ProducerError::InvalidEpoch { id: id(1), given, current: 3 });
    assert_eq!(may_end(&states, 2, 0, TransactionVersion::V2), late(2));
    assert_eq!(may_end(&states, 3, 0, TransactionVersion::V2), late(3));
    assert_eq!(may_end(&states, 4, 0, TransactionVersion::V2), Ok(()));
    end(&mut states, 4, 0, 1);
    // KAFKA-19999: its answer was lost, it comes again.
    assert_eq!(may_end(&states, 4, 0, TransactionVersion::V2), Ok(()));
    // KIP-1228: it comes again while the next transaction is open.
    open(&mut states, 4, 0, 2);
    assert!(may_end(&states, 4, 0, TransactionVersion::V2).is_err());
    // KAFKA-20090: no epoch comes after the last one.
    let mut states = ProducerStates::default();
    open(&mut states, i16::MAX, 0, 0);
    assert_eq!(may_end(&states, i16::MAX, 0, TransactionVersion::V2), Ok(()));
}

#[test]
fn txn_10_a_marker_of_an_older_coordinator_is_fenced() {
    let mut states = ProducerStates::default();
    open(&mut states, 0, 0, 0);
    end(&mut states, 0, 5, 1);
    let fenced = ProducerError::CoordinatorFenced { id: id(1), given: 4, current: 5 };
    assert_eq!(may_end(&states, 0, 4, TransactionVersion::V1), Err(fenced));
    assert_eq!(may_end(&states, 0, 5, TransactionVersion::V1), Ok(()));
}

#[test]
fn txn_9_a_marker_of_a_new_epoch_fences_the_old_one_at_once() {
    let mut states = ProducerStates::default();
    open(&mut states, 0, 0, 0);
    end(&mut states, 1, 0, 1);
    let fenced = Err(ProducerError::InvalidEpoch { id: id(1), given: 0, current: 1 });
    assert_eq!(check(&states, &batch(1, 0, 1, 1, 2)), fenced);
    assert_eq!(check(&states, &batch(1, 1, 0, 1, 2)), Ok(Verdict::Append));
}

#[test]
fn txn_27_a_marker_where_nothing_is_open_tells_the_epochs_only() {
    let mut states = ProducerStates::default();
    assert_eq!(end(&mut states, 2, 9, 0), None);
    let known = states.get(id(1)).unwrap();
    assert_eq!((known.epoch, known.coordinator_epoch, known.transaction_start), (2, 9, None));
}

#[test]
fn off_3_an_aborted_transaction_remembers_where_the_next_open_one_begins() {
    let mut states = ProducerStates::default();
    open(&mut states, 0, 0, 10);
    let alone = end(&mut states, 0, 0, 11).unwrap().aborted().unwrap();
    assert_eq!((alone.first, alone.last, alone.stable), (Offset::new(10), Offset::new(11), Offset::new(12)));
    let mut other = batch(2, 0, 0, 1, 12);
    other.attributes |= BatchHeader::TRANSACTIONAL;
    states.update(&other, None);
    open(&mut states, 0, 1, 13);
    assert_eq!(end(&mut states, 0, 0, 14).unwrap().aborted().unwrap().stable, Offset::new(12));
}

#[test]
fn cmp_6_a_control_batch_that_compaction_emptied_says_nothing() {
    let mut states = ProducerStates::default();
    open(&mut states, 0, 0, 10);
    let mut emptied = batch(1, 5, -1, 1, 11);
    emptied.attributes |= BatchHeader::TRANSACTIONAL | BatchHeader::CONTROL;
    let before = states.clone();
    assert_eq!(states.update(&emptied, None), None);
    assert_eq!(states, before);
}
