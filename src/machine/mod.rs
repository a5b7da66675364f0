//! Replicated state machines: decide, journal, replay, answer. The controller and every coordinator run on this.
mod runtime;
mod timers;

pub use runtime::{Pending, Runtime};
pub use timers::Timers;

use crate::{
    log::{Closed, Watermark},
    types::Offset,
};
use std::sync::Arc;

/// Pure rules over two kinds of state: `Hard` is rebuilt from the journal, `Soft` is lost with leadership.
/// The machine itself holds what never changes while it runs: limits, defaults, checks.
pub trait Machine {
    type Hard;
    type Soft: Default;
    type Record;
    type Op;
    type Reply: Send + 'static;
    /// Why a record does not follow from those before it.
    type Fault: std::error::Error;

    /// Says what to write and whom to answer. The borrow forbids touching hard state here.
    fn decide(
        &self,
        hard: &Self::Hard,
        soft: &mut Self::Soft,
        op: Self::Op,
        turn: Turn,
    ) -> Outcome<Self::Record, Self::Reply>;

    /// The only writer of hard state, at run time and when loading alike. `records` were appended as one, the first
    /// of them at `base`.
    fn replay(&self, hard: &mut Self::Hard, base: Offset, records: Vec<Self::Record>) -> Result<(), Self::Fault>;
}

/// One waiting request; a machine may answer it now or in the outcome of a later operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(u64);

/// What an operation may want to know beside the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Of this operation.
    pub ticket: Ticket,
    /// The offset that the first record of the outcome will have.
    pub next: Offset,
}

/// Everything an operation decided. Answers leave only when the journal has committed all they saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome<R, T> {
    pub records: Vec<R>,
    pub answers: Vec<(Ticket, T)>,
}

impl<R, T> Outcome<R, T> {
    /// The usual outcome: these records, and this answer for the one who asked.
    pub fn answer(turn: Turn, records: Vec<R>, reply: T) -> Outcome<R, T> {
        Outcome { records, answers: vec![(turn.ticket, reply)] }
    }

    /// Nothing yet: the ticket is kept in soft state and answered later.
    pub fn park() -> Outcome<R, T> {
        Outcome { records: Vec::new(), answers: Vec::new() }
    }
}

/// Where a machine's records are kept: the metadata log, or one partition of an internal topic.
pub trait Journal<R> {
    /// All records as one, or none; the offset of the first. Does not wait for the commit.
    fn append(&mut self, records: &[R]) -> Result<Offset, NotWritten>;
    /// Where the next record goes.
    fn end(&self) -> Offset;
    /// Records below this are safe, and what they say may be told. Closed when the journal can no longer be written.
    fn committed(&self) -> &Arc<Watermark>;
}

/// Nothing was promised: the caller asks again, here or where the leader is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotWritten {
    #[error("this node does not lead the journal")]
    NotLeader,
    #[error("the node is stopping")]
    Stopping,
    #[error("the journal cannot be written: {0}")]
    Storage(String),
}

impl From<Closed> for NotWritten {
    fn from(closed: Closed) -> NotWritten {
        match closed {
            Closed::NotLeader | Closed::Deleted => NotWritten::NotLeader,
            Closed::Stopping => NotWritten::Stopping,
            Closed::StorageFailed => NotWritten::Storage(closed.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
