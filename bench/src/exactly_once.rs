//! What transactions cost: one producer at full speed, by turns with numbers only and in transactions.
use crate::{
    admin::Target,
    batch,
    coordinator::{self, Kind, is_passing},
    fault::Fault,
    histogram::Histogram,
    producer::{self, Identity, Numbered},
    wire::Connection,
};
use std::{
    collections::VecDeque,
    fmt, thread,
    time::{Duration, Instant},
};

/// As Java's producer: five requests under way, in each a batch of every partition.
const IN_FLIGHT: usize = 5;
const BATCH_RECORDS: i32 = 160;
const RECORD_BYTES: usize = 100;
const TRANSACTION: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_millis(1);
const AGAIN_MAX: usize = 20_000;
/// Both ways take turns, so that the machine's moods fall on both: those of the disk last for seconds.
const TRANSACTIONS_IN_TURN: u32 = 4;

pub struct Compared {
    pub plain_mb_per_second: f64,
    pub transactional_mb_per_second: f64,
    pub transactions: u64,
    /// From the last answer of one transaction to the first of the next.
    pub pause: Histogram,
    /// Requests that had to be sent again because the transaction before was still ending.
    pub again: u64,
}

impl Compared {
    pub fn loss_percent(&self) -> f64 {
        (1.0 - self.transactional_mb_per_second / self.plain_mb_per_second) * 100.0
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} MB/s, in transactions {:.1} MB/s ({:.2} % less), {} transactions, pause p50 {:.2} ms, {} requests sent again",
            self.plain_mb_per_second,
            self.transactional_mb_per_second,
            self.loss_percent(),
            self.transactions,
            self.pause.quantile_ms(0.5),
            self.again,
        )
    }
}

/// One producer with its connection.
struct Producer {
    connection: Connection,
    id: Option<String>,
    identity: Identity,
    frame: Numbered,
    /// The next request of this identity; its batches begin at so many times `BATCH_RECORDS`.
    next: i32,
    in_flight: VecDeque<i32>,
    /// The first request that was refused for now: it and all behind it are sent again, in order.
    rewind: Option<i32>,
    taken: u64,
    again: u64,
    transactions: u64,
    /// When the last answer of the transaction before came.
    paused_at: Option<Instant>,
    pause: Histogram,
}

impl Producer {
    fn init(target: &Target, id: Option<String>) -> Result<Producer, Fault> {
        let mut connection = Connection::open(target.address)?;
        let request = producer::init_request(id.as_deref());
        let identity = again("InitProducerId", &mut 0, || producer::init_answer(connection.call(&request)?))?;
        let batch = batch::encode(BATCH_RECORDS as usize, RECORD_BYTES, 1);
        let partitions: Vec<i32> = (0..target.partitions).collect();
        let frame = Numbered::new(id.as_deref(), &target.topic, &partitions, &batch);
        Ok(Producer {
            connection,
            id,
            identity,
            frame,
            next: 0,
            in_flight: VecDeque::new(),
            rewind: None,
            taken: 0,
            again: 0,
            transactions: 0,
            paused_at: None,
            pause: Histogram::new(),
        })
    }

    /// Sends at full speed for so long; what was under way is taken in.
    fn send(&mut self, until: Instant) -> Result<(), Fault> {
        loop {
            if self.in_flight.len() < IN_FLIGHT && self.rewind.is_none() && Instant::now() < until {
                let frame = self.frame.with(self.identity, self.next * BATCH_RECORDS);
                self.connection.send(frame)?;
                self.in_flight.push_back(self.next);
                self.next += 1;
                continue;
            }
            let Some(request) = self.in_flight.pop_front() else {
                let Some(first) = self.rewind.take() else { return Ok(()) };
                thread::sleep(AGAIN);
                self.next = first;
                let frame = self.frame.with(self.identity, first * BATCH_RECORDS);
                self.connection.send(frame)?;
                self.in_flight.push_back(first);
                self.next += 1;
                continue;
            };
            match producer::produce_answer(self.connection.receive()?)? {
                0 if self.rewind.is_none() => {
                    self.taken += 1;
                    if let Some(paused_at) = self.paused_at.take() {
                        self.pause.record(paused_at.elapsed());
                    }
                }
                code if self.rewind.is_none() && !is_passing(code) => {
                    return Err(Fault::Refused { what: "Produce by sequence".into(), code });
                }
                _ => {
                    self.rewind.get_or_insert(request);
                    self.again += 1;
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(id) = &self.id else { return Ok(()) };
        self.paused_at = Some(Instant::now());
        let request = producer::end_request(id, self.identity);
        let connection = &mut self.connection;
        self.identity = again("EndTxn", &mut self.again, || producer::end_answer(connection.call(&request)?))?;
        self.next = 0;
        self.transactions += 1;
        Ok(())
    }

    /// One turn, in transactions when it has an id.
    fn turn(&mut self, taken: &mut Taken) -> Result<(), Fault> {
        let (started, before) = (Instant::now(), self.taken);
        let parts = if self.id.is_some() { TRANSACTIONS_IN_TURN } else { 1 };
        for _ in 0..parts {
            self.send(Instant::now() + TRANSACTION * TRANSACTIONS_IN_TURN / parts)?;
            self.end()?;
        }
        taken.bytes += (self.taken - before) * self.frame.record_bytes() as u64;
        taken.time += started.elapsed();
        Ok(())
    }
}

/// What the turns of one way came to.
#[derive(Default)]
struct Taken {
    bytes: u64,
    time: Duration,
}

impl Taken {
    fn mb_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.time.as_secs_f64()
    }
}

/// Asks until the answer is more than that the coordinator is busy.
fn again(
    what: &'static str,
    count: &mut u64,
    mut ask: impl FnMut() -> Result<(i16, Identity), Fault>,
) -> Result<Identity, Fault> {
    for _ in 0..AGAIN_MAX {
        match ask()? {
            (0, identity) => return Ok(identity),
            (code, _) if is_passing(code) => *count += 1,
            (code, _) => return Err(Fault::Refused { what: what.into(), code }),
        }
        thread::sleep(AGAIN);
    }
    Err(Fault::TooLate { what: what.into(), seconds: AGAIN_MAX as u64 / 1000 })
}

/// `time` is that of both ways together.
pub fn run(target: &Target, time: Duration) -> Result<Compared, Fault> {
    let id = format!("{}-exactly-once", target.topic);
    coordinator::await_found(target.address, Kind::Transaction, &id)?;
    let mut plain = Producer::init(target, None)?;
    let mut transactional = Producer::init(target, Some(id))?;
    let (mut without, mut with) = (Taken::default(), Taken::default());
    let until = Instant::now() + time;
    while with.time.is_zero() || Instant::now() < until {
        plain.turn(&mut without)?;
        transactional.turn(&mut with)?;
    }
    Ok(Compared {
        plain_mb_per_second: without.mb_per_second(),
        transactional_mb_per_second: with.mb_per_second(),
        transactions: transactional.transactions,
        pause: transactional.pause,
        again: transactional.again + plain.again,
    })
}
