//! Many consumers, each waiting for the records of its own partition, which come slowly: the cost of waking.
use crate::{
    admin::{Target, end_offsets},
    batch,
    crowd::{self, Client},
    fault::Fault,
    fetch, produce,
};
use std::{fmt, ops::Range, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

const PARTITION_BYTES_MAX: i32 = 1 << 20;
const WRITERS: i32 = 10;
/// Partitions in one produce request, one record each.
const PARTITIONS_AT_ONCE: i32 = 10;
/// Until everyone waits.
const SETTLE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct LongPoll {
    /// Records a second of each partition.
    pub rate_per_second: f64,
    pub record_bytes: usize,
    pub time: Duration,
}

pub struct Polled {
    /// Records that came to their consumers while the clock ran.
    pub records: u64,
    pub expected: f64,
    pub seconds: f64,
    pub cpu_seconds: f64,
}

impl Polled {
    pub fn cpu_percent(&self) -> f64 {
        self.cpu_seconds / self.seconds * 100.0
    }

    /// A broker that cannot keep up does less, not the same for less.
    pub fn cpu_micros_per_record(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.records as f64
    }

    pub fn per_second(&self) -> f64 {
        self.records as f64 / self.seconds
    }
}

impl fmt::Display for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} records/s of {:.0} due, CPU {:.1} %, {:.1} us/record",
            self.per_second(),
            self.expected / self.seconds,
            self.cpu_percent(),
            self.cpu_micros_per_record(),
        )
    }
}

/// One consumer for each partition of the topic.
pub fn run(target: &Target, load: &LongPoll) -> Result<Polled, Fault> {
    let ends = end_offsets(target)?;
    crowd::run(async {
        let shared = Arc::new(target.clone());
        let clients = crowd::open(target.address, target.partitions as usize).await?;
        let counted_from = Instant::now() + SETTLE;
        let counted = counted_from..counted_from + load.time;
        let mut readers = JoinSet::new();
        for (partition, client) in clients.into_iter().enumerate() {
            readers.spawn(read(shared.clone(), client, partition as i32, ends[partition], counted.clone()));
        }
        let mut writers = JoinSet::new();
        for (index, client) in crowd::open(target.address, WRITERS as usize).await?.into_iter().enumerate() {
            writers.spawn(write(shared.clone(), client, index as i32, load.clone(), counted.end));
        }
        sleep_until(counted.start).await;
        let cpu_before = target.cpu_seconds();
        let started = Instant::now();
        sleep_until(counted.end).await;
        let (cpu_seconds, seconds) = (target.cpu_seconds() - cpu_before, started.elapsed().as_secs_f64());
        crowd::all(writers).await?;
        let records = crowd::all(readers).await?.into_iter().sum();
        let expected = f64::from(target.partitions) * load.rate_per_second * load.time.as_secs_f64();
        Ok(Polled { records, expected, seconds, cpu_seconds })
    })
}

/// Reads one partition, and counts what comes while the clock runs.
async fn read(
    target: Arc<Target>,
    mut client: Client,
    partition: i32,
    from: i64,
    counted: Range<Instant>,
) -> Result<u64, Fault> {
    let (mut offset, mut records) = (from, 0);
    while Instant::now() < counted.end {
        let request = fetch::request(&target.topic, [(partition, offset)].into_iter(), PARTITION_BYTES_MAX);
        let mut next = offset;
        fetch::each_partition(client.call(&request).await?, |_, bytes| {
            next = batch::batches(bytes).last().map_or(offset, |seen| seen.next_offset);
        })?;
        if counted.contains(&Instant::now()) {
            records += (next - offset) as u64;
        }
        offset = next;
    }
    Ok(records)
}

/// Writes to its share of the partitions in turn, so that each gets its rate; an open loop but for what one request
/// takes.
async fn write(
    target: Arc<Target>,
    mut client: Client,
    writer: i32,
    load: LongPoll,
    until: Instant,
) -> Result<(), Fault> {
    let batch = batch::encode(1, load.record_bytes, writer as u64 + 1);
    let mine: Vec<i32> = (writer..target.partitions).step_by(WRITERS as usize).collect();
    let requests = mine.chunks(PARTITIONS_AT_ONCE as usize);
    let frames: Vec<_> = requests.map(|some| produce::request_to(&target.topic, -1, some, &batch)).collect();
    if frames.is_empty() {
        return Ok(());
    }
    let every = Duration::from_secs_f64(1.0 / load.rate_per_second / frames.len() as f64);
    sleep(every.mul_f64(f64::from(writer) / f64::from(WRITERS))).await;
    let mut due = Instant::now();
    for frame in frames.iter().cycle() {
        due += every;
        sleep_until(due).await;
        if Instant::now() >= until {
            break;
        }
        match produce::error_code(client.call(frame).await?)? {
            0 => {}
            code => return Err(Fault::Refused { what: "a record for those who wait".into(), code }),
        }
    }
    Ok(())
}
