//! End-to-end latency in an open loop: records leave on a schedule, whatever the broker does, one per request.
//! A record carries the moment when it was due, so that a stall counts for all that should have left meanwhile.
use crate::{
    admin::{Target, end_offsets},
    batch::{self, Stamped},
    fault::Fault,
    fetch,
    histogram::Histogram,
    produce,
    wire::Connection,
};
use std::{
    fmt,
    num::NonZeroU64,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

const PARTITION_BYTES_MAX: i32 = 1 << 20;
/// How long the reader waits for what was sent after the last record was due.
const LATE_MAX: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub struct EndToEnd {
    pub rate_per_second: f64,
    pub record_bytes: usize,
    pub acks: i16,
    pub time: Duration,
}

pub struct Latencies {
    /// From the moment a record was due to the moment a consumer had it.
    pub end_to_end: Histogram,
    /// From the moment a record was due to its acknowledgement.
    pub acknowledged: Histogram,
    pub sent: u64,
    pub errors: u64,
    pub cpu_percent: f64,
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "e2e p50 {:.3} ms, p99 {:.3} ms, p99.9 {:.3} ms; acknowledged p50 {:.3} ms, p99 {:.3} ms; {} of {} seen, {} errors, CPU {:.1} %",
            self.end_to_end.quantile_ms(0.5),
            self.end_to_end.quantile_ms(0.99),
            self.end_to_end.quantile_ms(0.999),
            self.acknowledged.quantile_ms(0.5),
            self.acknowledged.quantile_ms(0.99),
            self.end_to_end.total(),
            self.sent,
            self.errors,
            self.cpu_percent,
        )
    }
}

/// The schedule that sender, reader and acknowledgement reader agree on.
struct Schedule {
    origin: Instant,
    rate_per_second: f64,
    total: u64,
    end: Instant,
}

impl Schedule {
    fn due(&self, index: u64) -> Instant {
        self.origin + Duration::from_secs_f64(index as f64 / self.rate_per_second)
    }

    fn nanos(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.origin).as_nanos() as u64
    }
}

/// Works on partition 0 of the topic, from its present end on.
pub fn run(target: &Target, load: &EndToEnd) -> Result<Latencies, Fault> {
    let from = end_offsets(target)?.first().copied().unwrap_or(0);
    let mut writer = Connection::open(target.address)?;
    let acknowledgements = writer.split()?;
    let reader = Connection::open(target.address)?;
    let origin = Instant::now() + Duration::from_millis(50);
    let total = (load.rate_per_second * load.time.as_secs_f64()) as u64;
    let schedule = Schedule { origin, rate_per_second: load.rate_per_second, total, end: origin + load.time };
    let refused = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let cpu_before = target.cpu_seconds();
    let (end_to_end, acknowledged) = thread::scope(|scope| {
        let reading = scope.spawn(|| read(reader, target, from, &schedule, &refused, &failed));
        let waiting = scope.spawn(|| {
            let waited = wait(acknowledgements, load.acks, &schedule, &refused);
            failed.fetch_or(waited.is_err(), Relaxed);
            waited
        });
        let sent = send(&mut writer, target, load, &schedule);
        failed.fetch_or(sent.is_err(), Relaxed);
        let waited = waiting.join().expect("the acknowledgement reader does not panic");
        let read = reading.join().expect("the reader does not panic");
        sent?;
        Ok::<_, Fault>((read?, waited?))
    })?;
    let cpu_percent = (target.cpu_seconds() - cpu_before) / load.time.as_secs_f64() * 100.0;
    Ok(Latencies { end_to_end, acknowledged, sent: total, errors: refused.load(Relaxed), cpu_percent })
}

fn send(writer: &mut Connection, target: &Target, load: &EndToEnd, schedule: &Schedule) -> Result<(), Fault> {
    // The kernel may delay a sleeper by 50 us by default, a fourth of what is measured here.
    // Spinning instead would take one of the processors that the broker needs.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))
        .map_err(|error| Fault::Io { what: "setting the timer slack".into(), source: error.into() })?;
    let mut batch = Stamped::new(load.record_bytes);
    for index in 0..schedule.total {
        let due = schedule.due(index);
        let now = Instant::now();
        if due > now {
            thread::sleep(due - now);
        }
        let frame = produce::request(target, 0, load.acks, batch.with(schedule.nanos(due)));
        writer.send(&frame)?;
    }
    Ok(())
}

/// Times the acknowledgements, which come in the order of the schedule.
fn wait(mut connection: Connection, acks: i16, schedule: &Schedule, refused: &AtomicU64) -> Result<Histogram, Fault> {
    let mut latencies = Histogram::new();
    for index in 0..if acks == 0 { 0 } else { schedule.total } {
        let code = produce::error_code(connection.receive()?)?;
        if code == 0 {
            latencies.record(schedule.due(index).elapsed());
        } else {
            refused.fetch_add(1, Relaxed);
        }
    }
    Ok(latencies)
}

fn read(
    mut connection: Connection,
    target: &Target,
    from: i64,
    schedule: &Schedule,
    refused: &AtomicU64,
    failed: &AtomicBool,
) -> Result<Histogram, Fault> {
    let mut latencies = Histogram::new();
    let mut offset = from;
    while latencies.total() + refused.load(Relaxed) < schedule.total
        && Instant::now() < schedule.end + LATE_MAX
        && !failed.load(Relaxed)
    {
        let request = fetch::request(&target.topic, [(0, offset)].into_iter(), PARTITION_BYTES_MAX);
        connection.send(&request)?;
        let answer = connection.receive()?;
        let now = schedule.nanos(Instant::now());
        fetch::each_partition(answer, |_, records| {
            for seen in batch::batches(records).filter(|seen| seen.next_offset > offset) {
                if let Some(stamp) = seen.stamp() {
                    latencies.record(Duration::from_nanos(now.saturating_sub(stamp)));
                }
            }
            offset = batch::batches(records).last().map_or(offset, |seen| seen.next_offset);
        })?;
    }
    Ok(latencies)
}
