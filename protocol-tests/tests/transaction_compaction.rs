//! `__transaction_state` that is compacted while it is written: it stays short, the view keeps up with it, and a broker that is
//! killed in the middle of a compaction knows every producer afterwards as it was answered.
#![expect(clippy::disallowed_methods, reason = "the test looks at files of the broker")]
use kafka_protocol::messages::{DescribeTransactionsRequest, InitProducerIdRequest, TransactionalId};
use protocol_tests::{
    Code, Connection,
    child::{Child, free_port},
    kills::number,
    loads,
    random::Random,
    text,
    time::{Stopwatch, eventually, now_ms, pause_ms},
    transactions::find,
};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
};

const IDS: usize = 300;
const CLIENTS: usize = 2;
/// More records than a start reads without asking the view, when all are answered.
const BEFORE: u64 = 45_000;
const KILLS: u64 = 6;
/// A kill finds a compaction at work, or comes anyway.
const COMPACTION_MS_MAX: u64 = 5_000;
/// The journal when it is compacted, with the segment that is written to. All that was ever written is many times more.
const BYTES_MAX: u64 = 3 << 19;
const OVERRIDES: [&str; 4] = [
    "transaction.state.log.num.partitions=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.segment.bytes=1048576",
    "log.cleaner.backoff.ms=1",
];
const LOG: &str = "info,ottla::coordinator=debug";

type Producer = (i64, i16);

/// What a client knows of its own transactional ids.
#[derive(Clone)]
struct Known {
    ids: Vec<TransactionalId>,
    /// The last answer; `None` before the first.
    told: Vec<Option<Producer>>,
    /// Asked and not answered when the broker went.
    asked: Vec<u64>,
}

impl Known {
    fn of(client: usize) -> Known {
        let ids: Vec<_> = (client..IDS).step_by(CLIENTS).map(|id| TransactionalId(text(format!("id-{id}")))).collect();
        Known { told: vec![None; ids.len()], asked: vec![0; ids.len()], ids }
    }

    /// New epochs for all, one after the other, until told to stop or the broker is gone.
    fn churn(&mut self, address: SocketAddr, over: &AtomicBool, answered: &AtomicU64) {
        let Ok(mut connection) = Connection::try_open_at(address) else { return };
        while !over.load(SeqCst) {
            let mut sent = Vec::new();
            for index in 0..self.ids.len() {
                let request = InitProducerIdRequest::default()
                    .with_transactional_id(Some(self.ids[index].clone()))
                    .with_transaction_timeout_ms(60_000)
                    .with_producer_id((-1).into())
                    .with_producer_epoch(-1);
                self.asked[index] += 1;
                let Ok(correlation) = connection.try_send(5, &request) else { return };
                sent.push((index, correlation));
            }
            for (index, correlation) in sent {
                let Ok(answer) = connection.try_receive::<InitProducerIdRequest>(5, correlation) else { return };
                assert_eq!(answer.error_code, 0, "{:?}", self.ids[index]);
                let now = (answer.producer_id.0, answer.producer_epoch);
                if let Some(before) = self.told[index] {
                    assert!(now > before, "{:?}: {now:?} after {before:?}", self.ids[index]);
                }
                (self.told[index], self.asked[index]) = (Some(now), 0);
                answered.fetch_add(1, SeqCst);
            }
        }
    }

    /// Every id stands at its last answer, or at what was asked behind it.
    fn check(&mut self, connection: &mut Connection) {
        let request = DescribeTransactionsRequest::default().with_transactional_ids(self.ids.clone());
        let passing = [Code::CoordinatorLoadInProgress, Code::NotCoordinator].map(|code| code.code());
        let states = eventually(20_000, "the transactions", || {
            let answer = connection.call(0, &request);
            (!answer.transaction_states.iter().any(|one| passing.contains(&one.error_code)))
                .then_some(answer.transaction_states)
        });
        for (index, state) in states.iter().enumerate() {
            assert_eq!(state.transactional_id, self.ids[index]);
            let Some(told) = self.told[index] else { continue };
            let now = (state.producer_id.0, state.producer_epoch);
            assert_eq!((state.error_code, &*state.transaction_state), (0, "Empty"), "{state:?}");
            let ahead = i64::from(now.1) - i64::from(told.1);
            let asked = i64::try_from(self.asked[index]).expect("few");
            assert!(
                now.0 == told.0 && (0..=asked).contains(&ahead),
                "{:?}: {now:?}, told was {told:?} and asked for {asked} more",
                self.ids[index]
            );
            (self.told[index], self.asked[index]) = (Some(now), 0);
        }
    }
}

struct Life {
    broker: Child,
    directory: PathBuf,
}

impl Life {
    fn begin(directory: &Path, port: u16) -> Life {
        let broker = Child::start_logging(port, directory, &OVERRIDES, LOG);
        Life { broker, directory: directory.to_owned() }
    }

    /// All clients ask at once until `enough` says so; then the broker is killed under them.
    fn kill_when(mut self, clients: &mut [Known], mut enough: impl FnMut(&Path, u64) -> bool) {
        let (over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
        let address = self.broker.address();
        thread::scope(|threads| {
            let running: Vec<_> =
                clients.iter_mut().map(|client| threads.spawn(|| client.churn(address, &over, &answered))).collect();
            let is_broken = || running.iter().any(thread::ScopedJoinHandle::is_finished);
            while !enough(&self.journal(), answered.load(SeqCst)) && !is_broken() {
                pause_ms(1);
            }
            self.broker.kill();
            over.store(true, SeqCst);
        });
    }

    fn check(&self, clients: &mut [Known]) {
        let mut connection = Connection::try_open_at(self.broker.address()).expect("a connection");
        clients.iter_mut().for_each(|client| client.check(&mut connection));
    }

    fn journal(&self) -> PathBuf {
        self.directory.join("data/__transaction_state-0")
    }

    fn view(&self) -> PathBuf {
        self.directory.join("data/ottla-state/transactions")
    }

    /// Rows of the view and records of the journal that the last load read.
    fn last_load(&self) -> (u64, u64) {
        loads::last_load(&self.directory.join("broker.log"), "__transaction_state-0")
    }
}

/// Files of the journal; none while it is not there.
fn files(journal: &Path) -> Vec<(String, u64)> {
    let Ok(entries) = fs::read_dir(journal) else { return Vec::new() };
    let of = |entry: fs::DirEntry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?.len()));
    entries.filter_map(|entry| of(entry.ok()?)).collect()
}

fn is_being_compacted(journal: &Path) -> bool {
    files(journal).iter().any(|(name, _)| name.ends_with(".cleaned") || name.ends_with(".swap"))
}

fn segments_bytes(journal: &Path) -> u64 {
    files(journal).iter().filter(|(name, _)| name.ends_with(".log")).map(|(_, bytes)| *bytes).sum()
}

#[test]
fn txn_14_txn_15_a_journal_that_is_compacted_under_load_tells_every_answer_over_kills() {
    let kills = number("OTTLA_KILL_ROUNDS", KILLS);
    let seed = number("OTTLA_KILL_SEED", now_ms() as u64);
    println!("OTTLA_KILL_SEED={seed} OTTLA_KILL_ROUNDS={kills}");
    let mut random = Random::new(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let mut clients: Vec<Known> = (0..CLIENTS).map(Known::of).collect();
    let life = Life::begin(directory.path(), port);
    find(&mut Connection::try_open_at(life.broker.address()).expect("a connection"), 1, "id-0");
    life.kill_when(&mut clients, |_, answered| answered >= BEFORE);
    let mut struck = 0;
    for round in 0..kills {
        let life = Life::begin(directory.path(), port);
        life.check(&mut clients);
        let (watch, least_ms) = (Stopwatch::start(), random.below(400) as u64);
        life.kill_when(&mut clients, |journal, _| {
            let past_ms = watch.elapsed_ms();
            past_ms >= least_ms && (is_being_compacted(journal) || past_ms > COMPACTION_MS_MAX)
        });
        let was_at_work = is_being_compacted(&directory.path().join("data/__transaction_state-0"));
        struck += u64::from(was_at_work);
        println!("round {round}: killed, in the middle of a compaction: {was_at_work}");
    }
    assert!(struck > 0, "no kill met a compaction");
    at_rest(Life::begin(directory.path(), port), &mut clients, port);
}

/// Compacted to the end, with the view up to date and without it.
fn at_rest(mut life: Life, clients: &mut [Known], port: u16) {
    life.check(clients);
    let bytes = eventually(20_000, "a short journal", || {
        let bytes = segments_bytes(&life.journal());
        (bytes < BYTES_MAX).then_some(bytes)
    });
    // In order: the view has all.
    life.broker.stop();
    let directory = life.directory.clone();
    let mut life = Life::begin(&directory, port);
    life.check(clients);
    let (rows, records) = life.last_load();
    println!("at rest {bytes} bytes; with the view {rows} rows and {records} records");
    assert!(rows == IDS as u64 && records < 1_000, "{rows} rows, {records} records");
    life.broker.kill();
    fs::remove_dir_all(life.view()).expect("the view is there");
    let mut life = Life::begin(&directory, port);
    life.check(clients);
    let (rows, records) = life.last_load();
    println!("without the view {records} records");
    assert!(rows == 0 && records < 10_000, "{rows} rows, {records} records: it is compacted");
    life.broker.stop();
}
