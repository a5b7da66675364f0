//! Each class of anomaly: a history that has it, and the nearest one that does not.
mod tale;

use kafka_checker::{Action, Anomaly, Class, Isolation::*, Outcome::*, check};
use tale::{Tale, commit, ends, poll, send, sent, told};

/// The first has this anomaly and no other; the second has none.
#[track_caller]
fn case(class: Class, has: Tale, has_not: Tale) -> Vec<Anomaly> {
    let report = check(&has.history());
    let classes: Vec<Class> = report.classes().into_keys().collect();
    assert_eq!(classes, [class], "{report}");
    let clean = check(&has_not.history());
    assert!(clean.is_clean(), "{clean}");
    report.anomalies
}

/// Has this anomaly among others: some faults cannot be seen alone.
#[track_caller]
fn among(class: Class, has: Tale) {
    let report = check(&has.history());
    assert!(report.has(class), "{report}");
}

#[test]
fn two_values_at_one_offset() {
    let begun = Tale::new().plain(1, vec![send(0, (1, 5))]);
    among(Class::InconsistentOffset, begun.clone().plain(2, vec![poll(0, Uncommitted, &[(9, 5)])]));
    let sends = begun.clone().plain(2, vec![send(0, (2, 5))]).meanwhile();
    case(Class::InconsistentOffset, sends, begun.plain(2, vec![send(0, (2, 6))]).meanwhile());
}

#[test]
fn one_value_at_two_offsets() {
    let begun = Tale::new().plain(1, vec![send(0, (1, 5))]);
    let has = begun.clone().plain(2, vec![poll(0, Uncommitted, &[(1, 5), (1, 6)])]);
    case(Class::Duplicate, has, begun.plain(2, vec![poll(0, Uncommitted, &[(1, 5)])]));
    // The same number in another attempt is another value.
    let again = Action::Send { partition: 0, value: kafka_checker::Value { number: 1, attempt: 1 }, offset: Some(6) };
    assert!(check(&Tale::new().plain(1, vec![send(0, (1, 5)), again]).history()).is_clean());
}

#[test]
fn an_acknowledged_record_that_readers_came_past() {
    let begun = Tale::new().plain(1, vec![send(0, (1, 0)), send(0, (2, 1)), send(0, (3, 2))]);
    among(Class::LostWrite, begun.clone().last(0, Uncommitted, &[(1, 0), (3, 2)]));
    let polled = begun.clone().plain(2, vec![poll(0, Uncommitted, &[(1, 0), (3, 2)])]);
    among(Class::LostWrite, polled);
    let all = begun.clone().last(0, Uncommitted, &[(1, 0), (2, 1), (3, 2)]);
    assert!(check(&all.history()).is_clean());
    // Readers who have not come so far prove nothing.
    assert!(check(&begun.plain(2, vec![poll(0, Uncommitted, &[(1, 0), (2, 1)])]).history()).is_clean());
}

#[test]
fn an_acknowledged_record_of_an_aborted_transaction_stays_in_the_log() {
    let begun = Tale::new().transaction(1, Undone, vec![send(0, (1, 0))]).plain(2, vec![send(0, (2, 2))]);
    among(Class::LostWrite, begun.clone().last(0, Uncommitted, &[(2, 2)]));
    let whole = begun.last(0, Uncommitted, &[(1, 0), (2, 2)]).last(0, Committed, &[(2, 2)]);
    assert!(check(&whole.history()).is_clean());
}

#[test]
fn an_acknowledged_record_that_is_missing_at_the_end() {
    let begun = Tale::new().plain(1, vec![send(0, (1, 0)), send(0, (2, 1))]);
    let has = begun.clone().last(0, Uncommitted, &[(1, 0)]);
    case(Class::Unseen, has, begun.last(0, Uncommitted, &[(1, 0), (2, 1)]));
    // Nobody said that it was taken.
    let unknown = Tale::new().plain_as(1, Unknown, vec![sent(0, 1)]).last(0, Uncommitted, &[]);
    assert!(check(&unknown.history()).is_clean());
    among(Class::Unseen, Tale::new().plain(1, vec![sent(0, 1)]).last(0, Uncommitted, &[]));
}

#[test]
fn an_aborted_record_that_a_reader_of_committed_ones_sees() {
    let begun = Tale::new().transaction(1, Undone, vec![send(0, (1, 0))]);
    let has = begun.clone().plain(2, vec![poll(0, Committed, &[(1, 0)])]);
    case(Class::AbortedRead, has, begun.clone().plain(2, vec![poll(0, Uncommitted, &[(1, 0)])]));
    among(Class::AbortedRead, begun.last(0, Committed, &[(1, 0)]));
}

#[test]
fn a_record_that_is_read_before_its_transaction_was_to_commit() {
    let reader = vec![poll(0, Committed, &[(1, 0)])];
    let early = Tale::new().plain(2, reader.clone()).transaction(1, Done, vec![send(0, (1, 0))]);
    among(Class::EarlyRead, early);
    let later = Tale::new().transaction(1, Done, vec![send(0, (1, 0))]).plain(2, reader.clone());
    assert!(check(&later.history()).is_clean());
    // A transaction reads what it has itself sent.
    let own = Tale::new().transaction(1, Done, vec![send(0, (1, 0)), poll(0, Committed, &[(1, 0)])]);
    among(Class::EarlyRead, own);
}

#[test]
fn a_record_that_nobody_sent() {
    let begun = Tale::new().plain(1, vec![send(0, (1, 0))]);
    let has = begun.clone().plain(2, vec![poll(0, Committed, &[(1, 0), (7, 1)])]);
    case(Class::PhantomRead, has, begun.plain(2, vec![poll(0, Committed, &[(1, 0)])]));
}

#[test]
fn a_transaction_that_counts_in_part() {
    let begun = Tale::new().transaction(1, Unknown, vec![send(0, (1, 0)), send(1, (2, 0)), commit(0, 4)]);
    let half = begun.clone().last(0, Committed, &[(1, 0)]).last(1, Committed, &[]);
    among(Class::TornTransaction, half);
    for whole in [&[(1, 0)][..], &[]] {
        let other: Vec<(u64, i64)> = whole.iter().map(|_| (2, 0)).collect();
        let all = begun.clone().last(0, Committed, whole).last(1, Committed, &other);
        assert!(check(&all.history()).is_clean());
    }
    // The offset counts and the records do not.
    let offset = begun.clone().plain(2, vec![told(0, Some(4))]).last(0, Committed, &[]).last(1, Committed, &[]);
    case(
        Class::TornTransaction,
        offset,
        begun.plain(2, vec![told(0, None)]).last(0, Committed, &[]).last(1, Committed, &[]),
    );
}

#[test]
fn a_record_that_a_poll_leaves_out() {
    let begun = Tale::new().plain(1, vec![send(0, (1, 0)), send(0, (2, 1)), send(0, (3, 2))]);
    let other = vec![poll(0, Uncommitted, &[(1, 0), (2, 1), (3, 2)])];
    let begun = begun.plain(3, other.clone());
    let inside = begun.clone().plain(2, vec![poll(0, Uncommitted, &[(1, 0), (3, 2)])]);
    let found = case(Class::PollSkip, inside, begun.clone().plain(2, other));
    assert!(matches!(found[..], [Anomaly::PollSkip { inside: true, .. }]), "{found:?}");
    let first = begun.clone().plain(2, vec![poll(0, Uncommitted, &[(1, 0)])]);
    let across = first.clone().plain(2, vec![poll(0, Uncommitted, &[(3, 2)])]);
    let sought = vec![Action::Seek { partition: 0 }, poll(0, Uncommitted, &[(3, 2)])];
    let found = case(Class::PollSkip, across, first.plain(2, sought));
    assert!(matches!(found[..], [Anomaly::PollSkip { inside: false, .. }]), "{found:?}");
}

#[test]
fn aborted_records_are_no_gap_for_readers_of_committed_ones() {
    let begun = Tale::new()
        .plain(1, vec![send(0, (1, 0))])
        .transaction(2, Undone, vec![send(0, (2, 1))])
        .plain(1, vec![send(0, (3, 3))]);
    let has = begun.clone().plain(3, vec![poll(0, Uncommitted, &[(1, 0), (3, 3)])]);
    among(Class::PollSkip, has);
    assert!(check(&begun.plain(3, vec![poll(0, Committed, &[(1, 0), (3, 3)])]).history()).is_clean());
}

#[test]
fn a_poll_that_goes_back() {
    let begun = Tale::new().plain(1, vec![send(0, (1, 0)), send(0, (2, 1))]);
    let inside = begun.clone().plain(2, vec![poll(0, Committed, &[(2, 1), (1, 0)])]);
    case(Class::PollBack, inside, begun.clone().plain(2, vec![poll(0, Committed, &[(1, 0), (2, 1)])]));
    let first = |outcome| begun.clone().plain_as(2, outcome, vec![poll(0, Committed, &[(1, 0), (2, 1)])]);
    let again = vec![poll(0, Committed, &[(2, 1)])];
    // What failed has to be read again.
    case(
        Class::PollBack,
        first(Done).plain(2, again.clone()),
        first(Undone).plain(2, vec![poll(0, Committed, &[(1, 0)])]),
    );
}

#[test]
fn sends_that_stand_in_another_order() {
    let two = |first, then| {
        Tale::new().plain(1, vec![sent(0, 1), send(0, (2, first))]).plain(1, vec![send(0, (3, then))]).meanwhile()
    };
    case(Class::SendBack, two(5, 4), two(4, 5));
    let one =
        |first, then| Tale::new().plain(1, vec![send(0, (1, first)), send(0, (2, then))]).plain(9, vec![]).meanwhile();
    among(Class::SendBack, one(5, 4));
    assert!(check(&one(4, 5).history()).is_clean());
}

#[test]
fn an_append_at_an_offset_that_was_known_before() {
    let begun = |offset| Tale::new().plain(1, vec![send(0, (1, 7))]).plain(2, vec![send(0, (2, offset))]);
    case(Class::AppendBehind, begun(6), begun(8));
    assert!(check(&begun(6).meanwhile().history()).is_clean(), "both were under way");
}

#[test]
fn ends_that_fall_back() {
    let begun = Tale::new().plain(1, vec![send(0, (1, 7))]);
    let end = |isolation, end| begun.clone().plain(2, vec![ends(0, isolation, end)]);
    case(Class::StaleEnd, end(Uncommitted, 7), end(Uncommitted, 8));
    assert!(check(&end(Committed, 7).history()).is_clean(), "a transaction may hold the stable offset back");
    let again = |last| end(Committed, 5).plain(3, vec![ends(0, Committed, last)]);
    case(Class::StaleEnd, again(4), again(5));
}

#[test]
fn a_commit_that_is_gone() {
    let begun = Tale::new().plain(1, vec![commit(0, 5)]).plain(1, vec![commit(0, 9)]);
    let asked = |offset| begun.clone().plain(2, vec![told(0, offset)]);
    case(Class::LostCommit, asked(Some(5)), asked(Some(9)));
    case(Class::LostCommit, asked(None), Tale::new().plain(2, vec![told(0, None)]));
    // Going back on purpose is a commit like any other.
    let back = asked(Some(9)).plain(1, vec![commit(0, 5)]).plain(2, vec![told(0, Some(5))]);
    assert!(check(&back.history()).is_clean());
    // Two at once: either may have won.
    let racing = Tale::new().plain(1, vec![commit(0, 5)]).plain(3, vec![commit(0, 9)]).meanwhile();
    assert!(check(&racing.plain(2, vec![told(0, Some(5))]).history()).is_clean());
}

#[test]
fn a_commit_that_was_told_and_is_gone() {
    let begun = Tale::new().plain(1, vec![commit(0, 5)]).plain_as(1, Unknown, vec![commit(0, 9)]);
    let begun = begun.plain(2, vec![told(0, Some(9))]);
    let then = |offset| begun.clone().plain(2, vec![told(0, offset)]);
    case(Class::CommitBack, then(Some(5)), then(Some(9)));
}

#[test]
fn the_offset_of_an_aborted_transaction() {
    let begun = |outcome| Tale::new().transaction(1, outcome, vec![commit(0, 5)]).plain(2, vec![told(0, Some(5))]);
    case(Class::AbortedCommit, begun(Undone), begun(Unknown));
}

#[test]
fn an_offset_that_nobody_committed() {
    let begun = |offset| Tale::new().plain(1, vec![commit(0, 5)]).plain(2, vec![told(0, Some(offset))]);
    case(Class::PhantomCommit, begun(6), begun(5));
    // A pending offset is not to be told.
    let pending = Tale::new().plain(2, vec![told(0, Some(5))]).transaction(1, Done, vec![commit(0, 5)]);
    among(Class::PhantomCommit, pending);
}

/// Two records in partition 0, their copies in 1 and 2.
fn copied(copies: &[(u64, i64)], others: &[(u64, i64)]) -> Tale {
    let mut tale = Tale::new().plain(1, vec![send(0, (1, 0)), send(0, (2, 1))]).copies(0, &[1, 2]);
    for &(partition, records) in [(1, copies), (2, others)].iter() {
        for (process, &at) in records.iter().enumerate() {
            tale = tale.plain(10 + process as u32, vec![send(partition, at)]);
        }
        tale = tale.last(partition, Committed, records);
    }
    tale.last(0, Committed, &[(1, 0), (2, 1)])
}

#[test]
fn copies_stand_once_and_in_order() {
    case(Class::CopyMissing, copied(&[(1, 0)], &[]), copied(&[(1, 0), (2, 1)], &[]));
    case(Class::CopyTwice, copied(&[(1, 0), (2, 1)], &[(2, 0)]), copied(&[(1, 0)], &[(2, 0)]));
    case(Class::CopyReordered, copied(&[(2, 0), (1, 1)], &[]), copied(&[(2, 0)], &[(1, 0)]));
    case(Class::CopyOfNothing, copied(&[(1, 0), (2, 1), (3, 2)], &[]), copied(&[(1, 0), (2, 1)], &[]));
}

#[test]
fn transactions_that_read_of_one_another() {
    // Each commit was asked for before the other one's poll had ended, or the reads would be early.
    let round = |first: Vec<Action>, second: Vec<Action>| {
        let mut history = Tale::new().transaction(1, Done, first).transaction(2, Done, second).meanwhile().history();
        for operation in &mut history.operations {
            operation.decided = Some(0);
        }
        check(&history)
    };
    let reads = |partition, number| poll(partition, Committed, &[(number, 0)]);
    let report = round(vec![send(0, (1, 0)), reads(1, 2)], vec![send(1, (2, 0)), reads(0, 1)]);
    assert_eq!(report.anomalies, [Anomaly::Cycle { operations: vec![0, 1] }], "{report}");
    assert!(round(vec![send(0, (1, 0))], vec![send(1, (2, 0)), reads(0, 1)]).is_clean());
}

#[test]
fn an_answer_that_no_client_should_get() {
    let what = || Action::Unexpected { what: "EndTxn: UnknownServerError".into() };
    let found = case(Class::Unexpected, Tale::new().plain(1, vec![what()]), Tale::new());
    assert_eq!(found[0].to_string(), "operation 0: EndTxn: UnknownServerError");
}

#[test]
fn explanations_name_the_records() {
    let tale =
        Tale::new().transaction(1, Undone, vec![send(3, (17, 40))]).plain(2, vec![poll(3, Committed, &[(17, 40)])]);
    let text = check(&tale.history()).to_string();
    assert!(text.contains("partition 3 at 40: 17.0 of aborted operation 0 was read by operation 1"), "{text}");
}
