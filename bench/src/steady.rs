//! A steady load beside something else: small requests on a schedule, each timed from the moment it was due.
use crate::{admin::Target, batch, fault::Fault, histogram::Histogram, produce, wire::Connection};
use std::{
    num::NonZeroU64,
    ops::Range,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Requests of one record with `acks=all`, to the partitions in turn.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    pub rate_per_second: f64,
    pub record_bytes: usize,
}

/// When a request was due, and how long after that it was acknowledged.
struct Sample {
    due: Instant,
    latency: Duration,
}

/// All that was sent.
pub struct Samples(Vec<Sample>);

impl Samples {
    /// Of the requests that were due in that time, which must be so many at least: a share of a few says nothing.
    pub fn within(&self, time: Range<Instant>, least: u64) -> Result<Histogram, Fault> {
        let mut latencies = Histogram::new();
        let due = self.0.iter().filter(|sample| time.contains(&sample.due));
        due.for_each(|sample| latencies.record(sample.latency));
        match latencies.total() {
            enough if enough >= least.max(1) => Ok(latencies),
            few => Err(Fault::Usage(format!("{few} requests fell into the time that counts, {least} are needed"))),
        }
    }

    /// How many were acknowledged in that time, whenever they were due.
    pub fn acknowledged(&self, time: Range<Instant>) -> usize {
        self.0.iter().filter(|sample| time.contains(&(sample.due + sample.latency))).count()
    }
}

/// Does `work` while the load runs; a request that is refused is a fault.
pub fn beside<T>(
    target: &Target,
    load: Steady,
    work: impl FnOnce() -> Result<T, Fault>,
) -> Result<(T, Samples), Fault> {
    beside_batches(target, load.rate_per_second, &batch::encode(1, load.record_bytes, 1), work)
}

/// The same with this batch in each request.
pub fn beside_batches<T>(
    target: &Target,
    rate_per_second: f64,
    batch: &[u8],
    work: impl FnOnce() -> Result<T, Fault>,
) -> Result<(T, Samples), Fault> {
    let mut writer = Connection::open(target.address)?;
    let reader = writer.split()?;
    let over = AtomicBool::new(false);
    let (sent, due) = mpsc::channel();
    thread::scope(|scope| {
        let sending = scope.spawn(|| send(&mut writer, target, rate_per_second, batch, &over, sent));
        let waiting = scope.spawn(|| wait(reader, due));
        let done = work();
        over.store(true, Relaxed);
        let sending = sending.join().expect("the sender does not panic");
        let samples = waiting.join().expect("the reader of answers does not panic")?;
        sending?;
        Ok((done?, Samples(samples)))
    })
}

fn send(
    writer: &mut Connection,
    target: &Target,
    rate_per_second: f64,
    batch: &[u8],
    over: &AtomicBool,
    sent: mpsc::Sender<Instant>,
) -> Result<(), Fault> {
    // As in the rows that measure end to end: what is measured is shorter than a sleeper's usual delay is long.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))
        .map_err(|error| Fault::Io { what: "setting the timer slack".into(), source: error.into() })?;
    let frames: Vec<Vec<u8>> =
        (0..target.partitions).map(|partition| produce::request(target, partition, -1, batch)).collect();
    let origin = Instant::now();
    for (index, frame) in frames.iter().cycle().enumerate() {
        let due = origin + Duration::from_secs_f64(index as f64 / rate_per_second);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Whoever waits for answers has ended with a fault of its own.
        if over.load(Relaxed) || sent.send(due).is_err() {
            break;
        }
        writer.send(frame)?;
    }
    Ok(())
}

fn wait(mut reader: Connection, due: mpsc::Receiver<Instant>) -> Result<Vec<Sample>, Fault> {
    let mut samples = Vec::new();
    for due in due {
        match produce::error_code(reader.receive()?)? {
            0 => samples.push(Sample { due, latency: due.elapsed() }),
            code => return Err(Fault::Refused { what: "a request of the steady load".into(), code }),
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::{SocketAddr, TcpListener},
    };

    /// Answers the requests of one connection, from the third on 100 ms late, with this code.
    fn slow_broker(code: i16) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut prefix = [0; 4];
            for index in 0.. {
                if stream.read_exact(&mut prefix).is_err() {
                    return;
                }
                stream.read_exact(&mut vec![0; i32::from_be_bytes(prefix) as usize]).unwrap();
                if index == 2 {
                    thread::sleep(Duration::from_millis(100));
                }
                let mut answer = vec![0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0];
                answer.extend(code.to_be_bytes());
                answer.extend([0; 24]);
                stream.write_all(&answer).unwrap();
            }
        });
        address
    }

    fn load(code: i16) -> Result<(Instant, Samples), Fault> {
        let target = Target { address: slow_broker(code), topic: "t".into(), partitions: 2, pid: None };
        beside(&target, Steady { rate_per_second: 100.0, record_bytes: 10 }, || {
            let began = Instant::now();
            thread::sleep(Duration::from_millis(105));
            Ok(began)
        })
    }

    #[test]
    fn a_stall_counts_for_all_that_were_due_meanwhile() {
        let (began, samples) = load(0).unwrap();
        let ended = began + Duration::from_secs(1);
        let all = samples.within(began - Duration::from_secs(1)..ended, 5).unwrap();
        assert!(all.total() >= 5, "{}", all.total());
        assert!(all.quantile_ms(1.0) >= 90.0);
        let (stalled, after) = (began..began + Duration::from_millis(90), began + Duration::from_millis(90)..ended);
        assert!(samples.acknowledged(stalled) <= 4, "what waits is not acknowledged");
        assert_eq!(samples.acknowledged(began - Duration::from_secs(1)..ended), all.total() as usize);
        assert!(samples.acknowledged(after) >= 1);
        let few = samples.within(began - Duration::from_secs(1)..ended, 1000);
        assert!(few.is_err(), "a share of a few says nothing");
        assert!(samples.within(ended..ended, 0).is_err(), "nor does one of none");
    }

    #[test]
    fn a_refused_request_is_a_fault() {
        assert!(matches!(load(6), Err(Fault::Refused { code: 6, .. })));
    }
}
