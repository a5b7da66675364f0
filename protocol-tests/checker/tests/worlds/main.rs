//! Whole histories by seed: those of a broker without fault are clean, and each fault that strikes is found.
mod world;

use kafka_checker::{Class, check};
use proptest::prelude::*;
use world::{Fault, World};

/// Of each fault.
const LIVES: u64 = 80;

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn a_broker_without_fault_is_clean(seed: u64) {
        let world = World::lived(seed, None);
        let report = check(&world.history);
        prop_assert!(report.is_clean(), "seed {}: {}", seed, report);
        prop_assert!(world.copied > 0, "seed {} copies something", seed);
    }
}

/// A fault that strikes is found in every life in which it can be seen, and in some it does strike.
#[track_caller]
fn found(fault: Fault, classes: &[Class]) {
    let mut struck = 0;
    for seed in 0..LIVES {
        let world = World::lived(seed, Some(fault));
        let report = check(&world.history);
        if world.struck == 0 {
            assert!(report.is_clean(), "{fault:?}, seed {seed}, has not struck: {report}");
            continue;
        }
        struck += 1;
        assert!(classes.iter().any(|class| report.has(*class)), "{fault:?}, seed {seed}: {report}");
    }
    assert!(struck > LIVES / 10, "{fault:?} struck in {struck} lives of {LIVES}");
}

#[test]
fn a_record_that_is_lost_is_found() {
    found(Fault::LosesRecord, &[Class::LostWrite, Class::Unseen, Class::InconsistentOffset]);
}

#[test]
fn a_record_that_is_appended_twice_is_found() {
    found(Fault::AppendsTwice, &[Class::Duplicate]);
}

#[test]
fn an_aborted_transaction_that_is_shown_is_found() {
    // Of a transaction whose end nobody knows only a part is seen, or its records are copied again.
    let unknown = [Class::LostWrite, Class::Unseen, Class::TornTransaction, Class::CopyTwice];
    found(Fault::ShowsAborted, &[&[Class::AbortedRead][..], &unknown].concat());
}

#[test]
fn an_open_transaction_that_is_shown_is_found() {
    found(Fault::ShowsOpen, &[Class::EarlyRead, Class::AbortedRead]);
}

#[test]
fn a_marker_that_one_partition_does_not_get_is_found() {
    found(Fault::AbortsInOnePartition, &[Class::TornTransaction]);
}

#[test]
fn a_commit_of_offsets_that_is_lost_is_found() {
    found(Fault::LosesCommit, &[Class::LostCommit, Class::CopyTwice]);
}

#[test]
fn a_commit_of_an_aborted_transaction_that_counts_is_found() {
    found(Fault::KeepsAbortedCommit, &[Class::AbortedCommit, Class::TornTransaction, Class::CopyMissing]);
}

#[test]
fn a_poll_that_leaves_a_record_out_is_found() {
    found(Fault::LeavesOut, &[Class::PollSkip]);
}

#[test]
fn a_poll_in_another_order_is_found() {
    found(Fault::Reorders, &[Class::PollBack]);
}
