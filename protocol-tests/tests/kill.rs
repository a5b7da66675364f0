//! kill -9 at random moments under load: nothing acknowledged is lost, nothing is doubled, order holds (IDEM-2,
//! LOG-7, LOG-13).
//!
//! Every partition has one idempotent producer with five requests in flight. Whatever was not acknowledged when the
//! broker dies is sent again, with the same sequence numbers, to the broker that comes back. At the end each partition
//! must hold exactly the records 0, 1, 2, ... in this order, each at the offset that was acknowledged.
//! Beside them topics are created, written, read, changed and deleted: what was answered of that must stand, too.
//! `OTTLA_KILL_PARTITIONS` and `OTTLA_KILL_OVERRIDES` (settings with commas between) change what is written to,
//! `OTTLA_KILL_LARGE_ONE_IN` how many batches are large: such take another way to the disk.
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, IncrementalAlterConfigsRequest, ProduceRequest,
    create_topics_request::CreatableTopic,
    delete_topics_request::DeleteTopicState,
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
};
use protocol_tests::{
    Code, Connection,
    batch::{Batch, Record, read_batches},
    connection::Failure,
    kills::{Kills, number},
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

const PARTITIONS: u64 = 4;
const IN_FLIGHT: usize = 5;
const ROUNDS: u64 = 6;
const LARGE_ONE_IN: u64 = 50;
const LARGE_BYTES: usize = 200_000;

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
    large_one_in: i64,
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
        let mut records: Vec<Record> =
            (sent.first..sent.first + sent.count).map(|number| Record::of(number.to_string())).collect();
        if sent.first % self.large_one_in == 0 {
            records[0].key = Some(vec![sent.first as u8; LARGE_BYTES]);
        }
        let batch = Batch { producer: self.producer, base_sequence: sent.first as i32, ..Batch::records(records) };
        connection.try_send(9, &steps::produce_request(9, &self.topic, self.partition, batch.encode()))
    }
}

#[test]
fn idem_2_log_7_nothing_acknowledged_is_lost_or_doubled_over_kill_9() {
    let partitions = number("OTTLA_KILL_PARTITIONS", PARTITIONS) as i32;
    let overrides = std::env::var("OTTLA_KILL_OVERRIDES").unwrap_or_default();
    let overrides: Vec<&str> = overrides.split(',').filter(|setting| !setting.is_empty()).collect();
    let Some(mut kills) = Kills::begin(ROUNDS, &overrides) else { return };
    let (address, seed) = (kills.address(), kills.seed);
    let topic = create(address, partitions);
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let churn = {
        let stop = stop.clone();
        std::thread::spawn(move || Churn { address, made: 0, there: Vec::new(), gone: Vec::new() }.run(&stop))
    };
    let writers: Vec<_> = (0..partitions)
        .map(|partition| {
            let producer = steps::new_producer(&mut Connection::try_open_at(address).unwrap());
            let writer = Writer {
                address,
                topic: topic.clone(),
                partition,
                producer,
                random: Random::new(seed ^ partition as u64),
                large_one_in: number("OTTLA_KILL_LARGE_ONE_IN", LARGE_ONE_IN).max(1) as i64,
                next: 0,
                waiting: VecDeque::new(),
                acknowledged: acknowledged.clone(),
            };
            let stop = stop.clone();
            std::thread::spawn(move || writer.run(&stop))
        })
        .collect();
    kills.run("records acknowledged", || acknowledged.load(SeqCst));
    pause_ms(200);
    stop.store(true, SeqCst);
    let written: Vec<i64> =
        writers.into_iter().map(|writer| writer.join().expect("a writer that saw no fault")).collect();
    assert!(written.iter().all(|count| *count > 0), "every partition was written: {written:?}");
    let churn = churn.join().expect("topics that saw no fault");
    kills.again();
    churn.check(address);
    for (partition, count) in written.iter().enumerate() {
        read_back(address, &topic, partition as i32, *count);
    }
    println!("{} records survived {} kills", acknowledged.load(SeqCst), kills.rounds);
}

/// Makes, uses and deletes topics as long as the broker lives, over and over.
struct Churn {
    address: SocketAddr,
    made: usize,
    /// Answered as created, with the number of records answered, and not told to go.
    there: Vec<(Topic, i64)>,
    /// Answered as deleted.
    gone: Vec<String>,
}

impl Churn {
    fn run(mut self, stop: &AtomicBool) -> Churn {
        while !stop.load(SeqCst) {
            match Connection::try_open_at(self.address) {
                // Ends with an error when the broker is killed.
                Ok(mut connection) => while !stop.load(SeqCst) && self.step(&mut connection).is_ok() {},
                Err(_) => pause_ms(5),
            }
        }
        self
    }

    fn step(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        self.made += 1;
        let name = format!("churn-{}", self.made);
        let wanted = CreatableTopic::default()
            .with_name(steps::topic_name(&*name))
            .with_num_partitions(2)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000);
        let answer = connection.try_call(7, &request)?;
        assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
        self.there.push((Topic { name: name.clone(), id: answer.topics[0].topic_id }, 0));
        let (topic, written) = self.there.last_mut().expect("just put there");
        for _ in 0..3 {
            let request = steps::produce_request(9, topic, 1, Batch::of(&["a", "b"]).encode());
            let answer = connection.try_call(9, &request)?;
            assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
            *written += 2;
        }
        connection.try_call(12, &steps::fetch_request(12, topic, vec![steps::from_offset(1, 0)]))?;
        if self.made.is_multiple_of(3) {
            let setting = AlterableConfig::default()
                .with_name(steps::text("flush.messages"))
                .with_config_operation(0)
                .with_value(Some(steps::text((1_000_000 + self.made).to_string())));
            let resource = AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(steps::text("killed"))
                .with_configs(vec![setting]);
            let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
            let answer = connection.try_call(1, &request)?;
            assert_eq!(answer.responses[0].error_code, 0, "{:?}", answer.responses[0].error_message);
        }
        if self.made.is_multiple_of(8) {
            return Ok(());
        }
        // Told to go: until the answer it may be there or not.
        self.there.pop();
        let gone = DeleteTopicState::default().with_name(Some(steps::topic_name(&*name)));
        let request = DeleteTopicsRequest::default().with_topics(vec![gone]).with_timeout_ms(10_000);
        let answer = connection.try_call(6, &request)?;
        assert_eq!(answer.responses[0].error_code, 0, "{:?}", answer.responses[0].error_message);
        self.gone.push(name);
        Ok(())
    }

    fn check(&self, address: SocketAddr) {
        let mut connection = Connection::try_open_at(address).expect("a connection");
        for name in &self.gone {
            let known = steps::metadata(&mut connection, 12, Some(&[name]));
            assert_eq!(known.topics[0].error_code, Code::UnknownTopicOrPartition.code(), "{name} was deleted");
        }
        for (topic, written) in &self.there {
            let known = steps::metadata(&mut connection, 12, Some(&[&topic.name]));
            assert_eq!(
                (known.topics[0].error_code, known.topics[0].topic_id),
                (0, topic.id),
                "{} is there",
                topic.name
            );
            let request = steps::fetch_request(12, topic, vec![steps::from_offset(1, 0)]);
            let answer = connection.call(12, &request);
            let data = &answer.responses[0].partitions[0];
            assert_eq!(data.error_code, 0, "{}", topic.name);
            assert!(data.high_watermark >= *written, "{}: {} of {written}", topic.name, data.high_watermark);
        }
        println!("{} topics made, {} deleted, {} kept", self.made, self.gone.len(), self.there.len());
    }
}

fn create(address: SocketAddr, partitions: i32) -> Topic {
    let mut connection = Connection::try_open_at(address).expect("a connection");
    let name = "killed";
    // Small segments, so that rolling is among what is interrupted.
    let setting = kafka_protocol::messages::create_topics_request::CreatableTopicConfig::default()
        .with_name(steps::text("segment.bytes"))
        .with_value(Some(steps::text("1048576")));
    let wanted = CreatableTopic::default()
        .with_name(steps::topic_name(name))
        .with_num_partitions(partitions)
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
