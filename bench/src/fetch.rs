//! Fetch load: reads the same data over and over and throws it away.
use crate::{
    admin::{Target, end_offsets},
    batch,
    fault::Fault,
    produce::partitions_of,
    wire::{Answer, Api, Connection, Request},
};
use std::{
    fmt, thread,
    time::{Duration, Instant},
};

/// Limit of one answer, as common clients set it.
const ANSWER_BYTES_MAX: i32 = 50 << 20;
const WAIT_MS_MAX: i32 = 500;

#[derive(Clone, Debug)]
pub struct Fetch {
    pub connections: usize,
    /// `max.partition.fetch.bytes`.
    pub partition_bytes_max: i32,
    pub time: Duration,
}

pub struct Fetched {
    pub bytes: u64,
    pub requests: u64,
    pub seconds: f64,
    pub cpu_seconds: f64,
}

impl Fetched {
    pub fn mb_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.seconds
    }

    pub fn cpu_seconds_per_gb(&self) -> f64 {
        self.cpu_seconds / (self.bytes as f64 / 1e9)
    }
}

impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fetch {:.1} MB/s, {:.0} requests/s, {:.3} CPU-s/GB",
            self.mb_per_second(),
            self.requests as f64 / self.seconds,
            self.cpu_seconds_per_gb(),
        )
    }
}

/// How far a connection has read in one of its partitions.
struct Place {
    partition: i32,
    offset: i64,
    end: i64,
}

/// Reads from the first offset to the present end of each partition, and again, until the time is over.
pub fn run(target: &Target, load: &Fetch) -> Result<Fetched, Fault> {
    let ends = end_offsets(target)?;
    if ends.iter().all(|end| *end <= 0) {
        return Err(Fault::Usage(format!("topic {} has nothing to fetch", target.topic)));
    }
    let cpu_before = target.cpu_seconds();
    let started = Instant::now();
    let until = started + load.time;
    let parts = thread::scope(|scope| {
        let threads: Vec<_> = (0..load.connections)
            .map(|index| {
                let places: Vec<Place> = partitions_of(index, load.connections, target.partitions)
                    .into_iter()
                    .map(|partition| Place { partition, offset: 0, end: ends[partition as usize] })
                    .filter(|place| place.end > 0)
                    .collect();
                scope.spawn(move || read(target, load, places, until))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a reader does not panic")).collect::<Result<Vec<_>, _>>()
    })?;
    Ok(Fetched {
        bytes: parts.iter().map(|(bytes, _)| bytes).sum(),
        requests: parts.iter().map(|(_, requests)| requests).sum(),
        seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: target.cpu_seconds() - cpu_before,
    })
}

fn read(target: &Target, load: &Fetch, mut places: Vec<Place>, until: Instant) -> Result<(u64, u64), Fault> {
    let mut connection = Connection::open(target.address)?;
    let (mut bytes, mut requests) = (0, 0);
    while Instant::now() < until && !places.is_empty() {
        let asked = places.iter().map(|place| (place.partition, place.offset));
        connection.send(&request(&target.topic, asked, load.partition_bytes_max))?;
        requests += 1;
        each_partition(connection.receive()?, |partition, records| {
            bytes += records.len() as u64;
            if let Some(place) = places.iter_mut().find(|place| place.partition == partition) {
                let next = batch::batches(records).last().map_or(place.offset, |seen| seen.next_offset);
                place.offset = if next >= place.end { 0 } else { next };
            }
        })?;
        // A partition that answered nothing for want of room comes first the next time.
        places.rotate_left(1);
    }
    Ok((bytes, requests))
}

pub fn request(topic: &str, places: impl ExactSizeIterator<Item = (i32, i64)>, partition_bytes_max: i32) -> Vec<u8> {
    let mut request = Request::new(Api::Fetch)
        .int32(-1)
        .int32(WAIT_MS_MAX)
        .int32(1)
        .int32(ANSWER_BYTES_MAX)
        .int8(0)
        .int32(0)
        .int32(-1)
        .int32(1)
        .string(topic)
        .int32(places.len() as i32);
    for (partition, offset) in places {
        request = request.int32(partition).int32(-1).int64(offset).int64(-1).int32(partition_bytes_max);
    }
    request.int32(0).string("").finish()
}

/// Calls back with each partition and its records; the first error code ends it.
pub fn each_partition(frame: &[u8], mut each: impl FnMut(i32, &[u8])) -> Result<(), Fault> {
    let mut answer = Answer::new(frame, "Fetch")?;
    answer.int32()?;
    refuse(answer.int16()?, "a fetch")?;
    answer.int32()?;
    for _ in 0..answer.count()? {
        answer.string()?;
        for _ in 0..answer.count()? {
            let partition = answer.int32()?;
            refuse(answer.int16()?, "fetching a partition")?;
            answer.take(24)?;
            let aborted = answer.count()?;
            answer.take(aborted.saturating_mul(16))?;
            answer.int32()?;
            each(partition, answer.bytes()?);
        }
    }
    Ok(())
}

fn refuse(code: i16, what: &str) -> Result<(), Fault> {
    if code == 0 { Ok(()) } else { Err(Fault::Refused { what: what.to_string(), code }) }
}
