//! What a test writes down: operations of processes, each with its steps, their times and how it ended.
use std::fmt;

/// A partition, by a number that the test gives it.
pub type Partition = u32;
/// A group, by a number that the test gives it.
pub type Group = u32;
/// A client: one thread that does one thing after the other.
pub type Process = u32;
/// Where an operation stands in its history.
pub type Index = usize;

/// A record. What is sent again after an abort has the number it had and another attempt: no value is ever sent by two
/// operations to one partition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Value {
    pub number: u64,
    pub attempt: u32,
}

impl Value {
    pub fn first(number: u64) -> Value {
        Value { number, attempt: 0 }
    }

    /// Reads what `Display` has written.
    pub fn parse(text: &str) -> Option<Value> {
        let (number, attempt) = text.split_once('.')?;
        Some(Value { number: number.parse().ok()?, attempt: attempt.parse().ok()? })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}.{}", self.number, self.attempt)
    }
}

/// From before the first byte left to after the answer came, on one clock for all processes that never repeats a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub from: u64,
    pub to: u64,
}

impl Span {
    /// This ended before that began.
    pub fn precedes(self, other: Span) -> bool {
        self.to < other.from
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Isolation {
    Uncommitted,
    Committed,
}

/// What is known of an operation's effect. Only an answer that says so makes it `Done` or `Undone`; a transaction whose commit
/// was never asked for is `Undone` as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    Undone,
    Unknown,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// A record to a partition; `offset` is that of the answer.
    Send { partition: Partition, value: Value, offset: Option<i64> },
    /// What a fetch from `from` on brought, in its order, and the end it told: high watermark or last stable offset.
    Poll { partition: Partition, isolation: Isolation, from: Option<i64>, records: Vec<(i64, Value)>, end: Option<i64> },
    /// An offset handed in for a group; whether it counts is the operation's outcome.
    Commit { group: Group, partition: Partition, offset: i64 },
    /// What the coordinator told of a group.
    Committed { group: Group, partition: Partition, offset: Option<i64> },
    /// The process reads this partition from elsewhere from now on.
    Seek { partition: Partition },
    /// An answer that no client should get here.
    Unexpected { what: String },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    pub span: Span,
    pub action: Action,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    pub process: Process,
    /// Its sends and commits are one transaction.
    pub transactional: bool,
    pub outcome: Outcome,
    pub span: Span,
    /// When the commit was first asked for: nobody may see the transaction's records before.
    pub decided: Option<u64>,
    pub steps: Vec<Step>,
}

/// A partition read from its begin to its end after everything had come to rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FinalRead {
    pub partition: Partition,
    pub isolation: Isolation,
    pub records: Vec<(i64, Value)>,
}

/// Every committed record of `input` should stand in one of `outputs` once, under its number, and those that went to one
/// output in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    pub input: Partition,
    pub outputs: Vec<Partition>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    /// Those of one process stand in the order in which it did them.
    pub operations: Vec<Operation>,
    pub finals: Vec<FinalRead>,
    pub copies: Vec<Copy>,
}

impl History {
    pub fn steps(&self) -> impl Iterator<Item = (Index, &Operation, &Step)> {
        let operations = self.operations.iter().enumerate();
        operations.flat_map(|(index, operation)| operation.steps.iter().map(move |step| (index, operation, step)))
    }

    pub fn final_read(&self, partition: Partition, isolation: Isolation) -> Option<&FinalRead> {
        self.finals.iter().find(|read| read.partition == partition && read.isolation == isolation)
    }
}

impl Operation {
    /// The records it sent.
    pub fn sends(&self) -> impl Iterator<Item = (Span, Partition, Value, Option<i64>)> {
        self.steps.iter().filter_map(|step| match step.action {
            Action::Send { partition, value, offset } => Some((step.span, partition, value, offset)),
            _ => None,
        })
    }
}
