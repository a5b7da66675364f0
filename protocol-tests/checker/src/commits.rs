//! Committed offsets: each group's partition is a register, and what it tells must be a commit that nothing has replaced.
use crate::history::{Action, Group, History, Index, Outcome, Partition, Span};
use crate::report::Anomaly;
use std::collections::BTreeMap;

/// One offset handed in, or, without one, the state before the first.
struct Commit {
    writer: Option<Index>,
    offset: Option<i64>,
    /// It may count from here on.
    from: u64,
    /// It counts from here on, unless something replaces it; the end of time when nobody knows.
    to: u64,
    outcome: Outcome,
}

struct Telling {
    reader: Index,
    span: Span,
    offset: Option<i64>,
}

struct Register {
    commits: Vec<Commit>,
    /// Where in `commits` those of each offset are.
    of: BTreeMap<Option<i64>, Vec<usize>>,
    tellings: Vec<Telling>,
}

impl Default for Register {
    fn default() -> Register {
        let nothing = Commit { writer: None, offset: None, from: 0, to: 0, outcome: Outcome::Done };
        Register { commits: vec![nothing], of: BTreeMap::from([(None, vec![0])]), tellings: Vec::new() }
    }
}

/// Everything that was told of offsets and cannot be right.
pub fn commits(history: &History) -> Vec<Anomaly> {
    let mut registers: BTreeMap<(Group, Partition), Register> = BTreeMap::new();
    for (index, operation, step) in history.steps() {
        match step.action {
            Action::Commit { group, partition, offset } => {
                // The offset of a transaction counts when its commit was asked for, not before.
                let asked = if operation.transactional { operation.decided } else { Some(step.span.from) };
                let done = if operation.transactional { operation.span.to } else { step.span.to };
                let to = if operation.outcome == Outcome::Done { done } else { u64::MAX };
                let (from, writer, outcome) = (asked.unwrap_or(u64::MAX), Some(index), operation.outcome);
                let commit = Commit { writer, offset: Some(offset), from, to, outcome };
                registers.entry((group, partition)).or_default().add(commit);
            }
            Action::Committed { group, partition, offset } => {
                let telling = Telling { reader: index, span: step.span, offset };
                registers.entry((group, partition)).or_default().tellings.push(telling);
            }
            _ => {}
        }
    }
    registers.iter().flat_map(|(&(group, partition), register)| register.judge(group, partition)).collect()
}

/// What is certain from some time on: a commit that began at `from` counts, `by` an operation, with this offset.
#[derive(Clone, Copy)]
struct Certain {
    since: u64,
    from: u64,
    by: Index,
    offset: i64,
}

impl Register {
    fn add(&mut self, commit: Commit) {
        self.of.entry(commit.offset).or_default().push(self.commits.len());
        self.commits.push(commit);
    }

    /// Every commit of this offset, whatever became of it.
    fn commits_of(&self, offset: Option<i64>) -> impl Iterator<Item = &Commit> {
        self.of.get(&offset).into_iter().flatten().map(|at| &self.commits[*at])
    }

    fn judge(&self, group: Group, partition: Partition) -> Vec<Anomaly> {
        let mut found = Vec::new();
        let (done, seen) = (self.acknowledged(), self.told());
        for telling in &self.tellings {
            let reader = telling.reader;
            let by_name: Vec<&Commit> = self.candidates(telling).collect();
            if by_name.is_empty() {
                let told = telling.offset.unwrap_or(-1);
                let undone = self.commits_of(telling.offset).find(|commit| commit.outcome == Outcome::Undone);
                found.push(match undone.and_then(|commit| commit.writer) {
                    Some(writer) => Anomaly::AbortedCommit { reader, group, partition, told, writer },
                    None => Anomaly::PhantomCommit { reader, group, partition, told },
                });
                continue;
            }
            let stands = |certain: Certain| by_name.iter().any(|commit| commit.to >= certain.from);
            let told = telling.offset;
            if let Some(lost) = newest(&done, telling.span.from).filter(|certain| !stands(*certain)) {
                let commit = (lost.by, lost.offset);
                found.push(Anomaly::LostCommit { reader, group, partition, told, commit });
            } else if let Some(gone) = newest(&seen, telling.span.from).filter(|certain| !stands(*certain)) {
                let earlier = (gone.by, gone.offset);
                found.push(Anomaly::CommitBack { reader, group, partition, told, earlier });
            }
        }
        found
    }

    /// The commits that may have been told.
    fn candidates(&self, telling: &Telling) -> impl Iterator<Item = &Commit> {
        let of_it = self.commits_of(telling.offset);
        of_it.filter(|commit| commit.outcome != Outcome::Undone && commit.from <= telling.span.to)
    }

    /// Commits that were acknowledged, in the order in which that became certain.
    fn acknowledged(&self) -> Vec<Certain> {
        let done = self.commits.iter().filter(|commit| commit.outcome == Outcome::Done);
        let certain = done.filter_map(|commit| {
            let (by, offset) = (commit.writer?, commit.offset?);
            Some(Certain { since: commit.to, from: commit.from, by, offset })
        });
        rising(certain.collect())
    }

    /// Commits that were told: the oldest of those that it can have been.
    fn told(&self) -> Vec<Certain> {
        let certain = self.tellings.iter().filter_map(|telling| {
            let from = self.candidates(telling).map(|commit| commit.from).min()?;
            Some(Certain { since: telling.span.to, from, by: telling.reader, offset: telling.offset? })
        });
        rising(certain.collect())
    }
}

/// By time; at each the one that began last of all so far.
fn rising(mut certain: Vec<Certain>) -> Vec<Certain> {
    certain.sort_by_key(|certain| certain.since);
    for index in 1..certain.len() {
        if certain[index - 1].from > certain[index].from {
            certain[index] = Certain { since: certain[index].since, ..certain[index - 1] };
        }
    }
    certain
}

fn newest(certain: &[Certain], time: u64) -> Option<Certain> {
    let later = certain.partition_point(|certain| certain.since < time);
    certain[..later].last().copied()
}
