//! Hot paths, each taken as often as it is asked to: `make instructions` counts their instructions under valgrind.
use bytes::{BufMut, Bytes, BytesMut};
use ottla::{
    api::{Connection, Reply, Response, Router},
    config,
    log::{
        AppendOrigin, LogConfig, LogDir, LogDirSettings, LogId, SyncPolicy,
        wal::{Committed, EntryHead, EntryKind, Wal, WalError, WalSettings},
    },
    node::{Node, NodeParts},
    platform::{Clock, RealDisk, SystemChance, SystemClock},
    record::{BatchBuilder, BatchRules, check},
    types::{LeaderEpoch, Offset, TopicId},
    wire::{
        Encodable, RequestHeader, StrBytes, Version, decode,
        messages::{
            ApiKey, CreateTopicsRequest, FetchRequest, ProduceRequest, TopicName,
            create_topics_request::CreatableTopic,
            fetch_request::{FetchPartition, FetchTopic},
            produce_request::{PartitionProduceData, TopicProduceData},
        },
    },
};
use parking_lot::{Condvar, Mutex};
use std::{hint::black_box, sync::Arc};

/// With flexible headers and topics by name.
const PRODUCE: Version = 12;
const FETCH: Version = 12;
const CREATE_TOPICS: Version = 7;
const PARTITIONS: i32 = 6;
const RECORDS: usize = 160;
const RECORD_BYTES: usize = 100;
/// Entries that one commit makes durable.
const GROUP: i64 = 32;
const TOPIC: &str = "topic";

/// Its name, and how it is counted: what the calling thread does, or what all of them do.
const PATHS: &[(&str, &str, fn(u64))] = &[
    ("decode-produce", "own", decode_produce),
    ("check-batch", "own", check_batch),
    ("append", "own", append),
    ("produce-begun", "own", produce_begun),
    ("fetch-answer", "own", fetch_answer),
    ("group-commit", "all", group_commit),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let path = PATHS.iter().find(|(name, ..)| words.first().is_some_and(|word| word == name));
    match (path, words.get(1).and_then(|times| times.parse().ok())) {
        (Some((.., run)), Some(times)) => run(times),
        _ => PATHS.iter().for_each(|(name, threads, _)| println!("{name} {threads}")),
    }
}

/// What is counted of one thread happens in here.
#[inline(never)]
fn counted_turns(times: u64, turn: &mut dyn FnMut()) {
    for _ in 0..times {
        turn();
    }
}

/// What is there the second time only, as memory and tables of a processor's features, is not counted.
fn count(times: u64, mut turn: impl FnMut()) {
    (0..3).for_each(|_| turn());
    counted_turns(times, &mut turn);
}

fn batch() -> Bytes {
    let value = [b'v'; RECORD_BYTES];
    let records = (0..RECORDS).fold(BatchBuilder::new(1_000), |batch, _| batch.record(None, Some(&value)));
    records.build().bytes().clone()
}

/// A frame without its length.
fn frame(key: ApiKey, version: Version, body: &impl Encodable) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i16(key as i16);
    frame.put_i16(version);
    frame.put_i32(1);
    frame.put_i16(6);
    frame.put_slice(b"client");
    // No tags.
    frame.put_u8(0);
    body.encode(&mut frame, version).expect("a request of this version");
    frame.freeze()
}

fn topic() -> TopicName {
    TopicName(StrBytes::from_static_str(TOPIC))
}

fn produce() -> Bytes {
    let partition = |index| PartitionProduceData::default().with_index(index).with_records(Some(batch()));
    let data =
        TopicProduceData::default().with_name(topic()).with_partition_data((0..PARTITIONS).map(partition).collect());
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![data]);
    frame(ApiKey::Produce, PRODUCE, &request)
}

fn fetch() -> Bytes {
    let partition = |index| {
        FetchPartition::default().with_partition(index).with_current_leader_epoch(-1).with_partition_max_bytes(64 << 10)
    };
    let asked = FetchTopic::default().with_topic(topic()).with_partitions((0..PARTITIONS).map(partition).collect());
    let request = FetchRequest::default().with_max_wait_ms(500).with_min_bytes(1).with_max_bytes(50 << 20);
    frame(ApiKey::Fetch, FETCH, &request.with_session_epoch(-1).with_topics(vec![asked]))
}

/// A produce request of six batches: from the frame to the request, whose records are still part of it.
fn decode_produce(times: u64) {
    let whole = produce();
    count(times, || {
        let mut frame = whole.clone();
        let header = RequestHeader::take(&mut frame, true).expect("a header");
        let request: ProduceRequest = decode(ApiKey::Produce, header.version, &mut frame).expect("a request");
        black_box(request);
    });
}

/// One batch of 160 records of 100 bytes, proven well-formed.
fn check_batch(times: u64) {
    let batch = batch();
    count(times, || {
        black_box(check(batch.clone(), &BatchRules::DEFAULT, 1_000).expect("a good batch"));
    });
}

/// The same batch into a log: to the page cache, without a write-ahead log.
fn append(times: u64) {
    let place = tempfile::tempdir().expect("a directory");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let directory = LogDir::open(Arc::new(RealDisk), clock, place.path(), LogDirSettings::default());
    let directory = directory.expect("a log directory");
    let id = LogId {
        topic: ottla::types::TopicName::parse(TOPIC).expect("a name"),
        topic_id: TopicId(uuid::Uuid::from_u128(1)),
        partition: 0,
    };
    let config = LogConfig { sync: SyncPolicy::PageCache, ..LogConfig::default() };
    let log = directory.open_log(&id, Arc::new(config)).expect("a log");
    directory.finish_recovery().expect("recovered");
    let batch = check(batch(), &BatchRules::DEFAULT, 1_000).expect("a good batch");
    count(times, || {
        log.append(batch.clone(), LeaderEpoch::ZERO, AppendOrigin::Client).expect("appended");
    });
    directory.close().expect("closed");
}

/// A whole broker, asked without connections.
struct Asked {
    runtime: tokio::runtime::Runtime,
    router: Router,
    connection: Arc<Connection>,
    node: Node,
    _place: tempfile::TempDir,
}

impl Asked {
    fn start() -> Asked {
        let place = tempfile::tempdir().expect("a directory");
        let overrides = [
            ("log.dirs".to_owned(), place.path().display().to_string()),
            ("listeners".to_owned(), "PLAINTEXT://127.0.0.1:0".to_owned()),
            ("ottla.http.listen".to_owned(), "off".to_owned()),
        ];
        let loaded = config::load(None, std::iter::empty(), &overrides, &RealDisk).expect("good settings");
        let parts = NodeParts {
            config: loaded.node,
            raw: loaded.raw,
            disk: Arc::new(RealDisk),
            clock: Arc::new(SystemClock::new()),
            chance: Arc::new(SystemChance),
            version: "counted",
            views: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let node = runtime.block_on(Node::start(parts)).expect("a broker");
        let router = Router::new(node.broker().clone());
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let connection = Arc::new(Connection::new("PLAINTEXT".into(), address, address));
        let asked = Asked { runtime, router, connection, node, _place: place };
        let topic =
            CreatableTopic::default().with_name(topic()).with_num_partitions(PARTITIONS).with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_timeout_ms(30_000).with_topics(vec![topic]);
        asked.answer(frame(ApiKey::CreateTopics, CREATE_TOPICS, &request));
        asked
    }

    fn answer(&self, frame: Bytes) -> Response {
        let mut reply = self.router.route(&self.connection, frame).reply;
        loop {
            reply = match reply {
                Reply::Now(response) => return response,
                Reply::Later(later) => return self.runtime.block_on(later),
                // The first time, files are opened.
                Reply::Held(held) => self.runtime.block_on(held),
            }
        }
    }

    fn stop(self) {
        self.runtime.block_on(self.node.stop()).expect("a good end");
    }
}

/// A produce request of six batches: decoded, checked and appended to six logs and to the write-ahead log, up to where the wait for its
/// commit begins. The wait is not counted.
fn produce_begun(times: u64) {
    let asked = Asked::start();
    let frame = produce();
    (0..3).for_each(|_| _ = asked.answer(frame.clone()));
    for _ in 0..times {
        let mut reply = None;
        counted_turns(1, &mut || reply = Some(asked.router.route(&asked.connection, frame.clone()).reply));
        match reply.expect("an answer") {
            Reply::Later(later) => assert!(matches!(asked.runtime.block_on(later), Response::Frame(_))),
            _ => panic!("durable already"),
        }
    }
    asked.stop();
}

/// A fetch of six partitions: decoded, read and answered with pieces of segments.
fn fetch_answer(times: u64) {
    let asked = Asked::start();
    (0..3).for_each(|_| _ = asked.answer(produce()));
    let frame = fetch();
    let bytes = asked.answer(frame.clone()).bytes();
    assert!(bytes > PARTITIONS as usize * RECORDS * RECORD_BYTES, "{bytes} bytes");
    count(times, || assert_eq!(asked.answer(frame.clone()).bytes(), bytes));
    asked.stop();
}

/// Knows how far its entries are durable.
#[derive(Default)]
struct Reached {
    offset: Mutex<i64>,
    changed: Condvar,
}

impl Committed for Reached {
    fn committed(&self, up_to: Offset) {
        *self.offset.lock() = up_to.get();
        self.changed.notify_all();
    }

    fn failed(&self, error: &WalError) {
        panic!("{error}");
    }
}

/// 32 entries of 100 bytes appended to the write-ahead log, and made durable together.
fn group_commit(times: u64) {
    let place = tempfile::tempdir().expect("a directory");
    // Past the page cache or not depends on the file system.
    let settings = WalSettings { direct: false, ..WalSettings::default() };
    let clock = Arc::new(SystemClock::new());
    let (wal, _) = Wal::open(Arc::new(RealDisk), clock, &place.path().join("wal"), settings).expect("a log");
    let reached = Arc::new(Reached::default());
    let log: Arc<dyn Committed> = reached.clone();
    let body = [b'v'; RECORD_BYTES];
    let mut next = 0;
    for _ in 0..times {
        for _ in 0..GROUP {
            let head = EntryHead {
                kind: EntryKind::Append,
                topic_id: TopicId::METADATA,
                partition: 0,
                offset: Offset::new(next),
                leader_epoch: LeaderEpoch::ZERO,
                len: RECORD_BYTES as u32,
            };
            next += 1;
            wal.append(&head, &[&body], Some((&log, Offset::new(next)))).expect("room");
        }
        let mut at = reached.offset.lock();
        while *at < next {
            reached.changed.wait(&mut at);
        }
    }
    wal.close().expect("a good end");
}
