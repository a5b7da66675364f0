//! Histories by hand: one operation after the other, in few words.
use kafka_checker::history::{Group, Partition, Process};
use kafka_checker::{Action, Copy, FinalRead, History, Isolation, Operation, Outcome, Span, Step, Value};

#[derive(Clone, Default)]
pub struct Tale {
    history: History,
    time: u64,
}

/// A record of a transaction or a poll: its number (attempt 0) and offset.
pub type At = (u64, i64);

pub fn send(partition: Partition, (number, offset): At) -> Action {
    Action::Send { partition, value: Value::first(number), offset: Some(offset) }
}

pub fn sent(partition: Partition, number: u64) -> Action {
    Action::Send { partition, value: Value::first(number), offset: None }
}

pub fn poll(partition: Partition, isolation: Isolation, records: &[At]) -> Action {
    let records = records.iter().map(|(number, offset)| (*offset, Value::first(*number))).collect();
    Action::Poll { partition, isolation, from: None, records, end: None }
}

pub fn ends(partition: Partition, isolation: Isolation, end: i64) -> Action {
    Action::Poll { partition, isolation, from: None, records: Vec::new(), end: Some(end) }
}

pub fn commit(group: Group, offset: i64) -> Action {
    Action::Commit { group, partition: 0, offset }
}

pub fn told(group: Group, offset: Option<i64>) -> Action {
    Action::Committed { group, partition: 0, offset }
}

impl Tale {
    pub fn new() -> Tale {
        Tale { history: History::default(), time: 10 }
    }

    fn operation(mut self, process: Process, outcome: Outcome, transactional: bool, actions: Vec<Action>) -> Tale {
        let from = self.time;
        let mut steps = Vec::new();
        for action in actions {
            steps.push(Step { span: Span { from: self.time + 1, to: self.time + 2 }, action });
            self.time += 3;
        }
        self.time += 2;
        let decided = (transactional && outcome != Outcome::Undone).then_some(self.time - 1);
        let span = Span { from, to: self.time };
        self.history.operations.push(Operation { process, transactional, outcome, span, decided, steps });
        self.time += 1;
        self
    }

    /// What no transaction holds together.
    pub fn plain(self, process: Process, actions: Vec<Action>) -> Tale {
        self.operation(process, Outcome::Done, false, actions)
    }

    pub fn plain_as(self, process: Process, outcome: Outcome, actions: Vec<Action>) -> Tale {
        self.operation(process, outcome, false, actions)
    }

    pub fn transaction(self, process: Process, outcome: Outcome, actions: Vec<Action>) -> Tale {
        self.operation(process, outcome, true, actions)
    }

    /// The last operation began when the one before it did: they overlap.
    pub fn meanwhile(mut self) -> Tale {
        let count = self.history.operations.len();
        let from = self.history.operations[count - 2].span.from;
        let last = &mut self.history.operations[count - 1];
        last.span.from = from;
        for step in &mut last.steps {
            step.span.from = from;
        }
        self
    }

    /// The last look of readers of one kind.
    pub fn last(mut self, partition: Partition, isolation: Isolation, records: &[At]) -> Tale {
        let records = records.iter().map(|(number, offset)| (*offset, Value::first(*number))).collect();
        self.history.finals.push(FinalRead { partition, isolation, records });
        self
    }

    pub fn copies(mut self, input: Partition, outputs: &[Partition]) -> Tale {
        self.history.copies.push(Copy { input, outputs: outputs.to_vec() });
        self
    }

    pub fn history(self) -> History {
        self.history
    }
}
