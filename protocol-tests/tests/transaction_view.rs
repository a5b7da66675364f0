//! The view of transactions over starts of the broker: used, lost, damaged, behind and ahead of its journal, the transactions
//! are those that the broker told of before it went.
#![expect(clippy::disallowed_methods, reason = "the test changes files of the broker between its lives")]
use kafka_protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
use kafka_protocol::messages::describe_transactions_response::TransactionState;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest, InitProducerIdRequest, TransactionalId,
};
use protocol_tests::{
    Code, Connection, Topic,
    child::{Child, free_port},
    kills::number,
    loads, new_topic,
    random::Random,
    text,
    time::{eventually, now_ms, pause_ms},
    transactions::find,
};
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
};

const IDS: usize = 1_000;
/// Each adds a partition to every transaction: together more records than a start reads without asking the view.
const PASSES: usize = 42;
const LIVES: u64 = 7;
/// The last kind of what may happen to a view.
const UNTOUCHED: u64 = 4;
/// A view that is far behind is brought up within a second.
const FOLLOWED_MS: u64 = 3_000;
/// Changes between two starts.
const CHANGES: usize = 30;
const OVERRIDES: [&str; 2] = ["transaction.state.log.num.partitions=1", "transaction.state.log.replication.factor=1"];
/// What a load read is told.
const LOG: &str = "info,ottla::coordinator=debug";

fn id(number: usize) -> TransactionalId {
    TransactionalId(text(format!("id-{number}")))
}

fn all() -> Vec<TransactionalId> {
    (0..IDS).map(id).collect()
}

struct Life {
    broker: Child,
    directory: PathBuf,
}

impl Life {
    /// A start that the view kills is followed by one that does not trust it.
    fn begin(directory: &Path, port: u16) -> Life {
        let start = || {
            let broker = Child::start_logging(port, directory, &OVERRIDES, LOG);
            let life = Life { broker, directory: directory.to_owned() };
            life.describe();
            life
        };
        catch_unwind(AssertUnwindSafe(start)).unwrap_or_else(|_| start())
    }

    fn connect(&self) -> Connection {
        Connection::try_open_at(self.broker.address()).expect("a connection")
    }

    fn describe(&self) -> Vec<TransactionState> {
        let mut connection = self.connect();
        let request = DescribeTransactionsRequest::default().with_transactional_ids(all());
        let passing = |one: &TransactionState| {
            [Code::CoordinatorLoadInProgress, Code::NotCoordinator].iter().any(|code| code.code() == one.error_code)
        };
        eventually(20_000, "the transactions", || {
            let answer = connection.call(0, &request);
            (!answer.transaction_states.iter().any(passing)).then_some(answer.transaction_states)
        })
    }

    /// Once nothing is on its way.
    fn settled(&self) -> Vec<TransactionState> {
        eventually(60_000, "all ends", || {
            let told = self.describe();
            (!told.iter().any(|one| one.transaction_state.starts_with("Prepare"))).then_some(told)
        })
    }

    /// Rows and records that the last load read.
    fn last_load(&self) -> (u64, u64) {
        loads::last_load(&self.directory.join("broker.log"), "__transaction_state-0")
    }

    fn add(&self, told: &[TransactionState], topic: &Topic, partition: i32) {
        let wanted =
            || AddPartitionsToTxnTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
        let one = |one: &TransactionState| {
            AddPartitionsToTxnTransaction::default()
                .with_transactional_id(one.transactional_id.clone())
                .with_producer_id(one.producer_id)
                .with_producer_epoch(one.producer_epoch)
                .with_topics(vec![wanted()])
        };
        let request = AddPartitionsToTxnRequest::default().with_transactions(told.iter().map(one).collect());
        let answer = self.connect().call(5, &request);
        let results = answer.results_by_transaction.iter().flat_map(|one| &one.topic_results);
        for result in results.flat_map(|topic| &topic.results_by_partition) {
            assert_eq!(result.partition_error_code, 0);
        }
    }

    fn init(&self, ids: &[TransactionalId]) {
        let mut connection = self.connect();
        let request = |id: &TransactionalId| {
            InitProducerIdRequest::default()
                .with_transactional_id(Some(id.clone()))
                .with_transaction_timeout_ms(900_000)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1)
        };
        let sent: Vec<i32> = ids.iter().map(|id| connection.send(5, &request(id))).collect();
        for correlation in sent {
            let answer = connection.receive::<InitProducerIdRequest>(5, correlation);
            // Of an open one, which is aborted.
            assert!(answer.error_code == 0 || answer.error_code == Code::ConcurrentTransactions.code());
        }
    }

    fn change(&self, random: &mut Random, topic: &Topic) {
        let told = self.settled();
        for _ in 0..CHANGES {
            let one = &told[random.below(IDS)];
            if random.below(4) == 0 {
                self.init(std::slice::from_ref(&one.transactional_id));
                continue;
            }
            let request = EndTxnRequest::default()
                .with_transactional_id(one.transactional_id.clone())
                .with_producer_id(one.producer_id)
                .with_producer_epoch(one.producer_epoch)
                .with_committed(random.below(2) == 0);
            // One that was changed before in this round is refused.
            let _ = self.connect().call(5, &request);
        }
        let told = self.settled();
        let fresh: Vec<_> = told.into_iter().filter(|one| &*one.transaction_state != "Ongoing").collect();
        self.add(&fresh[..fresh.len() / 2], topic, random.below(PASSES) as i32);
    }

    fn view(&self) -> PathBuf {
        self.directory.join("data/ottla-state/transactions")
    }

    fn await_view(&self) {
        eventually(60_000, "the view", || {
            let marker = fs::read_to_string(self.view().join("state.properties")).ok()?;
            marker.contains("stage=open").then_some(())
        });
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status().expect("cp");
    assert!(status.success(), "{} is copied to {}", from.display(), to.display());
}

/// What happens to the view between two lives.
fn harm(kind: u64, view: &Path, older: &Path, random: &mut Random) -> &'static str {
    match kind {
        0 => {
            fs::remove_dir_all(view).expect("it is there");
            "lost"
        }
        1 => {
            fs::remove_file(view.join("state.properties")).expect("it is there");
            "unmarked"
        }
        2 => {
            let file = view.join("sled/db");
            let mut bytes = fs::read(&file).expect("sled's file");
            let at = random.below(bytes.len());
            bytes.iter_mut().skip(at).take(5_000).for_each(|byte| *byte ^= 0xA5);
            fs::write(&file, bytes).expect("it is written");
            "damaged"
        }
        3 => {
            copy(older, view);
            "an older one"
        }
        UNTOUCHED.. => "untouched",
    }
}

#[test]
fn txn_15_whatever_becomes_of_the_view_transactions_are_those_of_the_journal() {
    let seed = number("OTTLA_KILL_SEED", now_ms() as u64);
    println!("OTTLA_KILL_SEED={seed}");
    let mut random = Random::new(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let (topic, mut life) = fill(directory.path(), port);
    let older = directory.path().join("older");
    for number in 0..LIVES {
        life.change(&mut random, &topic);
        let told = life.settled();
        let in_order = number == 1 || number > 1 && random.below(3) > 0;
        if in_order {
            life.broker.stop();
        } else {
            // The view has what was written a moment ago.
            pause_ms(FOLLOWED_MS);
            life.broker.kill();
        }
        if number == 1 {
            copy(&life.view(), &older);
        }
        let kind = if number < 2 { UNTOUCHED } else { number % 5 };
        let harmed = harm(kind, &life.view(), &older, &mut random);
        life = Life::begin(directory.path(), port);
        assert_eq!(life.settled(), told, "life {number}, the view is {harmed}");
        let (rows, records) = life.last_load();
        println!("life {number}: in order {in_order}, the view is {harmed}, {rows} rows, {records} records");
        if kind == UNTOUCHED && (in_order || number == 0) {
            assert!(rows == IDS as u64 && records < 10_000, "{rows} rows, {records} records");
        }
    }
    ahead(life, &mut random, &topic, port);
}

/// A broker with a journal so long that a start asks the view.
fn fill(directory: &Path, port: u16) -> (Topic, Life) {
    let broker = Child::start_logging(port, directory, &OVERRIDES, LOG);
    let life = Life { broker, directory: directory.to_owned() };
    let mut connection = life.connect();
    find(&mut connection, 1, "id-0");
    let topic = new_topic(&mut connection, PASSES as i32);
    life.init(&all());
    let told = life.describe();
    for partition in 0..PASSES {
        life.add(&told, &topic, partition as i32);
    }
    life.await_view();
    (topic, life)
}

/// The logs are those of a while ago, as after a restore, and the view knows what they do not have.
fn ahead(mut life: Life, random: &mut Random, topic: &Topic, port: u16) {
    let told = life.settled();
    life.broker.stop();
    let (data, before) = (life.directory.join("data"), life.directory.join("before"));
    copy(&data, &before);
    life = Life::begin(&life.directory, port);
    life.change(random, topic);
    life.broker.stop();
    copy(&data.join("ottla-state"), &before.join("newer"));
    fs::remove_dir_all(before.join("ottla-state")).expect("it is there");
    fs::rename(before.join("newer"), before.join("ottla-state")).expect("it is moved");
    fs::remove_dir_all(&data).expect("it is there");
    fs::rename(&before, &data).expect("it is moved");
    life = Life::begin(&life.directory, port);
    assert_eq!(life.settled(), told, "the view is ahead");
    assert_eq!(life.last_load().0, 0, "nothing is taken from it");
    pause_ms(50);
    life.broker.stop();
}
