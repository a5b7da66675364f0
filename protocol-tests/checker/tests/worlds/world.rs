//! A broker of few lines and its clients, one step of one of them at a time; what goes wrong is chosen.
use kafka_checker::history::Partition;
use kafka_checker::{Action, Copy, FinalRead, History, Isolation, Operation, Outcome, Span, Step, Value};
use std::collections::BTreeMap;

const INPUTS: [Partition; 2] = [0, 1];
const OUTPUTS: [Partition; 2] = [10, 11];
const STEPS: usize = 600;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    LosesRecord,
    AppendsTwice,
    ShowsAborted,
    ShowsOpen,
    AbortsInOnePartition,
    LosesCommit,
    KeepsAbortedCommit,
    LeavesOut,
    Reorders,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Counts,
    Aborted,
}

/// A record; a marker has no value.
#[derive(Clone, Copy)]
struct Entry {
    value: Option<Value>,
    state: State,
}

/// A transaction under way: of which copier, and what it has done.
struct Copier {
    input: Partition,
    position: usize,
    attempt: u32,
    steps: Vec<Step>,
    own: Vec<(Partition, usize)>,
    next: usize,
    begun: u64,
}

pub struct World {
    pub history: History,
    /// How often the fault has changed what somebody sees.
    pub struck: usize,
    pub copied: usize,
    fault: Option<Fault>,
    seed: u64,
    time: u64,
    written: u64,
    logs: BTreeMap<Partition, Vec<Entry>>,
    offsets: BTreeMap<Partition, usize>,
    positions: BTreeMap<(u32, Partition), usize>,
}

impl World {
    pub fn lived(seed: u64, fault: Option<Fault>) -> World {
        let mut world = World {
            history: History::default(),
            struck: 0,
            copied: 0,
            fault,
            seed,
            time: 1,
            written: 0,
            logs: INPUTS.iter().chain(&OUTPUTS).map(|partition| (*partition, Vec::new())).collect(),
            offsets: BTreeMap::new(),
            positions: BTreeMap::new(),
        };
        let mut copiers = INPUTS.map(|input| Copier {
            input,
            position: 0,
            attempt: 0,
            steps: Vec::new(),
            own: Vec::new(),
            next: 0,
            begun: 0,
        });
        for step in 0..STEPS {
            match world.below(6) {
                0 if step < STEPS / 2 => world.write(),
                1 | 2 => {
                    let at = world.below(copiers.len());
                    world.copy(&mut copiers[at], false);
                }
                _ => world.read(),
            }
        }
        for copier in &mut copiers {
            while !copier.steps.is_empty() || copier.position < world.logs[&copier.input].len() {
                world.copy(copier, true);
            }
        }
        world.finish();
        world
    }

    fn below(&mut self, bound: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.seed >> 33) as usize % bound
    }

    /// Whether the fault strikes here; once in a while only.
    fn strikes(&mut self, fault: Fault) -> bool {
        self.fault == Some(fault) && self.below(6) == 0
    }

    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    fn span(&mut self) -> Span {
        Span { from: self.tick(), to: self.tick() }
    }

    fn append(&mut self, partition: Partition, value: Option<Value>, state: State) -> usize {
        let log = self.logs.get_mut(&partition).expect("a partition");
        log.push(Entry { value, state });
        log.len() - 1
    }

    fn plain(&mut self, process: u32, span: Span, action: Action) {
        let steps = vec![Step { span, action }];
        let operation = Operation { process, transactional: false, outcome: Outcome::Done, span, decided: None, steps };
        self.history.operations.push(operation);
    }

    fn write(&mut self) {
        let partition = INPUTS[self.below(INPUTS.len())];
        self.written += 1;
        let value = Value::first(self.written);
        let span = self.span();
        let offset = if self.strikes(Fault::LosesRecord) {
            self.struck += 1;
            self.logs[&partition].len()
        } else {
            self.append(partition, Some(value), State::Counts)
        };
        if self.strikes(Fault::AppendsTwice) {
            self.struck += 1;
            self.append(partition, Some(value), State::Counts);
        }
        self.plain(partition, span, Action::Send { partition, value, offset: Some(offset as i64) });
    }

    /// What a reader finds from a position on, and where it stands then.
    fn visible(&mut self, partition: Partition, isolation: Isolation, from: usize) -> (Vec<(i64, Value)>, usize) {
        let log = &self.logs[&partition];
        let stable = log.iter().position(|entry| entry.state == State::Open).unwrap_or(log.len());
        let committed = isolation == Isolation::Committed;
        let mut end = if committed { stable } else { log.len() };
        let (mut aborted_too, mut open_too) = (!committed, !committed);
        if committed && end > from && self.strikes(Fault::ShowsAborted) {
            aborted_too = true;
        }
        if committed && self.strikes(Fault::ShowsOpen) {
            (end, open_too) = (self.logs[&partition].len(), true);
        }
        let log = &self.logs[&partition][from.min(end)..end];
        let shown = |entry: &&(usize, &Entry)| match entry.1.state {
            State::Counts => true,
            State::Aborted => aborted_too,
            State::Open => open_too,
        };
        let found: Vec<_> = log.iter().enumerate().filter(|entry| shown(&entry)).collect();
        let wrong = |entry: &&(usize, &Entry)| committed && entry.1.state != State::Counts && entry.1.value.is_some();
        let struck = found.iter().filter(wrong).count();
        let records = found.into_iter().filter_map(|(at, entry)| Some(((from + at) as i64, entry.value?))).collect();
        self.struck += struck;
        (records, end.max(from))
    }

    fn poll(&mut self, partition: Partition, isolation: Isolation, from: usize, span: Span) -> (Step, usize) {
        let (mut records, end) = self.visible(partition, isolation, from);
        if records.len() > 2 && self.strikes(Fault::LeavesOut) {
            records.remove(1);
            self.struck += 1;
        }
        if records.len() > 1 && self.strikes(Fault::Reorders) {
            records.swap(0, 1);
            self.struck += 1;
        }
        let action = Action::Poll { partition, isolation, from: Some(from as i64), records, end: Some(end as i64) };
        (Step { span, action }, end)
    }

    fn read(&mut self) {
        let reader = self.below(2) as u32;
        let isolation = [Isolation::Committed, Isolation::Uncommitted][reader as usize];
        let partition = [INPUTS, OUTPUTS][self.below(2)][self.below(2)];
        let from = self.positions.get(&(reader, partition)).copied().unwrap_or(0);
        let span = self.span();
        let (step, end) = self.poll(partition, isolation, from, span);
        self.positions.insert((reader, partition), end);
        self.plain(100 + reader, span, step.action);
    }

    /// One step of a copier: begins, sends a record, or ends.
    fn copy(&mut self, copier: &mut Copier, last: bool) {
        if copier.steps.is_empty() {
            return self.begin(copier);
        }
        let Action::Poll { records, .. } = &copier.steps[0].action else { return };
        if let Some((_, read)) = records.get(copier.next).copied() {
            copier.next += 1;
            let partition = OUTPUTS[read.number as usize % OUTPUTS.len()];
            let value = Value { attempt: copier.attempt, ..read };
            let span = self.span();
            let at = self.append(partition, Some(value), State::Open);
            copier.own.push((partition, at));
            copier.steps.push(Step { span, action: Action::Send { partition, value, offset: Some(at as i64) } });
            return;
        }
        self.end(copier, last);
    }

    /// Asks for the committed offset and polls from there.
    fn begin(&mut self, copier: &mut Copier) {
        let span = self.span();
        let stands = self.offsets.get(&copier.input).copied();
        let told = Action::Committed { group: 0, partition: copier.input, offset: stands.map(|at| at as i64) };
        let process = 200 + copier.input;
        let seek = Action::Seek { partition: copier.input };
        let steps = vec![Step { span, action: told }, Step { span, action: seek }];
        self.history.operations.push(Operation {
            process,
            transactional: false,
            outcome: Outcome::Done,
            span,
            decided: None,
            steps,
        });
        let span = self.span();
        let (step, end) = self.poll(copier.input, Isolation::Committed, stands.unwrap_or(0), span);
        copier.position = end;
        let Action::Poll { records, .. } = &step.action else { return };
        if !records.is_empty() {
            (copier.begun, copier.next) = (span.from, 0);
            copier.attempt += 1;
            copier.steps.push(step);
        }
    }

    fn end(&mut self, copier: &mut Copier, last: bool) {
        let partition = copier.input;
        let offset = copier.position as i64;
        let span = self.span();
        copier.steps.push(Step { span, action: Action::Commit { group: 0, partition, offset } });
        let decided = self.tick();
        let (counts, known) = (last || self.below(4) > 0, self.below(5) > 0);
        let torn = counts && self.strikes(Fault::AbortsInOnePartition);
        let of_both = OUTPUTS.iter().all(|output| copier.own.iter().any(|(own, _)| own == output));
        self.struck += usize::from(torn && of_both);
        for &output in &OUTPUTS {
            let own: Vec<usize> = copier.own.iter().filter(|(of, _)| *of == output).map(|(_, at)| *at).collect();
            let here = counts && !(torn && of_both && output == OUTPUTS[0]);
            let log = self.logs.get_mut(&output).expect("a partition");
            for at in &own {
                log[*at].state = if here { State::Counts } else { State::Aborted };
            }
            if !own.is_empty() {
                log.push(Entry { value: None, state: State::Counts });
            }
        }
        let (lose, keep) = (self.strikes(Fault::LosesCommit), self.strikes(Fault::KeepsAbortedCommit));
        if (counts && !lose) || (!counts && keep) {
            self.offsets.insert(partition, copier.position);
        }
        self.struck += usize::from((counts && lose) || (!counts && keep));
        self.copied += if counts { copier.own.len() } else { 0 };
        let outcome = match (counts, known || last) {
            (_, false) => Outcome::Unknown,
            (true, true) => Outcome::Done,
            (false, true) => Outcome::Undone,
        };
        // A commit that nobody has asked for cannot have come through.
        let decided = (counts || outcome == Outcome::Unknown).then_some(decided);
        let span = Span { from: copier.begun, to: self.tick() };
        let steps = std::mem::take(&mut copier.steps);
        copier.own.clear();
        let process = 200 + copier.input;
        self.history.operations.push(Operation { process, transactional: true, outcome, span, decided, steps });
        if !counts {
            copier.position = 0;
        }
    }

    fn finish(&mut self) {
        for partition in INPUTS {
            let (span, offset) = (self.span(), self.offsets.get(&partition).map(|at| *at as i64));
            self.plain(300, span, Action::Committed { group: 0, partition, offset });
        }
        for partition in INPUTS.into_iter().chain(OUTPUTS) {
            for isolation in [Isolation::Uncommitted, Isolation::Committed] {
                let (records, _) = self.visible(partition, isolation, 0);
                self.history.finals.push(FinalRead { partition, isolation, records });
            }
        }
        self.history.copies = INPUTS.map(|input| Copy { input, outputs: OUTPUTS.to_vec() }).to_vec();
    }
}
