//! The runtime on a journal in memory: failed appends change nothing, answers wait for the commit, order is kept.
use super::*;
use futures_util::{FutureExt, task::noop_waker};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Adds numbers up; `Wait` is answered by the next `Add`.
struct Adder;

enum Op {
    Add(i64),
    Wait,
    Read,
}

#[derive(Debug, thiserror::Error)]
#[error("a negative number")]
struct Negative;

impl Machine for Adder {
    type Hard = (i64, Vec<i64>);
    type Soft = Vec<Ticket>;
    type Record = i64;
    type Op = Op;
    type Reply = i64;
    type Fault = Negative;

    fn decide(&self, hard: &Self::Hard, soft: &mut Vec<Ticket>, op: Op, turn: Turn) -> Outcome<i64, i64> {
        match op {
            Op::Add(number) => {
                let sum = hard.0 + number;
                let waited = std::mem::take(soft).into_iter();
                let answers = waited.chain([turn.ticket]).map(|ticket| (ticket, sum)).collect();
                Outcome { records: vec![number], answers }
            }
            Op::Wait => {
                soft.push(turn.ticket);
                Outcome::park()
            }
            Op::Read => Outcome::answer(turn, vec![], hard.0),
        }
    }

    fn replay(&self, hard: &mut Self::Hard, _: Offset, records: Vec<i64>) -> Result<(), Negative> {
        for number in records {
            if number < 0 {
                return Err(Negative);
            }
            hard.0 += number;
            hard.1.push(number);
        }
        Ok(())
    }
}

struct Memory {
    records: Vec<i64>,
    committed: Arc<Watermark>,
    fails: bool,
}

impl Journal<i64> for Memory {
    fn append(&mut self, records: &[i64]) -> Result<Offset, NotWritten> {
        if self.fails {
            return Err(NotWritten::Storage("disk".into()));
        }
        let base = self.end();
        self.records.extend(records);
        Ok(base)
    }

    fn end(&self) -> Offset {
        Offset::new(self.records.len() as i64)
    }

    fn committed(&self) -> &Arc<Watermark> {
        &self.committed
    }
}

fn runtime() -> (Runtime<Adder, Memory>, Arc<Watermark>) {
    let committed = Watermark::new(Offset::ZERO);
    let journal = Memory { records: vec![], committed: committed.clone(), fails: false };
    (Runtime::new(Adder, (0, vec![]), journal), committed)
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(&noop_waker()))
}

#[test]
fn grp_16_an_answer_leaves_after_the_commit_of_all_it_saw() {
    let (mut runtime, committed) = runtime();
    let mut waits = Box::pin(runtime.run(Op::Wait).reply());
    let mut adds = Box::pin(runtime.run(Op::Add(5)).reply());
    let mut reads = Box::pin(runtime.run(Op::Read).reply());
    for pending in [&mut waits, &mut adds] {
        assert!(poll(pending).is_pending());
    }
    assert!(poll(&mut reads).is_pending(), "a read waits for what it saw");
    committed.raise(Offset::new(1));
    assert_eq!(poll(&mut waits), Poll::Ready(Ok(5)));
    assert_eq!(poll(&mut adds), Poll::Ready(Ok(5)));
    assert_eq!(poll(&mut reads), Poll::Ready(Ok(5)));
}

#[test]
fn grp_16_what_was_decided_can_be_looked_at_and_is_told_all_the_same() {
    let (mut runtime, committed) = runtime();
    let mut waits = runtime.run(Op::Wait);
    assert_eq!(waits.decided(), None, "it is parked");
    let mut adds = runtime.run(Op::Add(5));
    assert_eq!((adds.decided(), waits.decided()), (Some(&5), Some(&5)));
    assert_eq!(adds.decided(), Some(&5), "again");
    let mut adds = Box::pin(adds.reply());
    assert!(poll(&mut adds).is_pending(), "before the commit");
    committed.raise(Offset::new(1));
    assert_eq!((poll(&mut adds), poll(&mut Box::pin(waits.reply()))), (Poll::Ready(Ok(5)), Poll::Ready(Ok(5))));
    runtime.journal.fails = true;
    let mut refused = runtime.run(Op::Add(5));
    assert_eq!(refused.decided(), None);
    assert_eq!(refused.reply().now_or_never(), Some(Err(NotWritten::Storage("disk".into()))));
}

#[test]
fn grp_17_a_failed_append_changes_nothing_and_frees_everyone() {
    let (mut runtime, _) = runtime();
    let mut waits = Box::pin(runtime.run(Op::Wait).reply());
    runtime.journal.fails = true;
    let refused = runtime.run(Op::Add(5)).reply().now_or_never().unwrap();
    assert_eq!(refused, Err(NotWritten::Storage("disk".into())));
    assert_eq!(poll(&mut waits), Poll::Ready(Err(NotWritten::Voided)), "not the fault of who waits");
    assert!(runtime.take_voided() && !runtime.take_voided());
    assert_eq!((runtime.hard(), runtime.parked()), (&(0, vec![]), 0));
    runtime.journal.fails = false;
    let _adds = runtime.run(Op::Add(7));
    assert_eq!(runtime.hard().0, 7);
}

#[test]
fn a_closed_journal_answers_with_its_reason() {
    let (mut runtime, committed) = runtime();
    let mut adds = Box::pin(runtime.run(Op::Add(1)).reply());
    assert!(poll(&mut adds).is_pending());
    committed.close(Closed::NotLeader);
    assert_eq!(poll(&mut adds), Poll::Ready(Err(NotWritten::NotLeader)));
}

#[test]
fn loading_replays_and_stops_at_a_record_that_does_not_follow() {
    let load = |groups: Vec<Vec<i64>>| {
        let (runtime, _) = runtime();
        let groups = groups.into_iter().map(|group| Ok::<_, Negative>((Offset::ZERO, group)));
        Runtime::load(Adder, (0, vec![]), runtime.journal, groups)
    };
    assert_eq!(load(vec![vec![1, 2], vec![3]]).ok().unwrap().hard().0, 6);
    assert!(load(vec![vec![1], vec![-1]]).is_err());
}

#[test]
fn by_seed_the_journal_replays_to_the_state_and_order_is_kept() {
    for seed in 0..200u64 {
        let chance = crate::platform::SeededChance::new(seed);
        let draw = |below: u64| crate::platform::Chance::u64(&chance) % below;
        let (mut runtime, committed) = runtime();
        let (mut adds, mut waits) = (Vec::new(), Vec::new());
        let mut expected = Vec::new();
        for _ in 0..50 {
            let number = draw(9) as i64;
            runtime.journal.fails = draw(4) == 0;
            if draw(5) == 0 {
                waits.push(runtime.run(Op::Wait));
            } else {
                if !runtime.journal.fails {
                    expected.push(number);
                }
                adds.push(runtime.run(Op::Add(number)));
            }
            let end = runtime.journal.end();
            committed.raise(Offset::new(draw(end.get() as u64 + 1) as i64));
        }
        assert_eq!(runtime.journal.records, expected, "seed {seed}");
        let mut replayed = (0, vec![]);
        Adder.replay(&mut replayed, Offset::ZERO, expected).unwrap();
        assert_eq!(runtime.hard(), &replayed, "seed {seed}");
        committed.raise(runtime.journal.end());
        runtime.give_up(NotWritten::Stopping);
        let answers = |pending: Vec<Pending<i64>>| -> Vec<i64> {
            let all = pending.into_iter().map(|one| one.reply().now_or_never().expect("everyone is answered"));
            all.filter_map(Result::ok).collect()
        };
        let sums = answers(adds);
        assert_eq!(sums.len(), replayed.1.len(), "seed {seed}");
        assert!(sums.is_sorted(), "seed {seed}");
        assert!(answers(waits).iter().all(|sum| sums.contains(sum)), "seed {seed}");
    }
}
