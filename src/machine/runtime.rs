//! Runs one machine on its journal: append first, replay second, answer after the commit.
use super::{Journal, Machine, NotWritten, Outcome, Ticket, Turn};
use crate::{log::Watermark, types::Offset};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::oneshot::{self, error::TryRecvError};

/// What an operation was answered, and how far the journal must be committed before it may be told.
struct Answered<T> {
    reply: T,
    saw: Offset,
}

/// Where one answer goes.
type Waiting<T> = oneshot::Sender<Told<T>>;

/// A machine at work. The owner keeps it behind a lock and awaits a [`Pending`] without it.
pub struct Runtime<M: Machine, J> {
    machine: M,
    hard: M::Hard,
    soft: M::Soft,
    pub(super) journal: J,
    waiting: BTreeMap<Ticket, Waiting<M::Reply>>,
    next_ticket: u64,
    voided: bool,
}

impl<M: Machine, J: Journal<M::Record>> Runtime<M, J> {
    /// `hard` is what the journal's records made so far (see [`Runtime::load`]).
    pub fn new(machine: M, hard: M::Hard, journal: J) -> Runtime<M, J> {
        Runtime {
            machine,
            hard,
            soft: M::Soft::default(),
            journal,
            waiting: BTreeMap::new(),
            next_ticket: 0,
            voided: false,
        }
    }

    /// Replays what the journal holds, group by group as they were appended.
    pub fn load<E: From<M::Fault>>(
        machine: M,
        mut hard: M::Hard,
        journal: J,
        groups: impl IntoIterator<Item = Result<(Offset, Vec<M::Record>), E>>,
    ) -> Result<Runtime<M, J>, E> {
        for group in groups {
            let (base, records) = group?;
            machine.replay(&mut hard, base, records)?;
        }
        Ok(Runtime::new(machine, hard, journal))
    }

    /// Decides `op` and writes what it decided. Journal first, replay second: a failed append leaves the hard state
    /// as it was, so nothing is ever undone.
    pub fn run(&mut self, op: M::Op) -> Pending<M::Reply> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let turn = Turn { ticket, next: self.journal.end() };
        let Outcome { records, answers } = self.machine.decide(&self.hard, &mut self.soft, op, turn);
        if let Err(why) = self.write(turn, records) {
            self.give_up(NotWritten::Voided);
            self.voided = true;
            return self.pending(Answer::Told(Err(why)));
        }
        let saw = self.journal.end();
        let mut own = None;
        for (answered, reply) in answers {
            let told = Ok(Answered { reply, saw });
            let was_answered = if answered == ticket {
                own.replace(told).is_some()
            } else {
                // Who asked may have gone away; what was decided stands.
                self.waiting.remove(&answered).map(|sender| sender.send(told)).is_none()
            };
            assert!(!was_answered, "a ticket is answered once");
        }
        // Most are answered at once, and need nowhere to wait.
        let answer = own.map_or_else(|| self.park(ticket), Answer::Told);
        self.pending(answer)
    }

    fn park(&mut self, ticket: Ticket) -> Answer<M::Reply> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(ticket, sender);
        Answer::Awaited(receiver)
    }

    fn pending(&self, answer: Answer<M::Reply>) -> Pending<M::Reply> {
        Pending { answer, committed: self.journal.committed().clone() }
    }

    fn write(&mut self, turn: Turn, records: Vec<M::Record>) -> Result<(), NotWritten> {
        if records.is_empty() {
            return Ok(());
        }
        let count = records.len() as i64;
        let base = self.journal.append(&records)?;
        assert_eq!(base, turn.next, "nobody else writes this journal");
        assert_eq!(self.journal.end(), base.plus(count), "the journal grew by what was appended");
        if let Err(fault) = self.machine.replay(&mut self.hard, base, records) {
            panic!("what was decided does not replay: {fault}");
        }
        Ok(())
    }

    /// The journal is no longer ours to write: soft state is void and everyone parked here must ask elsewhere.
    pub fn give_up(&mut self, why: NotWritten) {
        self.soft = M::Soft::default();
        for sender in std::mem::take(&mut self.waiting).into_values() {
            let _ = sender.send(Err(why.clone()));
        }
    }

    /// Whether soft state was lost to a failed append since the last question: the owner begins anew, as after a load.
    pub fn take_voided(&mut self) -> bool {
        std::mem::take(&mut self.voided)
    }

    pub fn soft(&self) -> &M::Soft {
        &self.soft
    }

    pub fn hard(&self) -> &M::Hard {
        &self.hard
    }

    /// For what the owner takes out of hard state (changes to publish); never to alter what records say.
    pub fn hard_mut(&mut self) -> &mut M::Hard {
        &mut self.hard
    }

    pub fn journal(&self) -> &J {
        &self.journal
    }

    #[cfg(test)]
    pub fn journal_mut(&mut self) -> &mut J {
        &mut self.journal
    }

    /// Requests without an answer, parked by the machine.
    pub fn parked(&self) -> usize {
        self.waiting.len()
    }
}

/// What came of one operation.
type Told<T> = Result<Answered<T>, NotWritten>;

enum Answer<T> {
    Told(Told<T>),
    Awaited(oneshot::Receiver<Told<T>>),
}

/// An operation on its way. Dropping it gives up the answer, not what was decided.
pub struct Pending<T> {
    answer: Answer<T>,
    committed: Arc<Watermark>,
}

impl<T> Pending<T> {
    /// The reply, once the journal has committed everything it saw.
    pub async fn reply(self) -> Result<T, NotWritten> {
        let answered = match self.answer {
            Answer::Told(told) => told?,
            Answer::Awaited(receiver) => receiver.await.unwrap_or(Err(NotWritten::Stopping))?,
        };
        self.committed.reached(answered.saw).await?;
        Ok(answered.reply)
    }

    /// The reply as decided, which may still be lost: not to be told. `None` when the machine parked it or nothing was written.
    pub fn decided(&mut self) -> Option<&T> {
        self.look();
        match &self.answer {
            Answer::Told(Ok(answered)) => Some(&answered.reply),
            _ => None,
        }
    }

    /// As [`Pending::decided`], for who tells nobody.
    pub fn before_commit(mut self) -> Option<Result<T, NotWritten>> {
        self.look();
        match self.answer {
            Answer::Told(told) => Some(told.map(|answered| answered.reply)),
            Answer::Awaited(_) => None,
        }
    }

    /// Whether somebody has answered by now.
    fn look(&mut self) {
        let Answer::Awaited(receiver) = &mut self.answer else { return };
        match receiver.try_recv() {
            Ok(told) => self.answer = Answer::Told(told),
            Err(TryRecvError::Closed) => self.answer = Answer::Told(Err(NotWritten::Stopping)),
            Err(TryRecvError::Empty) => {}
        }
    }
}
