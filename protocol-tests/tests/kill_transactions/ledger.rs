//! What the clients did, written down as they did it, with a clock that never says one time twice.
use kafka_checker::{Action, Operation, Outcome, Span, Step};
use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::SeqCst},
};

#[derive(Default)]
pub struct Ledger {
    clock: AtomicU64,
    operations: Mutex<Vec<Operation>>,
}

impl Ledger {
    pub fn tick(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst) + 1
    }

    /// An operation that begins now.
    pub fn begin(&self, process: u32, transactional: bool) -> Entry<'_> {
        let span = Span { from: self.tick(), to: 0 };
        let operation =
            Operation { process, transactional, outcome: Outcome::Unknown, span, decided: None, steps: Vec::new() };
        Entry { ledger: self, operation }
    }

    pub fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut self.operations.lock().expect("no writer panicked"))
    }
}

/// An operation under way.
pub struct Entry<'a> {
    ledger: &'a Ledger,
    operation: Operation,
}

impl Entry<'_> {
    /// The time before a step.
    pub fn now(&self) -> u64 {
        self.ledger.tick()
    }

    /// A step that began at `from` and ends now.
    pub fn step(&mut self, from: u64, action: Action) {
        let span = Span { from, to: self.ledger.tick() };
        self.operation.steps.push(Step { span, action });
    }

    pub fn unexpected(&mut self, what: String) {
        self.step(self.now(), Action::Unexpected { what });
    }

    /// The commit is about to be asked for.
    pub fn decide(&mut self) {
        self.operation.decided = Some(self.ledger.tick());
    }

    /// Of what the last poll brought, its process took no more than this.
    pub fn keep_polled(&mut self, count: usize) {
        if let Some(Step { action: Action::Poll { records, .. }, .. }) = self.operation.steps.last_mut() {
            records.truncate(count);
        }
    }

    pub fn has_unexpected(&self) -> bool {
        self.operation.steps.iter().any(|step| matches!(step.action, Action::Unexpected { .. }))
    }

    pub fn is_decided(&self) -> bool {
        self.operation.decided.is_some()
    }

    pub fn end(mut self, outcome: Outcome) {
        self.operation.outcome = outcome;
        self.operation.span.to = self.ledger.tick();
        self.ledger.operations.lock().expect("no writer panicked").push(self.operation);
    }
}
