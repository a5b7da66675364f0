//! kill -9 at random moments under load: nothing acknowledged is lost, nothing is doubled, order holds (IDEM-2,
//! LOG-7, LOG-13).
//!
//! Every partition has one idempotent producer with five requests in flight. Whatever was not acknowledged when the
//! broker dies is sent again, with the same sequence numbers, to the broker that comes back. At the end each partition
//! must hold exactly the records 0, 1, 2, ... in this order, each at the offset that was acknowledged.
//! `OTTLA_KILL_ROUNDS` says how often the broker is killed, `OTTLA_KILL_SEED` repeats a run.
use kafka_protocol::messages::{CreateTopicsRequest, ProduceRequest, create_topics_request::CreatableTopic};
use protocol_tests::{
    Connection,
    batch::{Batch, Record, read_batches},
    child::{Child, free_port},
    random::Random,
    steps::{self, Topic},
    time::{Stopwatch, pause_ms},
};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

const PARTITIONS: i32 = 4;
const IN_FLIGHT: usize = 5;
const ROUNDS: usize = 6;

/// One batch on its way: its first record's number and how many there are.
#[derive(Clone, Copy)]
struct Sent {
    first: i64,
    count: i64,
    correlation: i32,
}

struct Writer {
    address: SocketAddr,
    topic: Topic,
    partition: i32,
    producer: (i64, i16),
    random: Random,
    next: i64,
    /// Not acknowledged, oldest first.
    waiting: VecDeque<Sent>,
    acknowledged: Arc<AtomicU64>,
}

impl Writer {
    /// Writes until told to stop and everything is acknowledged; a dead broker is waited for.
    fn run(mut self, stop: &AtomicBool) -> i64 {
        let watch = Stopwatch::start();
        while !(stop.load(SeqCst) && self.waiting.is_empty()) {
            assert!(watch.elapsed_ms() < 600_000, "no end in sight");
            match Connection::try_open_at(self.address) {
                Ok(mut connection) => self.talk(&mut connection, stop),
                Err(_) => pause_ms(5),
            }
        }
        self.next
    }

    /// One connection's life: first everything that was never acknowledged, in order, then new batches.
    fn talk(&mut self, connection: &mut Connection, stop: &AtomicBool) {
        for index in 0..self.waiting.len() {
            let Ok(correlation) = self.send(connection, self.waiting[index]) else { return };
            self.waiting[index].correlation = correlation;
        }
        loop {
            let done = stop.load(SeqCst);
            if done && self.waiting.is_empty() {
                return;
            }
            if !done && self.waiting.len() < IN_FLIGHT {
                let count = 1 + self.random.below(8) as i64;
                let mut sent = Sent { first: self.next, count, correlation: 0 };
                self.next += count;
                // Counted as waiting before it is sent: a broken pipe does not say how much arrived.
                let outcome = self.send(connection, sent);
                sent.correlation = *outcome.as_ref().unwrap_or(&0);
                self.waiting.push_back(sent);
                if outcome.is_err() {
                    return;
                }
                continue;
            }
            let oldest = self.waiting[0];
            let Ok(answer) = connection.try_receive::<ProduceRequest>(9, oldest.correlation) else { return };
            let answer = &answer.responses[0].partition_responses[0];
            match answer.error_code {
                0 => assert_eq!(answer.base_offset, oldest.first, "partition {}: acknowledged offset", self.partition),
                // Known, but not served yet by a broker that has just come back.
                3 | 6 | 7 => return pause_ms(10),
                code => panic!("partition {}: error {code}: {:?}", self.partition, answer.error_message),
            }
            self.waiting.pop_front();
            self.acknowledged.fetch_add(oldest.count as u64, SeqCst);
        }
    }

    fn send(&self, connection: &mut Connection, sent: Sent) -> std::io::Result<i32> {
        let records = (sent.first..sent.first + sent.count).map(|number| Record::of(number.to_string())).collect();
        let batch = Batch { producer: self.producer, base_sequence: sent.first as i32, ..Batch::records(records) };
        connection.try_send(9, &steps::produce_request(9, &self.topic, self.partition, batch.encode()))
    }
}

#[test]
fn idem_2_log_7_nothing_acknowledged_is_lost_or_doubled_over_kill_9() {
    if std::env::var_os("OTTLA_TEST_BROKER").is_some() {
        // This test kills its broker: it only ever does that to one it started itself.
        return;
    }
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let rounds = number("OTTLA_KILL_ROUNDS", ROUNDS as u64);
    let seed = number("OTTLA_KILL_SEED", protocol_tests::time::now_ms() as u64);
    println!("OTTLA_KILL_SEED={seed} OTTLA_KILL_ROUNDS={rounds}");
    let mut random = Random::new(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let mut broker = Child::start(port, directory.path(), &[]);
    let topic = create(broker.address());
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = (0..PARTITIONS)
        .map(|partition| {
            let producer = steps::new_producer(&mut Connection::try_open_at(broker.address()).unwrap());
            let writer = Writer {
                address: broker.address(),
                topic: topic.clone(),
                partition,
                producer,
                random: Random::new(seed ^ partition as u64),
                next: 0,
                waiting: VecDeque::new(),
                acknowledged: acknowledged.clone(),
            };
            let stop = stop.clone();
            std::thread::spawn(move || writer.run(&stop))
        })
        .collect();
    for round in 0..rounds {
        pause_ms(50 + random.below(400) as u64);
        let before = acknowledged.load(SeqCst);
        broker.kill();
        broker = Child::start(port, directory.path(), &[]);
        println!("round {round}: {before} records acknowledged, back after {} ms", broker.started_ms());
    }
    pause_ms(200);
    stop.store(true, SeqCst);
    let written: Vec<i64> =
        writers.into_iter().map(|writer| writer.join().expect("a writer that saw no fault")).collect();
    assert!(written.iter().all(|count| *count > 0), "every partition was written: {written:?}");
    broker.kill();
    let broker = Child::start(port, directory.path(), &[]);
    for (partition, count) in written.iter().enumerate() {
        read_back(broker.address(), &topic, partition as i32, *count);
    }
    println!("{} records survived {rounds} kills", acknowledged.load(SeqCst));
}

fn create(address: SocketAddr) -> Topic {
    let mut connection = Connection::try_open_at(address).expect("a connection");
    let name = "killed";
    // Small segments, so that rolling is among what is interrupted.
    let setting = kafka_protocol::messages::create_topics_request::CreatableTopicConfig::default()
        .with_name(steps::text("segment.bytes"))
        .with_value(Some(steps::text("1048576")));
    let wanted = CreatableTopic::default()
        .with_name(steps::topic_name(name))
        .with_num_partitions(PARTITIONS)
        .with_replication_factor(1)
        .with_configs(vec![setting]);
    let answer = connection.call(7, &CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000));
    assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
    Topic { name: name.into(), id: answer.topics[0].topic_id }
}

/// Reads a partition from its begin to its end and demands the records 0, 1, 2, ... `count` - 1.
fn read_back(address: SocketAddr, topic: &Topic, partition: i32, count: i64) {
    let mut connection = Connection::try_open_at(address).expect("a connection");
    let mut next = 0;
    while next < count {
        let request = steps::fetch_request(12, topic, vec![steps::from_offset(partition, next)]);
        let answer = connection.call(12, &request);
        let data = &answer.responses[0].partitions[0];
        assert_eq!(data.error_code, 0, "partition {partition} at {next} of {count}");
        let records = data.records.clone().unwrap_or_default();
        assert!(!records.is_empty(), "partition {partition} ends at {next}, {count} records were acknowledged");
        for batch in read_batches(&records) {
            for record in batch.records() {
                if record.offset < next {
                    continue;
                }
                assert_eq!(record.offset, next, "partition {partition}: offsets are dense");
                let value = String::from_utf8(record.value.expect("a value")).expect("text");
                assert_eq!(value, next.to_string(), "partition {partition} at its offset");
                next += 1;
            }
        }
    }
    assert_eq!(next, count, "partition {partition}: nothing beyond what was written");
}
