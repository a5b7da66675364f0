//! Small requests at a rate that stays the same while the connections they come over are few or many.
use crate::{
    admin::Target,
    batch,
    crowd::{self, Client},
    fault::{During, Fault},
    pipeline::Done,
    produce,
};
use std::{
    io::Write,
    net::TcpStream,
    num::NonZeroU64,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

#[derive(Clone, Copy, Debug)]
pub struct Paced {
    pub connections: usize,
    /// Of all connections together, which send in turn.
    pub rate_per_second: f64,
    pub record_bytes: usize,
    pub time: Duration,
}

/// Requests of one record, each due at its moment, in turn over all connections.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    origin: Instant,
    rate_per_second: f64,
    total: usize,
    connections: usize,
}

impl Schedule {
    fn due(&self, index: usize) -> Instant {
        self.origin + Duration::from_secs_f64(index as f64 / self.rate_per_second)
    }

    /// The requests of one connection.
    fn of(&self, connection: usize) -> impl Iterator<Item = usize> + use<> {
        (connection..self.total).step_by(self.connections)
    }
}

pub struct Answered {
    pub done: Done,
    pub cpu_seconds: f64,
}

impl Answered {
    pub fn cpu_micros_per_request(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.done.requests as f64
    }
}

/// All connections are open and were used before the clock runs.
pub fn run(target: &Target, load: &Paced) -> Result<Answered, Fault> {
    let streams: Vec<TcpStream> = (0..load.connections).map(|_| open(target)).collect::<Result<_, _>>()?;
    let requests = (load.rate_per_second * load.time.as_secs_f64()) as usize;
    pass(target, load, &streams, load.connections.max(requests / 8))?;
    let cpu_before = target.cpu_seconds();
    let done = pass(target, load, &streams, requests)?;
    Ok(Answered { done, cpu_seconds: target.cpu_seconds() - cpu_before })
}

fn open(target: &Target) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(target.address).during(format!("connecting to {}", target.address))?;
    stream.set_nodelay(true).during("TCP_NODELAY")?;
    Ok(stream)
}

fn pass(target: &Target, load: &Paced, streams: &[TcpStream], total: usize) -> Result<Done, Fault> {
    let schedule = Schedule {
        origin: Instant::now() + Duration::from_millis(100),
        rate_per_second: load.rate_per_second,
        total,
        connections: streams.len(),
    };
    thread::scope(|scope| {
        let reading = scope.spawn(move || read(streams, schedule));
        let sent = send(target, load, streams, schedule);
        let done = reading.join().expect("the reader does not panic");
        sent?;
        done
    })
}

fn send(target: &Target, load: &Paced, streams: &[TcpStream], schedule: Schedule) -> Result<(), Fault> {
    // As in the rows that measure end to end.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))
        .map_err(|error| Fault::Io { what: "setting the timer slack".into(), source: error.into() })?;
    let batch = batch::encode(1, load.record_bytes, 1);
    let frames: Vec<Vec<u8>> =
        (0..target.partitions).map(|partition| produce::request(target, partition, -1, &batch)).collect();
    for index in 0..schedule.total {
        thread::sleep(schedule.due(index).saturating_duration_since(Instant::now()));
        let mut stream = &streams[index % streams.len()];
        let sent = stream.write_all(&frames[index % frames.len()]).during("sending a request");
        if sent.is_err() {
            // Whoever waits for answers ends, too.
            streams.iter().for_each(|stream| drop(stream.shutdown(std::net::Shutdown::Both)));
        }
        sent?;
    }
    Ok(())
}

fn read(streams: &[TcpStream], schedule: Schedule) -> Result<Done, Fault> {
    let done = Arc::new(Mutex::new(Done::new()));
    crowd::run(async {
        let mut readers = JoinSet::new();
        for (connection, stream) in streams.iter().enumerate() {
            let mut client = Client::of(stream.try_clone().during("sharing a connection")?)?;
            let done = done.clone();
            readers.spawn(async move {
                for index in schedule.of(connection) {
                    let code = produce::error_code(client.receive().await?)?;
                    done.lock().expect("no reader panics").note(code, schedule.due(index).elapsed());
                }
                Ok(())
            });
        }
        crowd::all(readers).await
    })?;
    Ok(Arc::into_inner(done).expect("all readers have ended").into_inner().expect("no reader panics"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_belongs_to_one_connection_and_has_its_moment() {
        let schedule = Schedule { origin: Instant::now(), rate_per_second: 200.0, total: 7, connections: 3 };
        let mut all: Vec<usize> = (0..3).flat_map(|connection| schedule.of(connection)).collect();
        assert_eq!(schedule.of(1).collect::<Vec<_>>(), [1, 4]);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(schedule.due(4) - schedule.origin, Duration::from_millis(20));
        assert_eq!(Schedule { connections: 5000, ..schedule }.of(4000).count(), 0, "more connections than requests");
    }
}
