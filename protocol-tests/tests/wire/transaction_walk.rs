//! Random walks through the requests of one transactional id, right and wrong ones of both protocols: every answer as Apache
//! Kafka 4.3.1 gave it. `OTTLA_WRITE_WALKS=1` writes its answers down anew, of the broker that is tested.
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest,
    InitProducerIdRequest, TransactionalId, TxnOffsetCommitRequest, txn_offset_commit_request,
};
use protocol_tests::batch::{TRANSACTIONAL, read_batches};
use protocol_tests::groups::{group_id, new_group};
use protocol_tests::time::eventually;
use protocol_tests::transactions::{find, offset, read};
use protocol_tests::{Batch, Code, Connection, Topic, fresh_name, new_topic, produce_request, text};
use std::collections::BTreeMap;

const SEEDS: u64 = 24;
const STEPS: usize = 25;
const ANSWERS: &str = include_str!("transaction_walk.txt");

/// Producer id and epoch.
type Who = (i64, i16);

struct Walk {
    chance: u64,
    connection: Connection,
    topic: Topic,
    group: String,
    id: TransactionalId,
    /// In the order in which they were given out.
    pids: Vec<i64>,
    now: Who,
    before: Vec<Who>,
    /// The sequence that is due, by producer and partition.
    due: BTreeMap<(Who, i32), i32>,
}

/// Asks until the answer is more than that something is under way.
fn answered<T>(mut ask: impl FnMut() -> (i16, T)) -> (i16, T) {
    let passing = [
        Code::ConcurrentTransactions,
        Code::NotEnoughReplicas,
        Code::CoordinatorLoadInProgress,
        Code::CoordinatorNotAvailable,
        Code::NotCoordinator,
    ];
    eventually(20_000, "an answer that lasts", || {
        let told = ask();
        passing.iter().all(|code| code.code() != told.0).then_some(told)
    })
}

/// Kafka asks its coordinator for several requests at once and then mixes up which of the two words their versions know.
fn refused(code: i16) -> i16 {
    if code == Code::TransactionAbortable.code() { Code::InvalidTxnState.code() } else { code }
}

impl Walk {
    fn new(seed: u64) -> Walk {
        let mut connection = Connection::open();
        let (topic, group) = (new_topic(&mut connection, 2), new_group());
        let id = TransactionalId(text(fresh_name("walk")));
        find(&mut connection, 1, &id);
        find(&mut connection, 0, &group);
        let chance = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (pids, before, due) = (Vec::new(), Vec::new(), BTreeMap::new());
        Walk { chance, connection, topic, group, id, pids, now: (-1, -1), before, due }
    }

    fn below(&mut self, most: u64) -> u64 {
        for (left, by) in [(true, 13), (false, 7), (true, 17)] {
            self.chance ^= if left { self.chance << by } else { self.chance >> by };
        }
        (self.chance >> 20) % most
    }

    /// Mostly who it is now; at times who it was, or will be.
    fn who(&mut self) -> Who {
        match self.below(8) {
            0 if !self.before.is_empty() => {
                let at = self.below(self.before.len() as u64) as usize;
                self.before[at]
            }
            1 => (self.now.0, self.now.1 + 1),
            _ => self.now,
        }
    }

    fn name(&self, who: Who) -> String {
        self.pids.iter().position(|pid| *pid == who.0).map_or("-".into(), |at| format!("{at}/{}", who.1))
    }

    fn becomes(&mut self, who: Who) {
        if !self.pids.contains(&who.0) {
            self.pids.push(who.0);
        }
        self.before.extend((self.now.0 >= 0 && self.now != who).then_some(self.now));
        self.now = who;
    }

    fn init(&mut self, named: bool) -> String {
        let version = if named { 3 + self.below(3) as i16 } else { self.below(6) as i16 };
        let who = if named { self.who() } else { (-1, -1) };
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.id.clone()))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(who.0.into())
            .with_producer_epoch(who.1);
        let (code, given) = answered(|| {
            let answer = self.connection.call(version, &request);
            (answer.error_code, (answer.producer_id.0, answer.producer_epoch))
        });
        let asked = self.name(who);
        if code == 0 {
            self.becomes(given);
        }
        format!("init v{version} {asked}: {code} {}", self.name(given))
    }

    fn add(&mut self) -> String {
        let (version, who) = (self.below(4) as i16, self.who());
        let partitions = match self.below(6) {
            0 => vec![0, 1],
            1 => vec![0, 9],
            2 => vec![],
            _ => vec![self.below(2) as i32],
        };
        let topic =
            AddPartitionsToTxnTopic::default().with_name(self.topic.wire_name()).with_partitions(partitions.clone());
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.id.clone())
            .with_v3_and_below_producer_id(who.0.into())
            .with_v3_and_below_producer_epoch(who.1)
            .with_v3_and_below_topics(vec![topic]);
        let (_, codes) = answered(|| {
            let answer = self.connection.call(version, &request);
            let topics = answer.results_by_topic_v3_and_below.iter().flat_map(|topic| &topic.results_by_partition);
            let mut codes: Vec<_> = topics.map(|at| (at.partition_index, at.partition_error_code)).collect();
            codes.sort_unstable();
            (codes.first().map_or(0, |(_, code)| *code), codes.into_iter().map(|(_, code)| code).collect::<Vec<_>>())
        });
        format!("add v{version} {} {partitions:?}: {codes:?}", self.name(who))
    }

    fn produce(&mut self) -> String {
        let (version, who, partition) = (11 + self.below(2) as i16, self.who(), self.below(2) as i32);
        let due = self.due.get(&(who, partition)).copied().unwrap_or(0);
        let sequence = match self.below(8) {
            0 => due + 3,
            1 => (due - 1).max(0),
            _ => due,
        };
        // What nobody asks the coordinator about could bring an epoch that was never given out.
        let plain = self.below(10) == 0 && who.1 <= self.now.1;
        let batch = Batch::from_producer(who, sequence, 1).attributes(if plain { 0 } else { TRANSACTIONAL });
        let request = produce_request(version, &self.topic, partition, batch.encode())
            .with_transactional_id(Some(self.id.clone()));
        let (code, base) = answered(|| {
            let answer = self.connection.call(version, &request);
            let at = &answer.responses[0].partition_responses[0];
            (at.error_code, at.base_offset)
        });
        if code == 0 && sequence == due {
            self.due.insert((who, partition), due + 1);
        }
        let kind = if plain { "plain " } else { "" };
        format!("{kind}produce v{version} {} {partition} #{sequence}: {} {base}", self.name(who), refused(code))
    }

    fn end(&mut self) -> String {
        let (version, who, commit) = (4 + self.below(2) as i16, self.who(), self.below(2) == 0);
        let request = EndTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(who.0.into())
            .with_producer_epoch(who.1)
            .with_committed(commit);
        let (code, given) = answered(|| {
            let answer = self.connection.call(version, &request);
            (answer.error_code, (answer.producer_id.0, answer.producer_epoch))
        });
        let asked = self.name(who);
        if code == 0 && version == 5 {
            self.becomes(given);
        }
        format!("{} v{version} {asked}: {code} {}", if commit { "commit" } else { "abort" }, self.name(given))
    }

    fn add_offsets(&mut self) -> String {
        let (version, who) = (self.below(5) as i16, self.who());
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(who.0.into())
            .with_producer_epoch(who.1)
            .with_group_id(group_id(&self.group));
        let (code, ()) = answered(|| (self.connection.call(version, &request).error_code, ()));
        format!("add offsets v{version} {}: {code}", self.name(who))
    }

    fn commit_offsets(&mut self) -> String {
        let (version, who, at) = (self.below(6) as i16, self.who(), if self.below(5) == 0 { 9 } else { 0 });
        let partition = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()
            .with_partition_index(at)
            .with_committed_offset(self.below(100) as i64)
            .with_committed_metadata(Some(text("")));
        let topic = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
            .with_name(self.topic.wire_name())
            .with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(self.id.clone())
            .with_group_id(group_id(&self.group))
            .with_producer_id(who.0.into())
            .with_producer_epoch(who.1)
            .with_topics(vec![topic]);
        let (code, ()) = answered(|| (self.connection.call(version, &request).topics[0].partitions[0].error_code, ()));
        format!("commit offsets v{version} {} of {at}: {}", self.name(who), refused(code))
    }

    /// The state once all that was decided is done: the next answer depends on it.
    fn state(&mut self) -> String {
        let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![self.id.clone()]);
        eventually(20_000, "the end of the transaction", || {
            let answer = self.connection.call(0, &request);
            let state = answer.transaction_states[0].transaction_state.to_string();
            (!state.starts_with("Prepare")).then_some(state)
        })
    }

    fn step(&mut self) -> String {
        let told = match if self.now.0 < 0 { 0 } else { self.below(16) } {
            0 => self.init(false),
            1 => self.init(true),
            2 | 3 => self.add(),
            4..=8 => self.produce(),
            9..=12 => self.end(),
            13 => self.add_offsets(),
            _ => self.commit_offsets(),
        };
        format!("{told}, {}", self.state())
    }

    /// What consumers see of it all.
    fn left(&mut self) -> String {
        let told = read(&self.topic, true);
        let batches = read_batches(&told.records.unwrap_or_default());
        let batches: Vec<_> = batches.iter().map(|batch| (batch.base_offset, batch.producer.1)).collect();
        let mut aborted: Vec<_> =
            told.aborted_transactions.unwrap_or_default().iter().map(|one| one.first_offset).collect();
        aborted.sort_unstable();
        let committed = offset(&mut self.connection, &self.group, &self.topic, true);
        format!("left to {}: {batches:?}, aborted {aborted:?}, offset {committed:?}", told.last_stable_offset)
    }
}

fn walk(seed: u64) -> String {
    let mut walk = Walk::new(seed);
    let mut lines = vec![format!("walk {seed}")];
    lines.extend((0..STEPS).map(|_| walk.step()));
    lines.push(walk.left());
    lines.join("\n") + "\n"
}

#[test]
#[expect(clippy::disallowed_methods, reason = "scenarios stand outside the broker and its platform layer")]
fn txn_4_txn_5_txn_6_txn_7_txn_10_init_5_random_walks_are_answered_as_by_apache_kafka() {
    let told: String = std::thread::scope(|scope| {
        let walks: Vec<_> =
            (0..4).map(|lane| scope.spawn(move || (lane..SEEDS).step_by(4).map(walk).collect())).collect();
        let lanes: Vec<Vec<String>> = walks.into_iter().map(|walk| walk.join().expect("a walk")).collect();
        (0..SEEDS as usize).map(|seed| lanes[seed % 4][seed / 4].as_str()).collect()
    });
    if std::env::var_os("OTTLA_WRITE_WALKS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/transaction_walk.txt"), told).unwrap();
        return;
    }
    for (line, (told, expected)) in told.lines().zip(ANSWERS.lines()).enumerate() {
        assert_eq!(told, expected, "line {} of transaction_walk.txt", line + 1);
    }
    assert_eq!(told.lines().count(), ANSWERS.lines().count());
}
