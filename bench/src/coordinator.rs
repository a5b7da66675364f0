//! Awaits the coordinators: a broker makes its internal topics when somebody asks for the first time.
use crate::{
    fault::Fault,
    wire::{Answer, Api, Connection, Request},
};
use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

const WAIT_SECONDS: u64 = 30;
const POLL: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Group = 0,
    Transaction = 1,
}

/// Waits until the broker names the coordinator of `key`.
pub fn await_found(address: SocketAddr, kind: Kind, key: &str) -> Result<(), Fault> {
    let request = Request::new(Api::FindCoordinator).string(key).int8(kind as i8).finish();
    let mut connection = Connection::open(address)?;
    let asked = Instant::now();
    while asked.elapsed().as_secs() < WAIT_SECONDS {
        let mut answer = Answer::new(connection.call(&request)?, "FindCoordinator")?;
        answer.int32()?;
        if answer.int16()? == 0 {
            return Ok(());
        }
        thread::sleep(POLL);
    }
    Err(Fault::TooLate { what: format!("finding the coordinator of {key}"), seconds: WAIT_SECONDS })
}

/// Coordinators are there but not ready, or busy with what was asked before: the same is asked again.
pub fn is_passing(code: i16) -> bool {
    const LOADING: i16 = 14;
    const NOT_AVAILABLE: i16 = 15;
    const NOT_COORDINATOR: i16 = 16;
    const CONCURRENT_TRANSACTIONS: i16 = 51;
    [LOADING, NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS].contains(&code)
}
