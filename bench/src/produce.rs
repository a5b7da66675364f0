//! Produce load: frames encoded once, several in flight on each connection, every answer timed and checked.
use crate::{
    admin::Target,
    batch,
    fault::Fault,
    histogram::Histogram,
    pipeline::{self, Done, Terms},
    wire::{Answer, Api, Connection, Request},
};
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

const ANSWER_WAIT_MS: i32 = 30_000;

/// What to send. The load ends at the first of its limits.
#[derive(Clone, Debug)]
pub struct Produce {
    pub connections: usize,
    pub in_flight: usize,
    pub records: usize,
    pub record_bytes: usize,
    pub acks: i16,
    pub time: Duration,
    pub bytes_max: u64,
}

/// What was acknowledged.
pub struct Produced {
    pub bytes: u64,
    pub records: u64,
    pub requests: u64,
    /// Requests answered with an error code; they are in no other figure.
    pub errors: u64,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub latency: Histogram,
}

impl Produced {
    pub fn mb_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.seconds
    }

    pub fn cpu_seconds_per_gb(&self) -> f64 {
        self.cpu_seconds / (self.bytes as f64 / 1e9)
    }

    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    pub fn cpu_micros_per_request(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.requests as f64
    }

    pub fn records_per_second(&self) -> f64 {
        self.records as f64 / self.seconds
    }
}

impl fmt::Display for Produced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "produce {:.1} MB/s, {:.0} records/s, {:.0} requests/s, p50 {:.3} ms, p99 {:.3} ms, {:.2} CPU-s/GB, {:.1} CPU-us/request, {} errors",
            self.mb_per_second(),
            self.records_per_second(),
            self.requests_per_second(),
            self.latency.quantile_ms(0.5),
            self.latency.quantile_ms(0.99),
            self.cpu_seconds_per_gb(),
            self.cpu_micros_per_request(),
            self.errors,
        )
    }
}

/// What all connections of one load share.
struct Shared<'a> {
    load: &'a Produce,
    targets: &'a [Target],
    bytes: AtomicU64,
    until: Instant,
}

/// Partitions are shared out among the connections; each sends to its own in turn.
pub fn run(target: &Target, load: &Produce) -> Result<Produced, Fault> {
    run_over(std::slice::from_ref(target), load)
}

/// Over the partitions of several topics of one broker.
pub fn run_over(targets: &[Target], load: &Produce) -> Result<Produced, Fault> {
    let cpu_seconds = || targets.first().map_or(f64::NAN, Target::cpu_seconds);
    let cpu_before = cpu_seconds();
    let started = Instant::now();
    let shared = Shared { load, targets, bytes: AtomicU64::new(0), until: started + load.time };
    let mut done = Done::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..load.connections)
            .map(|index| {
                let shared = &shared;
                scope.spawn(move || send(shared, index))
            })
            .collect();
        threads.into_iter().try_for_each(|thread| {
            done.merge(&thread.join().expect("a sender does not panic")?);
            Ok::<_, Fault>(())
        })
    })?;
    Ok(Produced {
        bytes: shared.bytes.load(Relaxed),
        records: done.requests * load.records as u64,
        requests: done.requests,
        errors: done.errors,
        seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu_before,
        latency: done.latency,
    })
}

/// The partitions of one connection out of several; every connection has at least one.
pub fn partitions_of(connection: usize, connections: usize, partitions: i32) -> Vec<i32> {
    share(connection, connections, (0..partitions).collect())
}

fn share<T: Copy>(connection: usize, connections: usize, all: Vec<T>) -> Vec<T> {
    let mine: Vec<T> = all.iter().skip(connection).step_by(connections).copied().collect();
    if mine.is_empty() { vec![all[connection % all.len()]] } else { mine }
}

pub fn request(target: &Target, partition: i32, acks: i16, batch: &[u8]) -> Vec<u8> {
    request_to(&target.topic, acks, &[partition], batch)
}

/// The same batch to each of these partitions.
pub fn request_to(topic: &str, acks: i16, partitions: &[i32], batch: &[u8]) -> Vec<u8> {
    let request = Request::new(Api::Produce).null_string().int16(acks).int32(ANSWER_WAIT_MS).int32(1).string(topic);
    let request = request.int32(partitions.len() as i32);
    partitions.iter().fold(request, |request, partition| request.int32(*partition).bytes(batch)).finish()
}

fn send(shared: &Shared<'_>, index: usize) -> Result<Done, Fault> {
    let Shared { load, targets, .. } = *shared;
    let mut connection = Connection::open(targets[0].address)?;
    let batch = batch::encode(load.records, load.record_bytes, index as u64 + 1);
    let all = targets.iter().flat_map(|target| (0..target.partitions).map(move |partition| (target, partition)));
    let mine = share(index, load.connections, all.collect());
    let frames: Vec<Vec<u8>> =
        mine.iter().map(|(target, partition)| request(target, *partition, load.acks, &batch)).collect();
    let terms = Terms {
        in_flight: load.in_flight,
        answered: load.acks != 0,
        over: &|| Instant::now() >= shared.until || shared.bytes.load(Relaxed) >= load.bytes_max,
        taken: &|| _ = shared.bytes.fetch_add(batch.len() as u64, Relaxed),
        code: error_code,
    };
    pipeline::drive(&mut connection, &frames, &terms)
}

/// The first error code of the partitions in a Produce answer.
pub fn error_code(frame: &[u8]) -> Result<i16, Fault> {
    // Base offset, append time, log start.
    Answer::new(frame, "Produce")?.first_error_code(24)
}

#[cfg(test)]
mod tests;
