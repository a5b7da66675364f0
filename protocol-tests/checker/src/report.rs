//! What was found, in words that name the records.
use crate::history::{Group, Index, Isolation, Partition, Value};
use std::{collections::BTreeMap, fmt};

/// No report shows more of one class.
const SHOWN_MAX: usize = 8;

/// Where a record stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub partition: Partition,
    pub offset: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "partition {} at {}", self.partition, self.offset)
    }
}

/// The operation that read something; `None` is the last read of all.
pub type Reader = Option<Index>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Anomaly {
    InconsistentOffset { place: Place, values: Vec<Value> },
    Duplicate { partition: Partition, value: Value, offsets: Vec<i64> },
    LostWrite { place: Place, value: Value, writer: Index },
    Unseen { partition: Partition, value: Value, writer: Index },
    AbortedRead { place: Place, value: Value, writer: Index, reader: Reader },
    EarlyRead { place: Place, value: Value, writer: Index, reader: Reader },
    PhantomRead { place: Place, value: Value, reader: Reader },
    TornTransaction { writer: Index, seen: Vec<(Partition, Value)>, missing: Vec<(Partition, Value)> },
    PollSkip { reader: Reader, inside: bool, from: i64, to: i64, skipped: Place, value: Value },
    PollBack { reader: Index, inside: bool, partition: Partition, from: i64, to: i64 },
    SendBack { writer: Index, inside: bool, partition: Partition, first: (Value, i64), then: (Value, i64) },
    AppendBehind { writer: Index, place: Place, value: Value, known: i64 },
    StaleEnd { reader: Index, partition: Partition, isolation: Isolation, end: i64, known: i64 },
    LostCommit { reader: Index, group: Group, partition: Partition, told: Option<i64>, commit: (Index, i64) },
    CommitBack { reader: Index, group: Group, partition: Partition, told: Option<i64>, earlier: (Index, i64) },
    AbortedCommit { reader: Index, group: Group, partition: Partition, told: i64, writer: Index },
    PhantomCommit { reader: Index, group: Group, partition: Partition, told: i64 },
    CopyMissing { input: Place, number: u64 },
    CopyTwice { input: Partition, number: u64, places: Vec<Place> },
    CopyReordered { input: Partition, first: (Place, u64), then: (Place, u64) },
    CopyOfNothing { place: Place, value: Value },
    Cycle { operations: Vec<Index> },
    Unexpected { operation: Index, what: String },
}

macro_rules! classes {
    ($($name:ident),*) => {
        /// The kinds of anomalies, without their particulars.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Class {
            $($name,)*
        }

        impl Anomaly {
            pub fn class(&self) -> Class {
                match self {
                    $(Anomaly::$name { .. } => Class::$name,)*
                }
            }
        }
    };
}

classes!(
    InconsistentOffset,
    Duplicate,
    LostWrite,
    Unseen,
    AbortedRead,
    EarlyRead,
    PhantomRead,
    TornTransaction,
    PollSkip,
    PollBack,
    SendBack,
    AppendBehind,
    StaleEnd,
    LostCommit,
    CommitBack,
    AbortedCommit,
    PhantomCommit,
    CopyMissing,
    CopyTwice,
    CopyReordered,
    CopyOfNothing,
    Cycle,
    Unexpected
);

/// Everything that is wrong with a history.
#[derive(Clone, Debug)]
pub struct Report {
    pub anomalies: Vec<Anomaly>,
    pub operations: usize,
}

impl Report {
    pub fn is_clean(&self) -> bool {
        self.anomalies.is_empty()
    }

    /// How many there are of each class.
    pub fn classes(&self) -> BTreeMap<Class, usize> {
        let mut counts = BTreeMap::new();
        for anomaly in &self.anomalies {
            *counts.entry(anomaly.class()).or_default() += 1;
        }
        counts
    }

    pub fn has(&self, class: Class) -> bool {
        self.anomalies.iter().any(|anomaly| anomaly.class() == class)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.is_clean() {
            return write!(f, "{} operations, no anomaly", self.operations);
        }
        write!(f, "{} operations, {} anomalies", self.operations, self.anomalies.len())?;
        for (class, count) in self.classes() {
            write!(f, "\n{class:?}: {count}")?;
            for anomaly in self.anomalies.iter().filter(|anomaly| anomaly.class() == class).take(SHOWN_MAX) {
                write!(f, "\n  {anomaly}")?;
            }
        }
        Ok(())
    }
}

fn by(reader: Reader) -> String {
    reader.map_or("the last read".to_string(), |index| format!("operation {index}"))
}

fn told(offset: Option<i64>) -> String {
    offset.map_or("no offset".to_string(), |offset| offset.to_string())
}

fn within(inside: bool) -> &'static str {
    if inside { "within one operation" } else { "from one operation to the next" }
}

fn records(of: &[(Partition, Value)]) -> String {
    let each: Vec<String> = of.iter().map(|(partition, value)| format!("{value} in {partition}")).collect();
    each.join(", ")
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Anomaly::InconsistentOffset { place, values } => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                write!(f, "{place} holds {}", values.join(" and "))
            }
            Anomaly::Duplicate { partition, value, offsets } => {
                write!(f, "partition {partition} holds {value} at each of {offsets:?}")
            }
            Anomaly::LostWrite { place, value, writer } => {
                write!(f, "{place}: {value}, acknowledged to operation {writer}, is not there")
            }
            Anomaly::Unseen { partition, value, writer } => {
                write!(f, "partition {partition}: {value} of operation {writer} was never seen")
            }
            Anomaly::AbortedRead { place, value, writer, reader } => {
                write!(f, "{place}: {value} of aborted operation {writer} was read by {}", by(*reader))
            }
            Anomaly::EarlyRead { place, value, writer, reader } => {
                write!(f, "{place}: {value} was read by {} before operation {writer} asked to commit", by(*reader))
            }
            Anomaly::PhantomRead { place, value, reader } => {
                write!(f, "{place}: {value} was read by {} and sent by nobody", by(*reader))
            }
            Anomaly::TornTransaction { writer, seen, missing } => {
                let counts = if seen.is_empty() { "its offset".to_string() } else { records(seen) };
                write!(f, "of operation {writer} counts {counts}; missing is {}", records(missing))
            }
            Anomaly::PollSkip { reader, inside, from, to, skipped, value } => {
                write!(f, "{}, {}: from {from} to {to}, past {value} of {skipped}", by(*reader), within(*inside))
            }
            Anomaly::PollBack { reader, inside, partition, from, to } => {
                write!(f, "operation {reader}, {}: partition {partition} at {to} behind {from}", within(*inside))
            }
            Anomaly::SendBack { writer, inside, partition, first, then } => write!(
                f,
                "operation {writer}, {}: partition {partition} has {} at {}, sent after {} at {}",
                within(*inside),
                then.0,
                then.1,
                first.0,
                first.1
            ),
            Anomaly::AppendBehind { writer, place, value, known } => {
                write!(f, "{place}: {value} of operation {writer} was appended where {known} had been known before")
            }
            Anomaly::StaleEnd { reader, partition, isolation, end, known } => {
                write!(
                    f,
                    "partition {partition} ({isolation:?}) ends at {end} for operation {reader}, {known} was known before"
                )
            }
            _ => self.of_groups(f),
        }
    }
}

impl Anomaly {
    fn of_groups(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Anomaly::LostCommit { reader, group, partition, told: offset, commit: (writer, wanted) } => write!(
                f,
                "group {group}, partition {partition}: operation {reader} was told {} after operation {writer} had committed {wanted}",
                told(*offset)
            ),
            Anomaly::CommitBack { reader, group, partition, told: offset, earlier: (before, seen) } => write!(
                f,
                "group {group}, partition {partition}: operation {reader} was told {} after operation {before} had been told {seen}",
                told(*offset)
            ),
            Anomaly::AbortedCommit { reader, group, partition, told, writer } => {
                write!(
                    f,
                    "group {group}, partition {partition}: operation {reader} was told {told} of aborted operation {writer}"
                )
            }
            Anomaly::PhantomCommit { reader, group, partition, told } => {
                write!(
                    f,
                    "group {group}, partition {partition}: operation {reader} was told {told}, which nobody committed"
                )
            }
            Anomaly::CopyMissing { input, number } => write!(f, "{number}, read from {input}, has no copy"),
            Anomaly::CopyTwice { input, number, places } => {
                let places: Vec<String> = places.iter().map(Place::to_string).collect();
                write!(f, "{number} of partition {input} has copies in {}", places.join(" and "))
            }
            Anomaly::CopyReordered { input, first, then } => {
                write!(f, "partition {input}: {} in {} stands before {} in {}", first.1, first.0, then.1, then.0)
            }
            Anomaly::CopyOfNothing { place, value } => write!(f, "{place}: {value} is a copy of nothing"),
            Anomaly::Cycle { operations } => write!(f, "each of the operations {operations:?} has read of another one"),
            Anomaly::Unexpected { operation, what } => write!(f, "operation {operation}: {what}"),
            _ => Ok(()),
        }
    }
}
