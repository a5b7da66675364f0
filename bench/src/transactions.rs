//! Transactions of one record: of many producers at once for their cost, of few at a low rate for their time.
use crate::{
    admin::Target,
    batch,
    coordinator::{self, Kind, is_passing},
    crowd::{self, Client},
    fault::Fault,
    histogram::Histogram,
    producer::{self, Identity, Numbered},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

/// Pause before the same is asked again.
const AGAIN: Duration = Duration::from_millis(1);
const AGAIN_MAX: usize = 20_000;

#[derive(Clone, Debug)]
pub struct Transactions {
    pub producers: usize,
    /// Transactions at a time; as many producers rest.
    pub at_once: usize,
    pub record_bytes: usize,
    /// Each producer's own rate; none: one after the other.
    pub rate_per_second: Option<f64>,
    pub time: Duration,
}

pub struct Ended {
    pub count: u64,
    /// Requests that had to be sent again because the transaction before was still ending.
    pub again: u64,
    pub latency: Histogram,
    pub seconds: f64,
    pub cpu_seconds: f64,
}

impl Ended {
    pub fn per_second(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    pub fn per_cpu_second(&self) -> f64 {
        self.count as f64 / self.cpu_seconds
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} transactions/s, {:.0} per CPU second, p50 {:.3} ms, p99 {:.3} ms, {} requests sent again",
            self.per_second(),
            self.per_cpu_second(),
            self.latency.quantile_ms(0.5),
            self.latency.quantile_ms(0.99),
            self.again,
        )
    }
}

/// One producer on a connection of its own.
struct Producer {
    client: Client,
    id: String,
    identity: Identity,
    frame: Numbered,
    again: u64,
}

impl Producer {
    async fn init(mut client: Client, target: &Target, index: usize, record_bytes: usize) -> Result<Producer, Fault> {
        let id = format!("{}-{index}", target.topic);
        let request = producer::init_request(Some(&id));
        let batch = batch::encode(1, record_bytes, index as u64 + 1);
        let frame = Numbered::new(Some(&id), &target.topic, &[index as i32 % target.partitions], &batch);
        for _ in 0..AGAIN_MAX {
            match producer::init_answer(client.call(&request).await?)? {
                (0, identity) => return Ok(Producer { client, id, identity, frame, again: 0 }),
                (code, _) if is_passing(code) => sleep(AGAIN).await,
                (code, _) => return Err(refused("InitProducerId", code)),
            }
        }
        Err(late("InitProducerId"))
    }

    /// A record and the commit. Every end gives the producer a new epoch, in which sequences begin at 0.
    async fn transaction(&mut self) -> Result<(), Fault> {
        let frame = self.frame.with(self.identity, 0);
        for turn in 0.. {
            match producer::produce_answer(self.client.call(frame).await?)? {
                0 => break,
                code if is_passing(code) && turn < AGAIN_MAX => self.again += 1,
                code => return Err(refused("Produce", code)),
            }
            sleep(AGAIN).await;
        }
        let end = producer::end_request(&self.id, self.identity);
        for _ in 0..AGAIN_MAX {
            match producer::end_answer(self.client.call(&end).await?)? {
                (0, identity) => {
                    self.identity = identity;
                    return Ok(());
                }
                (code, _) if is_passing(code) => self.again += 1,
                (code, _) => return Err(refused("EndTxn", code)),
            }
            sleep(AGAIN).await;
        }
        Err(late("EndTxn"))
    }
}

fn refused(what: &str, code: i16) -> Fault {
    Fault::Refused { what: format!("{what} of a transaction"), code }
}

fn late(what: &str) -> Fault {
    Fault::TooLate { what: format!("{what} of a transaction"), seconds: AGAIN_MAX as u64 / 1000 }
}

/// Every producer commits at least once before the clock starts.
pub fn run(target: &Target, load: &Transactions) -> Result<Ended, Fault> {
    coordinator::await_found(target.address, Kind::Transaction, &target.topic)?;
    crowd::run(async {
        let shared = Arc::new(target.clone());
        let lanes = load.at_once.clamp(1, load.producers);
        let mut clients = crowd::open(target.address, load.producers).await?;
        let mut preparing = JoinSet::new();
        for lane in 0..lanes {
            let mine: Vec<usize> = (lane..load.producers).step_by(lanes).collect();
            let mine: Vec<(usize, Client)> = mine.into_iter().zip(std::iter::from_fn(|| clients.pop())).collect();
            preparing.spawn(prepare(shared.clone(), mine, load.record_bytes));
        }
        let lanes = crowd::all(preparing).await?;
        let (cpu_before, started) = (target.cpu_seconds(), Instant::now());
        let mut running = JoinSet::new();
        for (index, lane) in lanes.into_iter().enumerate() {
            let pace = load.rate_per_second.map(|rate| Pace::new(started, rate, index, load.at_once));
            running.spawn(turns(lane, pace, started + load.time));
        }
        let parts = crowd::all(running).await?;
        let seconds = started.elapsed().as_secs_f64();
        let mut latency = Histogram::new();
        parts.iter().for_each(|(part, _)| latency.merge(part));
        let again = parts.iter().map(|(_, again)| again).sum();
        let cpu_seconds = target.cpu_seconds() - cpu_before;
        Ok(Ended { count: latency.total(), again, latency, seconds, cpu_seconds })
    })
}

async fn prepare(
    target: Arc<Target>,
    clients: Vec<(usize, Client)>,
    record_bytes: usize,
) -> Result<Vec<Producer>, Fault> {
    let mut producers = Vec::with_capacity(clients.len());
    for (index, client) in clients {
        let mut producer = Producer::init(client, &target, index, record_bytes).await?;
        producer.transaction().await?;
        producer.again = 0;
        producers.push(producer);
    }
    Ok(producers)
}

/// When a lane's transactions are due: lanes take turns, each at the same rate.
struct Pace {
    next: Instant,
    every: Duration,
}

impl Pace {
    fn new(started: Instant, rate_per_second: f64, lane: usize, lanes: usize) -> Pace {
        let every = Duration::from_secs_f64(1.0 / rate_per_second);
        Pace { next: started + every.mul_f64(lane as f64 / lanes as f64), every }
    }

    /// Waits for the next one and says when its clock starts: when it was due if the one before took too long, else
    /// now, since the timer is a millisecond coarse.
    async fn due(&mut self) -> Instant {
        let due = self.next;
        self.next += self.every;
        if due < Instant::now() {
            return due;
        }
        sleep_until(due).await;
        Instant::now()
    }
}

/// The producers of one lane in turn. A transaction's clock starts when it was due.
async fn turns(
    mut producers: Vec<Producer>,
    mut pace: Option<Pace>,
    until: Instant,
) -> Result<(Histogram, u64), Fault> {
    let mut latency = Histogram::new();
    let mut turn = 0;
    while Instant::now() < until {
        let due = match &mut pace {
            Some(pace) => pace.due().await,
            None => Instant::now(),
        };
        let count = producers.len();
        producers[turn % count].transaction().await?;
        latency.record(due.elapsed());
        turn += 1;
    }
    Ok((latency, producers.iter().map(|producer| producer.again).sum()))
}
