//! The loop of every test that kills its broker: rounds of load, kill -9 at a random moment and a new start on the same data.
//!
//! `OTTLA_KILL_ROUNDS` says how often, `OTTLA_KILL_SEED` repeats a run.
use crate::child::{Child, free_port};
use crate::random::Random;
use crate::time::{Stopwatch, now_ms, pause_ms};
use std::net::SocketAddr;
use tempfile::TempDir;

/// A load that has got no further by then is killed all the same.
const PROGRESS_MS_MAX: u64 = 5_000;

/// A broker of the test's own, or one that runs elsewhere and is left alone.
pub struct Kills {
    pub seed: u64,
    pub rounds: u64,
    address: SocketAddr,
    random: Random,
    own: Option<Own>,
}

struct Own {
    broker: Child,
    directory: TempDir,
    overrides: Vec<String>,
}

/// A number from the environment, or else `default`.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

impl Kills {
    /// Starts a broker; `None` where `OTTLA_TEST_BROKER` names one, which no test may kill.
    pub fn begin(rounds: u64, overrides: &[&str]) -> Option<Kills> {
        std::env::var_os("OTTLA_TEST_BROKER").is_none().then(|| Kills::begin_or_join(rounds, overrides))
    }

    /// As `begin`; the broker that `OTTLA_TEST_BROKER` names gets the load without the kills.
    pub fn begin_or_join(rounds: u64, overrides: &[&str]) -> Kills {
        let rounds = number("OTTLA_KILL_ROUNDS", rounds);
        let seed = number("OTTLA_KILL_SEED", now_ms() as u64);
        println!("OTTLA_KILL_SEED={seed} OTTLA_KILL_ROUNDS={rounds}");
        let random = Random::new(seed);
        if std::env::var_os("OTTLA_TEST_BROKER").is_some() {
            return Kills { seed, rounds, address: crate::address(), random, own: None };
        }
        let directory = tempfile::tempdir().expect("a directory");
        let broker = Child::start(free_port(), directory.path(), overrides);
        let overrides = overrides.iter().map(ToString::to_string).collect();
        Kills { seed, rounds, address: broker.address(), random, own: Some(Own { broker, directory, overrides }) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All rounds; `done` counts what the load has reached, in things called `what`.
    pub fn run(&mut self, what: &str, done: impl Fn() -> u64) {
        self.run_with(what, 0, done);
    }

    /// As `run`, for a load that takes its time to go on after a start: every other kill comes after it has got further by
    /// `progress`, or not within seconds.
    pub fn run_with(&mut self, what: &str, progress: u64, done: impl Fn() -> u64) {
        for round in 0..self.rounds {
            let (watch, begun) = (Stopwatch::start(), done());
            while round % 2 == 0 && done() < begun + progress && watch.elapsed_ms() < PROGRESS_MS_MAX {
                pause_ms(1);
            }
            pause_ms(50 + self.random.below(400) as u64);
            let before = done();
            match self.again() {
                Some(started_ms) => println!("round {round}: {before} {what}, back after {started_ms} ms"),
                None => println!("round {round}: {before} {what}"),
            }
        }
    }

    /// Kills the broker and starts it again; says how long it took to answer.
    pub fn again(&mut self) -> Option<u64> {
        let own = self.own.as_mut()?;
        own.broker.kill();
        let overrides: Vec<&str> = own.overrides.iter().map(String::as_str).collect();
        own.broker = Child::start(self.address.port(), own.directory.path(), &overrides);
        Some(own.broker.started_ms())
    }
}
