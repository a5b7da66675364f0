//! A client's line to a broker that comes and goes: it connects again, and asks again while the broker says "not yet".
use crate::connection::Failure;
use crate::random::Random;
use crate::time::{Stopwatch, pause_ms};
use crate::{Code, Connection};
use kafka_protocol::protocol::Request;
use std::net::SocketAddr;

/// Nobody waits longer for a broker.
const WAIT_MS_MAX: u64 = 120_000;
/// What a client of Kafka answers by asking again.
const NOT_YET: [Code; 9] = [
    Code::CoordinatorLoadInProgress,
    Code::CoordinatorNotAvailable,
    Code::NotCoordinator,
    Code::ConcurrentTransactions,
    Code::UnknownTopicOrPartition,
    Code::NotLeaderOrFollower,
    Code::RequestTimedOut,
    Code::NotEnoughReplicas,
    Code::UnstableOffsetCommit,
];

/// The client has given the request up; whether it took effect nobody knows.
#[derive(Debug)]
pub struct GivenUp;

pub struct Line {
    address: SocketAddr,
    connection: Option<Connection>,
    random: Random,
    temper: Temper,
}

/// How a client fares; each number says "one in so many", and 0 never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Temper {
    /// Broken connections that make it give up instead of asking again.
    pub given_up: usize,
    /// Requests after which the connection breaks, so that nobody hears the answer.
    pub unheard: usize,
}

impl Line {
    pub fn new(address: SocketAddr, random: Random, temper: Temper) -> Line {
        Line { address, connection: None, random, temper }
    }

    /// Drops the connection, as a client does that dies.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Asks until there is an answer that says something; `code` finds what it says.
    ///
    /// # Errors
    /// When the connection broke and the client is not patient enough.
    ///
    /// # Panics
    /// When there is no such answer for minutes, or one that is none.
    pub fn ask<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response, GivenUp> {
        let watch = Stopwatch::start();
        loop {
            assert!(watch.elapsed_ms() < WAIT_MS_MAX, "API {}: no answer for minutes", R::KEY);
            let Some(mut connection) = self.connection.take().or_else(|| Connection::try_open_at(self.address).ok())
            else {
                pause_ms(5);
                continue;
            };
            let answer = match self.one_in(self.temper.unheard) {
                true => connection.try_send(version, request).map_err(|_| Failure::Closed).and(Err(Failure::Closed)),
                false => connection.try_call(version, request),
            };
            match answer {
                Ok(answer) => {
                    self.connection = Some(connection);
                    let code = code(&answer);
                    if !NOT_YET.iter().any(|not_yet| not_yet.code() == code) {
                        return Ok(answer);
                    }
                    pause_ms(2);
                }
                Err(Failure::Malformed(what)) => panic!("API {} version {version}: {what}", R::KEY),
                Err(Failure::Closed | Failure::Silent) => {
                    if self.one_in(self.temper.given_up) {
                        return Err(GivenUp);
                    }
                }
            }
        }
    }

    /// As [`Line::ask`], but always waits to hear the answer. For requests that must not be carried out once more behind the client's
    /// back: what was sent over a connection that is gone may be read after what follows over the next one.
    ///
    /// # Errors
    /// As [`Line::ask`].
    pub fn ask_once<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        code: impl Fn(&R::Response) -> i16,
    ) -> Result<R::Response, GivenUp> {
        let unheard = std::mem::take(&mut self.temper.unheard);
        let answer = self.ask(version, request, code);
        self.temper.unheard = unheard;
        answer
    }

    fn one_in(&mut self, many: usize) -> bool {
        many > 0 && self.random.below(many) == 0
    }
}
