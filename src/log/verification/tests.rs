//! Tests of verification: guards, epochs, sequences, and what a marker leaves of them.
use super::*;
use crate::record::{BatchBuilder, EndTransactionMarker, TransactionResult};

fn batch(epoch: i16, sequence: i32) -> BatchHeader {
    let builder = BatchBuilder::new(1_000).attributes(BatchHeader::TRANSACTIONAL).producer(7, epoch, sequence);
    *builder.record(None, Some(b"v")).build().header()
}

fn marker(epoch: i16) -> (BatchHeader, EndTransactionMarker) {
    let marker = EndTransactionMarker { result: TransactionResult::Abort, coordinator_epoch: 0 };
    (*marker.batch(id(), ProducerEpoch::from_wire(epoch).unwrap(), 1_000).header(), marker)
}

fn id() -> ProducerId {
    ProducerId::from_wire(7).unwrap()
}

fn question(epoch: i16, sequence: i32, version: TransactionVersion) -> Question {
    Question { producer: id(), epoch: ProducerEpoch::from_wire(epoch).unwrap(), sequence, version }
}

#[test]
fn txn_7_a_first_batch_needs_the_guard_of_its_own_question() {
    let (mut states, mut verifications) = (ProducerStates::default(), Verifications::default());
    let not_verified = Err(ProducerError::NotVerified { id: id() });
    assert_eq!(verifications.check(&states, &batch(0, 0), None), not_verified);
    let guard = verifications.start(&states, question(0, 0, TransactionVersion::V1), 0).unwrap();
    assert!(guard.is_some());
    assert_eq!(verifications.check(&states, &batch(0, 0), None), not_verified);
    assert_eq!(verifications.check(&states, &batch(0, 0), guard), Ok(()));
    // Asked again before the answer came: the same question.
    assert_eq!(verifications.start(&states, question(0, 0, TransactionVersion::V1), 0).unwrap(), guard);
    states.update(&batch(0, 0), None);
    verifications.appended(&batch(0, 0));
    // From then on the open transaction speaks for itself, in its own epoch only.
    assert_eq!(verifications.start(&states, question(0, 1, TransactionVersion::V1), 0), Ok(None));
    assert_eq!(verifications.check(&states, &batch(0, 1), None), Ok(()));
    assert_eq!(verifications.check(&states, &batch(1, 0), None), not_verified);
}

#[test]
fn txn_7_a_marker_makes_the_answer_to_an_older_question_worthless() {
    let (mut states, mut verifications) = (ProducerStates::default(), Verifications::default());
    let guard = verifications.start(&states, question(0, 0, TransactionVersion::V1), 0).unwrap();
    let (header, ended) = marker(0);
    states.update(&header, Some(ended));
    verifications.appended(&header);
    assert_eq!(verifications.check(&states, &batch(0, 0), guard), Err(ProducerError::NotVerified { id: id() }));
    // Nor does the next question have the guard of the last.
    let next = verifications.start(&states, question(0, 0, TransactionVersion::V1), 0).unwrap();
    assert_ne!(next, guard);
    assert!(verifications.check(&states, &batch(0, 0), guard).is_err());
}

#[test]
fn txn_7_under_tv2_the_marker_leaves_the_question_of_the_next_epoch_alone() {
    let (mut states, mut verifications) = (ProducerStates::default(), Verifications::default());
    states.update(&batch(0, 0), None);
    let guard = verifications.start(&states, question(1, 0, TransactionVersion::V2), 0).unwrap();
    let (header, ended) = marker(1);
    states.update(&header, Some(ended));
    verifications.appended(&header);
    assert_eq!(verifications.check(&states, &batch(1, 0), guard), Ok(()));
}

#[test]
fn idem_5_while_a_producer_is_verified_no_higher_sequence_overtakes_the_lowest() {
    let (states, mut verifications) = (ProducerStates::default(), Verifications::default());
    let mut ask = |epoch, sequence| {
        verifications.start(&states, question(epoch, sequence, TransactionVersion::V1), 0).unwrap();
        verifications.check_sequence(&states, &batch(epoch, sequence)).map_err(|_| ())
    };
    assert_eq!(ask(0, 5), Ok(()));
    assert_eq!(ask(0, 9), Err(()));
    assert_eq!(ask(0, 3), Ok(()));
    assert_eq!(ask(0, 5), Err(()));
    // A new epoch counts from its own beginning.
    assert_eq!(ask(1, 6), Ok(()));
}

#[test]
fn idem_5_under_tv2_an_unknown_producer_begins_at_zero() {
    let (mut states, mut verifications) = (ProducerStates::default(), Verifications::default());
    verifications.start(&states, question(0, 4, TransactionVersion::V2), 0).unwrap();
    let refused = Err(ProducerError::OutOfOrder { id: id(), given: 4, expected: 0 });
    assert_eq!(verifications.check_sequence(&states, &batch(0, 4)), refused);
    states.update(&batch(0, 3), None);
    assert_eq!(verifications.check_sequence(&states, &batch(0, 4)), Ok(()));
}

#[test]
fn idem_6_a_stale_epoch_is_told_before_a_missing_verification() {
    let (mut states, mut verifications) = (ProducerStates::default(), Verifications::default());
    states.update(&batch(3, 0), None);
    let stale = ProducerError::InvalidEpoch { id: id(), given: 2, current: 3 };
    assert_eq!(verifications.check(&states, &batch(2, 0), None), Err(stale.clone()));
    assert_eq!(verifications.start(&states, question(2, 0, TransactionVersion::V2), 0), Err(stale));
}

#[test]
fn idem_9_a_question_without_an_answer_is_forgotten() {
    let (states, mut verifications) = (ProducerStates::default(), Verifications::default());
    let guard = verifications.start(&states, question(0, 0, TransactionVersion::V2), 500).unwrap();
    verifications.expire(1_499, 1_000);
    assert!(verifications.check(&states, &batch(0, 0), guard).is_ok());
    verifications.expire(1_500, 1_000);
    assert!(verifications.check(&states, &batch(0, 0), guard).is_err());
}
