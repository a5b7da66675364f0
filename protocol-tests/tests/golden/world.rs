//! What the cases speak about: two topics, and names of their own for all that they make.
use crate::cases::Case;
use crate::exchange::{self, Outcome};
use protocol_tests::schema::decode::Line;
use protocol_tests::schema::encode::{Spoil, encode, hex};
use protocol_tests::schema::{Versions, messages, request};
use protocol_tests::time::{eventually, now_ms};
use protocol_tests::{Batch, Connection, Topic, address, append, await_topic, on_kafka};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use uuid::Uuid;

/// Longer than any answer here takes.
const ANSWER_MS_MAX: u64 = 30_000;
/// Where nothing is expected to come.
const SILENCE_MS: u64 = 500;
/// A topic id that no topic has.
pub const STRANGE_ID: &str = "11111111-1111-1111-1111-111111111111";
pub const ZERO_ID: &str = "00000000-0000-0000-0000-000000000000";
/// Of all records here.
pub const RECORD_TIME: i64 = 1_700_000_000_000;

thread_local! {
    /// The numbers of the names in the request that this thread built last.
    static MADE: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

pub struct World {
    address: SocketAddr,
    /// In every name of this run, and no part of what is compared.
    marker: String,
    count: AtomicU32,
    /// Three partitions; five records in the first.
    pub alpha: Topic,
    /// One partition without records.
    pub beta: Topic,
    served: Vec<(String, Versions)>,
}

/// The world of the broker under test.
pub fn shared() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::at(address()))
}

impl World {
    fn at(address: SocketAddr) -> World {
        let mut world = World {
            address,
            marker: format!("-x{}x", now_ms()),
            count: AtomicU32::new(0),
            alpha: Topic { name: String::new(), id: Uuid::nil() },
            beta: Topic { name: String::new(), id: Uuid::nil() },
            served: Vec::new(),
        };
        world.served = world.ask_what_is_served();
        world.alpha = world.topic_named("alpha", 3);
        let batch = Batch::of(&["one", "two", "three", "four", "five"]).timestamp(RECORD_TIME);
        append(&mut world.connection(), &world.alpha, &batch);
        world.beta = world.topic_named("beta", 1);
        world.ready_coordinators();
        world
    }

    /// Apache Kafka makes the coordinators' topics when it is first asked for them.
    fn ready_coordinators(&self) {
        eventually(60_000, "the coordinators", || {
            let group = self.ask("Heartbeat", 3, &json!({"groupId": self.name("g"), "memberId": "nobody"}));
            let find = |kind: i8| self.ask("FindCoordinator", 3, &json!({"key": self.name("t"), "keyType": kind}));
            let found = [find(0), find(1)];
            let begun = json!({"transactionalId": self.name("t"), "transactionTimeoutMs": 60_000});
            let begun = self.ask("InitProducerId", 4, &begun);
            let is_ready =
                |lines: &[Line]| lines.iter().any(|line| line.name() == "errorCode" && line.value == "none (0)");
            let knows = group.iter().any(|line| line.value.starts_with("UnknownMemberId"));
            (knows && found.iter().all(|lines| is_ready(lines)) && is_ready(&begun)).then_some(())
        });
    }

    fn ask_what_is_served(&self) -> Vec<(String, Versions)> {
        let lines = self.ask("ApiVersions", 0, &json!({}));
        let number = |line: &Line| line.value.parse::<i16>().expect("a number");
        let keys = lines.iter().filter(|line| line.name() == "apiKey");
        let ranges = keys.filter_map(|line| {
            let message = messages().iter().find(|message| message.is_request && message.key == number(line));
            // Apache Kafka serves more; what is served here is asked here.
            assert!(message.is_some() || on_kafka(), "API {} is not in schema/messages.txt", line.value);
            let message = message?;
            let of = |name: &str| {
                let path = line.path.replace(".apiKey", &format!(".{name}"));
                number(lines.iter().find(|line| line.path == path).expect("a version"))
            };
            let min = of("minVersion").max(message.versions.min);
            Some((message.name.clone(), Versions { min, max: of("maxVersion").min(message.versions.max) }))
        });
        ranges.collect()
    }

    /// The APIs that the broker advertises, with what it serves of them.
    pub fn served(&self) -> Vec<(String, std::ops::RangeInclusive<i16>)> {
        let known = |name: &str| crate::cases::all().iter().any(|case| case.api == name);
        let all = self.served.iter().map(|(name, versions)| (name.clone(), versions.min..=versions.max));
        // Apache Kafka serves more.
        all.filter(|(name, _)| !on_kafka() || known(name)).collect()
    }

    /// The versions at which a case can be asked here.
    pub fn versions(&self, case: &Case) -> impl Iterator<Item = i16> + use<> {
        let served = self.served.iter().find(|(name, _)| name == case.api);
        let served = served.unwrap_or_else(|| panic!("{} is not served", case.api)).1;
        served.min.max(case.min)..=served.max.min(case.max)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn connection(&self) -> Connection {
        Connection::try_open_at(self.address).expect("the broker accepts a connection")
    }

    /// A name nobody else has; in what is compared it is its subject alone.
    pub fn name(&self, subject: &str) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        MADE.with_borrow_mut(|made| made.push(count));
        format!("{subject}{}{count}", self.marker)
    }

    /// `text` with the names of this run as their subjects.
    pub fn without_marks(&self, text: &str) -> String {
        let mut parts = text.split(&self.marker);
        let first = parts.next().unwrap_or_default().to_string();
        parts.fold(first, |all, part| all + part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
    }

    /// Whether `text` holds a name that was made for the request this thread built last.
    pub fn is_of_this_request(&self, text: &str) -> bool {
        let names = text.split(&self.marker).skip(1);
        let number = |name: &str| name.split(|end: char| !end.is_ascii_digit()).next()?.parse::<u32>().ok();
        MADE.with_borrow(|made| names.filter_map(number).any(|number| made.contains(&number)))
    }

    /// A case's request; what it names is made on the way.
    pub fn build(&self, case: &Case, version: i16) -> Value {
        MADE.with_borrow_mut(Vec::clear);
        (case.request)(self, version)
    }

    /// A new topic that can be used.
    pub fn topic(&self, partitions: i32) -> Topic {
        self.topic_named("made", partitions)
    }

    fn topic_named(&self, subject: &str, partitions: i32) -> Topic {
        let name = self.name(subject);
        let request = json!({"topics": [{"name": name, "numPartitions": partitions, "replicationFactor": 1,
            "configs": [{"name": "retention.ms", "value": "-1"}]}], "timeoutMs": 10_000});
        let lines = self.ask("CreateTopics", 7, &request);
        let id = lines.iter().find(|line| line.name() == "topicId").expect("an id");
        let topic = Topic { name, id: Uuid::parse_str(&id.value).expect("an id") };
        await_topic(&mut self.connection(), &topic, partitions);
        topic
    }

    /// One right batch of two records.
    pub fn batch(&self) -> Value {
        hex(&Batch::of(&["a", "b"]).timestamp(RECORD_TIME).encode())
    }

    /// One whose checksum is wrong.
    pub fn spoilt_batch(&self) -> Value {
        hex(&Batch { crc_claimed: Some(7), ..Batch::of(&["a"]).timestamp(RECORD_TIME) }.encode())
    }

    /// Asks and returns the answer as it came.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn ask(&self, api: &str, version: i16, value: &Value) -> Vec<Line> {
        match self.send(api, version, value, ANSWER_MS_MAX) {
            Outcome::Answer(lines) => lines,
            other => panic!("{api} version {version}: {other:?}"),
        }
    }

    /// What becomes of a case's request.
    pub fn outcome(&self, case: &Case, version: i16) -> Outcome {
        let value = self.build(case, version);
        let is_silent = value.get("acks") == Some(&json!(0)) || (case.is_silent_on_kafka && on_kafka());
        self.send(case.api, version, &value, if is_silent { SILENCE_MS } else { ANSWER_MS_MAX })
    }

    /// A right request on a connection of its own.
    fn send(&self, api: &str, version: i16, value: &Value, wait_ms: u64) -> Outcome {
        let body = encode(request(api), version, value, Spoil::default()).bytes;
        exchange::exchange(self.address, api, version, &exchange::frame(api, version, &body, false), wait_ms)
    }
}
