//! Requests that were encoded once, sent in turn, several in flight on one connection; every answer timed and judged.
use crate::{fault::Fault, histogram::Histogram, wire::Connection};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How one connection is used.
pub struct Terms<'a> {
    pub in_flight: usize,
    /// Whether requests are answered at all (`acks=0` is not).
    pub answered: bool,
    /// No more requests are sent.
    pub over: &'a dyn Fn() -> bool,
    /// Told of each request that was taken.
    pub taken: &'a dyn Fn(),
    /// The error code in an answer.
    pub code: fn(&[u8]) -> Result<i16, Fault>,
}

/// What one connection did, or several together.
#[derive(Clone)]
pub struct Done {
    pub requests: u64,
    /// Requests answered with an error code; they are in no other figure.
    pub errors: u64,
    pub latency: Histogram,
}

impl Done {
    pub fn new() -> Done {
        Done { requests: 0, errors: 0, latency: Histogram::new() }
    }

    pub fn merge(&mut self, other: &Done) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency.merge(&other.latency);
    }

    pub fn note(&mut self, code: i16, latency: Duration) {
        if code == 0 {
            self.latency.record(latency);
            self.requests += 1;
        } else {
            self.errors += 1;
        }
    }
}

/// Sends `frames` in turn until it is over, and takes in what is in flight then.
pub fn drive(connection: &mut Connection, frames: &[Vec<u8>], terms: &Terms<'_>) -> Result<Done, Fault> {
    let mut done = Done::new();
    let mut waiting: VecDeque<Instant> = VecDeque::with_capacity(terms.in_flight);
    let mut turn = frames.iter().cycle();
    loop {
        if waiting.len() < terms.in_flight && !(terms.over)() {
            let frame = turn.next().expect("at least one frame");
            let sent = Instant::now();
            connection.send(frame)?;
            if terms.answered {
                waiting.push_back(sent);
            } else {
                done.requests += 1;
                (terms.taken)();
            }
            continue;
        }
        let Some(sent) = waiting.pop_front() else { return Ok(done) };
        let code = (terms.code)(connection.receive()?)?;
        done.note(code, sent.elapsed());
        if code == 0 {
            (terms.taken)();
        }
    }
}
