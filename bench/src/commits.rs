//! Offset commits: one partition in each, of many groups without members, several in flight on each connection.
use crate::{
    admin::Target,
    coordinator::{self, Kind},
    fault::Fault,
    pipeline::{self, Done, Terms},
    wire::{Answer, Api, Connection, Request},
};
use std::{
    fmt, thread,
    time::{Duration, Instant},
};

#[derive(Clone, Debug)]
pub struct Commits {
    pub groups: usize,
    pub connections: usize,
    pub in_flight: usize,
    pub time: Duration,
}

pub struct Committed {
    pub done: Done,
    pub seconds: f64,
    pub cpu_seconds: f64,
}

impl Committed {
    pub fn per_second(&self) -> f64 {
        self.done.requests as f64 / self.seconds
    }

    pub fn per_cpu_second(&self) -> f64 {
        self.done.requests as f64 / self.cpu_seconds
    }
}

impl fmt::Display for Committed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} commits/s, {:.0} per CPU second, p50 {:.3} ms, p99 {:.3} ms, {} errors",
            self.per_second(),
            self.per_cpu_second(),
            self.done.latency.quantile_ms(0.5),
            self.done.latency.quantile_ms(0.99),
            self.done.errors,
        )
    }
}

pub fn group(index: usize) -> String {
    format!("bench-group-{index}")
}

/// Groups are shared out among the connections; each commits for its own in turn.
pub fn run(target: &Target, load: &Commits) -> Result<Committed, Fault> {
    for index in 0..load.groups {
        coordinator::await_found(target.address, Kind::Group, &group(index))?;
    }
    let cpu_before = target.cpu_seconds();
    let started = Instant::now();
    let mut done = Done::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..load.connections.min(load.groups))
            .map(|index| scope.spawn(move || commit(target, load, index, started + load.time)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            done.merge(&thread.join().expect("a committer does not panic")?);
            Ok::<_, Fault>(())
        })
    })?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Committed { done, seconds, cpu_seconds: target.cpu_seconds() - cpu_before })
}

fn commit(target: &Target, load: &Commits, connection: usize, until: Instant) -> Result<Done, Fault> {
    let mine = (connection..load.groups).step_by(load.connections);
    let frames: Vec<Vec<u8>> = mine
        .map(|index| {
            let partition = index as i32 % target.partitions;
            request(&group(index), &target.topic, partition..partition + 1, index as i64)
        })
        .collect();
    let terms = Terms {
        in_flight: load.in_flight,
        answered: true,
        over: &|| Instant::now() >= until,
        taken: &|| {},
        code: error_code,
    };
    pipeline::drive(&mut Connection::open(target.address)?, &frames, &terms)
}

/// By a consumer that is in no group: neither member nor generation.
pub fn request(group: &str, topic: &str, partitions: std::ops::Range<i32>, offset: i64) -> Vec<u8> {
    let request = Request::new(Api::OffsetCommit).string(group).int32(-1).string("").null_string();
    let request = request.int32(1).string(topic).int32(partitions.len() as i32);
    let one = |request: Request, partition| request.int32(partition).int64(offset).int32(-1).string("");
    partitions.fold(request, one).finish()
}

/// The first error code in an answer.
pub fn error_code(frame: &[u8]) -> Result<i16, Fault> {
    let mut answer = Answer::new(frame, "OffsetCommit")?;
    answer.int32()?;
    answer.first_error_code(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_code_of_all_partitions_is_told() {
        let mut answer = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 3];
        for (partition, code) in [(0, 0), (1, 25), (2, 3)] {
            answer.extend([0, 0, 0, partition, 0, code]);
        }
        assert_eq!(error_code(&answer).unwrap(), 25);
        answer.pop();
        assert!(error_code(&answer).is_err());
    }
}
